"""Bad calls: data of no form, names, values in filters, options, addresses and passwords."""

import socket
import traceback
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from dataflow import DataFlow, errors
from tests.database import Database
from tests.integration.fresh import fresh

SECRET = "hunter2-s3cret"


class Item:
    name: str
    price: Decimal | None = None
    stock: int = 0
    made: datetime | None = None


@pytest.fixture
def items(db: DataFlow) -> Any:
    table = fresh(db, Item)
    table.create(name="Tea")
    return table


@pytest.mark.parametrize(
    ("filter", "error", "path"),
    [
        ({"prise": 1}, errors.UnknownFieldError, "filter.prise"),
        ({"price": {"$lt": "cheap"}}, errors.WrongTypeError, "filter.price.$lt"),
        ({"price": {"$lt": None}}, errors.InvalidFilterError, "filter.price.$lt"),
        ({"stock": {"$gt": 2**63}}, errors.OutOfRangeError, "filter.stock.$gt"),
        ({"stock": {"$in": [1, "x"]}}, errors.WrongTypeError, "filter.stock.$in[1]"),
        ({"stock": {"$in": 5}}, errors.InvalidFilterError, "filter.stock.$in"),
        ({"name": {"$regexp": "x"}}, errors.UnknownOperatorError, "filter.name.$regexp"),
        ({"$xor": []}, errors.UnknownOperatorError, "filter.$xor"),
        ({"$or": [{"stock": 1}, {"stok": 1}]}, errors.UnknownFieldError, "filter.$or[1].stok"),
        ({"$or": {"stock": 1}}, errors.InvalidFilterError, "filter.$or"),
        ({"name": {}}, errors.InvalidFilterError, "filter.name"),
        ({"name": "a\0b"}, errors.NulCharacterError, "filter.name"),
        ({"made": datetime(2024, 1, 1)}, errors.TimezoneMismatchError, "filter.made"),
        ({"name": ["Tea"]}, errors.WrongTypeError, "filter.name"),
        ("name = 'Tea'", errors.InvalidFilterError, "filter"),
        ([("name", "Tea")], errors.InvalidFilterError, "filter"),
    ],
)
def test_a_bad_filter_is_refused(items: Any, filter: Any, error: type[errors.DataFlowError], path: str) -> None:
    for operation in (items.list, items.count):
        with pytest.raises(error) as caught:
            operation(filter)
        assert caught.value.path == path
    assert items.count() == 1


def test_a_filter_of_any_depth_is_refused_without_a_crash(items: Any) -> None:
    deep: Any = {"name": "Tea"}
    for _ in range(5_000):
        deep = {"$not": deep}
    for filter in (deep, {"$or": [{"name": "x"}] * 2_000}, {"name": {"$in": ["x"] * 1_000_001}}):
        with pytest.raises(errors.LimitExceededError):
            items.count(filter)
    assert items.count() == 1


@pytest.mark.parametrize("data", [5, None, "rows", b"rows", {"name": "a"}, object(), [["a", 1]], [5], [None]])
def test_data_of_no_form_is_refused(items: Any, data: Any) -> None:
    with pytest.raises(errors.UnsupportedDataError) as caught:
        items.bulk_create(data)
    assert (caught.value.path or "").startswith("data")
    assert items.count() == 1


@pytest.mark.parametrize("data", [[], iter(()), pa.table({"name": pa.array([], pa.string())})])
def test_empty_data_stores_nothing(items: Any, data: Any) -> None:
    result = items.bulk_create(data)
    assert (result.inserted, items.count()) == (0, 1)


@pytest.mark.parametrize("data", [pa.table({}), pa.record_batch({}), pa.table({}).to_pandas()])
def test_data_without_columns_is_refused(items: Any, data: Any) -> None:
    with pytest.raises(errors.NoColumnsError) as caught:
        items.bulk_create(data)
    assert (caught.value.code, items.count()) == ("DF-3011", 1)


def test_an_empty_table_still_has_its_columns_checked(items: Any) -> None:
    with pytest.raises(errors.UnknownFieldError):
        items.bulk_create(pa.table({"nmae": pa.array([], pa.string())}))
    with pytest.raises(errors.MissingValueError):
        items.bulk_create(pa.table({"stock": pa.array([], pa.int64())}))


def test_a_column_given_twice_is_refused(items: Any) -> None:
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["name", "name"])
    with pytest.raises(errors.UnsupportedDataError):
        items.bulk_create(twice)
    assert items.count() == 1


def test_a_duplicate_key_stores_nothing_of_its_batch(items: Any) -> None:
    known = items.list()[0].id
    for data in ([{"id": 900, "name": "a"}, {"id": known, "name": "b"}], [{"id": 901, "name": "a"}] * 2):
        with pytest.raises(errors.UniqueViolationError):
            items.bulk_create(data)
        assert items.count() == 1
    assert items.create(name="Milk").name == "Milk"


@pytest.mark.parametrize(
    ("url", "options", "error"),
    [
        ("postgres://h/d", {"pool_sise": 1}, errors.UnknownOptionError),
        ("postgres://h/d", {"pool_size": 0}, errors.InvalidOptionError),
        ("oracle://h/d", {}, errors.UnknownSchemeError),
        ("not a url", {}, errors.UnknownSchemeError),
        ("", {}, errors.InvalidOptionError),
    ],
)
def test_a_bad_option_or_scheme_is_refused(url: str, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        DataFlow(url, **options)


def test_an_unknown_environment_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLOW_POOL_SISE", "1")
    with pytest.raises(errors.UnknownEnvironmentError) as caught:
        DataFlow("sqlite:///:memory:")
    assert "DATAFLOW_POOL_SIZE" in (caught.value.hint or "")


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
async def test_a_server_that_is_down_is_named_without_the_password(scheme: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    db = DataFlow(f"{scheme}://someone:{SECRET}@127.0.0.1:{port}/nowhere", connect_timeout=2)
    with pytest.raises(errors.ConnectionRefusedError) as caught:
        await fresh(db, Item).acount()
    assert caught.value.retryable
    assert_silent(caught)
    await db.aclose()


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_a_wrong_password_is_not_printed(database: Database) -> None:
    parts = urlsplit(database.url)
    url = parts._replace(netloc=f"{parts.username}:{SECRET}@{parts.hostname}:{parts.port}").geturl()
    with DataFlow(url) as db, pytest.raises(errors.AuthenticationFailedError) as caught:
        fresh(db, Item).count()
    assert caught.value.code == "DF-7002"
    assert not caught.value.retryable
    assert_silent(caught)


@pytest.mark.parametrize("flag", ["no", 1, None])
def test_a_flag_is_true_or_false(items: Any, flag: Any) -> None:
    calls = {
        "read": lambda: items.read(1, include_deleted=flag),
        "list": lambda: items.list(include_deleted=flag),
        "count": lambda: items.count(include_deleted=flag),
        "delete": lambda: items.delete(1, hard=flag),
    }
    for name, call in calls.items():
        with pytest.raises(errors.InvalidOptionError, match="must be True or False") as caught:
            call()
        assert caught.value.path == ("hard" if name == "delete" else "include_deleted")


def test_a_value_is_never_in_the_message(items: Any) -> None:
    for write in (
        lambda: items.create(name="x", stock=SECRET),
        lambda: items.bulk_create([{"name": "x", "price": SECRET}]),
        lambda: items.bulk_create([{"name": SECRET + "\0"}]),
        lambda: items.count({"stock": SECRET}),
        lambda: items.bulk_create(pa.table({"name": ["x"], "made": [SECRET]})),
    ):
        with pytest.raises(errors.DataFlowError) as caught:
            write()
        assert SECRET not in str(caught.value) + repr(caught.value)


def assert_silent(caught: "pytest.ExceptionInfo[errors.DataFlowError]") -> None:
    """Neither message nor chain nor repr holds the password."""
    told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert SECRET not in told
