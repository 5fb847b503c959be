"""The models of the demo: five tables with keys, references and indexes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from dataflow import DataFlow, MaxLength, Ref, Table, auto

__all__ = ["declare_models"]


def declare_models(db: DataFlow, suffix: str) -> dict[str, Table[Any]]:
    """The models in `db`, by the names of their files; their tables are called `demo_<file>_<suffix>`."""

    @db.model
    class Airline:
        __tablename__ = f"demo_airlines_{suffix}"
        __dataflow__ = {"key": "carrier"}  # noqa: RUF012
        carrier: Annotated[str, MaxLength(2)]
        name: str

    @db.model
    class Airport:
        __tablename__ = f"demo_airports_{suffix}"
        __dataflow__ = {"key": "faa"}  # noqa: RUF012
        faa: Annotated[str, MaxLength(3)]
        name: str
        lat: float
        lon: float
        alt: int
        tz: int
        dst: Annotated[str, MaxLength(1)]
        tzone: str | None

    @db.model
    class Plane:
        __tablename__ = f"demo_planes_{suffix}"
        __dataflow__ = {"key": "tailnum", "indexes": [{"fields": ["manufacturer"]}]}  # noqa: RUF012
        tailnum: Annotated[str, MaxLength(6)]
        year: int | None
        type: str
        manufacturer: Annotated[str, MaxLength(40)]
        model: str
        engines: int
        seats: int
        speed: int | None
        engine: str

    @db.model
    class Weather:
        __tablename__ = f"demo_weather_{suffix}"
        # The instant, not year to hour: when summer time ends, one hour of the clock comes twice.
        __dataflow__ = {"indexes": [{"fields": ["origin", "time_hour"], "unique": True}]}  # noqa: RUF012
        id: int = auto()
        origin: Annotated[str, MaxLength(3), Ref("Airport")]
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

    @db.model
    class Flight:
        __tablename__ = f"demo_flights_{suffix}"
        __dataflow__ = {"indexes": [{"fields": ["origin", "time_hour"]}, {"fields": ["tailnum"]}]}  # noqa: RUF012
        id: int = auto()
        year: int
        month: int
        day: int
        dep_time: int | None
        sched_dep_time: int
        dep_delay: int | None
        arr_time: int | None
        sched_arr_time: int
        arr_delay: int | None
        carrier: Annotated[str, MaxLength(2), Ref("Airline")]
        flight: int
        # No references: 721 of the tail numbers are no plane's, and the airports BQN, PSE, SJU and STT are missing.
        tailnum: Annotated[str, MaxLength(6)] | None
        origin: Annotated[str, MaxLength(3), Ref("Airport")]
        dest: Annotated[str, MaxLength(3)]
        air_time: int | None
        distance: int
        hour: int
        minute: int
        time_hour: datetime
        status: Annotated[str, MaxLength(9)] = "flown"

    return {
        "airlines": db.table(Airline),
        "airports": db.table(Airport),
        "planes": db.table(Plane),
        "weather": db.table(Weather),
        "flights": db.table(Flight),
    }
