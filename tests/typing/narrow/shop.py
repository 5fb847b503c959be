"""Models of every type of field. Run once, to write types for them."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from dataflow import DataFlow, MaxLength, Naive, Precision, Ref, auto

db = DataFlow("sqlite:///:memory:")


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Level(Enum):
    LOW = 1
    HIGH = 2


@db.model
@dataclass(kw_only=True)
class Order:
    id: int = auto()
    sku: Annotated[str, MaxLength(40)]
    total: Annotated[Decimal, Precision(18, 4)]
    state: Literal["open", "paid", "a \"b\" 'c'"] = "open"
    size: Size = Size.SMALL
    level: Level = Level.LOW
    tags: list[str] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    placed: dt.datetime
    shown: Annotated[dt.datetime, Naive()] | None = None
    day: dt.date | None = None
    hour: dt.time | None = None
    lasts: dt.timedelta | None = None
    blob: bytes | None = None
    ratio: float | None = None
    paid: bool = False
    note: str | None = None
    ref: UUID | None = None
    count: int = 0


@db.model
@dataclass(kw_only=True)
class LineItem:
    order_id: Annotated[int, Ref("Order", related="items")]
    from_id: Annotated[int | None, Ref("Order", related="def")] = None
    date: dt.date | None = None
    due: dt.date | None = None
    no: int
    name: str
    __dataflow__: ClassVar = {"key": ["order_id", "no"], "versioned": True, "timestamps": True}
