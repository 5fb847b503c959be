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


def test_the_quick_start_runs() -> None:
    blocks = code_blocks((ROOT / "README.md").read_text(), "python")
    assert len(blocks) == 1
    program = [sys.executable, "-W", "ignore", "-c", blocks[0]]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "a pot was stored\n", "")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_place_that_is_named_exists(name: str) -> None:
    assert missing_paths((ROOT / name).read_text()) == []


def test_contributing_names_the_places_a_newcomer_looks_for() -> None:
    paths = named_paths((ROOT / "CONTRIBUTING.md").read_text())
    assert len(paths) > 25
    assert {"rust/core/src/filter/parse.rs", "rust/core/src/types.rs", "rust/core/src/dialect.rs"} <= set(paths)


def test_a_place_that_does_not_exist_is_found() -> None:
    assert missing_paths("see `rust/core/src/nowhere.rs` and `python/dataflow`") == ["rust/core/src/nowhere.rs"]
