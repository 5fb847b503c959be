"""Every Arrow type in every layout is stored as pyarrow tells it."""

import json
from typing import Any

import pyarrow as pa
import pytest

from dataflow import Table
from tests.integration.layouts import KINDS, LAYOUTS, Kind, Laid, layouts_of, reader

# Types times layouts, on each of three databases: a cell that is dropped is missed here.
CELLS = 2_148


def plain(column: str, values: list[Any]) -> list[Any]:
    """What pyarrow makes of the Arrow that was read: JSON is text there."""
    return [json.loads(value) if column == "extra" and value is not None else value for value in values]


def typed(values: list[Any]) -> list[tuple[type, Any]]:
    return [(type(value), value) for value in values]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_layout_is_stored_as_pyarrow_tells_it(laid: Table[Any], kind: Kind) -> None:
    expected: dict[str, list[Any]] = {}
    for batch, layout in enumerate(layouts_of(kind)):
        arrays = LAYOUTS[layout](kind)
        expected[layout] = [value for array in arrays for value in kind.stored(array)]
        assert laid.bulk_create(reader(batch, kind, arrays)).inserted == len(expected[layout])
    fields = ["batch", kind.column]
    rows = laid.list(order_by=["batch", "at"], limit=None, fields=fields)
    told = plain(kind.column, rows.to_arrow()[kind.column].to_pylist())
    for batch, (layout, values) in enumerate(expected.items()):
        at = [number for number, row in enumerate(rows) if row.batch == batch]
        assert typed([getattr(rows[number], kind.column) for number in at]) == typed(values), layout
        assert typed([told[number] for number in at]) == typed(values), layout


def test_no_cell_is_left_out() -> None:
    assert sum(len(layouts_of(kind)) for kind in KINDS) * 3 == CELLS
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert {kind.column for kind in KINDS} == set(Laid.__annotations__) - {"id", "batch", "at"}


def test_arrays_without_nulls_have_no_validity_buffer() -> None:
    """What the layout says of itself."""
    for kind in KINDS:
        arrays = LAYOUTS["no validity"](kind)
        storage = [array.storage if isinstance(array, pa.ExtensionArray) else array for array in arrays]
        assert all(array.buffers()[0] is None for array in storage), kind.name
