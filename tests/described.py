"""Tables of the compiled module, described directly: for types and layouts, beside the model layer."""

from collections.abc import Mapping
from typing import Any

NOBODY = (None, None, None, None)
"""The caller of an operation outside transactions and tenants."""


def describe(model: str, columns: Mapping[str, Mapping[str, Any]], table: str = "") -> dict[str, Any]:
    """A model with an automatic int key `id` and optional columns of these types."""
    types = {"id": {"name": "int"}, **columns}
    described = [
        {"name": name, "type": dict(kind), "nullable": name != "id", "role": "field", "decode": None}
        for name, kind in types.items()
    ]
    return {
        "model": model,
        "table": table or model.lower(),
        "schema": None,
        "columns": described,
        "key": ["id"],
        "automatic": "database",
        "unique": [],
        "indexes": [],
        "checks": {},
        "references": [],
        "multi_tenant": False,
        "append_only": False,
    }
