"""Pages put together are the list in one read, whatever the order: random lists, a failure prints its seed."""

from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.conftest import FaultScale
from tests.integration.fresh import fresh
from tests.property import pages
from tests.property.pages import PAGERS, Listing, Pager, Sheet

ROWS, LISTS = 60, 8


def differences(db: DataFlow, seed: int, rounds: int, pagers: list[Pager]) -> tuple[list[str], int]:
    """Where pages differ from the list in one read, or that from Python's order; and how many pages were looked at."""
    random, found, looked = Random(seed), [], 0
    for number in range(rounds):
        table: Table[Any] = fresh(db, Sheet)
        rows = pages.rows(random, ROWS)
        table.bulk_create(rows)
        for _ in range(LISTS):
            listing = Listing.random(random)
            all_rows = table.list(listing.filter, order_by=listing.order, limit=None)
            expected, stored = pages.keys(all_rows), {(row["part"], row["no"]): row for row in rows}
            where = f"seed {seed}, round {number}: {listing}"
            if expected != listing.sorted([stored[key] for key in expected]):
                found.append(f"{where}: not in Python's order: {expected}")
            for pager in pagers:
                try:
                    got = pager(table, listing, random)
                except (errors.DataFlowError, AssertionError) as error:
                    error.add_note(where)
                    raise
                looked += 1
                if got != expected:
                    found.append(f"{where}: {pager.__name__} got {got}, expected {expected}")
        if found:
            break
    return found, looked


@pytest.mark.parametrize("database", ["postgres", "postgres18", "mariadb", "sqlite"], indirect=True)
def test_pages_are_the_list_in_one_read(db: DataFlow, fault_scale: FaultScale) -> None:
    seed = SystemRandom().randrange(2**32)
    rounds = fault_scale.pick(fast=4, full=200)
    found, looked = differences(db, seed, rounds, PAGERS)
    print(f"seed {seed}: {looked} ways through {rounds * LISTS} lists")
    assert not found, f"{len(found)} in one round of {LISTS}:\n" + "\n".join(found[:3])
    assert looked == rounds * LISTS * len(PAGERS)


@pytest.mark.parametrize("wrong", [pages.loses_nulls, pages.sees_ties_once, pages.passes_over_one])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_pager_that_is_wrong_is_caught(db: DataFlow, wrong: Pager) -> None:
    found, _ = differences(db, 7, 4, [wrong])
    assert found
    assert all(wrong.__name__ in difference for difference in found)
