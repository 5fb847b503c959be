"""Which failures of a node are tried again, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import random
from typing import Any

from dataflow import errors
from dataflow._spelling import suggest
from dataflow.errors import DataFlowError, InvalidOptionError

__all__ = ["NEVER", "Retry", "read_retry"]

_LONGEST_S = 30.0
_KINDS = {
    cls.kind: cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, DataFlowError) and cls.kind
}


@dataclass(frozen=True)
class Retry:
    """How often a node is tried.

    Attributes:
        attempts: Times it is run at most, the first included.
        backoff_s: Seconds before the second attempt; doubled for every further one, at most 30, and spread by a half
            in both directions, so that many who failed together do not come back together.
        on: The errors that are tried again; None for those of DataFlow that are `retryable`.
    """

    attempts: int = 1
    backoff_s: float = 0.1
    on: tuple[type[BaseException], ...] | None = None

    def wants(self, error: BaseException, attempt: int, *, writes: bool) -> bool:
        """Whether attempt number `attempt` (from 1), which ended with `error`, is followed by another.

        A write is tried again only where it is known that nothing was kept.
        """
        if attempt >= self.attempts or not isinstance(error, Exception):
            return False
        if writes or isinstance(error, DataFlowError):
            outcome = getattr(error, "outcome", None)
            if outcome not in (None, "rolled back"):
                return False
        if self.on is None:
            return isinstance(error, DataFlowError) and error.retryable
        return isinstance(error, self.on)

    def pause(self, attempt: int) -> float:
        """Seconds between attempt number `attempt` and the next."""
        return min(self.backoff_s * 2.0 ** (attempt - 1), _LONGEST_S) * (0.5 + random())


NEVER = Retry()


def read_retry(given: Mapping[str, Any] | None, node: str) -> Retry:
    """The `retry={"attempts": 3, "backoff_ms": 100, "on": ["Deadlock", TimeoutError]}` of a node.

    Raises:
        InvalidOptionError: It has another key, or a value that cannot be used.
    """
    if given is None:
        return NEVER
    path = f"{node}.retry"
    if not isinstance(given, Mapping):
        raise InvalidOptionError(f"retry is a dict, got {type(given).__name__}", path=path, hint='{"attempts": 3}')
    known = ("attempts", "backoff_ms", "on")
    for name in given:
        if name not in known:
            raise InvalidOptionError("retry has no such key", path=f"{path}.{name}", hint=suggest(str(name), known))
    attempts, backoff = given.get("attempts", 3), given.get("backoff_ms", 100)
    if type(attempts) is not int or not 1 <= attempts <= 1000:
        raise InvalidOptionError("attempts is an int from 1 to 1,000", path=f"{path}.attempts")
    if isinstance(backoff, bool) or not isinstance(backoff, int | float) or not 0 <= backoff <= _LONGEST_S * 1000:
        raise InvalidOptionError("backoff_ms is a number from 0 to 30,000", path=f"{path}.backoff_ms")
    on = given.get("on")
    return Retry(attempts, backoff / 1000, None if on is None else _read_kinds(on, f"{path}.on"))


def _read_kinds(on: Any, path: str) -> tuple[type[BaseException], ...]:
    given = [on] if isinstance(on, str | type) else on
    if not isinstance(given, list | tuple | set | frozenset) or not given:
        raise InvalidOptionError("on is a list of kinds of errors", path=path, hint='["Deadlock", TimeoutError]')
    return tuple(_read_kind(one, path) for one in given)


def _read_kind(kind: Any, path: str) -> type[BaseException]:
    if isinstance(kind, type) and issubclass(kind, Exception):
        return kind
    if isinstance(kind, str):
        cls = _KINDS.get(kind.removesuffix("Error"))
        if cls is not None:
            return cls
        raise InvalidOptionError("there is no such kind of error", path=path, hint=suggest(kind, _KINDS))
    raise InvalidOptionError("on takes names of errors and classes of exceptions", path=path)
