"""Rows of another tenant are neither seen nor touched, and nothing runs without a tenant."""

from dataflow import errors
from tests.matrix.call import Job
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import CODES, Row, Shared
from tests.matrix.operation import Form

TITLE = "tenant"
# Keys and codes as ours; key 6 and code "f" only they have.
THEIRS: dict[int, Row] = {
    key: {"id": key, "code": CODES[key], "size": 100 + key, "note": "theirs"} for key in (1, 2, 3, 6)
}


def check(cell: Cell) -> None:
    for form, job in cell.operation.jobs():
        check_job(cell, form, job)
        check_job(cell, form, cell.operation.aim(6))
    if cell.operation.everything:
        check_everything(cell)


def shared(cell: Cell) -> Ground:
    ground = cell.ground(Shared, seen="tenant_id = 'ours'", tenant_id="ours")
    ground.put(THEIRS, tenant_id="theirs")
    return ground


def theirs(ground: Ground) -> dict[int, int]:
    return ground.column("size", "tenant_id = 'theirs'")


def check_job(cell: Cell, form: Form, job: Job) -> None:
    ground = shared(cell)
    before = theirs(ground)
    assert len(before) == 4
    ground.refuse(lambda: ground.call(form, job), errors.MissingTenantError)
    with cell.stage.db.tenant("ours"):
        ground.expect(form, job)
    assert theirs(ground) == before


def check_everything(cell: Cell) -> None:
    """All rows are all of the tenant's."""
    assert cell.operation.everything is not None
    everything, ground = cell.operation.everything, shared(cell)
    before = theirs(ground)
    ground.refuse(lambda: everything(ground.hand), errors.MissingTenantError)
    with cell.stage.db.tenant("ours"):
        said = everything(ground.hand)
    assert (said if isinstance(said, int) else len(said) if cell.operation.name == "list" else said.matched) == 3
    assert theirs(ground) == before
