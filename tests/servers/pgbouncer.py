"""A private PgBouncer (Debian's 1.18) in transaction mode before a private PostgreSQL."""

import shutil
import signal
from collections.abc import Sequence
from urllib.parse import urlsplit

import psycopg

from tests.servers.postgres import PostgreSQL
from tests.servers.process import Server

# Transaction mode without support for prepared statements (that came with 1.21): the hardest case for a client.
CONFIGURATION = """\
[databases]
* = host={server.host} port={server.port}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir = {directory}
auth_type = scram-sha-256
auth_file = {directory}/users.txt
admin_users = dataflow_admin
pool_mode = transaction
default_pool_size = 20
max_client_conn = 500
"""


class PgBouncer(Server):
    """The logins of its PostgreSQL, by another port; `admin_url` is the console (SHOW POOLS), not a database."""

    name = "pgbouncer"
    users = ("postgres",)
    abort_signal = signal.SIGTERM

    def __init__(self, server: PostgreSQL) -> None:
        super().__init__()
        self._server = server

    @property
    def url(self) -> str:
        return self._by_this_port(self._server.url)

    @property
    def admin_url(self) -> str:
        return f"postgresql://dataflow_admin:{self.password}@{self.host}:{self.port}/pgbouncer"

    def create_database(self) -> str:
        """The URL, through this PgBouncer, of a new empty database."""
        return self._by_this_port(self._server.create_database())

    def _by_this_port(self, url: str) -> str:
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.username}:{parts.password}@{self.host}:{self.port}").geturl()

    def _initialise(self) -> None:
        users = "".join(f'"{login}" "{self.password}"\n' for login in ("dataflow", "dataflow_admin"))
        (self.directory / "users.txt").write_text(users)
        text = CONFIGURATION.format(server=self._server, host=self.host, port=self.port, directory=self.directory)
        (self.directory / "pgbouncer.ini").write_text(text)
        for name in ("users.txt", "pgbouncer.ini"):
            (self.directory / name).chmod(0o644)

    def _command(self) -> Sequence[str]:
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        return [program or "pgbouncer", "--quiet", f"{self.directory}/pgbouncer.ini"]

    def _check_ready(self) -> None:
        psycopg.connect(self.url, connect_timeout=5).close()
