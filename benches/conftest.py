"""What every benchmark stands on: a release build, a private server with fixed settings, the standard rows."""

import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from benches.rows import standard_rows
from dataflow import _core
from tests.servers import PostgreSQL

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
def rows() -> pa.Table:
    """A million rows of the standard table, or as many as BENCH_ROWS says."""
    return standard_rows(int(os.environ.get("BENCH_ROWS", "1_000_000")))
