"""A module of the user, by its name or its path."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from dataflow.errors import InvalidOptionError

__all__ = ["import_user_module"]

_HINT = "give its name, e.g. shop.models, or its path, e.g. shop/models.py"


def import_user_module(name_or_path: str) -> ModuleType:
    """Imports `shop.models`, looked for from the working directory on, or the file `shop.py`.

    Raises:
        InvalidOptionError: There is none. What the module itself raises comes through.
    """
    path = Path(name_or_path)
    return _import_file(path) if path.suffix == ".py" else _import_name(name_or_path)


def _import_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise _not_found("module", _HINT)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # something that the module imports is missing
        raise _not_found("module", _HINT) from None


def _import_file(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise _not_found("file", "the path is taken from the working directory")
    if path.stem in sys.modules:
        raise InvalidOptionError("a module of this name is imported already", path="module", hint="rename the file")
    sys.path.insert(0, str(path.resolve().parent))  # as of a script: it may import its neighbours
    module = module_from_spec(spec)
    sys.modules[path.stem] = module  # where type hints of its classes are looked up
    spec.loader.exec_module(module)
    return module


def _not_found(what: str, hint: str) -> InvalidOptionError:
    return InvalidOptionError(f"there is no such {what}", path="module", hint=hint)
