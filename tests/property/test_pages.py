"""Pages put together are the list in one read, whatever the order: random lists, a failure prints its seed."""

from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.conftest import FaultScale
from tests.database import Database
from tests.integration.fresh import fresh
from tests.property import pages
from tests.property.pages import ENDLESS, PAGERS, Listing, Pager, SharedSheet, Sheet

ROWS, LISTS = 60, 8


def fill(db: DataFlow, random: Random, model: type[Any], endless: list[float]) -> tuple[Table[Any], list[Any]]:
    """A table of rows, some of which are deleted where that is soft, beside those of another tenant."""
    table, rows = fresh(db, model), pages.rows(random, ROWS, endless)
    table.bulk_create(rows)
    if model is SharedSheet:
        with db.tenant("other"):
            table.bulk_create(pages.rows(random, ROWS, endless))
        table.bulk_delete(keys=[(row["part"], row["no"]) for row in random.sample(rows, ROWS // 4)])
    return table, rows


def differences(db: DataFlow, kind: str, seed: int, rounds: int, pagers: list[Pager]) -> tuple[list[str], int]:
    """Where pages differ from the list in one read, or that from Python's order; and how many pages were looked at."""
    random, found, looked = Random(seed), list[str](), 0
    for number in range(rounds):
        with db.tenant("own"):
            table, rows = fill(db, random, [Sheet, SharedSheet][number % 2], ENDLESS[kind])
            stored = {(row["part"], row["no"]): row for row in rows}
            for _ in range(LISTS):
                listing = Listing.random(random)
                expected = pages.keys(listing, listing.page(table, limit=None))
                where = f"seed {seed}, round {number}: {listing}"
                matching = listing._replace(distinct=None).page(table, ["part", "no"], limit=None)
                if expected != listing.sorted([stored[row.part, row.no] for row in matching]):
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
def test_pages_are_the_list_in_one_read(database: Database, db: DataFlow, fault_scale: FaultScale) -> None:
    seed = SystemRandom().randrange(2**32)
    rounds = fault_scale.pick(fast=4, full=200)
    found, looked = differences(db, database.kind, seed, rounds, PAGERS)
    print(f"seed {seed}: {looked} ways through {rounds * LISTS} lists")
    assert not found, f"{len(found)} in one round of {LISTS}:\n" + "\n".join(found[:3])
    assert looked == rounds * LISTS * len(PAGERS)


WRONG = [pages.loses_nulls, pages.sees_ties_once, pages.passes_over_one, pages.sees_deleted_rows]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_pager_that_is_wrong_is_caught(db: DataFlow, wrong: Pager) -> None:
    found, _ = differences(db, "sqlite", 7, 4, [wrong])
    assert found
    assert all(wrong.__name__ in difference for difference in found)
