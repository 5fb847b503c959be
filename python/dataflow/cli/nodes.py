"""`dataflow nodes`: every kind of node with its parameters; with a module, those of its models too."""

from __future__ import annotations

import inspect
import json
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table as Grid

from dataflow import NodeRegistry
from dataflow.cli.failure import fail
from dataflow.cli.module import import_user_module
from dataflow.errors import DataFlowError
from dataflow.nodes.node import Node
from dataflow.nodes.signature import REQUIRED, Parameter

__all__ = ["show_nodes"]


class _Kind(NamedTuple):
    name: str
    description: str
    parameters: dict[str, Parameter]
    # Whether any other name is taken too.
    open: bool


def show_nodes(
    module: Annotated[
        str | None, typer.Argument(help="A module or file with models, e.g. shop.models or shop.py.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list and nothing else.")] = False,
) -> None:
    """List every kind of node with its parameters."""
    try:
        if module is not None:
            import_user_module(module)
        kinds = [_describe(name) for name in NodeRegistry.list()]
    except DataFlowError as error:
        fail(error, 2)
    if as_json:
        print(json.dumps([_as_json(kind) for kind in kinds], indent=2))
    else:
        _print(kinds)


def _describe(name: str) -> _Kind:
    found = NodeRegistry.get(name)
    kind: Node = found() if isinstance(found, type) else found
    signature = kind.signature()
    description = (inspect.getdoc(kind) or "").partition("\n")[0]
    return _Kind(name, description, dict(signature.parameters), signature.open)


def _print(kinds: list[_Kind]) -> None:
    grid = Grid("node", "parameters", show_lines=True)
    for kind in kinds:
        names = [_write(*one) for one in kind.parameters.items()] + ["…"] * kind.open
        grid.add_row(kind.name, ", ".join(names))
    Console().print(grid)


def _write(name: str, parameter: Parameter) -> str:
    """`data`, `limit=100`, or `key?` where the default is no plain value."""
    if parameter.default is REQUIRED:
        return name
    return f"{name}={parameter.default!r}" if _is_plain(parameter.default) else f"{name}?"


def _as_json(kind: _Kind) -> dict[str, object]:
    parameters = [_parameter_as_json(*one) for one in kind.parameters.items()]
    return {"node": kind.name, "description": kind.description, "parameters": parameters, "takes_others": kind.open}


def _parameter_as_json(name: str, parameter: Parameter) -> dict[str, object]:
    found: dict[str, object] = {"name": name, "type": inspect.formatannotation(parameter.hint)}
    found["required"] = parameter.default is REQUIRED
    if _is_plain(parameter.default):
        found["default"] = parameter.default
    return found


def _is_plain(default: Any) -> bool:
    return default is None or isinstance(default, bool | int | float | str)
