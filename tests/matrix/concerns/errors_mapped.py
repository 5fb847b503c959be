"""What a database refuses is the same error on all of them and leaves nothing behind; SQLite names no foreign key."""

from functools import partial
from typing import Any

import pytest

from dataflow import errors
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import FIELDS, Gone, Owned, Owner

TITLE = "errors"
# A wrong value in the last row, the error, and the constraint that it tells.
REFUSED: tuple[tuple[dict[str, Any], type[errors.DataFlowError], str | None], ...] = (
    ({"code": "c"}, errors.UniqueViolationError, "uq_owned_code"),
    ({"owner": 99}, errors.ForeignKeyViolationError, "fk_owned_owner"),
    ({"size": -1}, errors.CheckViolationError, "ck_owned_positive"),
    ({"note": None}, errors.NullValueError, None),
)


def check(cell: Cell) -> None:
    match cell.operation.effect:
        case "insert" | "change" | "merge":
            check_data(cell)
        case "remove":
            check_removal(cell)
        case "read":
            check_not_there(cell)
    check_gone(cell)


def owned(cell: Cell) -> Ground:
    """The table whose row 1 is owned by owner 1; what removes rows meets the owners."""
    cell.stage.table(Owner)
    cell.bare_ground(Owned).clear()
    owners = cell.ground(Owner)
    ground = cell.ground(Owned, fields=(*FIELDS, "owner"))
    ground.look("UPDATE owned SET owner = 1 WHERE id = 1")
    return owners if cell.operation.effect == "remove" else ground


def check_data(cell: Cell) -> None:
    for form in cell.operation.forms:
        for keys in cell.operation.targets:
            for wrong, error, constraint in REFUSED:
                if form.name == "unique" and "code" in wrong:
                    continue  # it is found by its code
                ground = owned(cell)
                right = {"owner": 1, "note": "right"}
                job = [*cell.operation.aim(*keys[:-1], **right), *cell.operation.aim(keys[-1], **{**right, **wrong})]
                job = job[-1:] if form.name == "filter" else job
                refused = ground.refuse(partial(ground.call, form, job), error)
                check_constraint(cell, refused, constraint)
                check_transaction(cell, ground, form, job, error)


def check_constraint(cell: Cell, refused: errors.DataFlowError, constraint: str | None) -> None:
    unnamed = cell.stage.database.kind == "sqlite" and isinstance(refused, errors.ForeignKeyViolationError)
    assert refused.constraint == (None if unnamed else constraint)
    assert constraint or (refused.path or "").endswith("note")
    assert not refused.retryable


def check_removal(cell: Cell) -> None:
    """An owner that is referred to stays, and so do those that were to go with it."""
    for form in cell.operation.forms:
        ground = owned(cell)
        job = cell.operation.aim(1) if cell.operation.one else cell.operation.aim(2, 1)
        refused = ground.refuse(partial(ground.call, form, job), errors.ForeignKeyViolationError)
        check_constraint(cell, refused, "fk_owned_owner")
        check_transaction(cell, ground, form, job, errors.ForeignKeyViolationError)


def check_transaction(cell: Cell, ground: Ground, form: Any, job: Any, error: type[Exception]) -> None:
    """Refused inside a savepoint, the transaction around it goes on, and only its own rows are stored."""
    before = ground.rows()
    with cell.stage.db.transaction():
        ground.table.create(id=8, code="h")
        with pytest.raises(error), cell.stage.db.transaction():
            ground.call(form, job)
    after = ground.rows()
    assert {key: after[key] for key in before} == before
    assert list(after) == [1, 2, 3, 8]


def check_not_there(cell: Cell) -> None:
    """A row that is not there is an error where one row was asked for, and none where rows were."""
    ground = cell.ground()
    for form in cell.operation.forms:
        ground.expect(form, cell.operation.aim(9))


def check_gone(cell: Cell) -> None:
    """A table that was dropped behind our back."""
    ground = cell.bare_ground(Gone)
    ground.look("DROP TABLE IF EXISTS gone")
    for form, job in cell.operation.jobs():
        with pytest.raises(errors.DatabaseFailureError) as caught:
            ground.call(form, job)
        assert caught.value.outcome == (None if cell.operation.effect == "read" else "rolled back")
