"""`$lookup`: rows of other models beside those of a pipeline."""

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, Precision, Ref, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.library import Library, library, model, tenant_libraries

OF_AUTHOR = {"from": "", "localField": "author_id", "foreignField": "id", "as": "author"}
OF_BOOKS = {"from": "", "localField": "id", "foreignField": "author_id", "as": "books"}


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shelves(request: pytest.FixtureRequest, database: Database) -> Iterator[Library]:
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        found = library(db)
        found.fill()
        yield found


def author(shelves: Library, **more: Any) -> dict[str, Any]:
    return {"$lookup": OF_AUTHOR | {"from": shelves.authors._model.name} | more}


def books(shelves: Library, *pipeline: dict[str, Any]) -> dict[str, Any]:
    more = {"pipeline": list(pipeline)} if pipeline else {}
    return {"$lookup": OF_BOOKS | {"from": shelves.books._model.name} | more}


def unwound(name: str, keeps: bool = False) -> dict[str, Any]:
    return {"$unwind": {"path": f"${name}", "preserveNullAndEmptyArrays": keeps}}


def found(table: Table[Any], *pipeline: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.aggregate(list(pipeline))]


def test_the_row_that_is_referred_to(shelves: Library) -> None:
    shown = {"$project": {"id": 1, "author.name": 1, "born": "$author.born"}}
    rows = shelves.books.aggregate([author(shelves), {"$unwind": "$author"}, shown])
    assert rows[0] == {"id": 10, "author.name": "Ada", "born": 1815}
    assert [tuple(row.values()) for row in rows] == [
        (10, "Ada", 1815),
        (11, "Ada", 1815),
        (12, "Bert", None),
        (13, "Cleo", 1900),
    ]
    kept = found(shelves.books, author(shelves), unwound("author", keeps=True), shown)
    assert kept[4:] == [(14, None, None)]


def test_all_its_columns_are_there(shelves: Library) -> None:
    row = shelves.books.aggregate([author(shelves), {"$unwind": "$author"}, {"$limit": 1}])[0]
    assert list(row)[-3:] == ["author.id", "author.name", "author.born"]
    assert {name: row[name] for name in ("id", "author_id", "author.id")} == {"id": 10, "author_id": 1, "author.id": 1}


def test_rows_that_refer_to_this_one_come_in_the_order_of_both(shelves: Library) -> None:
    shown = {"$project": {"id": 1, "book": "$books.id"}}
    looked_up = (books(shelves), {"$unwind": "$books"})
    assert found(shelves.authors, *looked_up, shown) == [(1, 10), (1, 11), (2, 12), (3, 13)]
    by_name = {"$sort": {"name": -1}}
    assert found(shelves.authors, by_name, *looked_up, shown) == [(3, 13), (2, 12), (1, 10), (1, 11)]
    ordered = books(shelves, {"$sort": {"id": -1}})
    assert found(shelves.authors, by_name, ordered, {"$unwind": "$books"}, shown) == [
        (3, 13),
        (2, 12),
        (1, 11),
        (1, 10),
    ]


def test_stages_go_on_with_them(shelves: Library) -> None:
    looked_up = (books(shelves), unwound("books", keeps=True))
    grouped = {"$group": {"_id": "$name", "pages": {"$sum": "$books.pages"}, "n": {"$count": {}}}}
    assert found(shelves.authors, *looked_up, grouped, {"$sort": {"pages": -1, "_id": 1}}) == [
        ("Ada", 380, 2),
        ("Bert", 120, 1),
        ("Cleo", 90, 1),
        ("Dora", 0, 1),
    ]
    over = {"$match": {"books.pages": {"$gte": 90}}}
    shown = {"$project": {"x": {"$concat": ["$name", ":", "$books.title"]}}}
    assert [row[0].split(":")[0] for row in found(shelves.authors, *looked_up, over, shown)] == ["Ada", "Bert", "Cleo"]
    assert found(
        shelves.authors, *looked_up, {"$sort": {"books.pages": -1}}, {"$limit": 2}, {"$project": {"books.id": 1}}
    ) == [
        (10,),
        (12,),
    ]
    assert found(shelves.authors, *looked_up, {"$count": "n"}) == [(5,)]


def test_the_rows_of_one_row_have_stages_of_their_own(shelves: Library) -> None:
    longest = books(
        shelves, {"$match": {"pages": {"$gt": 50}}}, {"$sort": {"pages": -1}}, {"$limit": 1}, {"$project": {"pages": 1}}
    )
    shown = {"$project": {"id": 1, "books.pages": 1}}
    assert found(shelves.authors, longest, {"$unwind": "$books"}, shown) == [(1, 300), (2, 120), (3, 90)]
    second = books(shelves, {"$sort": {"pages": -1}}, {"$skip": 1}, {"$limit": 1})
    assert found(shelves.authors, second, unwound("books", keeps=True), shown) == [
        (1, 80),
        (2, None),
        (3, None),
        (4, None),
    ]
    double = books(shelves, {"$set": {"pages": {"$multiply": ["$pages", 2]}}}, {"$match": {"pages": 600}})
    assert found(shelves.authors, double, {"$unwind": "$books"}, shown) == [(1, 600)]
    # They are found by what the field was, not by what a stage made of it.
    other = books(shelves, {"$set": {"author_id": {"$literal": 7}}}, {"$unset": "title"})
    assert found(shelves.authors, other, {"$unwind": "$books"}, {"$project": {"books.author_id": 1}}) == [(7,)] * 4


def test_lookups_in_lookups_and_beside_each_other(shelves: Library) -> None:
    reviews = {
        "$lookup": {
            "from": shelves.reviews._model.name,
            "localField": "id",
            "foreignField": "book_id",
            "as": "reviews",
        }
    }
    inner = books(
        shelves, reviews, {"$unwind": "$reviews"}, {"$sort": {"reviews.stars": -1, "reviews.id": 1}}, {"$limit": 1}
    )
    shown = {"$project": {"name": 1, "books.id": 1, "books.reviews.stars": 1}}
    expected = {
        name: max(
            (review.stars, -review.id)
            for review in shelves.reviews.list()
            for book in shelves.books.list({"author.name": name})
            if review.book_id == book.id
        )[0]
        for name in ("Ada", "Bert", "Cleo")
    }
    rows = shelves.authors.aggregate([inner, {"$unwind": "$books"}, shown])
    assert {row["name"]: row["books.reviews.stars"] for row in rows} == expected
    same = {"$lookup": reviews["$lookup"] | {"localField": "books.id"}}
    flat = shelves.authors.aggregate(
        [books(shelves), {"$unwind": "$books"}, same, {"$unwind": "$reviews"}, {"$count": "n"}]
    )
    assert flat == [{"n": shelves.reviews.count({"book.author.name": {"$exists": True}})}]
    twice = [author(shelves), author(shelves, **{"as": "other"}), {"$unwind": "$other"}, {"$unwind": "$author"}]
    shown = {"$project": {"author.id": 1, "other.id": 1}}
    assert found(shelves.books, *twice, shown) == [(1, 1), (1, 1), (2, 2), (3, 3)]


def test_null_is_nobodys_key(shelves: Library) -> None:
    # Book 14 has no author, and no other book is beside it for that.
    same = {"$lookup": OF_BOOKS | {"from": shelves.books._model.name, "localField": "author_id", "as": "same"}}
    assert found(shelves.books, same, {"$unwind": "$same"}, {"$project": {"id": 1, "same.id": 1}}) == [
        (10, 10),
        (10, 11),
        (11, 10),
        (11, 11),
        (12, 12),
        (13, 13),
    ]


def test_all_of_a_row_beside_this_one_is_called_by_its_name(shelves: Library) -> None:
    beside = (author(shelves), {"$unwind": "$author"}, {"$limit": 1})
    names = [f"author.{name}" for name in ("id", "name", "born")]
    assert list(shelves.books.aggregate([*beside, {"$project": {"author": 1, "id": 1}}])[0]) == [*names, "id"]
    assert "author.id" not in shelves.books.aggregate([*beside, {"$unset": "author"}])[0]
    ada = [{"id": 1, "name": "Ada", "born": 1815}]
    assert list(shelves.books.aggregate([*beside, {"$replaceRoot": {"newRoot": "$author"}}])) == ada
    assert list(shelves.books.aggregate([*beside, {"$replaceWith": "$author"}])) == ada
    with pytest.raises(errors.InvalidPipelineError, match="no row but"):
        shelves.books.aggregate([{"$replaceWith": "$title"}])
    with pytest.raises(errors.UnknownFieldError):
        shelves.books.aggregate([*beside, {"$project": {"auth": 1}}])


def test_a_name_of_the_row_is_replaced(shelves: Library) -> None:
    looked_up = author(shelves, **{"as": "title"})
    row = shelves.books.aggregate([looked_up, {"$unwind": "$title"}, {"$limit": 1}])[0]
    assert "title" not in row
    assert row["title.name"] == "Ada"


def test_rows_of_other_tenants_are_not_there(database: Database) -> None:
    with tenant_libraries(database) as (db, shelves):
        pipeline = [author(shelves), {"$unwind": "$author"}, {"$group": {"_id": "$author.name", "n": {"$sum": 1}}}]
        with db.tenant("a"):
            assert found(shelves.books, *pipeline) == [("Ada", 2), ("Bert", 1), ("Cleo", 1)]
        with db.tenant("b"):
            assert found(shelves.books, *pipeline) == [("Beate", 2), ("Bert", 1), ("Cleo", 1)]
            lists = shelves.books.aggregate([author(shelves), {"$limit": 1}])
            assert [row["name"] for row in lists[0]["author"]] == ["Beate"]


def test_rows_with_tenants_beside_rows_without(db: DataFlow) -> None:
    shelves = library(db)
    shelves.fill()
    tag = model("Tag", {"book_id": Annotated[int, Ref(shelves.books._model.name, related="tags")]})
    tag.__dataflow__ = {"multi_tenant": True}
    tags = db.table(db.model(tag))
    looked_up = {"$lookup": {"from": tags._model.name, "localField": "id", "foreignField": "book_id", "as": "tag"}}
    shown = {"$project": {"id": 1, "tag.id": 1}}
    with db.tenant("b"):
        tags.create(book_id=11)
    with db.tenant("a"):
        tags.create(book_id=10)
        assert [row[0] for row in found(shelves.books, looked_up, {"$unwind": "$tag"}, shown)] == [10]
        kept = found(shelves.books, looked_up, unwound("tag", keeps=True), shown, {"$sort": {"id": 1}})
        assert [(row[0], row[1] is None) for row in kept] == [
            (10, False),
            (11, True),
            (12, True),
            (13, True),
            (14, True),
        ]
        lists = found(shelves.books, looked_up, {"$project": {"id": 1, "tag": 1}})
        assert [len(tags) for _, tags in lists] == [1, 0, 0, 0, 0]
        counted = {"$group": {"_id": None, "n": {"$sum": 1}}}
        assert found(shelves.books, looked_up, unwound("tag", keeps=True), counted) == [(5,)]
    with pytest.raises(errors.MissingTenantError):
        shelves.books.aggregate([looked_up, {"$unwind": "$tag"}])


def test_soft_deleted_rows_are_not_there(db: DataFlow) -> None:
    shelves = library(db, soft_delete=True)
    shelves.fill()
    shelves.authors.delete(1)
    pipeline = [author(shelves), {"$unwind": "$author"}, {"$project": {"id": 1}}]
    assert found(shelves.books, *pipeline) == [(12,), (13,)]
    assert len(shelves.books.aggregate(pipeline, include_deleted=True)) == 2
    assert [len(row["author"]) for row in shelves.books.aggregate([author(shelves)])] == [0, 0, 1, 1, 0]


def test_a_table_is_made_by_the_first_lookup_into_it(db: DataFlow) -> None:
    shelves = library(db)
    rows = shelves.authors.aggregate([books(shelves), {"$unwind": "$books"}])
    assert rows == []
    with db.transaction():
        assert shelves.authors.aggregate([books(shelves), {"$unwind": "$books"}]) == []


def test_keys_of_many_types_find_their_rows(db: DataFlow) -> None:
    left = model("Left", {"price": Annotated[Decimal, Precision(10, 2)], "name": str, "on": bool, "at": float})
    right = model("Right", {"price": Annotated[Decimal, Precision(20, 2)], "name": str, "on": bool, "at": float})
    a, b = db.table(db.model(left)), db.table(db.model(right))
    rows = [{"price": Decimal(at) / 4, "name": f"{at:x}ü", "on": at % 2 == 0, "at": at / 7} for at in range(8)]
    a.bulk_create(rows)
    b.bulk_create(rows)
    for name in ("price", "name", "at"):
        of = {"from": b._model.name, "localField": name, "foreignField": name, "as": "b"}
        pairs = found(a, {"$lookup": of}, {"$unwind": "$b"}, {"$project": {"id": 1, "other": "$b.id"}})
        assert pairs == [(at, at) for at in range(1, 9)], name


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


def test_values_of_the_other_models_own_types_come_back(db: DataFlow) -> None:
    box = db.table(db.model(model("Box", {"size": Size, "sizes": list[Size]})))
    item = db.table(db.model(model("Item", {"box_id": int, "size": Size})))
    box.create(id=1, size=Size.LARGE, sizes=[Size.SMALL])
    item.create(id=2, box_id=1, size=Size.SMALL)
    looked_up = {"from": box._model.name, "localField": "box_id", "foreignField": "id", "as": "box"}
    shown = {"$project": {"size": 1, "box": 1}}
    boxes = [{"id": 1, "size": Size.LARGE, "sizes": [Size.SMALL]}]
    assert list(item.aggregate([{"$lookup": looked_up}, shown])) == [{"size": Size.SMALL, "box": boxes}]
    beside = item.aggregate([{"$lookup": looked_up}, {"$unwind": "$box"}, shown])
    assert list(beside) == [{"size": Size.SMALL, "box.id": 1, "box.size": Size.LARGE, "box.sizes": [Size.SMALL]}]
    grouped = {"$group": {"_id": "$box.size", "n": {"$sum": 1}}}
    assert list(item.aggregate([{"$lookup": looked_up}, {"$unwind": "$box"}, grouped])) == [{"_id": Size.LARGE, "n": 1}]
    again = {"from": item._model.name, "localField": "id", "foreignField": "box_id", "as": "items"}
    inner = looked_up | {"pipeline": [{"$lookup": again}, {"$project": {"items": 1}}]}
    deep = item.aggregate([{"$lookup": inner}, shown])
    items = [{"id": 2, "box_id": 1, "size": Size.SMALL}]
    assert list(deep) == [{"size": Size.SMALL, "box": [{"items": items}]}]


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"from": "Nobody"}, errors.UnknownModelError, "pipeline[0].$lookup.from"),
    ({"localField": "authr_id"}, errors.UnknownFieldError, "pipeline[0].$lookup.localField"),
    ({"foreignField": "idd"}, errors.UnknownFieldError, "pipeline[0].$lookup.foreignField"),
    ({"foreignField": "name"}, errors.InvalidPipelineError, "pipeline[0].$lookup.localField"),
    ({"as": "a.b"}, errors.InvalidPipelineError, "pipeline[0].$lookup.as"),
    ({"as": 3}, errors.InvalidPipelineError, "pipeline[0].$lookup.as"),
    ({"let": {}}, errors.NotBuiltError, "pipeline[0].$lookup.let"),
    ({"form": "x"}, errors.UnknownOperatorError, "pipeline[0].$lookup.form"),
    ({"pipeline": {}}, errors.InvalidPipelineError, "pipeline[0].$lookup.pipeline"),
    ({"pipeline": [{"$match": {"x": 1}}]}, errors.UnknownFieldError, "pipeline[0].$lookup.pipeline[0].$match.x"),
    ({"pipeline": [{"$count": "n"}]}, errors.NotBuiltError, "pipeline[0].$lookup.pipeline[0].$count"),
]


@pytest.mark.parametrize(("more", "error", "path"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_what_is_not_well_formed(db: DataFlow, more: dict[str, Any], error: type[Exception], path: str) -> None:
    shelves = library(db)
    with pytest.raises(error) as caught:
        shelves.books.aggregate([author(shelves, **more), {"$unwind": "$author"}])
    assert caught.value.path == path  # type: ignore[attr-defined]


def test_rows_that_are_not_taken_apart_are_a_list(shelves: Library) -> None:
    shown = {"$project": {"name": 1, "books": 1}}
    longest = books(shelves, {"$sort": {"pages": -1}}, {"$project": {"id": 1, "title": 1}})
    records = shelves.authors.aggregate([longest, shown])
    assert list(records) == [
        {"name": "Ada", "books": [{"id": 10, "title": "Engines"}, {"id": 11, "title": "Notes"}]},
        {"name": "Bert", "books": [{"id": 12, "title": "Looms"}]},
        {"name": "Cleo", "books": [{"id": 13, "title": "Nile"}]},
        {"name": "Dora", "books": []},
    ]
    table = records.to_arrow()
    row = pa.struct([pa.field("id", pa.int64(), nullable=False), pa.field("title", pa.string(), nullable=False)])
    assert table.schema.field("books").type == pa.list_(pa.field("item", row, nullable=False))
    assert table.to_pylist() == list(records)


def test_a_list_of_rows_is_in_the_order_of_texts(shelves: Library) -> None:
    looked_up = books(shelves, {"$sort": {"title": -1}}, {"$project": {"title": 1}})
    rows = shelves.authors.aggregate([looked_up, {"$limit": 1}, {"$project": {"books": 1}}])
    assert list(rows) == [{"books": [{"title": "Notes"}, {"title": "Engines"}]}]


def test_a_list_of_rows_stays_through_other_stages(shelves: Library) -> None:
    looked_up = books(shelves, {"$project": {"id": 1}})
    late = ({"$sort": {"name": -1}}, {"$skip": 2}, {"$limit": 1}, {"$set": {"x": {"$add": ["$born", 1]}}})
    expected = [{"books": [{"id": 12}], "x": None}]
    for stages in ([looked_up, *late], [*late[:3], looked_up, late[3]], [*late, looked_up]):
        rows = shelves.authors.aggregate([*stages, {"$project": {"books": 1, "x": 1}}, {"$limit": 1}])
        assert list(rows) == [{"books": [{"id": 12}], "x": None}] == expected
    assert list(shelves.authors.aggregate([looked_up, {"$count": "n"}])) == [{"n": 4}]
    dropped = shelves.authors.aggregate([looked_up, {"$unset": "books"}])
    assert "books" not in dropped[0]


def test_lists_of_rows_in_lists_of_rows(shelves: Library) -> None:
    reviews = {
        "from": shelves.reviews._model.name,
        "localField": "id",
        "foreignField": "book_id",
        "as": "reviews",
        "pipeline": [{"$sort": {"stars": -1}}, {"$limit": 1}, {"$project": {"stars": 1}}],
    }
    inner = books(shelves, {"$lookup": reviews}, {"$project": {"title": 1, "reviews": 1}})
    rows = list(shelves.authors.aggregate([inner, {"$project": {"books": 1}}, {"$limit": 2}]))
    assert rows == [
        {"books": [{"title": "Engines", "reviews": [{"stars": 5}]}, {"title": "Notes", "reviews": []}]},
        {"books": [{"title": "Looms", "reviews": [{"stars": 4}]}]},
    ]
    flat = shelves.authors.aggregate([inner, {"$unwind": "$books"}, {"$project": {"books.reviews": 1}}, {"$limit": 2}])
    assert list(flat) == [{"books.reviews": [{"stars": 5}]}, {"books.reviews": []}]
    with pytest.raises(errors.NotBuiltError, match=r"books\.reviews|reviews"):
        shelves.authors.aggregate([inner, unwound("books", keeps=True)])


def test_a_list_of_rows_is_asked_nothing_as_it_is(shelves: Library) -> None:
    for stage in (
        {"$match": {"books": None}},
        {"$match": {"$expr": {"$eq": ["$books", None]}}},
        {"$sort": {"books": 1}},
        {"$group": {"_id": "$books"}},
        {"$group": {"_id": None, "n": {"$sum": "$books"}}},
        {"$project": {"x": {"$ifNull": ["$books", 1]}}},
        {"$set": {"x": "$books"}},
        {"$sortByCount": "$books"},
    ):
        with pytest.raises(errors.DataFlowError) as caught:
            shelves.authors.aggregate([books(shelves), stage])
        assert caught.value.path.startswith("pipeline[1]"), caught.value
    with pytest.raises(errors.InvalidPipelineError):
        shelves.authors.aggregate([books(shelves), {"$limit": 1}, {"$unwind": "$books"}])


def test_the_public_looks_into_no_other_model(db: DataFlow) -> None:
    shelves = library(db)
    public = shelves.books.public({"id": True, "author_id": True}, aggregate=True)
    with pytest.raises(errors.InvalidPipelineError, match="public"):
        public.aggregate([author(shelves), {"$unwind": "$author"}])


def test_the_rows_of_a_few_are_found_in_an_index(database: Database) -> None:
    with DataFlow(database.url) as db:
        shelves = library(db)
        shelves.authors.bulk_create({"id": at, "name": f"a{at}"} for at in range(1, 20_001))
        rows = ({"id": at, "title": "t", "pages": at, "author_id": at // 2 + 1} for at in range(40_000))
        shelves.books.bulk_create(rows)
        for table in (shelves.authors, shelves.books):
            bare.execute(database, f"ANALYZE {'TABLE ' if database.kind == 'mariadb' else ''}{table._model.table}")
        few = {"$match": {"id": {"$in": [5, 6]}}}
        for taken in ({"$unwind": "$books"}, unwound("books", keeps=True), {"$limit": 2}):
            told = shelves.authors.explain(pipeline=[few, books(shelves), taken])
            assert told.scanned == (), str(told)
            assert any("author_id" in index for index in told.indexes), str(told)
        assert found(shelves.authors, few, books(shelves), {"$unwind": "$books"}, {"$count": "n"}) == [(4,)]


def test_a_field_may_be_called_as_our_columns_are(db: DataFlow) -> None:
    shelves = library(db)
    shelves.fill()
    odd = db.table(db.model(model("Odd", {"id": int, "r1_0_0": int, "r0_1": int})))
    odd.bulk_create([{"id": 1, "r1_0_0": 2, "r0_1": 3}])
    for own, name in (("r1_0_0", "Bert"), ("r0_1", "Cleo")):
        of = {"from": shelves.authors._model.name, "localField": own, "foreignField": "id", "as": "author"}
        rows = odd.aggregate([{"$lookup": of}])
        assert [author["name"] for author in rows[0]["author"]] == [name]
        assert odd.aggregate([{"$lookup": of}, {"$unwind": "$author"}])[0]["author.name"] == name


def test_the_last_of_one_name_counts(shelves: Library) -> None:
    other = author(shelves, localField="id")
    assert found(shelves.books, other, author(shelves), {"$unwind": "$author"}, {"$count": "n"}) == [(4,)]
    taken = author(shelves, **{"as": "pages"})
    again = author(shelves, localField="pages", **{"as": "other"})
    with pytest.raises(errors.UnknownFieldError) as caught:
        shelves.books.aggregate([taken, again])
    assert caught.value.path == "pipeline[1].$lookup.localField"


def test_names_inside_of_names(shelves: Library) -> None:
    beside = (author(shelves), {"$unwind": "$author"}, {"$limit": 1})
    for shown in ({"author": 1, "author.name": 1}, {"author.name": 1, "author": {"$add": ["$id", 1]}}):
        with pytest.raises(errors.InvalidPipelineError, match="inside"):
            shelves.books.aggregate([*beside, {"$project": shown}])
    replaced = shelves.books.aggregate([*beside, {"$set": {"author": "$id"}}])[0]
    assert (replaced["author"], [name for name in replaced if "." in name]) == (10, [])
    window = {"$setWindowFields": {"sortBy": {"id": 1}, "output": {"author": {"$documentNumber": {}}}}}
    replaced = shelves.books.aggregate([*beside, window])[0]
    assert (replaced["author"], [name for name in replaced if "." in name]) == (1, [])


def test_rows_with_tenants_behind_rows_without(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        plain = model("Plain", {"id": int, "k": int})
        plain.__dataflow__ = {"multi_tenant": False}
        owned = db.table(db.model(model("Owned", {"id": int, "k": int})))
        free = db.table(db.model(plain))
        free.bulk_create([{"id": 1, "k": 7}, {"id": 2, "k": 8}])
        with db.tenant("a"):
            owned.create(id=1, k=7)
        with db.tenant("b"):
            owned.create(id=2, k=7)
        inner = {"from": owned._model.name, "localField": "k", "foreignField": "k", "as": "m"}
        outer = {"from": free._model.name, "localField": "k", "foreignField": "k", "as": "g"}
        outer["pipeline"] = [{"$lookup": inner}, unwound("m", keeps=True)]  # type: ignore[assignment]
        with db.tenant("a"):
            rows = free.aggregate([{"$lookup": outer}, unwound("g", keeps=True), {"$project": {"id": 1, "g.m.id": 1}}])
        assert [tuple(row.values()) for row in rows] == [(1, 1), (2, None)]
        with pytest.raises(errors.MissingTenantError):
            free.aggregate([{"$lookup": inner}, {"$project": {"id": 1}}])


def test_what_a_pipeline_needs_is_counted_with_its_lookups(shelves: Library) -> None:
    def chain(rows: int) -> list[dict[str, Any]]:
        return [{"$set": {"tags": {"$add": ["$id", at]}}} for at in range(rows)]

    most = books(shelves, *({"$match": {"pages": 1}} for _ in range(3)), *chain(45))
    with pytest.raises(errors.LimitExceededError):
        shelves.authors.aggregate([most, {"$unwind": "$books"}, *chain(10)])


def test_one_row_of_many_is_found_by_texts(shelves: Library) -> None:
    one = books(shelves, {"$sort": {"title": 1}}, {"$limit": 1}, {"$match": {"title": "Engines"}})
    assert found(shelves.authors, one, {"$unwind": "$books"}, {"$project": {"books.id": 1}}) == [(10,)]
    same = {"from": shelves.authors._model.name, "localField": "name", "foreignField": "name", "as": "x"}
    same["pipeline"] = [{"$limit": 1}, {"$match": {"name": "Ada"}}]  # type: ignore[assignment]
    assert found(shelves.authors, {"$lookup": same}, {"$unwind": "$x"}, {"$project": {"x.id": 1}}) == [(1,)]


def test_a_stage_that_is_misspelt_within_is_told(shelves: Library) -> None:
    with pytest.raises(errors.UnknownOperatorError, match=r"\$group"):
        shelves.authors.aggregate([books(shelves, {"$grup": {}})])
    with pytest.raises(errors.InvalidPipelineError, match="list of rows"):
        shelves.authors.aggregate([books(shelves), {"$match": {}}, {"$unwind": "$books"}])
