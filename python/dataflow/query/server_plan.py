"""What the plans of the databases say: each in a form of its own.

https://www.postgresql.org/docs/current/sql-explain.html, https://mariadb.com/kb/en/explain-format-json/,
https://www.sqlite.org/eqp.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["Found", "masked", "outline", "read_plan"]

_SEARCH = re.compile(r"SEARCH (\S+) USING .*?(?:INDEX (\S+)|(INTEGER PRIMARY KEY|PRIMARY KEY))")
_SCAN = re.compile(r"SCAN ([^\s(]+)(?: USING .*?INDEX (\S+))?$")
# Texts without a value of the caller in them.
_PLAIN = frozenset(
    {
        *("Node Type", "Parent Relationship", "Relation Name", "Schema", "Alias", "Index Name", "Scan Direction"),
        *("Join Type", "Strategy", "Partial Mode", "Sort Method", "Sort Space Type", "Subplan Name", "Command"),
        *("table_name", "access_type", "possible_keys", "key", "key_length", "used_key_parts", "ref", "message"),
    }
)


class Found(NamedTuple):
    """What a plan says; `indexes` are looked up in, `walked` read from an end, `scanned` tables read whole."""

    indexes: tuple[str, ...]
    walked: tuple[str, ...]
    scanned: tuple[str, ...]
    estimated: int | None
    actual: int | None


def read_plan(database: str, plan: Any) -> Found:
    """Reads the plan of `postgres`, `mysql` or `sqlite`."""
    read = {"postgres": _read_postgres, "mysql": _read_mysql, "sqlite": _read_sqlite}[database]
    uses, estimated, actual = read(plan)

    def named(way: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for use, name in uses if use == way))

    return Found(named("looked up"), named("walked"), named("scanned"), estimated, actual)


def masked(plan: Any, key: str = "") -> Any:
    """The plan without texts that may have values of the caller in them."""
    if isinstance(plan, dict):
        return {name: masked(part, name) for name, part in plan.items()}
    if isinstance(plan, list):
        return [masked(part, key) for part in plan]
    # Steps of SQLite are tuples, and have `?` for values.
    return "…" if isinstance(plan, str) and key not in _PLAIN else plan


def outline(database: str, plan: Any) -> list[str]:
    """The plan in lines, one a step, those inside another one farther right."""
    if database == "sqlite":
        return _outline_steps(plan)
    steps = _postgres_steps(plan[0]["Plan"], 0) if database == "postgres" else _mysql_steps(plan, 0)
    return [f"{'  ' * depth}{line}" for depth, line in steps]


_Uses = list[tuple[str, str]]


def _read_postgres(plan: Any) -> tuple[_Uses, int | None, int | None]:
    uses: _Uses = []
    for node in _postgres_nodes(plan[0]["Plan"]):
        if "Index Name" in node:
            uses.append(("looked up" if "Index Cond" in node else "walked", node["Index Name"]))
        elif node["Node Type"] == "Seq Scan":
            uses.append(("scanned", node["Relation Name"]))
    top = plan[0]["Plan"]
    actual = round(top["Actual Rows"] * top["Actual Loops"]) if "Actual Rows" in top else None
    return uses, top["Plan Rows"], actual


def _postgres_nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _postgres_nodes(inner)


def _postgres_steps(node: dict[str, Any], depth: int) -> Iterator[tuple[int, str]]:
    words = [node["Node Type"]]
    words += [f"{word} {node[key]}" for key, word in (("Relation Name", "on"), ("Index Name", "by")) if key in node]
    words.append(f"rows {node['Plan Rows']}")
    words += [f"came {node['Actual Rows']:.12g}"] if "Actual Rows" in node else []
    yield depth, ", ".join(words)
    for inner in node.get("Plans", ()):
        yield from _postgres_steps(inner, depth + 1)


def _read_mysql(plan: Any) -> tuple[_Uses, int | None, int | None]:
    uses: _Uses = []
    estimated: int | None = None
    for table in _mysql_tables(plan):
        access = table.get("access_type")
        ways = {"ALL": "scanned", "index": "walked", None: None}
        way = ways.get(access, "looked up")
        names = [table["table_name"]] if access == "ALL" else list(_keys(table))
        # `<derived2>` is no table of anybody.
        uses += [(way, name) for name in names if way is not None and not name.startswith("<")]
        rows = table.get("rows", table.get("rows_produced_per_join", table.get("rows_examined_per_scan")))
        if estimated is None and rows is not None:
            estimated = math.ceil(rows * table.get("filtered", 100) / 100) if "rows" in table else rows
        if estimated is None and "message" in table:
            estimated = 0
    return uses, estimated, None


def _mysql_tables(part: Any) -> Iterator[dict[str, Any]]:
    """The tables, wherever they are; the first is the outermost one."""
    if isinstance(part, list):
        for inner in part:
            yield from _mysql_tables(inner)
    if isinstance(part, dict):
        if isinstance(part.get("table"), dict):
            yield part["table"]
        for inner in part.values():
            yield from _mysql_tables(inner)


def _keys(part: Any) -> Iterator[str]:
    """The keys of a table, several where it merges indexes; not those of what lies inside."""
    if isinstance(part, dict):
        if isinstance(part.get("key"), str):
            yield part["key"]
        for name, inner in part.items():
            if name not in ("materialized", "table", "subqueries"):
                yield from _keys(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _keys(inner)


def _mysql_steps(part: Any, depth: int) -> Iterator[tuple[int, str]]:
    if isinstance(part, list):
        for inner in part:
            yield from _mysql_steps(inner, depth)
        return
    for name, inner in part.items():
        if (
            name.startswith(("r_", "query_optimization"))
            or not isinstance(inner, dict | list)
            or (isinstance(inner, list) and not isinstance(inner[0], dict))
        ):
            continue
        words = [name]
        if name == "table" and isinstance(inner, dict):
            told = [inner.get(key) for key in ("table_name", "access_type", "key")]
            words = [*map(str, filter(None, told)), f"rows {inner.get('rows', '?')}"]
            words += [f"came {inner['r_rows']:.12g}"] if "r_rows" in inner else []
        yield depth, ", ".join(words)
        yield from _mysql_steps(inner, depth + 1)


def _read_sqlite(plan: Any) -> tuple[_Uses, int | None, int | None]:
    uses: _Uses = []
    # Rows of a query with a name are no table.
    named = {text.split()[1] for _, _, text in plan if text.startswith(("CO-ROUTINE ", "MATERIALIZE "))}
    for _, _, text in plan:
        if found := _SEARCH.match(text):
            uses.append(("looked up", found[2] or found[3]))
        elif (found := _SCAN.match(text)) and found[1] != "CONSTANT" and found[1] not in named:
            uses.append(("walked", found[2]) if found[2] else ("scanned", found[1].rpartition(".")[2]))
    return uses, None, None


def _outline_steps(plan: Any) -> list[str]:
    depths = {0: -1}
    for number, around, _ in plan:
        depths[number] = depths.get(around, -1) + 1
    return [f"{'  ' * depths[number]}{text}" for number, _, text in plan]
