"""Options of bulk writes: their defaults, what is unknown, wrong, or not built."""

from collections.abc import Callable
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from dataflow.query.bulk_options import (
    BulkCreateOptions,
    BulkDeleteOptions,
    BulkUpdateOptions,
    BulkUpsertOptions,
    read_options,
)

KINDS: dict[str, Any] = {
    "bulk_create": BulkCreateOptions,
    "bulk_update": BulkUpdateOptions,
    "bulk_delete": BulkDeleteOptions,
    "bulk_upsert": BulkUpsertOptions,
}
COMMON: dict[str, Any] = {"on_error": "raise", "reject_limit": None, "load_id": None, "chunk_rows": None}
COMMON |= {"batch_size": None, "atomic": True, "parallel": 1, "progress": False}
OWN: dict[str, dict[str, Any]] = {
    "bulk_create": {"on_conflict": "error", "conflict_on": None, "duplicates": "error", "return_rows": False},
    "bulk_update": {"on_missing": "error", "duplicates": "error", "return_rows": False, "all_rows": False},
    "bulk_delete": {"max_affected": None, "dry_run": False, "hard": False, "all_rows": False, "return_rows": False},
    "bulk_upsert": {"on_conflict": "update", "conflict_on": None, "duplicates": "error", "return_rows": False},
}
OWN["bulk_create"]["defer_indexes"] = False
OWN["bulk_upsert"]["update_fields"] = None
OWN["bulk_update"] |= {"max_affected": None, "dry_run": False}


@pytest.mark.parametrize("verb", KINDS)
def test_every_option_has_a_default(verb: str):
    read = read_options(verb, KINDS[verb], {})
    assert read == {**COMMON, **OWN[verb]}
    assert read_options(verb, KINDS[verb], read) == read


@pytest.mark.parametrize("verb", KINDS)
def test_an_option_without_effect_names_the_one_that_is_meant(verb: str):
    with pytest.raises(errors.NotBuiltError) as caught:
        read_options(verb, KINDS[verb], {"batch_size": 100})
    assert caught.value.path == "batch_size"
    assert "chunk_rows" in str(caught.value.hint)


@pytest.mark.parametrize("verb", KINDS)
def test_several_connections_need_several_transactions(verb: str):
    assert read_options(verb, KINDS[verb], {"parallel": 2, "atomic": False})["parallel"] == 2
    for given in ({"parallel": 2}, {"parallel": 2, "atomic": False, "load_id": "x"}):
        with pytest.raises(errors.InvalidOptionError) as caught:
            read_options(verb, KINDS[verb], given)
        assert caught.value.path == "parallel"
        assert caught.value.hint


WRONG = [
    ("bulk_create", "on_conflict", "explode"),
    ("bulk_create", "duplicates", None),
    ("bulk_create", "return_rows", 1),
    ("bulk_update", "on_missing", "insert"),
    ("bulk_update", "all_rows", "yes"),
    ("bulk_delete", "max_affected", -1),
    ("bulk_delete", "max_affected", True),
    ("bulk_delete", "max_affected", 1.5),
    ("bulk_delete", "dry_run", None),
    ("bulk_delete", "hard", 0),
    ("bulk_upsert", "on_error", "ignore"),
    ("bulk_create", "atomic", 0),
    ("bulk_create", "progress", "yes"),
    ("bulk_upsert", "chunk_rows", 0),
    *(("bulk_create", "parallel", value) for value in (0, -1, True, 1.5, "2", None)),
    ("bulk_create", "defer_indexes", 1),
    ("bulk_upsert", "chunk_rows", True),
    ("bulk_create", "chunk_rows", 2**63),
    ("bulk_delete", "max_affected", 2**64),
    ("bulk_update", "chunk_rows", 1.5),
    *(("bulk_create", "reject_limit", value) for value in (-1, 0.0, 1.0, True, "5", float("nan"))),
    ("bulk_update", "reject_limit", 5),
    *((verb, "load_id", value) for verb in KINDS for value in (7, b"x", True, "\ud800")),
]


@pytest.mark.parametrize(("verb", "name", "value"), WRONG)
def test_a_wrong_value_is_refused(verb: str, name: str, value: Any):
    with pytest.raises(errors.InvalidOptionError) as caught:
        read_options(verb, KINDS[verb], {name: value})
    assert caught.value.path == name


UNKNOWN = [
    ("bulk_create", "on_conflikt", "did you mean `on_conflict`?"),
    ("bulk_create", "update_fields", None),
    ("bulk_create", "on_missing", None),
    ("bulk_update", "on_mising", "did you mean `on_missing`?"),
    ("bulk_delete", "max_afected", "did you mean `max_affected`?"),
    ("bulk_delete", "return_row", "did you mean `return_rows`?"),
    ("bulk_upsert", "update_field", "did you mean `update_fields`?"),
]


@pytest.mark.parametrize(("verb", "name", "hint"), UNKNOWN)
def test_an_unknown_option_is_answered_with_the_one_meant(verb: str, name: str, hint: str | None):
    with pytest.raises(errors.UnknownOptionError) as caught:
        read_options(verb, KINDS[verb], {name: "x"})
    assert caught.value.path == name
    assert hint is None or caught.value.hint == hint
    assert verb in caught.value.message


@pytest.fixture
def items() -> Table[Any]:
    db = DataFlow("sqlite:///:memory:")
    table: Table[Any] = db.table(db.model(type("Item", (), {"__annotations__": {"name": str}})))
    table.bulk_create([{"name": "a"}, {"name": "b"}])
    return table


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, "updates"),
        ({"filter": {"name": "a"}}, "updates"),
        ({"updates": [1]}, "updates"),
        ({"filter": {"name": "a"}, "data": []}, "data"),
        ({"updates": {"name": "a"}, "data": []}, "data"),
    ],
)
def test_bulk_update_takes_a_filter_with_values_or_rows(items: Table[Any], arguments: dict[str, Any], path: str):
    with pytest.raises(errors.InvalidOptionError) as caught:
        items.bulk_update(**arguments)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"filter": {"name": "a"}, "keys": [1]}, "keys"),
        ({"keys": [1], "max_affected": 5}, "max_affected"),
        ({"keys": [1], "dry_run": True, "max_affected": 5}, "max_affected"),
    ],
)
def test_bulk_delete_takes_a_filter_or_keys(items: Table[Any], arguments: dict[str, Any], path: str):
    with pytest.raises(errors.InvalidOptionError) as caught:
        items.bulk_delete(**arguments)
    assert caught.value.path == path
    assert items.count() == 2


@pytest.mark.parametrize("filter", [None, {}, {"$and": []}, {"$not": {"$or": []}}])
def test_a_filter_that_says_nothing_must_be_meant(items: Table[Any], filter: dict[str, Any] | None):
    for call in (items.bulk_delete, lambda filter, **more: items.bulk_update(filter, {"name": "x"}, **more)):
        with pytest.raises(errors.UnfilteredWriteError) as caught:
            call(filter)
        assert caught.value.path == "filter"
    assert items.bulk_update(filter, {"name": "x"}, all_rows=True).updated == 2
    assert items.bulk_delete(filter, all_rows=True).deleted == 2


def test_a_dry_run_and_a_limit_delete_nothing(items: Table[Any]):
    assert items.bulk_delete({"name": {"$ne": "z"}}, dry_run=True).matched == 2
    with pytest.raises(errors.LimitExceededError):
        items.bulk_delete({"name": {"$ne": "z"}}, max_affected=1)
    assert items.count() == 2
    assert items.bulk_delete({"name": {"$ne": "z"}}, max_affected=2).deleted == 2


BESIDE: list[tuple[str, Callable[[Table[Any]], object], str]] = [
    ("conflict_on", lambda items: items.bulk_create([], conflict_on="id"), "conflict_on"),
    ("update_fields", lambda items: items.bulk_upsert([], on_conflict="ignore", update_fields=["name"]), "ignore"),
    ("all_rows", lambda items: items.bulk_update(data=[], all_rows=True), "data"),
    ("max_affected", lambda items: items.bulk_update(data=[], max_affected=5), "data"),
    ("max_affected", lambda items: items.bulk_update({}, {"name": "x"}, dry_run=True, max_affected=5), "dry_run"),
    ("atomic", lambda items: items.bulk_update(data=[], dry_run=True, atomic=False), "dry_run"),
    ("return_rows", lambda items: items.bulk_delete({"id": 1}, dry_run=True, return_rows=True), "filter"),
    ("on_missing", lambda items: items.bulk_update({"id": 1}, {"name": "x"}, on_missing="skip"), "filter"),
    ("duplicates", lambda items: items.bulk_update({"id": 1}, {"name": "x"}, duplicates="last"), "filter"),
    ("all_rows", lambda items: items.bulk_delete(keys=[1], all_rows=True), "keys"),
    ("chunk_rows", lambda items: items.bulk_update({"id": 1}, {"name": "x"}, chunk_rows=5), "filter"),
    ("progress", lambda items: items.bulk_delete({"id": 1}, progress=print), "filter"),
    ("atomic", lambda items: items.bulk_delete({"id": 1}, atomic=False), "filter"),
    ("max_affected", lambda items: items.bulk_delete({"id": 1}, dry_run=True, max_affected=5), "dry_run"),
    ("load_id", lambda items: items.bulk_delete({"id": 1}, dry_run=True, load_id="x"), "dry_run"),
    ("return_rows", lambda items: items.bulk_create([], return_rows=True, load_id="x"), "load_id"),
    ("return_rows", lambda items: items.bulk_update(data=[], return_rows=True, load_id="x"), "load_id"),
    ("return_rows", lambda items: items.bulk_upsert([], return_rows=True, load_id="x"), "load_id"),
    ("return_rows", lambda items: items.bulk_delete(keys=[1], return_rows=True, load_id="x"), "load_id"),
]


@pytest.mark.parametrize(("name", "call", "beside"), BESIDE)
def test_an_option_that_would_change_nothing_is_refused(
    items: Table[Any], name: str, call: Callable[[Table[Any]], object], beside: str
):
    with pytest.raises(errors.InvalidOptionError, match=beside) as caught:
        call(items)
    assert caught.value.path == name
