"""Upserts and updates that PostgreSQL decides by itself: in how few statements, and what is refused or contended."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration import bare, triggers
from tests.integration.fresh import fresh, subclass
from tests.integration.statements import Statements

WRITERS = 6


class Stock:
    __dataflow__ = {"key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    qty: int = 1
    note: str | None = None


class Numbered:
    name: str
    qty: int = 1


class Named(Stock):
    name: Annotated[str, MaxLength(10), Unique()] | None = None


def counts(result: Any) -> dict[str, int]:
    return {name: count for name, count in result.items() if count and "second" not in name}


def rows(first: int, end: int, **values: Any) -> list[dict[str, Any]]:
    return [{"code": f"k{at:05}", **values} for at in range(first, end)]


def test_an_upsert_is_one_statement_where_the_server_decides(db: DataFlow, database: Database) -> None:
    table = fresh(db, Stock)
    statements = Statements(db)
    statements.of(table)
    direct = database.kind == "postgres"
    assert counts(table.bulk_upsert(rows(0, 20, qty=2))) == {"inserted": 20}
    told = statements.of(table)
    assert not direct or told == ["upsert"]
    given = rows(10, 15, qty=2) + rows(15, 30, qty=3)
    assert counts(table.bulk_upsert(given)) == {"inserted": 10, "updated": 5, "unchanged": 5}
    told = statements.of(table)
    assert not direct or told == ["upsert"]
    # Rows that do not all give the same columns are read and decided one by one.
    assert counts(table.bulk_upsert([*rows(0, 1, note="x"), *rows(1, 2, qty=9)])) == {"updated": 2}
    assert "read" in statements.of(table)
    assert [(row.qty, row.note) for row in table.list(limit=2)] == [(2, "x"), (9, None)]


def test_a_few_new_rows_are_one_statement(db: DataFlow, database: Database) -> None:
    table = fresh(db, Numbered)
    statements = Statements(db)
    statements.of(table)
    assert table.create(id=7, name="a").id == 7
    result = table.bulk_create([{"id": at, "name": "b"} for at in (2_000, 9, 8)], return_rows=True)
    told = statements.of(table)
    assert database.kind != "postgres" or told == ["append", "append"]
    assert result.rows is not None
    assert result.rows.to_arrow()["id"].to_pylist() == [2_000, 9, 8]
    assert table.create(name="c").id == 2_001
    with pytest.raises(errors.UniqueViolationError) as caught:
        table.bulk_create([{"id": 10, "name": "d"}, {"id": 9, "name": "d"}])
    assert caught.value.outcome == "rolled back"
    with pytest.raises(errors.UniqueViolationError):
        table.create(id=9, name="d")
    assert sorted(row.id for row in table.list()) == [7, 8, 9, 2_000, 2_001]


def test_an_update_of_rows_that_are_there_reads_none(db: DataFlow, database: Database) -> None:
    table = fresh(db, Stock)
    table.bulk_create(rows(0, 30))
    statements = Statements(db)
    statements.of(table)
    assert counts(table.bulk_update(data=rows(0, 20, qty=2))) == {"updated": 20}
    told = statements.of(table)
    assert database.kind != "postgres" or told == ["update"]
    result = table.bulk_update(data=rows(10, 40, qty=2), on_missing="skip")
    assert counts(result) == {"updated": 10, "unchanged": 10, "missing": 10}
    with pytest.raises(errors.NotFoundError) as caught:
        table.bulk_update(data=rows(10, 40, qty=3))
    assert caught.value.path == "data[20]"
    assert {row.qty for row in table.list(limit=None)} == {2}


def test_many_rows_are_counted_in_their_pieces(db: DataFlow) -> None:
    table = fresh(db, Stock)
    table.bulk_create(pa.Table.from_pylist(rows(0, 12_000, qty=1)))
    given = pa.Table.from_pylist(rows(6_000, 9_000, qty=1) + rows(9_000, 24_000, qty=2)[::-1])
    assert counts(table.bulk_upsert(given)) == {"unchanged": 3_000, "updated": 3_000, "inserted": 12_000}
    given = pa.Table.from_pylist(rows(0, 3, qty=1) + rows(3, 26_000, qty=3)[::-1])
    result = table.bulk_update(data=given, on_missing="skip")
    assert counts(result) == {"unchanged": 3, "updated": 23_997, "missing": 2_000}
    assert table.count({"qty": 3}) == 23_997


def test_a_given_key_is_never_generated_again(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    for key in (3, 5_000, 5_002):
        table.bulk_upsert([{"id": 1, "name": "x"}, {"id": key, "name": "y"}])
        assert table.create(name="z").id > key
    assert counts(table.bulk_upsert([{"id": 1, "name": "x"}], on_conflict="ignore")) == {"ignored": 1}


@pytest.mark.parametrize("inside", [False, True])
def test_a_refused_row_keeps_nothing_of_the_others(db: DataFlow, inside: bool) -> None:
    table = fresh(db, Named)
    table.bulk_create([{"code": "a", "name": "n"}])
    given = [{"code": "b", "name": "m"}, {"code": "c", "name": "n"}]
    with pytest.raises(errors.UniqueViolationError) as caught:
        if inside:
            with db.transaction():
                table.bulk_upsert(given, on_conflict="ignore")
        else:
            table.bulk_upsert(given, on_conflict="ignore")
    assert caught.value.constraint == f"uq_{table._model.table}_name"
    assert [row.code for row in table.list()] == ["a"]


def test_a_key_that_another_collation_takes_for_the_same_is_no_match(db: DataFlow, database: Database) -> None:
    table = fresh(db, Stock)
    table.bulk_create([{"code": "a"}])
    if database.kind == "postgres":
        name = table._model.table
        bare.execute(
            database,
            "CREATE COLLATION IF NOT EXISTS public.caseless "
            "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            f"ALTER TABLE {name} ALTER COLUMN code TYPE text COLLATE public.caseless",
        )
        with pytest.raises(errors.UniqueViolationError):
            table.bulk_upsert([{"code": "A", "qty": 2}])
    else:
        table.bulk_upsert([{"code": "A", "qty": 2}])
    assert table.read("a").qty == 1


def test_a_row_that_a_trigger_leaves_out_counts_as_nothing_else(database: Database) -> None:
    """A statement that decides by itself would take it for one that is as it should be."""
    model = subclass(Stock)
    with DataFlow(database.url) as db:
        db.table(db.model(model)).count()
    triggers.leave_out(database, model.__tablename__, "note", "x")  # type: ignore[attr-defined]
    with DataFlow(database.url) as db:
        table = db.table(db.model(model))
        assert counts(table.bulk_upsert(rows(7, 8))) == {"inserted": 1}
        with pytest.raises(errors.DataFlowError):
            table.bulk_upsert([*rows(3, 5, note="y"), *rows(5, 6, note="x")])
        assert [row.code for row in table.list()] == ["k00007"]


def test_overlapping_writers_wait_for_each_other(database: Database) -> None:
    """No error reaches anyone, and every row is some writer's whole."""
    model = subclass(Stock)
    with ExitStack() as stack:
        flows = [stack.enter_context(DataFlow(database.url, pool_size=1)) for _ in range(WRITERS)]
        tables: list[Any] = [flow.table(flow.model(model)) for flow in flows]
        tables[0].count()

        def work(number: int) -> int:
            random, inserted = Random(number), 0
            for turn in range(25):
                codes = random.sample(range(200), random.choice([1, 5, 60]))
                given = [{"code": f"k{code:05}", "qty": number, "note": f"{number} {turn}"} for code in codes]
                if random.random() < 0.3:
                    tables[number].bulk_update(data=given, on_missing="skip")
                    continue
                result = tables[number].bulk_upsert(given)
                assert result.inserted + result.updated == len(given)
                inserted += result.inserted
            return inserted

        with ThreadPoolExecutor(WRITERS) as pool:
            inserted = sum(pool.map(work, range(WRITERS)))
        stored = tables[0].list(limit=None).records()
        assert len(stored) == inserted
        assert all(row["note"].split()[0] == str(row["qty"]) for row in stored)
