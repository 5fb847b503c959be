"""A write raises the version of the rows it changes, and refuses rows that have another one than it was given."""

from dataflow import errors
from tests.matrix.call import Job
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import Versioned
from tests.matrix.operation import Form
from tests.matrix.outcome import work_out

TITLE = "version"
STORED_VERSION = 5


def check(cell: Cell) -> None:
    for form, job in cell.operation.jobs():
        check_versions(versioned(cell), form, job, job)
        if form.version:
            check_versions(versioned(cell), form, job, given(job, STORED_VERSION))
            check_stale(versioned(cell), form, given(job, STORED_VERSION - 1))
            check_stale(versioned(cell), form, given(job, STORED_VERSION + 1))


def versioned(cell: Cell) -> Ground:
    return cell.ground(Versioned, version=STORED_VERSION)


def given(job: Job, version: int) -> Job:
    """The job as somebody gives it who has read its stored rows: new ones have no version yet."""
    return [{**row, "version": version} if row["id"] <= 3 else row for row in job]


def check_versions(ground: Ground, form: Form, job: Job, with_version: Job) -> None:
    outcome = work_out(ground.operation.effect, ground.rows(), job)
    ground.expect(form, with_version)
    updated = dict.fromkeys(outcome.keys.get("updated", ()), STORED_VERSION + 1)
    inserted = dict.fromkeys(outcome.keys.get("inserted", ()), 1)
    versions = {**dict.fromkeys(outcome.after, STORED_VERSION), **updated, **inserted}
    assert ground.column("version") == versions, form.name


def check_stale(ground: Ground, form: Form, job: Job) -> None:
    if not any("version" in row for row in job):
        return
    if form.version == "matched":  # one condition more: no row meets it
        before = ground.rows()
        if form.needs_rows:
            ground.refuse(lambda: ground.call(form, job), errors.NotFoundError)
        else:
            assert not ground.call(form, job)
        assert ground.rows() == before
    else:
        error = ground.refuse(lambda: ground.call(form, job), errors.StaleRowError)
        assert (error.path or "").endswith("version"), (form.name, error.path)
    assert set(ground.column("version").values()) == {STORED_VERSION}
