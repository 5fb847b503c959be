"""What notebooks show: HTML in which every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["pairs_table", "rows_table"]

# Characters of a value.
_WIDTH = 120


def rows_table(rows: Sequence[dict[str, Any]], count: int) -> str:
    """Rows as a table, and how many there are in all."""
    names = list(rows[0]) if rows else []
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row[name])}</td>" for name in names) + "</tr>" for row in rows)
    caption = f"{count} rows" if len(rows) == count else f"{len(rows)} of {count} rows"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{caption}</p>"


def pairs_table(title: str, pairs: Iterable[tuple[str, str]], more: str) -> str:
    """Names and texts as a table, and a text that is shown when it is asked for."""
    body = "".join(f"<tr><th>{escape(name)}</th><td><code>{escape(text)}</code></td></tr>" for name, text in pairs)
    plan = f"<details><summary>plan</summary><pre>{escape(more)}</pre></details>"
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>{plan}"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return escape(text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…")
