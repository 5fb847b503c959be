"""The files of the demo: how they are read, and what they must look like after the job."""

from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pytest

from dataflow.cli.demo import data as demo_data
from dataflow.cli.demo.data import find_data, read_tables
from dataflow.cli.demo.expected import change_tables

FLIGHTS = """\
year,month,day,dep_time,carrier,tailnum,time_hour
2013,1,1,517,UA,N14228,2013-01-01T10:00:00Z
2013,1,2,NA,UA,"NA",2013-01-01T11:00:00Z
2013,1,3,NA,AA,NA,2013-01-01T12:00:00Z
2013,1,4,NA,AA,N619AA,2013-01-01T13:00:00Z
"""
OTHERS = {
    "airlines": "carrier,name\nUA,United\nAA,American\n",
    "airports": "faa,lat,tzone\nEWR,40.6925,America/New_York\nDVT,33.688333333333333,NA\n",
    "planes": "tailnum,year,manufacturer\nN1,1999,AIRBUS INDUSTRIE\nN2,NA,AIRBUS\nN3,2001,CANADAIR LTD\n"
    "N4,1980,BOEING\nN5,1988,MCDONNELL DOUGLAS AIRCRAFT CO\n"
    "N6,1990,MCDONNELL DOUGLAS CORPORATION\nN7,1991,MCDONNELL DOUGLAS\n",
    "weather": "origin,wind_speed,time_hour\nEWR,1048.36058,2013-02-12T08:00:00Z\nEWR,NA,2013-02-12T09:00:00Z\n"
    "JFK,10.357019999999999,2013-02-12T09:00:00Z\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five small files of the shape of the real ones."""
    for name, text in OTHERS.items():
        (tmp_path / f"{name}.csv").write_text(text)
    with ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", FLIGHTS)
    return tmp_path


def real() -> Path:
    found = find_data()
    assert found is not None
    return found


def test_the_real_files_have_all_their_rows():
    rows = {name: table.num_rows for name, table in read_tables(real()).items()}
    assert rows == {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}


def test_what_is_not_known_is_null(folder: Path):
    tables = read_tables(folder)
    assert tables["flights"]["dep_time"].to_pylist() == [517, None, None, None]
    assert tables["planes"]["year"].to_pylist() == [1999, None, 2001, 1980, 1988, 1990, 1991]
    assert tables["airports"]["tzone"].to_pylist() == ["America/New_York", None]


def test_a_quoted_text_is_no_null(folder: Path):
    assert read_tables(folder)["flights"]["tailnum"].to_pylist() == ["N14228", "NA", None, "N619AA"]


def test_an_hour_is_an_instant(folder: Path):
    hours = read_tables(folder)["weather"]["time_hour"]
    assert hours.type == pa.timestamp("us", "UTC")
    assert hours[0].as_py() == datetime(2013, 2, 12, 8, tzinfo=UTC)


def test_a_float_is_the_nearest_to_its_text(folder: Path):
    assert read_tables(folder)["airports"]["lat"].to_pylist() == [40.6925, 33.688333333333333]


@pytest.mark.parametrize(("wanted", "found"), [(1, 1), (3, 3), (4, 4), (5, 4), (None, 4)])
def test_the_first_flights_are_read(folder: Path, wanted: int | None, found: int):
    flights = read_tables(folder, wanted)["flights"]
    assert flights["day"].to_pylist() == list(range(1, found + 1))


def test_the_first_flights_are_counted_over_several_blocks():
    tables = read_tables(real(), 30_000)
    assert tables["flights"].equals(read_tables(real())["flights"].slice(0, 30_000))
    assert tables["weather"].num_rows == 26115


def test_without_the_package_nothing_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(demo_data, "find_spec", lambda name: None)
    assert find_data() is None


def test_makers_with_several_names_get_one(folder: Path):
    makers = change_tables(read_tables(folder))["planes"]["manufacturer"].to_pylist()
    assert makers == ["AIRBUS", "AIRBUS", "CANADAIR", "BOEING", *["MCDONNELL DOUGLAS"] * 3]


def test_an_impossible_wind_becomes_unknown(folder: Path):
    assert change_tables(read_tables(folder))["weather"]["wind_speed"].to_pylist() == [None, None, 10.357019999999999]


def test_flights_that_never_left_are_cancelled_or_gone(folder: Path):
    flights = change_tables(read_tables(folder))["flights"]
    found = list(zip(flights["day"].to_pylist(), flights["status"].to_pylist(), strict=True))
    assert found == [(1, "flown"), (2, "cancelled"), (4, "cancelled")]


def test_the_other_tables_and_columns_stay(folder: Path):
    files = read_tables(folder)
    changed = change_tables(files)
    assert changed["airlines"] is files["airlines"]
    assert changed["airports"] is files["airports"]
    assert changed["planes"].drop_columns("manufacturer").equals(files["planes"].drop_columns("manufacturer"))
    assert changed["weather"].drop_columns("wind_speed").equals(files["weather"].drop_columns("wind_speed"))
