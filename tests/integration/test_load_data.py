"""Many new rows on MariaDB: one LOAD DATA where it takes every row as it is, else statements that tell why not."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, auto, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.test_events import Log

pytestmark = pytest.mark.parametrize("database", ["mariadb"], indirect=True)

MANY = 1_500


class Stock:
    id: int = auto()
    code: Annotated[str, MaxLength(20), Unique()]
    name: Annotated[str, MaxLength(40)] = "a"
    size: int | None = None
    weight: float | None = None
    parent: int | None = None


class Counted:
    id: int = auto()


def rows(count: int = MANY, **last: Any) -> list[dict[str, Any]]:
    """So many rows, the last of them with these values."""
    made = [{"code": f"c{n}", "size": n % 100} for n in range(count)]
    made[-1] |= last
    return made


@pytest.fixture
def stock(db: DataFlow) -> Any:
    table = fresh(db, Stock)
    table.create(code="taken", size=1)
    return table


def forms(log: Log, count: int, operation: str = "append") -> list[str]:
    """The first words of the statements of an operation; of all statements there are at least so many."""
    told = log.settled(lambda events: len(events) >= count)
    sent = [event["sql"].partition("*/ ")[2] for event in told if event["operation"] == operation]
    return [" ".join(sql.split()[:2]) for sql in sent]


@contextmanager
def local_infile(database: Database, value: int) -> Iterator[None]:
    bare.execute(database, f"SET GLOBAL local_infile = {value}", admin=True)
    try:
        yield
    finally:
        bare.execute(database, "SET GLOBAL local_infile = 1", admin=True)


def test_many_rows_are_one_load(db: DataFlow, stock: Any) -> None:
    log = Log(db, "statement")
    assert stock.bulk_create(rows()).inserted == MANY
    assert forms(log, 1) == ["LOAD DATA"]
    assert [event["error"] for event in log.events] == [None]
    assert stock.count() == MANY + 1


def test_few_rows_and_rows_that_come_back_are_statements(db: DataFlow, stock: Any) -> None:
    log = Log(db, "statement")
    stock.bulk_create(rows(20))
    returned = stock.bulk_create([{"code": f"r{n}"} for n in range(MANY)], return_rows=True).rows
    assert [row.code for row in returned] == [f"r{n}" for n in range(MANY)]
    assert set(forms(log, 3)) == {"INSERT INTO"}


# What the server takes only by changing or passing over it, and what the model does not know of.
REFUSALS = {
    "a duplicate key": ("SELECT 1", {"code": "taken"}, errors.UniqueViolationError),
    "a missing row": (
        "ALTER TABLE {0} ADD CONSTRAINT fk_parent FOREIGN KEY (parent) REFERENCES {0} (id)",
        {"parent": 99_999},
        errors.ForeignKeyViolationError,
    ),
    "a check": ("ALTER TABLE {0} ADD CONSTRAINT ck_size CHECK (size < 500)", {"size": 500}, errors.CheckViolationError),
    "a long text": ("ALTER TABLE {0} MODIFY name varchar(3)", {"name": "four"}, errors.DataTooLongError),
    "a large number": ("ALTER TABLE {0} MODIFY size tinyint", {"size": 300}, errors.OutOfRangeError),
    "a rounded number": ("ALTER TABLE {0} MODIFY weight decimal(6, 2)", {"weight": 1.234}, errors.DatabaseFailureError),
    "a null": ("ALTER TABLE {0} MODIFY size bigint NOT NULL", {"size": None}, errors.NotNullViolationError),
    "a trigger": (
        "CREATE TRIGGER {0}_t BEFORE INSERT ON {0} FOR EACH ROW IF NEW.size = 7777 THEN "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF",
        {"size": 7777},
        errors.DatabaseFailureError,
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_is_not_taken_as_it_is_is_refused_whole(
    database: Database, db: DataFlow, stock: Any, refusal: str
) -> None:
    change, last, error = REFUSALS[refusal]
    bare.execute(database, change.format(stock._model.table), admin=refusal == "a trigger")
    log = Log(db, "statement")
    with pytest.raises(error) as caught:
        stock.bulk_create(rows(**last))
    assert caught.value.outcome == "rolled back"
    written = forms(log, 3)
    assert (written[0], set(written[1:])) == ("LOAD DATA", {"INSERT INTO"})
    assert [row.code for row in stock.list()] == ["taken"]


def test_the_refusal_is_the_one_of_fewer_rows(stock: Any) -> None:
    told = []
    for count in (20, MANY):
        with pytest.raises(errors.UniqueViolationError) as caught:
            stock.bulk_create(rows(count, code="taken"))
        told.append((str(caught.value), caught.value.constraint, caught.value.path, caught.value.sqlstate))
    assert told[0] == told[1]


def test_a_transaction_keeps_what_was_written_before(db: DataFlow, stock: Any) -> None:
    with db.transaction():
        stock.create(code="first")
        with pytest.raises(errors.UniqueViolationError), db.transaction():
            stock.bulk_create(rows(code="taken"))
        stock.bulk_create(rows())
    assert stock.count() == MANY + 2


def test_a_transaction_takes_all_of_it_back(db: DataFlow, stock: Any) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        stock.bulk_create(rows())
        raise ZeroDivisionError
    assert stock.count() == 1


def test_a_server_without_it_is_sent_statements(database: Database) -> None:
    with local_infile(database, 0), closing(DataFlow(database.url)) as db:
        table, log = fresh(db, Stock), Log(db, "statement")
        assert table.bulk_create(rows()).inserted == MANY
        assert set(forms(log, 2)) == {"INSERT INTO"}


def test_a_server_that_takes_it_no_more_is_sent_statements(database: Database, db: DataFlow, stock: Any) -> None:
    log = Log(db, "statement")
    with local_infile(database, 0):
        assert stock.bulk_create(rows()).inserted == MANY
    assert forms(log, 3)[:2] == ["LOAD DATA", "INSERT INTO"]
    assert log.events[0]["error"] is not None
    assert stock.count() == MANY + 1


def test_keys_given_and_missing_stay_apart(stock: Any) -> None:
    given = {10_000 + n: f"k{n}" for n in range(MANY)}
    zero = [{"id": 0, "code": "zero"}]
    mixed = rows() + [{"id": key, "code": code} for key, code in given.items()] + zero
    assert stock.bulk_create(mixed).inserted == len(mixed)
    stored = {row.id: row.code for row in stock.list(limit=None)}
    assert len(stored) == len(mixed) + 1
    assert stored[0] == "zero"
    assert {key: stored[key] for key in given} == given
    assert min(key for key, code in stored.items() if code.startswith("c")) > max(given)


def test_rows_of_nothing_but_their_key(db: DataFlow) -> None:
    table = fresh(db, Counted)
    assert table.bulk_create([{}] * MANY).inserted == MANY
    assert len({row.id for row in table.list(limit=None)}) == MANY


def test_a_row_larger_than_a_packet_is_refused(database: Database, db: DataFlow) -> None:
    class Wide:
        id: int = auto()
        text: str
        data: bytes | None = None

    table = fresh(db, Wide)
    ((packet,),) = bare.execute(database, "SELECT @@max_allowed_packet")
    data = pa.table({"text": [*("a" for _ in range(MANY)), "x" * int(packet)]})
    with pytest.raises(errors.DataTooLongError):
        table.bulk_create(data)
    assert table.count() == 0
    # Escaped it is too large for LOAD DATA, but not as a parameter.
    half = b"\\" * (int(packet) // 2 + 1_000)
    table.bulk_create([*({"text": "a"} for _ in range(MANY)), {"text": "b", "data": half}])
    assert table.list({"text": "b"})[0].data == half
