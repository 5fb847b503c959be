"""How a read is done, as a value: the statement, the plan of the database, and the index that it lacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dataflow.query.server_plan import masked, outline, read_plan

__all__ = ["Explanation", "MissingIndex", "Parameter", "read_explanation"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a statement.

    Attributes:
        type: The field type it is compared as.
        value: As SQL writes it; None unless values were asked for.
    """

    type: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class MissingIndex:
    """An index that the model has not, and that would find the rows.

    Attributes:
        fields: For `__dataflow__ = {"indexes": [{"fields": […]}]}`, `-` for descending.
        sql: The statement that makes it, with the tenant in front where the model has tenants.
    """

    fields: tuple[str, ...]
    sql: str


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """How a read is done; `print` shows it, and so does a notebook.

    Attributes:
        model: Whose rows are read.
        operation: `list`, `count` or `aggregate`.
        database: `postgres`, `mysql` (MariaDB too) or `sqlite`.
        sql: The statement as it is sent.
        parameters: Its parameters, in their order.
        tenant_predicate: Whether it names the tenant whose rows it reads; False where the model has none.
        plan: The plan as the database tells it: JSON (PostgreSQL, MariaDB), or each step as its number, that of the one
            around it, and a text (SQLite). Texts that may have values in them are `…`, unless values were asked for.
        indexes: The indexes in which rows are looked up.
        walked: The indexes that are read in their order, from an end.
        scanned: The tables that are read row by row.
        missing_index: The index that could help where a table or an index is read so, or all rows of a tenant are; None
            where none could, or where the model has it.
        estimated_rows: What the database expects; None on SQLite, which does not tell.
        actual_rows: What came, with `analyze=True`.
    """

    model: str
    operation: str
    database: str
    sql: str
    parameters: tuple[Parameter, ...]
    tenant_predicate: bool
    plan: Any
    indexes: tuple[str, ...]
    walked: tuple[str, ...]
    scanned: tuple[str, ...]
    missing_index: MissingIndex | None
    estimated_rows: int | None
    actual_rows: int | None

    def __str__(self) -> str:
        pairs = [f"  {name:<12}{text}" for name, text in self._pairs()]
        plan = [f"    {line}" for line in outline(self.database, self.plan)]
        return "\n".join([self._title, *pairs, "  plan", *plan])

    def _repr_html_(self) -> str:
        """For notebooks."""
        from dataflow.query.markup import pairs_table

        return pairs_table(self._title, self._pairs(), "\n".join(outline(self.database, self.plan)))

    @property
    def _title(self) -> str:
        return f"{self.model}.{self.operation} on {self.database}"

    def _pairs(self) -> list[tuple[str, str]]:
        parameters = [one.type if one.value is None else f"{one.type} {one.value}" for one in self.parameters]
        rows = [
            f"{count} {what}"
            for count, what in ((self.estimated_rows, "expected"), (self.actual_rows, "came"))
            if count is not None
        ]
        missing = self.missing_index
        pairs = [
            ("statement", self.sql),
            ("parameters", ", ".join(parameters)),
            ("tenant", "its rows only" if self.tenant_predicate else ""),
            ("looked up", ", ".join(self.indexes)),
            ("walked", ", ".join(self.walked)),
            ("scanned", ", ".join(self.scanned)),
            ("rows", ", ".join(rows)),
            ("missing", "" if missing is None else f"{missing.sql}; or in the model: {list(missing.fields)}"),
        ]
        return [(name, text) for name, text in pairs if text]


def read_explanation(model: str, operation: str, told: dict[str, Any], *, values: bool) -> Explanation:
    """What the compiled module tells, read."""
    database, plan = told["database"], told["plan"]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    found = read_plan(database, plan)
    index = told["index"]
    if index is not None and not (found.scanned or found.walked or index[2]):
        index = None
    return Explanation(
        model=model,
        operation=operation,
        database=database,
        sql=told["sql"],
        parameters=tuple(Parameter(type=kind, value=value) for kind, value in told["parameters"]),
        tenant_predicate=told["is_scoped"],
        plan=plan if values else masked(plan),
        indexes=found.indexes,
        walked=found.walked,
        scanned=found.scanned,
        missing_index=None if index is None else MissingIndex(fields=tuple(index[0]), sql=index[1]),
        estimated_rows=found.estimated,
        actual_rows=found.actual if told["rows"] is None else told["rows"],
    )
