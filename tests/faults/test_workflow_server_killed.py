"""The database server is killed while a workflow runs: the run says so, nothing is half there, the next run works."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, errors, node
from tests.integration.flows import BOTH, execute, flow
from tests.servers import MariaDB, PostgreSQL
from tests.threads import threads_of_runs

Server = PostgreSQL | MariaDB


class Item:
    name: str


@pytest.fixture(scope="module", params=[PostgreSQL, MariaDB])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One of its own: the others of the run stay alive."""
    with request.param() as started:
        yield started


@pytest.fixture(scope="module")
def starter() -> Iterator[ThreadPoolExecutor]:
    """A server ends with the thread that started it: this one outlives the nodes."""
    with ThreadPoolExecutor(1) as threads:
        yield threads


@BOTH
@pytest.mark.parametrize("transaction", [False, True], ids=["alone", "in_one"])
def test_a_killed_server_fails_the_run_and_the_next_one_works(
    server: Server, starter: ThreadPoolExecutor, runtime: str, transaction: bool
) -> None:
    with closing(DataFlow(server.create_database())) as db:
        db.model(Item)
        table = db.table(Item)
        table.count()
        killed, told = threading.Event(), list[int]()

        def kill() -> None:
            starter.submit(server.restart_immediate).result()
            killed.set()

        def write_on() -> None:
            """Writes until it cannot: the kill meets it in the middle."""
            while not killed.is_set():
                table.create(name="y")
                told.append(1)

        kinds: dict[str, Any] = {
            "store": ("ItemCreateNode", {"name": "x"}),
            "kill": node(kill),
            "write": node(write_on),
            "never": node(lambda: None),
        }
        broken = flow(kinds, ("store", "kill"), ("store", "write"), ("write", "never"), source=db)
        with pytest.raises(errors.NodeExecutionError) as caught:
            execute(runtime, broken, transaction=transaction)
        assert caught.value.node == "write"
        cause: Any = caught.value.__cause__
        assert isinstance(cause, errors.DataFlowError)
        assert cause.kind in ("ConnectionLost", "ConnectionRefused", "CommitOutcomeUnknown", "TransactionAborted")
        assert "never" not in caught.value.results
        assert ("store" in caught.value.stands) == (not transaction)
        assert threads_of_runs() == []
        assert killed.wait(20)
        stored = table.count({"name": "x"})
        assert stored == (0 if transaction else 1)
        # Every row that was told is there; one more may be, whose answer was lost.
        assert table.count({"name": "y"}) in ((0,) if transaction else (len(told), len(told) + 1))
        results = execute(
            runtime, flow({"store": ("ItemCreateNode", {"name": "x"})}, source=db), transaction=transaction
        )
        assert results["store"]["name"] == "x"
        assert table.count({"name": "x"}) == stored + 1
        status = db.pool_status()
        assert status["open"] == status["idle"]
