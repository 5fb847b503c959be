"""What every benchmark stands on: a release build, a private server with fixed settings, the standard rows."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pymysql
import pytest

from benches.rows import standard_rows
from dataflow import _core
from tests.servers import MariaDB, PostgreSQL

MARIADB_SETTINGS = {
    "innodb_buffer_pool_size": 1 << 30,
    "innodb_log_file_size": 1 << 30,
    "innodb_flush_log_at_trx_commit": 1,
}
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "synchronous_commit": "on"}


def pytest_configure(config: pytest.Config) -> None:
    if _core.DEBUG_BUILD:
        raise pytest.UsageError("benchmarks need a release build: run `make bench`")


def pytest_report_header() -> list[str]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    return [
        f"dataflow {_core.__version__} (release) at {commit.stdout.strip() or '?'}, {platform.python_implementation()} "
        f"{platform.python_version()}, {os.cpu_count()} cores,{model.partition(':')[2]}"
    ]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """PostgreSQL 15 with fsync on and the settings above."""
    with PostgreSQL(fsync=True) as server:
        with psycopg.connect(server.admin_url, autocommit=True) as admin:
            for name, value in SETTINGS.items():
                admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        server.restart_immediate()
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """MariaDB 10.11 with every commit on the disk and the settings above."""
    with MariaDB() as server:
        parts = urlsplit(server.admin_url)
        login = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password}
        with closing(pymysql.connect(**login)) as admin, admin.cursor() as cursor:
            for name, value in MARIADB_SETTINGS.items():
                cursor.execute(f"SET GLOBAL {name} = {value}")
        yield server


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    """A million rows of the standard table; BENCH_ROWS=10000 tries a benchmark out."""
    return standard_rows(int(os.environ.get("BENCH_ROWS", "1000000")))
