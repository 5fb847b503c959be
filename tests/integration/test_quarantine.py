"""Refused rows that are kept with their values, and written after all once they are mended."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Precision, Unique, errors
from tests.integration.bad_rows import TAKEN, good, mixed, sales
from tests.integration.fresh import fresh
from tests.integration.test_rejects import FORMS, codes


def load(table: Any, rows: Any, **options: Any) -> Any:
    return table.bulk_create(rows, on_error="quarantine", **options)


@pytest.mark.parametrize("form", FORMS)
def test_refused_rows_are_kept_with_their_values(db: DataFlow, form: str) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) for number in range(5)]
    rows[1]["qty"], rows[3]["code"] = "many", TAKEN
    result = load(table, FORMS[form](rows), load_id=f"load {form} {table._model.table}")
    kept = db.rejects(result.load_id)
    assert (kept.count(), result.rejected) == (2, 2)
    first, second = kept.list()
    assert (first["row"], first["kind"], first["column"]) == (1, "WrongType", "qty")
    assert (second["row"], second["kind"]) == (3, "UniqueViolation")
    expected = {name: str(value) for name, value in rows[1].items()}
    assert {name: str(value) for name, value in first["payload"].items()} == expected
    assert (second["payload"]["code"], second["payload"]["price"]) == (TAKEN, "3.50")
    assert [reject.row for reject in result.rejects] == [1, 3]
    assert kept.to_arrow().column("kind").to_pylist() == ["WrongType", "UniqueViolation"]


def test_a_load_without_a_name_gets_one(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(0, shop), good(1, shop) | {"qty": 0}]
    first, second = load(table, rows[1:]), load(table, rows)
    assert UUID(first.load_id).version == 7
    assert first.load_id != second.load_id
    assert not second.replayed
    assert db.rejects(second.load_id).count() == 1
    assert load(table, [good(5, shop)]).rejected == 0


def test_mended_rows_are_written_and_leave_the_quarantine(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows, bad = mixed(400, 20, shop)
    result = load(table, rows)
    kept = db.rejects(result.load_id)

    numbers = iter(range(1000, 2000))
    replayed = kept.replay(fix=lambda row: row | good(next(numbers), shop))
    assert (replayed.inserted, replayed.rejected) == (len(bad), 0)
    assert kept.count() == 0
    assert len(codes(table)) == 400


def test_a_row_that_is_refused_again_stays_with_the_new_reason(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) | {"qty": "x"} for number in range(4)]
    kept = db.rejects(load(table, rows).load_id)

    def fix(row: dict[str, Any]) -> dict[str, Any] | None:
        if row["code"] == "c0":
            return None
        return row | {"qty": 0 if row["code"] == "c1" else 7}

    result = kept.replay(fix=fix)
    assert (result.inserted, result.rejected) == (2, 1)
    assert [(row["row"], row["kind"]) for row in kept.list()] == [(0, "WrongType"), (1, "CheckViolation")]
    assert [row["payload"]["qty"] for row in kept.list()] == ["x", "x"]
    assert codes(table) == {"c2", "c3"}


def test_a_replay_tells_what_was_refused_again(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) | ({} if number % 2 else {"qty": "x"}) for number in range(8)]
    kept = db.rejects(load(table, rows).load_id)
    mended = {"c0": None, "c2": {"qty": 0}, "c4": {"qty": 1}, "c6": {"qty": 1, "shop_id": 10**6}}

    def fix(row: dict[str, Any]) -> dict[str, Any] | None:
        change: Any = mended[row["code"]]
        return None if change is None else row | change

    result = kept.replay(fix=fix)
    assert (result.inserted, result.rejected) == (1, 2)
    told = [(reject.row, reject.kind, reject.column) for reject in result.rejects]
    assert told == [(2, "CheckViolation", "qty"), (6, "ForeignKeyViolation", "shop_id")]
    assert [row["row"] for row in kept.list()] == [0, 2, 6]
    assert list(kept.replay(fix=lambda _: None).rejects) == []


def test_a_fix_that_fails_changes_nothing(db: DataFlow) -> None:
    table, _, shop = sales(db)
    kept = db.rejects(load(table, [good(number, shop) | {"qty": 0} for number in range(3)]).load_id)

    def fix(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"qty": 1 / (row["code"] != "c2")}

    with pytest.raises(ZeroDivisionError):
        kept.replay(fix=fix)
    assert (kept.count(), codes(table)) == (3, set())


def test_a_replay_is_part_of_the_transaction_around_it(db: DataFlow) -> None:
    table, _, shop = sales(db)
    kept = db.rejects(load(table, [good(0, shop) | {"qty": 0}]).load_id)
    with pytest.raises(ZeroDivisionError), db.transaction():
        assert kept.replay(fix=lambda row: row | {"qty": 1}).inserted == 1
        assert kept.count() == 0
        _ = 1 / 0
    assert (kept.count(), codes(table)) == (1, set())


def test_the_same_operation_is_done_again(db: DataFlow) -> None:
    table, _, shop = sales(db)
    table.create(**good(0, shop))
    rows = [good(0, shop) | {"qty": 0}]
    options: Any = {"on_error": "quarantine", "load_id": f"upsert {table._model.table}"}
    result = table.bulk_upsert(rows, conflict_on="code", update_fields=["qty"], **options)
    mended = db.rejects(result.load_id).replay(fix=lambda row: row | {"qty": 70, "price": "9.00"})
    assert mended.updated == 1
    (stored,) = table.list({"code": "c0"})
    assert (stored.qty, stored.price) == (70, Decimal("0.50"))
    result = table.bulk_update(data=[{"id": 10**6, "qty": 3}], on_error="quarantine")
    assert db.rejects(result.load_id).replay(fix=lambda row: row | {"id": stored.id}).updated == 1
    result = table.bulk_delete(keys=["x"], on_error="quarantine")
    assert db.rejects(result.load_id).replay(fix=lambda _: {"id": stored.id}).deleted == 1
    assert table.count({"code": "c0"}) == 0


class Wide:
    code: Annotated[str, MaxLength(8), Unique()]
    raw: bytes
    price: Annotated[Decimal, Precision(20, 5)]
    ratio: float
    ident: UUID
    moment: datetime
    day: date
    clock: time
    span: timedelta
    tags: list[str]
    spans: list[timedelta]
    blob: dict[str, Any]
    flag: bool
    note: str | None = None


WIDE: dict[str, Any] = {
    "code": "a",
    "raw": b"\x00\xff",
    "price": Decimal("1.50000"),
    "ratio": 0.1,
    "ident": UUID(int=7),
    "moment": datetime(2024, 1, 31, 12, 30, 1, 5, tzinfo=UTC),
    "day": date(2024, 1, 31),
    "clock": time(1, 2, 3, 4),
    "span": timedelta(days=-1, microseconds=3),
    "tags": ["x", '"\\ä\n'],
    "spans": [timedelta(seconds=1)],
    "blob": {"$bytes": "no bytes", "deep": [1, None, 1.5, {"$repr": 1}]},
    "flag": True,
    "note": None,
}


@pytest.mark.parametrize("late", [False, True])
def test_every_value_comes_back_equal(db: DataFlow, late: bool) -> None:
    """Refused as it was given, or late: because of what is stored."""
    table = fresh(db, Wide)
    table.create(**WIDE)
    row = WIDE if late else WIDE | {"flag": "maybe"}
    result = table.bulk_create([row], on_error="quarantine")
    kept = db.rejects(result.load_id)
    assert result.rejected == 1
    assert kept.replay(fix=lambda row: row | {"code": "b", "flag": True}).inserted == 1
    first, second = table.list(order_by="code").records()
    assert {**second, "id": 0, "code": ""} == {**first, "id": 0, "code": ""}


class Thing:
    def __repr__(self) -> str:
        return "<thing>"


def test_what_json_cannot_hold_is_kept_as_its_repr(db: DataFlow) -> None:
    table = fresh(db, Wide)
    row = {"code": Thing(), "ratio": float("inf"), "tags": [Thing()], "\x00odd": 1, "note": "\x00"}
    kept = db.rejects(table.bulk_create([row], on_error="quarantine").load_id)
    (found,) = kept.list()
    payload = {"code": "<thing>", "ratio": "inf", "tags": "[<thing>]", "\x00odd": 1, "note": "\x00"}
    assert found["payload"] == payload


class Ours:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(8), Unique()]


def test_a_tenant_sees_its_own_rejects_only(db: DataFlow) -> None:
    table = fresh(db, Ours)
    name = table._model.table
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.create(code="x")
            rows = [{"code": "x"}, {"code": f"of {tenant}"}]
            assert table.bulk_create(rows, on_error="quarantine", load_id=name).inserted == 1
    kept = db.rejects(name)
    assert (kept.count(), kept.list(), kept.delete()) == (0, [], 0)
    with db.tenant("a"):
        assert kept.count() == 1
        assert kept.replay(fix=lambda row: row | {"code": "y"}).inserted == 1
        assert {row.code for row in table.list()} == {"x", "y", "of a"}
        assert kept.count() == 0
    with db.tenant("b"):
        assert kept.delete() == 1
        assert {row.code for row in table.list()} == {"x", "of b"}


def test_chunks_keep_their_rejects_with_their_rows(db: DataFlow) -> None:
    table, _, shop = sales(db)
    rows = [good(number, shop) | ({"qty": 0} if number % 7 == 6 else {}) for number in range(70)]
    name = f"chunks {table._model.table}"
    with pytest.raises(errors.TooManyRejectsError):
        load(table, iter(rows), reject_limit=3, chunk_rows=10, atomic=False)
    result = load(table, [row | {"code": f"d{at}"} for at, row in enumerate(rows)], chunk_rows=10, atomic=False)
    assert [row["row"] for row in db.rejects(result.load_id).list()] == [6, 13, 20, 27, 34, 41, 48, 55, 62, 69]
    assert db.rejects(name).count() == 0


def test_a_failed_load_keeps_no_rejects(db: DataFlow) -> None:
    table, _, shop = sales(db)
    name = f"failed {table._model.table}"
    with pytest.raises(errors.TooManyRejectsError):
        load(table, [good(0, shop) | {"qty": 0}], reject_limit=0, load_id=name)
    assert db.rejects(name).count() == 0


async def test_the_quarantine_is_awaited_too(db: DataFlow) -> None:
    table, _, shop = sales(db)
    result = await table.abulk_create([good(0, shop) | {"qty": 0}] * 2, on_error="quarantine")
    kept = db.rejects(result.load_id)
    assert (await kept.acount(), len(await kept.alist()), len(await kept.ato_arrow())) == (2, 2, 2)

    async def fix(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"qty": 1}

    replayed = await kept.areplay(fix=fix)
    assert (replayed.inserted, replayed.rejected) == (1, 1)
    assert (await kept.adelete(), await kept.acount()) == (1, 0)


def test_a_blocking_replay_awaits_nothing(db: DataFlow) -> None:
    table, _, shop = sales(db)
    kept = db.rejects(load(table, [good(0, shop) | {"qty": 0}]).load_id)

    async def fix(row: dict[str, Any]) -> dict[str, Any]:
        return row

    with pytest.raises(errors.UnsupportedDataError, match="await"):
        kept.replay(fix=fix)
    with pytest.raises(errors.InvalidOptionError):
        db.rejects(7)  # type: ignore[arg-type]
