"""Instances of a few fields: reading one that the query left out is an error, not a default."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from dataflow.errors import FieldNotLoadedError
from dataflow.model.description import Description
from dataflow.model.nested import is_pydantic

__all__ = ["partial_class"]

_T = TypeVar("_T")


class _Missing:
    """A field that was not read. It has `__set__` so that it wins over the instance's own attributes."""

    def __init__(self, model: str, name: str) -> None:
        self._model = model
        self._name = name

    def __get__(self, instance: object, owner: type[Any] | None = None) -> NoReturn:
        raise FieldNotLoadedError(
            f"`{self._name}` of this {self._model} was not read",
            path=self._name,
            hint=f"add it to fields=[…, {self._name!r}]",
        )

    def __set__(self, instance: object, value: object) -> NoReturn:
        self.__get__(instance)


def partial_class(description: Description, fields: Iterable[str]) -> type[Any]:
    """A subclass of the model's class whose instances know `fields` only."""
    cls: Any = description.cls  # mypy does not take a class for hashable
    found: type[Any] = _partial_class(cls, description.fields, frozenset(fields))
    return found


@lru_cache(maxsize=256)
def _partial_class(cls: Any, all_fields: tuple[str, ...], fields: frozenset[str]) -> type[Any]:

    def __repr__(self: Any) -> str:
        known = ", ".join(f"{name}={getattr(self, name)!r}" for name in all_fields if name in fields)
        return f"{cls.__qualname__}({known}, …)"

    missing = [name for name in all_fields if name not in fields]
    body: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    body["__repr__"] = __repr__
    if is_pydantic(cls):
        body["model_construct"] = _construct_without(missing)
    # Made first, then given what is missing: pydantic takes no attribute in a class body for a field.
    partial = type(cls.__name__, (cls,), body)
    for name in missing:
        setattr(partial, name, _Missing(cls.__name__, name))
    return partial


def _construct_without(missing: list[str]) -> Any:
    """pydantic's `model_construct` gives what is missing its default, which is not what is stored."""

    def model_construct(cls: Any, /, _fields_set: set[str] | None = None, **values: Any) -> Any:
        instance = super(cls, cls).model_construct(_fields_set, **values)
        for name in missing:
            vars(instance).pop(name, None)
        return instance

    return classmethod(model_construct)
