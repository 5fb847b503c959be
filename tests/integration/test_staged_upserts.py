"""Upserts of many rows that MariaDB decides by itself, from the staging table, and where it may not."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Table, Unique, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh, subclass
from tests.integration.test_direct_writes import counts
from tests.integration.test_events import Log
from tests.integration.test_load_data import forms
from tests.integration.triggers import count_inserts

pytestmark = pytest.mark.parametrize("database", ["mariadb"], indirect=True)

MANY = 3_000
WRITERS = 4


class Stock:
    __dataflow__: dict[str, Any] = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    qty: int = 1
    note: str | None = None


class Timed(Stock):
    __dataflow__ = Stock.__dataflow__ | {"timestamps": True}


class Shared(Stock):
    __dataflow__ = Stock.__dataflow__ | {"multi_tenant": True}


class Bounded(Stock):
    __dataflow__ = Stock.__dataflow__ | {"checks": {"some": {"qty": {"$gt": 0}}}}


class Numbered:
    qty: int = 1
    note: str | None = None


class Named(Stock):
    name: Annotated[str, MaxLength(10), Unique()] | None = None


def rows(first: int, end: int, **values: Any) -> list[dict[str, Any]]:
    return [{"code": f"k{at:05}", "qty": at, "note": None, **values} for at in range(first, end)]


def shuffled(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return Random(7).sample(given, len(given))


def decides(db: DataFlow, table: Table[Any], write: Callable[[], Any]) -> bool:
    """Whether the rows were written without being read."""
    log = Log(db, "statement")
    write()
    sent = forms(log, 5, "upsert")
    assert sent in ([], ["CREATE TEMPORARY", "LOAD DATA", "INSERT INTO"]), sent
    return bool(sent)


def test_each_row_is_counted_and_stored(db: DataFlow) -> None:
    table = fresh(db, Stock)
    table.bulk_create(rows(0, MANY))
    given = rows(500, 1_000) + rows(1_000, MANY, note="\tx\\N") + rows(MANY, MANY + 700)
    result = table.bulk_upsert(shuffled(given))
    assert counts(result) == {"unchanged": 500, "updated": MANY - 1_000, "inserted": 700}
    stored = [(row.code, row.qty, row.note) for row in table.list(limit=None)]
    assert stored == [tuple(row.values()) for row in rows(0, 500) + given]
    assert counts(table.bulk_upsert(given)) == {"unchanged": MANY + 200}
    assert decides(db, table, lambda: table.bulk_upsert(given))


def test_texts_are_compared_byte_by_byte(db: DataFlow) -> None:
    table = fresh(db, Stock)
    table.bulk_create(rows(0, MANY, note="a "))
    assert counts(table.bulk_upsert(rows(0, MANY, note="A"))) == {"updated": MANY}
    assert counts(table.bulk_upsert(rows(0, MANY, note="A "))) == {"updated": MANY}
    upper = [{**row, "code": row["code"].upper()} for row in rows(0, MANY)]
    assert counts(table.bulk_upsert(upper)) == {"inserted": MANY}


def test_rows_that_are_there_are_left_alone_on_request(db: DataFlow) -> None:
    table = fresh(db, Stock)
    table.bulk_create(rows(0, MANY))
    given = rows(100, MANY + 100, note="new")
    assert counts(table.bulk_upsert(given, on_conflict="ignore")) == {"ignored": MANY - 100, "inserted": 100}
    assert table.count({"note": "new"}) == 100


def test_only_the_fields_named_are_written_over(db: DataFlow) -> None:
    table = fresh(db, Stock)
    table.bulk_create(rows(0, MANY, note="old"))
    result = table.bulk_upsert(rows(0, MANY + 1, qty=0, note="new"), update_fields=["qty"])
    assert counts(result) == {"unchanged": 1, "updated": MANY - 1, "inserted": 1}
    assert (table.count({"note": "old"}), table.count({"qty": 0})) == (MANY, MANY + 1)


def test_only_rows_that_differ_get_a_new_time(db: DataFlow) -> None:
    table = fresh(db, Timed)
    table.bulk_create(rows(0, MANY))
    before = {row.code: (row.created_at, row.updated_at) for row in table.list(limit=None)}
    given = rows(0, MANY // 2) + rows(MANY // 2, MANY, qty=-1)
    assert decides(db, table, lambda: table.bulk_upsert(given))
    for at, row in enumerate(table.list(limit=None)):
        created, updated = before[row.code]
        assert row.created_at == created
        assert (row.updated_at > updated) == (at >= MANY // 2)


def test_a_tenant_meets_only_its_own_rows(db: DataFlow) -> None:
    table = fresh(db, Shared)
    for tenant, already in (("a", 0), ("b", MANY)):
        with db.tenant(tenant):
            assert counts(table.bulk_upsert(rows(0, MANY))) == {"inserted": MANY}
            assert table.count() == MANY, already
    with db.tenant("b"):
        assert counts(table.bulk_upsert(rows(0, MANY, note="mine"))) == {"updated": MANY}
    with db.tenant("a"):
        assert table.count({"note": "mine"}) == 0


def test_a_generator_of_keys_stands_above_those_given(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    given = [{"id": at, "qty": at} for at in range(MANY)]
    assert decides(db, table, lambda: table.bulk_upsert(given))
    assert (table.read(0).qty, table.create(qty=5).id) == (0, MANY)


@pytest.mark.parametrize("inside", [False, True])
def test_a_refused_row_is_told_and_leaves_nothing(db: DataFlow, inside: bool) -> None:
    table = fresh(db, Bounded)
    table.bulk_create([{"code": "first"}])
    given = rows(1, MANY)
    bare_rows = [{**row, "qty": -1} if row["code"] == "k00777" else row for row in given]

    def write() -> None:
        if inside:
            with db.transaction():
                table.bulk_upsert(bare_rows)
        else:
            table.bulk_upsert(bare_rows)

    with pytest.raises(errors.CheckViolationError) as caught:
        write()
    assert (caught.value.path, table.count()) == ("data[776].qty", 1)
    assert counts(table.bulk_upsert(given)) == {"inserted": MANY - 1}


def test_several_in_one_transaction(db: DataFlow) -> None:
    table = fresh(db, Stock)
    with db.transaction():
        assert counts(table.bulk_upsert(rows(0, MANY))) == {"inserted": MANY}
        assert counts(table.bulk_upsert(rows(0, MANY, note="b"))) == {"updated": MANY}
    assert table.count({"note": "b"}) == MANY


def test_a_table_with_something_else_unique_is_read(db: DataFlow) -> None:
    """The server would write over the row that has the name, whatever its key."""
    table = fresh(db, Named)
    table.bulk_create([{"code": "other", "name": "n5"}])
    given = [{**row, "name": f"n{at}"} for at, row in enumerate(rows(0, MANY))]
    with pytest.raises(errors.UniqueViolationError):
        table.bulk_upsert(given)
    assert [row.code for row in table.list()] == ["other"]
    given[5]["name"] = "free"
    assert not decides(db, table, lambda: table.bulk_upsert(given))


CHANGES = {
    "an index that no model tells of": 'CREATE UNIQUE INDEX "more" ON "{}" ("qty")',
    "a collation without case": 'ALTER TABLE "{}" MODIFY "code" varchar(10) COLLATE utf8mb4_general_ci NOT NULL',
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("used", ["before", "after", "with a column more"])
def test_a_row_never_meets_another_by_anything_else(database: Database, change: str, used: str) -> None:
    """The change may be there before the first use, come later, or stand in a table that lacks a field."""
    model = subclass(Stock)
    with DataFlow(database.url) as db:
        table = db.table(db.model(model))
        table.bulk_create([{"code": "K00005", "qty": 5}])
        if used == "after":
            bare.execute(database, change.format(table._model.table))
            with pytest.raises(errors.UniqueViolationError):
                table.bulk_upsert(rows(0, MANY))
            assert [(row.code, row.qty) for row in table.list()] == [("K00005", 5)]
            return
        bare.execute(database, change.format(table._model.table))
    if used == "with a column more":
        more: Any = {"__annotations__": {"more": "int | None"}, "more": None, "__module__": __name__}
        model = type(model.__name__, (model,), more)
    with DataFlow(database.url) as db:
        table = db.table(db.model(model))
        with pytest.raises(errors.UniqueViolationError):
            table.bulk_upsert(rows(0, MANY))
        assert [(row.code, row.qty) for row in table.list()] == [("K00005", 5)]


@pytest.mark.parametrize("count", [1, 20, MANY])
def test_a_trigger_of_new_rows_sees_no_others(database: Database, count: int) -> None:
    model = subclass(Stock)
    with DataFlow(database.url) as db:
        table = db.table(db.model(model))
        table.bulk_create(rows(0, count))
        log = count_inserts(database, table._model.table, column="qty")
    with DataFlow(database.url) as db:
        table = db.table(db.model(model))
        result = table.bulk_upsert(rows(0, count + 2, note="x"))
        assert counts(result) == {"updated": count, "inserted": 2}
        assert counts(table.bulk_update(data=rows(0, count, note="y"))) == {"updated": count}
        assert table.update("k00000", {"note": "z"}).note == "z"
        assert table.upsert({"code": "k00000", "note": "zz"}).note == "zz"
    assert sorted(bare.execute(database, f'SELECT * FROM "{log}"')) == [(count,), (count + 1,)]


def test_overlapping_writers_wait_for_each_other(database: Database) -> None:
    """No error reaches anyone, every row is some writer's whole, and each is new to one of them."""
    model = subclass(Stock)
    with ExitStack() as stack:
        flows = [stack.enter_context(DataFlow(database.url, pool_size=1)) for _ in range(WRITERS)]
        tables: list[Any] = [flow.table(flow.model(model)) for flow in flows]
        tables[0].count()

        def work(number: int) -> int:
            random, inserted = Random(number), 0
            for turn in range(6):
                codes = random.sample(range(8_000), 2_000)
                given = [{"code": f"k{code:05}", "qty": number, "note": f"{number} {turn}"} for code in codes]
                result = tables[number].bulk_upsert(given)
                assert result.inserted + result.updated == len(given)
                inserted += result.inserted
            return inserted

        with ThreadPoolExecutor(WRITERS) as pool:
            inserted = sum(pool.map(work, range(WRITERS)))
        stored = tables[0].list(limit=None)
        assert inserted == len(stored)
        assert all(row.note.split()[0] == str(row.qty) for row in stored)
