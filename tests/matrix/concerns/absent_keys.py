"""A field that is not given takes its default in a row that is inserted, and stays as it is in one that is updated."""

import pytest

from dataflow import errors
from tests.matrix.cell import Cell
from tests.matrix.model import DEFAULTS, STORED, Row

TITLE = "absent keys"


def check(cell: Cell) -> None:
    match cell.operation.effect:
        case "insert":
            check_rows(cell, [{"id": 4, "code": "d", "note": "given"}, {"id": 5, "code": "e", "size": 5}])
        case "merge":
            stored = [{"id": 1, "code": "a", "note": "given"}, {"id": 2, "code": "b", "size": 22}]
            check_rows(cell, [*stored, {"id": 4, "code": "d", "note": "given"}, {"id": 3, "code": "c"}])
        case "change":
            check_rows(cell, [{"id": 1, "note": "given"}, {"id": 2, "size": 22}])
        case "remove":
            check_removal(cell)
        case "read":
            check_reading(cell)


def check_rows(cell: Cell, rows: list[Row]) -> None:
    """Rows that give different fields: all at once where the form takes them, else one after the other."""
    for form in cell.operation.forms:
        ground = cell.ground()
        jobs = [rows] if form.ragged and not cell.operation.one else [[row] for row in rows]
        for job in jobs:
            ground.expect(form, job)
        for row in rows:
            base = {**DEFAULTS} if row["id"] > 3 else STORED[row["id"]]
            assert ground.rows()[row["id"]] == {**base, **row}, form.name


def check_removal(cell: Cell) -> None:
    """A row is found by its key alone: what else is stored need not be given, and need not be the default."""
    for form in cell.operation.forms:
        ground = cell.ground()
        ground.expect(form, [{"id": 2}])
        assert ground.rows() == {1: STORED[1], 3: STORED[3]}


def check_reading(cell: Cell) -> None:
    """A null that was stored is no absent field; fields that were not asked for are not made up."""
    ground = cell.ground()
    ground.look(f"UPDATE {ground.name} SET size = NULL")
    name = cell.operation.name
    if name == "read":
        assert ground.hand.read(1).size is None
    elif name == "count":
        assert [ground.hand.count({"size": size}) for size in (None, DEFAULTS["size"])] == [3, 0]
    else:
        assert [row.size for row in ground.hand.list()] == [None] * 3
        row = ground.hand.list(fields=["id", "size"])[0]
        assert (row.id, row.size) == (1, None)
        with pytest.raises(errors.FieldNotLoadedError):
            row.note  # noqa: B018
    assert set(ground.column("size").values()) == {None}
