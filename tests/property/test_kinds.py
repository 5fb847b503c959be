"""Every described type comes back as it went in: by parameters and in bulk, as Python and as Arrow."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from typing import Any

import psycopg
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow import DataFlow, Rows, errors
from tests.database import Database
from tests.integration import bare
from tests.property.cells import Case
from tests.property.kinds import CHOICES, KINDS
from tests.property.ways import BASIC, WAYS, store, stored, table_of

SEARCH = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        yield db


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def named(name: str) -> Case:
    return next(kind for kind in KINDS if kind.name == name)


def check(found: Rows[Any], kind: Case, values: list[Any]) -> None:
    records = [row["value"] for row in found.records()]
    assert records == values
    # JSON has one kind of number: an integral float comes back as the int it equals.
    if kind.name != "json":
        assert [type(value) for value in records] == [type(value) for value in values]
    column = found.to_arrow().column("value")
    assert column.type == kind.arrow
    listed = column.to_pylist()
    if kind.name == "json":
        listed = [None if text is None else json.loads(text) for text in listed]
    assert listed == values


@pytest.mark.parametrize("path", WAYS)
def test_edge_values_come_back_as_they_went_in(flow: DataFlow, kind: Case, path: str) -> None:
    table, values = table_of(flow, kind), [*kind.edges, None]
    check(stored(table, store(table, kind, values, path)), kind, values)


@SEARCH
@given(data=st.data(), path=st.sampled_from(WAYS))
def test_any_value_comes_back(flow: DataFlow, kind: Case, data: st.DataObject, path: str) -> None:
    table = table_of(flow, kind)
    values = data.draw(st.lists(kind.search | st.none(), min_size=1, max_size=8))
    check(stored(table, store(table, kind, values, path)), kind, values)


@pytest.mark.parametrize("path", [*BASIC, "arrow upsert"])
@pytest.mark.parametrize("name", ["date", "time", "duration", "choice", "json", "ints", "texts", "dates"])
def test_the_server_holds_the_same_values(database: Database, flow: DataFlow, name: str, path: str) -> None:
    kind = named(name)
    # psycopg reads a long interval by way of floats.
    table, values = table_of(flow, kind), [v for v in kind.edges if not isinstance(v, timedelta) or abs(v.days) < 10**5]
    batch = store(table, kind, values, path)
    query = f'SELECT "value" FROM cells{kind.name} WHERE batch = {batch} ORDER BY "at"'
    assert [told(kind, value) for (value,) in bare.execute(database, query)] == values


def told(kind: Case, value: Any) -> Any:
    """What the bare driver read, in Python's type."""
    match kind.name:
        case "ints" | "texts" if isinstance(value, str):
            return json.loads(value)
        case "dates" if isinstance(value, str):
            return [date.fromisoformat(item) for item in json.loads(value)]
        case "json" if isinstance(value, str):
            # psycopg has read a document that is a text already.
            return value if value == "text" else json.loads(value)
        case "date" if isinstance(value, str):
            return date.fromisoformat(value)
        case "time" if isinstance(value, str):
            return time.fromisoformat(value)
        case "time" if isinstance(value, timedelta):
            return (datetime.min + value).time()
        case "duration" if isinstance(value, int):
            return timedelta(microseconds=value)
    return value


def test_a_value_is_found_by_itself(flow: DataFlow, kind: Case) -> None:
    table, values = table_of(flow, kind), list(kind.edges)
    batch = store(table, kind, values, "dicts")
    for value in values:
        found = table.count({"batch": batch, "value": {"$eq": value}})
        assert found == sum(other == value and type(other) is type(value) for other in values)


ORDERED = [kind for kind in KINDS if kind.ordered]


@pytest.mark.parametrize("kind", ORDERED, indirect=True, ids=lambda kind: kind.name)
def test_values_are_ordered_as_in_python(flow: DataFlow, kind: Case) -> None:
    table, values = table_of(flow, kind), list(kind.edges)
    batch = store(table, kind, values, "dicts")
    found = table.list({"batch": batch}, order_by="value", limit=None).records()
    assert [row["value"] for row in found] == sorted(values)
    middle = sorted(values)[2]
    assert table.count({"batch": batch, "value": {"$lt": middle}}) == 2


def test_a_bulk_load_keeps_all_rows(flow: DataFlow) -> None:
    kind = named("ints")
    table, values = table_of(flow, kind), [list(range(at % 5)) for at in range(20_000)]
    check(stored(table, store(table, kind, values, "arrow")), kind, values)


DEEP: Any = 1
for _ in range(31):
    DEEP = [DEEP]
REFUSED = [
    ("choice", "closed", errors.NotAChoiceError, ""),
    ("choices", ["open", "closed"], errors.NotAChoiceError, "[1]"),
    ("ints", [1, None], errors.NullValueError, "[1]"),
    ("floats", [1.0, float("inf")], errors.NotFiniteError, "[1]"),
    ("json", {"a": ["\0"]}, errors.NulCharacterError, ".a[0]"),
    ("json", [DEEP], errors.LimitExceededError, "[0]" * 31),
]


@pytest.mark.parametrize(("name", "value", "error", "inside"), REFUSED)
@pytest.mark.parametrize("path", BASIC)
def test_a_refusal_says_where(
    flow: DataFlow, name: str, value: Any, error: type[errors.DataFlowError], inside: str, path: str
) -> None:
    kind = named(name)
    with pytest.raises(error) as caught:
        if path == "create":
            store(table_of(flow, kind), kind, [value], path)
        else:
            store(table_of(flow, kind), kind, [kind.edges[0], value], path)
    assert caught.value.path == ("value" if path == "create" else "data[1].value") + inside


@pytest.mark.parametrize("value", [float("nan"), b"x", date.min, 1j, {1: 2}, "\ud800", {"\ud800": 1}, {1, 2}])
def test_what_is_not_json_is_refused(flow: DataFlow, value: object) -> None:
    kind = named("json")
    with pytest.raises((errors.WrongTypeError, errors.NotFiniteError)) as caught:
        store(table_of(flow, kind), kind, [{"a": [0, value]}], "create")
    assert caught.value.path == "value.a[1]"


def test_the_deepest_document_is_kept(flow: DataFlow) -> None:
    kind = named("json")
    table = table_of(flow, kind)
    for path in BASIC:
        check(stored(table, store(table, kind, [DEEP], path)), kind, [DEEP])


def test_a_filter_with_an_unknown_choice_is_refused_with_the_choices(flow: DataFlow) -> None:
    with pytest.raises(errors.NotAChoiceError) as caught:
        table_of(flow, named("choice")).count({"value": {"$in": ["open", "closed"]}})
    assert caught.value.path == "filter.value.$in[1]"
    assert caught.value.hint
    assert json.dumps(CHOICES[0]) in caught.value.hint


WRITTEN_BY_OTHERS = {
    "postgres": [
        ("duration", "interval '1 month'"),
        ("time", "time '24:00'"),
        ("date", "date '0044-03-15 BC'"),
        ("json", "jsonb 'null'"),
        ("json", "jsonb '0.12345678901234567890'"),
        ("ints", "'[0:1]={1,2}'::bigint[]"),
    ],
    "mariadb": [("time", "'-00:00:01'"), ("json", "'{\"a\": 1}'"), ("ints", "'[1, 2]'")],
    "sqlite": [("json", "'{\"a\": 1}'"), ("ints", "'[null]'"), ("dates", "'[\"2024-1-1\"]'")],
}


def test_what_we_would_not_have_written_is_not_read(database: Database, flow: DataFlow) -> None:
    for name, literal in WRITTEN_BY_OTHERS[database.kind]:
        table = table_of(flow, named(name))
        table.count()
        bare.execute(database, f'INSERT INTO cells{name} (batch, "at", "value") VALUES (-1000, 0, {literal})')
        with pytest.raises(errors.OutOfRangeError, match="cannot be read"):
            stored(table, -1000)


BAD_FORMS = [
    ("choice", "'closed'"),
    ("json", "'{'"),
    ("date", "'2024-13-01x'"),
    ("time", "'x'"),
]


def test_the_table_refuses_what_is_no_value(database: Database, flow: DataFlow) -> None:
    for name, literal in BAD_FORMS:
        table_of(flow, named(name)).count()
        refusals = (psycopg.Error, pymysql.MySQLError, bare.SQLiteRefusedError)
        with pytest.raises(refusals):
            bare.execute(database, f'INSERT INTO cells{name} (batch, "at", "value") VALUES (-2000, 0, {literal})')


def test_the_catalogue_knows_every_type_again(database: Database, flow: DataFlow, kind: Case) -> None:
    table_of(flow, kind).count()
    with closing(DataFlow(database.url, schema_mode="check")) as other:
        table_of(other, kind).count()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_an_interval_of_days_is_read_as_hours(database: Database, flow: DataFlow) -> None:
    table = table_of(flow, named("duration"))
    table.count()
    bare.execute(database, "INSERT INTO cellsduration (batch, at, value) VALUES (-3000, 0, interval '2 days -1 hour')")
    assert stored(table, -3000).records()[0]["value"] == timedelta(hours=47)
