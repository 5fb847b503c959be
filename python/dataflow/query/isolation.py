"""Isolation levels as people write them."""

from dataflow._spelling import suggest
from dataflow.errors import InvalidOptionError

__all__ = ["read_isolation"]

_LEVELS = ("READ COMMITTED", "READ UNCOMMITTED", "REPEATABLE READ", "SERIALIZABLE")


def read_isolation(isolation: str | None) -> str | None:
    """`READ_COMMITTED`, `read committed` and the like, as the standard writes them.

    Raises:
        InvalidOptionError: There is no such level.
    """
    if isolation is None:
        return None
    if not isinstance(isolation, str):
        raise InvalidOptionError(f"isolation must be a str, got {type(isolation).__name__}", path="isolation")
    level = " ".join(isolation.upper().replace("_", " ").replace("-", " ").split())
    if level not in _LEVELS:
        raise InvalidOptionError("there is no such isolation level", path="isolation", hint=suggest(level, _LEVELS))
    return level
