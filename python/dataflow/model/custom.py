"""Classes of the user that are stored as a known type."""

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

__all__ = ["CustomType", "custom_type", "keep"]

_TYPES: dict[type[Any], "CustomType"] = {}
_LOCK = Lock()


class CustomType(NamedTuple):
    """How a class is stored: the hint of a known type, and the way there and back."""

    storage: Any
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def custom_type(hint: object) -> CustomType | None:
    """How this very class is stored, if it was registered; a subclass is another type."""
    return _TYPES.get(hint) if isinstance(hint, type) else None


def keep(cls: type[Any], stored: CustomType) -> CustomType:
    """Registers a class unless it is; what it is stored as from now on."""
    with _LOCK:
        return _TYPES.setdefault(cls, stored)
