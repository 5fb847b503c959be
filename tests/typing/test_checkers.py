"""mypy and basedpyright take right uses of the public API and report wrong ones, line by line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def mypy(*names: str, where: Path = HERE) -> set[tuple[str, int]]:
    """The file and line of every error. Strict, without the project's own settings."""
    command = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--output=json", *names]
    # Libraries of the examples that have no hints are not what is tested.
    command += ["--ignore-missing-imports", f"--cache-dir={HERE.parents[1] / '.mypy_cache'}"]
    run = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines() if line]
    return {(item["file"], item["line"]) for item in found if item["severity"] == "error"}


def basedpyright(*names: str, where: Path = HERE) -> set[tuple[str, int]]:
    """The file and line of every error, at the strictness of most projects."""
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, *names]
    run = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found = json.loads(run.stdout)["generalDiagnostics"]
    return {
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1) for item in found if item["severity"] == "error"
    }


def marked(name: str, where: Path = HERE) -> set[tuple[str, int]]:
    lines = (where / name).read_text(encoding="utf-8").splitlines()
    return {(name, number) for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


@pytest.mark.parametrize("checker", [mypy, basedpyright])
def test_right_uses_are_taken(checker):
    assert checker("right.py", "right_workflow.py") == set()


@pytest.mark.parametrize("checker", [mypy, basedpyright])
def test_wrong_uses_are_reported(checker):
    wanted = marked("wrong.py") | marked("wrong_workflow.py")
    assert len(wanted) > 80
    assert checker("wrong.py", "wrong_workflow.py") == wanted


def test_plain_classes_are_dataclasses_to_pyright():
    names = ("right_transform.py", "wrong_transform.py")
    assert len(marked("wrong_transform.py")) == 11
    assert basedpyright(*names) == marked("wrong_transform.py")


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A folder with models, the types that are written for them, and uses of these."""
    for path in (HERE / "narrow").glob("*.py"):
        shutil.copy(path, tmp_path)
    program = [sys.executable, "-W", "ignore", "-c", "from dataflow.cli import main; main()"]
    subprocess.run([*program, "generate", "stubs", "shop.py"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("checker", [mypy, basedpyright])
def test_types_written_for_models_take_right_uses_and_report_wrong_ones(
    checker: Callable[..., set[tuple[str, int]]], narrow: Path
) -> None:
    wanted = marked("wrong_narrow.py", narrow)
    assert len(wanted) > 100
    assert checker("shop_types.py", "right_narrow.py", "wrong_narrow.py", where=narrow) == wanted
