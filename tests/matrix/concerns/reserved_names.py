"""Fields and tables may be called like words of SQL, of Python or of our own."""

from collections.abc import Collection
from typing import Any

from tests.matrix.cell import Cell, Ground
from tests.matrix.model import FIELDS, Plain, Row
from tests.matrix.operation import read_result

TITLE = "reserved names"
NAMES = (
    *("name", "description", "version", "tags", "order", "select", "group", "table", "list", "count", "create", "c"),
    *("key", "index", "values", "default", "where", "limit", "user", "primary", "references", "check", "column"),
    *("filter", "data", "fields", "instance", "row", "updates", "created", "deleted_at", "created_at", "metadata"),
    *("class_", "cls", "self", "type", "object", "print", "match", "tenant_id", "load_id", "records", "rows"),
)
Order = type(
    "Order",
    (Plain,),
    {
        "__tablename__": "order",
        "__annotations__": dict.fromkeys(NAMES, str | None),
        "__module__": __name__,
        **dict.fromkeys(NAMES),
    },
)


def check(cell: Cell) -> None:
    for form, job in cell.operation.jobs(**{name: f"new {name}" for name in NAMES}):
        named(cell).expect(form, [without(row, form.taken) for row in job])
    if cell.operation.filtered:
        for name in NAMES:
            check_filter(named(cell), name)
    if cell.operation.name == "list":
        check_list(named(cell))


def without(row: Row, names: Collection[str]) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def named(cell: Cell) -> Ground:
    ground = cell.ground(Order, fields=(*FIELDS, *NAMES))
    ground.look(f"UPDATE {ground.name} SET " + ", ".join(f"\"{name}\" = '{name}'" for name in NAMES) + " WHERE id = 2")
    return ground


def check_filter(ground: Ground, name: str) -> None:
    assert ground.operation.filtered is not None
    before = ground.rows()
    said: Any = read_result(ground.operation.filtered(ground.hand, {name: name}), ground.fields)
    after = ground.rows()
    match ground.operation.effect:
        case "read":
            assert said in (1, [before[2]])
        case "change":
            assert after == {**before, 2: {**before[2], "size": 50}}
        case _:
            assert after == {key: row for key, row in before.items() if key != 2}


def check_list(ground: Ground) -> None:
    for name in NAMES:
        rows = ground.hand.list({name: {"$ne": None}}, order_by=[f"-{name}"], fields=[name])
        assert rows.records() == [{name: name}]
