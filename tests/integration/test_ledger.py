"""What was done once is forgotten after a time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, errors
from tests.database import Database
from tests.integration.fresh import fresh

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Item:
    code: Annotated[str, MaxLength(20)]


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]


class Hands:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def timed(database: Database, clock: Hands) -> Any:
    with DataFlow(database.url, clock=clock) as db:
        clock.now = NOON + 100 * HOUR
        db.ledger.prune(timedelta())  # what other tests left
        clock.now = NOON
        yield db


def test_only_what_is_older_is_forgotten(timed: DataFlow, clock: Hands) -> None:
    table = fresh(timed, Item)
    for hour in range(4):
        clock.now = NOON + hour * HOUR
        table.bulk_create([{"code": f"{hour}"}], load_id=f"{hour}")
    assert timed.ledger.prune(older_than=2 * HOUR) == 1
    assert timed.ledger.prune(older_than=2 * HOUR) == 0
    assert [table.bulk_create([{"code": f"{hour}"}], load_id=f"{hour}").replayed for hour in range(4)] == [
        False,
        True,
        True,
        True,
    ]
    assert timed.ledger.prune(older_than=timedelta.max) == 0


async def test_it_is_awaited_too(timed: DataFlow, clock: Hands) -> None:
    table = fresh(timed, Item)
    await table.abulk_create([{"code": "a"}], load_id="x")
    clock.now = NOON + HOUR
    assert await timed.ledger.aprune(older_than=timedelta(minutes=59)) == 1


def test_a_tenant_forgets_its_own(timed: DataFlow, clock: Hands) -> None:
    table, plain = fresh(timed, Shared), fresh(timed, Item)
    plain.bulk_create([{"code": "a"}], load_id="x")
    for tenant in ("a", "b"):
        with timed.tenant(tenant):
            table.bulk_create([{"code": "a"}], load_id="x")
    clock.now = NOON + HOUR
    with timed.tenant("a"):
        assert timed.ledger.prune(older_than=timedelta()) == 1
        assert not table.bulk_create([{"code": "a"}], load_id="x").replayed
    with timed.tenant("b"):
        assert table.bulk_create([{"code": "a"}], load_id="x").replayed
    assert plain.bulk_create([{"code": "a"}], load_id="x").replayed
    assert timed.ledger.prune(older_than=timedelta()) == 2


def test_it_is_part_of_the_transaction_around_it(timed: DataFlow, clock: Hands) -> None:
    table = fresh(timed, Item)
    table.bulk_create([{"code": "a"}], load_id="x")
    clock.now = NOON + HOUR
    with pytest.raises(ZeroDivisionError), timed.transaction():
        assert timed.ledger.prune(older_than=timedelta()) == 1
        raise ZeroDivisionError
    assert table.bulk_create([{"code": "a"}], load_id="x").replayed
    with timed.transaction(read_only=True), pytest.raises(errors.TransactionStateError):
        timed.ledger.prune(older_than=timedelta())


@pytest.mark.parametrize("older_than", [-HOUR, 3600, None, "1h"])
def test_what_is_no_time_is_refused(timed: DataFlow, older_than: Any) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        timed.ledger.prune(older_than)
    assert caught.value.path == "older_than"
