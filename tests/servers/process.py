"""One private server process: temporary directory, unprivileged user, log, start, stop, crash."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import IO, ClassVar, Self

HOST = "127.0.0.1"
PASSWORD = "correct-horse-7"
# Below Linux's ephemeral range (32768+), so no outgoing connection takes the port while its server restarts.
PORTS = range(20_000, 32_768)
START_TIMEOUT_S = 60.0
LOG_LINES_SHOWN = 40

Output = int | IO[bytes]


class ServerError(RuntimeError):
    """A server did not start or stop; the message ends with the last lines of its log."""


def free_port() -> int:
    """A random port nobody listens on; random because test runs may start side by side."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def unprivileged(*candidates: str) -> str | None:
    """The first existing of the given users, or None to stay who we are (not root).

    PostgreSQL and PgBouncer refuse to run as root, and a test server has no business there.
    """
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*candidates, "nobody") if name in names)


class Server(ABC):
    """A context manager around one process; start and stop may also be called by hand.

    setpriv(1) drops root and asks the kernel to signal the server when the thread that started it dies, so even a
    killed test run leaves no server. A preexec_fn would do the same, but forks Python, which DataFlow forbids.
    """

    name: ClassVar[str]
    users: ClassVar[tuple[str, ...]]
    abort_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self) -> None:
        self.host = HOST
        self.port = free_port()
        self.password = PASSWORD
        self._user = unprivileged(*self.users)
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _initialise(self) -> None:
        """Write data and configuration into the empty `directory`, before the first start."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The server in the foreground."""

    @abstractmethod
    def _check_ready(self) -> None:
        """Raise unless the server answers."""

    def _prepare(self) -> None:  # noqa: B027 - PgBouncer has nothing to do here
        """Make logins and databases, once, on the running server."""

    @property
    def directory(self) -> Path:
        """Data, socket and log; short, because a socket path ends at 107 bytes."""
        assert self._directory is not None, f"{self.name} is not started"
        return self._directory

    @property
    def log_path(self) -> Path:
        return self.directory / "server.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Initialise a new directory and return when the server answers."""
        self._directory = Path(tempfile.mkdtemp(prefix=f"dataflow-{self.name}-"))
        try:
            if self._user is not None:
                shutil.chown(self.directory, self._user)
            self._initialise()
            self._launch()
            self._prepare()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process and delete its data; it is private, so nothing is flushed for later."""
        self._abort()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def restart_immediate(self) -> None:
        """Crash the server and start it again on the same port: open transactions are lost, commits are not."""
        self._abort()
        self._launch()

    def _launch(self) -> None:
        with self.log_path.open("ab") as log:
            self._process = self._popen(self._command(), stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                return self._check_ready()
            except Exception as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise ServerError(f"{self.name} did not start: {error}\n{self._log_tail()}") from error
            time.sleep(0.02)

    def _abort(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(self.abort_signal)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _run(self, command: Sequence[str]) -> None:
        """A tool of the server (initdb), as the server's user."""
        tool = self._popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = tool.communicate()
        except BaseException:  # Ctrl-C: a script's children (mariadb-install-db) must not write on into our directory
            os.killpg(tool.pid, signal.SIGKILL)
            tool.communicate()
            raise
        if tool.returncode != 0:
            raise ServerError(f"{self.name}: {command[0]} failed\n{output.decode(errors='replace')}")

    def _popen(self, command: Sequence[str], stdout: Output, stderr: Output) -> subprocess.Popen[bytes]:
        prefix = ["setpriv", f"--pdeathsig={self.abort_signal.name.removeprefix('SIG')}"]
        if self._user is not None:
            group = pwd.getpwnam(self._user).pw_gid
            prefix += [f"--reuid={self._user}", f"--regid={group}", "--clear-groups"]
        # A new session keeps Ctrl-C for pytest; a bare environment keeps PGDATA, LANG and the like out.
        return subprocess.Popen(
            [*prefix, "--", *command],
            cwd=self.directory,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(self.directory)},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def _log_tail(self) -> str:
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])
