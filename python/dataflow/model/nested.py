"""What is kept as JSON: instances on their way there, and back by the hints they were declared with.

Inside JSON a Decimal, UUID, date, time or datetime is its text, a timedelta its microseconds, bytes are hexadecimal,
and an Enum is its value.
"""

import json
from collections.abc import Callable, Container
from dataclasses import InitVar, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin
from uuid import UUID

from dataflow._spelling import not_built
from dataflow.errors import LimitExceededError, WrongTypeError
from dataflow.model.bounds import Bound, MinLength, read_markers
from dataflow.model.custom import CustomType, custom_type
from dataflow.model.markers import UNSET, Index, MaxLength, Precision, Ref, Unique
from dataflow.model.refusal import invalid
from dataflow.model.resolve import resolve_hints
from dataflow.model.unwrap import union_members, unwrap

__all__ = ["Nested", "encode", "is_nested", "is_pydantic", "read_nested"]

# As deep as a filter: deeper values are loops, or an attack on the stack.
_MAX_LEVELS = 32
_MICROSECOND = timedelta(microseconds=1)
_UNENFORCED = (Bound, Index, MaxLength, MinLength, Precision, Ref, Unique)
# A value that JSON has, and the level it is at.
_Decode = Callable[[Any, int], Any]

_AS_THEY_ARE = frozenset({NoneType, bool, dict, int, list, object, str})
_SCALARS: dict[type[Any], Callable[[Any], Any]] = {
    bytes: bytes.fromhex,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    Decimal: Decimal,
    float: float,
    time: time.fromisoformat,
    timedelta: lambda microseconds: timedelta(microseconds=microseconds),
    UUID: UUID,
}


class Nested(NamedTuple):
    """A hint that is kept as JSON.

    Attributes:
        decode: From JSON to what the hint says; None where JSON is that already.
        classes: The classes whose instances the core shall hand to `encode`.
    """

    decode: Callable[[Any], Any] | None
    classes: tuple[type[Any], ...]


def is_nested(bare: Any) -> bool:
    """Whether a hint, without None and markers, is kept as JSON."""
    kind = get_origin(bare) or bare
    if not isinstance(kind, type):
        return False
    return kind in (dict, list) or is_dataclass(kind) or is_pydantic(kind) or _is_typed_dict(kind)


def is_pydantic(cls: Any) -> bool:
    """Whether a class is a pydantic model. A dataclass of pydantic's is a dataclass."""
    return isinstance(cls, type) and hasattr(cls, "__pydantic_fields__") and hasattr(cls, "model_construct")


def read_nested(hint: Any, path: str) -> Nested:
    """How values of a hint come back from JSON; `path` is `Model.field`.

    Raises:
        InvalidModelError: Something in it cannot be kept in JSON, or not told apart when it comes back.
        NotBuiltError: A marker in it would not be enforced.
    """
    reader = _Reader()
    decode = reader.read(hint, path)
    return Nested(None if decode is None else _checked(decode, path), tuple(reader.classes))


def encode(value: Any) -> Any:
    """A value as JSON has it: dicts, lists, str, int, float, bool and None.

    Raises:
        WrongTypeError: Something in it has no form in JSON; `path` says where, seen from the value.
        LimitExceededError: It nests more than 32 levels, perhaps without end.
    """
    return _encode(value, "", 0)


def _encode(value: Any, path: str, level: int) -> Any:
    if value is None or type(value) in (str, int, bool, float):
        return value
    _check_level(level)
    if isinstance(value, Enum):
        return _encode(value.value, path, level + 1)
    custom = custom_type(type(value))
    if custom is not None:
        return _encode(custom.encode(value), path, level + 1)
    if isinstance(value, dict):
        return {_key(name, path): _encode(item, f"{path}.{name}", level + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(item, f"{path}[{at}]", level + 1) for at, item in enumerate(value)]
    if is_pydantic(type(value)):
        # Computed fields stay out: they would be refused on the way back.
        return value.model_dump(mode="json", by_alias=False, round_trip=True)
    if is_dataclass(value):
        given = ((field.name, getattr(value, field.name, UNSET)) for field in fields(value))
        return {name: _encode(item, f"{path}.{name}", level + 1) for name, item in given if item is not UNSET}
    return _encode_scalar(value, path)


def _encode_scalar(value: Any, path: str) -> Any:
    match value:
        case str() | int() | float():
            return value
        case Decimal() | UUID():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value // _MICROSECOND
        case bytes() | bytearray():
            return value.hex()
    raise WrongTypeError(f"{type(value).__name__} has no form in JSON", path=path.lstrip(".") or None)


def _key(name: object, path: str) -> str:
    if isinstance(name, str):
        return name
    message = f"the keys of JSON are str, got {type(name).__name__}"
    raise WrongTypeError(message, path=path.lstrip(".") or None)


def _check_level(level: int) -> None:
    if level > _MAX_LEVELS:
        raise LimitExceededError(f"a nested value has at most {_MAX_LEVELS} levels")


class _Reader:
    """Reads one hint; classes are read once, so that they may refer to themselves."""

    def __init__(self) -> None:
        self._shapes: dict[type[Any], _Shape] = {}
        self.classes: dict[type[Any], None] = {}

    def read(self, hint: Any, path: str) -> _Decode | None:
        """The decoder of values that are not None; None where JSON has them as they are."""
        if get_origin(hint) is Annotated:
            bare, *extras = get_args(hint)
            for marker in read_markers(tuple(extras), path):
                if isinstance(marker, _UNENFORCED):
                    raise not_built(f"the marker {type(marker).__name__} inside JSON", path=path)
            return self.read(bare, path)
        if type(hint).__name__ == "TypeAliasType":
            return self.read(hint.__value__, path)
        members = [member for member in union_members(hint) if member is not NoneType]
        if members:
            return self._read_union(members, path)
        custom = custom_type(hint)
        return self._read_bare(hint, path) if custom is None else self._read_custom(custom, path)

    def _read_union(self, members: list[Any], path: str) -> _Decode | None:
        decoders = [self.read(member, path) for member in members]
        if len(members) > 1 and any(decode is not None for decode in decoders):
            hint = "in JSON a text may be a str or a Decimal: use one type"
            raise invalid(path, "is a union of types that JSON does not tell apart", hint=hint)
        return decoders[0]

    def _read_custom(self, custom: CustomType, path: str) -> _Decode:
        # Its length bounds a column, not a value inside of one.
        stored = self.read(unwrap(custom.storage, path).bare, path)
        return lambda value, level: custom.decode(_apply(stored, value, level))

    def _read_bare(self, hint: Any, path: str) -> _Decode | None:
        if get_origin(hint) in (list, dict):
            return self._read_container(hint, path)
        if hint is Any or get_origin(hint) is Literal or _is_one_of(hint, _AS_THEY_ARE):
            return None
        if _is_one_of(hint, _SCALARS):
            decode = _SCALARS[hint]
            return lambda value, level: decode(value)
        if _is_typed_dict(hint):
            return self._read_typed_dict(hint, path)
        if isinstance(hint, type) and (read := self._read_class(hint, path)) is not None:
            return read
        shown = getattr(hint, "__name__", None) or str(hint)
        raise invalid(
            path, f"holds {shown}, which cannot be kept in JSON", hint="`register_type` says how it is stored"
        )

    def _read_container(self, hint: Any, path: str) -> _Decode | None:
        *keys, item = get_args(hint)
        if keys and keys[0] not in (str, Any):
            raise invalid(path, "is a dict whose keys are not str", hint="JSON has no other keys")
        decode = self.read(item, path)
        if decode is None:
            return None
        return _dict_of(decode) if keys else _list_of(decode)

    def _read_class(self, cls: type[Any], path: str) -> _Decode | None:
        """The decoder of a class that the core does not know by itself."""
        if issubclass(cls, Enum):
            self.classes[cls] = None
            return lambda value, level: cls(value)
        if is_pydantic(cls):
            self.classes[cls] = None
            # As JSON text: a strict model takes a text for a date only from there.
            return lambda value, level: cls.model_validate_json(json.dumps(value), by_alias=False, by_name=True)
        return self._read_dataclass(cls, path) if is_dataclass(cls) else None

    def _read_dataclass(self, cls: type[Any], path: str) -> "_Shape":
        if cls in self._shapes:
            return self._shapes[cls]
        self.classes[cls] = None
        shape = self._shapes[cls] = _Shape(cls)
        hints = resolve_hints(cls, {})
        for name, hint in hints.items():
            if hint is InitVar or isinstance(hint, InitVar):
                raise invalid(f"{path}.{name}", "is an InitVar: it is not kept, so that no instance can be made again")
        for field in fields(cls):
            shape.decoders[field.name] = self.read(hints[field.name], f"{path}.{field.name}")
        return shape

    def _read_typed_dict(self, hint: Any, path: str) -> _Decode | None:
        decoders = {}
        for name, item in resolve_hints(hint, {}).items():
            required = getattr(get_origin(item), "_name", None) in ("Required", "NotRequired", "ReadOnly")
            decoders[name] = self.read(get_args(item)[0] if required else item, f"{path}.{name}")
        if all(decode is None for decode in decoders.values()):
            return None
        return lambda value, level: {name: _apply(decoders.get(name), item, level) for name, item in value.items()}


class _Shape:
    """The decoder of a dataclass. Keys it has no field for are left out: they are those of an older class."""

    def __init__(self, cls: type[Any]) -> None:
        self._cls = cls
        self._late = [field.name for field in fields(cls) if not field.init]
        self.decoders: dict[str, _Decode | None] = {}

    def __call__(self, value: Any, level: int) -> Any:
        if not isinstance(value, dict):
            raise TypeError
        known = {name: _apply(decode, value[name], level) for name, decode in self.decoders.items() if name in value}
        late = {name: known.pop(name) for name in self._late if name in known}
        instance = self._cls(**known)
        for name, item in late.items():
            object.__setattr__(instance, name, item)
        return instance


def _list_of(decode: _Decode) -> _Decode:
    return lambda value, level: [_apply(decode, item, level) for item in value]


def _dict_of(decode: _Decode) -> _Decode:
    return lambda value, level: {name: _apply(decode, item, level) for name, item in value.items()}


def _apply(decode: _Decode | None, value: Any, level: int) -> Any:
    if decode is None or value is None:
        return value
    _check_level(level)
    return decode(value, level + 1)


def _checked(decode: _Decode, path: str) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        try:
            return decode(value, 1)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            # Not chained: pydantic's own error repeats the value.
            hint = "the class was changed since the value was stored: give new fields a default"
            raise WrongTypeError("a stored value does not fit the class of its field", path=path, hint=hint) from None

    return checked


def _is_one_of(hint: Any, classes: Container[type[Any]]) -> bool:
    """Hints that are no classes are not always hashable."""
    return isinstance(hint, type) and hint in classes


def _is_typed_dict(hint: Any) -> bool:
    """Also one of typing_extensions, which `typing.is_typeddict` does not know."""
    return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__total__")
