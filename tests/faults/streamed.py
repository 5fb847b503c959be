"""A program: reads all rows of `Generated` as a stream, and tells how its memory grew."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataflow import DataFlow, Table
from tests.faults.generated import Generated, resident_mib


def peak_mib() -> float:
    """Of this program: `ru_maxrss` begins with that of the process which started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def by_rows(table: Table[Any]) -> Iterator[int]:
    for _ in table.stream():
        yield 1


def by_arrow(table: Table[Any]) -> Iterator[int]:
    for batch in pa.RecordBatchReader.from_stream(table.stream()):
        yield batch.num_rows


def in_an_order_without_index(table: Table[Any]) -> Iterator[int]:
    for rows in table.stream(order_by="-share").chunks():
        yield len(rows)


def all_at_once(table: Table[Any]) -> Iterator[int]:
    """The control."""
    yield len(table.list(limit=None))


FORMS: dict[str, Callable[[Table[Any]], Iterator[int]]] = {
    "rows": by_rows,
    "arrow": by_arrow,
    "unindexed": in_an_order_without_index,
    "list": all_at_once,
}


def main(url: str, count: int, form: str) -> None:
    db = DataFlow(url)
    table = db.table(db.model(Generated))
    next(iter(table.stream()))
    before, half, seen, started = resident_mib(), 0.0, 0, time.perf_counter()
    for rows in FORMS[form](table):
        seen += rows
        if not half and seen >= count / 2:
            half = peak_mib()
    told = {
        "rows": seen,
        "growth_mib": round(peak_mib() - before, 1),
        "second_half_mib": round(peak_mib() - half, 1),
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
