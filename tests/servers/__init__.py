"""Private database servers for the tests: own data, own ports, unprivileged, gone at the end.

A server that already runs on this machine is never used, so a test may do anything to its server.
"""

from tests.servers.mariadb import MariaDB
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import DEBIAN_BINDIR, PostgreSQL, embedded_bindir
from tests.servers.process import Server, ServerError

__all__ = ["DEBIAN_BINDIR", "MariaDB", "PgBouncer", "PostgreSQL", "Server", "ServerError", "embedded_bindir"]
