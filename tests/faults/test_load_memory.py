"""Loads of generated rows: their memory is bounded, however many rows there are."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FaultScale
from tests.database import Database

PROGRAM = Path(__file__).with_name("generated.py")


def load_apart(database: Database, count: int, form: str) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", str(PROGRAM), database.url, str(count), form]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    print(told)
    assert told["rows"] == count
    return told


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_memory_does_not_grow_with_the_rows(database: Database, fault_scale: FaultScale) -> None:
    few = 2_000_000 if database.kind == "sqlite" else 1_000_000
    told = load_apart(database, fault_scale.pick(fast=few, full=10_000_000), "rows")
    assert told["growth_mib"] <= 64
    # Flat: what the first half took is enough for the second.
    assert told["second_half_mib"] < 10


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", ["reader", "table"])
def test_memory_does_not_grow_with_wide_arrow(database: Database, form: str) -> None:
    """apache/arrow-adbc#1921: all of a table stood in one buffer, whose length overflowed.

    Here it is 300 MiB, which as Arrow and as statements would be 600.
    """
    assert load_apart(database, 300_000, form)["growth_mib"] < 200
