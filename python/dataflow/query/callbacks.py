"""What is to be called after a commit: everything is called, then the first failure is raised."""

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

__all__ = ["acall_all", "call_all"]


def call_all(functions: Sequence[Callable[[], object]]) -> None:
    """Calls each in order."""
    failures: list[Exception] = []
    for function in functions:
        try:
            function()
        except Exception as failure:
            failures.append(failure)
    _raise(failures)


async def acall_all(functions: Sequence[Callable[[], object]]) -> None:
    """Calls each in order and awaits what can be awaited."""
    failures: list[Exception] = []
    for function in functions:
        try:
            result = function()
            if hasattr(result, "__await__"):
                await cast("Awaitable[object]", result)
        except Exception as failure:
            failures.append(failure)
    _raise(failures)


def _raise(failures: list[Exception]) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("functions of on_commit failed; the transaction is committed", failures)
