"""Which steps may begin: a count of what each waits for. Pure; one thread at a time may use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dataflow.errors import InvalidOutputError
from dataflow.workflow.graph import Workflow

__all__ = ["Schedule", "Turn"]


class Turn(NamedTuple):
    """What a step's end brings: the positions of steps that may begin now, and of those that are skipped."""

    ready: list[int]
    skipped: list[int]


class Schedule:
    """The state of one run, by positions of the steps.

    Attributes:
        left: How many have not ended.
    """

    def __init__(self, workflow: Workflow, given: Mapping[str, dict[str, Any]]) -> None:
        at = {id: position for position, id in enumerate(workflow.steps)}
        # What each step is called with; grows until it is ready.
        self._inputs: list[dict[str, Any]] = [given[id] for id in workflow.steps]
        self._connected: list[list[str]] = [[] for _ in at]
        self.left = len(at)
        self._ids = list(at)
        self._waits = [0] * len(at)
        # Kinds of connections, as bits: those that a step has, and those of which one arrived.
        self._has = [0] * len(at)
        self._arrived = [0] * len(at)
        self._follows: list[list[tuple[int, str | None, str | None]]] = [[] for _ in at]
        for link in workflow.links:
            self._waits[at[link.target]] += 1
            self._has[at[link.target]] |= _kind(link.output, link.input)
            self._follows[at[link.origin]].append((at[link.target], link.output, link.input))
            if link.input is not None:
                self._connected[at[link.target]].append(link.input)

    def begin(self) -> list[int]:
        """The steps that wait for nothing."""
        return [position for position, count in enumerate(self._waits) if count == 0]

    def take(self, position: int) -> dict[str, Any]:
        """The inputs of a step that begins, connected ones in the order of the connections; they are not kept here."""
        inputs, self._inputs[position] = self._inputs[position], {}
        for name in self._connected[position] if len(self._connected[position]) > 1 else ():
            if name in inputs:
                inputs[name] = inputs.pop(name)
        return inputs

    def settle(self, position: int, outputs: Mapping[str, Any], *, branching: bool = False) -> Turn:
        """A step has ended; with `branching`, outputs that are not there are branches not taken.

        Raises:
            InvalidOutputError: A connected output is not there.
        """
        turn = Turn([], [])
        if not branching:
            self._check(position, outputs)
        self._pass_on(position, outputs, turn)
        return turn

    def _check(self, position: int, outputs: Mapping[str, Any]) -> None:
        for target, output, _ in self._follows[position]:
            if output is not None and output not in outputs:
                message = f"`{self._ids[position]}` returned no `{output}`, which `{self._ids[target]}` waits for"
                known = ", ".join(map(str, outputs)) or "nothing"
                raise InvalidOutputError(message, path=f"{self._ids[position]}.{output}", hint=f"it returned {known}")

    def _pass_on(self, position: int, outputs: Mapping[str, Any] | None, turn: Turn) -> None:
        ended: list[tuple[int, Mapping[str, Any] | None]] = [(position, outputs)]
        while ended:
            position, outputs = ended.pop()
            self.left -= 1
            for target, output, input in self._follows[position]:
                if outputs is not None and (output is None or output in outputs):
                    self._arrived[target] |= _kind(output, input)
                    if output is not None and input is not None:
                        self._inputs[target][input] = outputs[output]
                self._waits[target] -= 1
                if self._waits[target] == 0:
                    if self._runs(target):
                        turn.ready.append(target)
                    else:
                        turn.skipped.append(target)
                        ended.append((target, None))

    def _runs(self, position: int) -> bool:
        """Whether a step is not skipped: one of its branches was taken, and one of its inputs came.

        A step that has neither runs when one of those that it only comes after ran.
        """
        has, arrived = self._has[position], self._arrived[position]
        decides = has & (_BRANCH | _INPUT)
        return arrived & decides == decides if decides else bool(arrived)


_ORDER, _BRANCH, _INPUT = 1, 2, 4


def _kind(output: str | None, input: str | None) -> int:
    if output is None:
        return _ORDER
    return _BRANCH if input is None else _INPUT
