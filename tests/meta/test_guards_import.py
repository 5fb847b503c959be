"""`import dataflow` is cheap and brings no large library with it; nothing needs one to work."""

import json
import statistics
import subprocess
import sys
import time

HEAVY = ("numpy", "pandas", "polars", "pyarrow", "pydantic", "sqlalchemy")
LIMIT_S = 0.15
IGNORED = ["-W", "ignore:dataflow._core is a debug build"]
USE = """
from decimal import Decimal
from dataflow import DataFlow, auto
db = DataFlow("sqlite:///:memory:")

@db.model
class Item:
    id: int = auto()
    name: str
    price: Decimal | None = None
"""
REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)))"
WHOLE_PROGRAM = """
items = db.table(Item)
items.create(name="Tea", price=Decimal("4.20"))
assert items.bulk_create([{"name": "Milk"}, {"name": "Jam"}])["inserted"] == 2
assert [item.name for item in items.list({"name": {"$ne": "Jam"}}, order_by="-name")] == ["Tea", "Milk"]
assert items.list().records()[0]["price"] == Decimal("4.20")
with db.transaction():
    assert items.count() == 3
db.close()
print("worked")
"""


def run(source: str) -> str:
    command = [sys.executable, *IGNORED, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def heavy(modules: list[str]) -> list[str]:
    return [name for name in HEAVY if name in modules]


def seconds(source: str) -> float:
    started = time.perf_counter()
    run(source)
    return time.perf_counter() - started


def cost(source: str) -> float:
    """The median of ten runs over that of bare Python, one after the other so that both meet the same load."""
    pairs = [(seconds(source), seconds("pass")) for _ in range(10)]
    return statistics.median(loaded for loaded, _ in pairs) - statistics.median(bare for _, bare in pairs)


def test_import_is_cheap() -> None:
    run("import dataflow")  # writes the byte code
    assert min(cost("import dataflow") for _ in range(2)) < LIMIT_S


def test_cost_sees_an_expensive_import() -> None:
    assert cost("import time; time.sleep(0.2)") > LIMIT_S


def test_import_brings_no_large_library() -> None:
    modules = json.loads(run(f"import dataflow; {REPORT}"))
    assert "dataflow._core" in modules
    assert heavy(modules) == []


def test_model_brings_no_large_library() -> None:
    modules = json.loads(run(USE + REPORT))
    assert "dataflow.model.declare" in modules
    assert heavy(modules) == []


def test_large_library_is_found() -> None:
    assert heavy(json.loads(run(f"import dataflow, numpy; {REPORT}"))) == ["numpy"]


def test_program_works_without_any_large_library() -> None:
    blocked = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
    assert run(blocked + USE + WHOLE_PROGRAM) == "worked\n"
