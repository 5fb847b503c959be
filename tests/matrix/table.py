"""`MATRIX.md`: what came of every cell, in one table."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from tests.database import Kind
from tests.matrix.concerns import CONCERNS
from tests.matrix.operations import ROWS

KINDS: tuple[Kind, ...] = get_args(Kind)
GOLDEN = Path(__file__).with_name("MATRIX.md")
PASSED, FAILED, MISSING = "✓", "✗", "?"

HEADER = f"""# What every operation was tested for

Written by `UPDATE_GOLDEN=1 pytest tests/matrix`; a run of the whole matrix fails where it differs from this file. Each
operation is tested in every form it takes (key, filter, instance, dicts, Arrow): as a method of the table, in half of
the cells through its awaited twin; and as a node of a workflow, in half of the cells through the asynchronous runtime.
The test of a cell is the same for both. The rows are looked at through a second connection of a bare driver.

{PASSED * len(KINDS)} stands for {", ".join(KINDS)}, in this order. Words say why there is nothing to hold; the test has
made sure of that. A cell that failed or did not run fails the run.
"""


@dataclass
class Results:
    """The marks of the cells that ran: by operation, concern and database."""

    marks: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @staticmethod
    def size() -> int:
        """The cells of the whole matrix."""
        return len(ROWS) * len(CONCERNS) * len(KINDS)

    def cell(self, operation: str, concern: str) -> str:
        """A mark for each database, or one text for all of them."""
        marks = [self.marks.get((operation, concern, kind), "") for kind in KINDS]
        if set(marks) <= {PASSED, FAILED, ""}:
            return "".join(mark or MISSING for mark in marks)
        return (
            marks[0]
            if len(set(marks)) == 1
            else "; ".join(f"{kind}: {m}" for kind, m in zip(KINDS, marks, strict=True))
        )

    def render(self) -> str:
        titles = ["operation", *(concern.title for concern in CONCERNS.values())]
        rows = [[f"`{name}`", *(self.cell(name, concern) for concern in CONCERNS)] for name in ROWS]
        lines = [f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows)]
        legend = [f"- **{concern.title}**: {concern.about}" for concern in CONCERNS.values()]
        return "\n".join([HEADER, *lines, "", *legend, ""])
