"""`$trim`, `$trunc` and `$size` at the ends of their types."""

import string
from decimal import Decimal
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, Precision
from tests.integration.fresh import fresh

SPACES = " \t\n\v\f\r\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
# What Python or a database takes for white space, and MongoDB does not.
OTHERS = "\x1c\x1f\x85\u180e\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"


class Note:
    no: int
    text: str | None = None
    exact: Annotated[Decimal, Precision(38, 10)] | None = None
    real: float | None = None
    sizes: list[int] | None = None


TEXTS = [
    SPACES,
    "",
    "a",
    f"{SPACES}a{SPACES}b{SPACES}",
    f" {OTHERS} ",
    "\n\n",
    " a\n",
    "A'\\ ",
    "\U0001f600 ",
    " " * 50_000 + "x",
]
TEXTS += ["x" + " " * 200_000 + "x"]


def values(table: Any, expression: Any) -> list[Any]:
    return [row["x"] for row in table.aggregate([{"$project": {"x": expression}}])]


@pytest.mark.parametrize(
    ("name", "stripped"),
    [("$trim", str.strip), ("$ltrim", str.lstrip), ("$rtrim", str.rstrip)],
)
def test_white_space_is_that_of_mongodb(db: DataFlow, name: str, stripped: Any) -> None:
    table = fresh(db, Note)
    table.bulk_create([{"no": no, "text": text} for no, text in enumerate(TEXTS)])
    assert values(table, {name: {"input": "$text"}}) == [stripped(text, SPACES) for text in TEXTS]


def test_ascii_letters_only_change_their_case(db: DataFlow) -> None:
    """As MongoDB promises; what else there is depends on the collations of a server."""
    table = fresh(db, Note)
    letters = [chr(at) for at in (*range(1, 0x250), 0x1E9E, 0x2126, 0x212A, 0xFB00, 0x10400)]
    texts = ["".join(letters), "\u00df\u0130\u01c5 stra\u00dfe", "", "aA" * 3_000]
    table.bulk_create([{"no": no, "text": text} for no, text in enumerate(texts)])
    small, large = string.ascii_lowercase, string.ascii_uppercase
    assert values(table, {"$toUpper": "$text"}) == [text.translate(str.maketrans(small, large)) for text in texts]
    assert values(table, {"$toLower": "$text"}) == [text.translate(str.maketrans(large, small)) for text in texts]


def test_numbers_are_cut_towards_zero(db: DataFlow) -> None:
    table = fresh(db, Note)
    exact = [Decimal(text) for text in ("9999999999999999999999999999.9999999999", "-0.9999999999", "1.5", "0")]
    rows = [{"exact": one, "real": real} for one, real in zip(exact, (1e300, -2.75, 0.5, 2.0**60), strict=True)]
    table.bulk_create([{"no": no, **row} for no, row in enumerate(rows)])
    for places in (0, 1, 9, 10, 38):
        step = Decimal(1).scaleb(-min(places, 10))
        expected = [(abs(one) // step * step).copy_sign(one) if places < 10 else one for one in exact[1:]]
        assert values(table, {"$trunc": ["$exact", places]})[1:] == expected
    assert values(table, {"$trunc": "$exact"})[0] == 10**28 - 1
    assert values(table, {"$trunc": "$real"}) == [1e300, -2.0, 0.0, 2.0**60]
    assert values(table, {"$trunc": "$no"}) == [0, 1, 2, 3]


def test_lists_are_counted(db: DataFlow) -> None:
    table = fresh(db, Note)
    table.bulk_create([{"no": 0, "sizes": [1, 2, 3]}, {"no": 1, "sizes": []}, {"no": 2}])
    assert values(table, {"$size": "$sizes"}) == [3, 0, None]
    group = [{"$sort": {"no": 1}}, {"$group": {"_id": None, "all": {"$push": "$no"}}}]
    assert list(table.aggregate([*group, {"$project": {"n": {"$size": "$all"}}}])) == [{"n": 3}]
