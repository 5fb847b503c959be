"""Servers and databases as fixtures. Servers start when first asked for and end with the run."""

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.database import Database
from tests.servers import MariaDB, PgBouncer, PostgreSQL, embedded_bindir

if TYPE_CHECKING:
    from dataflow import DataFlow

pytest_plugins = ["tests.policy"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", choices=("fast", "full"), default="fast", help="how many faults the fault tests plant")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    # SIGTERM like Ctrl-C: fixtures are torn down, so servers and their data go. A shell has commands in its background
    # ignore Ctrl-C, which tests send to this process and to its children.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A failure prints the blob that replays it; databases are too slow for a deadline an example.
    settings.register_profile("dataflow", print_blob=True, deadline=None)
    settings.load_profile("dataflow")


def pytest_report_header(config: pytest.Config) -> str:
    return f"dataflow: --faults={config.getoption('faults')}"


@dataclass(frozen=True)
class FaultScale:
    """How many faults to plant: few in `make test`, all in `make faults`."""

    full: bool

    def pick(self, *, fast: int, full: int) -> int:
        return full if self.full else fast


@pytest.fixture(scope="session")
def fault_scale(request: pytest.FixtureRequest) -> FaultScale:
    return FaultScale(full=request.config.getoption("faults") == "full")


@pytest.fixture(scope="session")
def postgres15() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def postgres18() -> Iterator[PostgreSQL]:
    with PostgreSQL(embedded_bindir()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres15: PostgreSQL) -> Iterator[PgBouncer]:
    with PgBouncer(postgres15) as server:
        yield server


@pytest.fixture(scope="module", params=["postgres", "mariadb", "sqlite"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database of its own for every test module, once for each kind.

    `@pytest.mark.parametrize("database", [...], indirect=True)` chooses others, also "postgres18" and "pgbouncer".
    """
    match request.param:
        case "sqlite":
            paths: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
            return Database("sqlite", f"sqlite:///{paths.mktemp('sqlite')}/test.db")
        case "mariadb":
            mariadb: MariaDB = request.getfixturevalue("mariadb")
            return Database("mariadb", mariadb.create_database(), mariadb.admin_url)
        case name:
            fixture = {"postgres": "postgres15"}.get(name, name)
            server: PostgreSQL | PgBouncer = request.getfixturevalue(fixture)
            return Database("postgres", server.create_database(), server.admin_url)


@pytest.fixture
def db(database: Database) -> "Iterator[DataFlow]":
    """A DataFlow on `database`, closed when the test ends."""
    from dataflow import DataFlow

    with closing(DataFlow(database.url)) as flow:
        yield flow
