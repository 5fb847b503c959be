"""Rows of which some are bad, one kind of badness after another, and what is to become of them."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from dataflow import DataFlow, MaxLength, Precision, Ref, Unique
from tests.integration.fresh import subclass

Row = dict[str, Any]


class Shop:
    name: Annotated[str, MaxLength(20)]


class Sale:
    __dataflow__: dict[str, Any] = {"checks": {"positive": {"qty": {"$gt": 0}}}}  # noqa: RUF012
    code: Annotated[str, MaxLength(12), Unique()]
    qty: int
    price: Annotated[Decimal, Precision(8, 2)] | None = None
    day: date | None = None


class Bad(NamedTuple):
    """A kind of bad row: what makes it of a good one, and why it is refused.

    `arrow`: whether a column of text could hold it too, so that frames have such rows.
    """

    changes: Row
    kind: str
    column: str | None
    arrow: bool = True


TAKEN = "taken"
BADS = {
    "wrong type": Bad({"qty": "many"}, "WrongType", "qty"),
    "out of range": Bad({"qty": 2**63}, "OutOfRange", "qty"),
    "no value": Bad({"code": None}, "NullValue", "code"),
    "too long": Bad({"code": "x" * 13}, "DataTooLong", "code"),
    "digits": Bad({"price": "1.234"}, "TooManyDigits", "price"),
    "no date": Bad({"day": "2024-02-30"}, "WrongType", "day"),
    "check": Bad({"qty": 0}, "CheckViolation", "qty"),
    "taken": Bad({"code": TAKEN}, "UniqueViolation", None),
    "dangling": Bad({"shop_id": 10**6}, "ForeignKeyViolation", None),
}


def sales(db: DataFlow) -> tuple[Any, Any, int]:
    """Fresh tables of shops and of sales that refer to them, a sale whose code is taken, and the key of a shop."""
    shop = db.model(subclass(Shop))
    hints = {"shop_id": Annotated[int | None, Ref(shop.__name__)]}
    base = subclass(Sale)
    model = type(base.__name__, (Sale,), {**_own(base), "__annotations__": hints, "shop_id": None})
    table, shops = db.table(db.model(model)), db.table(shop)
    key = shops.create(name="first").id
    table.create(code=TAKEN, qty=1)
    return table, shops, key


def _own(cls: type[Any]) -> dict[str, Any]:
    return {name: vars(cls)[name] for name in ("__tablename__", "__module__")}


def good(number: int, shop: int) -> Row:
    price = f"{number % 90}.50"
    return {"code": f"c{number}", "qty": number + 1, "price": price, "day": "2024-01-31", "shop_id": shop}


def mixed(count: int, every: int, shop: int) -> tuple[list[Row], dict[int, Bad]]:
    """So many rows, each `every`-th of which is bad, the kinds in turn; and the bad ones by their numbers."""
    bads = list(BADS.values())
    rows, bad = [], {}
    for number in range(count):
        row = good(number, shop)
        if number % every == every - 1:
            bad[number] = bads[len(bad) % len(bads)]
            row |= bad[number].changes
        rows.append(row)
    return rows, bad
