"""No parameter of a node is decoration: with it something else happens than without it, or it is refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import pytest

from dataflow import BulkResult, DataFlow, MaxLength, NodeRegistry, Records, Unique, errors
from dataflow.nodes.generated import OPERATIONS
from tests.integration.fresh import fresh
from tests.integration.nodes import Nodes, counts

Given = Mapping[str, Any]


class Item:
    __dataflow__ = {"soft_delete": True}  # noqa: RUF012
    name: Annotated[str, MaxLength(20), Unique()]
    qty: int = 5


class Case(NamedTuple):
    """With `beside` alone something happens; with `value` for the parameter too, something else."""

    value: Any
    beside: Given = MappingProxyType({})


# Every key that a case gives.
GIVEN = (1, 2, 3, 4, -7, -8, -9)
NEW = [{"name": "n", "qty": 1}]
TWICE = [{"id": -8, "name": "n"}, {"id": -8, "name": "n"}]
TAKEN = [{"id": -8, "name": "a", "qty": 9}]
CHANGED = [{"id": 1, "name": "a", "qty": 9}]
MISSING = [{"id": -9, "qty": 9}]
# With another value than the default each means something else, or is refused.
LATER = {
    "load_id": "x",
    "batch_size": 10,
    "parallel": 2,
}


def later(beside: Given) -> dict[str, Case]:
    return {name: Case(value, beside) for name, value in LATER.items()}


def bad_rows(name: str, rows: list[Any]) -> dict[str, Case]:
    """Options about rows that are refused; one of the rows is."""
    return {
        "on_error": Case("skip", {name: rows}),
        "reject_limit": Case(0, {name: rows, "on_error": "skip"}),
    }


def pieces(name: str, good: Any, bad: Any, cut: Case) -> dict[str, Case]:
    """Options of rows that come in pieces: the second of two pieces is refused, and the first may stand."""
    return {
        "chunk_rows": cut,
        "atomic": Case(False, {name: [good, bad], "chunk_rows": 1}),
        "progress": Case("yes", {name: [good]}),
    }


def twice(*names: str, case: Case) -> dict[str, Case]:
    """A parameter and its other spellings."""
    return dict.fromkeys(names, case)


CASES: Mapping[str, Mapping[str, Case]] = {
    "Create": {
        "data": Case({"name": "n"}),
        "id": Case(-7, {"name": "n"}),
        "name": Case("n"),
        "qty": Case(6, {"name": "n"}),
        "deleted_at": Case("2024-01-01T00:00:00Z", {"name": "n"}),
    },
    "Read": {
        "key": Case(1),
        "id": Case(1),
        "raise_on_not_found": Case(False, {"id": -9}),
        "include": Case("others", {"id": 1}),
        "include_deleted": Case(True, {"id": 4}),
        "name": Case("a", {"id": 1}),
        "qty": Case(1, {"id": 1}),
        "deleted_at": Case(None, {"id": 1}),
    },
    "Update": {
        **twice("filter", "conditions", case=Case({"id": 1}, {"updates": {"qty": 9}})),
        **twice("updates", "update", "fields", case=Case({"qty": 9}, {"id": 1})),
        "key": Case(1, {"updates": {"qty": 9}}),
        "data": Case({"qty": 9}, {"key": 1}),
        "id": Case(1, {"updates": {"qty": 9}}),
        "name": Case("n", {"id": 1}),
        "qty": Case(9, {"id": 1}),
        "deleted_at": Case("2024-01-01T00:00:00Z", {"id": 1}),
    },
    "Delete": {
        **twice("filter", "conditions", case=Case({"id": 1})),
        "key": Case(1),
        "hard": Case(True, {"id": 1}),
        "id": Case(1),
        "name": Case("a", {"id": 1}),
        "qty": Case(1, {"id": 1}),
        "deleted_at": Case(None, {"id": 1}),
    },
    "Upsert": {
        "data": Case({"id": 1, "qty": 9}),
        "conflict_on": Case("name", {"id": -8, "name": "a", "qty": 9}),
        "update_fields": Case("name", {"id": 1, "qty": 9}),
        "updates": Case({"$inc": {"qty": 7}}, {"id": 1, "name": "a"}),
        "id": Case(1, {"name": "n"}),
        "name": Case("n", {"id": 1}),
        "qty": Case(9, {"id": 1}),
        "deleted_at": Case("2024-01-01T00:00:00Z", {"id": 1}),
    },
    "List": {
        **twice("filter", "conditions", case=Case({"id": 1})),
        "order_by": Case("-name"),
        "limit": Case(1),
        "offset": Case(1),
        "after": Case("x"),
        "before": Case("x"),
        "distinct": Case(True),
        "fields": Case(["name"]),
        "include_deleted": Case(True),
        "total": Case(True),
        "include": Case("others"),
    },
    "Count": {
        **twice("filter", "conditions", case=Case({"id": 1})),
        "include_deleted": Case(True),
    },
    "Aggregate": {
        "pipeline": Case([{"$match": {"id": 1}}], {"pipeline": []}),
        "include_deleted": Case(True, {"pipeline": []}),
    },
    "BulkCreate": {
        "data": Case(NEW),
        **twice("on_conflict", "conflict_resolution", case=Case("update", {"data": CHANGED})),
        "conflict_on": Case("name", {"data": [{"name": "a", "qty": 9}], "on_conflict": "update"}),
        "duplicates": Case("first", {"data": TWICE}),
        "return_rows": Case(True, {"data": NEW}),
        "defer_indexes": Case(True, {"data": NEW}),
        **pieces("data", NEW[0], {"name": 5}, Case(1, {"data": TWICE, "duplicates": "last"})),
        **bad_rows("data", [{"name": "n", "qty": "x"}, *NEW]),
        **later({"data": NEW}),
    },
    "BulkUpdate": {
        **twice("filter", "conditions", case=Case({"id": 1}, {"updates": {"qty": 9}})),
        **twice("updates", "update", "fields", case=Case({"qty": 9}, {"filter": {"id": 1}})),
        "data": Case(CHANGED),
        "on_missing": Case("skip", {"data": MISSING}),
        "duplicates": Case("first", {"data": CHANGED * 2}),
        "return_rows": Case(True, {"data": CHANGED}),
        "max_affected": Case(1, {"filter": {"id": {"$gt": 1}}, "updates": {"qty": 9}}),
        "dry_run": Case(True, {"filter": {"id": 1}, "updates": {"qty": 9}}),
        "all_rows": Case(True, {"updates": {"qty": 9}}),
        **pieces("data", CHANGED[0], {"id": 2, "qty": "bad"}, Case(1, {"data": CHANGED * 2, "duplicates": "last"})),
        **bad_rows("data", [{"id": "x"}, *CHANGED]),
        **later({"data": CHANGED}),
    },
    "BulkDelete": {
        **twice("filter", "conditions", case=Case({"id": 1})),
        "keys": Case([1]),
        "max_affected": Case(1, {"filter": {"id": {"$gt": 1}}}),
        "dry_run": Case(True, {"filter": {"id": 1}}),
        "return_rows": Case(True, {"keys": [1]}),
        "hard": Case(True, {"keys": [1]}),
        "all_rows": Case(True),
        **pieces("keys", 1, "bad", Case(0, {"keys": [1]})),
        **bad_rows("keys", ["x", 1]),
        **later({"keys": [1]}),
    },
    "BulkUpsert": {
        "data": Case([{"id": -8, "name": "n"}]),
        **twice("on_conflict", "conflict_resolution", case=Case("ignore", {"data": CHANGED})),
        "conflict_on": Case("name", {"data": TAKEN}),
        "update_fields": Case("name", {"data": CHANGED}),
        "duplicates": Case("first", {"data": TWICE}),
        "return_rows": Case(True, {"data": CHANGED}),
        **pieces("data", CHANGED[0], {"id": 2, "qty": "bad"}, Case(1, {"data": CHANGED * 2, "duplicates": "last"})),
        **bad_rows("data", [{"id": "x"}, *CHANGED]),
        **later({"data": CHANGED}),
    },
}


@pytest.fixture
def items(db: DataFlow) -> Nodes:
    nodes = Nodes(fresh(db, Item))
    reset(nodes)
    return nodes


def reset(nodes: Nodes) -> None:
    """Three rows, and one that is deleted."""
    nodes.table.bulk_delete({}, all_rows=True, hard=True)
    nodes.table.bulk_create([{"id": at, "name": name, "qty": at} for at, name in enumerate("abcd", 1)])
    nodes.table.delete(4)


def outcome(nodes: Nodes, operation: str, given: Given) -> tuple[object, object]:
    """What the node gives or why it is refused, and what it leaves."""
    reset(nodes)
    try:
        answer: object = shown(nodes.run(operation, given))
    except errors.NodeExecutionError as error:
        answer = repr(error.__cause__)
    except errors.DataFlowError as error:
        answer = repr(error)
    return answer, [plain(row) for row in nodes.records(include_deleted=True)]


def shown(answer: Mapping[str, Any]) -> object:
    if isinstance(answer, BulkResult):
        return counts(answer), answer.rows is None
    return plain(
        {name: [*map(plain, value)] if isinstance(value, Records) else value for name, value in answer.items()}
    )


def plain(row: Given) -> Given:
    """Without what differs from run to run: times, and keys that are generated."""
    if "id" in row and row["id"] not in GIVEN:
        row = {**row, "id": "generated"}
    return {**row, "deleted_at": row["deleted_at"] is None} if "deleted_at" in row else row


@pytest.mark.parametrize("operation", CASES)
def test_every_parameter_does_something_or_is_refused(items: Nodes, operation: str) -> None:
    idle = []
    for name, case in CASES[operation].items():
        without = outcome(items, operation, case.beside)
        assert without == outcome(items, operation, case.beside), f"{name}: two equal runs differ"
        if outcome(items, operation, {**case.beside, name: case.value}) == without:
            idle.append(name)
    assert idle == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_parameter_has_a_case(items: Nodes, operation: str) -> None:
    kind = NodeRegistry.get(items.name(operation))
    assert isinstance(kind, type)
    parameters = kind().signature().parameters
    assert len(parameters) > 1
    assert set(parameters) == set(CASES[operation])
