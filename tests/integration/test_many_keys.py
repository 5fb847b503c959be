"""Upserts, updates and deletes of more rows than go in one statement, equal to what plain Python makes of them."""

from contextlib import nullcontext
from random import Random
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, errors
from tests.integration.fresh import fresh

ROWS = 12_000  # more than the largest statement takes
SEED = 11


class Plain:
    id: int
    qty: int
    tags: list[str] = []  # noqa: RUF012
    note: str | None = None


class Composite:
    __dataflow__: dict[str, Any] = {"key": ["region", "id"]}  # noqa: RUF012
    region: Annotated[str, MaxLength(8)]
    id: int
    qty: int
    tags: list[str] = []  # noqa: RUF012
    note: str | None = None


class Soft(Plain):
    __dataflow__: dict[str, Any] = {"soft_delete": True}  # noqa: RUF012


class Tenanted(Plain):
    __dataflow__: dict[str, Any] = {"multi_tenant": True}  # noqa: RUF012


MODELS = pytest.mark.parametrize("cls", [Plain, Composite, Soft, Tenanted])
NESTED = pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a transaction"])


def row(number: int, qty: int, **more: Any) -> dict[str, Any]:
    return {"region": "eu" if number % 2 else "us", "id": number, "qty": qty} | more


class Rows:
    """The table, and what it should hold."""

    def __init__(self, db: DataFlow, cls: type, nested: bool) -> None:
        self.db, self.table, self.nested = db, fresh(db, cls), nested
        self.fields = ("region", "id") if cls is Composite else ("id",)
        self.expected = dict[int, tuple[int, str | None]]()

    def given(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        Random(SEED).shuffle(rows)
        return [{name: value for name, value in row.items() if name != "region" or name in self.fields} for row in rows]

    def write(self, verb: str, rows: list[dict[str, Any]], **options: Any) -> dict[str, int]:
        with self.db.transaction() if self.nested else nullcontext():
            name = "keys" if verb == "bulk_delete" else "data"
            result = getattr(self.table, verb)(**{name: self.given(rows)}, **options)
        return {name: count for name, count in result.items() if isinstance(count, int) and count}

    def check(self) -> None:
        stored = self.table.list(limit=None).records()
        assert {row["id"]: (row["qty"], row["note"]) for row in stored} == self.expected
        assert len(stored) == len(self.expected)


@pytest.fixture
def many(db: DataFlow, cls: type, nested: bool) -> Any:
    with db.tenant("acme") if cls is Tenanted else nullcontext():
        rows = Rows(db, cls, nested)
        rows.write("bulk_create", [row(number, number, note="old") for number in range(0, ROWS, 2)])
        rows.expected = {number: (number, "old") for number in range(0, ROWS, 2)}
        yield rows


@MODELS
@NESTED
def test_upsert(many: Rows) -> None:
    given = [row(number, number + number % 3) for number in range(ROWS)]
    many.expected = {n: (n + n % 3, many.expected.get(n, (0, None))[1]) for n in range(ROWS)}
    unchanged = len(range(0, ROWS, 6))
    counts = many.write("bulk_upsert", given)
    assert (counts["inserted"], counts["updated"]) == (ROWS // 2, ROWS // 2 - unchanged)
    assert counts["unchanged"] == unchanged
    many.check()


@MODELS
@NESTED
def test_update(many: Rows) -> None:
    given = [row(number, -number, tags=[str(number)] * (number % 3)) for number in range(ROWS)]
    with pytest.raises(errors.NotFoundError):
        many.write("bulk_update", [dict(row) for row in given])
    many.check()
    counts = many.write("bulk_update", given, on_missing="skip")
    assert (counts["updated"] + counts.get("unchanged", 0), counts["missing"]) == (ROWS // 2, ROWS // 2)
    many.expected = {number: (-number, note) for number, (_, note) in many.expected.items()}
    many.check()


@MODELS
@NESTED
def test_delete(many: Rows) -> None:
    gone = range(ROWS // 4, ROWS)
    counts = many.write("bulk_delete", [row(number, 0) for number in gone])
    there = len([number for number in gone if number in many.expected])
    assert (counts["deleted"], counts["missing"]) == (there, len(gone) - there)
    many.expected = {number: kept for number, kept in many.expected.items() if number not in gone}
    many.check()
    assert many.write("bulk_delete", [row(number, 0) for number in gone])["missing"] == len(gone)
