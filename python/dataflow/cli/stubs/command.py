"""`dataflow generate stubs shop.models`: writes `shop/models_types.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dataflow.cli.failure import fail
from dataflow.cli.module import import_user_module
from dataflow.cli.stubs.module import write_stubs
from dataflow.errors import DataFlowError

__all__ = ["generate_stubs"]


def generate_stubs(
    module: Annotated[str, typer.Argument(help="A module or file with models, e.g. shop.models or shop.py.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where the types are stale.")] = False,
) -> None:
    """Write types by which mypy and pyright know the fields of models in filters and updates.

    Beside `shop.py` stands `shop_types.py` then: `orders = order_table(db)` in place of `db.table(Order)`.
    """
    try:
        found = import_user_module(module)
        text = write_stubs(found)
    except DataFlowError as error:
        fail(error, 2)
    path = Path(str(found.__file__))
    path = path.with_name(f"{path.stem}_types.py")
    stale = not path.is_file() or path.read_text(encoding="utf-8") != text
    if check:
        if stale:
            typer.echo(f"{path.name} is not what the models say: run `dataflow generate stubs {module}`", err=True)
        raise typer.Exit(int(stale))
    if stale:
        path.write_text(text, encoding="utf-8")
    typer.echo(f"{path.name}: {'written' if stale else 'is as it should be'}")
