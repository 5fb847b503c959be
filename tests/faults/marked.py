"""The table of the fault tests: every row names the call that wrote it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from dataflow import DataFlow, auto
from dataflow.query.table import Table

TABLE = "marked"
GONE = 1_000_000


@dataclass(kw_only=True)
class Marked:
    """A row: `nonce` is the call's own number, `part` the row's number in it.

    Rows that were there before have negative parts and keys.
    """

    id: int = auto()
    nonce: int
    part: int


class Flow(NamedTuple):
    """A DataFlow and the one table the fault tests use."""

    db: DataFlow
    table: Table[Marked]


def open_flow(url: str, **options: Any) -> Flow:
    """A DataFlow that sends no schema statements: they would be messages among those the tests count."""
    db = DataFlow(url, **({"schema_mode": "off", "application_name": "faults"} | options))
    db.model(Marked)
    return Flow(db, db.table(Marked))


def make_table(url: str) -> None:
    """Create the table, empty."""
    flow = open_flow(url, schema_mode="create")
    with flow.db:
        flow.table.count()


def seeds(nonce: int) -> list[int]:
    """The parts that are there before a storm: their number differs, so that a foreign count shows."""
    return [-1 - part for part in range(1 + nonce % 3)]


def seed_id(nonce: int, seed: int) -> int:
    """The key of a seed; below zero, so that no generated one is equal."""
    return -4 * nonce + seed


def gone(seed: int) -> int:
    """The part that stands for a seed which is not there any more."""
    return GONE - seed


def is_row(part: int) -> bool:
    return 0 <= part < GONE
