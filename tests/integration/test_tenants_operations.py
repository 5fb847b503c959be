"""Three tenants with the same keys and unique values, all operations in any order: each is as if it were alone."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from copy import deepcopy
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from dataflow import DataFlow, errors
from dataflow.query.result import BulkResult, Rows
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.parts import TENANTS, Part, SoftPart, VersionedPart, WholePart
from tests.integration.shelf import Shelf

CODES = [f"k{number}" for number in range(8)]
CALLS = 150


class Call(NamedTuple):
    """A method of a table and what it gets."""

    method: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})


class Stop(Exception):
    """Leaves a block."""


class Bench:
    """A table in a database, a shelf for each tenant, and the chance that decides what is done with them."""

    def __init__(self, db: DataFlow, model: type[Part], seed: int) -> None:
        options: Any = model.__dataflow__
        self.db, self.table, self.seed = db, fresh(db, model), seed
        self.soft, self.versioned = bool(options.get("soft_delete")), bool(options.get("versioned"))
        self.done: Counter[str] = Counter()
        self.shelves = {tenant: Shelf(soft=self.soft, versioned=self.versioned) for tenant in TENANTS}

    def calls(self, tenant: str, count: int = CALLS) -> Iterator[Call]:
        """The same for a seed; the tenants differ."""
        chance = random.Random(f"{self.seed} {tenant}")
        return (self._call(chance, self.shelves[tenant]) for _ in range(count))

    def _call(self, chance: random.Random, shelf: Shelf) -> Call:
        def fields(code: str) -> dict[str, Any]:
            given = {"code": code, "slot": chance.randrange(12), "kind": chance.randrange(3)}
            return given | ({"note": chance.choice("xyz")} if chance.random() < 0.5 else {})

        def rows() -> list[dict[str, Any]]:
            several = [fields(code) for code in chance.sample(CODES, chance.randrange(1, 4))]
            slots = chance.sample(range(12), len(several))
            return [{**row, "slot": slot} for row, slot in zip(several, slots, strict=True)]

        def part() -> dict[str, Any]:
            return {name: value for name, value in fields("").items() if name != "code" and chance.random() < 0.7}

        code, kind = chance.choice(CODES), {"kind": chance.randrange(3)}
        filter: dict[str, Any] = chance.choice(
            [kind, {"code": code}, {"slot": {"$gt": 8}}, {"code": {"$in": CODES[:3]}, "note": {"$ne": "x"}}]
        )
        updates = part() or {"note": "w"}
        if self.versioned and code in shelf.lines and chance.random() < 0.3:
            updates["version"] = shelf.lines[code].version + chance.choice([0, 0, 1])
        target = chance.choice(["code", "slot"])
        hard = {"hard": True} if self.soft and chance.random() < 0.3 else {}
        deleted = {"include_deleted": True} if chance.random() < 0.3 else {}
        return chance.choice(
            [
                Call("create", (), fields(code)),
                Call("create", (), fields(code)),
                Call("read", (code,), deleted),
                Call("list", (filter,), deleted),
                Call("count", (filter,), deleted),
                Call("update", (code, updates)),
                Call("update", (kind, {"note": "v"})),
                Call("delete", (code,), hard),
                Call("delete", (filter,), hard),
                Call("upsert", (fields(code),), {"conflict_on": target}),
                Call("bulk_create", (rows(),)),
                Call("bulk_create", (rows(),), {"on_conflict": "ignore"}),
                Call("bulk_update", (filter, {"note": chance.choice("xyz"), **kind})),
                Call("bulk_update", (), {"data": rows(), "on_missing": chance.choice(["error", "skip"])}),
                Call("bulk_delete", (filter,), {"max_affected": 3, **hard}),
                Call("bulk_delete", (), {"keys": chance.sample(CODES, 3), **hard}),
                Call("bulk_upsert", (rows(),), {"conflict_on": target}),
            ]
        )

    def expect(self, tenant: str, call: Call) -> object:
        try:
            return self.shelves[tenant].call(*call)
        except errors.DataFlowError as error:
            return type(error)

    def compare(self, tenant: str, call: Call, answer: object) -> None:
        wanted = self.expect(tenant, call)
        assert answer == wanted, f"seed {self.seed}, {tenant!r}: {call}"
        self.done[call.method] += not isinstance(answer, type)

    def run(self, tenant: str, call: Call) -> None:
        self.compare(tenant, call, answered(lambda: getattr(self.table, call.method)(*call.arguments, **call.options)))

    async def arun(self, tenant: str, call: Call) -> None:
        """Once: what another tenant's locks end, the engine runs again by itself."""
        try:
            answer = shown(await getattr(self.table, f"a{call.method}")(*call.arguments, **call.options))
        except errors.DataFlowError as error:
            answer = type(error)
        self.compare(tenant, call, answer)

    def check(self) -> None:
        """Every tenant has its own rows, all of them, and no other."""
        for tenant, shelf in self.shelves.items():
            with self.db.tenant(tenant):
                for deleted in (False, True):
                    stored = shown(self.table.list(limit=None, include_deleted=deleted))
                    assert stored == shelf.list(include_deleted=deleted), f"seed {self.seed}, {tenant!r}"


def shown(result: Any) -> object:
    match result:
        case BulkResult():
            given = {"seconds", "rows_per_second", "load_id", "rows"}
            return {name: count for name, count in result.items() if count and name not in given}
        case Rows():
            return [shown(row) for row in result]
        case int():
            return result
        case row:
            return row.code, row.slot, row.kind, row.note, getattr(row, "version", 1)


def answered(operation: Callable[[], Any]) -> object:
    try:
        return shown(operation())
    except errors.DataFlowError as error:
        return type(error)


@pytest.fixture(params=[Part, SoftPart, VersionedPart, WholePart], ids=lambda model: model.__name__)
def bench(request: pytest.FixtureRequest, database: Database) -> Iterator[Bench]:
    with closing(DataFlow(database.url, pool_size=2)) as db:
        bench = Bench(db, request.param, secrets.randbits(32))
        print(f"seed {bench.seed}")
        yield bench


def test_tenants_in_turn_have_what_they_wrote(bench: Bench) -> None:
    chance = random.Random(bench.seed)
    calls = {tenant: bench.calls(tenant) for tenant in TENANTS}
    for turn in range(2 * CALLS):
        tenant = chance.choice(TENANTS)
        with bench.db.tenant(tenant), suppress(StopIteration):
            bench.run(tenant, next(calls[tenant]))
        if turn % 50 == 0:
            bench.check()
    bench.check()
    assert min(bench.done.values()) > 0
    assert len(bench.done) == 11


def test_tenants_in_threads_have_what_they_wrote(bench: Bench) -> None:
    def work(tenant: str) -> None:
        for call in bench.calls(tenant):
            bench.run(tenant, call)

    with ThreadPoolExecutor(len(TENANTS)) as pool:
        running = []
        for tenant in TENANTS:
            with bench.db.tenant(tenant):
                running.append(pool.submit(bench.db.bind(work), tenant))
        for done in running:
            done.result(60)
    bench.check()


async def test_tenants_in_tasks_have_what_they_wrote(bench: Bench) -> None:
    async def work(tenant: str) -> None:
        for call in bench.calls(tenant):
            with bench.db.tenant(tenant):
                await bench.arun(tenant, call)

    await asyncio.gather(*map(work, TENANTS))
    bench.check()


def test_tenants_in_one_transaction_have_what_was_kept(bench: Bench) -> None:
    """All in one transaction after another, each call in a savepoint; every other one is rolled back."""
    calls = {tenant: bench.calls(tenant) for tenant in TENANTS}
    bench.check()
    for turn in range(10):
        before = deepcopy(bench.shelves)
        with suppress(Stop), bench.db.transaction():
            for tenant in TENANTS * 5:
                run_in_savepoint(bench, tenant, next(calls[tenant]))
            bench.check()
            if turn % 2:
                bench.shelves = before
                raise Stop
        bench.check()


def run_in_savepoint(bench: Bench, tenant: str, call: Call) -> None:
    def ask() -> object:
        with bench.db.transaction():
            return getattr(bench.table, call.method)(*call.arguments, **call.options)

    with bench.db.tenant(tenant):
        bench.compare(tenant, call, answered(ask))
