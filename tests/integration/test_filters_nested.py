"""Filters on lists and on JSON: items, whole values, keys, parts, and what is refused."""

from typing import Annotated, Any, ClassVar, Literal

import pytest

from dataflow import DataFlow, MaxLength, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh

KEYS = ["a", "a b", 'a"b', "a\\b", "a'b", "\u00e4", "\U0001f600", "$", "*", "**", "[0]", "0", "#", "a\nb", "\x01", "/"]
KEYS += ["A", "a ", " a", "\u2028", "\x7f", "last", "a-b", "e\u0301", "\u00e9", "@", "::text", "$1", "?", "%s"]


class Note:
    no: int
    tags: list[str] | None = None
    sizes: list[int] | None = None
    rates: list[float] | None = None
    states: list[Literal["open", "paid"]] | None = None
    meta: dict[str, Any] | None = None
    rows: list[dict[str, Any]] | None = None
    name: str | None = None


def notes(db: DataFlow, field: str, values: list[Any]) -> Table[Any]:
    table = fresh(db, Note)
    table.bulk_create([{"no": no, field: value} for no, value in enumerate(values)])
    return table


def found(table: Table[Any], filter: dict[str, Any]) -> list[int]:
    return [row.no for row in table.list(filter, order_by="no", limit=None)]


def test_a_scalar_is_an_item_and_a_list_the_whole_list(db: DataFlow) -> None:
    table = notes(db, "tags", [["a", "b"], ["b", "a"], ["a"], [], None])
    assert found(table, {"tags": "a"}) == [0, 1, 2]
    assert found(table, {"tags": ["a", "b"]}) == [0]
    assert found(table, {"tags": {"$ne": "b"}}) == [2, 3, 4]
    assert found(table, {"tags": {"$ne": ["a"]}}) == [0, 1, 3, 4]
    assert found(table, {"tags": []}) == [3]
    assert found(table, {"tags": None}) == [4]
    assert found(table, {"tags": {"$in": ["b", "x"]}}) == [0, 1]
    assert found(table, {"tags": {"$in": ["b", None]}}) == [0, 1, 4]
    assert found(table, {"tags": {"$nin": ["b"]}}) == [2, 3, 4]
    assert found(table, {"tags": {"$in": []}}) == []
    assert found(table, {"tags": {"$contains": "b"}}) == [0, 1]
    assert found(table, {"tags": {"$contains": ["b", "a"]}}) == [0, 1]
    assert found(table, {"tags": {"$contains": []}}) == [0, 1, 2, 3]
    assert found(table, {"tags": {"$exists": False}}) == [4]


def test_items_are_told_apart_exactly(db: DataFlow) -> None:
    items = ["", "a", "A", "a ", ",", "a,", ",a", '"', '","', "\\", '\\"', "[", "]", "null", "1", "\u00e9", "e\u0301"]
    items += ["\u212a", "k", "K", "\n", "\x01", "\x7f", "'", "\U0001f600", "a\\u0061", "{}", "ss", "\u00df"]
    table = notes(db, "tags", [[item, "rest"] for item in items])
    for no, item in enumerate(items):
        assert found(table, {"tags": item}) == [no], item
        assert found(table, {"tags": [item, "rest"]}) == [no], item
        assert found(table, {"tags": {"$in": [item, "none"]}}) == [no], item


def test_numbers_in_lists_are_exact(db: DataFlow) -> None:
    sizes = [2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1, 11, -1]
    table = notes(db, "sizes", [[size] for size in sizes])
    for no, size in enumerate(sizes):
        assert found(table, {"sizes": size}) == [no]
    rates = [0.1, 1.0, 1e300, 1e-300, 1.59e-224, 5e-324, -1.5, 0.30000000000000004, 0.3]
    table = notes(db, "rates", [[rate] for rate in rates])
    for no, rate in enumerate(rates):
        assert found(table, {"rates": rate}) == [no]
        assert found(table, {"rates": {"$contains": [rate]}}) == [no]


def test_a_long_list_of_items_is_one_condition(db: DataFlow) -> None:
    table = notes(db, "sizes", [[no, no + 100_000] for no in range(50)])
    assert found(table, {"sizes": {"$in": list(range(40, 2_000))}}) == list(range(40, 50))
    table = notes(db, "tags", [[f"t{no}"] for no in range(50)])
    assert found(table, {"tags": {"$in": [f"t{no}" for no in range(40, 10_000)]}}) == list(range(40, 50))


def test_writes_find_items_too(db: DataFlow) -> None:
    table = notes(db, "tags", [["a"], ["b"], ["c", "d"]])
    assert table.bulk_update({"tags": {"$in": ["a", "d"]}}, {"name": "found"}).matched == 2
    assert found(table, {"name": "found"}) == [0, 2]
    assert table.bulk_delete({"tags": {"$in": ["b", "c"]}}).deleted == 2


def test_the_largest_filters_are_taken(db: DataFlow) -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(30):
        deep = {"a": deep}
    table = notes(db, "meta", [deep, {f"k{at}": at for at in range(980)}, {"a": 9_000}])
    assert found(table, {"meta." + ".".join("a" * 31): 1}) == [0]
    part: dict[str, Any] = {"a": 1}
    for _ in range(27):
        part = {"a": part}
    assert found(table, {"meta.a.a.a": {"$contains": part}}) == [0]
    assert found(table, {"meta": {"$contains": {f"k{at}": at for at in range(980)}}}) == [1]
    assert found(table, {"meta.a": {"$in": list(range(1, 10_001))}}) == [2]
    table = notes(db, "sizes", [list(range(10_000)), list(range(960))])
    assert found(table, {"sizes": {"$contains": list(range(960))}}) == [0, 1]
    assert found(table, {"sizes": list(range(10_000))}) == [0]
    assert found(table, {"sizes": {"$in": list(range(9_999, 19_999))}}) == [0]


def test_documents_are_equal_as_wholes(db: DataFlow) -> None:
    table = notes(db, "meta", [{"a": 1, "b": [1, 2.5]}, {"a": 1}, {}, None, {"a": 2**53 + 1}])
    assert found(table, {"meta": {"$eq": {"b": [1.0, 2.5], "a": 1.0}}}) == [0]
    assert found(table, {"meta": {"$eq": {}}}) == [2]
    assert found(table, {"meta": None}) == [3]
    assert found(table, {"meta": {"$in": [{"a": 1}, None]}}) == [1, 3]
    assert found(table, {"meta": {"$ne": {"a": 1}}}) == [0, 2, 3, 4]
    assert found(table, {"meta": {"$eq": {"a": 2**53}}}) == []
    assert found(table, {"meta": {"$exists": True}}) == [0, 1, 2, 4]
    assert found(table, {"meta": {"$contains": {}}}) == [0, 1, 2, 4]


def test_paths_lead_through_keys(db: DataFlow) -> None:
    documents = [{"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}, {"a": [{"b": 1}]}, {}, None, {"a": {"b": "1"}}]
    table = notes(db, "meta", documents)
    assert found(table, {"meta.a.b": 1}) == [0]
    assert found(table, {"meta.a.b": "1"}) == [6]
    assert found(table, {"meta.a.b": None}) == [1, 2, 3, 4, 5]
    assert found(table, {"meta.a.b": {"$exists": True}}) == [0, 1, 6]
    assert found(table, {"meta.a.b": {"$exists": False}}) == [2, 3, 4, 5]
    assert found(table, {"meta.a.b": {"$ne": 1}}) == [1, 2, 3, 4, 5, 6]
    assert found(table, {"meta.a.b": {"$in": [1, None]}}) == [0, 1, 2, 3, 4, 5]
    assert found(table, {"meta.a": {"$eq": {"b": 1}}}) == [0]
    assert found(table, {"meta.a": {"$eq": [{"b": 1}]}}) == [3]
    assert found(table, {"meta.a": {"$contains": {}}}) == [0, 1, 2, 6]
    assert found(table, {"meta": {"$contains": {"a": {"b": None}}}}) == [1]
    assert found(table, {"meta.a.0": {"$exists": True}}) == []


def test_only_letters_case_differs(db: DataFlow) -> None:
    table = notes(db, "meta", [{"a": 1}, {"A": 1}, {"a": 1, "A": 1}])
    assert found(table, {"meta.a": 1, "meta.A": 1}) == [2]
    assert found(table, {"meta.a": 1, "meta.A": {"$exists": False}}) == [0]


@pytest.mark.parametrize("deep", [False, True])
def test_any_key_is_found(db: DataFlow, deep: bool) -> None:
    documents = [{"top": {key: no}} if deep else {key: no} for no, key in enumerate(KEYS)]
    table = notes(db, "meta", documents)
    path = "meta.top." if deep else "meta."
    for no, key in enumerate(KEYS):
        assert found(table, {f"{path}{key}": no}) == [no], key
        assert found(table, {f"{path}{key}": {"$exists": True}}) == [no], key
        part = {"top": {key: no}} if deep else {key: no}
        assert found(table, {"meta": {"$contains": part}}) == [no], key
    for no, key in enumerate(["", "a.b", "a.b.c"]):
        table.create(no=1_000 + no, meta={key: {"x": no}})
        assert found(table, {"meta": {"$contains": {key: {"x": no}}}}) == [1_000 + no]


def test_values_at_a_path_are_exact(db: DataFlow) -> None:
    values = [
        "",
        "a",
        "A",
        "a ",
        '"',
        "\\",
        "\n",
        "\x01",
        "\u00e9",
        "e\u0301",
        "null",
        "1",
        "true",
        1,
        0.1,
        True,
        False,
    ]
    values += [2**53, 2**53 + 1, 10**30, 1e300, 1e-7, -1, 0, [], {}, [1, [2]], ["a, b"], {"b": "c : d", "a": 1}]
    table = notes(db, "meta", [{"v": value} for value in values])
    for no, value in enumerate(values):
        assert found(table, {"meta.v": {"$eq": value}}) == [no], value
        assert found(table, {"meta.v": {"$in": [value, "none"]}}) == [no], value
        assert found(table, {"meta": {"$eq": {"v": value}}}) == [no], value
    assert found(table, {"meta.v": 1.0}) == [values.index(1)]


def test_parts_of_documents(db: DataFlow) -> None:
    documents = [{"a": {"b": 1, "c": {"d": [1, 2]}}, "e": "x"}, {"a": {"b": 1}}, {"a": {"b": 2}, "e": "x"}, {"a": 1}]
    table = notes(db, "meta", documents)
    assert found(table, {"meta": {"$contains": {"a": {"b": 1}}}}) == [0, 1]
    assert found(table, {"meta": {"$contains": {"a": {"b": 1, "c": {"d": [1, 2]}}, "e": "x"}}}) == [0]
    assert found(table, {"meta": {"$contains": {"a": {"c": {"d": [1]}}}}}) == []
    assert found(table, {"meta": {"$contains": {"a": {}}}}) == [0, 1, 2]
    assert found(table, {"meta.a": {"$contains": {"c": {}}}}) == [0]
    assert found(table, {"meta": {"$not": {"$contains": {"e": "x"}}}}) == [1, 3]


def test_lists_of_dicts_are_json(db: DataFlow) -> None:
    table = notes(db, "rows", [[{"a": 1}], [], None])
    assert found(table, {"rows": [{"a": 1.0}]}) == [0]
    assert found(table, {"rows": []}) == [1]
    assert found(table, {"rows.a": {"$exists": True}}) == []
    assert found(table, {"rows": {"$contains": {}}}) == []


def test_what_is_refused_is_refused_everywhere(db: DataFlow) -> None:
    table = fresh(db, Note)
    cases: list[tuple[dict[str, Any], type[errors.DataFlowError], str]] = [
        ({"tags": {"$gt": "a"}}, errors.InvalidFilterError, "filter.tags.$gt"),
        ({"tags": {"$like": "a"}}, errors.InvalidFilterError, "filter.tags.$like"),
        ({"tags": 1}, errors.WrongTypeError, "filter.tags"),
        ({"tags": {"$eq": ["a", 1]}}, errors.WrongTypeError, "filter.tags.$eq[1]"),
        ({"tags": {"$eq": ["a", None]}}, errors.NullValueError, "filter.tags.$eq[1]"),
        ({"tags": {"$contains": None}}, errors.InvalidFilterError, "filter.tags.$contains"),
        ({"tags": {"$in": [["a"]]}}, errors.WrongTypeError, "filter.tags.$in[0]"),
        ({"tags": {"$in": "a"}}, errors.InvalidFilterError, "filter.tags.$in"),
        ({"states": "closed"}, errors.NotAChoiceError, "filter.states"),
        ({"rates": float("inf")}, errors.NotFiniteError, "filter.rates"),
        ({"meta": {"$lt": {}}}, errors.InvalidFilterError, "filter.meta.$lt"),
        ({"meta": {"$regex": "a"}}, errors.InvalidFilterError, "filter.meta.$regex"),
        ({"meta": {}}, errors.InvalidFilterError, "filter.meta"),
        ({"meta": {"a": 1}}, errors.UnknownOperatorError, "filter.meta.a"),
        ({"meta": {"$contains": "a"}}, errors.InvalidFilterError, "filter.meta.$contains"),
        ({"meta.a": {"$gt": [1]}}, errors.InvalidFilterError, "filter.meta.a.$gt"),
        ({"meta.a": {"$eq": b"x"}}, errors.WrongTypeError, "filter.meta.a.$eq"),
        ({"meta..a": 1}, errors.InvalidFilterError, "filter.meta..a"),
        ({"meta.": 1}, errors.InvalidFilterError, "filter.meta."),
        ({"meta.-a": 1}, errors.InvalidFilterError, "filter.meta.-a"),
        ({"meta": {"$contains": {"-a": 1}}}, errors.InvalidFilterError, "filter.meta.$contains.-a"),
        ({"meta.a\0": 1}, errors.NulCharacterError, "filter.meta.a\0"),
        ({"tags.a": 1}, errors.InvalidFilterError, "filter.tags.a"),
        ({"name.a": 1}, errors.InvalidFilterError, "filter.name.a"),
        ({"nmae.a": 1}, errors.UnknownFieldError, "filter.nmae.a"),
        ({"meta." + ".".join("a" * 32): 1}, errors.LimitExceededError, "filter.meta." + ".".join("a" * 32)),
        ({"sizes": {"$contains": list(range(1_000))}}, errors.LimitExceededError, "filter.sizes.$contains"),
    ]
    for condition, error, path in cases:
        with pytest.raises(error) as refused:
            table.count(condition)
        assert refused.value.path == path


CHECKS = {
    "plain_name": {"name": {"$regex": "^[a-z' \\\\]+$", "$ilike": "%I%", "$not": {"$contains": "%''"}}},
    "two_tags": {"$or": [{"tags": []}, {"tags": {"$contains": ["it's", "\\"]}}]},
    "known_sizes": {"sizes": {"$in": [1, 2**53 + 1]}},
    "other_rates": {"rates": {"$ne": [1e-300]}},
    "an_a": {"meta.it's": {"$in": [1, None]}, "meta": {"$contains": {"a": {}}}},
}


class Checked:
    no: int
    name: Annotated[str, MaxLength(20)]
    tags: list[str]
    sizes: list[int]
    rates: list[float]
    meta: dict[str, Any]
    __dataflow__: ClassVar = {"checks": CHECKS}


ROW: dict[str, Any] = {"no": 1, "name": "it's", "tags": [], "sizes": [1], "rates": [], "meta": {"a": {}}}
GOOD: list[dict[str, Any]] = [
    {},
    {"name": "\\i'", "tags": ["\\", "x", "it's"]},
    {"sizes": [2**53 + 1], "rates": [1e-301], "meta": {"a": {"b": 1}, "it's": 1}},
]
BAD: list[dict[str, Any]] = [
    {"name": "I"},
    {"tags": ["it's"]},
    {"sizes": [2**53]},
    {"rates": [1e-300]},
    {"meta": {"a": []}},
    {"meta": {"a": {}, "it's": 2}},
]


def test_every_condition_can_be_a_check(db: DataFlow) -> None:
    table = fresh(db, Checked)
    for change in GOOD:
        table.create(**{**ROW, **change})
    for change in BAD:
        with pytest.raises(errors.CheckViolationError):
            table.create(**{**ROW, **change})
    assert table.count() == len(GOOD)


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_the_table_itself_has_the_checks(database: Database, db: DataFlow) -> None:
    """SQLite's would need our functions, which no other program has."""
    table = fresh(db, Checked)
    name = table.create(**ROW).__tablename__
    array = database.kind == "postgres"
    for column, value, allowed in [
        ("name", "'\\i'", True),
        ("name", "'I'", False),
        ("tags", "ARRAY['it''s']" if array else "'[\"it''s\"]'", False),
        ("sizes", f"ARRAY[{2**53 + 1}]" if array else f"'[{2**53 + 1}]'", True),
        ("sizes", f"ARRAY[{2**53}]" if array else f"'[{2**53}]'", False),
        ("meta", """'{"a":{},"it''s":2}'""", False),
        ("meta", """'{"a":{},"it''s":1}'""", True),
    ]:
        update = f"UPDATE {name} SET {column} = {value}"
        if allowed:
            bare.execute(database, update)
        else:
            with pytest.raises(Exception, match=r"check|CONSTRAINT"):
                bare.execute(database, update)
