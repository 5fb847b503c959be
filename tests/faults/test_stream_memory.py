"""Streams of many rows: their memory is bounded, however many rows there are."""

import json
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow
from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.generated import Generated, batches


@pytest.fixture(scope="module")
def count(database: Database, fault_scale: FaultScale) -> int:
    """How many rows there are, of a KiB each."""
    wanted = fault_scale.pick(fast=200_000, full=1_000_000)
    with closing(DataFlow(database.url)) as db:
        db.table(db.model(Generated)).bulk_create(batches(wanted))
    return wanted


def read_apart(database: Database, count: int, form: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.streamed", database.url, str(count), form]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    print(told)
    assert told["rows"] == count
    return told


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("form", ["rows", "arrow", "unindexed"])
def test_memory_does_not_grow_with_the_rows(database: Database, count: int, form: str) -> None:
    told = read_apart(database, count, form)
    assert told["growth_mib"] <= 64
    # Flat: what the first half took is enough for the second.
    assert told["second_half_mib"] < 10


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_list_of_all_rows_is_seen_to_grow(database: Database, count: int) -> None:
    assert read_apart(database, count, "list")["growth_mib"] > 64
