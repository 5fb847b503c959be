"""Filters that ask for rows of other models: `author.name`, and `books` with `$some`, `$every` and `$none`."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, Ref, Table, auto, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import subclass
from tests.integration.library import BOOKS, Library, library, model, tenant_libraries


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shelves(request: pytest.FixtureRequest, database: Database) -> Iterator[Library]:
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        found = library(db)
        found.fill()
        yield found


def ids(table: Table[Any], filter: dict[str, Any], **options: Any) -> list[int]:
    return [row.id for row in table.list(filter, order_by="id", **options)]


ONE: list[tuple[dict[str, Any], list[int]]] = [
    ({"author.name": "Ada"}, [10, 11]),
    ({"author.name": {"$in": ["Bert", "Cleo"]}}, [12, 13]),
    ({"author.name": {"$gt": "Ada", "$lt": "Cleo"}}, [12]),
    # A row without author has no name, like an author whose name is None.
    ({"author.name": {"$ne": "Ada"}}, [12, 13, 14]),
    ({"author.name": None}, [14]),
    ({"author.name": {"$exists": True}}, [10, 11, 12, 13]),
    ({"author.born": None}, [12, 14]),
    ({"author.born": {"$not": {"$lt": 1850}}}, [12, 13, 14]),
    ({"author.born": {"$in": [None, 1900]}}, [12, 13, 14]),
    ({"author.born": {"$nin": [1815]}}, [12, 13, 14]),
    ({"$not": {"author.name": "Ada"}}, [12, 13, 14]),
    ({"$or": [{"author.name": "Ada"}, {"pages": 10}]}, [10, 11, 14]),
    ({"author.name": "Ada", "pages": {"$gt": 100}}, [10]),
]


@pytest.mark.parametrize(("filter", "expected"), ONE, ids=[str(filter) for filter, _ in ONE])
def test_a_field_of_the_row_that_is_referred_to(shelves: Library, filter: dict[str, Any], expected: list[int]) -> None:
    assert ids(shelves.books, filter) == expected
    assert shelves.books.count(filter) == len(expected)
    assert [row.id for row in shelves.books.stream(filter, order_by="id")] == expected


MANY: list[tuple[dict[str, Any], list[int]]] = [
    ({"books": {"$some": {"pages": {"$gt": 100}}}}, [1, 2]),
    ({"books": {"$some": {}}}, [1, 2, 3]),
    ({"books": {"$none": {}}}, [4]),
    ({"books": {"$none": {"title": "Notes"}}}, [2, 3, 4]),
    ({"books": {"$every": {"pages": {"$gt": 100}}}}, [2, 4]),
    ({"books": {"$every": {"pages": {"$gt": 100}}, "$some": {}}}, [2]),
    ({"books": {"$some": {"pages": 80}}, "born": 1815}, [1]),
    # Both of one book, or each of any.
    ({"books": {"$some": {"title": "Notes", "pages": 300}}}, []),
    ({"$and": [{"books": {"$some": {"title": "Notes"}}}, {"books": {"$some": {"pages": 300}}}]}, [1]),
    ({"$nor": [{"books": {"$some": {}}}]}, [4]),
    ({"books": {"$some": {"reviews": {"$some": {"stars": 5}}}}}, [1]),
    ({"books": {"$every": {"reviews": {"$some": {}}}}}, [2, 3, 4]),
    ({"books": {"$some": {"$expr": {"$gt": ["$pages", 200]}}}}, [1]),
]


@pytest.mark.parametrize(("filter", "expected"), MANY, ids=[str(filter) for filter, _ in MANY])
def test_rows_that_refer_to_this_one(shelves: Library, filter: dict[str, Any], expected: list[int]) -> None:
    assert ids(shelves.authors, filter) == expected


def test_a_path_leads_over_several_rows(shelves: Library) -> None:
    assert ids(shelves.reviews, {"book.author.name": "Ada"}) == [20, 21]
    assert ids(shelves.reviews, {"book.author.name": {"$ne": "Ada"}}) == [22, 23, 24]
    assert ids(shelves.reviews, {"book.author.born": None}) == [22, 24]
    assert ids(shelves.reviews, {"book.author.books": {"$some": {"pages": {"$lt": 85}}}}) == [20, 21]
    assert ids(shelves.reviews, {"book.author.books": {"$none": {"pages": {"$lt": 85}}}}) == [22, 23, 24]


def test_a_path_goes_on_in_a_document(shelves: Library) -> None:
    shelves.books.update(10, {"notes": {"shelf": {"row": 3}}})
    assert ids(shelves.reviews, {"book.notes.shelf.row": {"$gte": 3}}) == [20, 21]
    assert ids(shelves.reviews, {"book.notes.shelf.row": {"$exists": False}}) == [22, 23, 24]


def test_pages_go_on_with_such_a_filter(shelves: Library) -> None:
    filter = {"author.name": {"$exists": True}}
    page = shelves.books.list(filter, order_by=["-pages"], limit=3, total="exact")
    assert ([row.id for row in page], page.total) == ([10, 12, 13], 4)
    assert [row.id for row in shelves.books.list(filter, order_by=["-pages"], limit=3, after=page.next)] == [11]


def test_writes_take_such_a_filter(shelves: Library) -> None:
    books, reviews = shelves.books, shelves.reviews
    assert books.bulk_update({"author.name": "Ada"}, {"pages": 7}).updated == 2
    assert books.bulk_update({"author.name": "Ada"}, {"pages": 7}).unchanged == 2
    assert books.bulk_update({"author.name": "Ada"}, {"$inc": {"pages": 1}}).updated == 2
    assert [row.pages for row in books.list(order_by="id")] == [8, 8, 120, 90, 10]
    assert books.update({"author.name": "Bert"}, {"pages": 1}).id == 12
    assert reviews.bulk_delete({"book.author.name": "Ada"}, max_affected=2).deleted == 2
    assert reviews.delete({"book.author.name": "Bert"}) == 1
    assert shelves.authors.bulk_delete({"books": {"$none": {}}}, return_rows=True).deleted == 1


class Node:
    id: int = auto()
    size: int = 0


@pytest.fixture
def nodes(db: DataFlow) -> Table[Any]:
    node = subclass(Node)
    node.__annotations__ = {"parent_id": Annotated[int | None, Ref(node.__name__, related="children")]}
    node.parent_id = None
    table = db.table(db.model(node))
    table.bulk_create([{"id": 1, "size": 5}, {"id": 2, "parent_id": 1}, {"id": 3, "parent_id": 1, "size": 9}])
    return table


def test_rows_of_one_table_are_told_apart(nodes: Table[Any]) -> None:
    assert ids(nodes, {"parent.size": 5}) == [2, 3]
    assert ids(nodes, {"parent.parent.size": None}) == [1, 2, 3]
    assert ids(nodes, {"children": {"$some": {"size": {"$gt": 5}}}}) == [1]
    assert ids(nodes, {"children": {"$some": {"parent.size": 5}}}) == [1]


def test_rows_change_by_other_rows_of_their_table(nodes: Table[Any]) -> None:
    assert nodes.bulk_update({"parent.size": 5}, {"$inc": {"size": 100}}).updated == 2
    assert [row.size for row in nodes.list(order_by="id")] == [5, 100, 109]
    assert nodes.bulk_delete({"parent.size": {"$exists": True}}).deleted == 2


def test_rows_of_other_tenants_are_not_there(database: Database) -> None:
    with tenant_libraries(database) as (db, shelves):
        with db.tenant("b"):
            shelves.books.bulk_update({"id": 12}, {"pages": 1_000})
        with db.tenant("a"):
            assert ids(shelves.authors, {"books": {"$some": {"pages": 1_000}}}) == []
            assert ids(shelves.books, {"author.name": "Beate"}) == []
            assert ids(shelves.books, {"author.name": "Ada"}) == [10, 11]
        with db.tenant("b"):
            assert ids(shelves.books, {"author.name": "Beate"}) == [10, 11]


def test_a_relation_into_a_multi_tenant_model_needs_a_tenant(db: DataFlow) -> None:
    shelves = library(db)
    shelves.fill()
    tag = model("Tag", {"book_id": Annotated[int, Ref(shelves.books._model.name, related="tags")]})
    tag.__dataflow__ = {"multi_tenant": True}
    tags = db.table(db.model(tag))
    with db.tenant("a"):
        tags.create(book_id=10)
        assert ids(shelves.books, {"tags": {"$some": {}}}) == [10]
    with db.tenant("b"):
        assert ids(shelves.books, {"tags": {"$some": {}}}) == []
    with pytest.raises(errors.MissingTenantError):
        shelves.books.list({"tags": {"$some": {}}})


def test_soft_deleted_rows_are_not_there(db: DataFlow) -> None:
    shelves = library(db, soft_delete=True)
    shelves.fill()
    shelves.authors.delete(1)
    assert ids(shelves.books, {"author.name": "Ada"}) == []
    assert ids(shelves.books, {"author.name": None}) == [10, 11, 14]
    # The rows that are asked for, not those that they refer to.
    assert ids(shelves.books, {"author.name": "Ada"}, include_deleted=True) == []
    assert ids(shelves.authors, {"books": {"$some": {}}}, include_deleted=True) == [1, 2, 3]


WRONG: list[tuple[str, dict[str, Any], type[Exception], str, str]] = [
    ("books", {"author": 1}, errors.InvalidFilterError, "filter.author", "author.id"),
    ("books", {"author.$or": [{"name": "Ada"}]}, errors.InvalidFilterError, "filter.author.$or", ""),
    ("books", {"$expr": {"$eq": ["$author.id", "$id"]}}, errors.UnknownFieldError, "filter.$expr.$eq[0]", "itself"),
    ("books", {"author.nam": 1}, errors.UnknownFieldError, "filter.author.nam", "name"),
    ("books", {"authr.name": 1}, errors.UnknownFieldError, "filter.authr.name", "author_id"),
    ("books", {"author.born": "x"}, errors.WrongTypeError, "filter.author.born", ""),
    ("books", {"author.born": {"$like": "x"}}, errors.InvalidFilterError, "filter.author.born.$like", ""),
    ("authors", {"books.pages": 1}, errors.InvalidFilterError, "filter.books.pages", "$some"),
    ("authors", {"books": {}}, errors.InvalidFilterError, "filter.books", "$none"),
    ("authors", {"books": None}, errors.InvalidFilterError, "filter.books", "$none"),
    ("authors", {"books": {"$som": {}}}, errors.UnknownOperatorError, "filter.books.$som", "$some"),
    ("authors", {"books": {"$some": {"page": 1}}}, errors.UnknownFieldError, "filter.books.$some.page", "pages"),
]


@pytest.mark.parametrize(("table", "filter", "error", "path", "fix"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_what_is_not_well_formed(
    shelves: Library, table: str, filter: dict[str, Any], error: type[Exception], path: str, fix: str
) -> None:
    with pytest.raises(error) as caught:
        getattr(shelves, table).list(filter)
    assert isinstance(caught.value, errors.DataFlowError)
    assert caught.value.path == path
    assert fix in (caught.value.hint or "")


def test_relations_nest_within_bounds(nodes: Table[Any]) -> None:
    assert ids(nodes, {".".join(["parent"] * 8 + ["size"]): None}) == [1, 2, 3]
    with pytest.raises(errors.LimitExceededError):
        nodes.list({".".join(["parent"] * 9 + ["size"]): None})
    deep: dict[str, Any] = {"size": 1}
    for _ in range(9):
        deep = {"children": {"$some": deep}}
    with pytest.raises(errors.LimitExceededError):
        nodes.list(deep)


def test_what_is_compared_in_memory_names_fields_of_its_own(shelves: Library) -> None:
    with pytest.raises(errors.InvalidFilterError, match="within"):
        shelves.books.bulk_sync(BOOKS, within={"author.name": "Ada"})


def test_the_table_of_other_rows_is_made_first(database: Database) -> None:
    with DataFlow(database.url) as db:
        shelves = library(db)
        assert ids(shelves.authors, {"books": {"$some": {"reviews": {"$some": {}}}}}) == []


def test_a_table_may_be_called_as_others_are_in_statements(db: DataFlow) -> None:
    holder = type("Holder", (), {"__annotations__": {"name": str}, "__tablename__": "related_1"})
    held = model("Held", {"holder_id": Annotated[int, Ref("Holder", related="items")]})
    holders, items = db.table(db.model(holder)), db.table(db.model(held))
    holders.bulk_create([{"id": n, "name": "x"} for n in (1, 2)])
    items.create(holder_id=1)
    assert ids(holders, {"items": {"$some": {}}}) == [1]
    assert ids(holders, {"items": {"$none": {}}}) == [2]
    holders.bulk_delete({"items": {"$none": {}}})
    assert ids(holders, {}) == [1]


def test_rows_that_change_in_pieces_are_found_before(db: DataFlow) -> None:
    node = subclass(Node)
    node.__annotations__ = {
        "parent_id": Annotated[int | None, Ref(node.__name__, related="children")],
        "meta": dict[str, Any],
    }
    node.parent_id, node.meta = None, {}
    table = db.table(db.model(node))
    rows = ({"id": n, "parent_id": 2} for n in range(3, 11_003))
    table.bulk_create([{"id": 1}, {"id": 2, "parent_id": 1}, *rows])
    filter = {"parent.meta.done": {"$exists": False}, "parent_id": {"$exists": True}}
    assert table.bulk_update(filter, {"$set": {"meta.done": True}}).updated == 11_001
    assert table.count({"meta.done": True}) == 11_001


@pytest.mark.parametrize("filter", [{"books": {"$every": {}}}, {"books": {"$every": {"$nor": [{"$or": []}]}}}])
def test_what_is_true_of_all_rows_is_no_filter_of_a_write(shelves: Library, filter: dict[str, Any]) -> None:
    for write in (shelves.authors.bulk_delete, lambda filter: shelves.authors.bulk_update(filter, {"born": 1})):
        with pytest.raises(errors.UnfilteredWriteError):
            write(filter)
    assert shelves.authors.count() == 4


def test_relations_of_a_filter_are_bounded(shelves: Library) -> None:
    part = {"author.name": {"$gte": "A"}}
    assert shelves.books.count({"$and": [part] * 50}) == 4
    with pytest.raises(errors.LimitExceededError, match="50"):
        shelves.books.count({"$and": [part] * 51})


@pytest.mark.parametrize("filter", [{"author.name": "Ada"}, {"reviews": {"$some": {}}}, {"reviews": {"$none": {}}}])
def test_other_rows_are_not_public(shelves: Library, filter: dict[str, Any]) -> None:
    assert shelves.books.count(filter) < len(BOOKS)
    public = shelves.books.public({"title": True, "author_id": True})
    with pytest.raises(errors.UnknownFieldError) as caught:
        public.list(filter)
    assert "Ada" not in str(caught.value)
    assert "name" not in (caught.value.hint or "")


def test_other_rows_are_looked_up(database: Database, db: DataFlow) -> None:
    shelves = library(db)
    shelves.authors.bulk_create([{"id": n, "name": f"a{n}"} for n in range(1, 2_001)])
    shelves.books.bulk_create([{"title": "x", "pages": n, "author_id": n // 10 + 1} for n in range(20_000)])
    for table in (shelves.authors, shelves.books):
        bare.execute(database, f"ANALYZE {'TABLE ' if database.kind == 'mariadb' else ''}{table._model.table}")
    for table, filter in (
        (shelves.books, {"id": {"$lte": 5}, "author.name": {"$gt": "a"}}),
        (shelves.authors, {"id": {"$lte": 5}, "books": {"$some": {"pages": {"$gt": 0}}}}),
        (shelves.authors, {"id": {"$lte": 5}, "books": {"$none": {"pages": {"$lt": 0}}}}),
    ):
        told = table.explain(filter, operation="count")
        assert told.scanned == (), str(told)
