"""A load into an empty table whose indexes are made when the rows are in: however it ends, they are there."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Ref, Table, Unique, errors
from tests.database import Database
from tests.integration import bare, catalogue
from tests.integration.fresh import fresh, subclass

Rows = Iterator[dict[str, Any]]


class Item:
    __dataflow__ = {  # noqa: RUF012
        "unique": [["kind", "size"]],
        "indexes": [
            {"fields": ["kind", "-size"]},
            {"fields": ["size"], "unique": True, "where": {"note": "x"}},
            {"fields": ["note"], "where": {"size": {"$gt": 5}}},
        ],
    }
    id: int
    code: Annotated[str, MaxLength(20), Unique()]
    kind: Annotated[str, MaxLength(20)] = "k"
    size: int = 0
    note: Annotated[str, MaxLength(20)] = "-"


class Keyed:
    __dataflow__ = {"key": ["region", "no"], "soft_delete": True, "unique": [["name"]]}  # noqa: RUF012
    region: Annotated[str, MaxLength(20)]
    no: int
    name: Annotated[str, MaxLength(20)]


class Shared:
    __dataflow__ = {"multi_tenant": True, "indexes": [{"fields": ["name"]}]}  # noqa: RUF012
    name: Annotated[str, MaxLength(20)]


def rows(count: int = 200) -> Rows:
    return ({"code": f"c{n}", "size": n} for n in range(count))


def oddly_named(model: type[Any]) -> type[Any]:
    """A class like `model`; its last index has a name that is to be quoted, and that no other table has."""
    cls = subclass(model)
    *others, last = model.__dataflow__["indexes"]
    cls.__dataflow__ = {**model.__dataflow__, "indexes": [*others, {**last, "name": f'odd "{cls.__name__}" ü'}]}
    return cls


def form(database: Database, table: Table[Any]) -> list[Any]:
    return catalogue.form(database, table._model.table)


@pytest.fixture
def items(database: Database, db: DataFlow) -> Table[Any]:
    if database.kind == "mariadb":
        pytest.fail("these tests are for databases whose transactions take an index back")
    table = db.table(db.model(oddly_named(Item)))
    table.count()
    return table


transactional = pytest.mark.parametrize("database", ["postgres", "postgres18", "sqlite"], indirect=True)


@transactional
@pytest.mark.parametrize("source", ["list", "generator", "table", "nothing"])
def test_the_table_is_as_if_nothing_had_been_dropped(database: Database, items: Table[Any], source: str) -> None:
    before = form(database, items)
    data: dict[str, Any] = {"list": list(rows()), "generator": rows(), "nothing": []}
    data["table"] = pa.Table.from_pylist(list(rows()))
    chunks = {} if source == "list" else {"chunk_rows": 30}
    result = items.bulk_create(data[source], defer_indexes=True, return_rows=True, **chunks)
    count = 0 if source == "nothing" else 200
    assert (result.inserted, items.count()) == (count, count)
    assert form(database, items) == before
    new = items.create(code="new", size=1_000)
    assert result.rows is None or new.id > max((row.id for row in result.rows), default=0)
    with pytest.raises(errors.UniqueViolationError):
        items.create(code="new", size=1_001)
    with pytest.raises(errors.UniqueViolationError):
        items.create(id=new.id, code="other", size=1_001)


@transactional
@pytest.mark.parametrize("model", [Keyed, Shared])
def test_keys_of_several_columns_and_tenants(database: Database, db: DataFlow, model: type[Any]) -> None:
    table = fresh(db, model)
    with db.tenant("a"):
        table.count()
        before = form(database, table)
        data = [{"region": "r", "no": n, "name": f"n{n}"} if model is Keyed else {"name": f"n{n}"} for n in range(50)]
        assert table.bulk_create(data, defer_indexes=True).inserted == 50
    assert form(database, table) == before
    with db.tenant("b"), pytest.raises(errors.InvalidOptionError):
        table.bulk_create(data, defer_indexes=True)


@transactional
def test_a_table_with_rows_keeps_its_indexes(database: Database, items: Table[Any]) -> None:
    before = form(database, items)
    items.create(code="old")
    with pytest.raises(errors.InvalidOptionError, match="has rows already") as caught:
        items.bulk_create(rows(), defer_indexes=True)
    assert (caught.value.path, caught.value.outcome) == ("defer_indexes", "rolled back")
    assert (form(database, items), items.count()) == (before, 1)


def twice_code() -> Rows:
    yield from rows()
    yield {"code": "c7", "size": 1_000}


def twice_key() -> Rows:
    yield from ({"id": n % 199 + 1, **row} for n, row in enumerate(rows()))


def torn() -> Rows:
    yield from rows(100)
    raise LookupError("torn")


def wrong() -> Rows:
    yield from rows(100)
    yield {"code": 5}


FAILURES: dict[str, tuple[Callable[[], Rows], type[Exception]]] = {
    "twice": (twice_code, errors.UniqueViolationError),
    "key twice": (twice_key, errors.UniqueViolationError),
    "torn": (torn, LookupError),
    "wrong": (wrong, errors.WrongTypeError),
}


@transactional
@pytest.mark.parametrize("failure", FAILURES)
def test_an_error_leaves_the_table_empty_with_its_indexes(database: Database, items: Table[Any], failure: str) -> None:
    before = form(database, items)
    source, kind = FAILURES[failure]
    with pytest.raises(kind) as caught:
        items.bulk_create(source(), defer_indexes=True, chunk_rows=30)
    assert getattr(caught.value, "outcome", None) == "rolled back"
    assert (form(database, items), items.count()) == (before, 0)
    assert items.bulk_create(rows(), defer_indexes=True).inserted == 200


@transactional
def test_a_value_twice_is_told_by_the_name_of_its_constraint(items: Table[Any]) -> None:
    with pytest.raises(errors.UniqueViolationError) as at_once:
        items.bulk_create(twice_code())
    with pytest.raises(errors.UniqueViolationError) as late:
        items.bulk_create(twice_code(), defer_indexes=True)
    assert late.value.constraint == at_once.value.constraint == f"uq_{items._model.table}_code"


@transactional
def test_the_indexes_are_made_when_all_rows_are_in(items: Table[Any]) -> None:
    read: list[int] = []

    def source() -> Rows:
        for n, row in enumerate(rows()):
            read.append(n)
            yield {**row, "kind": f"k{n}", "size": 500, "note": "x"} if n in (3, 13) else row

    for deferred in (False, True):
        read.clear()
        with pytest.raises(errors.UniqueViolationError):
            items.bulk_create(source(), chunk_rows=10, defer_indexes=deferred)
        assert len(read) == (200 if deferred else 20)


@transactional
def test_inside_a_transaction_it_ends_with_it(database: Database, db: DataFlow, items: Table[Any]) -> None:
    before = form(database, items)
    with pytest.raises(LookupError), db.transaction():
        items.bulk_create(rows(), defer_indexes=True)
        assert items.count({"code": "c5"}) == 1
        raise LookupError
    assert (form(database, items), items.count()) == (before, 0)
    with db.transaction():
        with pytest.raises(LookupError):
            items.bulk_create(torn(), defer_indexes=True)
        items.create(code="usable")
    assert (form(database, items), items.count()) == (before, 1)


@transactional
def test_what_others_refer_to_stays(database: Database, db: DataFlow, items: Table[Any]) -> None:
    parent = items._model.cls
    refers = Annotated[int, Ref(parent.__name__)]
    child = db.table(db.model(type(f"Of{parent.__name__}", (), {"__annotations__": {"parent_id": refers}})))
    child.count()
    before = form(database, items), form(database, child)
    items.bulk_create(({"id": n + 1, **row} for n, row in enumerate(rows())), defer_indexes=True)
    child.bulk_create([{"parent_id": n} for n in range(1, 101)], defer_indexes=True)
    assert (form(database, items), form(database, child)) == before
    with pytest.raises(errors.ForeignKeyViolationError):
        child.create(parent_id=1_000)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_indexes_that_somebody_else_made_are_as_they_were(database: Database, items: Table[Any]) -> None:
    name = items._model.table
    bare.execute(
        database,
        f'CREATE INDEX "own_{name}" ON "{name}" USING hash (note) WITH (fillfactor = 70)',
        f'CREATE INDEX "sum_{name}" ON "{name}" ((size + 1) DESC NULLS LAST) INCLUDE (note) WHERE size > 3',
        f"""COMMENT ON INDEX "ix_{name}_kind_size" IS 'told'""",
        f'ALTER TABLE "{name}" CLUSTER ON "uq_{name}_code"',
        f'ALTER TABLE "{name}" ADD CONSTRAINT "late_{name}" UNIQUE (note, size) DEFERRABLE INITIALLY DEFERRED',
    )
    query = f"""
        SELECT c.relname, c.reloptions, i.indisclustered, pg_get_indexdef(i.indexrelid), d.description
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_description d ON d.objoid = c.oid
        WHERE i.indrelid = '"{name}"'::regclass ORDER BY 1"""
    before, whole = bare.execute(database, query), form(database, items)
    assert items.bulk_create(rows(), defer_indexes=True).inserted == 200
    assert (bare.execute(database, query), form(database, items)) == (before, whole)


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_where_a_drop_commits_it_is_refused(database: Database, db: DataFlow) -> None:
    table = db.table(db.model(oddly_named(Item)))
    table.count()
    before = form(database, table)
    with pytest.raises(errors.InvalidOptionError) as caught:
        table.bulk_create(rows(), defer_indexes=True)
    assert caught.value.path == "defer_indexes"
    assert (form(database, table), table.count()) == (before, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("atomic", False),
        ("duplicates", "first"),
        ("load_id", "x"),
        ("on_conflict", "ignore"),
        ("on_error", "skip"),
    ],
)
def test_what_needs_the_indexes_is_refused(db: DataFlow, name: str, value: Any) -> None:
    table = db.table(db.model(oddly_named(Item)))
    with pytest.raises(errors.InvalidOptionError) as caught:
        table.bulk_create(rows(), defer_indexes=True, **{name: value})
    assert (caught.value.path, table.count()) == (name, 0)
