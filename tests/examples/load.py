"""A load that may be killed at any moment: run it again, and it goes on where it was."""

from pathlib import Path

from dataflow import DataFlow, LoadProgress

db = DataFlow()  # DATABASE_URL, else the file dataflow.db


@db.model
class Measurement:
    sensor: int
    value: float


def show(progress: LoadProgress) -> None:
    print(progress.rows, "rows", flush=True)


result = db.table(Measurement).bulk_create(
    Path("measurements.parquet"), load_id="measurements of 2026-01", chunk_rows=10_000, atomic=False, progress=show
)
print(f"{result.inserted} rows, {result.resumed_at} of them by an earlier run")
