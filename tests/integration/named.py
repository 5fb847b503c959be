"""Rows with a name, for loads of which only their number matters."""

from collections.abc import Iterator
from typing import Any


class Item:
    name: str


def rows(count: int = 25) -> Iterator[dict[str, Any]]:
    return ({"name": f"row {n}"} for n in range(count))
