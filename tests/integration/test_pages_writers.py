"""Pages while others write: rows that are there throughout come once each, whatever comes and goes between."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random, SystemRandom
from threading import Event
from typing import Any

import pytest

from dataflow import DataFlow, Table
from tests.integration.fresh import fresh

STAYERS, WRITERS, WALKS = 150, 4, 10
ORDERS = [[], ["-group", "name"], ["group", "-id"], ["name"], ["-name", "-id"]]
Walk = Callable[[Table[Any], list[str], int], list[int]]


class Item:
    stays: bool
    group: int | None
    name: str


def item(random: Random, stays: bool) -> dict[str, Any]:
    return {"stays": stays, "group": random.choice([None, *range(5)]), "name": random.choice("abcdefgh")}


def forward(table: Table[Any], order: list[str], limit: int) -> list[int]:
    """The ids of the rows that stay, page by page."""
    page = table.list(order_by=order, limit=limit)
    found = [row.id for row in page if row.stays]
    while page.next is not None:
        page = table.list(order_by=order, limit=limit, after=page.next)
        found += [row.id for row in page if row.stays]
    return found


def backward(table: Table[Any], order: list[str], limit: int) -> list[int]:
    """As `forward`, from the last page."""
    last = table.list(order_by=order, limit=1)
    while last.next is not None:
        last = table.list(order_by=order, limit=200, after=last.next)
    found = [row.id for row in last if row.stays]
    while last.previous is not None:
        last = table.list(order_by=order, limit=limit, before=last.previous)
        found = [row.id for row in last if row.stays] + found
    return found


def by_offset(table: Table[Any], order: list[str], limit: int) -> list[int]:
    """The control: what comes before the page moves it."""
    found: list[int] = []
    for offset in itertools.count(0, limit):
        page = table.list(order_by=order, limit=limit, offset=offset)
        found += [row.id for row in page if row.stays]
        if len(page) < limit:
            return found
    raise AssertionError


def walk_while_others_write(db: DataFlow, seed: int, walk: Walk, walks: int) -> tuple[list[str], int]:
    """What each walk that went wrong has lost or doubled, and how many rows came and went meanwhile."""
    table, random = fresh(db, Item), Random(seed)
    rows = [item(random, stays=at % 2 == 0) for at in range(2 * STAYERS)]
    table.bulk_create(rows)
    ended, wrote = Event(), [0] * WRITERS

    def write(number: int) -> None:
        random = Random(seed + number)
        while not ended.is_set():
            made = table.bulk_create([item(random, stays=False) for _ in range(20)], return_rows=True).rows
            assert made is not None
            table.bulk_delete(keys=[row.id for row in made])
            wrote[number] += len(made)

    found: list[str] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            # As many walks as asked for, and as long as the writers need to have been at work.
            for number in itertools.count():
                if number >= walks and sum(wrote) > walks * WRITERS * 5:
                    break
                order, limit = ORDERS[number % len(ORDERS)], random.randint(5, 40)
                expected = [row.id for row in table.list({"stays": True}, order_by=order, limit=None)]
                got = walk(table, order, limit)
                if got != expected:
                    lost, more = set(expected) - set(got), len(got) - len(set(got))
                    found.append(f"seed {seed}, {order}, {limit}: {len(lost)} lost, {more} doubled")
        finally:
            ended.set()
        for writer in writers:
            writer.result(60)
    return found, sum(wrote)


@pytest.mark.parametrize("walk", [forward, backward])
def test_rows_that_stay_come_once(db: DataFlow, walk: Walk) -> None:
    seed = SystemRandom().randrange(2**32)
    found, wrote = walk_while_others_write(db, seed, walk, WALKS)
    print(f"seed {seed}: {wrote} rows came and went")
    assert found == []
    assert wrote > WALKS * WRITERS * 5


def test_pages_by_offset_are_caught(db: DataFlow) -> None:
    found, _ = walk_while_others_write(db, 11, by_offset, WALKS)
    assert found
