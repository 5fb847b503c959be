"""The commands. Each says what it does and hands over at once."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markdown import Markdown

import dataflow
from dataflow._spelling import not_built
from dataflow.errors import DataFlowError, explain

__all__ = ["app"]

# Values of local variables may be secrets.
app = typer.Typer(help="DataFlow: models, bulk loads and typed queries.", pretty_exceptions_show_locals=False)

_LATER = {
    "doctor": "Look for faults in models, database and settings.",
    "generate": "Make models, stubs or a migration.",
    "init": "Begin a project.",
    "load": "Load a file into a table.",
    "migrate": "Bring the database up to the models.",
    "monitor": "Watch the database at work.",
    "serve": "Serve the REST gateway.",
    "shell": "A prompt with the models at hand.",
    "studio": "The visual tools.",
}


def _fail(error: DataFlowError, status: int) -> NoReturn:
    error.where = None  # a line of ours or of typer's: not the user's
    # Plain text: brackets in a message are no markup.
    Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"dataflow {dataflow.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, no_args_is_help=True)
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """DataFlow: models, bulk loads and typed queries."""


@app.command("explain")
def explain_code(code: Annotated[str, typer.Argument(help="The code of an error, e.g. DF-3001.")]) -> None:
    """Print what an error means and how to mend it."""
    try:
        section = explain(code)
    except DataFlowError as error:
        _fail(error, 2)
    Console().print(Markdown(section))


@app.command()
def demo() -> None:
    """Load two real data sets, query them and check every value."""
    from dataflow.cli.demo import run_demo

    try:
        status = run_demo(Console())
    except DataFlowError as error:
        _fail(error, 1)
    raise typer.Exit(status)


def _add_later(name: str, description: str) -> None:
    @app.command(
        name,
        help=f"{description} (Not built yet.)",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def later() -> None:
        _fail(not_built(f"the command `dataflow {name}`"), 2)


for _name, _description in _LATER.items():
    _add_later(_name, _description)
