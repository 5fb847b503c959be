"""A private MariaDB (Debian's 10.11) with a row binlog and the server's own default character set."""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pymysql
from pymysql.connections import Connection

from tests.servers.addresses import DatabaseServer

SETTINGS = {
    "bind-address": "127.0.0.1",
    "max-connections": "300",
    "local-infile": "ON",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-metadata": "FULL",
    "server-id": "1",
    # To the file system, not to the disk: a killed server keeps its commits, a cut power line would not.
    "innodb-flush-log-at-trx-commit": "2",
}


class MariaDB(DatabaseServer):
    """Admin login `dataflow_admin`, plain login `dataflow` with all privileges on the database `dataflow`."""

    name = "mariadb"
    users = ("mysql",)

    def __init__(self) -> None:
        super().__init__()
        self._admin = ("root", "")  # what mariadb-install-db makes; `_prepare` replaces it

    @property
    def socket_path(self) -> Path:
        return self.directory / "mariadb.sock"

    def _initialise(self) -> None:
        flags = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        # A server that starts removes the temporary tables it finds, in /tmp also those of another one.
        places = [f"--datadir={self.directory}/data", f"--tmpdir={self.directory}"]
        self._run(["mariadb-install-db", "--no-defaults", *places, *flags])

    def _command(self) -> Sequence[str]:
        settings = SETTINGS | {
            "datadir": f"{self.directory}/data",
            "tmpdir": str(self.directory),
            "socket": str(self.socket_path),
            "pid-file": f"{self.directory}/mariadb.pid",
            "port": str(self.port),
        }
        flags = [f"--{name}={value}" for name, value in settings.items()]
        program = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        return [program or "mariadbd", "--no-defaults", "--skip-name-resolve", *flags]

    def _check_ready(self) -> None:
        with socket.socket(socket.AF_UNIX) as probe:  # PyMySQL leaks its own socket when this fails
            probe.connect(str(self.socket_path))
        self._connect().close()

    def _prepare(self) -> None:
        self._execute(
            f"CREATE USER dataflow_admin IDENTIFIED BY '{self.password}'",
            "GRANT ALL ON *.* TO dataflow_admin WITH GRANT OPTION",
            f"CREATE USER dataflow IDENTIFIED BY '{self.password}'",
        )
        self._admin = ("dataflow_admin", self.password)
        # Not only root@localhost: the installer also makes root at 127.0.0.1, ::1 and the host's name, all open.
        self._execute("DELETE FROM mysql.global_priv WHERE user IN ('', 'root')", "FLUSH PRIVILEGES")
        self._create_database("dataflow")

    def _create_database(self, database: str) -> None:
        self._execute(f"CREATE DATABASE {database}", f"GRANT ALL ON {database}.* TO dataflow")

    def _execute(self, *statements: str) -> None:
        with self._connect() as admin, admin.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _connect(self) -> Connection:
        user, password = self._admin
        return pymysql.connect(unix_socket=str(self.socket_path), user=user, password=password, autocommit=True)

    def _url(self, login: str, database: str) -> str:
        return f"mysql://{login}:{self.password}@{self.host}:{self.port}/{database}"
