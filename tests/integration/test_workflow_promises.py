"""What goes wrong in other frameworks and must not here: nothing is rewritten, lost, half done or passed over."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Optional

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Node, NodeRegistry, Unique, WorkflowBuilder, auto, errors, node
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts, execute

BATCH = 2_000


class Item:
    name: Annotated[str, MaxLength(100), Unique()]
    note: str = ""


@pytest.fixture(params=[False, True], ids=["LocalRuntime", "AsyncLocalRuntime"])
def awaited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def items(db: DataFlow, awaited: bool) -> Nodes:
    return Nodes(fresh(db, Item), awaited)


# --- text ---

TEXTS = [
    "please select from the menu, then drop table or delete it; -- update?",
    'it\'s "quoted" `text` \\ with % and _ and $1 and ? and :name',
    "'; DROP TABLE item; --",
    "/* comment */ <script>alert('x')</script> &amp;",
    "${other.name} {{ template }} {0} %s %(name)s $HOME",
    "  blanks before and after  ",
    "",
    " ",
    "one\ntwo\r\nthree\rfour\tfive",
    "Grüße, 你好, 🙂, e\u0301, \u00e9, \ufeff, \u200b",
    "null",
    "None",
    "true",
    "2024-01-01",
    '{"json": [1, 2]}',
]


def test_text_comes_back_unchanged(items: Nodes) -> None:
    for at, text in enumerate(TEXTS):
        made = items.run("Create", {"name": f"create {at}", "note": text})
        assert made["note"] == text
        assert items.run("Update", {"id": made["id"], "note": "-"})["note"] == "-"
        assert items.run("Update", {"filter": {"id": made["id"]}, "updates": {"note": text}})["note"] == text
        assert items.run("Upsert", {"data": {"id": made["id"], "note": text}})["note"] == text
        assert items.run("Read", {"id": made["id"]})["note"] == text
        assert items.run("Count", {"filter": {"note": text}}) == {"count": 1}
    assert [row["note"] for row in items.records()] == TEXTS


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert"])
def test_text_of_bulk_data_comes_back_unchanged(items: Nodes, operation: str) -> None:
    rows = [{"name": str(at), "note": text} for at, text in enumerate(TEXTS)]
    if operation == "BulkUpsert":
        rows = [{"id": at, **row} for at, row in enumerate(rows, 1)]
    items.run(operation, {"data": rows})
    assert [record["note"] for record in items.run("List")["records"]] == TEXTS


def test_text_goes_from_node_to_node_unchanged(items: Nodes) -> None:
    for at, text in enumerate(TEXTS):
        workflow = WorkflowBuilder()
        workflow.add_node("MergeNode", "given", {"text": text})
        workflow.add_node(items.name("Create"), "create", {"name": str(at)})
        workflow.add_connection("given", "first", "create", "note")
        assert execute(workflow.build(), awaited=items.awaited)["create"]["note"] == text


# --- bulk ---


@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert", "BulkUpdate"])
@pytest.mark.parametrize("keyword", ["records", "rows", "items", "values", "documents"])
def test_bulk_data_under_another_keyword_is_an_error(db: DataFlow, operation: str, keyword: str) -> None:
    items = Nodes(fresh(db, Item))
    refused = items.refuse(operation, {keyword: [{"name": "a"}, {"name": "b"}]})
    assert (type(refused), refused.path) == (errors.UnknownParameterError, f"node.{keyword}")
    assert items.records() == []


LAST: Mapping[str, tuple[Mapping[str, Any], type[errors.DataFlowError]]] = {
    "a name that is there": ({"name": "old", "note": "x"}, errors.UniqueViolationError),
    "a wrong type": ({"name": 5, "note": "x"}, errors.WrongTypeError),
    "a null": ({"name": "last", "note": None}, errors.NullValueError),
}
each_last = pytest.mark.parametrize("last", LAST)


@each_last
@pytest.mark.parametrize("operation", ["BulkCreate", "BulkUpsert"])
def test_no_row_stays_when_the_last_one_fails(items: Nodes, operation: str, last: str) -> None:
    row, error = LAST[last]
    items.run("Create", {"name": "old"})
    before = items.records()
    rows: list[dict[str, Any]] = [{"id": 10 + at, "name": f"n{at}", "note": "x"} for at in range(BATCH - 1)]
    assert type(items.refuse(operation, {"data": [*rows, {"id": 10 + BATCH, **row}]})) is error
    assert items.records() == before
    assert items.run(operation, {"data": rows})["inserted"] == BATCH - 1


@each_last
def test_no_row_changes_when_the_last_one_fails(items: Nodes, last: str) -> None:
    row, error = LAST[last]
    items.table.bulk_create([{"name": f"n{at}"} for at in range(BATCH)])
    items.table.create(name="old")
    before = items.records()
    rows = [{"id": row["id"], "note": "changed"} for row in before[: BATCH - 1]]
    assert type(items.refuse("BulkUpdate", {"data": [*rows, {"id": before[BATCH - 1]["id"], **row}]})) is error
    assert items.records() == before
    assert items.run("BulkUpdate", {"data": rows})["updated"] == BATCH - 1


def test_every_row_of_a_big_update_changes(items: Nodes) -> None:
    items.table.bulk_create([{"name": f"n{at}"} for at in range(BATCH)])
    rows = [{"id": row["id"], "note": f"new {row['name']}"} for row in items.records()]
    assert counts(items.run("BulkUpdate", {"data": rows})) == {"updated": BATCH}
    assert all(row["note"] == f"new {row['name']}" for row in items.records())


def test_fields_of_later_rows_are_not_lost(items: Nodes) -> None:
    items.run("BulkCreate", {"data": [{"name": "a"}, {"name": "b", "note": "later"}]})
    assert [row["note"] for row in items.records()] == ["", "later"]


# --- keys and arguments ---


class Ticket:
    __dataflow__ = {"key": "no"}  # noqa: RUF012
    no: int = auto()
    title: str


def test_create_update_and_delete_take_the_same_kinds_of_arguments(db: DataFlow, awaited: bool) -> None:
    tickets = Nodes(fresh(db, Ticket), awaited)
    made = [
        tickets.run("Create", {"title": "flat"}),
        tickets.run("Create", {"data": {"title": "data"}}),
        tickets.run("Create", {"data": tickets.table._cls(title="instance")}),
    ]
    keys = [row["no"] for row in made]
    assert keys == sorted(set(keys))
    assert tickets.records() == made
    assert tickets.run("Update", {"no": keys[0], "title": "flat 2"})["title"] == "flat 2"
    assert tickets.run("Update", {"data": {"no": keys[1], "title": "data 2"}})["title"] == "data 2"
    assert tickets.run("Update", {"filter": {"no": keys[2]}, "updates": {"title": "filter 2"}})["title"] == "filter 2"
    assert [tickets.run("Read", {"no": no})["title"] for no in keys] == ["flat 2", "data 2", "filter 2"]
    assert tickets.run("Delete", {"no": keys[0]}) == {"deleted": 1}
    assert tickets.run("Delete", {"filter": {"no": keys[1]}}) == {"deleted": 1}
    assert tickets.run("Delete", {"key": keys[2]}) == {"deleted": 1}
    assert tickets.records() == []


def test_an_update_of_a_row_that_is_not_there_fails(items: Nodes) -> None:
    assert type(items.refuse("Update", {"id": 9, "note": "x"})) is errors.NotFoundError
    assert type(items.refuse("Delete", {"id": 9})) is errors.NotFoundError


def test_the_limit_is_the_same_in_node_and_call(items: Nodes) -> None:
    items.table.bulk_create([{"name": f"n{at}"} for at in range(150)])
    found = items.run("List", {"total": True})
    assert (found["count"], len(found["records"]), found["total"]) == (100, 100, 150)
    assert len(items.table.list()) == 100
    assert items.run("List", {"limit": None})["count"] == len(items.table.list(limit=None)) == 150


# --- failures ---


class Broken(Node):
    def run(self) -> dict[str, Any]:
        raise ValueError("broken")


@node
def broken() -> dict[str, Any]:
    raise ValueError("broken")


@node
async def broken_later() -> dict[str, Any]:
    raise ValueError("broken")


@pytest.mark.parametrize("kind", [Broken, broken, broken_later], ids=["class", "function", "coroutine"])
def test_a_leaf_that_raises_fails_the_run(items: Nodes, kind: Any) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(items.name("Create"), "create", {"name": "kept"})
    workflow.add_node(kind, "leaf")
    workflow.add_connection("create", "leaf")
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(workflow.build(), awaited=items.awaited)
    error = caught.value
    assert (error.node, error.stands, type(error.__cause__)) == ("leaf", ("create",), ValueError)
    assert "broken" not in error.message
    assert error.results["create"]["name"] == "kept"


# --- two databases ---


class Order:
    name: str


@pytest.fixture
def other(tmp_path: Path) -> Iterator[DataFlow]:
    with closing(DataFlow(f"sqlite:///{tmp_path}/other.db")) as db:
        yield db


def stored(db: DataFlow, kind: type[Any] = Order) -> list[str]:
    return [row.name for row in db.table(kind).list()]


def create(source: DataFlow | None, name: str) -> None:
    workflow = WorkflowBuilder(source)
    workflow.add_node("OrderCreateNode", "create", {"name": name})
    execute(workflow.build())


def test_a_name_of_two_databases_is_decided_by_the_builder(db: DataFlow, other: DataFlow) -> None:
    for one in (db, other):
        one.model(Order)
        one.table(Order).bulk_delete({}, all_rows=True)
    create(db, "here")
    create(other, "there")
    with pytest.raises(errors.AmbiguousNodeError) as caught:
        create(None, "lost")
    assert caught.value.path == "OrderCreateNode"
    assert (stored(db), stored(other)) == (["here"], ["there"])


def test_classes_of_one_name_keep_their_own_fields(db: DataFlow, other: DataFlow) -> None:
    """The second one does not take the place of the first."""
    namesake: Any = type("Order", (), {"__annotations__": {"code": str}, "__module__": __name__})
    db.model(Order)
    other.model(namesake)
    db.table(Order).bulk_delete({}, all_rows=True)
    workflow = WorkflowBuilder(other)
    workflow.add_node("OrderCreateNode", "create", {"code": "c"})
    assert execute(workflow.build())["create"] == {"id": 1, "code": "c"}
    create(db, "here")
    assert stored(db) == ["here"]
    with pytest.raises(errors.UnknownParameterError):
        create(other, "there")


def test_closing_a_database_takes_its_nodes_out(db: DataFlow, other: DataFlow) -> None:
    for one in (db, other):
        one.model(Order)
        one.table(Order).bulk_delete({}, all_rows=True)
    assert "OrderCreateNode" in NodeRegistry.list()
    db.close()
    create(None, "there")
    assert stored(other) == ["there"]
    other.close()
    other.model(Hints)  # also a model that comes later brings none back
    assert not [name for name in NodeRegistry.list() if name.startswith(("Order", "Hints"))]
    with pytest.raises(errors.UnknownNodeError):
        create(None, "nowhere")


async def test_an_awaited_close_takes_the_nodes_out(other: DataFlow) -> None:
    other.model(Order)
    assert "OrderCreateNode" in NodeRegistry.list()
    await other.aclose()
    assert "OrderCreateNode" not in NodeRegistry.list()


def test_a_forgotten_database_is_no_place_to_look() -> None:
    def forget() -> None:
        db = DataFlow("sqlite:///:memory:")
        db.model(type("Forgotten", (), {"__annotations__": {"name": str}, "__module__": __name__}))
        assert "ForgottenCreateNode" in NodeRegistry.list()

    forget()
    gc.collect()
    assert "ForgottenCreateNode" not in NodeRegistry.list()


# --- hints ---


class Hints:
    """Four ways to say the same."""

    optional: Optional[list[str]] = None  # noqa: UP045
    union: list[str] | None = None
    annotated: Annotated[list[str] | None, "a note"] = None
    inside: Annotated[Optional[list[str]], "a note"] = None  # noqa: UP045


WAYS = ("optional", "union", "annotated", "inside")
VALUES: tuple[list[str] | None, ...] = (["a", "b"], [], None)


def alike(value: object) -> dict[str, Any]:
    return dict.fromkeys(WAYS, value)


def ways_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in WAYS}


def test_hints_that_mean_the_same_are_the_same_for_one_row(db: DataFlow, awaited: bool) -> None:
    hints = Nodes(fresh(db, Hints), awaited)
    assert ways_of(hints.run("Create", {})) == alike(None)
    for value in VALUES:
        key = hints.run("Create", alike(value))["id"]
        assert ways_of(hints.run("Read", {"id": key})) == alike(value)
        assert ways_of(hints.run("Update", {"id": key, **alike(["x"])})) == alike(["x"])
        assert ways_of(hints.run("Update", {"filter": {"id": key}, "updates": alike(value)})) == alike(value)
        assert ways_of(hints.run("Create", {"data": hints.table._cls(**alike(value))})) == alike(value)
        assert ways_of(hints.run("Upsert", {"id": key, **alike(value)})) == alike(value)


def test_hints_that_mean_the_same_are_the_same_for_many_rows(db: DataFlow, awaited: bool) -> None:
    hints = Nodes(fresh(db, Hints), awaited)
    rows = [{"id": at, **alike(value)} for at, value in enumerate(VALUES, 1)]
    lists = pa.list_(pa.string())
    schema = pa.schema([("id", pa.int64()), *((name, lists) for name in WAYS)])
    for operation, data in {"BulkCreate": rows, "BulkUpdate": rows, "BulkUpsert": rows}.items():
        for given in (data, pa.Table.from_pylist(data, schema=schema)):
            assert hints.run(operation, {"data": given, **({"on_conflict": "update"} if "C" in operation else {})})
            assert hints.records() == rows


def test_filters_of_hints_that_mean_the_same_find_the_same(db: DataFlow, awaited: bool) -> None:
    hints = Nodes(fresh(db, Hints), awaited)
    hints.run("BulkCreate", {"data": [alike(value) for value in VALUES]})
    for name in WAYS:
        for filter, count in (({name: {"$contains": ["a"]}}, 1), ({name: None}, 1), ({name: {"$ne": None}}, 2)):
            assert hints.run("Count", {"filter": filter}) == {"count": count}, name
        refused = hints.refuse("Create", {name: "text"})
        assert (type(refused), refused.path) == (errors.WrongTypeError, name)
