"""The text of `<module>_types.py`: the types of all models of a module."""

from __future__ import annotations

import re
from hashlib import sha256
from types import ModuleType

from dataflow.cli.stubs.model import Shared, write_model
from dataflow.cli.stubs.relations import ties_of
from dataflow.errors import InvalidOptionError
from dataflow.model.description import Description, description_of

__all__ = ["write_stubs"]

# Where the names come from that may stand in the text.
_NAMES = {
    "collections.abc": ("Collection", "Mapping", "Sequence"),
    "dataflow": (
        "AsyncRowStream",
        "BulkResult",
        "CompiledRead",
        "DataFlow",
        "Explanation",
        "PublicTable",
        "Query",
        "RowStream",
        "Rows",
        "Table",
    ),
    "dataflow.query.bulk_options": ("BulkDeleteOptions", "BulkUpdateOptions"),
    "dataflow.query.explaining": ("Operation",),
    "dataflow.query.expression": ("Column", "Columns", "Condition", "Relation", "TypeName"),
    "dataflow.query.handle": ("Pipeline",),
    "dataflow.query.include": ("Include",),
    "dataflow.query.public": ("Operators",),
    "dataflow.query.reading": ("Total",),
    "dataflow.query.source": ("AnySource", "Source"),
    "dataflow.query.sync": ("BulkSyncOptions",),
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "typing": (
        "TYPE_CHECKING",
        "Any",
        "Literal",
        "Required",
        "Self",
        "TypeAlias",
        "TypedDict",
        "Unpack",
        "cast",
        "overload",
    ),
    "uuid": ("UUID",),
}
_HEAD = '''\
"""Types of the models in `{module}`. Made by `dataflow generate stubs {module}`, not to be edited.

Models: {digest}
"""

# ruff: noqa
# mypy: disable-error-code="override, no-overload-impl"
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false
# pyright: reportNoOverloadImplementation=false, reportUninitializedInstanceVariable=false

from __future__ import annotations

'''


def write_stubs(module: ModuleType) -> str:
    """The types of the models that a module declares.

    Raises:
        InvalidOptionError: It declares none.
    """
    models = _find_models(module)
    if not models:
        hint = "models are classes decorated with `@db.model`"
        raise InvalidOptionError(f"`{module.__name__}` declares no model", path="module", hint=hint)
    shared = Shared()
    texts = [write_model(model, ties_of(model, models), shared) for model in models]
    body = "\n".join([*shared.texts.values(), *texts])
    classes = sorted({cls.__name__ for model in models for cls in _classes(model)})
    digest = sha256(body.encode()).hexdigest()[:16]
    return _HEAD.format(module=module.__name__, digest=digest) + _imports(body, module.__name__, classes) + "\n" + body


def _find_models(module: ModuleType) -> list[Description]:
    classes = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
    found = {cls: description_of(cls) for cls in classes}
    return [description for description in found.values() if description is not None]


def _classes(model: Description) -> list[type]:
    """The model, and the enums of its fields."""
    enums = [cls for column in model.columns if column.type.name != "json" for cls in column.type.classes]
    return [model.cls, *enums]


def _imports(body: str, module: str, classes: list[str]) -> str:
    words = set(re.findall(r"\w+", body))
    used = {place: [name for name in names if name in words] for place, names in _NAMES.items()}
    lines = [f"from {place} import {', '.join(names)}" for place, names in used.items() if names]
    return "\n".join([*sorted(lines), f"from {module} import {', '.join(classes)}"]) + "\n"
