"""What PostgreSQL's own parser makes of a condition, and filters full of texts that would break out of one."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pglast import ast, parse_sql
from pglast.enums import BoolTestType

from tests.property.filters_oracle import Filter

# In every text and key of a filter; no SQL may contain it.
MARK = "zq9"
HOSTILE = [
    MARK,
    f"{MARK}'; DROP TABLE x; --",
    f"{MARK}' OR '1'='1",
    f'{MARK}" OR 1=1 --',
    f"{MARK}\\'",
    f"{MARK}*/ x",
    f"{MARK}$1 %s ?1 :a",
    f"\u02bc{MARK}\u2019",
]
BOOLEAN = {"$and": "AND_EXPR", "$or": "OR_EXPR", "$nor": "OR_EXPR"}
PLACES = ("location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end")
# Whose operands are no texts of the caller's choice.
NAMES = {"$options", "$type", "$expr"}


def poisoned(value: Any, number: Iterator[int]) -> Any:
    """The filter with hostile texts for its own, and hostile keys of documents."""
    if isinstance(value, list):
        return [poisoned(part, number) for part in value]
    if isinstance(value, dict):
        return {
            key_of(name, number): part if name in NAMES else operand(name, part, number) for name, part in value.items()
        }
    return HOSTILE[next(number) % len(HOSTILE)] if isinstance(value, str) else value


def operand(name: str, value: Any, number: Iterator[int]) -> Any:
    """A pattern stays one."""
    return value + MARK + "'\";--" if name == "$regex" else poisoned(value, number)


def key_of(name: str, number: Iterator[int]) -> str:
    if name.startswith("$"):
        return name
    field, *keys = name.split(".")
    is_field = field[0] == "f" and field[1:].isdigit()
    fixed = [field] if is_field else []
    return ".".join([*fixed, *(HOSTILE[next(number) % len(HOSTILE)] for _ in (keys if is_field else [field, *keys]))])


def condition(sql: str) -> Any:
    """The condition of a count: one statement that reads one table and nothing else."""
    [statement] = parse_sql(sql)
    select = statement.stmt
    assert isinstance(select, ast.SelectStmt)
    assert [type(source) for source in select.fromClause] == [ast.RangeVar]
    assert (select.withClause, select.larg, select.groupClause, select.lockingClause) == (None,) * 4
    return tree(select.whereClause)


def tree(node: Any) -> Any:
    """A node as nested tuples, whatever its place in the text, its brackets and the numbers of its parameters."""
    if isinstance(node, ast.ParamRef):
        return ("ParamRef",)
    if isinstance(node, ast.BoolExpr):
        return joined(node.boolop.name, map(tree, node.args))
    if isinstance(node, ast.Node):
        return (type(node).__name__, *((name, tree(getattr(node, name))) for name in node if name not in PLACES))
    if isinstance(node, tuple):
        return tuple(map(tree, node))
    return re.sub(r"^(dataflow_items?)\d+$", r"\1", node) if isinstance(node, str) else node


def joined(operator: str, parts: Iterable[Any]) -> Any:
    """PostgreSQL's parser flattens what stands to the left only."""
    flat: list[Any] = []
    for part in parts:
        flat.extend(part[1:] if isinstance(part, tuple) and part[0] == operator else [part])
    return flat[0] if len(flat) == 1 else (operator, *flat)


def put_together(filter: Filter, leaf: Callable[[Filter], Any]) -> Any:
    """The tree that a filter must have, of those of its conditions alone."""
    parts = [entry(name, part, leaf) for name, part in filter.items() if name != "$comment"]
    return joined("AND_EXPR", parts) if parts else leaf({"$and": []})


def entry(name: str, part: Any, leaf: Callable[[Filter], Any]) -> Any:
    match name:
        case "$not":
            return negated(put_together(part, leaf))
        case "$and" | "$or" | "$nor" if part:
            all_parts = joined(BOOLEAN[name], [put_together(one, leaf) for one in part])
            return negated(all_parts) if name == "$nor" else all_parts
    return leaf({name: part})


def negated(part: Any) -> Any:
    return ("BooleanTest", ("arg", part), ("booltesttype", BoolTestType.IS_NOT_TRUE))


def words(node: Any) -> Iterator[tuple[str, Any]]:
    """The functions, the constants and the names in a tree."""
    if not isinstance(node, tuple):
        return
    if node[:1] == ("FuncCall",):
        yield "function", dict(node[1:])["funcname"][-1][1][1]
    if node[:1] == ("A_Const",):
        yield "constant", dict(node[1:])["val"][1][1]
    if node[:1] == ("ColumnRef",):
        yield "name", ".".join(part[1][1] for part in dict(node[1:])["fields"])
    for part in node:
        yield from words(part)
