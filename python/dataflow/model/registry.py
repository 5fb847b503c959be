"""The models of one `DataFlow`, by class and by name."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflow._spelling import suggest
from dataflow.errors import InvalidModelError, UnknownModelError
from dataflow.model.description import Description

if TYPE_CHECKING:
    from dataflow import _core

__all__ = ["Registered", "Registry"]


class Registered(NamedTuple):
    """A model and its table in the engine."""

    description: Description
    table: _core.Table
    models: Registry


class Registry:
    """Thread-safe; a model stays for the life of its `DataFlow`."""

    def __init__(self, engine: _core.Engine, *, multi_tenant: bool) -> None:
        self._engine = engine
        self._multi_tenant = multi_tenant
        self._by_name: dict[str, Registered] = {}
        self._lock = Lock()

    def add(self, description: Description) -> None:
        """Takes a model; the same class again changes nothing.

        Raises:
            InvalidModelError: Another class has its name or its table, or the core refuses it.
        """
        with self._lock:
            known = self._by_name.get(description.name)
            if known is not None and known.description.cls is description.cls:
                return
            self._check_new(description)
            self._by_name[description.name] = Registered(description, self._make_table(description), self)

    def find(self, model: type[Any] | str) -> Registered:
        """The model of a class or name.

        Raises:
            UnknownModelError: It was never taken.
        """
        name = model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)
        found = self._by_name.get(name)
        if found is None or not (isinstance(model, str) or found.description.cls is model):
            hint = suggest(name, self._by_name) if found is None and self._by_name else "decorate it with `@db.model`"
            raise UnknownModelError(f"{name} is no model of this DataFlow", hint=hint)
        return found

    def of_table(self, name: str) -> Registered:
        """The model of a table, whose name begins with its schema where it has one.

        Raises:
            UnknownModelError: There is none.
        """
        for found in self._by_name.values():
            schema, table = found.description.options.schema, found.description.table
            if name == (table if schema is None else f"{schema}.{table}"):
                return found
        raise UnknownModelError(f"no model of this DataFlow has the table `{name}`", hint="declare it with `@db.model`")

    @property
    def names(self) -> tuple[str, ...]:
        """The models in the order they came."""
        return tuple(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def _check_new(self, description: Description) -> None:
        if description.name in self._by_name:
            raise InvalidModelError(f"there is another model {description.name}", path=description.name)
        for other, *_ in self._by_name.values():
            if (other.options.schema, other.table) == (description.options.schema, description.table):
                message = f"{description.name} and {other.name} have the same table `{other.table}`"
                raise InvalidModelError(message, path=description.name, hint="set `__tablename__` in one of them")
        self._check_related(description)

    def _check_related(self, description: Description) -> None:
        """A relation must have a name of its own on the side it leads to, whichever model is declared first."""
        models = [*(registered.description for registered in self._by_name.values()), description]
        taken: dict[str, set[str]] = {model.name: _own_names(model) for model in models}
        for model in models:
            for reference in model.constraints.references:
                names = taken.get(reference.model)
                if names is None or reference.related is None:
                    continue
                path = f"{model.name}.{reference.field}"
                if reference.related in names:
                    message = f"{path} calls itself `{reference.related}`, which {reference.model} has already"
                    raise InvalidModelError(message, path=path, hint="give it another `related`")
                names.add(reference.related)

    def _make_table(self, description: Description) -> _core.Table:
        return self._engine.table(description.core(multi_tenant=self._multi_tenant))


def _own_names(model: Description) -> set[str]:
    """The names an instance has: its fields, and its relations to other rows."""
    relations = (reference.relation for reference in model.constraints.references)
    return {*model.fields, *(relation for relation in relations if relation is not None)}
