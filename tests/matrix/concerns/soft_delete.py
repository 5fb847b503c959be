"""Deleted rows stay and are not seen; a write by key brings them back only where it upserts."""

from dataflow import errors
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import Kept, Row
from tests.matrix.operation import Form

TITLE = "soft delete"
DEAD: Row = {"id": 6, "code": "f", "size": 6, "note": "dead"}


def check(cell: Cell) -> None:
    for form, job in cell.operation.jobs():
        ground = kept(cell)
        ground.expect(form, job)
        assert len(ground.column("id")) >= 4  # whatever was done, no row is gone
        check_dead(kept(cell), form)
    check_extras(cell)


def kept(cell: Cell) -> Ground:
    ground = cell.ground(Kept, seen="deleted_at IS NULL")
    ground.put({6: DEAD})
    ground.table.delete(6)
    assert list(ground.rows()) == [1, 2, 3]
    return ground


def check_dead(ground: Ground, form: Form) -> None:
    """A job on a deleted row."""
    job = ground.operation.aim(6)
    match ground.operation.effect:
        case "insert":  # the key is still taken, the unique value is free
            ground.refuse(lambda: ground.call(form, job), errors.UniqueViolationError)
            ground.expect(form, [{**job[0], "id": 7}])
        case "merge" if form.name == "unique":  # its unique value is free, so it is not found by it
            ground.expect(form, [{**job[0], "id": 7}])
        case "merge":
            ground.call(form, job)
            assert ground.rows()[6] == {**DEAD, **job[0]}
        case _:
            ground.expect(form, job)
            assert 6 not in ground.rows()


def check_extras(cell: Cell) -> None:
    """What has a say about deleted rows."""
    operation = cell.operation
    if operation.everything:
        ground = kept(cell)
        operation.everything(ground.hand)
        assert ground.column("size")[6] == 6
        assert len(ground.column("size")) == 4
    if operation.hard:
        ground = kept(cell)
        assert [operation.hard(ground.hand, key) for key in (6, 1)] == [1, 1]
        assert list(ground.column("id")) == [2, 3]
    if operation.with_deleted:
        ground = kept(cell)
        assert operation.with_deleted(ground.hand, 6) == 6
        assert operation.with_deleted(ground.hand, 1) == 1
