"""Every public name, signature, option, result key and error code, in one golden file.

`UPDATE_GOLDEN=1 pytest tests/unit/test_public_api.py` writes it anew; a difference needs a line in the CHANGELOG.
"""

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dataflow
from dataflow import BulkResult, _core, errors
from dataflow.config import Options
from dataflow.query.bulk import BulkCreateOptions

# Made by us only: how is our business.
NOT_CALLED = ("Rows", "Table", "Transaction")
GOLDEN = Path(__file__).with_name("public_api.txt")


def describe() -> str:
    parts = [
        *(line for name in dataflow.__all__ for line in describe_name(f"dataflow.{name}", getattr(dataflow, name))),
        *(f"DataFlow option {name}" for name in sorted(Options.__annotations__)),
        *(f"bulk_create option {name}" for name in sorted(BulkCreateOptions.__annotations__)),
        *(f"BulkResult key {name}" for name in BulkResult()),
        *(f"event {kind}" for kind in _core.EVENT_KINDS),
        *describe_errors(),
    ]
    return "\n".join(parts) + "\n"


def describe_name(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, type):
        yield f"{name}{inspect.signature(value) if inspect.isfunction(value) else ''}"
        return
    yield name if value.__name__ in NOT_CALLED else f"{name}{inspect.signature(value)}"
    if issubclass(value, Exception):
        return
    for member, raw in sorted(vars(value).items()):
        if member.startswith("_") and member not in ("__enter__", "__aenter__", "__arrow_c_stream__"):
            continue
        if isinstance(raw, property):
            yield f"{name}.{member}: {inspect.signature(raw.fget).return_annotation}"
        elif inspect.isfunction(raw):
            yield f"{name}.{member}{inspect.signature(raw)}"


def describe_errors() -> Iterator[str]:
    for name in errors.__all__:
        value = getattr(errors, name)
        if isinstance(value, type):
            retryable = ", retryable" if value.retryable else ""
            yield f"dataflow.errors.{name}({value.__base__.__name__}) {value.code}{retryable}".rstrip()
        else:
            yield f"dataflow.errors.{name}{inspect.signature(value)}"


def test_the_public_names_are_those_of_the_golden_file():
    found = describe()
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found.count("\n") > 120
    assert found == GOLDEN.read_text(encoding="utf-8")


def test_exports_are_sorted_and_exist():
    for module in (dataflow, errors):
        names = module.__all__
        # Constants, classes, functions: the order of ruff.
        assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
        assert all(hasattr(module, name) for name in names)
