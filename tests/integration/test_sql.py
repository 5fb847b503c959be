"""The statement of a read as a value: `table.sql(…)`."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest

from dataflow import CompiledRead, DataFlow, Naive, Precision, Ref, Table, errors
from tests.database import Database
from tests.integration.fresh import fresh, subclass
from tests.integration.test_events import Log


class Everything:
    whole: int
    real: float
    text: str
    flag: bool
    exact: Annotated[Decimal, Precision(12, 2)]
    blob: bytes
    uuid: UUID
    made: datetime
    wall: Annotated[datetime, Naive()]
    day: date
    clock: time
    span: timedelta
    tags: list[str]


class Shared(Everything):
    __dataflow__: ClassVar = {"multi_tenant": True, "soft_delete": True}


VALUES: dict[str, Any] = {
    "whole": -(2**63),
    "real": -0.5,
    "text": "ä'\"?$1",
    "flag": True,
    "exact": Decimal("-12.50"),
    "blob": b"\x00\xff",
    "uuid": UUID(int=7),
    "made": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    "wall": datetime(1969, 12, 31, 23, 59, 59, 999999),
    "day": date(1, 1, 1),
    "clock": time(23, 59, 59, 999999),
    "span": timedelta(days=-1, microseconds=1),
}
ORDERS: list[dict[str, Any]] = [
    {},
    {"filter": {"whole": {"$in": [1, 2, 3]}, "text": {"$startsWith": "a"}}, "order_by": ["-real", "text"], "limit": 7},
    {"fields": ["text"], "distinct": True, "total": "exact"},
    {"limit": None, "include_deleted": True, "offset": 3},
    {"include": {"parent": {"fields": ["text"]}}, "limit": 5},
]


@pytest.fixture
def table(db: DataFlow) -> Table[Any]:
    model = subclass(Everything)
    model.__annotations__ = {"parent_id": Annotated[int | None, Ref(model.__name__)]}
    return db.table(db.model(model))


def flat(parameters: list[Any]) -> Iterator[Any]:
    """Databases without arrays have a parameter for each value."""
    for parameter in parameters:
        if isinstance(parameter, list):
            yield from parameter
        else:
            yield parameter


@pytest.mark.parametrize("given", ORDERS, ids=str)
def test_it_is_the_statement_that_a_list_sends(db: DataFlow, table: Table[Any], given: dict[str, Any]) -> None:
    table.create(**VALUES, tags=["a"], parent_id=None)
    log = Log(db, "statement")
    table.list(**given)
    count = len(log.settled())
    compiled = table.sql(**given)
    assert compiled.sql == log.settled()[-1]["sql"]
    assert len(log.settled()) == count, "it was sent"
    assert isinstance(compiled, CompiledRead)


def test_a_query_has_it_too(table: Table[Any]) -> None:
    query = table.where({"whole": 3}).order_by("-real", "text").limit(7)
    assert query.sql() == table.sql({"whole": 3}, order_by=["-real", "text"], limit=7)


@pytest.mark.parametrize("name", VALUES)
def test_parameters_are_the_values_that_are_compared(table: Table[Any], name: str) -> None:
    value = VALUES[name]
    [one] = table.sql({name: value}).parameters
    assert (one, type(one)) == (value, type(value))
    found = list(flat(table.sql({name: {"$in": [value, None]}}).parameters))
    assert (found, type(found[0])) == ([value], type(value))
    assert table.sql({name: {"$exists": True}}).parameters == []


def test_a_long_list_is_told_whole(table: Table[Any]) -> None:
    values = [*range(5_000)]
    assert list(flat(table.sql({"whole": {"$in": values}}).parameters)) == values


def test_the_tenant_is_in_it(db: DataFlow) -> None:
    table = fresh(db, Shared)
    with db.tenant("acme"):
        sql, parameters = table.sql({"whole": 3})
        assert "acme" in parameters
        assert 3 in parameters
        assert "deleted_at" in sql
    with pytest.raises(errors.MissingTenantError):
        table.sql({"whole": 3})


def test_the_server_is_asked_once_what_it_is(database: Database) -> None:
    with closing(DataFlow(database.url)) as db:
        table: Table[Any] = db.table(db.model(type("Alone", (), {"__annotations__": {"name": str}})))
        log = Log(db, "statement")
        first = table.sql({"name": "a"})
        count = len(log.settled())
        assert table.sql({"name": "a"}) == first
        assert len(log.settled()) == count
    with pytest.raises(errors.ClosedError):
        table.sql({"name": "a"})


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"filter": {"whole": "x"}}, errors.WrongTypeError),
        ({"filter": {"nothing": 1}}, errors.UnknownFieldError),
        ({"order_by": "nothing"}, errors.UnknownFieldError),
        ({"limit": -1}, errors.InvalidFilterError),
        ({"distinct": True}, errors.InvalidFilterError),
        ({"total": "all"}, errors.InvalidFilterError),
        ({"include": "nobody"}, errors.UnknownFieldError),
    ],
    ids=str,
)
def test_what_is_no_list_is_no_statement(table: Table[Any], given: Any, error: type[errors.DataFlowError]) -> None:
    with pytest.raises(error) as of_list:
        table.list(**given)
    with pytest.raises(error) as of_sql:
        table.sql(**given)
    assert str(of_sql.value) == str(of_list.value).replace(of_list.value.where or "", of_sql.value.where or "")
