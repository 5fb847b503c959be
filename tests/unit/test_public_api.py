"""Every public name, signature, option, node parameter, result key and error code, in one golden file.

`UPDATE_GOLDEN=1 pytest tests/unit/test_public_api.py` writes it anew; a difference needs a line in the CHANGELOG.
"""

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import dataflow
from dataflow import BulkResult, DataFlow, MergeNode, Node, NodeRegistry, SwitchNode, _core, errors
from dataflow.config import Options
from dataflow.nodes.generated import OPERATIONS
from dataflow.nodes.signature import REQUIRED, Parameter
from dataflow.query.bulk import BulkCreateOptions
from dataflow.workflow.event import EventKind
from dataflow.workflow.result import State

# Made by us only: how is our business.
NOT_CALLED = ("AsyncRowStream", "RowStream", "Rows", "Table", "Transaction")
GOLDEN = Path(__file__).with_name("public_api.txt")


def describe() -> str:
    parts = [
        *(line for name in dataflow.__all__ for line in describe_name(f"dataflow.{name}", getattr(dataflow, name))),
        *(f"DataFlow option {name}" for name in sorted(Options.__annotations__)),
        *(f"bulk_create option {name}" for name in sorted(BulkCreateOptions.__annotations__)),
        *(f"BulkResult key {name}" for name in BulkResult()),
        *describe_nodes(),
        *(f"event {kind}" for kind in _core.EVENT_KINDS),
        *(f"run event {kind}" for kind in get_args(EventKind)),
        *(f"timing state {state}" for state in get_args(State)),
        *describe_errors(),
    ]
    return "\n".join(parts) + "\n"


def describe_name(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, type):
        yield f"{name}{inspect.signature(value) if inspect.isfunction(value) else ''}"
        return
    yield name if value.__name__ in NOT_CALLED else f"{name}{write_signature(value)}"
    if issubclass(value, Exception):
        return
    for member, raw in sorted(vars(value).items()):
        if member.startswith("_") and member not in ("__enter__", "__aenter__", "__arrow_c_stream__"):
            continue
        if isinstance(raw, property):
            yield f"{name}.{member}: {inspect.signature(raw.fget).return_annotation}"
        elif inspect.isfunction(raw):
            yield f"{name}.{member}{inspect.signature(raw)}"


def write_signature(function: Any) -> str:
    """Hints as they are written, on every version of Python."""
    return re.sub(r"ForwardRef\(('[^']*')\)", r"\1", str(inspect.signature(function)))


def describe_nodes() -> Iterator[str]:
    db = DataFlow("sqlite:///:memory:")
    db.model(type("Thing", (), {"__annotations__": {"id": int, "name": str, "rank": int | None}, "rank": None}))
    for operation in OPERATIONS:
        kind = NodeRegistry.get(f"Thing{operation}Node", db)
        assert isinstance(kind, type)
        yield from describe_node(operation, kind())
    yield from describe_node("Merge", MergeNode())
    switch = SwitchNode()
    yield from describe_node("Switch", switch)
    for given in ({"value": 1}, {"cases": {"<name>": 1}}):
        yield from (f"node Switch output {name}" for name in switch.possible_outputs(given, ()) or ())


def describe_node(name: str, node: Node) -> Iterator[str]:
    signature = node.signature()
    yield from (f"node {name} parameter {write_parameter(*one)}" for one in signature.parameters.items())
    if signature.open:
        yield f"node {name} parameter **"
    yield from (f"node {name} output {output}" for output in signature.outputs or ())


def write_parameter(name: str, parameter: Parameter) -> str:
    if parameter.default is REQUIRED:
        return name
    plain = parameter.default is None or isinstance(parameter.default, bool | int | str)
    return f"{name} = {parameter.default!r}" if plain else f"{name} = ..."


def describe_errors() -> Iterator[str]:
    for name in errors.__all__:
        value = getattr(errors, name)
        if not isinstance(value, type):
            yield f"dataflow.errors.{name}{inspect.signature(value)}"
        elif issubclass(value, errors.DataFlowError):
            retryable = ", retryable" if value.retryable else ""
            yield f"dataflow.errors.{name}({value.__base__.__name__}) {value.code}{retryable}".rstrip()
        else:
            yield f"dataflow.errors.{name}({value.__base__.__name__})"


def test_the_public_names_are_those_of_the_golden_file():
    found = describe()
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found.count("\n") > 350
    # An address is another one in every process.
    assert " at 0x" not in found
    assert found == GOLDEN.read_text(encoding="utf-8")


def test_exports_are_sorted_and_exist():
    for module in (dataflow, errors):
        names = module.__all__
        # Constants, classes, functions: the order of ruff.
        assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
        assert all(hasattr(module, name) for name in names)
