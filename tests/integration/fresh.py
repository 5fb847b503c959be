"""A table of its own for every test."""

import itertools
from typing import Any

from dataflow import DataFlow, Table

_numbers = itertools.count(1)


def fresh(db: DataFlow, model: type[Any]) -> Table[Any]:
    """A new, empty table with the fields of `model`, under a name no other test of the process has."""
    return db.table(db.model(subclass(model)))


def subclass(model: type[Any]) -> type[Any]:
    """A model class like `model`; it and its table have names of their own."""
    name = f"{model.__name__}{next(_numbers)}"
    return type(name, (model,), {"__tablename__": name.lower(), "__module__": model.__module__})
