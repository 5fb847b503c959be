"""`Node` and `@node`: a step of a workflow that anybody can write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import update_wrapper
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, TypeVar, overload

from dataflow.errors import InvalidNodeError
from dataflow.nodes.signature import Signature, read_signature

if TYPE_CHECKING:
    from dataflow.nodes.source import Source

__all__ = ["FunctionNode", "Node", "node"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Node:
    """One step of a workflow: a class with a method `run` that takes its inputs by name and returns its outputs.

        class Clean(Node):
            def run(self, planes: pyarrow.Table, first_year: int = 1900) -> dict[str, Any]:
                return {"planes": ...}

    The parameters are those of `run`; with `**inputs` any are taken. `async def run` runs on the event loop, `def run`
    in a thread. A node that has `arun` besides `run` is awaited by the asynchronous runtime. A class is made anew for
    every run, without arguments; an object given to `add_node` is used as it is.

    Attributes:
        has_branches: Whether outputs that are not returned are branches not taken.
        trusts_outputs: Whether its outputs are as declared without a look at them.
        database: The `DataFlow` it works on; None for nodes that have none of their own.
        model_name: The name of the model it works on.
        writes_rows: Whether it changes rows of the model.
    """

    has_branches: ClassVar[bool] = False
    trusts_outputs: ClassVar[bool] = False
    writes_rows: ClassVar[bool] = False
    database: Source | None = None
    model_name: str | None = None

    if TYPE_CHECKING:
        run: Callable[..., Any]

    @property
    def kind(self) -> str:
        """The name of this kind of node."""
        return type(self).__name__

    def signature(self) -> Signature:
        """What it takes and gives.

        Raises:
            InvalidNodeError: It has no `run`, or one that takes inputs by position.
        """
        if "run" in vars(self):
            return self._read_signature()
        known = vars(type(self)).get("_signature")
        if known is None:
            known = self._read_signature()
            type(self)._signature = known  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return known

    def _read_signature(self) -> Signature:
        if not callable(getattr(self, "run", None)):
            hint = "write `def run(self, ...)` or `async def run(self, ...)`"
            raise InvalidNodeError(f"{self.kind} has no method `run`", path=self.kind, hint=hint)
        signature = read_signature(self.run, self.kind)
        if signature.returns is not None:
            message = f"`run` of {self.kind} declares to return {signature.returns.__name__}, not a dict of its outputs"
            raise InvalidNodeError(message, path=self.kind, hint='return {"result": value}')
        return signature

    def check_parameters(self, given: Mapping[str, Any], connected: Collection[str]) -> None:
        """Called before a run with what is given and the names of what is connected; raises what is certain to fail."""

    def missing_parameters(self, given: Collection[str]) -> list[str]:
        """The parameters that are needed and not in `given`."""
        return self.signature().missing(given)

    def possible_outputs(self, given: Mapping[str, Any], connected: Collection[str]) -> Collection[str] | None:
        """The outputs it can have with what is given and connected; None where that is not known before it runs."""
        return self.signature().outputs

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        """How many rows it wrote or read, for reports; None where that has no meaning."""
        return None

    def entry_point(self, *, asynchronous: bool) -> tuple[Callable[..., Any], bool]:
        """The method a runtime calls, and whether it is awaited: the one that is written last, in the lowest class."""
        twin = getattr(self, "arun", None)
        if twin is None:
            return self.run, iscoroutinefunction(self.run)
        owner = next(one for one in type(self).__mro__ if "run" in vars(one) or "arun" in vars(one))
        # Whoever overrides one means both; where one class has both, the runtime chooses.
        if "arun" in vars(owner) and (asynchronous or "run" not in vars(owner)):
            return twin, True
        return self.run, iscoroutinefunction(self.run)


class FunctionNode(Node, Generic[_P, _R]):
    """A function as a node; it can still be called as before.

    What it returns is a dict of outputs; anything else is the one output `result`.
    """

    def __init__(self, function: Callable[_P, _R], name: str | None = None) -> None:
        _check_function(function, name)
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        update_wrapper(self, function, updated=())
        self.run = function
        self._awaited = iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__)
        self._own = _with_result(read_signature(function, self.name))

    @property
    def kind(self) -> str:
        return self.name

    def signature(self) -> Signature:
        return self._own

    def entry_point(self, *, asynchronous: bool) -> tuple[Callable[..., Any], bool]:
        return self.function, self._awaited

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return self.function(*args, **kwargs)

    def __reduce__(self) -> str:
        """Found by its name, as the function would be: processes of a pool can be given it."""
        return str(getattr(self.function, "__qualname__", self.name))

    def __repr__(self) -> str:
        return f"<node {self.name}>"


def _check_function(function: object, name: object) -> None:
    if isinstance(function, Node) or (isinstance(function, type) and issubclass(function, Node)):
        raise InvalidNodeError("this is a node already", hint="take `@node` away: it makes nodes of functions")
    if not callable(function):
        raise InvalidNodeError(f"a node is made of a function, got {type(function).__name__}")
    if name is not None and (not isinstance(name, str) or not name):
        raise InvalidNodeError("the name of a node is a text that is not empty", path="name")


def _with_result(signature: Signature) -> Signature:
    """A function that declares to return something else than a dict has the one output `result`."""
    return replace(signature, outputs={"result": signature.returns}) if signature.returns else signature


@overload
def node(function: Callable[_P, _R], /, *, name: str | None = None) -> FunctionNode[_P, _R]: ...
@overload
def node(*, name: str) -> Callable[[Callable[_P, _R]], FunctionNode[_P, _R]]: ...
def node(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Makes a node of a function: `@node`.

        @node
        def clean(planes, first_year: int = 1900):
            return {"planes": ...}

        workflow.add_node(clean, "clean", {"first_year": 1950})

    The parameters are those of the function, the outputs the keys of the dict it returns; any other value is the output
    `result`. `async def` is awaited.

    Args:
        function: The function.
        name: What the node is called in messages and pictures; default the name of the function.

    Raises:
        InvalidNodeError: The function takes inputs by position.
    """
    if function is not None:
        return FunctionNode(function, name)
    return lambda given: FunctionNode(given, name)
