"""`table.where(...)`: what each step says, and the methods that end it."""

import asyncio
from typing import Any

import pytest

from dataflow import DataFlow, Query, Table, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.library import library


class Item:
    name: str
    qty: int = 0
    low: int = 0


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create([{"id": n, "name": f"{n % 3}", "qty": n, "low": 5} for n in range(1, 11)])
    return table


def ids(rows: Any) -> list[int]:
    return [row.id for row in rows]


def test_steps_leave_the_query_before_as_it_is(items: Table[Any]) -> None:
    one = items.where(items.c.qty > 3)
    two = one.where({"name": "1"}, items.c.qty < 9).order_by("-qty").limit(1)
    assert (ids(one), ids(two)) == ([4, 5, 6, 7, 8, 9, 10], [7])
    assert ids(items.where()) == list(range(1, 11))


def test_a_query_is_the_filter_that_it_shows(items: Table[Any]) -> None:
    c = items.c
    query = items.where((c.qty > 3) & (c.name == "1") & ~c.qty.isin([10]), {"low": 5})
    filter = query.to_filter()
    assert filter == {
        "$and": [
            {"$and": [{"qty": {"$gt": 3}}, {"name": {"$eq": "1"}}, {"$not": {"qty": {"$in": [10]}}}]},
            {"low": 5},
        ]
    }
    assert {type(part) for part in (filter, *filter["$and"], *filter["$and"][0]["$and"])} == {dict}
    assert ids(items.list(filter)) == ids(items.where(filter)) == ids(query) == [4, 7]
    assert items.where().to_filter() == {}
    assert items.where(c.qty < 3).to_filter() == (c.qty < 3).to_filter() == {"qty": {"$lt": 3}}


def test_fields_are_compared_with_fields(items: Table[Any]) -> None:
    assert ids(items.where(items.c.qty < items.c.low)) == [1, 2, 3, 4]
    assert ids(items.where(items.c.qty == items.c.low)) == [5]


def test_a_long_chain_is_no_deep_filter(items: Table[Any]) -> None:
    some = items.c.qty == 1
    for number in range(2, 101):
        some = some | (items.c.qty == number)
    assert items.where(some).count() == 10


def test_pages_of_a_query(items: Table[Any]) -> None:
    query = items.where(items.c.qty > 2).order_by("name", "-qty").limit(3)
    first = query.list(total="exact")
    assert (ids(first), first.total) == ([9, 6, 3], 8)
    second = query.list(after=first.next)
    assert (ids(second), ids(query.list(before=second.previous))) == ([10, 7, 4], [9, 6, 3])
    assert ids(query.offset(6)) == [8, 5]


def test_fields_and_distinct_rows(items: Table[Any]) -> None:
    query = items.where().fields("name")
    assert [row.name for row in query.distinct()] == ["0", "1", "2"]
    with pytest.raises(errors.FieldNotLoadedError):
        _ = next(iter(query)).qty


def test_one_row_or_the_first(items: Table[Any]) -> None:
    query = items.where(items.c.name == "1")
    assert (query.first().id, query.order_by("-id").first().id) == (1, 10)
    assert items.where(items.c.qty == 4).one().id == 4
    with pytest.raises(errors.MultipleRowsError):
        query.one()
    none = items.where(items.c.qty == 400)
    assert (none.first(), none.exists(), query.exists(), query.count()) == (None, False, True, 4)
    with pytest.raises(errors.NotFoundError):
        none.one()


def test_a_query_changes_and_deletes_its_rows(items: Table[Any]) -> None:
    query = items.where(items.c.name == "1")
    assert query.update({"$inc": {"qty": 100}}, max_affected=4).updated == 4
    assert query.delete(dry_run=True).matched == query.delete().deleted == 4
    with pytest.raises(errors.UnfilteredWriteError):
        items.where().delete()
    assert items.where().delete(all_rows=True).deleted == 6


@pytest.mark.parametrize("verb", ["update", "delete", "stream", "count"])
@pytest.mark.parametrize("option", ["limit", "offset", "distinct"])
def test_what_would_be_left_out_is_refused(items: Table[Any], verb: str, option: str) -> None:
    query: Query[Any] = items.where(items.c.qty > 0).fields("name")
    query = query.distinct() if option == "distinct" else getattr(query, option)(1)
    with pytest.raises(errors.InvalidFilterError, match=option if verb in ("stream", "count") else "fields"):
        getattr(query, verb)(*([{"qty": 1}] if verb == "update" else []))
    assert items.count({"qty": 1}) == 1


def test_a_query_explains_itself(items: Table[Any]) -> None:
    query = items.where(items.c.qty > 2).order_by("-qty").limit(3)
    told = query.explain()
    assert told.sql == items.explain({"qty": {"$gt": 2}}, order_by="-qty", limit=3).sql
    assert told.missing_index is not None
    assert told.missing_index.fields == ("-qty",)


def test_every_end_has_an_awaited_twin(items: Table[Any]) -> None:
    async def main() -> None:
        query = items.where(items.c.name == "1")
        assert ids(await query.alist()) == [row.id async for row in query] == [1, 4, 7, 10]
        assert [row.id async for row in query.limit(2)] == [1, 4]
        assert [row.id async for row in query.astream()] == [1, 4, 7, 10]
        first = await query.afirst()
        assert first is not None
        assert (await query.aexplain()).sql == query.explain().sql
        assert (first.id, await query.acount(), await query.aexists()) == (1, 4, True)
        assert (await query.where({"qty": 4}).aone()).id == 4
        assert (await query.aupdate({"qty": 0})).updated == 4
        assert (await query.adelete()).deleted == 4

    asyncio.run(main())


def test_soft_deleted_rows_come_on_request(db: DataFlow) -> None:
    books = library(db, soft_delete=True).authors
    books.bulk_create([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
    books.delete(1)
    query = books.where(books.c.name.isin(["a", "b"]))
    assert (ids(query), ids(query.include_deleted()), query.include_deleted().count()) == ([2], [1, 2], 2)


def test_relations_are_reached_by_their_names(db: DataFlow) -> None:
    shelves = library(db)
    shelves.fill()
    books, authors, reviews = shelves.books.c, shelves.authors.c, shelves.reviews.c
    assert ids(shelves.books.where(books.author.name == "Ada")) == [10, 11]
    assert ids(shelves.reviews.where(reviews.book.author.born.exists(False))) == [22, 24]
    assert ids(shelves.authors.where(authors.books.some(books.pages > 100))) == [1, 2]
    assert ids(shelves.authors.where(authors.books.none())) == [4]
    assert ids(shelves.authors.where(authors.books.every(books.pages > 100) & authors.books.some())) == [2]
    assert ids(shelves.reviews.where(reviews.book.author.books.some(books.pages < 85))) == [20, 21]
    assert "author" in dir(books)
    with pytest.raises(errors.UnknownFieldError) as caught:
        _ = books.author.nam
    assert "name" in (caught.value.hint or "")


def test_a_loop_takes_every_row(db: DataFlow) -> None:
    table = fresh(db, Item)
    table.bulk_create([{"name": f"n{n}", "qty": n} for n in range(150)])

    async def awaited(query: Query[Any]) -> int:
        return len([row async for row in query])

    for query, count in (
        (table.where(), 150),
        (table.where().offset(1), 149),
        (table.where().fields("name").distinct(), 150),
        (table.where().limit(120), 120),
        (table.where().limit(None).offset(0), 150),
    ):
        assert (len(list(query)), asyncio.run(awaited(query))) == (count, count)
    assert table.where().limit(None).count() == 150


def test_a_loop_belongs_to_the_place_where_it_is_made(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        table = fresh(db, Item)
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                table.create(name=tenant)
        with db.tenant("a"):
            loops = [iter(table.where()), iter(table.where().limit(5))]
        with db.tenant("b"):
            assert [[row.name for row in loop] for loop in loops] == [["a"], ["a"]]


def test_a_limit_holds_for_every_end(items: Table[Any]) -> None:
    none = items.where().limit(0)
    assert (none.first(), none.exists(), ids(none)) == (None, False, [])
    assert items.where().limit(1).one().id == 1


@pytest.mark.parametrize("filter", [None, True, "", "ab", [], (), [("id", 1)], 5])
def test_what_is_no_filter_is_not_every_row(items: Table[Any], filter: Any) -> None:
    with pytest.raises(errors.InvalidFilterError):
        items.where(filter)
    with pytest.raises(errors.InvalidFilterError):
        items.where({"qty": 1}).where(filter)


def test_a_filter_too_deep_is_refused(items: Table[Any]) -> None:
    deep: dict[str, Any] = {"qty": 1}
    for _ in range(900):
        deep = {"$not": deep}
    with pytest.raises(errors.LimitExceededError):
        items.where(deep).count()
