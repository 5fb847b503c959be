"""The types of one model: what its filters and updates may be, and its table with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import indent

from dataflow.cli.stubs.columns import write_columns
from dataflow.cli.stubs.methods import narrow_methods
from dataflow.cli.stubs.operators import UPDATES, takes, tests_of
from dataflow.cli.stubs.relations import Tie
from dataflow.cli.stubs.text import typed_dict
from dataflow.cli.stubs.values import Values, values_of
from dataflow.model.description import Column, Description
from dataflow.query.selection import Query
from dataflow.query.table import Table

__all__ = ["Shared", "write_model"]

_NAMES = {"instant": "Instant", "walltime": "WallTime"}


class Shared:
    """The types of operators that fields of all models share, by name."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {"Bits": typed_dict("Bits", dict.fromkeys(("and", "or", "xor"), "int"))}

    def base(self, values: Values, own: str) -> str:
        """What the types of a field's operators begin with; they are written now if they are new.

        Args:
            values: What the field holds.
            own: The name where no other field has the same values.
        """
        if values.one == "Any":
            return ""
        base = own if values.kind == "choice" or values.classes else _NAMES.get(values.kind, values.kind.capitalize())
        self._add(f"{base}Test", tests_of(values._replace(many=False), f"{base}Test", base))
        if not values.many:
            return base
        each = f"Collection[{values.one}]"
        self._add(f"{base}ListTest", tests_of(values, f"{base}ListTest", base))
        self._add(f"{base}Each", {"$each": each})
        extras = {"$position": "int", "$sort": "Literal[1, -1]", "$slice": "int"}
        self._add(f"{base}Push", {"$each": each, **extras})
        return base

    def _add(self, name: str, entries: Mapping[str, str]) -> None:
        self.texts.setdefault(name, typed_dict(name, entries))


def write_model(description: Description, ties: Sequence[Tie], shared: Shared) -> str:
    """The types of a model, as the text of a module.

    Args:
        description: The model.
        ties: Its relations to other models of the module.
        shared: What the models of the module have in common.
    """
    name = description.name
    fields = {column.name: values_of(column) for column in description.columns}
    bases = {field: shared.base(values, _own(name, field)) for field, values in fields.items()}
    free = [column for column in description.columns if _is_free(column, description)]
    names = ", ".join(f'"{field}"' for field in fields)
    orders = ", ".join(f'"{field}", "-{field}"' for field, values in fields.items() if _is_ordered(values))
    return "\n".join(
        [
            f"{name}Field: TypeAlias = Literal[{names}]",
            f"{name}Order: TypeAlias = Literal[{orders}]\n",
            typed_dict(f"{name}Filter", {**_logic(name), **dict(_tests(fields, bases)), **dict(_others(ties, shared))}),
            typed_dict(f"{name}Rows", dict.fromkeys(("$some", "$every", "$none"), f"{name}Filter | Condition")),
            typed_dict(f"{name}Set", {column.name: fields[column.name].written for column in free}),
            *_operators(name, free, fields, bases),
            typed_dict(f"{name}New", dict(_new(description, fields))),
            "if TYPE_CHECKING:\n",
            indent(write_columns(name, fields, ties), "    ") + "\n",
            f"    class {name}Query(Query[{name}]):",
            f'        """`db.table({name}).where(...)`; a checker knows the fields."""\n',
            indent(narrow_methods(Query, name), "    ") + "\n",
            f"    class {name}Table(Table[{name}]):",
            f'        """`db.table({name})`; a checker knows the fields."""\n',
            f"        @property\n        def c(self) -> {name}Columns: ...",
            indent(narrow_methods(Table, name), "    "),
            "\nelse:",
            f"    {name}Columns, {name}Query, {name}Table = Columns, Query, Table\n\n",
            f"def {_snake(name)}_table(db: DataFlow) -> {name}Table:",
            f'    """`db.table({name})`, whose fields a checker knows."""',
            f'    return cast("{name}Table", db.table({name}))\n',
        ]
    )


def _own(model: str, field: str) -> str:
    return model + "".join(part.capitalize() for part in field.split("_"))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _is_free(column: Column, description: Description) -> bool:
    """Whether an update may give it; a version is compared."""
    return column.role in ("field", "version") and column.name not in description.key


def _is_ordered(values: Values) -> bool:
    return not values.many and values.kind != "json"


def _logic(name: str) -> dict[str, str]:
    filters = f"Sequence[{name}Filter | Condition]"
    logic = dict.fromkeys(("$and", "$or", "$nor"), filters)
    return {**logic, "$not": f"{name}Filter | Condition", "$expr": "Mapping[str, Any]", "$comment": "str"}


def _tests(fields: Mapping[str, Values], bases: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for field, values in fields.items():
        base = bases[field]
        if values.one == "Any":
            yield field, "Any"
        elif values.many:
            yield field, f"{values.whole} | {values.one} | {base}ListTest | None"
        else:
            yield field, f"{values.one} | {base}Test | None"


def _others(ties: Sequence[Tie], shared: Shared) -> Iterator[tuple[str, str]]:
    """What is asked of rows of other models; what those refer to in turn is asked through `c`."""
    for name, model, many in ties:
        if many:
            yield name, f"{model.name}Rows"
            continue
        fields = {column.name: values_of(column) for column in model.columns}
        bases = {field: shared.base(values, _own(model.name, field)) for field, values in fields.items()}
        yield from ((f"{name}.{field}", test) for field, test in _tests(fields, bases))


def _operators(name: str, free: list[Column], fields: Mapping[str, Values], bases: Mapping[str, str]) -> Iterator[str]:
    """A typed dict for each operator, and one with all of them."""
    known = {"$set": f"{name}Set", "$setOnInsert": f"{name}Set", "$rename": "Mapping[str, str]"}
    for operator in UPDATES:
        kept = [column.name for column in free if column.role == "field"]
        taken = {field: takes(operator, fields[field], bases[field]) for field in kept}
        entries = {field: type for field, type in taken.items() if type is not None}
        if entries:
            known[operator] = f"{name}{operator[1].upper()}{operator[2:]}"
            yield typed_dict(known[operator], entries)
    yield typed_dict(f"{name}Operators", known)
    yield f"{name}Updates: TypeAlias = {name}Set | {name}Operators\n"


def _new(description: Description, fields: Mapping[str, Values]) -> Iterator[tuple[str, str]]:
    for column in description.columns:
        if column.role in ("field", "created_at", "updated_at"):
            written = fields[column.name].written
            yield column.name, f"Required[{written}]" if column.name in description.required else written
