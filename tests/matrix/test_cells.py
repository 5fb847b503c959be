"""The cells: every operation against every concern on every database, directly and by its node, half awaited."""

from collections.abc import Iterator

import pytest

from tests.database import Database
from tests.matrix.cell import Cell, Stage, staged
from tests.matrix.concerns import CONCERNS
from tests.matrix.operations import ROWS
from tests.matrix.table import FAILED, KINDS, PASSED, Results


@pytest.fixture(scope="module")
def stage(database: Database) -> Iterator[Stage]:
    with staged(database) as stage:
        yield stage


@pytest.mark.parametrize("database", KINDS, indirect=True)
@pytest.mark.parametrize("concern", CONCERNS)
@pytest.mark.parametrize("row", ROWS)
def test_cell(row: str, concern: str, stage: Stage, results: Results) -> None:
    at = (row, concern, stage.database.kind)
    results.marks[at] = FAILED
    places = [*ROWS].index(row), [*CONCERNS].index(concern), KINDS.index(stage.database.kind)
    cell = Cell(ROWS[row], stage, awaited=sum(places) % 2 == 1)
    results.marks[at] = CONCERNS[concern].check(cell) or PASSED
