"""A bulk write with a load id happens once: a rerun tells the first result, and other input is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, LocalRuntime, MaxLength, Unique, WorkflowBuilder, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

ROWS = [{"code": "a", "size": 1}, {"code": "b", "size": None}, {"code": "c", "size": 3}]


class Item:
    code: Annotated[str, MaxLength(20), Unique()]
    size: int | None = None


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(20), Unique()]


class Kept:
    __dataflow__ = {"versioned": True, "soft_delete": True, "timestamps": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(20), Unique()]
    size: int | None = None


class Logged:
    __dataflow__ = {"append_only": True}  # noqa: RUF012
    code: str


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.count()
    return table


def codes(table: Any) -> list[str]:
    return sorted(row.code for row in table.list(limit=None))


def entries(database: Database, table: Any) -> list[tuple[Any, ...]]:
    """What the ledger says of the loads of a table."""
    columns = ('"tenant"', '"kind"', '"key"', '"status"', '"rows_done"')
    name = table._model.table
    text = f'SELECT {", ".join(columns)} FROM "dataflow_ledger" WHERE "scope" = \'{name}\' ORDER BY "tenant", "key"'
    return bare.execute(database, text)


def test_a_rerun_writes_nothing_and_tells_the_first_result(items: Any, database: Database) -> None:
    first = items.bulk_create(ROWS, load_id="day 1")
    again = items.bulk_create(ROWS, load_id="day 1")
    assert (first.inserted, first.load_id, first.replayed) == (3, "day 1", False)
    assert (again.inserted, again.load_id, again.replayed) == (3, "day 1", True)
    assert codes(items) == ["a", "b", "c"]
    assert entries(database, items) == [("", "load", "day 1", "done", 3)]


def test_the_load_id_is_an_item_of_the_result_and_the_replay_is_not(items: Any) -> None:
    assert items.bulk_create(ROWS, load_id="x")["load_id"] == "x"
    assert items.bulk_delete({"code": "a"})["load_id"] is None
    assert "replayed" not in items.bulk_create(ROWS, load_id="x")


async def test_an_awaited_rerun_is_the_same_load(items: Any) -> None:
    assert not (await items.abulk_create(ROWS, load_id="x")).replayed
    assert (await items.abulk_create(ROWS, load_id="x")).replayed
    assert items.bulk_create(ROWS, load_id="x").replayed


OTHER: dict[str, Any] = {
    "another value": [ROWS[0], ROWS[1], {"code": "c", "size": 4}],
    "a value for a null": [ROWS[0], {"code": "b", "size": 0}, ROWS[2]],
    "a field that is absent": [ROWS[0], {"code": "b"}, ROWS[2]],
    "another order": [ROWS[0], ROWS[2], ROWS[1]],
    "a row less": ROWS[:2],
    "a row more": [*ROWS, {"code": "d", "size": 4}],
    "no rows": [],
}


@pytest.mark.parametrize("rows", OTHER.values(), ids=OTHER)
def test_other_rows_under_the_same_id_are_refused(items: Any, rows: Any) -> None:
    items.bulk_create(ROWS, load_id="x")
    items.bulk_delete({"code": "a"})
    with pytest.raises(errors.LoadMismatchError) as caught:
        items.bulk_create(rows, load_id="x")
    assert (caught.value.path, caught.value.outcome, caught.value.retryable) == ("load_id", "rolled back", False)
    assert codes(items) == ["b", "c"]
    assert items.bulk_create(ROWS, load_id="x").replayed


OPERATIONS: dict[str, tuple[Callable[..., Any], dict[str, int]]] = {
    "bulk_create": (lambda t, **o: t.bulk_create([{"code": "new"}], **o), {"inserted": 1}),
    "bulk_create of two": (lambda t, **o: t.bulk_create([{"code": "x"}, {"code": "y"}], **o), {"inserted": 2}),
    "bulk_create or ignore": (
        lambda t, **o: t.bulk_create([{"code": "a"}, {"code": "x"}], on_conflict="ignore", conflict_on="code", **o),
        {"inserted": 1, "ignored": 1},
    ),
    "bulk_upsert": (
        lambda t, **o: t.bulk_upsert([{"code": "a", "size": 7}, {"code": "x"}], conflict_on="code", **o),
        {"inserted": 1, "updated": 1},
    ),
    "bulk_upsert of the last": (
        lambda t, **o: t.bulk_upsert([{"code": "a", "size": n} for n in (7, 8)], conflict_on="code", **o),
        {"updated": 1, "duplicate": 1},
    ),
    "bulk_update of rows": (
        lambda t, **o: t.bulk_update(data=[{"id": 1, "size": 9}, {"id": 99, "size": 9}], on_missing="skip", **o),
        {"updated": 1, "missing": 1},
    ),
    "bulk_update": (
        lambda t, **o: t.bulk_update({"size": {"$gte": 1}}, {"size": 3}, **o),
        {"updated": 1, "unchanged": 1, "matched": 2},
    ),
    "bulk_delete": (lambda t, **o: t.bulk_delete({"size": {"$gte": 1}}, **o), {"deleted": 2, "matched": 2}),
    "bulk_delete of keys": (lambda t, **o: t.bulk_delete(keys=[1, 2, 99], **o), {"deleted": 2, "missing": 1}),
}


@pytest.mark.parametrize("model", [Item, Kept])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_happens_once(db: DataFlow, model: type[Any], name: str) -> None:
    call, counts = OPERATIONS[name]
    more = {"duplicates": "last"} if "last" in name else {}
    table = fresh(db, model)
    table.bulk_create(ROWS)
    told = [call(table, load_id="x", **more)]
    # What it changed is changed again: a second run would show.
    table.bulk_delete({}, all_rows=True, hard=True)
    table.bulk_create([{"id": 1, "code": "a", "size": 1}, {"id": 2, "code": "z", "size": 2}])
    told.append(call(table, load_id="x", **more))
    assert [{name: result[name] for name in counts} for result in told] == [counts, counts]
    assert all(sum(result[name] for name in BALANCE) == sum(counts.values()) for result in told)
    assert [result.replayed for result in told] == [False, True]
    assert [(row.code, row.size) for row in table.list()] == [("a", 1), ("z", 2)]


BALANCE = ("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected", "matched")


Call = Callable[[Any], object]
OPTIONS: dict[str, tuple[Call, Call]] = {
    "another operation": (
        lambda t: t.bulk_create([{"code": "x"}], load_id="x"),
        lambda t: t.bulk_upsert([{"code": "x"}], conflict_on="code", load_id="x"),
    ),
    "on_conflict": (
        lambda t: t.bulk_upsert([{"code": "x"}], conflict_on="code", load_id="x"),
        lambda t: t.bulk_upsert([{"code": "x"}], conflict_on="code", on_conflict="ignore", load_id="x"),
    ),
    "duplicates": (
        lambda t: t.bulk_upsert([{"code": "x"}], conflict_on="code", load_id="x"),
        lambda t: t.bulk_upsert([{"code": "x"}], conflict_on="code", duplicates="last", load_id="x"),
    ),
    "update_fields": (
        lambda t: t.bulk_upsert([{"code": "a", "size": 5}], conflict_on="code", load_id="x"),
        lambda t: t.bulk_upsert([{"code": "a", "size": 5}], conflict_on="code", update_fields="size", load_id="x"),
    ),
    "on_missing": (
        lambda t: t.bulk_update(data=[{"id": 1, "size": 2}], load_id="x"),
        lambda t: t.bulk_update(data=[{"id": 1, "size": 2}], on_missing="skip", load_id="x"),
    ),
    "updates": (
        lambda t: t.bulk_update({"code": "a"}, {"size": 2}, load_id="x"),
        lambda t: t.bulk_update({"code": "a"}, {"size": 3}, load_id="x"),
    ),
    "a filter": (
        lambda t: t.bulk_update({"code": "a"}, {"size": 2}, load_id="x"),
        lambda t: t.bulk_update({"code": "b"}, {"size": 2}, load_id="x"),
    ),
    "the filter of a delete": (
        lambda t: t.bulk_delete({"code": "a"}, load_id="x"),
        lambda t: t.bulk_delete({"size": 1}, load_id="x"),
    ),
    "keys": (lambda t: t.bulk_delete(keys=[1], load_id="x"), lambda t: t.bulk_delete(keys=[2], load_id="x")),
    "hard": (
        lambda t: t.bulk_delete(keys=[1], load_id="x"),
        lambda t: t.bulk_delete(keys=[1], hard=True, load_id="x"),
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_other_options_under_the_same_id_are_refused(db: DataFlow, name: str) -> None:
    first, other = OPTIONS[name]
    table = fresh(db, Kept)
    table.bulk_create(ROWS)
    first(table)
    state = [(row.code, row.size) for row in table.list(include_deleted=True)]
    with pytest.raises(errors.LoadMismatchError):
        other(table)
    assert [(row.code, row.size) for row in table.list(include_deleted=True)] == state


FILTERS = [
    {"code": {"$in": ["a", "b"]}, "size": {"$ne": 5}},
    {"$or": [{"code": {"$like": "a%"}}, {"code": {"$regex": "^b[0-9]*$"}}, {"size": None}]},
    {"$and": [{"code": {"$ilike": "A"}}, {"size": {"$exists": True}}, {"$not": {"size": {"$gt": 1}}}]},
    {"code": {"$contains": "a"}, "size": {"$nin": [7, None]}},
]


@pytest.mark.parametrize("filter", FILTERS, ids=range(len(FILTERS)))
def test_an_equal_filter_is_the_same_load_elsewhere_too(
    db: DataFlow, database: Database, items: Any, filter: dict[str, Any]
) -> None:
    items.bulk_create(ROWS)
    assert not items.bulk_update(filter, {"size": 1}, load_id="x").replayed
    with DataFlow(database.url) as other:
        table = other.table(other.model(items._cls))
        assert table.bulk_update(filter, {"size": 1}, load_id="x").replayed
    with pytest.raises(errors.LoadMismatchError):
        items.bulk_update({"code": "a"}, {"size": 1}, load_id="x")


def test_only_keys_and_versions_of_a_delete_are_looked_at(db: DataFlow) -> None:
    table = fresh(db, Kept)
    table.bulk_create(ROWS)
    table.bulk_delete(keys=table.list({"code": "a"}), load_id="x")
    assert table.bulk_delete(keys=[{"id": 1, "version": 1, "size": 77}], load_id="x").replayed
    with pytest.raises(errors.LoadMismatchError):
        table.bulk_delete(keys=[1], load_id="x")


class Wide:
    """A column of most kinds."""

    at: datetime | None = None
    name: str | None = None
    count: int | None = None
    share: float | None = None
    flag: bool | None = None
    tags: list[str] | None = None


def wide_rows(number: int) -> list[dict[str, Any]]:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return [
        {
            "at": start + timedelta(seconds=n),
            "name": None if n % 7 == 0 else f"ä{n}",
            "count": None if n % 5 == 0 else n,
            "share": n / 8,
            "flag": n % 3 == 0,
            "tags": None if n % 11 == 0 else ["x"] * (n % 4),
        }
        for n in range(number)
    ]


def chunked(rows: list[dict[str, Any]], size: int) -> Any:
    import pyarrow as pa

    whole = pa.Table.from_pylist(rows)
    # Every piece is a slice of a larger batch: its buffers begin somewhere in the middle.
    return pa.concat_tables([whole.slice(at, size) for at in range(0, len(rows), size)])


def as_pandas(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(rows)


def as_polars(rows: list[dict[str, Any]]) -> Any:
    import polars as pl

    return pl.DataFrame(rows)


def test_equal_rows_are_the_same_load_in_every_form(db: DataFlow) -> None:
    table = fresh(db, Wide)
    rows = wide_rows(500)
    forms = {
        "dicts": rows,
        "generator": (row for row in rows),
        "instances": [table._cls(**row) for row in rows],
        "one batch": chunked(rows, 500),
        "small batches": chunked(rows, 7),
        "pandas": as_pandas(rows),
        "polars": as_polars(rows),
    }
    told = {name: table.bulk_create(data, load_id="x") for name, data in forms.items()}
    assert {name for name, result in told.items() if not result.replayed} == {"dicts"}
    assert {result.inserted for result in told.values()} == {500}
    stored = table.list(limit=None)
    assert len(stored) == 500
    for name, changed in {"arrow": chunked(rows[::-1], 7), "pandas": as_pandas(rows[::-1])}.items():
        with pytest.raises(errors.LoadMismatchError):
            table.bulk_create(changed, load_id="x")
        assert table.bulk_create(changed, load_id=f"turned {name}").inserted == 500


def test_rows_of_several_pieces_are_one_load(db: DataFlow) -> None:
    table = fresh(db, Item)
    rows = [{"code": f"c{n}", "size": n} for n in range(40_000)]
    assert table.bulk_create(chunked(rows, 40_000), load_id="x").inserted == 40_000
    assert table.bulk_create(rows, load_id="x").replayed
    rows[-1] = {"code": "c39999", "size": 0}
    with pytest.raises(errors.LoadMismatchError):
        table.bulk_create(rows, load_id="x")
    assert table.count() == 40_000


def test_a_default_made_for_each_row_is_no_input(db: DataFlow) -> None:
    import uuid

    from dataflow import field

    class Made:
        code: str
        mark: uuid.UUID = field(default_factory=uuid.uuid4)

    table = fresh(db, Made)
    assert [table.bulk_create([{"code": "a"}], load_id="x").replayed for _ in range(2)] == [False, True]
    assert table.count() == 1


@pytest.mark.parametrize("end", ["rolled back", "undone to a savepoint", "failed"])
def test_a_load_that_was_taken_back_was_not_done(db: DataFlow, items: Any, database: Database, end: str) -> None:
    items.bulk_create([{"code": "z"}], load_id="first")
    if end == "rolled back":
        with pytest.raises(ZeroDivisionError), db.transaction():
            items.bulk_create(ROWS, load_id="x")
            raise ZeroDivisionError
    elif end == "undone to a savepoint":
        with db.transaction():
            with pytest.raises(ZeroDivisionError), db.transaction():
                items.bulk_create(ROWS, load_id="x")
                raise ZeroDivisionError
            items.create(code="y")
    else:
        with pytest.raises(errors.UniqueViolationError):
            items.bulk_create([*ROWS, {"code": "z"}], load_id="x")
    assert [entry[2] for entry in entries(database, items)] == ["first"]
    assert not items.bulk_create(ROWS, load_id="x").replayed
    assert set(codes(items)) >= {"a", "b", "c"}


def test_a_load_is_done_with_the_transaction_around_it(db: DataFlow, items: Any) -> None:
    with db.transaction():
        first = items.bulk_create(ROWS, load_id="x")
        again = items.bulk_create(ROWS, load_id="x")
        items.bulk_delete({"code": "a"}, load_id="y")
    assert (first.replayed, again.replayed) == (False, True)
    assert [items.bulk_create(ROWS, load_id="x").replayed, codes(items)] == [True, ["b", "c"]]
    with db.transaction():
        assert items.bulk_delete({"code": "a"}, load_id="y").replayed
        items.create(code="after")
    assert codes(items) == ["after", "b", "c"]


@pytest.mark.parametrize("form", [list, iter])
@pytest.mark.parametrize("chunk_rows", [None, 1])
def test_after_a_mismatch_the_transaction_around_it_goes_on(
    db: DataFlow, items: Any, form: Any, chunk_rows: int | None
) -> None:
    """Nothing was written, however the rows came."""
    items.bulk_create(ROWS, load_id="x")
    with db.transaction():
        items.create(code="d")
        with pytest.raises(errors.LoadMismatchError) as caught:
            items.bulk_create(form(ROWS[:2]), load_id="x", chunk_rows=chunk_rows)
        items.create(code="e")
    assert (caught.value.path, caught.value.outcome) == ("load_id", None)
    assert codes(items) == ["a", "b", "c", "d", "e"]


def test_a_read_only_transaction_takes_no_load(db: DataFlow, items: Any) -> None:
    items.bulk_create(ROWS, load_id="x")
    with db.transaction(read_only=True), pytest.raises(errors.TransactionStateError):
        items.bulk_create(ROWS, load_id="x")


def test_the_first_load_of_a_database_may_be_inside_a_transaction(database: Database, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/new.db" if database.kind == "sqlite" else database.url
    with DataFlow(url, pool_size=2) as db:
        table = fresh(db, Item)
        with pytest.raises(ZeroDivisionError), db.transaction():
            table.bulk_create(ROWS, load_id="x")
            raise ZeroDivisionError
        with db.transaction():
            assert not table.bulk_create(ROWS, load_id="x").replayed
        assert table.bulk_create(ROWS, load_id="x").replayed


def test_two_tenants_have_loads_of_their_own(db: DataFlow, database: Database) -> None:
    table = fresh(db, Shared)
    for tenant, rows in {"a": ["x", "y"], "A": ["x"], "b": ["x", "y"]}.items():
        with db.tenant(tenant):
            data = [{"code": code} for code in rows]
            assert [table.bulk_create(data, load_id="x").replayed for _ in range(2)] == [False, True]
            assert codes(table) == rows
    assert [(entry[0], entry[4]) for entry in sorted(entries(database, table))] == [("A", 1), ("a", 2), ("b", 2)]
    with pytest.raises(errors.MissingTenantError):
        table.bulk_create([{"code": "z"}], load_id="x")


def test_two_tables_have_loads_of_their_own(db: DataFlow) -> None:
    first, second = fresh(db, Item), fresh(db, Item)
    assert [table.bulk_create(ROWS, load_id="x").replayed for table in (first, second)] == [False, False]
    assert codes(first) == codes(second) == ["a", "b", "c"]


def test_an_append_only_model_takes_loads(db: DataFlow) -> None:
    table = fresh(db, Logged)
    assert [table.bulk_create([{"code": "a"}], load_id="x").replayed for _ in range(2)] == [False, True]
    with pytest.raises(errors.AppendOnlyError):
        table.bulk_delete(keys=[1], load_id="y")
    assert table.count() == 1


def test_a_load_of_nothing_is_done_too(items: Any) -> None:
    assert [items.bulk_create([], load_id="x").replayed for _ in range(2)] == [False, True]
    with pytest.raises(errors.LoadMismatchError):
        items.bulk_create(ROWS, load_id="x")
    for number, call in enumerate((items.bulk_upsert, lambda rows, **o: items.bulk_update(data=rows, **o))):
        assert [call([], load_id=f"n{number}").replayed for _ in range(2)] == [False, True]


def test_a_replay_tells_of_no_changed_rows(db: DataFlow, items: Any) -> None:
    log = Log(db, "rows_changed")
    assert [items.bulk_create(ROWS, load_id="x").replayed for _ in range(3)] == [False, True, True]
    with db.transaction():
        assert items.bulk_create(ROWS, load_id="x").replayed
    assert [(event["operation"], event["rows"]) for event in log.settled()] == [("insert", 3)]


def test_ids_are_equal_byte_by_byte(items: Any) -> None:
    ids = ["x", "X", "x ", " x", "ẍ", "ä" * 255, "\U0001f600", "it's", "%", "\\"]
    for at, load_id in enumerate(ids):
        assert not items.bulk_create([{"code": f"c{at}"}], load_id=load_id).replayed, load_id
    for at, load_id in enumerate(ids):
        assert items.bulk_create([{"code": f"c{at}"}], load_id=load_id).replayed, load_id


@pytest.mark.parametrize("load_id", ["", "x" * 256, "a\0b", "a\nb", "\x7f", "\ud800", 7, b"x", True])
def test_an_id_that_is_none_is_refused(items: Any, load_id: Any) -> None:
    for call in (
        lambda: items.bulk_create(ROWS, load_id=load_id),
        lambda: items.bulk_upsert(ROWS, conflict_on="code", load_id=load_id),
        lambda: items.bulk_update({"code": "a"}, {"size": 1}, load_id=load_id),
        lambda: items.bulk_update(data=[{"id": 1}], load_id=load_id),
        lambda: items.bulk_delete({"code": "a"}, load_id=load_id),
        lambda: items.bulk_delete(keys=[1], load_id=load_id),
    ):
        with pytest.raises(errors.InvalidOptionError) as caught:
            call()
        assert caught.value.path == "load_id"
    assert items.count() == 0


def test_a_node_loads_once(db: DataFlow, items: Any) -> None:
    workflow = WorkflowBuilder(db)
    name = items._model.name
    workflow.add_node(f"{name}BulkCreateNode", "load", {"data": ROWS, "load_id": "x"})
    workflow.add_node(f"{name}BulkDeleteNode", "clear", {"filter": {"code": "a"}, "load_id": "y"})
    workflow.add_connection("load", "clear")
    told = [LocalRuntime().execute(workflow.build())[0] for _ in range(2)]
    assert [results["load"]["inserted"] for results in told] == [3, 3]
    assert [results["load"]["load_id"] for results in told] == ["x", "x"]
    assert [results["clear"].replayed for results in told] == [False, True]
    assert codes(items) == ["b", "c"]
