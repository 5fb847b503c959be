"""`register_type`: a class of the user stored as a known type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dataflow import _core
from dataflow.errors import InvalidModelError, InvalidOptionError
from dataflow.model.custom import CustomType, keep
from dataflow.model.hints import BUILT_IN, read_hint

__all__ = ["register_type"]


def register_type(hint: type[Any], *, storage: Any, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> None:
    """Makes a class a type of fields, for every `DataFlow` of the process. It comes before the models that use it.

        register_type(Money, storage=Annotated[str, MaxLength(40)], encode=str, decode=Money.parse)

    Args:
        hint: The class; fields are annotated with it.
        storage: The hint of a known type, which decides the column.
        encode: Makes a value of that type of an instance.
        decode: The way back; never called with None.

    Raises:
        InvalidOptionError: The class is a known type, or was registered in another way; or `storage` is none.
    """
    if not isinstance(hint, type):
        raise InvalidOptionError(f"hint must be a class, got {type(hint).__name__}", path="hint")
    if hint in BUILT_IN:
        raise InvalidOptionError(f"{hint.__name__} is a type DataFlow has", path="hint", hint="derive a class from it")
    for name, function in (("encode", encode), ("decode", decode)):
        if not callable(function):
            raise InvalidOptionError(f"{name} must be a function, got {type(function).__name__}", path=name)
    _check_storage(storage)
    stored = CustomType(storage, encode, decode)
    if keep(hint, stored) != stored:
        raise InvalidOptionError(f"{hint.__name__} is registered already, in another way", path="hint")
    _core.register_class(hint, encode)


def _check_storage(storage: Any) -> None:
    try:
        kind = read_hint(storage, "storage")
    except InvalidModelError as error:
        raise InvalidOptionError(error.message, path="storage", hint=error.hint) from None
    if kind.nullable or kind.decode is not None or kind.checks or kind.markers:
        hint = "write one type, e.g. `Annotated[str, MaxLength(40)]`; markers of a column go beside the field's type"
        raise InvalidOptionError("storage must be a type that is stored as it is", path="storage", hint=hint)
