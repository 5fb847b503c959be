"""What the generated nodes share: a table, and steps that are run blocking or awaited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dataflow.errors import InvalidParameterError
from dataflow.nodes.node import Node
from dataflow.nodes.signature import Parameter, Signature, read_signature
from dataflow.query.bridge import adrive, drive
from dataflow.query.table import Table

__all__ = ["ModelNode", "Steps"]

# Yields operations, is sent their results, and returns the outputs. Evaluated when signatures are read: without a name
# that exists for type checkers only, which would take all hints of the parameters with it.
Steps = Generator[Any, Any, Mapping[str, Any]]


class ModelNode(Node):
    """An operation on the rows of one model, the same as the method of `db.table(Model)`.

    Subclasses may override `run`; the asynchronous runtime then calls it in a thread.

    Attributes:
        aliases: Other spellings of parameters.
        flat: Whether fields of the model may be given as parameters.
    """

    trusts_outputs = True
    aliases: ClassVar[Mapping[str, str]] = {}
    flat: ClassVar[bool] = False

    def __init__(self) -> None:
        if self.database is None or self.model_name is None:
            hint = 'take it by its name, e.g. "ProductListNode", or from NodeRegistry.get(name)'
            raise InvalidParameterError(f"{self.kind} belongs to no model", path=self.kind, hint=hint)
        self.table: Table[Any] = self.database.table(self.model_name)

    if TYPE_CHECKING:
        # Yields the operations of the node, one after the other.
        steps: Callable[..., Steps]

    # Positional: a field may be called `self`.
    def run(self, /, **given: Any) -> Mapping[str, Any]:
        """Runs it, blocking; parameters and result as the class says."""
        return drive(self.steps(**self.rename(given)))

    async def arun(self, /, **given: Any) -> Mapping[str, Any]:
        """`run`, awaited."""
        return await adrive(self.steps(**self.rename(given)))

    def rename(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters under their own names.

        Raises:
            InvalidParameterError: One is given under two names.
        """
        renamed: dict[str, Any] = {}
        for name, value in given.items():
            own = self.aliases.get(name, name)
            if own in renamed:
                both = " and ".join(f"`{one}`" for one in given if self.aliases.get(one, one) == own)
                raise InvalidParameterError(f"{both} are names of one parameter", path=name, hint="give one of them")
            renamed[own] = value
        return renamed

    def _read_signature(self) -> Signature:
        written = self._written()
        if written is None:
            return Signature(self.parameters(), outputs=self.outputs())
        # `**given` passes the node's own parameters on.
        passed = self.parameters() if written.open else {}
        return replace(written, parameters={**passed, **written.parameters}, open=False)

    def _written(self) -> Signature | None:
        """The signature of a `run` or `arun` that a subclass wrote."""
        owner = next(one for one in type(self).__mro__ if "run" in vars(one) or "arun" in vars(one))
        return None if owner is ModelNode else read_signature(self.entry_point(asynchronous=False)[0], self.kind)

    def parameters(self) -> dict[str, Parameter]:
        """Those of the operation, fields of the model, and other spellings."""
        fields = self.table._model.fields if self.flat else ()
        own = type(self)._own_signature()
        flat = {name: Parameter(default=None) for name in fields if name not in own.parameters}
        aliases = {name: own.parameters[meant] for name, meant in self.aliases.items() if meant in own.parameters}
        return {**own.parameters, **flat, **aliases}

    def outputs(self) -> Mapping[str, Any] | None:
        """The names of the outputs; those of one row are its fields."""
        return dict.fromkeys(self.table._model.fields, Any)

    def count_rows(self, outputs: Mapping[str, Any]) -> int | None:
        return 1

    def check_parameters(self, given: Mapping[str, Any], connected: Collection[str]) -> None:
        self.rename(dict.fromkeys([*given, *connected]))

    def missing_parameters(self, given: Collection[str]) -> list[str]:
        written = self._written()
        return written.missing(given) if written else self.needs(self.rename(dict.fromkeys(given)))

    def needs(self, given: Collection[str]) -> list[str]:
        """The parameters without which it cannot work, and that are not in `given`."""
        return type(self)._own_signature().missing(given)

    def needs_key(self, given: Collection[str], *instead: str) -> list[str]:
        """The fields of the key that are not in `given`, unless one of `instead` is."""
        if any(name in given for name in instead):
            return []
        return [name for name in self.table._model.key if name not in given]

    @classmethod
    def _own_signature(cls) -> Signature:
        """Without the fields of the model: read once a class of operation."""
        owner = next(one for one in cls.__mro__ if "steps" in vars(one))
        known: Signature | None = vars(owner).get("_read")
        if known is None:
            known = read_signature(_without_self(owner), owner.__name__)
            owner._read = known  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return known


def _without_self(owner: type[Any]) -> Any:
    return vars(owner)["steps"].__get__(object())
