"""W1: what the workflow engine costs: 10,000 nodes that do nothing, and one row through a workflow.

Hamilton (the lightest in-process engine of graphs) builds and runs the same graph of independent nodes.
"""

import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hamilton import ad_hoc_utils, driver

from benches.peers import compare, timed
from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, Workflow, WorkflowBuilder, node
from tests.servers import PostgreSQL

NODES = 10_000
ROUNDS = 7
LIMIT_US = 20
WRITES = 300
MOST = 1.5


def nothing() -> dict[str, Any]:
    return {}


async def nothing_awaited() -> dict[str, Any]:
    return {}


def build(function: Callable[..., Any], chained: bool) -> Workflow:
    workflow, kind = WorkflowBuilder(), node(function)
    for number in range(NODES):
        workflow.add_node(kind, f"n{number}")
        if chained and number:
            workflow.add_connection(f"n{number - 1}", f"n{number}")
    return workflow.build()


@pytest.fixture
def one_core() -> Iterator[None]:
    """The process on one core, as the figure is stated, with a collector that leaves the heap of pytest alone."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    gc.collect()
    gc.freeze()  # it doubles the cost of every node, of ours and of Hamilton's
    yield
    gc.unfreeze()
    os.sched_setaffinity(0, cores)


def run(workflow: Workflow) -> None:
    results, _ = LocalRuntime().execute(workflow)
    assert len(results) == NODES


def arun(workflow: Workflow) -> None:
    results, _ = asyncio.run(AsyncLocalRuntime().execute_workflow_async(workflow))
    assert len(results) == NODES


@pytest.mark.parametrize("function", [nothing, nothing_awaited])
@pytest.mark.parametrize("chained", [False, True], ids=["independent", "chain"])
@pytest.mark.parametrize("runtime", [run, arun], ids=["LocalRuntime", "AsyncLocalRuntime"])
@pytest.mark.benchmark(group="W1 no-op nodes")
def test_a_node_costs_microseconds(
    benchmark: Any, one_core: None, function: Callable[..., Any], chained: bool, runtime: Callable[[Workflow], None]
) -> None:
    workflow = build(function, chained)
    runtime(workflow)
    benchmark.pedantic(runtime, [workflow], rounds=ROUNDS)
    cost_us = benchmark.stats.stats.median / NODES * 1e6
    shape = "chain" if chained else "independent"
    print(f"\n  {cost_us:.1f} us a node: {NODES:,} {function.__name__}, {shape}, {runtime.__name__}, one core")
    assert cost_us <= LIMIT_US


def hamilton_module() -> ModuleType:
    functions = []
    for number in range(NODES):
        names: dict[str, Any] = {}
        exec(f"def n{number}() -> int:\n    return 0\n", names)
        functions.append(names[f"n{number}"])
    return ad_hoc_utils.create_temporary_module(*functions, module_name="nothing")


@pytest.mark.benchmark(group="W1 build and run")
def test_build_and_run_beside_hamilton(benchmark: Any, one_core: None) -> None:
    module, outputs = hamilton_module(), [f"n{number}" for number in range(NODES)]

    def hamilton() -> None:
        assert len(driver.Builder().with_modules(module).build().execute(outputs)) == NODES

    print()
    jobs = {"dataflow": lambda: run(build(nothing, False)), "hamilton": hamilton}
    medians = compare(benchmark, jobs, lambda: None, ROUNDS)
    assert medians["hamilton"].wall / medians["dataflow"].wall >= 2


def one_row(url: str) -> tuple[float, float]:
    """Median seconds of a direct create, and of one through a workflow, taking turns."""
    with DataFlow(url) as db:

        @db.model
        class Product:
            name: str
            price: float

        products, workflow, runtime = db.table(Product), WorkflowBuilder(db), LocalRuntime()
        workflow.add_node("ProductCreateNode", "new", {"name": "Tea", "price": 4.2})
        built = workflow.build()
        direct, through = list[float](), list[float]()
        ways = [(direct, lambda: products.create(name="Tea", price=4.2)), (through, lambda: runtime.execute(built))]
        for turn in range(WRITES):
            for times, job in ways[:: 1 if turn % 2 else -1]:
                times.append(timed(job).wall)
        assert products.count() == 2 * WRITES
    return statistics.median(direct), statistics.median(through)


async def one_row_awaited(url: str) -> tuple[float, float]:
    async with DataFlow(url) as db:

        @db.model
        class Product:
            name: str
            price: float

        products, workflow, runtime = db.table(Product), WorkflowBuilder(db), AsyncLocalRuntime()
        workflow.add_node("ProductCreateNode", "new", {"name": "Tea", "price": 4.2})
        built = workflow.build()
        direct, through = list[float](), list[float]()
        ways: list[tuple[list[float], Callable[[], Any]]] = [
            (direct, lambda: products.acreate(name="Tea", price=4.2)),
            (through, lambda: runtime.execute_workflow_async(built)),
        ]
        for turn in range(WRITES):
            for times, job in ways[:: 1 if turn % 2 else -1]:
                started = time.perf_counter()
                await job()
                times.append(time.perf_counter() - started)
        assert await products.acount() == 2 * WRITES
    return statistics.median(direct), statistics.median(through)


@pytest.mark.parametrize("server", ["sqlite", "postgres"])
@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_one_row_through_a_workflow(request: pytest.FixtureRequest, server: str, awaited: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/w1.db"
        if server == "postgres":
            postgres: PostgreSQL = request.getfixturevalue("postgres")
            url = postgres.create_database()
        direct, through = asyncio.run(one_row_awaited(url)) if awaited else one_row(url)
    way = "awaited" if awaited else "blocking"
    print(
        f"\n  {through / direct:.2f} x the direct create, {server}, {way}: {through * 1e6:.0f} to {direct * 1e6:.0f} us"
    )
    assert through / direct <= MOST
