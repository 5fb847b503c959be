"""What every operation is tested for, one concern a module: the columns of the matrix.

Each module has a `TITLE` and `check(cell)`, which asserts, and returns None, or the short text that stands in the
table instead of a mark: why the concern does not apply.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple

from tests.matrix.cell import Cell


class Concern(NamedTuple):
    title: str
    about: str
    check: Callable[[Cell], str | None]


def find() -> dict[str, Concern]:
    """Every module of this package: a new one adds its column by itself."""
    modules = {info.name: import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)}
    return {
        name: Concern(module.TITLE, str(module.__doc__).strip(), module.check)
        for name, module in sorted(modules.items())
    }


CONCERNS = find()
