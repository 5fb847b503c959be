"""The refusal of a model: where it is, and how to mend it."""

from dataflow.errors import InvalidModelError

__all__ = ["invalid"]


def invalid(path: str, message: str, *, hint: str | None = None) -> InvalidModelError:
    """The error for `path`, e.g. `Order.total`, which begins its message: to be raised by the caller."""
    return InvalidModelError(f"{path} {message}", path=path, hint=hint)
