"""What the guards read: the Python and Rust sources, and what cargo says about them."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def python_sources() -> dict[str, str]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / "python" / "dataflow").rglob("*.py")):
        parts = path.relative_to(ROOT / "python").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return found


def rust_sources(crate: str = "") -> dict[str, str]:
    """Every Rust file of a crate, or of all, by its path below `rust`, without its comments."""
    root = ROOT / "rust"
    paths = sorted((root / crate).rglob("*.rs"))
    return {str(path.relative_to(root)): strip_comments(path.read_text()) for path in paths}


def strip_comments(text: str) -> str:
    """Rust without line comments; a `//` inside a string, as in a URL, stays."""
    return re.sub(r'^((?:[^"/\n]|"(?:[^"\\\n]|\\.)*"|/(?!/))*)//[^\n]*', r"\1", text, flags=re.MULTILINE)


@cache
def cargo_metadata() -> dict[str, Any]:
    """All packages of the lock file and their edges, with the features that are on."""
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version", "1"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    found: dict[str, Any] = json.loads(output)
    return found


@cache
def linked_packages() -> tuple[tuple[str, str], ...]:
    """(name, version) of what gets into the extension: no build scripts, macros' helpers or other platforms."""
    options = ["--edges", "normal", "--prefix", "none", "--package", "dataflow-py", "--format", "{p}"]
    command = ["cargo", "tree", "--locked", "--offline", *options]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    lines = {tuple(line.split()[:2]) for line in output.splitlines() if line.strip()}
    return tuple(sorted((name, version) for name, version in lines))
