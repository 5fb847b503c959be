"""A cut at each message of an exchange, in each direction, and what was told of it is true."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.conftest import make_proxy
from tests.faults.cut import Cut, How, When
from tests.faults.exchange import BOUNDED, EXCHANGES, Exchange, Trial
from tests.faults.framing import Direction
from tests.faults.marked import open_flow
from tests.faults.oracle import Oracle

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")

WAYS: list[tuple[When, How]] = [("before", "rst"), ("after", "fin"), ("before", "fin"), ("after", "rst")]
DIRECTIONS: list[Direction] = ["client", "server"]


@pytest.fixture(params=["prepared", "unnamed"])
def trial(request: pytest.FixtureRequest, database: Database, oracle: Oracle) -> Iterator[Trial]:
    """Both forms of statements: kept prepared on the connection, as directly on a server, and not."""
    prepared = request.param == "prepared"
    with make_proxy(database, disguised=prepared) as proxy:
        flow = open_flow(
            proxy.url(database.url), schema_mode="check", pool_size=1, statement_cache=prepared, acquire_timeout=5
        )
        with flow.db:
            flow.table.count()  # the table is looked at before any message is cut
            closes = database.kind == "mariadb" and not prepared
            nonce = max(oracle.stored(), default=0)
            yield Trial(flow, proxy, oracle, nonce=nonce, prepared=prepared, closes=closes)


def cut_each(trial: Trial, exchange: Exchange, cuts: Iterable[Cut]) -> None:
    """Each on a fresh connection, since the cut before has ended the last one."""
    for cut in cuts:
        attempt = trial.cut(exchange, cut)
        trial.carry_on(attempt.action)
    assert not trial.violations, f"{trial.violations}\n{trial.ends}"


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_cut_at_each_message_is_told_truly(trial: Trial, exchange: Exchange, fault_scale: FaultScale) -> None:
    recorded = trial.record(exchange)
    # What is not prepared goes through the same messages in a smaller form: half of them do for the fast size.
    step = 1 if fault_scale.full or trial.prepared else 2
    messages = [(direction, at + 1) for direction in DIRECTIONS for at in range(0, recorded.total(direction), step)]
    cuts = [
        Cut(direction, index=index, when=when, how=how)
        for turn, (direction, index) in enumerate(messages)
        for when, how in (WAYS if fault_scale.full else [WAYS[turn % len(WAYS)]])
    ]
    cut_each(trial, exchange, cuts)
    assert trial.ends.total() == len(cuts) > 4
    assert trial.ends["done"] == sum(map(recorded.survives, cuts)), trial.ends


def test_silence_at_each_message_ends_at_the_timeout(trial: Trial, fault_scale: FaultScale) -> None:
    recorded = trial.record(BOUNDED)
    step = fault_scale.pick(fast=16, full=1)
    # Not the last ones: a connection that is silent after its commit is no matter of this transaction's time.
    messages = [(direction, at + 1) for direction in DIRECTIONS for at in range(0, recorded.total(direction) - 1, step)]
    cuts = [Cut(direction, index=index, how="silence") for direction, index in messages]
    cut_each(trial, BOUNDED, cuts)
    commits = map(recorded.is_answer_to_the_end, cuts)
    assert trial.ends == Counter(
        "CommitOutcomeUnknownError" if commit else "StatementTimeoutError" for commit in commits
    )
