"""The documents tell the truth: the quick start runs, and every place CONTRIBUTING names exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def named_paths(text: str) -> list[str]:
    """Paths in backticks that begin with a folder of ours, `{a,b}` and `*` forms left out."""
    found = re.findall(r"`((?:rust|python|tests|benches)/[\w./-]+)`", text)
    return sorted(set(found))


def missing_paths(text: str) -> list[str]:
    return [path for path in named_paths(text) if not (ROOT / path).exists()]


def run_program(tmp_path: Path, text: str) -> tuple[int, str, str]:
    """As a file: the hints of its classes are read from the module."""
    program = tmp_path / "program.py"
    program.write_text(text)
    command = [sys.executable, "-W", "ignore", str(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_the_quick_start_runs(tmp_path: Path) -> None:
    blocks = code_blocks((ROOT / "README.md").read_text(), "python")
    assert run_program(tmp_path, blocks[0]) == (0, "a pot was stored\n", "")


def test_the_examples_of_models_run(tmp_path: Path) -> None:
    """A key of several fields; versions, checks and references; upserts; bad rows: each goes on where one ended."""
    examples = code_blocks((ROOT / "README.md").read_text(), "python")[1:5]
    words = ("key", "versioned", "upsert", "quarantine")
    assert all(word in text for word, text in zip(words, examples, strict=True))
    assert run_program(tmp_path, "\n".join(examples)) == (0, "", "")


def test_the_workflow_runs(tmp_path: Path) -> None:
    _, _, _, _, _, workflow, *_ = code_blocks((ROOT / "README.md").read_text(), "python")
    assert "WorkflowBuilder()" in workflow
    assert run_program(tmp_path, workflow) == (0, "", "")


def test_what_is_quoted_is_what_runs() -> None:
    quoted = code_blocks((ROOT / "README.md").read_text(), "python")[6:]
    assert len(quoted) == 3
    programs = [path.read_text() for path in sorted((ROOT / "tests/examples").glob("*.py"))]
    assert [block for block in quoted if not any(block in program for program in programs)] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_place_that_is_named_exists(name: str) -> None:
    assert missing_paths((ROOT / name).read_text()) == []


def test_contributing_names_the_places_a_newcomer_looks_for() -> None:
    paths = named_paths((ROOT / "CONTRIBUTING.md").read_text())
    assert len(paths) > 25
    assert {"rust/core/src/filter/parse.rs", "rust/core/src/types.rs", "rust/core/src/dialect.rs"} <= set(paths)


def test_a_place_that_does_not_exist_is_found() -> None:
    assert missing_paths("see `rust/core/src/nowhere.rs` and `python/dataflow`") == ["rust/core/src/nowhere.rs"]
