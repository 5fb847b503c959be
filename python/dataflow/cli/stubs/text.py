"""The text of typed dicts, which are written as calls: their keys are no names."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["typed_dict"]


def typed_dict(name: str, entries: Mapping[str, str]) -> str:
    """`Name = TypedDict("Name", {…}, total=False)`: none of the keys must be there."""
    lines = [f"    {_quote(key)}: {_quote(type)}," for key, type in entries.items()]
    body = "\n".join(["{", *lines, "}"]) if lines else "{}"
    return f'{name} = TypedDict("{name}", {body}, total=False)\n'


def _quote(text: str) -> str:
    return repr(text) if '"' in text or "'" in text or "\\" in text else f'"{text}"'
