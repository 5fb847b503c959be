"""Fields of a model may be called like parameters of its nodes, or like what other frameworks keep for themselves."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, errors
from dataflow.nodes.generated import OPERATIONS
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts

Given = Mapping[str, Any]


class Document:
    """With an id that is a text."""

    id: Annotated[str, MaxLength(10)]
    name: str
    description: str = "none"
    version: str = "1.0"
    tags: list[str] = []  # noqa: RUF012
    author: str | None = None
    metadata: str = "-"
    timeout: float = 1.5
    retry: int = 3
    node_id: int = 0
    run_id: int = 0
    workflow: str = "-"
    source: str = "-"
    model: str = "-"
    table: str = "-"
    run: str = "-"
    parameters: str = "-"
    created: bool = True
    self: str = "-"


DOCUMENT = {
    "id": "d1",
    "name": "Tea",
    "description": "about tea",
    "version": "2.0",
    "tags": ["green", "black"],
    "author": "me",
    "metadata": "m",
    "timeout": 0.5,
    "retry": 1,
    "node_id": 7,
    "run_id": 8,
    "workflow": "w",
    "source": "s",
    "model": "m",
    "table": "t",
    "run": "r",
    "parameters": "p",
    "created": False,
    "self": "me",
}
CHANGED = {**DOCUMENT, "name": "Pot", "version": "3.0", "tags": [], "timeout": 9.0, "retry": 2, "self": "you"}

# Every parameter of the nodes for one row, and their other spellings.
PARAMETERS = ("filter", "data", "key", "updates", "conditions", "update", "fields", "hard", "conflict_on")
PARAMETERS += ("update_fields", "raise_on_not_found", "include_deleted", "order_by", "limit", "offset", "total", "keys")


def make_ledger() -> type[Any]:
    """A model all of whose fields are called like parameters."""
    fields = {"id": int, **dict.fromkeys(PARAMETERS, str)}
    return type("Ledger", (), {"__annotations__": fields, "__module__": __name__, **dict.fromkeys(PARAMETERS, "-")})


LEDGER = {"id": 1, **{name: f"the {name}" for name in PARAMETERS}}
NEWER = {"id": 1, **{name: f"a new {name}" for name in PARAMETERS}}


@pytest.fixture(params=[False, True], ids=["LocalRuntime", "AsyncLocalRuntime"])
def awaited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def documents(db: DataFlow, awaited: bool) -> Nodes:
    return Nodes(fresh(db, Document), awaited)


@pytest.fixture
def ledgers(db: DataFlow, awaited: bool) -> Nodes:
    return Nodes(fresh(db, make_ledger()), awaited)


def test_flat_fields_may_be_called_like_metadata(documents: Nodes) -> None:
    assert documents.run("Create", DOCUMENT) == DOCUMENT
    assert documents.run("Read", {"id": "d1"}) == DOCUMENT
    assert documents.run("Update", CHANGED) == CHANGED
    assert documents.run("Upsert", DOCUMENT) == DOCUMENT
    assert documents.run("Upsert", {**CHANGED, "id": "d2"})["self"] == "you"
    assert documents.run("Delete", {"id": "d2"}) == {"deleted": 1}
    assert documents.records() == [DOCUMENT]


def test_bulk_data_and_filters_may_be_called_like_metadata(documents: Nodes) -> None:
    assert counts(documents.run("BulkCreate", {"data": [DOCUMENT]})) == {"inserted": 1}
    for name, value in DOCUMENT.items():
        filter = {name: {"$contains": value} if name == "tags" else value}
        assert documents.run("Count", {"filter": filter}) == {"count": 1}, name
        assert documents.run("List", {"filter": filter, "fields": [name], "order_by": "id"})["records"] == [
            {name: value}
        ]
    assert counts(documents.run("BulkUpdate", {"data": [CHANGED]})) == {"updated": 1}
    updates = {name: value for name, value in DOCUMENT.items() if name != "id"}
    assert documents.run("BulkUpdate", {"filter": {"version": "3.0"}, "updates": updates})["updated"] == 1
    assert counts(documents.run("BulkUpsert", {"data": [CHANGED, {**CHANGED, "id": "d2"}]})) == {
        "inserted": 1,
        "updated": 1,
    }
    assert documents.records() == [CHANGED, {**CHANGED, "id": "d2"}]
    assert documents.run("BulkDelete", {"filter": {"self": "you"}})["deleted"] == 2


def test_data_may_have_fields_called_like_parameters(ledgers: Nodes) -> None:
    assert ledgers.run("Create", {"data": LEDGER}) == LEDGER
    assert ledgers.run("Update", {"data": NEWER}) == NEWER
    assert ledgers.run("Update", {"key": 1, "updates": {"data": "the data"}})["data"] == "the data"
    assert ledgers.run("Update", {"filter": {"filter": "a new filter"}, "updates": LEDGER}) == LEDGER
    assert ledgers.run("Upsert", {"data": NEWER}) == {**NEWER, "created": False}
    assert ledgers.run("Read", {"key": 1}) == NEWER
    assert counts(ledgers.run("BulkUpsert", {"data": [LEDGER]})) == {"updated": 1}
    assert ledgers.run("List", {"filter": {"limit": "the limit"}, "fields": ["fields"]})["records"] == [
        {"fields": "the fields"}
    ]
    assert ledgers.run("Delete", {"filter": {"key": "the key"}}) == {"deleted": 1}


@pytest.mark.parametrize("operation", ["Create", "Update", "Upsert"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_a_flat_field_is_stored_or_taken_for_the_parameter_and_refused(db: DataFlow, operation: str, name: str) -> None:
    """Never is it passed over: what is not stored raises."""
    ledgers = Nodes(fresh(db, make_ledger()))
    ledgers.run("Create", {"data": {"id": 1}})
    key = 2 if operation == "Create" else 1
    signature = OPERATIONS[operation]._own_signature().parameters
    if name in signature or name in OPERATIONS[operation].aliases:
        assert isinstance(ledgers.refuse(operation, {"id": key, name: "value"}), errors.DataFlowError)
        assert ledgers.records() == [{"id": 1, **dict.fromkeys(PARAMETERS, "-")}]
    else:
        assert ledgers.run(operation, {"id": key, name: "value"})[name] == "value"
        assert ledgers.table.read(key) == ledgers.table._cls(**{"id": key, name: "value"})


class Entry:
    name: str = "-"
    data: str | None = "default"


@pytest.mark.parametrize("operation", ["Create", "Update", "Upsert"])
@pytest.mark.parametrize("given", [{}, {"name": "new"}], ids=["alone", "beside a field"])
def test_null_for_a_field_called_data_is_never_passed_over(db: DataFlow, operation: str, given: Given) -> None:
    entries = Nodes(fresh(db, Entry))
    entries.run("Create", {"id": 1})
    key = {} if operation == "Create" else {"id": 1}
    refused = entries.refuse(operation, {**key, **given, "data": None})
    assert (type(refused), refused.path) == (errors.InvalidParameterError, "data")
    assert entries.records() == [{"id": 1, "name": "-", "data": "default"}]
    assert entries.run(operation, {"data": {**key, **given, "data": None}})["data"] is None
