"""The command `dataflow`. What it needs comes with the extra `dataflow-db[cli]` and is imported only here."""

import sys

__all__ = ["main"]

_EXTRA = frozenset({"click", "rich", "typer"})


def main() -> None:
    """Runs the command; exits with 2 where it is not installed."""
    try:
        from dataflow.cli.app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        print('pip install "dataflow-db[cli]"', file=sys.stderr)
        sys.exit(2)
    app()
