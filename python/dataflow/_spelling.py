"""Hints for names that are not known, and refusals of names that are known but not built."""

from collections.abc import Iterable

from dataflow import _core
from dataflow.errors import NotBuiltError

NOT_BUILT_HINT = "the feature table of the README tells what is built"


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or the whole list where no name is close."""
    names = sorted(known)
    meant = _core.did_you_mean(name, names)
    return f"did you mean `{meant}`?" if meant else f"known are {', '.join(names)}"


def not_built(what: str, *, path: str | None = None) -> NotBuiltError:
    """The error for something that is planned: to be raised by the caller."""
    return NotBuiltError(f"{what} is not built yet", path=path, hint=NOT_BUILT_HINT)
