"""What the demo must leave in its tables, made from the files row by row in plain Python."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from zipfile import ZipFile

import pyarrow as pa

from dataflow.cli.demo.data import TABLES, find_data

Row = dict[str, Any]
TEXTS = {
    "carrier",
    "name",
    "faa",
    "dst",
    "tzone",
    "tailnum",
    "type",
    "manufacturer",
    "model",
    "engine",
    "origin",
    "dest",
    "status",
}
FLOATS = {"lat", "lon", "temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"}
MAKERS = {
    "AIRBUS INDUSTRIE": "AIRBUS",
    "CANADAIR LTD": "CANADAIR",
    "MCDONNELL DOUGLAS AIRCRAFT CO": "MCDONNELL DOUGLAS",
    "MCDONNELL DOUGLAS CORPORATION": "MCDONNELL DOUGLAS",
}


def expected_tables(flights: int | None = None) -> dict[str, pa.Table]:
    """The tables after the job, with the first `flights` flights."""
    planes = [{**row, "manufacturer": MAKERS.get(row["manufacturer"], row["manufacturer"])} for row in _read("planes")]
    weather = [{**row, "wind_speed": _calm(row["wind_speed"])} for row in _read("weather")]
    flown = [_judge(row) for row in islice(_read("flights"), flights)]
    kept = [row for row in flown if row["status"] == "flown" or row["tailnum"] is not None]
    changed = {"planes": planes, "weather": weather, "flights": kept}
    return {name: _to_arrow(changed.get(name) or [*_read(name)]) for name in TABLES}


def _calm(wind: float | None) -> float | None:
    return None if wind is not None and wind > 1000 else wind


def _judge(flight: Row) -> Row:
    return {**flight, "status": "cancelled" if flight["dep_time"] is None else "flown"}


def _read(name: str) -> Iterator[Row]:
    for row in csv.DictReader(_open(name)):
        yield {field: None if word == "NA" else _kind(field)[0](word) for field, word in row.items()}


def _open(name: str) -> Iterable[str]:
    folder = find_data()
    assert folder is not None
    if name != "flights":
        return (folder / f"{name}.csv").read_text().splitlines()
    with ZipFile(folder / "flights.csv.zip") as archive:
        return io.TextIOWrapper(archive.open("flights.csv"))


def _to_arrow(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema([(field, _kind(field)[1]) for field in rows[0]]))


def _kind(field: str) -> tuple[Callable[[str], Any], pa.DataType]:
    if field == "time_hour":
        return datetime.fromisoformat, pa.timestamp("us", "UTC")
    if field in TEXTS:
        return str, pa.string()
    return (float, pa.float64()) if field in FLOATS else (int, pa.int64())
