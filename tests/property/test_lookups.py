"""Random pipelines with `$lookup` give the rows that plain Python gives, with and without tenants."""

from collections import Counter
from random import Random, SystemRandom
from typing import Any

import pytest

from dataflow import DataFlow
from tests.database import Database
from tests.integration.library import model
from tests.property.lookups import Maker, Row, Source

ROUNDS, PIPELINES = 6, 60
SHOPS = {"id": "int", "place": "int", "size": "int", "name": "text"}
ITEMS = {"id": "int", "shop": "int", "stock": "int", "label": "text"}


def shops(random: Random, first: int = 1) -> list[Row]:
    def row(at: int) -> Row:
        place = random.choice([None, 1, 2, 3])
        return {"id": at, "place": place, "size": random.randrange(5), "name": random.choice("abc")}

    return [row(first + at) for at in range(6)]


def items(random: Random, first: int = 1) -> list[Row]:
    def row(at: int) -> Row:
        shop = random.choice([None, 1, 2, 3, 4, 9])
        return {"id": at, "shop": shop, "stock": random.randrange(5), "label": random.choice("xyz")}

    return [row(first + at) for at in range(8)]


def tables(db: DataFlow) -> tuple[Any, Any]:
    shop = model("Shop", {"id": int, "place": int | None, "size": int, "name": str}, place=None)
    item = model("Item", {"id": int, "shop": int | None, "stock": int, "label": str}, shop=None)
    return db.table(db.model(shop)), db.table(db.model(item))


@pytest.mark.parametrize("has_tenants", [False, True], ids=["alone", "tenant"])
def test_lookups_are_what_plain_python_makes_of_them(database: Database, has_tenants: bool) -> None:
    seed = SystemRandom().randrange(2**32)
    print(f"seed {seed}, {ROUNDS} rounds of {PIPELINES} pipelines")
    random, used, telling = Random(seed), Counter[str](), 0
    with DataFlow(database.url, multi_tenant=has_tenants) as db:
        for _ in range(ROUNDS):
            shop, item = tables(db)
            with db.tenant("other"):
                if has_tenants:
                    shop.bulk_create(shops(random, 100))
                    item.bulk_create(items(random, 100))
            with db.tenant("own"):
                sources = [
                    Source(shop._model.name, shops(random), SHOPS),
                    Source(item._model.name, items(random), ITEMS),
                ]
                for table, source in zip((shop, item), sources, strict=True):
                    table.bulk_create(source.rows)
                for _ in range(PIPELINES):
                    at = random.randrange(2)
                    maker = Maker(random, sources, sources[at])
                    pipeline = maker.make(8)
                    got, expected = list((shop, item)[at].aggregate(pipeline)), maker.result()
                    assert got == expected, f"seed {seed}: {pipeline}"
                    used.update(name for stage in pipeline for name in stage)
                    telling += bool(expected) and any("$lookup" in stage for stage in pipeline)
    assert set(used) == {
        "$lookup",
        "$unwind",
        "$match",
        "$sort",
        "$limit",
        "$skip",
        "$project",
        "$set",
        "$group",
        "$unionWith",
    }
    assert telling > ROUNDS * PIPELINES // 3, telling


def test_what_is_found_wrongly_is_told(database: Database) -> None:
    """A control: rows of plain Python that miss one of a lookup differ from those of the database."""
    random = Random(7)
    with DataFlow(database.url) as db:
        shop, item = tables(db)
        sources = [Source(shop._model.name, shops(random), SHOPS), Source(item._model.name, items(random), ITEMS)]
        shop.bulk_create(sources[0].rows)
        item.bulk_create([row for row in sources[1].rows if row["id"] != 3])
        differ = 0
        for _ in range(60):
            maker = Maker(random, sources, sources[0])
            pipeline = maker.make(8)
            differ += list(shop.aggregate(pipeline)) != maker.result()
        assert differ > 5
