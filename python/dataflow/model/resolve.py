"""The annotations of a class and its parents, with the names in them looked up."""

import sys
from collections.abc import Mapping
from inspect import get_annotations
from typing import Any, get_type_hints

from dataflow.errors import InvalidModelError

__all__ = ["resolve_hints"]


def resolve_hints(cls: type[Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Every annotation by name, parents first, markers kept.

    Args:
        cls: Any class.
        names: Names of the place where it is declared, for hints that are written as strings.

    Raises:
        InvalidModelError: A hint names something that is not defined, or is no type.
    """
    hints: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        try:
            own = get_annotations(owner)
        except NameError as error:  # annotations are evaluated late from Python 3.14 on
            raise _undefined(cls.__name__, error) from None
        # Classes written inside the class can be named; its methods are no types.
        inside = {name: value for name, value in vars(owner).items() if isinstance(value, type)}
        # What is local to the declaration says nothing about a parent from another module.
        local = names if owner.__module__ == cls.__module__ else {}
        # While it is decorated a class has no name yet, and it may refer to itself.
        near = {**local, owner.__name__: owner, **inside}
        for name, hint in own.items():
            hints[name] = _resolve(hint, owner, near, f"{cls.__name__}.{name}")
    return hints


def _resolve(hint: Any, owner: type[Any], near: Mapping[str, Any], path: str) -> Any:
    # One hint at a time, so that an error has its field.
    holder = type(owner.__name__, (), {"__annotations__": {"hint": hint}})
    module = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    try:
        return get_type_hints(holder, globalns=module, localns=dict(near), include_extras=True)["hint"]
    except NameError as error:
        raise _undefined(path, error) from None
    except (SyntaxError, TypeError):
        raise InvalidModelError(f"{path}: its hint is no type", path=path) from None


def _undefined(path: str, error: NameError) -> InvalidModelError:
    message = f"{path}: a hint names `{error.name}`, which is not defined"
    return InvalidModelError(message, path=path, hint="define it in the module, or above the model in the function")
