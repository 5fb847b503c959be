"""What the tables must hold after the job: the files with the same changes, made by pyarrow alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["change_tables"]


def change_tables(files: dict[str, Any]) -> dict[str, Any]:
    """The tables of `files` as the job leaves them; none of the job's own code takes part."""
    planes, weather, flights = files["planes"], files["weather"], files["flights"]
    return {
        **files,
        "planes": _change_planes(planes),
        "weather": _change_weather(weather),
        "flights": _change_flights(flights),
    }


def _change_planes(planes: Any) -> Any:
    """AIRBUS INDUSTRIE is AIRBUS, CANADAIR LTD is CANADAIR, and MCDONNELL DOUGLAS has three names."""
    pc: Any = import_module("pyarrow.compute")
    makers = planes["manufacturer"]
    for name in ("AIRBUS", "CANADAIR", "MCDONNELL DOUGLAS"):
        makers = pc.replace_substring_regex(makers, f"^{name} (INDUSTRIE|LTD|CORPORATION|AIRCRAFT CO)$", name)
    return _replace(planes, "manufacturer", makers)


def _change_weather(weather: Any) -> Any:
    """The wind of 1,048 miles an hour becomes unknown."""
    pc: Any = import_module("pyarrow.compute")
    wind = weather["wind_speed"]
    return _replace(weather, "wind_speed", pc.if_else(pc.greater(wind, 1000.0), None, wind))


def _change_flights(flights: Any) -> Any:
    """Flights that never left are cancelled; those of them that had no plane either are gone."""
    pc: Any = import_module("pyarrow.compute")
    departed = pc.is_valid(flights["dep_time"])
    marked = flights.append_column("status", pc.if_else(departed, "flown", "cancelled"))
    return marked.filter(pc.or_(departed, pc.is_valid(flights["tailnum"])))


def _replace(table: Any, column: str, values: Any) -> Any:
    return table.set_column(table.column_names.index(column), column, values)
