"""How a command ends with an error of DataFlow."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console

from dataflow.errors import DataFlowError

__all__ = ["fail"]


def fail(error: DataFlowError, status: int) -> NoReturn:
    """Prints the error to stderr and exits with `status`."""
    error.where = None  # a line of ours or of typer's: not the user's
    # Plain text: brackets in a message are no markup.
    Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)
