"""A program: loads generated rows, one by one or as Arrow, and tells how its memory grew."""

import json
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataflow import DataFlow, LoadProgress

MIB = 1 << 20


class Generated:
    name: str
    number: int
    share: float
    note: str | None = None


def rows(count: int) -> Iterator[dict[str, Any]]:
    for n in range(count):
        yield {"name": f"name of row {n}", "number": n, "share": n / 7, "note": None if n % 3 else f"note {n}"}


def batches(count: int) -> pa.RecordBatchReader:
    """About a KiB a row, 1,000 rows a batch."""

    def batch(at: int) -> pa.RecordBatch:
        numbers = range(at, min(at + 1_000, count))
        names = [f"{n}:{'x' * 1_000}" for n in numbers]
        return pa.record_batch({"name": names, "number": list(numbers), "share": [n / 7 for n in numbers]})

    return pa.RecordBatchReader.from_batches(batch(0).schema, (batch(at) for at in range(0, count, 1_000)))


FORMS: dict[str, Callable[[int], Any]] = {
    "rows": rows,
    "reader": batches,
    "table": lambda count: batches(count).read_all(),
}


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / MIB


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(url: str, count: int, form: str) -> None:
    db = DataFlow(url)
    table = db.table(db.model(Generated))
    data = FORMS[form](count)
    before, peak_before = resident_mib(), peak_mib()
    samples: list[float] = []

    def look(at: LoadProgress) -> None:
        samples.append(resident_mib())

    result = table.bulk_create(data, progress=look)
    half = len(samples) // 2
    # Between two looks there may have been more; an older peak says nothing.
    peak = peak_mib() if peak_mib() > peak_before else 0.0
    told = {
        "rows": result.inserted,
        "growth_mib": max(*samples, peak) - before,
        "second_half_mib": max(samples[half:]) - max(samples[:half]),
        "rows_per_second": result.rows_per_second,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
