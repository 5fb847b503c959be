"""A program: loads generated rows, and tells how its memory grew."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / MIB


def main(url: str, count: int) -> None:
    db = DataFlow(url)
    table = db.table(db.model(Generated))
    before = resident_mib()
    samples: list[float] = []

    def look(at: LoadProgress) -> None:
        samples.append(resident_mib())

    result = table.bulk_create(rows(count), progress=look)
    half = len(samples) // 2
    told = {
        "rows": result.inserted,
        "growth_mib": max(samples) - before,
        "second_half_mib": max(samples[half:]) - max(samples[:half]),
        "rows_per_second": result.rows_per_second,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
