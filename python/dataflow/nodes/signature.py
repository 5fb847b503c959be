"""What a node takes and gives, read from the signature of its `run`."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from numbers import Complex, Integral, Real
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from dataflow.errors import InvalidNodeError

__all__ = ["REQUIRED", "Parameter", "Signature", "certainly_differs", "classes_of", "read_signature"]

REQUIRED: Final = inspect.Parameter.empty


class Parameter(NamedTuple):
    """One input of a node. `hint` is `Any` where none is written; `default` is `REQUIRED` where there is none."""

    hint: Any = Any
    default: Any = REQUIRED


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a node.

    Attributes:
        parameters: By name.
        open: Whether other names are taken too (`**inputs`).
        outputs: The declared outputs with their hints; None where any may come.
        promised: The outputs that must be there, where a TypedDict declares them.
        returns: The class that a function declares to return instead of a dict of outputs; None where it does not.
    """

    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    open: bool = False
    outputs: Mapping[str, Any] | None = None
    promised: frozenset[str] = frozenset()
    returns: type[Any] | None = None

    def missing(self, given: Collection[str]) -> list[str]:
        """The parameters without a default that are not in `given`."""
        return [name for name, one in self.parameters.items() if one.default is REQUIRED and name not in given]


def read_signature(function: Callable[..., Any], name: str) -> Signature:
    """The signature of a `run` method (without `self`) or of a function.

    Raises:
        InvalidNodeError: It cannot be called by name.
    """
    hints = _read_hints(function)
    parameters, takes_all = {}, False
    for one in _read_parameters(function, name):
        if one.kind is one.VAR_KEYWORD:
            takes_all = True
        elif one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL):
            message = f"`{name}` takes `{one}` by position"
            raise InvalidNodeError(message, path=name, hint="inputs of a node are given by name")
        else:
            parameters[one.name] = Parameter(hints.get(one.name, Any), one.default)
    returned = hints.get("return", Any)
    promised = returned.__required_keys__ if typing.is_typeddict(returned) else frozenset()
    return Signature(parameters, takes_all, _read_outputs(returned), promised, _read_returned(returned))


def _read_parameters(function: Callable[..., Any], name: str) -> Collection[inspect.Parameter]:
    try:
        return inspect.signature(function).parameters.values()
    except ValueError as error:
        hint = "write a function around it: its parameters are those of the node"
        raise InvalidNodeError(f"`{name}` has no signature that can be read", path=name, hint=hint) from error


def _read_hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except Exception:
        # A name that exists for type checkers only: nothing is certain then.
        return {}


def _read_outputs(returned: Any) -> Mapping[str, Any] | None:
    """A TypedDict declares its keys; None, that there are none."""
    if returned is type(None):
        return {}
    return get_type_hints(returned) if typing.is_typeddict(returned) else None


def _read_returned(returned: Any) -> type[Any] | None:
    found = classes_of(returned)
    if found is None or len(found) != 1 or typing.is_typeddict(returned):
        return None
    (cls,) = found
    return None if issubclass(cls, Mapping) or cls is type(None) else cls


def classes_of(hint: Any) -> set[type[Any]] | None:
    """The classes a value of this hint can have; None where that is not certain."""
    if hint is None:
        return {type(None)}
    if typing.is_typeddict(hint):
        return {dict}
    origin = get_origin(hint)
    if origin is Annotated:
        return classes_of(get_args(hint)[0])
    if origin is Literal:
        return {type(value) for value in get_args(hint)}
    if origin in (Union, types.UnionType):
        parts = [classes_of(part) for part in get_args(hint)]
        return None if any(part is None for part in parts) else set().union(*(part for part in parts if part))
    cls = hint if origin is None else origin
    if not isinstance(cls, type) or cls in (object, Any) or _is_met_by_others(cls):
        return None
    return {cls}


def _is_met_by_others(cls: type[Any]) -> bool:
    """A Protocol, an abstract class, and those of `typing` (`TextIO`) are met by classes that do not derive from it."""
    return inspect.isabstract(cls) or getattr(cls, "_is_protocol", False) or cls.__module__ in _TYPING


def certainly_differs(given: set[type[Any]] | None, taken: set[type[Any]] | None) -> bool:
    """Whether no value of one kind can be one of the other: what a checker of types would refuse, and nothing more."""
    if not given or not taken:
        return False
    return not any(_may_be(one, other) for one in given for other in taken)


_TYPING = ("typing", "typing_extensions")
# PEP 484: an int is taken where a float or complex is. The scalars of numpy and pandas are numbers too.
_ALSO: Mapping[type[Any], tuple[type[Any], ...]] = {
    int: (Integral,),
    float: (Real,),
    complex: (Complex,),
    bytes: (bytearray, memoryview),
}


def _may_be(given: type[Any], taken: type[Any]) -> bool:
    return issubclass(given, (taken, *_ALSO.get(taken, ()))) or issubclass(taken, given)
