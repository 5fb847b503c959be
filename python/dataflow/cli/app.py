"""The command `dataflow`: its commands are put together here, each is a module of its own."""

from __future__ import annotations

from typing import Annotated

import typer

import dataflow
from dataflow.cli.demo.command import demo
from dataflow.cli.explain import explain_code
from dataflow.cli.later import add_later
from dataflow.cli.nodes import show_nodes
from dataflow.cli.stubs.command import generate_stubs

__all__ = ["app"]

# Values of local variables may be secrets.
app = typer.Typer(help="DataFlow: models, bulk loads and typed queries.", pretty_exceptions_show_locals=False)


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
    """DataFlow: models, workflows, bulk loads and typed queries."""


app.command("demo")(demo)
app.command("explain")(explain_code)
app.command("nodes")(show_nodes)
generate = typer.Typer(help="Write types for checkers.", no_args_is_help=True)
generate.command("stubs")(generate_stubs)
app.add_typer(generate, name="generate")
add_later(app, generate)
