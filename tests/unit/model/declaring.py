"""Short ways to declare a model and to see what the core is told of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from dataflow.errors import DataFlowError
from dataflow.model.declare import declare as declare_with
from dataflow.model.description import Description


def model(hints: Mapping[str, Any], name: str = "Product", /, **body: Any) -> type[Any]:
    """A class as if it were written out."""
    return type(name, (), {"__annotations__": dict(hints), **body})


def declare(cls: type[Any]) -> Description:
    return declare_with(cls, {})


def described(cls: type[Any]) -> dict[str, Any]:
    """What `_core.Engine.table` gets."""
    return declare(cls).core(multi_tenant=False)


def columns(cls: type[Any]) -> dict[str, dict[str, Any]]:
    """The columns by name."""
    return {column["name"]: column for column in described(cls)["columns"]}


def column(hint: Any) -> dict[str, Any]:
    """The column of a field `f` of this type."""
    return columns(model({"f": hint}))["f"]


def refused(cls: type[Any], kind: type[DataFlowError], path: str, hint: str | None = "") -> str:
    """Declares a class that must be refused at `path` with a hint that contains `hint`; gives the message."""
    with pytest.raises(kind) as caught:
        declare(cls)
    assert caught.value.path == path
    assert hint is None or hint in (caught.value.hint or "")
    return caught.value.message
