"""Rolled back, an operation leaves no trace; committed, all of it is there. Inside, it sees what was done before it."""

import pytest

from tests.matrix.call import Job
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import CODES, Row
from tests.matrix.operation import Form, read_result
from tests.matrix.outcome import work_out

TITLE = "transaction"
NEW: Row = {"id": 6, "code": CODES[6], "size": 6, "note": "new"}


class Undo(Exception):
    pass


def check(cell: Cell) -> None:
    for form, job in cell.operation.jobs():
        check_rolled_back(cell, form, job)
        check_committed(cell, form, job)
        check_savepoint(cell, form, job)
    if cell.operation.effect != "insert":
        check_own_rows(cell)


def inside(ground: Ground) -> dict[int, Row]:
    rows = read_result(ground.table.list(limit=None), ground.fields)
    return {row["id"]: row for row in rows}


def check_rolled_back(cell: Cell, form: Form, job: Job) -> None:
    ground = cell.ground()
    before = ground.rows()
    outcome = work_out(cell.operation.effect, before, job)
    with pytest.raises(Undo), cell.stage.db.transaction():
        assert ground.call(form, job) == form.expects(outcome)
        assert inside(ground) == outcome.after
        assert ground.rows() == before
        raise Undo
    assert ground.rows() == before


def check_committed(cell: Cell, form: Form, job: Job) -> None:
    ground = cell.ground()
    outcome = work_out(cell.operation.effect, ground.rows(), job)
    with cell.stage.db.transaction():
        assert ground.call(form, job) == form.expects(outcome)
    assert ground.rows() == outcome.after


def check_savepoint(cell: Cell, form: Form, job: Job) -> None:
    """What is rolled back inside another transaction leaves what came before it."""
    ground = cell.ground()
    before = ground.rows()
    with cell.stage.db.transaction():
        ground.table.create(**NEW)
        with pytest.raises(Undo), cell.stage.db.transaction():
            ground.call(form, job)
            raise Undo
        assert inside(ground) == {**before, 6: NEW}
    assert ground.rows() == {**before, 6: NEW}


def check_own_rows(cell: Cell) -> None:
    """A row that nobody else sees yet is found by the operation."""
    for form in cell.operation.forms:
        ground, job = cell.ground(), cell.operation.aim(6)
        before = ground.rows()
        outcome = work_out(cell.operation.effect, {**before, 6: NEW}, job)
        with pytest.raises(Undo), cell.stage.db.transaction():
            ground.table.create(**NEW)
            assert ground.call(form, job) == form.expects(outcome)
            raise Undo
        assert ground.rows() == before
