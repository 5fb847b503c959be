"""The model that random pipelines are asked of, and its rows."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from random import Random
from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from uuid import UUID

from dataflow import MaxLength, Naive, Precision

DAY = datetime(2024, 5, 17, 23, 59, 59, 999_999, tzinfo=UTC)
WORDS = ["", "a", "A", "a ", "b", "ab", "\u00e9", "e\u0301", "\u00c4", "\u00e4", "\U0001f600x", "it's", "%", "\\", "$a"]


class Kind(NamedTuple):
    """What a column holds; `whole` and `places` are the digits of a decimal."""

    form: str
    whole: int = 0
    places: int = 0


INT, FLOAT, QUOTIENT, TEXT, BOOL = Kind("int"), Kind("float"), Kind("quotient"), Kind("text"), Kind("bool")
LIST, DEVIATION = Kind("list"), Kind("deviation")
VALUES: dict[str, list[Any]] = {
    "no": [],
    "small": [-3, -1, 0, 1, 2, 7],
    "big": [-(2**62), -(2**53) - 1, 0, 2**53 + 1, 2**62],
    "real": [-1.5, -0.25, 0.0, 0.5, 2.0, 1000.25],
    "cost": [Decimal(text) for text in ("-10.00", "-0.01", "0.00", "0.05", "9.99", "99999999.99")],
    "fine": [Decimal(f"{text}0000000001") for text in ("-1.", "0.", "2.", "9999999999999999999999999999.")],
    "tiny": [Decimal(f"{text}{0:029}1") for text in ("-1.", "0.", "2.", "9999.")],
    "vast": [0.0, 1.0, 1e308, float("inf")],
    "word": WORDS,
    "code": [word for word in WORDS if len(word) <= 2],
    "state": ["open", "paid"],
    "flag": [True, False],
    "made": [DAY, DAY.replace(microsecond=1, month=1), DAY.replace(year=1, day=1), DAY.replace(year=9999, second=0)],
    "wall": [datetime(1, 1, 1), datetime(2024, 5, 17, 1, 2, 3, 4), datetime(9999, 12, 31)],
    "day": [date(1, 1, 1), date(2024, 5, 17), date(2024, 5, 18), date(9999, 12, 31)],
    "clock": [time(), time(12, 30), time(12, 30, 0, 1), time(23, 59, 59, 999_999)],
    "span": [timedelta(), timedelta(microseconds=-1), timedelta(days=-40)],
    "ref": [UUID(int=0), UUID(int=1), UUID(int=1 << 127)],
    "blob": [b"", b"\0", b"a", b"\xff"],
    "tags": [[], ["a"], ["b", "", "b"], ["\u00e9", "a "]],
    "sizes": [[], [2**62, -1], [0], [7, 7, 1]],
    "costs": [[], [Decimal("0.0000000001"), Decimal("-2.0000000001")], [Decimal("9.0000000000")]],
}
FINITE = [value for value in VALUES["vast"] if isfinite(value)]
KINDS = {name: Kind(name) for name in VALUES}
KINDS |= {"no": INT, "small": INT, "big": INT, "real": FLOAT, "word": TEXT, "code": TEXT, "flag": BOOL}
KINDS |= {"cost": Kind("decimal", 8, 2), "fine": Kind("decimal", 28, 10), "tiny": Kind("decimal", 4, 30)}
# Lists, and what their items are.
LISTS = {"tags": TEXT, "sizes": INT, "costs": Kind("decimal", 28, 10)}
KINDS |= dict.fromkeys(LISTS, LIST)
MOMENTS = ("made", "wall", "day", "clock")
NUMBERS = ("int", "float", "quotient", "decimal", "vast")
UNCOMPARED = ("flag", "bool", "ref", "blob")


class Mixed:
    __dataflow__: ClassVar = {"key": "no"}
    no: int
    small: int | None = None
    big: int | None = None
    real: float | None = None
    cost: Annotated[Decimal, Precision(10, 2)] | None = None
    fine: Annotated[Decimal, Precision(38, 10)] | None = None
    tiny: Annotated[Decimal, Precision(34, 30)] | None = None
    vast: float | None = None
    word: str | None = None
    code: Annotated[str, MaxLength(2)] | None = None
    state: Literal["open", "paid"] | None = None
    flag: bool | None = None
    made: datetime | None = None
    wall: Annotated[datetime, Naive()] | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    ref: UUID | None = None
    blob: bytes | None = None
    tags: list[str] | None = None
    sizes: list[int] | None = None
    costs: list[Decimal] | None = None


def rows(random: Random, count: int, *, infinity: bool = False) -> list[dict[str, Any]]:
    fields = {name: values for name, values in VALUES.items() if values}
    fields["vast"] = VALUES["vast"] if infinity else FINITE
    pick = random.choice
    return [
        {"no": no} | {name: None if random.random() < 0.15 else pick(values) for name, values in fields.items()}
        for no in range(count)
    ]
