"""Where a cell of the matrix is tested: tables with known rows, looked at through a second connection."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from dataflow import DataFlow, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.matrix.call import Job
from tests.matrix.model import DEFAULTS, FIELDS, STORED, Plain, Row
from tests.matrix.operation import Form, Operation, read_result
from tests.matrix.outcome import work_out
from tests.matrix.way import hand_of

Run = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Stage:
    """One database with its `DataFlow`, and `look`: a bare second connection."""

    database: Database
    db: DataFlow
    look: Run
    tables: dict[type[Any], Table[Any]] = field(default_factory=dict)

    def table(self, model: type[Any]) -> Table[Any]:
        """The model's table; made once."""
        if model not in self.tables:
            name = model.__name__
            own = type(name, (model,), {"__module__": model.__module__})
            self.tables[model] = self.db.table(self.db.model(own))
            with self.db.tenant("nobody"):
                self.tables[model].count()
        return self.tables[model]


@contextmanager
def staged(database: Database) -> Iterator[Stage]:
    with closing(DataFlow(database.url)) as db, bare.connected(database) as look:
        yield Stage(database, db, look)


@dataclass(frozen=True)
class Ground:
    """A table with rows: `hand` is what the operation is called on, `table` what a test prepares with.

    `seen` is what a row must meet to count, in SQL: the tenant it belongs to, or that it is not deleted.
    """

    operation: Operation
    look: Run
    table: Table[Any]
    hand: Any
    fields: tuple[str, ...]
    seen: str

    @property
    def name(self) -> str:
        return f'"{self.table._model.table}"'

    def clear(self) -> None:
        self.look(f"DELETE FROM {self.name}")

    def put(self, rows: Mapping[int, Row], **more: Any) -> None:
        """Stores rows through the second connection; `more` are columns the rows do not name."""
        for row in rows.values():
            columns = {**row, **more}
            names = ", ".join(f'"{name}"' for name in columns)
            self.look(f"INSERT INTO {self.name} ({names}) VALUES ({', '.join(map(literal, columns.values()))})")

    def rows(self) -> dict[int, Row]:
        """The rows that are there, by their keys."""
        names = ", ".join(f'"{name}"' for name in self.fields)
        found = self.look(f"SELECT {names} FROM {self.name} WHERE {self.seen} ORDER BY id")
        return {values[0]: dict(zip(self.fields, values, strict=True)) for values in found}

    def column(self, name: str, where: str = "1 = 1") -> dict[int, Any]:
        """One column of all rows, by their keys."""
        return dict(self.look(f'SELECT id, "{name}" FROM {self.name} WHERE {where} ORDER BY id'))

    def call(self, form: Form, job: Job) -> Any:
        """Calls the operation and reads what it says."""
        return read_result(form.call(self.hand, job), self.fields)

    def expect(self, form: Form, job: Job) -> None:
        """The operation says and does what it should; the second connection sees no more and no less."""
        known = [{name: row[name] for name in self.fields if name in row} for row in job]
        outcome = work_out(self.operation.effect, self.rows(), known, dict.fromkeys(self.fields[4:]) | DEFAULTS)
        if outcome.counts["missing"] and form.needs_rows:
            self.refuse(lambda: self.call(form, job), errors.NotFoundError)
            return
        assert self.call(form, job) == form.expects(outcome), form.name
        assert self.rows() == outcome.after, form.name

    def refuse(self, call: Callable[[], Any], error: type[errors.DataFlowError]) -> errors.DataFlowError:
        """The call raises this error and leaves every row as it was."""
        before = self.rows()
        with pytest.raises(error) as caught:
            call()
        assert type(caught.value) is error
        assert self.rows() == before
        return caught.value


@dataclass(frozen=True)
class Cell:
    """One operation, one way to it, one database; awaited or not."""

    operation: Operation
    stage: Stage
    awaited: bool

    def ground(
        self, model: type[Any] = Plain, *, fields: tuple[str, ...] = FIELDS, seen: str = "1 = 1", **more: Any
    ) -> Ground:
        """The model's table with rows 1 to 3; `more` as for `put`."""
        ground = self.bare_ground(model, fields, seen)
        ground.clear()
        ground.put(STORED, **more)
        return ground

    def bare_ground(self, model: type[Any], fields: tuple[str, ...] = FIELDS, seen: str = "1 = 1") -> Ground:
        """The model's table as it is."""
        table = self.stage.table(model)
        hand = hand_of(self.operation.way, self.stage.db, table, awaited=self.awaited)
        return Ground(self.operation, self.stage.look, table, hand, fields, seen)


def literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else f"'{value}'"
