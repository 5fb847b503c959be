"""A program of `tests.runtime.programs` in a process of its own, under a watchdog."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

ROOT = Path(__file__).parents[2]
# faulthandler tells where a process died that was ended by a signal.
PYTHON = [sys.executable, "-X", "faulthandler", "-W", "ignore:dataflow._core is a debug build"]
CRASHES = ("Fatal Python error", "panicked at", "exception not rethrown", "Exception ignored in", "Exception in thread")


@dataclass(frozen=True)
class Ended:
    """How a program ended, and all that it wrote."""

    code: int
    output: str

    @property
    def story(self) -> Any:
        """The JSON on its last line."""
        return json.loads(self.output.splitlines()[-1])

    def check(self, code: int = 0) -> Self:
        """Fails unless it ended with `code` and without a trace of a crash."""
        assert self.code == code, f"exit code {self.code}, expected {code}\n{self.output}"
        found = [crash for crash in CRASHES if crash in self.output]
        assert not found, f"{found}\n{self.output}"
        return self


class Child:
    """`with Child("forking", "scene", url) as child:`; it is killed, and the test fails, when it is too slow."""

    def __init__(self, program: str, *arguments: object, timeout_s: float = 20) -> None:
        self._command = [*PYTHON, "-m", f"tests.runtime.programs.{program}", *map(str, arguments)]
        self._deadline = time.monotonic() + timeout_s

    def __enter__(self) -> Self:
        # A file, not a pipe: nothing to drain, and a kill loses nothing.
        self._output = tempfile.TemporaryFile(mode="w+b")
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=self._output, stderr=subprocess.STDOUT
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._output.close()

    @property
    def output(self) -> str:
        # `pread`: the place in the file is the program's, which writes there.
        file = self._output.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    def wait_for(self, word: str) -> None:
        """Returns when the program has written a line with nothing but `word`."""
        while word not in self.output.splitlines():
            if self._process.poll() is not None:
                pytest.fail(f"ended with {self._process.returncode} before it said {word!r}\n{self.output}")
            self._check_time(f"did not say {word!r}")
            time.sleep(0.005)

    def tell(self, word: str) -> None:
        """Writes a line for the program's `listen`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def interrupt(self) -> float:
        """Sends Ctrl-C and returns when that was."""
        self._process.send_signal(signal.SIGINT)
        return time.monotonic()

    def is_asleep(self) -> bool:
        """Whether its main thread waits for something."""
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        self._process.kill()
        self._process.wait(timeout=5)

    def end(self) -> Ended:
        """Waits for the end of the process."""
        while self._process.poll() is None:
            self._check_time("did not end")
            time.sleep(0.005)
        return Ended(self._process.returncode, self.output)

    def _check_time(self, what: str) -> None:
        if time.monotonic() > self._deadline:
            self._process.send_signal(signal.SIGABRT)  # faulthandler writes the stacks of all threads
            self._process.wait(timeout=5)
            pytest.fail(f"the program {what} in time\n{self.output}")


def run(program: str, *arguments: object, timeout_s: float = 20) -> Ended:
    """Runs a program to its end."""
    with Child(program, *arguments, timeout_s=timeout_s) as child:
        return child.end()
