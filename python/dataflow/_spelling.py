"""Hints for names that are not known, and refusals of names that are known but not built."""

from collections.abc import Iterable

from dataflow import _core
from dataflow.errors import NotBuiltError

_MOST = 40
NOT_BUILT_HINT = "the feature table of the README tells what is built"


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or the list where no name is close; of a long one only its begin."""
    names = sorted(known)
    meant = _core.did_you_mean(name, names)
    if meant:
        return f"did you mean `{meant}`?"
    more = f", and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"known are {', '.join(names[:_MOST])}{more}"


def not_built(what: str, *, path: str | None = None) -> NotBuiltError:
    """The error for something that is planned: to be raised by the caller."""
    return NotBuiltError(f"{what} is not built yet", path=path, hint=NOT_BUILT_HINT)
