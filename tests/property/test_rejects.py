"""Random rows of which many are bad: the same rows are stored as when each is written alone, behind a savepoint.

The oracle is the database: every row goes by itself into a table of its own. A failure prints seed, case and rows.
"""

from collections.abc import Callable
from random import Random
from typing import Annotated, Any, NamedTuple

import pytest

from dataflow import DataFlow, MaxLength, Ref, Unique, errors
from tests.database import Database
from tests.integration.fresh import subclass
from tests.integration.triggers import forbid

Row = dict[str, Any]
CASES = 40
WORD = "forbidden"


class Owner:
    name: str = "x"


class Item:
    __dataflow__: dict[str, Any] = {  # noqa: RUF012
        "key": ["region", "no"],
        "unique": [["a", "b"]],
        "checks": {"sane": {"qty": {"$lt": 9}}},
    }
    region: Annotated[str, MaxLength(2)]
    no: int
    sku: Annotated[str, MaxLength(8), Unique()]
    a: int | None = None
    b: int | None = None
    qty: int = 0
    note: Annotated[str, MaxLength(10)] | None = None


class Pair(NamedTuple):
    """Two tables alike: one gets all rows at once, the other one by one."""

    at_once: Any
    one_by_one: Any


@pytest.fixture
def pair(db: DataFlow, database: Database) -> Pair:
    owner = db.model(subclass(Owner))
    db.table(owner).bulk_create([{}, {}, {}])
    tables = []
    for _ in range(2):
        base = subclass(Item)
        own = {name: vars(base)[name] for name in ("__tablename__", "__module__")}
        hints = {"owner_id": Annotated[int | None, Ref(owner.__name__)]}
        model = type(base.__name__, (Item,), {**own, "__annotations__": hints, "owner_id": None})
        table = db.table(db.model(model))
        table.count()
        forbid(database, table._model.table, "note", WORD)
        tables.append(table)
    return Pair(*tables)


def random_row(random: Random) -> Row:
    row: Row = {
        "region": random.choice("xy"),
        "no": random.randrange(8),
        "sku": f"s{random.randrange(14)}",
        "a": random.choice([None, 1, 2, 3]),
        "b": random.choice([None, 1, 2, 3]),
        "qty": random.randrange(8),
        "owner_id": random.choice([None, 1, 2, 3]),
    }
    spoil: dict[str, Callable[[], Any]] = {
        "qty": lambda: random.choice([9, "many", None, 2**70]),
        "owner_id": lambda: 99,
        "sku": lambda: random.choice([None, "x" * 9, 5]),
        "note": lambda: random.choice([WORD, "x" * 11, "\x00"]),
        "colour": lambda: "red",
    }
    if random.random() < 0.3:
        name = random.choice(list(spoil))
        row[name] = spoil[name]()
    if random.random() < 0.2:
        del row[random.choice(["a", "b", "qty", "sku", "no"])]
    return row


def alone(db: DataFlow, write: Callable[[Row], object], rows: list[Row]) -> dict[int, str]:
    """The rows that are refused when each is written by itself, and why."""
    refused = {}
    with db.transaction():
        for number, row in enumerate(rows):
            try:
                with db.transaction():
                    write(row)
            except errors.DataFlowError as error:
                refused[number] = error.kind
    return refused


def first_of(columns: tuple[str, ...], write: Callable[[Row], object]) -> Callable[[Row], object]:
    """A write that takes each key once: of rows of the data that are the same the first that is stored."""
    seen: set[tuple[Any, ...]] = set()

    def take(row: Row) -> object:
        key = tuple(row.get(name) for name in columns)
        if None not in key and key in seen:
            raise errors.DuplicateRowError("again")
        written = write(row)
        seen.add(key)
        return written

    return take


def upsert_one(table: Any, columns: tuple[str, ...]) -> Callable[[Row], object]:
    """A row without the values by which it is found is a new one."""

    def write(row: Row) -> object:
        if all(name in row for name in columns):
            return table.bulk_upsert([row], conflict_on=columns)
        return table.bulk_create([row])

    return write


def stored(table: Any) -> list[Row]:
    return sorted(table.list(limit=None).records(), key=lambda row: (row["region"], row["no"]))


WRITES: dict[str, Any] = {
    "create": (
        lambda table, rows, options: table.bulk_create(rows, **options),
        lambda table: lambda row: table.bulk_create([row]),
    ),
    "upsert by key": (
        lambda table, rows, options: table.bulk_upsert(rows, **options),
        lambda table: first_of(("region", "no"), upsert_one(table, ("region", "no"))),
    ),
    "upsert by sku": (
        lambda table, rows, options: table.bulk_upsert(rows, conflict_on="sku", **options),
        lambda table: first_of(("sku",), upsert_one(table, ("sku",))),
    ),
    "update": (
        lambda table, rows, options: table.bulk_update(data=rows, **options),
        lambda table: first_of(("region", "no"), lambda row: table.bulk_update(data=[row])),
    ),
}
# A row with several faults is refused for one of them; which one is found first is nobody's business.
OF_DATABASE = {"UniqueViolation", "ForeignKeyViolation", "CheckViolation", "DatabaseFailure", "KeyMismatch"}
OF_DATABASE |= {"MissingValue", "DuplicateRow"}
COUNTS = ("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected")


@pytest.mark.parametrize("operation", WRITES)
def test_the_same_rows_are_stored_as_one_by_one(db: DataFlow, pair: Pair, operation: str) -> None:
    at_once, one_by_one = WRITES[operation]
    refused_of_all = 0
    for seed in range(CASES):
        random = Random(f"{operation} {seed}")
        before = [random_row(random) for _ in range(6)]
        rows = [random_row(random) for _ in range(random.choice([1, 2, 5, 30]))]
        options: dict[str, Any] = {"on_error": "skip"}
        if random.random() < 0.3:
            options["chunk_rows"] = random.choice([1, 4])
        for table in pair:
            table.bulk_delete({}, all_rows=True)
            table.bulk_create(before, on_error="skip")
        case = f"seed {seed}, {operation}, {options}\nbefore {before}\nrows {rows}"
        expected = alone(db, one_by_one(pair.one_by_one), rows)
        result = at_once(pair.at_once, rows, options)
        found = {reject.row: reject.kind for reject in result.rejects}
        assert set(found) == set(expected), case
        for row, kind in found.items():
            several = expected[row] == "DuplicateRow" or {kind, expected[row]} <= OF_DATABASE
            assert kind == expected[row] or several, f"row {row}: {kind}\n{case}"
        assert stored(pair.at_once) == stored(pair.one_by_one), case
        assert sum(result[name] for name in COUNTS) == len(rows), case
        refused_of_all += len(found)
    assert refused_of_all > CASES
