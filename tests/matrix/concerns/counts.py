"""What the operation says it did is what a second connection finds."""

from dataflow import BulkResult, errors
from tests.matrix.cell import Cell
from tests.matrix.operation import read_result

TITLE = "counts"
FATES = ("inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected")


def check(cell: Cell) -> None:
    for form, job in cell.operation.jobs():
        cell.ground().expect(form, job)
    for mixed in cell.operation.mixed:
        ground = cell.ground()
        result = mixed.call(ground.hand)
        assert read_result(result, ground.fields) == mixed.says
        assert ground.column("size") == mixed.sizes
        if isinstance(result, BulkResult) and not result.matched:
            assert sum(result[fate] for fate in FATES) == sum(mixed.says.values())
    if cell.operation.name == "bulk_delete":
        ground = cell.ground()
        most = {"size": {"$lt": 3}}
        ground.refuse(lambda: ground.hand.bulk_delete(most, max_affected=1), errors.LimitExceededError)
