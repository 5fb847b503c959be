"""None is a value: it is stored, found and put in the place of another. A field that is absent is not None."""

from functools import partial

import pytest

from dataflow import errors
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import DEFAULTS
from tests.matrix.operation import Form, read_result

TITLE = "null"
# Which rows of sizes 1, None, 3 a filter finds: a null meets no comparison, and so every negation of one.
FOUND = (
    ({"size": None}, [2]),
    ({"size": {"$eq": None}}, [2]),
    ({"size": {"$ne": None}}, [1, 3]),
    ({"size": {"$ne": 1}}, [2, 3]),
    ({"size": {"$nin": [1]}}, [2, 3]),
    ({"size": {"$in": [None, 1]}}, [1, 2]),
    ({"size": {"$lt": 5}}, [1, 3]),
    ({"$not": {"size": {"$lt": 3}}}, [2, 3]),
)


def check(cell: Cell) -> None:
    for form in cell.operation.forms:
        if cell.operation.gives_data:
            check_stored(cell, form)
        else:
            check_found(cell, form)
    if cell.operation.filtered:
        check_filters(cell)


def with_null(cell: Cell) -> Ground:
    ground = cell.ground()
    ground.look(f"UPDATE {ground.name} SET size = NULL WHERE id = 2")
    return ground


def check_stored(cell: Cell, form: Form) -> None:
    """None is stored, also over another value; a value takes its place; without the field, nothing does."""
    for keys in cell.operation.targets:
        ground = with_null(cell)
        ground.expect(form, cell.operation.aim(*keys, size=None))
        assert {ground.rows()[key]["size"] for key in keys} == {None}
    ground = with_null(cell)
    if cell.operation.effect == "insert":
        ground.expect(form, [{"id": 8, "code": "h"}])
        assert ground.rows()[8]["size"] == DEFAULTS["size"]
        return
    kept = [{name: value for name, value in row.items() if name != "size"} for row in cell.operation.aim(2, note="n")]
    ground.expect(form, kept)
    assert (ground.rows()[2]["size"], ground.rows()[2]["note"]) == (None, "n")
    ground.expect(form, cell.operation.aim(2))
    assert ground.rows()[2]["size"] == 50


def check_found(cell: Cell, form: Form) -> None:
    """A row with a null is read as it is, with its null and not with the default, and removed like any other."""
    with_null(cell).expect(form, cell.operation.aim(2))


def check_filters(cell: Cell) -> None:
    for found, keys in FOUND:
        ground = with_null(cell)
        filtered, before = cell.operation.filtered, ground.rows()
        assert filtered is not None
        if cell.operation.one and len(keys) > 1:
            ground.refuse(partial(filtered, ground.hand, found), errors.MultipleRowsError)
            continue
        said = read_result(filtered(ground.hand, found), ground.fields)
        after = ground.rows()
        match cell.operation.effect:
            case "read":
                assert said == (len(keys) if isinstance(said, int) else [before[key] for key in keys]), found
                assert after == before
            case "change":
                assert after == {key: row | ({"size": 50} if key in keys else {}) for key, row in before.items()}, found
            case "remove":
                assert after == {key: row for key, row in before.items() if key not in keys}, found
            case effect:
                pytest.fail(f"{effect} takes no filter")
