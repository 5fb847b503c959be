"""The connection is cut at the commit of a node, or of a whole run: what is unknown is never tried again."""

from collections.abc import Iterator
from typing import Any

import pytest

from dataflow import errors, node
from tests.database import Database
from tests.faults.conftest import make_proxy
from tests.faults.cut import Cut, holds
from tests.faults.marked import Flow, open_flow
from tests.faults.oracle import Oracle
from tests.faults.proxy import Proxy
from tests.integration import bare
from tests.integration.flows import BOTH, Told, execute, flow

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")

RETRY = {"attempts": 5, "backoff_ms": 0, "on": [RuntimeError, "CommitOutcomeUnknown", "ConnectionLost"]}
# The server has committed; or it never will.
CUTS = {"committed": Cut.answer(b"COMMIT"), "lost": Cut("client", matches=holds(b"COMMIT"))}


@pytest.fixture
def proxy(database: Database, oracle: Oracle) -> Iterator[Proxy]:
    bare.execute(database, 'DELETE FROM "marked"')
    with make_proxy(database, disguised=True) as proxy:
        yield proxy


@pytest.fixture
def marked(database: Database, proxy: Proxy) -> Iterator[Flow]:
    found = open_flow(proxy.url(database.url), pool_size=1)
    with found.db:
        found.table.count()
        yield found


def stored(database: Database) -> list[int]:
    return [part for (part,) in bare.execute(database, 'SELECT part FROM "marked" ORDER BY part')]


def two_rows(marked: Flow, *, wrapped: bool, calls: list[int]) -> Any:
    def write() -> None:
        calls.append(1)
        try:
            with marked.db.transaction():
                marked.table.create(nonce=1, part=1)
                marked.table.create(nonce=1, part=2)
        except errors.DataFlowError as error:
            if wrapped:
                raise RuntimeError("mine") from error
            raise

    return node(write)


@BOTH
@pytest.mark.parametrize("wrapped", [False, True], ids=["as_it_is", "wrapped"])
@pytest.mark.parametrize("end", CUTS)
def test_a_node_whose_commit_was_cut_is_not_tried_again(
    database: Database, proxy: Proxy, marked: Flow, runtime: str, wrapped: bool, end: str
) -> None:
    calls: list[int] = []
    proxy.plan(CUTS[end])
    with pytest.raises(errors.NodeExecutionError) as caught:
        execute(runtime, flow({"write": two_rows(marked, wrapped=wrapped, calls=calls)}, retry=RETRY))
    assert len(proxy.cuts) == 1
    assert (calls, caught.value.stands) == ([1], ())
    # Also where the node's own error says nothing of it.
    assert caught.value.outcome == "unknown"
    assert stored(database) == ([1, 2] if end == "committed" else [])


@BOTH
@pytest.mark.parametrize("end", CUTS)
def test_a_run_whose_commit_was_cut_has_not_finished(
    database: Database, proxy: Proxy, marked: Flow, runtime: str, end: str
) -> None:
    told = Told()
    kinds: dict[str, Any] = {f"n{part}": ("MarkedCreateNode", {"nonce": 1, "part": part}) for part in (1, 2)}
    proxy.plan(CUTS[end])
    with pytest.raises(errors.CommitOutcomeUnknownError) as caught:
        execute(runtime, flow(kinds, ("n1", "n2"), source=marked.db), transaction=True, on_event=told)
    assert len(proxy.cuts) == 1
    assert caught.value.outcome == "unknown"
    assert told.lines()[-2:] == [("node_finished", "n2"), ("run_failed", None)]
    assert told.events[-1].error is caught.value
    assert stored(database) == ([1, 2] if end == "committed" else [])
    assert marked.table.count() == len(stored(database))


@BOTH
def test_a_connection_cut_between_two_nodes_leaves_nothing_of_one_transaction(
    database: Database, proxy: Proxy, marked: Flow, runtime: str
) -> None:
    kinds: dict[str, Any] = {f"n{part}": ("MarkedCreateNode", {"nonce": 1, "part": part}) for part in (1, 2)}
    kinds["cut"] = node(lambda: proxy.plan(Cut("client")))
    workflow = flow(kinds, ("n1", "cut"), ("cut", "n2"), source=marked.db)
    with pytest.raises(errors.NodeExecutionError, match="n2") as caught:
        execute(runtime, workflow, transaction=True)
    assert len(proxy.cuts) == 1
    assert (caught.value.outcome, caught.value.stands) == ("rolled back", ())
    assert stored(database) == []
    assert execute(runtime, flow({"n1": kinds["n1"]}), transaction=True)["n1"]["part"] == 1
