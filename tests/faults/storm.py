"""Many tasks on few connections, cancelled at random moments; then the server is asked what is left of them."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from dataflow.errors import DataFlowError, PoolTimeoutError
from tests.faults.client import PARTS, READS, Client, DataFlowClient, Foreign
from tests.faults.marked import Flow, open_flow
from tests.faults.oracle import SETTLED_S, Held, Oracle
from tests.faults.verdict import Attempt, Violations, check_rows

POOL_SIZE = 5
# So many at a time: enough to wait for connections, few enough that most cancels hit a call under way.
AT_A_TIME = 12
LATEST_CANCEL_S = 0.030
STALLED_S = 0.3
# Every so many tasks one is left alone: its answers and rows must be right between all the cancelled ones.
BYSTANDER = 5
FOLLOWING = 100
# Each of them is stalled once, beside the tasks of the storm.
STALLED = sorted(PARTS.keys() - READS)
ACQUIRE_TIMEOUT_S = 5


def planted_for(tasks: int) -> range:
    """The nonces of a storm."""
    return range(tasks + len(STALLED))


@dataclass
class Storm:
    """A run that can be repeated: its seed decides actions and moments, the machine the rest."""

    client: Client
    tasks: int
    seed: int
    violations: Violations = field(default_factory=Violations)
    attempts: list[Attempt] = field(default_factory=list)
    # Kept with their frames, as `gather(..., return_exceptions=True)` keeps them: no connection may hang on one.
    cancels: list[asyncio.CancelledError] = field(default_factory=list)
    # Calls that got no connection in time.
    starved: int = 0
    # Connections closed because a cancel hit an exchange or a transaction under way.
    discards: Counter[str] = field(default_factory=Counter)

    async def blow(self) -> None:
        chance = random.Random(self.seed)
        actions = [chance.choice(sorted(PARTS)) for _ in range(self.tasks)]
        attempts = [Attempt(nonce, action, PARTS[action](nonce)) for nonce, action in enumerate(actions)]
        self.attempts += attempts
        moments = [chance.uniform(0, LATEST_CANCEL_S) for _ in attempts]
        waiting = iter(zip(attempts, moments, strict=True))

        async def work() -> None:
            for attempt, moment in waiting:
                if self.starved > AT_A_TIME:  # each has waited for seconds: the pool has lost its connections
                    return
                await self._run(attempt, moment)

        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))

    async def stall(self, oracle: Oracle) -> None:
        """Cancel calls that the server cannot go on with, so that every one of them is hit in the middle."""
        numbered = enumerate(STALLED, self.tasks)
        attempts = [Attempt(nonce, action, PARTS[action](nonce)) for nonce, action in numbered]
        self.attempts += attempts
        try:
            for at in range(0, len(attempts), POOL_SIZE):
                await self._stall(attempts[at : at + POOL_SIZE], oracle)
        except Held:
            self.violations.add("idle_in_transaction", "a cancelled call has kept its locks")

    async def _stall(self, attempts: list[Attempt], oracle: Oracle) -> None:
        with oracle.locked():
            tasks = [self._start(attempt) for attempt in attempts]
            await asyncio.sleep(STALLED_S)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for attempt, task in zip(attempts, tasks, strict=True):
            await self._judge(attempt, task)

    async def _run(self, attempt: Attempt, moment: float) -> None:
        task = self._start(attempt)
        loop = asyncio.get_running_loop()
        if attempt.nonce % BYSTANDER:
            loop.call_later(moment, task.cancel)
        if attempt.nonce % BYSTANDER == 1:  # a second cancel while the first is being answered
            loop.call_later(moment + 0.001, task.cancel)
        await asyncio.wait([task])
        await self._judge(attempt, task)

    def _start(self, attempt: Attempt) -> asyncio.Task[None]:
        async def begin() -> None:
            attempt.begun = True
            await self.client.call(attempt)

        return asyncio.create_task(begin())

    async def _judge(self, attempt: Attempt, task: asyncio.Task[None]) -> None:
        try:
            await task
            attempt.outcome = "committed"
        except asyncio.CancelledError as cancelled:
            self.cancels.append(cancelled)
            outcome = getattr(cancelled, "outcome", None)
            if outcome is None and attempt.begun and attempt.committing:
                self.violations.add("unexpected", f"{attempt.action} was cancelled without an outcome")
            attempt.outcome = outcome or "rolled back"
        except Foreign as foreign:
            attempt.outcome = "unknown"
            self.violations.add("foreign_results", f"{attempt.action} {attempt.nonce}: {foreign}")
        except Exception as error:
            attempt.outcome = getattr(error, "outcome", None) or "rolled back"
            self.starved += isinstance(error, PoolTimeoutError)
            self.violations.add("unexpected", f"{attempt.action} {attempt.nonce}: {type(error).__name__} {error}")

    def tally(self) -> str:
        ends = Counter((attempt.action, attempt.outcome) for attempt in self.attempts if attempt.begun)
        counts = f"{len(self.cancels)} of {self.tasks} cancelled, {dict(self.discards)}, {dict(sorted(ends.items()))}"
        return f"seed {self.seed}, {counts}"

    def observe(self, event: dict[str, object]) -> None:
        if event["action"] == "discard":
            self.discards[str(event["reason"])] += 1


async def check_server(storm: Storm, oracle: Oracle) -> None:
    """What the server must not show so long after the storm."""
    await asyncio.sleep(SETTLED_S)
    violations = storm.violations
    violations.add("idle_in_transaction", "after the storm", oracle.idle_in_transaction())
    violations.add("mixed_transactions", "rows of several calls", oracle.mixed_transactions())
    check_rows(storm.attempts, oracle.stored(), violations)


async def storm_dataflow(url: str, oracle: Oracle, tasks: int, seed: int) -> Storm:
    """The storm over a DataFlow, and what its connections are good for afterwards."""
    flow = open_flow(url, pool_size=POOL_SIZE, acquire_timeout=ACQUIRE_TIMEOUT_S)
    async with flow.db:
        await flow.db.acapabilities()
        storm = Storm(DataFlowClient(flow), tasks, seed)
        flow.db.on("pool", storm.observe)
        await storm.stall(oracle)
        await storm.blow()
        await check_server(storm, oracle)
        await check_connections(flow, storm, oracle)
    return storm


async def check_connections(flow: Flow, storm: Storm, oracle: Oracle) -> None:
    """The pool is no larger than it may be, and what comes out of it answers what it is asked."""
    violations, status, counts = storm.violations, flow.db.pool_status(), oracle.counts()
    violations.add("unexpected", f"the pool is {dict(status)}", int(status["open"] > status["size"]))
    for nonce in random.Random(storm.seed).choices(range(storm.tasks), k=FOLLOWING):
        wanted = counts[nonce]
        try:
            found = await flow.table.acount({"nonce": nonce})
        except DataFlowError as error:
            return violations.add("unexpected", f"after the storm: {error}")
        violations.add("foreign_results", f"count of {nonce}: {found}, not {wanted}", int(found != wanted))
