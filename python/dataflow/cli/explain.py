"""`dataflow explain DF-3001`: what an error means."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from dataflow.cli.failure import fail
from dataflow.errors import DataFlowError, explain

__all__ = ["explain_code"]


def explain_code(code: Annotated[str, typer.Argument(help="The code of an error, e.g. DF-3001.")]) -> None:
    """Print what an error means and how to mend it."""
    try:
        section = explain(code)
    except DataFlowError as error:
        fail(error, 2)
    Console().print(Markdown(section))
