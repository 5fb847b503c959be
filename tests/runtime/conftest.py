"""A database for every test, not for every module: the programs count their rows."""

from pathlib import Path

import pytest

from tests.database import Database
from tests.servers import MariaDB, PostgreSQL


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database("sqlite", f"sqlite:///{tmp_path}/test.db")
    fixture = {"postgres": "postgres15"}.get(request.param, request.param)
    server: PostgreSQL | MariaDB = request.getfixturevalue(fixture)
    return Database(request.param, server.create_database(), server.admin_url)
