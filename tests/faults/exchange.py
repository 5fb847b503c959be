"""Short conversations with the database, and what a cut in the middle of one did to it."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from dataflow.errors import (
    CommitOutcomeUnknownError,
    ConnectionLostError,
    DataFlowError,
    StatementTimeoutError,
    TransactionAbortedError,
)
from tests.faults.client import Undo, expect, merged_rows
from tests.faults.cut import Cut
from tests.faults.marked import Flow, gone, seed_id, seeds
from tests.faults.oracle import Oracle
from tests.faults.proxy import Proxy
from tests.faults.recorded import Recorded
from tests.faults.verdict import Attempt, Violations, check_rows

BULK_ROWS = 20
# On MariaDB a LOAD DATA.
MANY_ROWS = 600
STAGED_ROWS = 1_001  # one more than come back with their keys: each is a message
BOUND_S = 0.2
NOTICED_S = 0.05


@dataclass(frozen=True)
class Exchange:
    """What is said, and the parts of the nonce that are there when all of it was done.

    `seeded` with seeds before; `prepares` unless MariaDB gets no statement of it prepared; `alone` are the protocols
    over which it is one statement that commits by itself.
    """

    name: str
    run: Callable[[Flow, int], None]
    parts: frozenset[int] = frozenset()
    seeded: bool = False
    prepares: bool = True
    alone: frozenset[str] = frozenset()


def read(flow: Flow, nonce: int) -> None:
    expect(list(flow.table.list({"nonce": nonce})), [])


def create(flow: Flow, nonce: int) -> None:
    expect(flow.table.create(nonce=nonce, part=0).nonce, nonce)


def bulk(flow: Flow, nonce: int) -> None:
    rows = [{"nonce": nonce, "part": part} for part in range(1, BULK_ROWS)]
    expect(flow.table.bulk_create(rows)["inserted"], len(rows))


def keyed(flow: Flow, nonce: int) -> None:
    """New rows that give their keys."""
    expect(flow.table.bulk_create(keyed_rows(nonce))["inserted"], BULK_ROWS)


def keyed_upsert(flow: Flow, nonce: int) -> None:
    expect(flow.table.bulk_upsert(keyed_rows(nonce))["inserted"], BULK_ROWS)


def keyed_rows(nonce: int) -> list[dict[str, int]]:
    return [{"id": ((nonce + 1) << 20) + part, "nonce": nonce, "part": part} for part in range(BULK_ROWS)]


def many(flow: Flow, nonce: int) -> None:
    rows = [{"nonce": nonce, "part": part} for part in range(MANY_ROWS)]
    expect(flow.table.bulk_create(rows)["inserted"], len(rows))


def staged(flow: Flow, nonce: int) -> None:
    """Three rows that are there and many that are not: on MariaDB their keys go through a temporary table."""
    first, known = (nonce + 1) << 20, merged_rows(nonce)[:3]
    new = [{"id": first + part, "nonce": nonce, "part": part} for part in range(len(known), STAGED_ROWS)]
    result = flow.table.bulk_upsert([*known, *new])
    expect((result["updated"], result["inserted"]), (len(known), len(new)))


def transaction(flow: Flow, nonce: int) -> None:
    with flow.db.transaction():
        create(flow, nonce)
        bulk(flow, nonce)
        try:
            with flow.db.transaction():
                flow.table.create(nonce=nonce, part=BULK_ROWS)
                raise Undo
        except Undo:
            expect(flow.table.count({"nonce": nonce}), BULK_ROWS)


def bounded(flow: Flow, nonce: int) -> None:
    with flow.db.transaction(timeout=BOUND_S):
        create(flow, nonce)
        bulk(flow, nonce)
        read(flow, -1)


def update(flow: Flow, nonce: int) -> None:
    expect(flow.table.update(seed_id(nonce, -1), {"part": 0}).part, 0)


def delete(flow: Flow, nonce: int) -> None:
    expect(flow.table.delete(seed_id(nonce, -1)), 1)


def upsert(flow: Flow, nonce: int) -> None:
    expect(flow.table.upsert(merged_rows(nonce)[0]).part, 0)


def upsert_new(flow: Flow, nonce: int) -> None:
    row = flow.table.upsert({"id": seed_id(nonce, -4), "nonce": nonce, "part": 0})
    expect((row.nonce, row.part), (nonce, 0))


def bulk_update(flow: Flow, nonce: int) -> None:
    expect(flow.table.bulk_update({"nonce": nonce, "part": -1}, {"part": 0})["updated"], 1)


def bulk_update_rows(flow: Flow, nonce: int) -> None:
    expect(flow.table.bulk_update(data=merged_rows(nonce)[:3])["updated"], 3)


def bulk_delete(flow: Flow, nonce: int) -> None:
    expect(flow.table.bulk_delete({"nonce": nonce})["deleted"], 3)


def bulk_delete_keys(flow: Flow, nonce: int) -> None:
    expect(flow.table.bulk_delete(keys=[seed_id(nonce, seed) for seed in seeds(nonce)])["deleted"], 3)


def bulk_upsert(flow: Flow, nonce: int) -> None:
    result = flow.table.bulk_upsert(merged_rows(nonce)[:BULK_ROWS])
    expect((result["updated"], result["inserted"]), (3, BULK_ROWS - 3))


def changes(flow: Flow, nonce: int) -> None:
    """One that stays, one that is undone, and a merge that finds the first."""
    with flow.db.transaction():
        update(flow, nonce)
        try:
            with flow.db.transaction():
                flow.table.delete(seed_id(nonce, -2))
                raise Undo
        except Undo:
            result = flow.table.bulk_upsert(merged_rows(nonce)[:BULK_ROWS])
        expect((result["unchanged"], result["updated"], result["inserted"]), (1, 2, BULK_ROWS - 3))


ALL_GONE = frozenset(gone(seed) for seed in (-1, -2, -3))
EXCHANGES = [
    Exchange("read", read),
    Exchange("create", create, frozenset({0}), alone=frozenset({"postgres", "mysql"})),
    Exchange("bulk", bulk, frozenset(range(1, BULK_ROWS))),
    Exchange("keyed", keyed, frozenset(range(BULK_ROWS)), alone=frozenset({"postgres"})),
    Exchange("keyed upsert", keyed_upsert, frozenset(range(BULK_ROWS)), alone=frozenset({"postgres"})),
    Exchange("many", many, frozenset(range(MANY_ROWS)), prepares=False),
    Exchange("staged", staged, frozenset(range(STAGED_ROWS)) | ALL_GONE, seeded=True),
    Exchange("transaction", transaction, frozenset(range(BULK_ROWS))),
    Exchange("update", update, frozenset({0, gone(-1)}), seeded=True),
    Exchange("delete", delete, frozenset({gone(-1)}), seeded=True),
    Exchange("upsert", upsert, frozenset({0, gone(-1)}), seeded=True),
    Exchange("upsert of a new row", upsert_new, frozenset({0})),
    Exchange("bulk_update", bulk_update, frozenset({0, gone(-1)}), seeded=True),
    Exchange("bulk_update of rows", bulk_update_rows, frozenset(range(3)) | ALL_GONE, seeded=True),
    Exchange("bulk_delete", bulk_delete, ALL_GONE, seeded=True),
    Exchange("bulk_delete of keys", bulk_delete_keys, ALL_GONE, seeded=True),
    Exchange("bulk_upsert", bulk_upsert, frozenset(range(BULK_ROWS)) | ALL_GONE, seeded=True),
    Exchange("changes", changes, frozenset(range(BULK_ROWS)) | ALL_GONE, seeded=True),
]


BOUNDED = Exchange("bounded transaction", bounded, frozenset(range(BULK_ROWS)))


@dataclass
class Trial:
    """Runs one exchange after another through a proxy and cuts each once."""

    flow: Flow
    proxy: Proxy
    oracle: Oracle
    nonce: int = 0
    prepared: bool = True
    # Whether every statement is closed on the wire after its use (MySQL's protocol without a statement cache).
    closes: bool = False
    violations: Violations = field(default_factory=Violations)
    # How the cut exchanges ended, by the name of the error; "done" for those that did not notice.
    ends: Counter[str] = field(default_factory=Counter)

    def warm(self) -> int:
        """An open connection that has said all of its hello; its number in the proxy."""
        self._drain()  # what comes late would be counted with what is said next
        self.proxy.clear()
        self.flow.table.count()
        self._check_prepared(prepares=True)
        self._drain()
        return self.proxy.messages[-1].connection

    def record(self, exchange: Exchange) -> Recorded:
        """Run the exchange undisturbed on a fresh connection."""
        connection = self.warm()
        self.proxy.clear()
        exchange.run(self.flow, self._next(exchange))
        self._check_prepared(prepares=exchange.prepares)
        self._drain()
        return Recorded([message for message in self.proxy.messages if message.connection == connection])

    def cut(self, exchange: Exchange, cut: Cut) -> Attempt:
        """Run the exchange with this cut, and judge what became of it."""
        self.proxy.clear()
        self.proxy.plan(cut)
        attempt = Attempt(self._next(exchange), f"{exchange.name} with {describe(cut)}", exchange.parts)
        self._run(exchange, attempt, cut)
        if not wait_until(lambda: bool(self.proxy.cuts)):
            self.violations.add("unexpected", f"{attempt.action}: the cut did not happen")
        if cut.how != "silence":  # the proxy keeps a silent connection open to the server
            # Not every one: a pool that notices the cut has opened another by now.
            self.proxy.wait_closed(self.proxy.cuts[0].connection if self.proxy.cuts else None)
            if attempt.outcome == "committed":  # the connection broke while idle, which takes a moment to be noticed
                time.sleep(NOTICED_S)
            self.violations.add("idle_in_transaction", attempt.action, self.oracle.settle(self.proxy.open))
        check_rows([attempt], self.oracle.stored(attempt.nonce), self.violations)
        return attempt

    def carry_on(self, after: str) -> None:
        """The next call on the same DataFlow works, whatever happened to the connection."""
        try:
            self.warm()
        except DataFlowError as error:
            self.violations.add("unexpected", f"{after}: the next call failed: {error!r}")
            self.warm()

    def _next(self, exchange: Exchange) -> int:
        """The next nonce with three seeds: as many messages as the one before."""
        self.nonce += 3 - (self.nonce + 1) % 3
        if exchange.seeded:
            self.oracle.add(range(self.nonce, self.nonce + 1))
        return self.nonce

    def _check_prepared(self, *, prepares: bool) -> None:
        if self.closes:
            found = any(message.type == "prepare" for message in self.proxy.messages)
            assert found == prepares, "the statements were not prepared as they should be"

    def _drain(self) -> None:
        """Until the proxy has seen the last message; nothing answers the one that closes a statement."""
        if self.closes:
            assert wait_until(lambda: not self._unclosed()), f"a statement was not closed: {self._unclosed()}"

    def _unclosed(self) -> dict[int, int]:
        """Statements by the connection that prepared them, but for those that were cut."""
        count = Counter[int]()
        for message in self.proxy.messages:
            count[message.connection] += (message.type == "prepare") - (message.type == "close")
        cut = {record.connection for record in self.proxy.cuts}
        return {connection: left for connection, left in count.items() if left and connection not in cut}

    def _run(self, exchange: Exchange, attempt: Attempt, cut: Cut) -> None:
        lost = StatementTimeoutError if cut.how == "silence" else ConnectionLostError
        name = "done"
        try:
            exchange.run(self.flow, attempt.nonce)
            attempt.outcome = "committed"
        except DataFlowError as error:
            name = type(error).__name__
            attempt.outcome = "unknown" if error.outcome == "unknown" else "rolled back"
            if not isinstance(error, (lost, CommitOutcomeUnknownError, TransactionAbortedError)) or (
                error.outcome is None
            ) != (exchange.name == "read"):
                self.violations.add("unexpected", f"{attempt.action}: {error.outcome} by {error!r}")
            if error.outcome == "unknown" and error.retryable:
                self.violations.add("unexpected", f"{attempt.action}: {name} with an unknown outcome is retryable")
        except AssertionError as error:
            name, attempt.outcome = "Foreign", "unknown"
            self.violations.add("foreign_results", f"{attempt.action}: {error}")
        self.ends[name] += 1


def describe(cut: Cut) -> str:
    return f"{cut.how} {cut.when} {cut.direction} message {cut.index}"


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    return condition()
