"""Pages of a list: where they begin and end, what they cost, and what no page is made of."""

from typing import Any

import pytest

from dataflow import DataFlow, Rows, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh


class Item:
    group: int | None = None
    name: str = ""
    tags: list[str] | None = None


class Shared(Item):
    __dataflow__ = {"multi_tenant": True, "soft_delete": True}  # noqa: RUF012


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    """Of the names a to j, in the groups None, 0, 1."""
    table = fresh(db, Item)
    table.bulk_create([{"name": name, "group": [None, 0, 1][at % 3]} for at, name in enumerate("abcdefghij")])
    return table


def names(rows: Rows[Any]) -> str:
    return "".join(row["name"] for row in rows.records())


def test_a_page_knows_the_pages_around_it(items: Table[Any]) -> None:
    first = items.list(order_by="name", limit=4)
    second = items.list(order_by="name", limit=4, after=first.next)
    third = items.list(order_by="name", limit=4, after=second.next)
    assert [names(page) for page in (first, second, third)] == ["abcd", "efgh", "ij"]
    assert (first.previous, third.next) == (None, None)
    back = items.list(order_by="name", limit=4, before=third.previous)
    assert names(back) == "efgh"
    assert names(items.list(order_by="name", limit=4, after=back.next)) == "ij"
    assert names(items.list(order_by="name", limit=3, before=back.previous)) == "bcd"


def test_a_full_last_page_has_no_next(items: Table[Any]) -> None:
    assert items.list(limit=10).next is None
    assert items.list(limit=9).next is not None
    page = items.list(limit=5)
    assert items.list(limit=5, after=page.next).next is None


def test_a_page_without_rows_leads_back(items: Table[Any]) -> None:
    """Also when its neighbours are gone."""
    page = items.list(order_by="name", limit=9)
    items.bulk_delete({"name": {"$in": ["i", "j"]}})
    empty = items.list(order_by="name", limit=9, after=page.next)
    assert (len(empty), empty.next) == (0, None)
    assert names(items.list(order_by="name", limit=3, before=empty.previous)) == "fgh"
    first = items.list(order_by="name", limit=3, offset=1)
    items.bulk_delete({"name": "a"})
    nothing = items.list(order_by="name", limit=3, before=first.previous)
    assert (len(nothing), nothing.previous) == (0, None)
    assert names(items.list(order_by="name", limit=2, after=nothing.next)) == "bc"


def test_an_order_with_nulls_has_all_pages(items: Table[Any]) -> None:
    for order in (["group", "-name"], ["-group", "name"], ["-group", "-name"]):
        expected = names(items.list(order_by=order, limit=None))
        page = items.list(order_by=order, limit=3)
        found = names(page)
        while page.next is not None:
            page = items.list(order_by=order, limit=3, after=page.next)
            found += names(page)
        assert found == expected
    assert expected == "ifchebjgda"


def test_no_limit_gives_no_cursor(items: Table[Any]) -> None:
    for limit in (None, 0):
        page = items.list(limit=limit)
        assert (page.next, page.previous) == (None, None)
    rest = items.list(order_by="name", limit=None, after=items.list(order_by="name", limit=7).next)
    assert (names(rest), rest.next, rest.previous) == ("hij", None, None)


def test_a_row_that_was_shown_may_be_gone(items: Table[Any]) -> None:
    page = items.list(order_by="name", limit=4)
    items.bulk_delete({"name": "d"})
    assert names(items.list(order_by="name", limit=2, after=page.next)) == "ef"


def test_fields_and_limit_may_change_from_page_to_page(items: Table[Any]) -> None:
    page = items.list(order_by=["-group", "name"], limit=4, fields=["name"])
    assert [set(row) for row in page.records()] == [{"name"}] * 4
    rest = items.list(order_by=["-group", "name"], limit=100, fields=["id"], after=page.next)
    assert [set(row) for row in rest.records()] == [{"id"}] * 6
    assert page.to_arrow().column_names == ["name"]


def test_an_offset_begins_pages_too(items: Table[Any]) -> None:
    page = items.list(order_by="name", limit=3, offset=4)
    assert names(page) == "efg"
    assert names(items.list(order_by="name", limit=3, after=page.next)) == "hij"
    assert names(items.list(order_by="name", limit=3, before=page.previous)) == "bcd"
    behind = items.list(order_by="name", limit=3, offset=10)
    assert (len(behind), behind.next, behind.previous) == (0, None, None)


def test_pages_are_read_inside_a_transaction(db: DataFlow, items: Table[Any]) -> None:
    with db.transaction():
        items.create(name="k")
        page = items.list(order_by="name", limit=9)
        assert names(items.list(order_by="name", limit=9, after=page.next)) == "jk"
    with db.transaction(read_only=True):
        page = items.list(order_by="name", limit=9)
        assert names(items.list(order_by="name", limit=9, after=page.next)) == "jk"


async def test_pages_are_awaited(db: DataFlow) -> None:
    table = fresh(db, Item)
    await table.abulk_create([{"name": name} for name in "abc"])
    page = await table.alist(order_by="-name", limit=2, total="exact")
    assert (names(page), page.total) == ("cb", 3)
    last = await table.alist(order_by="-name", limit=2, after=page.next)
    assert names(last) == "a"
    assert names(await table.alist(order_by="-name", limit=2, before=last.previous)) == "cb"


def test_a_total_is_that_of_all_pages(items: Table[Any]) -> None:
    for limit, offset in ((3, None), (3, 9), (3, 100), (0, None), (None, None), (100, 2)):
        assert items.list(limit=limit, offset=offset, total="exact").total == 10
        assert items.list({"group": 1}, limit=limit, offset=offset, total="exact").total == 3
        assert items.list({"group": 5}, limit=limit, offset=offset, total="exact").total == 0
    page = items.list(limit=9, total="exact")
    last = items.list(limit=9, after=page.next, total="exact")
    assert (len(last), last.total, items.list().total) == (1, 10, None)
    items.bulk_delete({"id": last[0].id})
    assert items.list(limit=9, after=page.next, total="exact").total == 9


def test_an_estimate_is_near_and_a_page_that_is_all_is_exact(database: Database, db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"name": str(at), "group": at % 4} for at in range(4_000)])
    word = {"sqlite": "ANALYZE", "mariadb": f"ANALYZE TABLE {table._model.table} PERSISTENT FOR ALL"}
    bare.execute(database, word.get(database.kind, f"ANALYZE {table._model.table}"))
    for filter, expected in ((None, 4_000), ({"group": 1}, 1_000), ({"id": {"$lte": 400}}, 400)):
        page = table.list(filter, limit=10, total="estimate")
        assert page.total is not None
        assert expected / 2 <= page.total <= expected * 2, (filter, page.total)
        following = table.list(filter, limit=10, after=page.next, total="estimate")
        assert following.total == page.total
    assert table.list({"id": {"$lte": 7}}, total="estimate").total == 7
    assert table.list({"id": -1}, total="estimate").total == 0
    assert table.list(fields=["group"], distinct=True, limit=2, total="estimate").total == 4


def test_distinct_rows_have_pages_and_a_total(items: Table[Any]) -> None:
    found = items.list(fields=["group"], distinct=True, order_by="-group", total="exact")
    assert ([row["group"] for row in found.records()], found.total) == ([1, 0, None], 3)
    page = items.list(fields=["group"], distinct=True, limit=2, total="exact")
    assert ([row["group"] for row in page.records()], page.total) == ([None, 0], 3)
    rest = items.list(fields=["group"], distinct=True, limit=2, after=page.next)
    assert ([row["group"] for row in rest.records()], rest.next) == ([1], None)
    two = items.list({"name": {"$lt": "e"}}, fields=["group", "id"], distinct=True, order_by="group")
    assert [tuple(row.values()) for row in two.records()] == [(1, None), (4, None), (2, 0), (3, 1)]


def test_a_tenant_has_its_own_pages(db: DataFlow) -> None:
    table = fresh(db, Shared)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.bulk_create([{"name": f"{tenant}{at}"} for at in range(5)])
    with db.tenant("a"):
        table.bulk_delete({"name": "a1"})
        page = table.list(order_by="name", limit=2, total="exact")
        assert ([row.name for row in page], page.total) == (["a0", "a2"], 4)
        deleted = table.list(order_by="name", limit=2, include_deleted=True, total="exact")
        assert ([row.name for row in deleted], deleted.total) == (["a0", "a1"], 5)
        with pytest.raises(errors.InvalidCursorError):
            table.list(order_by="name", limit=2, include_deleted=True, after=page.next)
    with db.tenant("b"), pytest.raises(errors.InvalidCursorError):
        table.list(order_by="name", limit=2, after=page.next)


@pytest.mark.parametrize(
    ("given", "error", "path"),
    [
        ({"after": "x", "before": "y"}, errors.InvalidFilterError, "before"),
        ({"after": 5}, errors.InvalidCursorError, "after"),
        ({"before": b"x"}, errors.InvalidCursorError, "before"),
        ({"after": ""}, errors.InvalidCursorError, "after"),
        ({"before": "é"}, errors.InvalidCursorError, "before"),
        ({"after": "x" * 100_000}, errors.InvalidCursorError, "after"),
        ({"after": "x", "offset": 1}, errors.InvalidFilterError, "offset"),
        ({"total": "all"}, errors.InvalidFilterError, "total"),
        ({"total": True}, errors.InvalidFilterError, "total"),
        ({"distinct": True}, errors.InvalidFilterError, "distinct"),
        ({"distinct": 1, "fields": ["name"]}, errors.InvalidOptionError, "distinct"),
        ({"distinct": True, "fields": ["tags"]}, errors.InvalidFilterError, "distinct"),
        ({"distinct": True, "fields": ["name"], "order_by": "id"}, errors.InvalidFilterError, "order_by[0]"),
        ({"order_by": ["name", "-tags"]}, errors.InvalidFilterError, "order_by[1]"),
    ],
    ids=str,
)
def test_list_refuses(items: Table[Any], given: Any, error: type[errors.DataFlowError], path: str) -> None:
    with pytest.raises(error) as caught:
        items.list(**given)
    assert (type(caught.value), caught.value.path) == (error, path)


def test_texts_that_differ_further_than_the_database_sorts_are_refused(database: Database, items: Table[Any]) -> None:
    """MariaDB compares the begin of a text only; the others all of it. Long texts that differ early are in order."""
    longest = "é" * 3_999
    items.bulk_create([{"name": longest + end} for end in "cab"])
    items.create(name="z" * 9_000)
    page = items.list({"name": {"$gte": "é"}}, order_by="-name", limit=2)
    assert [row.name[-1] for row in page] == ["c", "b"]
    found = items.list({"name": {"$gte": "k"}}, order_by="name", limit=None)
    assert [row.name[-1] for row in found] == ["z", "a", "b", "c"]
    items.create(name=longest + "cd")
    given: dict[str, Any] = {"filter": {"name": {"$gte": "é"}}, "order_by": "-name", "fields": ["id"]}
    if database.kind == "mariadb":
        for read in (lambda: items.list(**given, limit=None), lambda: list(items.stream(**given))):
            with pytest.raises(errors.LimitExceededError) as caught:
                read()
            assert caught.value.path == "order_by"
    else:
        found = items.list({"name": {"$gte": "é"}}, order_by="-name", limit=None)
        assert [row.name[3_999:] for row in found] == ["cd", "c", "b", "a"]


LONGEST = "é" * 4_000


def test_a_long_text_at_the_end_of_a_page_or_chunk_is_no_open_order(db: DataFlow, items: Table[Any]) -> None:
    """What stands on both sides of the cut is read, and compared."""
    items.bulk_create([{"name": f"{at:04}{LONGEST}"} for at in range(1_000)])
    given: dict[str, Any] = {"filter": {"name": {"$lt": "9"}}, "order_by": "name", "fields": ["name"]}
    expected = [f"{at:04}" for at in range(1_000)]
    assert [row.name[:4] for row in items.stream(**given)] == expected
    with db.transaction():
        assert [row.name[:4] for row in items.stream(**given)] == expected
    page = items.list(**given, limit=10)
    assert [row.name[:4] for row in page] == expected[:10]
    assert [row.name[:4] for row in items.list(**given, limit=10, after=page.next)] == expected[10:20]


def test_neighbours_in_two_chunks_are_compared(database: Database, items: Table[Any]) -> None:
    items.bulk_create([{"name": LONGEST + f"{at:04}"} for at in range(600)])
    rows = items.stream({"name": {"$gt": "é"}}, order_by="name", fields=["id"])
    if database.kind == "mariadb":
        with pytest.raises(errors.LimitExceededError):
            list(rows)
    else:
        assert [row.id for row in rows] == sorted(row.id for row in items.list({"name": {"$gt": "é"}}, limit=None))


def test_what_an_earlier_field_tells_apart_is_in_order(items: Table[Any]) -> None:
    items.bulk_create([{"group": at, "name": LONGEST + str(9 - at)} for at in range(10)])
    given: dict[str, Any] = {"filter": {"name": {"$gt": "é"}}, "order_by": ["-group", "name"]}
    assert [row.group for row in items.list(**given, limit=None)] == [*range(9, -1, -1)]
    assert [row.group for row in items.list(**given, limit=4)] == [9, 8, 7, 6]
    assert [row.group for row in items.stream(**given)] == [*range(9, -1, -1)]


def test_a_total_needs_no_order(items: Table[Any]) -> None:
    items.bulk_create([{"name": LONGEST + end} for end in "ab"])
    for given in ({}, {"fields": ["name"], "distinct": True}):
        page = items.list({"name": {"$gt": "é"}}, order_by="name", limit=0, total="exact", **given)
        assert (len(page), page.total) == (0, 2)
        page = items.list({"name": {"$gt": "é"}}, order_by="name", limit=5, offset=9, total="exact", **given)
        assert (len(page), page.total) == (0, 2)
