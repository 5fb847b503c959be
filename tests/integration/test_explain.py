"""What `explain` tells of reads: the statement that is sent, what the database does for it, and the index it lacks."""

import json
from contextlib import closing
from decimal import Decimal
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Precision, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

COUNT = 2_000
SECRET = "v4lue-of-a-row"


class Product:
    __dataflow__ = {"indexes": [{"fields": ["kind", "-price"]}]}  # noqa: RUF012
    kind: Annotated[str, MaxLength(40)]
    price: Annotated[Decimal, Precision(12, 2)]
    size: int
    note: str = "-"


class Shared(Product):
    __dataflow__ = {"multi_tenant": True, "soft_delete": True}  # noqa: RUF012


@pytest.fixture
def products(database: Database, db: DataFlow) -> Table[Any]:
    table = fresh(db, Product)
    table.bulk_create([{"kind": f"k{at % 50}", "price": Decimal(at), "size": at} for at in range(COUNT)])
    bare.execute(database, analyze(database, table))
    return table


def analyze(database: Database, table: Table[Any]) -> str:
    """Has the database look at what a table holds."""
    return f"ANALYZE {'TABLE ' if database.kind == 'mariadb' else ''}{table._model.table}"


def sent(db: DataFlow, read: Any) -> str:
    """The statement of a read."""
    log = Log(db, "statement")
    read()
    return str(log.settled()[-1]["sql"])


READS: list[tuple[dict[str, Any], str]] = [
    ({"filter": {"kind": "k1"}, "order_by": "-price", "limit": 7}, "list"),
    ({"fields": ["kind"], "distinct": True, "total": "exact", "offset": 3}, "list"),
    ({"filter": {"size": {"$in": [*range(60)]}}, "limit": None}, "list"),
    ({"filter": {"size": 5}, "operation": "count"}, "count"),
    ({"pipeline": [{"$match": {"size": {"$lt": 9}}}, {"$group": {"_id": "$kind", "n": {"$count": {}}}}]}, "aggregate"),
]


@pytest.mark.parametrize(("given", "operation"), READS, ids=str)
def test_the_statement_is_that_of_the_read(db: DataFlow, products: Table[Any], given: Any, operation: str) -> None:
    told = products.explain(**given)
    plain = {name: value for name, value in given.items() if name != "operation"}
    read = {"list": products.list, "count": products.count, "aggregate": products.aggregate}[operation]
    assert told.sql == sent(db, lambda: read(**plain))
    assert (told.operation, told.model, told.tenant_predicate) == (operation, products._model.name, False)
    assert all(parameter.value is None for parameter in told.parameters)


def test_the_next_page_is_explained_as_it_is_read(db: DataFlow, products: Table[Any]) -> None:
    page = products.list(order_by="size", limit=5)
    following = products.list(order_by="size", limit=5, after=page.next)
    for place in ({"after": page.next}, {"before": following.previous}):
        told = products.explain(order_by="size", limit=5, **place)
        assert told.sql == sent(db, lambda place=place: products.list(order_by="size", limit=5, **place))
    with pytest.raises(errors.InvalidCursorError):
        products.explain(order_by="-size", limit=5, after=page.next)


def test_an_index_is_named_where_rows_are_looked_up(products: Table[Any]) -> None:
    told = products.explain({"kind": "k1"}, order_by="-price", limit=5)
    (index,) = told.indexes
    assert index.startswith("ix_")
    assert (told.walked, told.scanned, told.missing_index) == ((), (), None)
    by_key = products.explain({"id": 7})
    assert (len(by_key.indexes), by_key.scanned, by_key.missing_index) == (1, (), None)


def test_an_index_that_is_missing_helps_when_it_is_made(database: Database, products: Table[Any]) -> None:
    given: dict[str, Any] = {"filter": {"size": 7, "note": {"$ne": "x"}}, "limit": 5}
    told = products.explain(**given)
    assert told.indexes == ()
    assert told.missing_index is not None
    assert told.missing_index.fields == ("size",)
    bare.execute(database, told.missing_index.sql.replace("`", '"'), analyze(database, products))
    made = products.explain(**given)
    assert made.indexes == (f"ix_{products._model.table}_size",)
    assert (made.scanned, made.missing_index) == ((), None)


def test_equal_fields_come_before_the_order_in_a_missing_index(products: Table[Any]) -> None:
    told = products.explain({"size": {"$gte": 5}, "note": "-"}, order_by="-size")
    assert told.missing_index is None, "a text without MaxLength is in no index"
    told = products.explain({"size": {"$gte": 5}}, order_by=["-size", "price"])
    assert told.missing_index is not None
    assert told.missing_index.fields == ("-size", "price")
    for filter in ({"$or": [{"size": 1}, {"note": "x"}]}, {"size": {"$ne": 1}}, {"note": {"$contains": "x"}}):
        assert products.explain(filter, operation="count").missing_index is None


def test_rows_are_counted_where_it_is_analyzed(database: Database, products: Table[Any]) -> None:
    given: dict[str, Any] = {"filter": {"kind": "k1"}, "order_by": "-price"}
    told = products.explain(**given)
    assert told.actual_rows is None
    assert (told.estimated_rows is None) == (database.kind == "sqlite")
    if told.estimated_rows is not None:
        assert COUNT / 50 / 4 <= told.estimated_rows <= COUNT / 50 * 4
    assert products.explain(**given, analyze=True).actual_rows == COUNT / 50
    # One more than the page has tells that there is another.
    assert products.explain(**given, limit=10, analyze=True).actual_rows == 11
    groups = products.explain(pipeline=[{"$group": {"_id": "$kind"}}, {"$match": {"_id": {"$lt": "k2"}}}], analyze=True)
    assert groups.actual_rows == 12
    assert products.explain({"size": -1}, analyze=True).actual_rows == 0
    assert products.count() == COUNT


def test_values_are_shown_only_where_they_are_asked_for(products: Table[Any]) -> None:
    filter = {"kind": {"$gte": SECRET}, "note": SECRET, "size": {"$in": [77_001, 77_002]}}
    told = products.explain(filter, analyze=True)
    for text in (str(told), told._repr_html_(), repr(told), json.dumps(told.plan)):
        assert SECRET not in text
        assert "77001" not in text
    told = products.explain(filter, values=True)
    assert str(told.parameters[0].value).startswith(f"'{SECRET}'")
    assert SECRET in str(told)


def test_the_tenant_is_in_the_statement_and_not_shown(db: DataFlow) -> None:
    table = fresh(db, Shared)
    with pytest.raises(errors.MissingTenantError):
        table.explain()
    with db.tenant(SECRET):
        table.bulk_create([{"kind": "k", "price": 1, "size": at} for at in range(5)])
        told = table.explain({"size": 3}, analyze=True)
        assert (told.tenant_predicate, told.actual_rows) == (True, 1)
        assert SECRET not in str(told) + repr(told)
        assert "deleted_at" in told.sql
        assert told.sql == sent(db, lambda: table.list({"size": 3}))
        missing = told.missing_index
        assert missing is not None, "an index that begins with the tenant finds all its rows"
        assert "tenant_id" in missing.sql
        assert missing.fields == ("size",)
        assert table.explain({"kind": "k"}).missing_index is None
    with db.tenant("other"):
        assert table.explain({"size": 3}, analyze=True).actual_rows == 0


def test_it_sees_what_its_transaction_has_written(db: DataFlow, products: Table[Any]) -> None:
    with db.transaction():
        products.create(kind="new", price=1, size=1)
        assert products.explain({"kind": "new"}, analyze=True).actual_rows == 1


async def test_it_is_awaited(products: Table[Any]) -> None:
    told = await products.aexplain({"kind": "k1"}, limit=3)
    assert told == products.explain({"kind": "k1"}, limit=3)


def test_it_is_readable(products: Table[Any]) -> None:
    told = products.explain({"size": 5}, order_by="price")
    lines = str(told).splitlines()
    assert lines[0] == f"{products._model.name}.list on {told.database}"
    assert any(line.startswith("  statement   /* ") for line in lines)
    assert any(line.startswith("  missing     CREATE INDEX") for line in lines)
    assert lines[lines.index("  plan") + 1].startswith("    ")
    html = told._repr_html_()
    assert html.startswith("<table>")
    assert "/* " in html


def test_rows_are_a_table_in_a_notebook(products: Table[Any]) -> None:
    products.create(kind="<b>&", price=1, size=-1)
    html = products.list({"size": {"$lt": 30}}, order_by="size", limit=None)._repr_html_()
    assert "&lt;b&gt;&amp;" in html
    assert (html.count("<tr>"), "20 of 31 rows" in html) == (21, True)
    assert "<p>0 rows</p>" in products.list({"size": -9})._repr_html_()


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"operation": "aggregate"}, "operation"),
        ({"operation": "count", "limit": 5}, "limit"),
        ({"operation": "count", "order_by": "size"}, "order_by"),
        ({"pipeline": [], "filter": {"size": 1}}, "filter"),
        ({"pipeline": [], "operation": "count"}, "operation"),
        ({"analyze": 1}, "analyze"),
        ({"values": "no"}, "values"),
    ],
    ids=str,
)
def test_explain_refuses(products: Table[Any], given: Any, path: str) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        products.explain(**given)
    assert caught.value.path == path


def test_an_unknown_field_is_refused_as_by_the_read(database: Database, products: Table[Any]) -> None:
    for given in ({"filter": {"sise": 1}}, {"order_by": "sise"}, {"pipeline": [{"$match": {"sise": 1}}]}):
        with pytest.raises(errors.UnknownFieldError):
            products.explain(**given)
    with closing(DataFlow(database.url)) as closed:
        table = closed.table(closed.model(products._cls))
    with pytest.raises(errors.ClosedError):
        table.explain()
