"""The ledger of a database: what was done once, told in the same commit as the data."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from dataflow.errors import InvalidOptionError
from dataflow.query.bridge import arun, run
from dataflow.query.handle import here, read_flag

if TYPE_CHECKING:
    from dataflow import _core
    from dataflow.query.context import Scope
    from dataflow.query.handle import Clock

__all__ = ["Ledger"]

_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 2**63 - 1


class Ledger:
    """The entries that bulk writes with a `load_id` leave in `dataflow_ledger`. It is got as `db.ledger`."""

    def __init__(self, scope: Scope, engine: _core.Engine, clock: Clock | None) -> None:
        self._scope = scope
        self._engine = engine
        self._clock = clock

    def prune(self, older_than: timedelta, *, unfinished: bool = False) -> int:
        """Forgets what was done longer ago than `older_than`: such a load happens anew when it is run again.

        Inside `with db.tenant("a"):` only entries of this tenant are forgotten, else those of all.

        Args:
            older_than: The age from which on an entry is forgotten, counted from its last change.
            unfinished: Whether loads in chunks that were begun and never ended are forgotten too. Their committed rows
                stay in the table, and a rerun writes them again. Default False.

        Returns:
            How many entries were removed.

        Raises:
            InvalidOptionError: `older_than` is no timedelta, or below zero.
        """
        return run(self._prune(older_than, unfinished))

    async def aprune(self, older_than: timedelta, *, unfinished: bool = False) -> int:
        """`prune`, awaited."""
        return await arun(self._prune(older_than, unfinished))

    def _prune(self, older_than: timedelta, unfinished: bool) -> _core.Operation[int]:
        if not isinstance(older_than, timedelta) or older_than < timedelta():
            hint = "e.g. db.ledger.prune(older_than=timedelta(days=30))"
            raise InvalidOptionError("older_than is a timedelta from 0", path="older_than", hint=hint)
        # Nothing is older than the first date: `timedelta.max` is an answer of 0, and no mistake.
        age = min(older_than // _MICROSECOND, _LONGEST)
        return self._engine.prune_ledger(age, read_flag(unfinished, "unfinished"), here(self._scope, self._clock))
