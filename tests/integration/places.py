"""A table whose key has two fields."""

from typing import Annotated, Any

from dataflow import DataFlow, MaxLength, Table
from tests.integration.fresh import fresh


class Place:
    __dataflow__ = {"key": ["region", "no"]}  # noqa: RUF012
    region: Annotated[str, MaxLength(10)]
    no: int
    name: str = ""


def four_places(db: DataFlow) -> Table[Any]:
    """Of two regions, with the numbers 1 and 2 each."""
    table = fresh(db, Place)
    table.bulk_create([{"region": region, "no": no} for region in ("a", "b") for no in (1, 2)])
    return table
