"""The table of the fault tests: every row names the call that wrote it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from dataflow import DataFlow, auto
from dataflow.query.table import Table

TABLE = "marked"


@dataclass(kw_only=True)
class Marked:
    """A row: `nonce` is the call's own number, `part` the row's number in it; negative parts were there before."""

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


def make_table(url: str, seeded: int = 0) -> None:
    """Create the table, with the rows that `seeds` promises for the nonces from 0 on."""
    flow = open_flow(url, schema_mode="create")
    with flow.db:
        rows = [{"nonce": nonce, "part": part} for nonce in range(seeded) for part in seeds(nonce)]
        flow.table.bulk_create(rows) if rows else flow.table.count()


def seeds(nonce: int) -> list[int]:
    """The parts that are there before a storm: their number differs, so that a foreign count shows."""
    return [-1 - part for part in range(1 + nonce % 3)]
