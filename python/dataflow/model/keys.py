"""Which fields are the key, and who gives it."""

from collections.abc import Mapping
from typing import Literal

from dataflow._spelling import suggest
from dataflow.model.defaults import AUTO
from dataflow.model.hints import ColumnType
from dataflow.model.kinds import Declared
from dataflow.model.markers import Ref
from dataflow.model.refusal import invalid

__all__ = ["Automatic", "add_key", "find_key", "read_automatic"]

Automatic = Literal["database", "uuid7"] | None

_DEFAULT = "id"
_FIX = "write `id: int = auto()`, or `id: UUID = auto()`"


def find_key(model: str, fields: Mapping[str, Declared], declared: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the key: those of the option, else the field that is `auto()`, else `id`.

    Args:
        model: The name of the class.
        fields: Its fields without those that DataFlow keeps.
        declared: The option `key`; empty where it is not given.

    Raises:
        InvalidModelError: A name is no field, or a field is `auto()` and not the key by itself.
    """
    automatic = [name for name, field in fields.items() if field.default.is_auto]
    key = declared or tuple(automatic[:1]) or (_DEFAULT,)
    for name in automatic:
        if key != (name,):
            hint = "a key of several fields is given by the caller" if name in key else None
            raise invalid(f"{model}.{name}", "is auto() but not the key: only the key can be automatic", hint=hint)
    for name in key:
        if name not in fields and key != (_DEFAULT,):
            hint = suggest(name, fields) if fields else None
            raise invalid(f"{model}.{name}", "is the key but no field", hint=hint)
    return key


def add_key(key: tuple[str, ...], fields: Mapping[str, Declared]) -> dict[str, Declared]:
    """The fields, with an automatic `id` before them where the class has no key."""
    return dict(fields) if key[0] in fields else {key[0]: Declared(int, AUTO), **fields}


def read_automatic(model: str, key: tuple[str, ...], field: Declared, kind: ColumnType) -> Automatic:
    """Who gives the key where the caller does not; None for nobody. `field` and `kind` are those of its first name.

    An int field `id` is automatic without `auto()`, unless its values are those of another model or of an Enum.

    Raises:
        InvalidModelError: The type of an automatic key cannot be counted up, or it has a default.
    """
    path = f"{model}.{key[0]}"
    plain = kind.decode is None and not kind.checks
    counted = key == (_DEFAULT,) and kind.name == "int" and plain
    if not field.default.is_auto:
        if not counted or any(isinstance(marker, Ref) for marker in kind.markers):
            return None
        if field.default.is_given and not kind.nullable:
            raise invalid(path, "has a default, and an automatic key has no default", hint=_FIX)
        return "database"
    if plain and kind.name in ("int", "uuid"):
        return "database" if kind.name == "int" else "uuid7"
    raise invalid(path, "is auto(), and only a key of type int or UUID can be automatic", hint=_FIX)
