"""What a job should do to the rows of a table, worked out without a database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.matrix.model import DEFAULTS, Row

Effect = Literal["insert", "change", "merge", "remove", "read"]


@dataclass
class Outcome:
    """`told` are the rows the job is about: as stored, or for what removes them, as they were."""

    after: dict[int, Row]
    told: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    keys: dict[str, list[int]] = field(default_factory=dict)

    def add(self, fate: str, key: int, row: Row | None) -> None:
        self.counts[fate] += 1
        self.keys.setdefault(fate, []).append(key)
        if row is not None:
            self.told.append(row)


def work_out(effect: Effect, before: Mapping[int, Row], rows: Iterable[Row], defaults: Row = DEFAULTS) -> Outcome:
    """The outcome of a job on the given rows, which name stored or new ones by their `id`."""
    outcome = Outcome(dict(before))
    for given in rows:
        key, stored, row = given["id"], outcome.after.get(given["id"]), dict(given)
        if stored is None and effect in ("insert", "merge"):
            outcome.after[key] = {**defaults, **row}
            outcome.add("inserted", key, outcome.after[key])
        elif stored is None:
            outcome.add("missing", key, None)
        elif effect in ("change", "merge"):
            outcome.after[key] = {**stored, **row}
            outcome.add("updated" if outcome.after[key] != stored else "unchanged", key, outcome.after[key])
        elif effect == "remove":
            outcome.add("deleted", key, outcome.after.pop(key))
        else:
            outcome.add("found", key, stored)
    return outcome
