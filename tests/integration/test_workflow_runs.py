"""How a workflow runs: what at the same time, where, in which order, and what is skipped."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from dataflow import AsyncLocalRuntime, DataFlow, LocalRuntime, MergeNode, Node, RunEvent, SwitchNode, errors, node
from dataflow.workflow.schedule import Schedule
from tests.integration.flows import BOTH, GRACE_S, LONG_S, Gate, Told, execute, flow, names
from tests.integration.fresh import fresh


class Item:
    name: str
    size: int | None = None


@BOTH
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_as_many_blocking_nodes_as_allowed_run_at_the_same_time(runtime: str, limit: int) -> None:
    meeting = threading.Barrier(limit, timeout=20)
    kinds = {id: node(lambda: meeting.wait() >= 0) for id in names("n", 3 * limit)}
    assert len(execute(runtime, flow(kinds), max_parallel=limit)) == 3 * limit


@BOTH
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_as_many_awaited_nodes_as_allowed_run_at_the_same_time(runtime: str, limit: int) -> None:
    meetings: list[asyncio.Barrier] = []

    async def meet() -> int:
        if not meetings:
            meetings.append(asyncio.Barrier(limit))
        async with asyncio.timeout(20):
            return await meetings[0].wait()

    assert (
        len(execute(runtime, flow(dict.fromkeys(names("n", 3 * limit), node(meet))), max_parallel=limit)) == 3 * limit
    )


@BOTH
@pytest.mark.parametrize("kinds", [("stay",), ("astay",), ("stay", "astay")], ids=["blocking", "awaited", "both"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_never_more_nodes_than_allowed_run_at_a_time(runtime: str, kinds: tuple[str, ...], limit: int) -> None:
    gate = Gate()

    def stay() -> None:
        gate.stay(limit + 1, GRACE_S)

    async def astay() -> None:
        await gate.astay(limit + 1, GRACE_S)

    found = {"stay": node(stay), "astay": node(astay)}
    results = execute(
        runtime, flow({f"{kind}{i}": found[kind] for i in range(4) for kind in kinds}), max_parallel=limit
    )
    assert len(results) == 4 * len(kinds)
    assert gate.most == limit


@BOTH
def test_blocking_and_awaited_nodes_run_beside_each_other(runtime: str) -> None:
    gate = Gate()

    def stay() -> bool:
        return gate.stay(4)

    async def astay() -> bool:
        return await gate.astay(4)

    kinds = {"a": node(stay), "b": node(astay), "c": node(stay), "d": node(astay)}
    results = execute(runtime, flow(kinds), max_parallel=4)
    assert [results[id]["result"] for id in kinds] == [True] * 4


@BOTH
def test_a_node_begins_as_soon_as_what_it_waits_for_has_ended(runtime: str) -> None:
    """And not only when the whole level has: `slow` ends after `second`, which hangs on `first` alone."""
    ended = threading.Event()
    kinds = {
        "slow": node(lambda: ended.wait(20)),
        "first": node(lambda: None),
        "second": node(lambda: ended.set()),
    }
    assert execute(runtime, flow(kinds, ("first", "second")), max_parallel=2)["slow"] == {"result": True}


@BOTH
def test_a_blocking_node_never_holds_up_the_loop(runtime: str) -> None:
    told = threading.Event()

    async def tell() -> None:
        told.set()

    assert execute(runtime, flow({"wait": node(lambda: told.wait(20)), "tell": node(tell)}))["wait"]["result"] is True


async def test_awaited_nodes_run_on_the_callers_loop() -> None:
    async def where() -> tuple[asyncio.AbstractEventLoop, int]:
        return asyncio.get_running_loop(), threading.get_ident()

    blocking = node(lambda: threading.get_ident())
    results, _ = await AsyncLocalRuntime().execute_workflow_async(flow({"a": node(where), "b": blocking}))
    assert results["a"]["result"] == (asyncio.get_running_loop(), threading.get_ident())
    assert results["b"]["result"] != threading.get_ident()


async def test_the_blocking_runtime_works_inside_a_running_loop() -> None:
    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    results, _ = LocalRuntime().execute(flow({"a": node(where)}))
    assert results["a"]["result"] is not asyncio.get_running_loop()


def test_a_chain_of_blocking_nodes_stays_in_the_callers_thread() -> None:
    kinds = {id: node(lambda: threading.get_ident()) for id in "abc"}
    results = execute("local", flow(kinds, ("a", "b"), ("b", "c")))
    assert {results[id]["result"] for id in "abc"} == {threading.get_ident()}


@BOTH
def test_a_class_is_made_anew_for_every_run(runtime: str) -> None:
    class Counter(Node):
        def __init__(self) -> None:
            self.count = 0

        def run(self) -> dict[str, int]:
            self.count += 1
            return {"count": self.count}

    workflow = flow({"a": Counter, "b": Counter})
    for _ in range(3):
        assert execute(runtime, workflow) == {"a": {"count": 1}, "b": {"count": 1}}


@BOTH
def test_one_workflow_is_run_by_eight_threads_at_once(runtime: str) -> None:
    meeting = threading.Barrier(8, timeout=20)

    class Meet(Node):
        def run(self, number: int) -> dict[str, int]:
            meeting.wait()
            self.number = number
            meeting.wait()
            return {"number": self.number}

    workflow = flow({"meet": Meet, "double": node(lambda number: 2 * number)}, ("meet", "number", "double", "number"))
    with ThreadPoolExecutor(8) as threads:
        runs = [threads.submit(execute, runtime, workflow, {"meet": {"number": number}}) for number in range(8)]
    results = [run.result() for run in runs]
    assert [found["double"]["result"] for found in results] == [2 * number for number in range(8)]
    assert len({found.run_id for found in results}) == 8


@BOTH
@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_a_chain_of_ten_thousand_nodes_runs(runtime: str, awaited: bool) -> None:
    async def add(value: int = 0) -> int:
        return value + 1

    kind = node(add) if awaited else node(lambda value=0: value + 1)
    ids = list(names("n", 10_000))
    links = [(one, "result", other, "value") for one, other in pairwise(ids)]
    assert execute(runtime, flow(dict.fromkeys(ids, kind), *links))[ids[-1]]["result"] == 10_000


def test_ten_thousand_nodes_are_skipped() -> None:
    ids = list(names("n", 10_000))
    links = [("switch", "true_output", ids[0], "value"), *pairwise(ids)]
    kinds = {"switch": (SwitchNode, {"data": 1, "value": 2}), **dict.fromkeys(ids, node(lambda value=0: value))}
    assert execute("local", flow(kinds, *links)).skipped == ids


CHOICE = {
    "choose": (SwitchNode, {"operator": ">", "value": 10}),
    **{id: node(lambda data=None: {"data": data}) for id in ("big", "bigger", "biggest", "small")},
    "merge": MergeNode,
}
WAYS = [
    ("choose", "true_output", "big", "data"),
    ("big", "data", "bigger", "data"),
    ("bigger", "biggest"),
    ("choose", "false_output", "small", "data"),
    ("biggest", "data", "merge", "big"),
    ("small", "data", "merge", "small"),
]


@BOTH
def test_what_hangs_on_a_branch_not_taken_is_skipped_through_all_levels(runtime: str) -> None:
    told = Told()
    results = execute(runtime, flow(CHOICE, *WAYS), {"choose": {"data": 3}}, on_event=told)
    assert results.skipped == ["big", "bigger", "biggest"]
    assert results["merge"] == {"first": 3, "merged": [3], "count": 1}
    assert set(results) == {"choose", "small", "merge"}
    assert [event.node for event in told.of("node_skipped")] == results.skipped
    with pytest.raises(KeyError, match="big was skipped"):
        results["big"]


@BOTH
def test_the_other_branch_is_taken(runtime: str) -> None:
    results = execute(runtime, flow(CHOICE, *WAYS), {"choose": {"data": 30}})
    assert results.skipped == ["small"]
    # An order-only link hands nothing over.
    assert results["biggest"] == {"data": None}
    assert results["merge"]["count"] == 1


@BOTH
def test_a_node_whose_inputs_were_not_taken_is_skipped_whatever_else_it_waits_for(runtime: str) -> None:
    kinds = {**CHOICE, "before": node(lambda: None)}
    results = execute(runtime, flow(kinds, *WAYS, ("before", "big")), {"choose": {"data": 3}})
    assert results.skipped == ["big", "bigger", "biggest"]


@BOTH
@pytest.mark.parametrize(("value", "ran"), [(3, {"a", "both"}), (30, {"b", "both", "only"})])
def test_a_branch_without_a_value_decides_whatever_else_comes(runtime: str, value: int, ran: set[str]) -> None:
    """`only` has an input that always comes and a branch; `both` has two branches, of which one is taken."""
    kinds = {id: node(lambda data=None: {"data": data}) for id in ("first", "a", "b", "both", "only")}
    switch = ("SwitchNode", {"operator": ">", "value": 10, "data": value})
    ways = [("choose", "false_output", "a"), ("choose", "true_output", "b"), ("choose", "true_output", "only")]
    ways += [("choose", "false_output", "both"), ("choose", "true_output", "both"), ("first", "data", "only", "data")]
    results = execute(runtime, flow({"choose": switch, **kinds}, *ways))
    assert set(results) == {"choose", "first", *ran}


@BOTH
def test_order_only_links_order(runtime: str) -> None:
    order: list[str] = []
    kinds = {id: node(lambda id=id: order.append(id)) for id in "dcba"}
    execute(runtime, flow(kinds, ("a", "b"), ("b", "c"), ("c", "d")))
    assert order == ["a", "b", "c", "d"]


@BOTH
def test_a_merge_keeps_the_order_of_the_connections(runtime: str) -> None:
    """However they ended: the later ones end first."""
    gates = {id: threading.Event() for id in "abcd"}

    def make(id: str, after: str | None) -> Node:
        def run() -> str:
            assert after is None or gates[after].wait(20)
            gates[id].set()
            return id

        return node(run)

    kinds = {id: make(id, after) for id, after in zip("abcd", ["b", "c", "d", None], strict=True)}
    links = [(id, "result", "merge", f"way_{id}") for id in "cadb"]
    results = execute(runtime, flow({**kinds, "merge": MergeNode}, *links), max_parallel=4)
    assert results["merge"] == {"first": "c", "merged": ["c", "a", "d", "b"], "count": 4}


@BOTH
def test_a_list_feeds_a_bulk_node_without_python_objects(db: DataFlow, runtime: str) -> None:
    origin, target = fresh(db, Item), fresh(db, Item)
    origin.bulk_create([{"name": f"row {number}", "size": number} for number in range(500)])
    kinds = {
        "list": (f"{origin._cls.__name__}ListNode", {"limit": None}),
        "load": f"{target._cls.__name__}BulkCreateNode",
    }
    results = execute(runtime, flow(kinds, ("list", "records", "load", "data")))
    assert "_instances" not in vars(results["list"]["records"])
    assert results["load"]["inserted"] == 500
    assert target.list(limit=None).records() == origin.list(limit=None).records()


class Large:
    """Stands for much memory."""


@BOTH
def test_what_a_run_brought_back_goes_with_its_results(runtime: str) -> None:
    """At once, not when the garbage collector comes: nothing of the engine still points to it."""
    made: list[weakref.ref[Large]] = []

    def make() -> Large:
        large = Large()
        made.append(weakref.ref(large))
        return large

    workflow = flow({"make": node(make), "use": node(lambda data: len([data]))}, ("make", "result", "use", "data"))
    gc.collect()
    gc.disable()
    try:
        results = execute(runtime, workflow)
        assert made[0]() is results["make"]["result"]
        del results
        assert made[0]() is None
    finally:
        gc.enable()


def test_the_schedule_does_not_keep_inputs_that_were_taken() -> None:
    workflow = flow({"make": node(lambda data: 1), "use": node(lambda data: 1)}, ("make", "result", "use", "data"))
    schedule = Schedule(workflow, {"make": {"data": Large()}, "use": {}})
    given = weakref.ref(schedule._inputs[0]["data"])
    assert schedule.take(0)["data"] is not None
    assert given() is None
    handed = Large()
    handed_over = weakref.ref(handed)
    schedule.settle(0, {"result": handed})
    del handed
    assert handed_over() is not None
    schedule.take(1)
    assert handed_over() is None


@BOTH
def test_a_workflow_of_no_nodes_runs(runtime: str) -> None:
    assert execute(runtime, flow({})) == {}


@BOTH
def test_an_object_of_another_kind_is_refused(runtime: str) -> None:
    with pytest.raises(errors.InvalidOptionError, match="a workflow is run"):
        execute(runtime, "load")  # type: ignore[arg-type]


@BOTH
def test_a_listener_that_takes_its_time_holds_no_lock_of_the_run(runtime: str) -> None:
    """The time of the run is up while it is told that the first node has ended: the other one is cancelled at once."""
    begun, cancelled, seen = threading.Event(), threading.Event(), list[bool]()

    def listen(event: RunEvent) -> None:
        if (event.kind, event.node) == ("node_finished", "first"):
            seen.append(cancelled.wait(LONG_S))

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    workflow = flow({"first": node(lambda: begun.wait(LONG_S)), "wait": node(wait)})
    with pytest.raises(errors.WorkflowTimeoutError):
        execute(runtime, workflow, timeout=0.3, on_event=listen)
    assert seen == [True]


@BOTH
def test_a_class_is_made_once_a_run_whatever_is_given_to_it(runtime: str) -> None:
    made: list[object] = []

    class Counted(Node):
        def __init__(self) -> None:
            made.append(self)

        def run(self, data: int) -> dict[str, int]:
            return {"data": data}

    workflow = flow({"a": Counted, "b": Counted}, ("a", "data", "b", "data"))
    made.clear()
    execute(runtime, workflow, {"a": {"data": 1}})
    assert len(made) == 2
