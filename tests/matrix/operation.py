"""What there is to say of an operation: how it is called, on which rows, what it does and says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dataflow import BulkResult
from tests.matrix.call import Filter, Job
from tests.matrix.model import CODES, Row
from tests.matrix.outcome import Effect, Outcome
from tests.matrix.way import Way

Says = Literal["row", "rows", "number", "counts", "matched"]


@dataclass(frozen=True)
class Form:
    """One way to call an operation.

    Attributes:
        call: Takes a table and rows: of those that are only looked for, `id` (and perhaps `version`) count.
        says: What it returns: the row, the rows, their number, or counts (`matched` where a filter finds the rows).
        place: Where an error of a field points to, where the form takes data; `{row}` is the row's number.
        needs_rows: Whether a row that is not there is an error.
        version: A version that is given is `checked`, or only another condition (`matched`); or none can be given.
        tells_keys: Whether events tell which rows changed; a filter and a stream of columns do not know them.
        ragged: Whether each row may give other fields.
        taken: What its parameters are called: a field of this name has no place in it.
    """

    name: str
    call: Callable[[Any, Job], Any]
    says: Says
    place: str | None = None
    needs_rows: bool = False
    version: Literal["checked", "matched"] | None = None
    tells_keys: bool = True
    ragged: bool = True
    taken: frozenset[str] = frozenset()

    def expects(self, outcome: Outcome) -> Any:
        """What it should return."""
        match self.says:
            case "row":
                return outcome.told[0]
            case "rows":
                return outcome.told
            case "number":
                return len(outcome.told)
            case "matched":
                found = {fate: number for fate, number in outcome.counts.items() if fate != "missing"}
                return {**found, "matched": len(outcome.told)} if outcome.told else {}
        return dict(outcome.counts)

    def place_of(self, name: str, row: int) -> str:
        """Where the error of a field of a row points to."""
        assert self.place is not None
        return self.place.format(row=row) + name


@dataclass(frozen=True)
class Mixed:
    """A call whose rows end in different ways: what it says, and the sizes of all rows afterwards."""

    call: Callable[[Any], Any]
    says: Any
    sizes: dict[int, int | None]


@dataclass(frozen=True)
class Operation:
    """An operation.

    Attributes:
        targets: The keys its plain jobs are about: 1 to 3 are stored, others are new.
        filtered: The plain job on the rows that match a filter, where it takes one.
        everything: The plain job on all rows, where there is such a one.
        hard: Removes for good where rows are only marked.
        with_deleted: Reads rows that are marked as deleted too.
        statements: What its statements are called in events.
        mixed: Calls whose rows end in different ways.
        one: Whether it is about one row, and an error where a filter finds more.
        flat: The form that only its node takes: the fields of the row beside the parameters.
        noded: Whether it has a node.
        way: How it is called.
    """

    name: str
    effect: Effect
    forms: tuple[Form, ...]
    targets: tuple[tuple[int, ...], ...]
    statements: frozenset[str]
    mixed: tuple[Mixed, ...]
    filtered: Callable[[Any, Filter], Any] | None = None
    everything: Callable[[Any], Any] | None = None
    hard: Callable[[Any, int], Any] | None = None
    with_deleted: Callable[[Any, int], Any] | None = None
    one: bool = False
    flat: Form | None = None
    noded: bool = True
    way: Way = "direct"

    @property
    def row(self) -> str:
        """What its row of the matrix is called."""
        return self.name if self.way == "direct" else f"{self.name.title().replace('_', '')}Node"

    def by_node(self) -> "Operation":
        """The operation through its node."""
        return replace(self, way="node", forms=(*self.forms, self.flat) if self.flat else self.forms)

    @property
    def gives_data(self) -> bool:
        return self.effect in ("insert", "change", "merge")

    def aim(self, /, *keys: int, **values: Any) -> list[Row]:
        """The rows of the plain job on rows with these keys; `values` in each of them."""
        if self.effect in ("insert", "merge"):
            return [{"id": key, "code": CODES[key], "size": 50, **values} for key in keys]
        if self.effect == "change":
            return [{"id": key, "size": 50, **values} for key in keys]
        return [{"id": key} for key in keys]

    def jobs(self, /, **values: Any) -> list[tuple[Form, list[Row]]]:
        """Every plain job in every form."""
        return [(form, self.aim(*keys, **values)) for keys in self.targets for form in self.forms]


def read_result(result: Any, fields: Sequence[str]) -> Any:
    """What an operation returned, in plain words."""
    if isinstance(result, int | str):
        return result
    if isinstance(result, BulkResult):
        return {name: value for name, value in result.items() if value and "second" not in name}
    if isinstance(result, Sequence):
        return [read_result(row, fields) for row in result]
    return {name: getattr(result, name) for name in fields}
