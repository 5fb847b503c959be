"""`NodeRegistry`: every kind of node by its name."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any, TypeVar

from dataflow import _core, _later
from dataflow._spelling import not_built, suggest
from dataflow.errors import AmbiguousNodeError, InvalidNodeError, UnknownNodeError
from dataflow.nodes.generated import OPERATIONS
from dataflow.nodes.merge import MergeNode
from dataflow.nodes.node import FunctionNode, Node
from dataflow.nodes.source import Source, open_sources
from dataflow.nodes.switch import SwitchNode

__all__ = ["Kind", "NodeRegistry"]

# A class, or one object that is used for every run.
Kind = type[Node] | Node
_K = TypeVar("_K", bound=Kind)

_SHIPPED: dict[str, Kind] = {"MergeNode": MergeNode, "SwitchNode": SwitchNode}


class NodeRegistry:
    """The kinds of nodes of this process: those shipped, those registered, and twelve of every model that is open.

    Thread-safe.
    """

    _registered: dict[str, Kind] = {}  # noqa: RUF012
    _lock = Lock()

    @classmethod
    def register(cls, kind: _K, name: str | None = None) -> _K:
        """Takes a node class, or what `@node` made, under its own name or another; also as a decorator.

        The same class again, as a notebook's cell defines it anew, takes the place of the one before.

        Raises:
            InvalidNodeError: It is no node, or another kind has the name.
        """
        own = check_kind(kind)
        called = own if name is None else name
        if not isinstance(called, str) or not called:
            raise InvalidNodeError("the name of a kind of node is a text that is not empty", path="name")
        with cls._lock:
            known = _SHIPPED.get(called) or cls._registered.get(called)
            if called in _later.NODES or (known is not None and _origin(known) != _origin(kind)):
                message = f"there is another kind of node called `{called}`"
                raise InvalidNodeError(
                    message, path=called, hint="register it under another name: register(kind, name)"
                )
            cls._registered[called] = kind
        return kind

    @classmethod
    def unregister(cls, name: str) -> None:
        """Takes a registered kind out.

        Raises:
            UnknownNodeError: None is registered under this name.
        """
        with cls._lock:
            if cls._registered.pop(name, None) is None:
                raise UnknownNodeError(f"no node `{name}` is registered", path=name)

    @classmethod
    def get(cls, name: str, source: Source | None = None) -> Kind:
        """The kind of node called `name`; with `source`, one of a model of this `DataFlow`.

        Raises:
            UnknownNodeError: There is none.
            AmbiguousNodeError: Two open `DataFlow` have its model.
            NotBuiltError: It is planned and not built.
        """
        if not isinstance(name, str):
            raise InvalidNodeError(f"the name of a kind of node is a text, got {type(name).__name__}", path="name")
        known = _SHIPPED.get(name) or cls._registered.get(name)
        sources = open_sources() if source is None else [source]
        generated = _find_generated(name, sources)
        if known is not None and generated is not None:
            hint = "unregister it, or register it under another name"
            raise AmbiguousNodeError(f"`{name}` is registered, and is a node of a model too", path=name, hint=hint)
        found = known or generated
        if found is not None:
            return found
        if name in _later.NODES or _find_model(name, _later.OPERATIONS, sources):
            raise not_built(f"`{name}`", path=name)
        raise UnknownNodeError(f"there is no node `{name}`", path=name, hint=_hint(name, cls._names(sources)))

    @classmethod
    def list(cls) -> list[str]:
        """The names of all kinds, sorted."""
        return sorted(cls._names(open_sources()))

    @classmethod
    def _names(cls, sources: Iterable[Source]) -> set[str]:
        with cls._lock:
            names = {*_SHIPPED, *cls._registered}
        for source in sources:
            names.update(f"{model}{operation}Node" for model in source.models for operation in OPERATIONS)
        return names


def check_kind(kind: object) -> str:
    """The name of a kind of node.

    Raises:
        InvalidNodeError: It is none.
    """
    if isinstance(kind, Node):
        return kind.kind
    if isinstance(kind, type) and issubclass(kind, Node):
        return kind.__name__
    what = f"the class {kind.__name__}" if isinstance(kind, type) else type(kind).__name__
    hint = "derive the class from `Node`, or write `@node` above the function"
    raise InvalidNodeError(f"a node is a subclass of Node, or what @node made; got {what}", hint=hint)


def _origin(kind: Any) -> tuple[str, str]:
    """Where it was written: a cell that runs again makes another class of the same origin."""
    written = kind.function if isinstance(kind, FunctionNode) else kind
    made = written if hasattr(written, "__qualname__") else type(written)
    return made.__module__, made.__qualname__


def _find_generated(name: str, sources: Iterable[Source]) -> type[Node] | None:
    found = [(source, *split) for source in sources for split in [_split(name, OPERATIONS, source)] if split]
    if len(found) > 1:
        message = f"two open DataFlow have the model of `{name}`"
        raise AmbiguousNodeError(message, path=name, hint="WorkflowBuilder(db) decides; or close the other one")
    if not found:
        return None
    source, model, operation = found[0]
    return type(
        name, (OPERATIONS[operation],), {"database": source, "model_name": model, "__module__": "dataflow.nodes"}
    )


def _find_model(name: str, operations: Iterable[str], sources: Iterable[Source]) -> bool:
    return any(_split(name, operations, source) for source in sources)


def _split(name: str, operations: Iterable[str], source: Source) -> tuple[str, str] | None:
    """Model and operation. `OrderBulkCreateNode` is of the model Order, or of OrderBulk where there is only that."""
    splits = (
        (name.removesuffix(f"{operation}Node"), operation)
        for operation in sorted(operations, key=len, reverse=True)
        if name.endswith(f"{operation}Node")
    )
    models = set(source.models)
    return next((split for split in splits if split[0] in models), None)


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if any(one not in _SHIPPED for one in names) or _core.did_you_mean(name, names):
        return suggest(name, names)
    return "no DataFlow with models is open: declare them with `@db.model` before `build()`"
