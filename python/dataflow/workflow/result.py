"""What a run brings back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Results", "State", "Timing"]

State = Literal["finished", "failed", "skipped", "cancelled"]


class Timing(NamedTuple):
    """How one node did.

    Attributes:
        seconds: From its start to its end, pauses between attempts included; 0 where it was skipped.
        rows: Rows it wrote or read; None where it did neither.
    """

    node: str
    kind: str
    state: State
    seconds: float = 0.0
    rows: int | None = None
    attempts: int = 1


class Results(dict[str, Mapping[str, Any]]):
    """What every node returned, by its id. Nodes that were skipped are not in it.

    Attributes:
        run_id: The run.
        seconds: How long it took.
        timings: Every node that ran, or was skipped or cancelled, in the order of their ends.
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.seconds = 0.0
        self.timings: Sequence[Timing] = []

    @property
    def skipped(self) -> list[str]:
        """The ids of the nodes that were skipped: all they wait for is on branches not taken."""
        return [timing.node for timing in self.timings if timing.state == "skipped"]

    def summary(self) -> str:
        """The timing table as text: node, kind, state, rows, seconds, rows/s and attempts, in the order of the ends."""
        from dataflow.workflow.summary import write_text

        return write_text(self)

    def __rich__(self) -> Table:
        """The same for `rich.print(results)`."""
        from dataflow.workflow.summary import make_grid

        return make_grid(self)

    def _repr_html_(self) -> str:
        """The same in notebooks."""
        from dataflow.workflow.summary import write_html

        return write_html(self)

    def __missing__(self, id: str) -> NoReturn:
        raise KeyError(f"{id} was skipped" if id in self.skipped else id)
