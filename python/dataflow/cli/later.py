"""The commands that are planned and not built: asking for one says so."""

from __future__ import annotations

import typer

from dataflow._spelling import not_built
from dataflow.cli.failure import fail

__all__ = ["add_later"]

_LATER = {
    "doctor": "Look for faults in models, database and settings.",
    "init": "Begin a project.",
    "load": "Load a file into a table.",
    "migrate": "Bring the database up to the models.",
    "monitor": "Watch the database at work.",
    "serve": "Serve the REST gateway.",
    "shell": "A prompt with the models at hand.",
    "studio": "The visual tools.",
}


_LATER_TO_GENERATE = {
    "migration": "Write the next migration.",
    "models": "Write models of the tables that are there.",
}


def add_later(app: typer.Typer, generate: typer.Typer) -> None:
    """Adds them all, those of `dataflow generate` too."""
    for name, description in _LATER.items():
        _add(app, name, description)
    for name, description in _LATER_TO_GENERATE.items():
        _add(generate, name, description, "generate ")


def _add(app: typer.Typer, name: str, description: str, group: str = "") -> None:
    @app.command(
        name,
        help=f"{description} (Not built yet.)",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def later() -> None:
        fail(not_built(f"the command `dataflow {group}{name}`"), 2)
