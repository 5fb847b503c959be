"""Bad rows: a typed error that names row and column, nothing stored, and the connection good afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Naive, Precision, errors
from tests.integration.fresh import fresh

ROWS = 30
BAD_AT = 17
ABSENT = object()


class Order:
    email: Annotated[str, MaxLength(30)]
    amount: int
    price: Annotated[Decimal, Precision(10, 2)]
    note: str | None = None
    paid: bool = False
    share: float | None = None
    made: datetime | None = None
    wall: Annotated[datetime, Naive()] | None = None
    blob: bytes | None = None


class Bad(NamedTuple):
    """A value that a field refuses, and how."""

    field: str
    value: object
    error: type[errors.DataFlowError]
    code: str


NAIVE = datetime(2024, 1, 1)
BAD = [
    Bad("emial", "x", errors.UnknownFieldError, "DF-3001"),
    Bad("amount", "ten", errors.WrongTypeError, "DF-3002"),
    Bad("amount", True, errors.WrongTypeError, "DF-3002"),
    Bad("amount", 1.5, errors.WrongTypeError, "DF-3002"),
    Bad("email", 5, errors.WrongTypeError, "DF-3002"),
    Bad("paid", 1, errors.WrongTypeError, "DF-3002"),
    Bad("price", "4,20", errors.WrongTypeError, "DF-3002"),
    Bad("made", "yesterday", errors.WrongTypeError, "DF-3002"),
    Bad("blob", "text", errors.WrongTypeError, "DF-3002"),
    Bad("email", ABSENT, errors.MissingValueError, "DF-3003"),
    Bad("email", None, errors.NullValueError, "DF-3004"),
    Bad("paid", None, errors.NullValueError, "DF-3004"),
    Bad("amount", 2**63, errors.OutOfRangeError, "DF-3005"),
    Bad("price", Decimal("1.234"), errors.TooManyDigitsError, "DF-3006"),
    Bad("price", Decimal("123456789"), errors.TooManyDigitsError, "DF-3006"),
    Bad("email", "x" * 31, errors.DataTooLongError, "DF-3007"),
    Bad("made", NAIVE, errors.TimezoneMismatchError, "DF-3008"),
    Bad("wall", NAIVE.replace(tzinfo=UTC), errors.TimezoneMismatchError, "DF-3008"),
    Bad("email", "a\0b", errors.NulCharacterError, "DF-3009"),
    Bad("note", "\0", errors.NulCharacterError, "DF-3009"),
    Bad("price", Decimal("NaN"), errors.NotFiniteError, "DF-3010"),
]
# Arrow columns have one type: these values can stand in one, and the error is about the same row.
IN_ARROW = [bad for bad in BAD if bad.value is not ABSENT and not isinstance(bad.value, datetime)]
IN_ARROW = [bad for bad in IN_ARROW if not (isinstance(bad.value, Decimal) and bad.value.is_nan())]


def title(bad: Any) -> str:
    return f"{bad.field}-{bad.error.__name__}" if isinstance(bad, Bad) else ""


def row(bad: Bad | None = None) -> dict[str, Any]:
    good = {"email": "a@b.c", "amount": 1, "price": Decimal("4.20")}
    if bad is None:
        return good
    return {k: v for k, v in {**good, bad.field: bad.value}.items() if v is not ABSENT}


def rows(bad: Bad) -> list[dict[str, Any]]:
    return [row(bad if at == BAD_AT else None) for at in range(ROWS)]


def arrow(bad: Bad) -> pa.Table:
    """All rows good but one; a column of the bad value's own type where the good ones can be of it too."""
    columns: dict[str, Any] = {name: [value] * ROWS for name, value in row().items()}
    good = columns.get(bad.field, [False if bad.field == "paid" else None] * ROWS)
    if isinstance(bad.value, str) and not isinstance(good[0], str):
        good = [None if value is None else str(value) for value in good]
    elif isinstance(bad.value, int | float) and bad.value != 2**63:
        good = [bad.value] * ROWS
    kind = pa.uint64() if bad.value == 2**63 else None
    columns[bad.field] = pa.array([*good[:BAD_AT], bad.value, *good[BAD_AT + 1 :]], kind)
    return pa.table(columns)


def refused(table: Any, bad: Bad, path: str, write: Callable[[], object]) -> errors.DataFlowError:
    """The error of a write that must leave everything as it was."""
    before = table.count()
    with pytest.raises(bad.error) as caught:
        write()
    assert (caught.value.code, caught.value.path) == (bad.code, path)
    assert table.count() == before
    assert table.create(**row()).amount == 1
    return caught.value


@pytest.mark.parametrize("bad", BAD, ids=title)
def test_a_bad_row_is_refused(db: DataFlow, bad: Bad) -> None:
    table = fresh(db, Order)
    error = refused(table, bad, bad.field, lambda: table.create(**row(bad)))
    assert (error.where or "").startswith("tests/integration/test_bad_input.py:")
    assert not error.retryable


@pytest.mark.parametrize("bad", BAD, ids=title)
def test_one_bad_dict_refuses_the_whole_bulk(db: DataFlow, bad: Bad) -> None:
    table = fresh(db, Order)
    refused(table, bad, f"data[{BAD_AT}].{bad.field}", lambda: table.bulk_create(rows(bad)))


@pytest.mark.parametrize("bad", IN_ARROW, ids=title)
def test_one_bad_arrow_value_refuses_the_whole_bulk(db: DataFlow, bad: Bad) -> None:
    table = fresh(db, Order)
    # A column of a wrong type is wrong from its first row; an unknown one in all rows.
    at = 0 if bad.error is errors.WrongTypeError and not isinstance(bad.value, str) else BAD_AT
    path = "data" if bad.error is errors.UnknownFieldError else f"data[{at}].{bad.field}"
    refused(table, bad, path, lambda: table.bulk_create(arrow(bad)))


@pytest.mark.parametrize(
    ("field", "column", "error"),
    [
        ("made", pa.array([NAIVE] * 3), errors.TimezoneMismatchError),
        ("wall", pa.array([NAIVE] * 3, pa.timestamp("us", "UTC")), errors.TimezoneMismatchError),
        ("made", pa.array([None, 1, 1001], pa.timestamp("ns", "UTC")), errors.OutOfRangeError),
        ("made", pa.array([None, 2**62, 0], pa.timestamp("s", "UTC")), errors.OutOfRangeError),
        ("email", pa.array([["a"]] * 3), errors.WrongTypeError),
        ("price", pa.array([Decimal("1"), Decimal("1.001"), Decimal("1")]), errors.TooManyDigitsError),
    ],
)
def test_a_column_that_cannot_be_held_is_refused(
    db: DataFlow, field: str, column: pa.Array, error: type[errors.DataFlowError]
) -> None:
    table = fresh(db, Order)
    data = pa.table({**{name: [value] * 3 for name, value in row().items()}, field: column})
    at = 0 if error in (errors.TimezoneMismatchError, errors.WrongTypeError) else 1
    with pytest.raises(error) as caught:
        table.bulk_create(data)
    assert caught.value.path == f"data[{at}].{field}"
    assert table.count() == 0


@pytest.mark.parametrize("bad", BAD[1:6] + BAD[9:15], ids=title)
@pytest.mark.parametrize("form", ["row", "dicts", "arrow"])
def test_a_bad_row_inside_a_transaction_undoes_all_of_it(db: DataFlow, bad: Bad, form: str) -> None:
    table = fresh(db, Order)
    table.create(**row())
    with pytest.raises(bad.error), db.transaction():
        table.create(**row())
        write_bad(table, bad, form)
    assert table.count() == 1


@pytest.mark.parametrize("form", ["row", "dicts", "arrow"])
def test_a_bad_row_in_a_savepoint_leaves_the_rest(db: DataFlow, form: str) -> None:
    table = fresh(db, Order)
    table.create(**row())
    with db.transaction():
        table.create(**row())
        with pytest.raises(errors.WrongTypeError), db.transaction():
            table.create(**row())
            write_bad(table, BAD[1], form)
        table.create(**row())
    assert table.count() == 3


def write_bad(table: Any, bad: Bad, form: str) -> None:
    if form == "row":
        table.create(**row(bad))
    elif form == "dicts" or bad not in IN_ARROW:
        table.bulk_create(rows(bad))
    else:
        table.bulk_create(arrow(bad))


async def test_a_bad_value_in_the_last_of_many_chunks_stores_nothing(db: DataFlow) -> None:
    table = fresh(db, Order)
    data = pa.table({"email": ["x"] * 40_000 + ["a\0b"], "amount": [1] * 40_001, "price": [1] * 40_001})
    with pytest.raises(errors.NulCharacterError) as caught:
        await table.abulk_create(data)
    assert caught.value.path == "data[40000].email"
    assert await table.acount() == 0
    assert (await table.acreate(**row())).amount == 1
