"""The crates keep to their places: py -> db -> core, frozen classes, one funnel for SQL text."""

import re
import tomllib
from collections.abc import Mapping

import pytest

from tests.meta.source import ROOT, rust_sources, strip_comments

IMPURE = ("pyo3", "tokio", "SystemTime", "Instant::now", "rand::", "fastrand", "getrandom", "std::net", "std::fs")
FUNNELS = {"db/src/execute.rs", "db/src/session.rs"}
CRATES = {"core": set(), "db": {"dataflow-core"}, "py": {"dataflow-core", "dataflow-db"}}


def mentions(sources: Mapping[str, str], *words: str) -> list[str]:
    """Files that use one of the words."""
    return [
        f"{path}: {word}"
        for path, text in sources.items()
        for word in words
        if re.search(rf"(?<![\w]){re.escape(word)}", text)
    ]


def test_only_the_py_crate_knows_python() -> None:
    sources = rust_sources("core") | rust_sources("db")
    assert len(sources) > 40
    assert mentions(sources, "pyo3", "dataflow_py") == []
    assert mentions(rust_sources("py"), "pyo3")


def test_core_is_pure() -> None:
    sources = rust_sources("core")
    assert len(sources) > 15
    assert mentions(sources, *IMPURE, "dataflow_db") == []


def test_core_forbids_unsafe_code() -> None:
    assert "#![forbid(unsafe_code)]" in rust_sources("core")["core/src/lib.rs"]


@pytest.mark.parametrize("crate", CRATES)
def test_crates_depend_downwards(crate: str) -> None:
    manifest = tomllib.loads((ROOT / "rust" / crate / "Cargo.toml").read_text())
    dependencies = manifest["dependencies"]
    assert len(dependencies) > 5
    assert {name for name in dependencies if name.startswith("dataflow-")} == CRATES[crate]
    assert ("pyo3" in dependencies) == (crate == "py")
    assert not {"tokio", "rand", "pyo3"} & set(dependencies) or crate != "core"


@pytest.mark.parametrize(
    "text", ["use pyo3::prelude::*;", "let now = std::time::SystemTime::now();", "tokio::spawn(f)", "use rand::Rng;"]
)
def test_impurity_is_found(text: str) -> None:
    assert mentions({"core/src/x.rs": text}, *IMPURE)


def test_comment_is_no_impurity() -> None:
    text = strip_comments('//! no tokio here\nlet url = "a//b"; // nor pyo3\nlet x = 1 / 2; // tokio')
    assert mentions({"core/src/x.rs": text}, *IMPURE) == []
    assert '"a//b"' in text


def classes(sources: Mapping[str, str]) -> list[tuple[str, str]]:
    """(file, arguments) of every `#[pyclass]`."""
    pattern = re.compile(r"#\[(?:pyo3::)?pyclass(?:\(([^\]]*)\))?\]")
    return [(path, match[1] or "") for path, text in sources.items() for match in pattern.finditer(text)]


def thawed(sources: Mapping[str, str]) -> list[str]:
    return [path for path, arguments in classes(sources) if not re.search(r"\bfrozen\b", arguments)]


def test_every_class_is_frozen() -> None:
    sources = rust_sources("py")
    assert len(classes(sources)) >= 5
    assert thawed(sources) == []


@pytest.mark.parametrize("text", ["#[pyclass]\nstruct A;", '#[pyclass(name = "A")]\nstruct A;'])
def test_thawed_class_is_found(text: str) -> None:
    assert thawed({"py/src/a.rs": text}) == ["py/src/a.rs"]


def exchanges(sources: Mapping[str, str]) -> list[str]:
    """Files that send something on a session; a driver's own method of that name is `self.exchange`."""
    return [path for path, text in sources.items() if re.search(r"(?<!\bself)\s*\.exchange\(", text)]


def test_only_the_funnel_sends_sql() -> None:
    found = exchanges(rust_sources())
    assert "db/src/execute.rs" in found
    assert set(found) <= FUNNELS


@pytest.mark.parametrize(
    "text", ["session.exchange(limits)", "held.session()?.exchange(x)", "session\n    .exchange(x)"]
)
def test_other_sender_is_found(text: str) -> None:
    assert exchanges({"db/src/read.rs": text}) == ["db/src/read.rs"]


def arguments_of(text: str, start: int) -> list[str]:
    """The arguments of a call whose opening bracket stands before `start`, split at their commas."""
    parts, depth, at = [""], 0, start
    while depth >= 0:
        if text[at] == '"':
            literal = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL).match(text, at)
            assert literal, text[at : at + 40]
            parts[-1] += literal[0]
            at = literal.end()
            continue
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if text[at] == "," and depth == 0:
            parts.append("")
        elif depth >= 0:
            parts[-1] += text[at]
        at += 1
    return [part.strip() for part in parts if part.strip()]


def unscoped_calls(sources: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """(file, arguments) of every way round the tenant."""
    return [
        (path, arguments_of(text, match.end()))
        for path, text in sources.items()
        for match in re.finditer(r"\bunscoped\(", text)
        if not text[: match.start()].endswith("fn ")
    ]


def without_reason(sources: Mapping[str, str]) -> list[str]:
    reason = re.compile(r'"[^"]*\w{3,}[^"]*"')
    return [
        f"{path}: {arguments}"
        for path, arguments in unscoped_calls(sources)
        if len(arguments) != 2 or not reason.fullmatch(arguments[1])
    ]


def test_every_unscoped_statement_says_why() -> None:
    sources = rust_sources()
    assert len(unscoped_calls(sources)) > 10
    assert without_reason(sources) == []


@pytest.mark.parametrize("arguments", ['sql, ""', '"SELECT f(1, 2)", " "', "sql, reason", 'format!("{a}, {b}"), ""'])
def test_unscoped_statement_without_reason_is_found(arguments: str) -> None:
    assert without_reason({"db/src/x.rs": f"Statement::unscoped({arguments})"})
