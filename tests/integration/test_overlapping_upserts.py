"""Eight writers upsert the same few rows in any order: no error reaches them, and all is as if they had taken turns."""

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from graphlib import CycleError, TopologicalSorter
from random import Random
from threading import Event
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique
from tests.conftest import FaultScale
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import subclass
from tests.runtime.server import in_use, lock_waits, wait_for_lock_waits, wait_until

WRITERS = 8
# Of several lengths, so that the order of texts is not that of numbers.
CODES = [f"k{number}" for number in range(24)]
# What every writer does however slow the machine is.
LEAST_TURNS = 15
FORMS = ["upsert", "bulk_upsert", "bulk_upsert of arrow", "bulk_create"]
PAUSE_S = 0.15  # InnoDB renews its list of waits only when nobody has read it for 0.1 s


class Keyed:
    __dataflow__ = {"key": "code", "versioned": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    writer: int
    turn: int
    mark: str


class Numbered:
    __dataflow__ = {"versioned": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10), Unique()]
    writer: int
    turn: int
    mark: str


class Write(NamedTuple):
    """One upsert that its writer was told of; the two numbers tell it from all others."""

    writer: int
    turn: int
    codes: frozenset[str]
    inserted: int = 0


class Writer:
    """Upserts with a `DataFlow` of its own, so that on SQLite too it is the file that they fight for."""

    def __init__(self, table: Any, number: int, seed: int) -> None:
        self.table, self.number = table, number
        self.chance = Random(f"{seed} {number}")

    def work(self, over: Event) -> list[Write]:
        """The first one has the first row, so that all of them meet there."""
        writes = [self.write(0, [CODES[0], *self.chance.sample(CODES[1:], 3)], "bulk_upsert")]
        while len(writes) < LEAST_TURNS or not over.is_set():
            form = self.chance.choice(FORMS)
            count = 1 if form == "upsert" else self.chance.randrange(2, 13)
            writes.append(self.write(len(writes), self.chance.sample(CODES, count), form))
        return writes

    def write(self, turn: int, codes: list[str], form: str) -> Write:
        rows = [
            {"code": code, "writer": self.number, "turn": turn, "mark": mark_of(self.number, turn, code)}
            for code in codes
        ]
        write = Write(self.number, turn, frozenset(codes))
        if form == "upsert":
            return write._replace(inserted=int(self.table.upsert(rows[0], "code").created))
        if form == "bulk_create":
            result = self.table.bulk_create(rows, conflict_on="code", on_conflict="update")
        else:
            data = pa.Table.from_pylist(rows) if form == "bulk_upsert of arrow" else rows
            result = self.table.bulk_upsert(data, conflict_on="code")
        assert result.inserted + result.updated == len(codes)
        return write._replace(inserted=result.inserted)


def mark_of(writer: int, turn: int, code: str) -> str:
    return f"{code} by {writer} in {turn}"


@pytest.fixture
def flows(database: Database) -> Iterator[list[DataFlow]]:
    """One for each writer, of one connection each."""
    with ExitStack() as stack:
        yield [stack.enter_context(DataFlow(database.url, pool_size=1)) for _ in range(WRITERS)]


@pytest.mark.parametrize("model", [Keyed, Numbered])
def test_overlapping_upserts_end_as_if_in_turns(
    database: Database, flows: list[DataFlow], fault_scale: FaultScale, model: type[Any]
) -> None:
    same = subclass(model)
    tables: list[Any] = [flow.table(flow.model(same)) for flow in flows]
    for table in tables:
        table.count()
    seed, over = secrets.randbits(32), Event()
    print(f"seed {seed}")
    conflicts = Conflicts(database, flows)
    with ThreadPoolExecutor(WRITERS) as pool:
        try:
            with bare.held(database, first_row(tables[0])):
                working = [pool.submit(Writer(table, at, seed).work, over) for at, table in enumerate(tables)]
                conflicts.wait_for_all()
            conflicts.watch(fault_scale.pick(fast=2, full=30))
        finally:
            over.set()
        writes = [write for done in working for write in done.result(60)]
    print(f"{len(writes)} writes, {conflicts.seen} times somebody waited, errors of statements: {conflicts.errors}")
    assert conflicts.seen > 0 or database.kind == "sqlite"
    check_rows(tables[0].list(limit=None).records(), writes)


class Conflicts:
    """What is seen of the fight, by the server and by the events of the writers."""

    def __init__(self, database: Database, flows: list[DataFlow]) -> None:
        self.database, self.flows = database, flows
        self.seen = 0
        # What the engine ran again: statements that failed, by the code of the error.
        self.errors: Counter[str] = Counter()
        for flow in self.flows:
            flow.on("statement", self._take)

    def _take(self, event: Mapping[str, Any]) -> None:
        if event["error"] is not None:
            self.errors[event["error"]] += 1

    def wait_for_all(self) -> None:
        """Until every writer waits."""
        if self.database.kind == "sqlite":
            wait_until(lambda: sum(map(in_use, self.flows)) == WRITERS, "all wait for the file")
        else:
            wait_for_lock_waits(self.database, WRITERS)

    def watch(self, seconds: float) -> None:
        """Counts how often somebody waits; at least so long, and until it was seen at all."""
        end, told = time.monotonic() + seconds, self.database.kind != "sqlite"
        while time.monotonic() < end or (told and not self.seen):
            assert time.monotonic() < end + 20, "nobody ever waited"
            if told:
                self.seen += lock_waits(self.database) > 0
            time.sleep(PAUSE_S)


def first_row(table: Any) -> str:
    """Writes the row that all begin with."""
    columns = f"INSERT INTO {table._model.table} (code, writer, turn, mark, version)"
    return f"{columns} VALUES ('{CODES[0]}', -1, -1, 'undone', 1)"


def check_rows(rows: list[dict[str, Any]], writes: list[Write]) -> None:
    """Every row is one writer's whole, has been written as often as was told, and all fit one order of the writes."""
    told = Counter(code for write in writes for code in write.codes)
    assert {row["code"]: row["version"] for row in rows} == told
    assert sum(write.inserted for write in writes) == len(rows)
    assert [row["mark"] for row in rows] == [mark_of(row["writer"], row["turn"], row["code"]) for row in rows]
    by_number = {(write.writer, write.turn): write for write in writes}
    check_order(writes, {row["code"]: by_number[row["writer"], row["turn"]] for row in rows})


def check_order(writes: Iterable[Write], last: Mapping[str, Write]) -> None:
    """That there is an order in which each writer's writes follow one another and the last of each row is its last.

    Raises:
        CycleError: There is none.
    """
    order: TopologicalSorter[Write] = TopologicalSorter()
    before: dict[int, Write] = {}
    for write in sorted(writes):
        if write.writer in before:
            order.add(write, before[write.writer])
        before[write.writer] = write
        for code in write.codes:
            if last[code] != write:
                order.add(last[code], write)
    order.prepare()


def test_rows_of_two_writes_that_cannot_both_be_the_last_are_found() -> None:
    first, second = Write(0, 0, frozenset("ab")), Write(1, 0, frozenset("ab"))
    check_order([first, second], {"a": second, "b": second})
    with pytest.raises(CycleError):
        check_order([first, second], {"a": first, "b": second})
