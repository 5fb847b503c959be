"""Rows with many ties and nulls of every type that has an order, random lists of them, and pagers, right and wrong."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from dataflow import MaxLength, Naive, Precision, Rows, Table

Money = Annotated[Decimal, Precision(20, 4)]
Name = Annotated[str, MaxLength(40)]
State = Literal["paid", "Open", "", "é"]
Wall = Annotated[datetime, Naive()]
# Longer than what MariaDB sorts by unless it is told.
LONG = "x" * 1_500


class Sheet:
    __dataflow__ = {"key": ["part", "no"]}  # noqa: RUF012
    part: Name
    no: int
    flag: bool
    size: int
    size_or_none: int | None
    weight: float
    weight_or_none: float | None
    price: Money
    price_or_none: Money | None
    name: Name
    name_or_none: Name | None
    text: str
    text_or_none: str | None
    data: bytes
    data_or_none: bytes | None
    uuid: UUID
    uuid_or_none: UUID | None
    at: datetime
    at_or_none: datetime | None
    wall: Wall
    wall_or_none: Wall | None
    day: date
    day_or_none: date | None
    hour: time
    hour_or_none: time | None
    span: timedelta
    span_or_none: timedelta | None
    state: State
    state_or_none: State | None
    flag_or_none: bool | None


class SharedSheet(Sheet):
    __dataflow__ = {"key": ["part", "no"], "multi_tenant": True, "soft_delete": True}  # noqa: RUF012


# Where they are kept.
ENDLESS: dict[str, list[float]] = {
    "postgres": [float("-inf"), float("inf"), float("nan")],
    "sqlite": [float("-inf"), float("inf")],
    "mariadb": [],
}

VALUES: dict[str, list[Any]] = {
    "flag": [False, True],
    "size": [-(2**63), -1, 0, 7, 2**63 - 1],
    "weight": [-1e300, -0.0, 0.0, 5e-324, 0.1, 1e300],
    "price": [Decimal("-10.5000"), Decimal("-0.0001"), Decimal(0), Decimal("9.9999"), Decimal("1234567890123456")],
    "name": ["", " ", "A", "a", "a ", "é", "\U0001f600", "\uffff", "it's; --"],
    "text": ["", "A", "a", "é", "\U0001f600", "\uffff", LONG, LONG + "a", LONG + "b"],
    "data": [b"", b"\0", b"\0\0", b"a", b"\xff", b"\x7f" * 1_500, b"\x7f" * 1_500 + b"\1"],
    "uuid": [UUID(int=0), UUID(int=1), UUID(int=1 << 127), UUID("00112233-4455-1677-8899-aabbccddeeff")],
    "at": [datetime(1, 1, 1, tzinfo=UTC), datetime(2024, 5, 6, 7, 8, 9, 1, UTC), datetime(2024, 5, 6, 7, 8, 9, 2, UTC)],
    "wall": [datetime(1, 1, 1), datetime(2024, 5, 6, 7, 8, 9, 1), datetime.max],
    "day": [date.min, date(1969, 12, 31), date.max],
    "hour": [time.min, time(12, 0, 0, 1), time.max],
    "span": [timedelta(microseconds=-(2**63)), timedelta(microseconds=-1), timedelta(0), timedelta(days=400)],
    "state": ["paid", "Open", "", "é"],
}
FIELDS = [*VALUES, *(f"{name}_or_none" for name in VALUES), "part", "no"]


def rows(random: Random, count: int, endless: list[float]) -> list[dict[str, Any]]:
    values = {**VALUES, "weight": VALUES["weight"] + endless}

    def value(field: str) -> Any:
        name = field.removesuffix("_or_none")
        return None if name != field and random.random() < 0.3 else random.choice(values[name])

    fields = [field for field in FIELDS if field not in ("part", "no")]
    made = [
        {"part": random.choice("abc"), "no": no, **{field: value(field) for field in fields}} for no in range(count)
    ]
    random.shuffle(made)
    return made


class Listing(NamedTuple):
    """What is listed."""

    filter: dict[str, Any] | None
    order: list[str]
    # The fields in which rows are distinct.
    distinct: list[str] | None = None
    include_deleted: bool = False

    @staticmethod
    def random(random: Random) -> "Listing":
        names = random.sample(FIELDS, random.choice([0, 1, 1, 2, 2, 3, 4]))
        order = [random.choice(["", "-"]) + name for name in names]
        filters = [None, None, {"no": {"$lt": 30}}, {"$or": [{"flag": True}, {"size_or_none": None}]}, {"no": -1}]
        others = random.sample(FIELDS, random.choice([0, 1, 2]))
        fields = sorted({*names, *others}) if random.random() < 0.3 else []
        return Listing(random.choice(filters), order, fields or None, include_deleted=random.random() < 0.3)

    def page(self, table: Table[Any], fields: list[str] | None = None, **given: Any) -> Rows[Any]:
        return table.list(
            self.filter,
            order_by=self.order,
            include_deleted=self.include_deleted,
            fields=self.distinct or fields,
            distinct=self.distinct is not None,
            **given,
        )

    def keys(self, rows: Iterable[Mapping[str, Any]]) -> "Keys":
        """What tells rows of the list apart."""
        names = self.distinct or ["part", "no"]
        return [tuple(str(row[name]) if row[name] != row[name] else row[name] for name in names) for row in rows]

    def sorted(self, rows: list[dict[str, Any]]) -> "Keys":
        """The keys of the rows, as Python orders them."""
        order = list(self.order)
        named = {name.removeprefix("-") for name in order}
        order += [name for name in sorted(self.distinct or ["part", "no"], key=by_place) if name not in named]
        found = list(rows)
        for name in reversed(order):
            field = name.removeprefix("-")
            found.sort(key=lambda row: in_order(row[field]), reverse=name.startswith("-"))
        return list(dict.fromkeys(self.keys(found)))


def by_place(field: str) -> int:
    """Fields end an order as they stand in the model."""
    return list(Sheet.__annotations__).index(field)


def in_order(value: Any) -> tuple[int, Any]:
    """Null is the smallest of all, NaN the largest number."""
    if value is None or value != value:
        return (0 if value is None else 2, 0)
    return (1, value.encode() if isinstance(value, str) else value)


Keys = list[tuple[Any, ...]]
Pager = Callable[[Table[Any], Listing, Random], Keys]


def keys(listing: Listing, page: Rows[Any]) -> Keys:
    return listing.keys(page.records())


def forward(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """Every page from the first to the last, each of another size."""
    page = listing.page(table, limit=random.randint(1, 20))
    assert page.previous is None
    found = keys(listing, page)
    while page.next is not None:
        fields = random.choice([None, ["part", "no"]])
        page = listing.page(table, fields, limit=random.randint(1, 20), after=page.next)
        found += keys(listing, page)
    return found


def backward(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """Every page from the last to the first."""
    page = listing.page(table, limit=1)
    first = keys(listing, page)
    while page.next is not None:
        page = listing.page(table, limit=17, after=page.next)
    found = keys(listing, page)
    while page.previous is not None:
        page = listing.page(table, limit=random.randint(1, 20), before=page.previous)
        found = keys(listing, page) + found
    assert found[:1] == first
    return found


def to_and_fro(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """Forward, and at every page back once: the rows before it are those seen before."""
    page = listing.page(table, limit=random.randint(1, 20))
    found = keys(listing, page)
    while page.next is not None:
        page = listing.page(table, limit=random.randint(1, 20), after=page.next)
        back = listing.page(table, limit=5, before=page.previous)
        assert keys(listing, back) == found[-5:]
        again = listing.page(table, limit=len(page), after=back.next)
        assert keys(listing, again) == keys(listing, page)
        found += keys(listing, page)
    return found


PAGERS: list[Pager] = [forward, backward, to_and_fro]


def loses_nulls(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """As a condition `a > 1 OR (a = 1 AND …)` does, where null is none of these."""
    column = next((name.removeprefix("-") for name in listing.order if name.endswith("_or_none")), None)
    found = forward(table, listing, random)
    if column is None:
        return found
    nulls = listing._replace(filter={"$and": [listing.filter or {}, {column: None}]})
    lost = set(keys(listing, nulls.page(table, limit=None)))
    return [key for at, key in enumerate(found) if at < 5 or key not in lost]


def sees_ties_once(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """As a condition on the first column alone does."""
    if not listing.order or listing.distinct:
        return forward(table, listing, random)
    column, found = listing.order[0].removeprefix("-"), []
    page = listing.page(table, limit=10)
    while len(page) > 0:
        found += keys(listing, page)
        seen = getattr(page[-1], column)
        operator = "$lt" if listing.order[0].startswith("-") else "$gt"
        behind = listing._replace(filter={"$and": [listing.filter or {}, {column: {operator: seen}}]})
        page = behind.page(table, limit=10) if seen is not None else page[:0]
    return found


def passes_over_one(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """The row that told of another page is taken for one that was shown."""
    found, offset = [], 0
    while page := keys(listing, listing.page(table, limit=10, offset=offset)):
        found += page
        offset += 11
    return found


def sees_deleted_rows(table: Table[Any], listing: Listing, random: Random) -> Keys:
    """As a page that forgets whom the first one was for."""
    return forward(table, listing._replace(include_deleted=True), random)
