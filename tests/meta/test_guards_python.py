"""Python imports run one way, and nobody opens an SQLite file beside us."""

import ast

import pytest

from tests.meta.source import python_sources

# A module may import from layers with a smaller number. Leaves (errors and spelling) are for all.
LAYERS = {
    "_core": 0,
    "_error": 1,
    "errors": 2,
    "_spelling": 3,
    "_later": 3,
    "_notebook": 3,
    "_option": 4,
    "config": 5,
    "model": 6,
    "query": 7,
    "nodes": 8,
    "workflow": 9,
    "migrations": 9,
    "engine": 10,
    "": 11,
    "gateway": 12,
    "studio": 12,
    "testing": 12,
    "cli": 13,
}
SQLITE_LIBRARIES = {"sqlite3", "_sqlite3", "aiosqlite", "apsw", "duckdb", "pysqlite3", "sqlcipher3"}


def layer_of(module: str) -> str:
    """`dataflow.model.hints` is of the layer `model`, the package itself of the layer ``."""
    return module.removeprefix("dataflow").lstrip(".").partition(".")[0]


def imported_modules(source: str) -> set[str]:
    """Every name of a module that a source imports, also inside functions; the dots of a relative one stay."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # `from dataflow import _core` imports a module, `from dataflow.errors import X` a name.
            found |= {f"{base}.{alias.name}" for alias in node.names} if base == "dataflow" else {base}
    return found


def edges(sources: dict[str, str]) -> list[tuple[str, str]]:
    """(module, layer it imports from), inside the package."""
    found = []
    for module, source in sources.items():
        for name in imported_modules(source):
            if name == "dataflow" or name.startswith("dataflow."):
                layer = layer_of(name)
                found.append((module, layer if layer in LAYERS else ""))  # dataflow.DataFlow is of the package itself
    return found


def upward(found: list[tuple[str, str]]) -> list[str]:
    return [
        f"{module} imports from {target or 'dataflow'}"
        for module, target in found
        if layer_of(module) != target and LAYERS[layer_of(module)] <= LAYERS[target]
    ]


def test_imports_run_one_way() -> None:
    found = edges(python_sources())
    assert len(found) > 20
    assert upward(found) == []


def test_imports_are_absolute() -> None:
    found = [name for source in python_sources().values() for name in imported_modules(source)]
    assert len(found) > 100
    assert [name for name in found if name.startswith(".")] == []


def test_relative_import_is_seen() -> None:
    assert imported_modules("from ..engine import DataFlow") == {"..engine"}


def test_every_module_has_a_layer() -> None:
    layers = {layer_of(module) for module in python_sources()}
    assert len(layers) > 5
    assert layers <= set(LAYERS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("dataflow.model.hints", "from dataflow.query.table import Table"),
        ("dataflow.errors", "import dataflow.engine"),
        ("dataflow.query.table", "def f():\n    from dataflow import DataFlow"),
        ("dataflow.query.table", "from dataflow import engine"),
    ],
)
def test_upward_import_is_found(module: str, source: str) -> None:
    assert len(upward(edges({module: source}))) == 1


def test_downward_import_is_allowed() -> None:
    sources = {"dataflow.query.table": "from dataflow import _core\nfrom dataflow.model.markers import UNSET"}
    assert len(edges(sources)) == 2
    assert upward(edges(sources)) == []


def foreign_sqlite(sources: dict[str, str]) -> list[str]:
    """Modules that import another SQLite library than ours."""
    return [
        f"{module} imports {name}"
        for module, source in sources.items()
        for name in imported_modules(source)
        if name.partition(".")[0] in SQLITE_LIBRARIES
    ]


def test_no_module_imports_another_sqlite() -> None:
    sources = python_sources()
    assert len(sources) > 20
    assert foreign_sqlite(sources) == []


@pytest.mark.parametrize("source", ["import sqlite3", "from sqlite3 import connect", "def f():\n    import apsw"])
def test_another_sqlite_is_found(source: str) -> None:
    assert foreign_sqlite({"dataflow.cli.demo": source})
