"""Every way to write a model class, and what its instances are when they come back."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import pyarrow as pa
import pydantic
import pytest

import dataflow
from dataflow import UNSET, DataFlow, MaxLength, Table, auto, errors, register_type
from tests.integration.fresh import fresh, subclass

counter = itertools.count(1)


def table_of(db: DataFlow, cls: type[Any]) -> Table[Any]:
    """The class itself as a model, where a subclass would be another thing."""
    cls.__tablename__ = f"{cls.__name__.lower()}{next(counter)}"
    return db.table(db.model(cls))


class Stamped:
    made: datetime | None = None
    by: str = "nobody"


class Described:
    note: str | None = None
    by: str = "somebody"


class Mixed(Described, Stamped):
    name: str

    def shout(self) -> str:
        return self.name.upper()


def test_mixins_give_their_fields_defaults_and_methods(db: DataFlow) -> None:
    table = fresh(db, Mixed)
    made = table.create(name="a")
    assert vars(made) == {"id": made.id, "made": None, "by": "somebody", "note": None, "name": "a"}
    assert (isinstance(made, Described), made.shout()) == (True, "A")
    assert table.list()[0] == made


def test_a_model_that_inherits_from_a_model_has_a_table_of_its_own(db: DataFlow) -> None:
    parent = subclass(Mixed)
    above: Table[Any] = db.table(db.model(parent))
    below = fresh(db, type("Below", (parent,), {"__annotations__": {"size": int, "note": str | None}, "note": "n"}))
    above.create(name="a")
    made = below.create(name="b", size=7)
    assert (above.count(), below.count(), isinstance(made, parent), made.note) == (1, 1, True, "n")
    with pytest.raises(errors.MissingValueError):
        below.create(name="b")
    with pytest.raises(errors.UnknownFieldError):
        above.create(name="a", size=1)


@pytest.mark.parametrize(
    "options",
    [{}, {"frozen": True}, {"slots": True}, {"slots": True, "frozen": True}, {"order": True, "kw_only": True}],
)
def test_a_dataclass_stays_what_it_is(db: DataFlow, options: dict[str, bool]) -> None:
    @dataclass(**options)
    class Point:
        id: int = auto()
        x: int = 0
        tags: list[str] = field(default_factory=list)

    table: Table[Any] = table_of(db, Point)
    made = table.create(x=5)
    assert (type(made), made) == (Point, Point(id=made.id, x=5))
    assert table.create(Point(x=6)).x == 6
    table.bulk_create([Point(x=7), {"x": 8}])
    table.bulk_create([Point(id=50, x=9, tags=["a"])])
    assert [point.x for point in table.list()] == [5, 6, 7, 8, 9]
    assert table.update(50, {"x": 1}) == Point(id=50, x=1, tags=["a"])
    assert table.upsert(Point(id=50, x=2)) == Point(id=50, x=2)
    assert table.bulk_delete(keys=table.list()).deleted == 5
    assert hasattr(made, "__dict__") != bool(options.get("slots"))


class Person(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    id: int = auto()
    name: str = pydantic.Field(max_length=20)
    age: int = pydantic.Field(default=18, ge=0)
    tags: list[str] = pydantic.Field(default_factory=list)
    address: dict[str, Any] | None = None


def test_a_pydantic_model_is_a_model(db: DataFlow) -> None:
    people = fresh(db, Person)
    cls = people._cls
    made = people.create(name="a", address={"city": "Ulm"})
    assert (type(made), made.age, made.tags, made.address) == (cls, 18, [], {"city": "Ulm"})
    assert people.read(made.id) == made
    assert people.create(cls(name="b", tags=["x"])).tags == ["x"]
    people.bulk_create([cls(name="c", age=1), {"name": "d"}])
    assert [(person.name, person.age) for person in people.list()] == [("a", 18), ("b", 18), ("c", 1), ("d", 18)]
    assert people.upsert({"id": made.id, "name": "A"}).model_dump() == {**made.model_dump(), "name": "A"}
    assert people.list()[0].model_fields_set == set(cls.model_fields)


def test_a_pydantic_model_is_read_in_part(db: DataFlow) -> None:
    people = fresh(db, Person)
    people.create(name="a", age=1)
    (person,) = people.list(fields=["name"])
    assert (person.name, isinstance(person, people._cls), person.model_fields_set) == ("a", True, {"name"})
    for name in ("age", "tags", "address"):
        with pytest.raises(errors.FieldNotLoadedError):
            getattr(person, name)
    assert vars(person) == {"name": "a"}


def test_bounds_of_a_pydantic_model_are_enforced(db: DataFlow) -> None:
    people = fresh(db, Person)
    with pytest.raises(errors.CheckViolationError) as caught:
        people.bulk_create([{"name": "a"}, {"name": "b", "age": -1}])
    assert caught.value.path == "data[1].age"
    with pytest.raises(errors.DataTooLongError):
        people.create(name="x" * 21)
    people.create(name="a")
    with pytest.raises(errors.CheckViolationError):
        people.bulk_update({"name": "a"}, {"age": -1})
    assert [person.age for person in people.list()] == [18]


made_tokens: list[str] = []


def token() -> str:
    made_tokens.append(f"t{len(made_tokens)}")
    return made_tokens[-1]


class Ticket:
    name: str
    token: str = dataflow.field(default_factory=token)
    state: str = "open"
    tags: list[str] = ["new"]  # noqa: RUF012
    extra: dict[str, Any] = {"a": []}  # noqa: RUF012


def called(work: Callable[[], object]) -> int:
    before = len(made_tokens)
    work()
    return len(made_tokens) - before


def test_a_default_factory_is_called_once_for_each_row_that_needs_it(db: DataFlow) -> None:
    tickets = fresh(db, Ticket)
    assert called(lambda: tickets.create(name="a")) == 1
    assert called(lambda: tickets.create(name="b", token="mine")) == 0
    assert called(lambda: tickets.bulk_create([{"name": "c"}, {"name": "d", "token": "x"}, {"name": "e"}])) == 2
    found = [row.token for row in tickets.list()]
    assert len(set(found)) == len(found)
    assert set(found) - set(made_tokens) == {"mine", "x"}


def test_a_default_factory_is_called_for_rows_of_arrow(db: DataFlow) -> None:
    tickets = fresh(db, Ticket)
    assert called(lambda: tickets.bulk_create(pa.table({"name": ["f", "g", "h"]}))) == 3
    assert len({row.token for row in tickets.list()}) == 3


def test_a_default_is_taken_by_an_insert_and_never_by_an_update(db: DataFlow) -> None:
    tickets = fresh(db, Ticket)
    given = {"token": "mine", "state": "paid", "tags": [], "extra": {}}
    key = tickets.create(name="a", **given).id
    assert vars(tickets.upsert({"id": key, "name": "A"})) == {"id": key, "name": "A", **given, "created": False}
    tickets.bulk_upsert([{"id": key, "name": "B"}, {"id": key + 1, "name": "new"}, {"id": key + 2, "name": "new"}])
    tickets.bulk_update(data=[{"id": key, "name": "C"}])
    kept, *inserted = tickets.list()
    assert vars(kept) == {"id": key, "name": "C", **given}
    assert [(row.state, row.tags, row.extra) for row in inserted] == [("open", ["new"], {"a": []})] * 2
    assert inserted[0].token != inserted[1].token
    assert {row.token for row in inserted} <= set(made_tokens)


def test_instances_share_no_default(db: DataFlow) -> None:
    tickets = fresh(db, Ticket)
    one, two = tickets._cls(name="a"), tickets._cls(name="b")
    one.tags.append("x")
    one.extra["a"].append("x")
    assert (two.tags, two.extra) == (["new"], {"a": []})
    first, second = tickets.create(one), tickets.create(two)
    assert (first.tags, second.tags, second.extra) == (["new", "x"], ["new"], {"a": []})
    first.tags.append("y")
    first.extra["a"].append("y")
    assert vars(tickets.create(name="c"))["tags"] == ["new"]
    rows = tickets.list()
    rows[1].tags.append("z")
    assert [row.tags for row in tickets.list()] == [["new", "x"], ["new"], ["new"]]


@dataclass
class Address:
    street: str
    no: int | None = None
    since: date | None = None


class Size(pydantic.BaseModel):
    width: Decimal
    at: datetime | None = None


class Options(TypedDict, total=False):
    bold: bool
    key: UUID
    spans: list[timedelta]


class Customer:
    home: Address | None = None
    others: list[Address] = []  # noqa: RUF012
    by_name: dict[str, Address] = {}  # noqa: RUF012
    size: Size | None = None
    sizes: list[Size] = []  # noqa: RUF012
    options: Options | None = None
    pairs: list[list[int | None]] | None = None


HOME = Address('it\'s \\ "\u00fc"', 5, date(1, 1, 1))
NESTED: dict[str, Any] = {
    "home": HOME,
    "others": [HOME, Address("")],
    "by_name": {"a": HOME, "": Address("x")},
    "size": Size(width=Decimal("1.500"), at=datetime(2024, 1, 2, tzinfo=UTC)),
    "sizes": [Size(width=Decimal("1e-30"))],
    "options": {"bold": True, "key": UUID(int=5), "spans": [timedelta(microseconds=-1), timedelta(400)]},
    "pairs": [[1, None], [], [2**63]],
}
WAYS: dict[str, Callable[[Table[Any], dict[str, Any]], object]] = {
    "create": lambda table, row: table.create(**row),
    "instance": lambda table, row: table.create(table._cls(**row)),
    "bulk": lambda table, row: table.bulk_create([row]),
    "bulk instance": lambda table, row: table.bulk_create([table._cls(**row)]),
    "upsert": lambda table, row: table.upsert({"id": 1, **row}),
    "bulk upsert": lambda table, row: table.bulk_upsert([{"id": 1, **row}]),
    "update": lambda table, row: table.update(table.create().id, row),
    "bulk update": lambda table, row: table.bulk_update({"id": table.create().id}, row),
    "bulk update of rows": lambda table, row: table.bulk_update(data=[{"id": table.create().id, **row}]),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Callable[[Table[Any], dict[str, Any]], object]:
    return WAYS[request.param]


def test_nested_classes_come_back_equal(db: DataFlow, way: Callable[..., object]) -> None:
    table = fresh(db, Customer)
    way(table, NESTED)
    (found,) = table.list()
    assert {name: getattr(found, name) for name in NESTED} == NESTED
    assert (type(found.others[1]), type(found.size), type(found.options)) == (Address, Size, dict)
    assert table.list().records()[0]["home"] == HOME
    assert is_dataclass(table.read(found.id).by_name[""])


def test_a_nested_value_without_a_form_is_refused_where_it_is(db: DataFlow) -> None:
    table = fresh(db, Customer)
    with pytest.raises(errors.WrongTypeError) as caught:
        table.bulk_create([{}, {"others": [HOME, Address("x", no=object())]}])  # type: ignore[arg-type]
    assert caught.value.path == "data[1].others[1].no"
    assert table.count() == 0


class Colour(Enum):
    RED = "red"
    BLUE = "it's blue"


class Level(IntEnum):
    LOW = -1
    HIGH = 10


class State(StrEnum):
    OPEN = "open"
    PAID = "paid"


class Ordered:
    colour: Colour
    level: Level
    state: State = State.OPEN
    kind: Literal["a", "b"] | None = None
    stars: Literal[1, 2] = 1
    palette: list[Colour] = [Colour.RED]  # noqa: RUF012
    levels: dict[str, Level] | None = None


CHOSEN: dict[str, Any] = {
    "colour": Colour.BLUE,
    "level": Level.HIGH,
    "state": State.PAID,
    "kind": "b",
    "stars": 2,
    "palette": [Colour.BLUE, Colour.RED],
    "levels": {"x": Level.LOW},
}


@pytest.mark.parametrize("plain", [False, True])
def test_members_come_back_as_members(db: DataFlow, plain: bool) -> None:
    table = fresh(db, Ordered)
    values = {"colour": "it's blue", "level": 10, "state": "paid", "palette": ["it's blue", "red"], "levels": {"x": -1}}
    made = table.create(**(CHOSEN | values if plain else CHOSEN))
    table.bulk_create([{"colour": Colour.RED, "level": Level.LOW}])
    for row in (made, table.read(made.id), table.list()[0]):
        assert {name: getattr(row, name) for name in CHOSEN} == CHOSEN
        assert [type(getattr(row, name)) for name in ("colour", "level", "state")] == [Colour, Level, State]
        assert [type(item) for item in row.palette] == [Colour, Colour]
    assert (table.list()[1].state, table.list()[1].palette) == (State.OPEN, [Colour.RED])


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ({"colour": Colour.BLUE}, 1),
        ({"colour": {"$in": [Colour.RED, "it's blue"]}}, 2),
        ({"level": {"$gt": Level.LOW}}, 1),
        ({"state": State.OPEN}, 1),
        ({"stars": {"$ne": 1}}, 1),
        ({"palette": Colour.RED}, None),
    ],
)
def test_members_are_values_of_filters(db: DataFlow, filter: dict[str, Any], count: int | None) -> None:
    table = fresh(db, Ordered)
    table.create(**CHOSEN)
    table.create(colour=Colour.RED, level=Level.LOW)
    if count is None:  # lists are compared whole, as long as an element cannot be asked for
        filter, count = {"palette": [Colour.RED]}, 1
    assert table.count(filter) == count
    assert table.bulk_update(filter, {"colour": Colour.RED}).matched == count


class Money:
    """A class DataFlow knows nothing of."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return hash(self.cents)


register_type(Money, storage=int, encode=lambda money: money.cents, decode=Money)


class Invoice:
    total: Money
    paid: Money = Money(0)
    tip: Money | None = None
    parts: list[Money] = []  # noqa: RUF012
    by_name: dict[str, Money] | None = None


BILL: dict[str, Any] = {
    "total": Money(500),
    "paid": Money(-(2**63)),
    "tip": Money(2**63 - 1),
    "parts": [Money(1), Money(2)],
    "by_name": {"a": Money(7)},
}


def test_a_registered_class_is_stored_and_comes_back(db: DataFlow, way: Callable[..., object]) -> None:
    bills = fresh(db, type("Bill", (Invoice,), {"total": Money(1)}))
    way(bills, BILL)
    (row,) = bills.list()
    assert {name: getattr(row, name) for name in BILL} == BILL
    assert bills.list().records()[0]["parts"] == [Money(1), Money(2)]
    assert bills.list().to_arrow().column("total").to_pylist() == [500]


def test_a_registered_class_is_a_value_of_filters_and_defaults(db: DataFlow) -> None:
    bills = fresh(db, Invoice)
    bills.bulk_create([{"total": Money(5)}, bills._cls(total=Money(9)), {"total": 7, "tip": Money(1)}])
    assert [row.paid for row in bills.list()] == [Money(0)] * 3
    assert bills.count({"total": {"$gte": Money(7)}}) == 2
    assert bills.count({"total": {"$in": [Money(5), Money(7)]}, "tip": None}) == 1
    assert bills.count(bills.c.total < Money(9)) == 2
    assert bills.upsert({"id": 1, "total": Money(6)}).total == Money(6)
    assert bills.bulk_create(pa.table({"total": [1, 2]}), return_rows=True).rows[0].total == Money(1)  # type: ignore[index]


def test_a_registered_class_may_be_the_key(db: DataFlow) -> None:
    model = type("Keyed", (), {"__annotations__": {"no": Money, "name": str}, "__dataflow__": {"key": ["no"]}})
    table = fresh(db, model)
    table.bulk_create([{"no": Money(3), "name": "c"}, {"no": Money(1), "name": "a"}])
    assert table.read(Money(3)).name == "c"
    assert table.update(Money(1), {"name": "A"}).no == Money(1)
    assert table.upsert({"no": Money(3), "name": "C"}).created is False
    assert table.bulk_delete(keys=[Money(1), Money(9)]).deleted == 1
    assert [row.no for row in table.list()] == [Money(3)]


NAMES = [
    *("select", "order", "group", "user", "index", "key", "value", "values", "limit", "count", "rowid", "oid"),
    *("self", "cls", "created", "list", "update", "type", "\u00fcml\u00e4ut", "\u4e2d\u6587", "UPPER"),
    *("x" * 63, "\u00e4" * 31),
]
# What no class statement can say, but `pydantic.create_model` can.
ODD = [
    *("from", "class", "None", "with space", 'quo"te', "ti`ck", "apo'strophe", "per%cent", "100%s", "%(a)s", "col:on"),
    *("ques?tion", "?1", "back\\slash", "\uffee", "semi;colon", "--", "@at", "{0}", "[1]", "/*"),
]


@pytest.mark.parametrize("name", [*NAMES, *ODD])
def test_any_name_is_a_field(db: DataFlow, name: str) -> None:
    text = Annotated[str, MaxLength(9)]
    model: Any = type("Odd", (), {"__annotations__": {name: text, "other": int}, "other": 0})
    if name in ODD:
        fields: dict[str, Any] = {"id": (int, auto()), name: (text, ...), "other": (int, 0)}
        model = pydantic.create_model("Odd", **fields)
    table = fresh(db, model)
    made = table.create(**{name: "a"})
    assert getattr(made, name) == "a"
    table.bulk_create([{name: "b"}, {name: "c", "other": 1}])
    assert [getattr(row, name) for row in table.list({name: {"$gt": "a"}}, order_by=f"-{name}")] == ["c", "b"]
    assert getattr(table.update({name: "a"}, {name: "z"}), name) == "z"
    assert table.bulk_update({name: "b"}, {name: "y"}).updated == 1
    result = table.bulk_upsert([{"id": made.id, name: "x"}, {"id": 90, name: "w"}])
    assert (result.updated, result.inserted, table.count(table.c[name] == "w")) == (1, 1, 1)
    assert set(table.list(fields=[name]).records()[0]) == {name}
    assert table.bulk_create(pa.table({name: ["v"]})).inserted == 1
    assert table.bulk_delete({name: {"$in": ["x", "y", "v"]}}).deleted == 3


# Too long for PostgreSQL, system columns of PostgreSQL, and characters MariaDB has in values only.
@pytest.mark.parametrize("name", ["x" * 64, "\u00e4" * 32, "nul\0", "", "ctid", "xmin", "tableoid", "\U00020000"])
def test_a_name_one_database_cannot_have_is_refused_on_all(db: DataFlow, name: str) -> None:
    with pytest.raises(errors.InvalidModelError):
        fresh(db, type("Odd", (), {"__annotations__": {name: int}}))


class Kept:
    at: time = time(1, 2, 3)
    note: str | None = "n"


def test_unset_is_not_given_and_none_is_null(db: DataFlow) -> None:
    table = fresh(db, Kept)
    assert vars(table.create(id=UNSET, at=UNSET, note=UNSET)) == {"id": 1, "at": time(1, 2, 3), "note": "n"}
    table.bulk_create([{"id": UNSET, "note": None, "at": time(4)}, table._cls(note=UNSET)])
    assert [(row.id, row.note) for row in table.list()] == [(1, "n"), (2, None), (3, "n")]
    assert table.update(2, {"note": "x", "at": UNSET}).at == time(4)
    assert vars(table.upsert({"id": 2, "at": UNSET, "note": UNSET}))["note"] == "x"
    assert table.bulk_update(data=[{"id": 2, "note": UNSET, "at": time(5)}]).updated == 1
    assert table.read(2).note == "x"


class Unset:
    """A class of the caller's own with the name of ours."""


def test_a_default_factory_is_not_called_where_no_row_is_inserted(db: DataFlow) -> None:
    tickets = fresh(db, Ticket)
    tickets.bulk_create([{"id": n, "name": "a"} for n in range(1, 7)])
    rows = [{"id": 1, "name": "b"}, {"id": 2, "name": "b"}]

    def forms() -> list[Any]:
        arrow = pa.Table.from_pylist(rows)
        return [rows, iter(rows), arrow, arrow.to_reader(), iter([rows[0], arrow.slice(1)])]

    for data in forms():
        assert called(lambda data=data: tickets.bulk_update(data=data)) == 0  # type: ignore[misc]
    tokens = [row.token for row in tickets.list()]
    assert len(set(tokens)) == 6
    for at, keys in enumerate(forms()):
        assert called(lambda keys=keys: tickets.bulk_delete(keys=keys)) == 0  # type: ignore[misc]
        assert tickets.count() == 4, at
    assert [row.token for row in tickets.list()] == tokens[2:]


def test_only_the_marker_itself_stands_for_a_field_that_was_not_given(db: DataFlow) -> None:
    tickets = fresh(db, Ticket)
    tickets.bulk_create([{"name": "a", "state": UNSET}])
    assert [row.state for row in tickets.list()] == ["open"]
    with pytest.raises(errors.WrongTypeError) as caught:
        tickets.bulk_create([{"name": "a", "state": Unset()}])
    assert caught.value.path == "data[0].state"
