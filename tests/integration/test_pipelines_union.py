"""`$unionWith`: rows of other models behind those of a pipeline."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Precision, Table, errors
from tests.database import Database
from tests.integration.library import Library, library, model, tenant_libraries

NAMES = {"$project": {"name": 1}}
TITLES = {"$project": {"name": "$title"}}


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shelves(request: pytest.FixtureRequest, database: Database) -> Iterator[Library]:
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        found = library(db)
        found.fill()
        yield found


def union(table: Table[Any], *pipeline: dict[str, Any]) -> dict[str, Any]:
    return {"$unionWith": {"coll": table._model.name, "pipeline": list(pipeline)}}


def found(table: Table[Any], *pipeline: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in table.aggregate(list(pipeline))]


def test_the_rows_of_this_side_come_first_each_side_in_its_order(shelves: Library) -> None:
    rows = shelves.authors.aggregate([NAMES, union(shelves.books, TITLES)])
    assert list(rows[:5]) == [{"name": name} for name in ("Ada", "Bert", "Cleo", "Dora", "Engines")]
    ours = [("Dora",), ("Cleo",), ("Bert",), ("Ada",)]
    theirs = [("Found",), ("Nile",), ("Looms",), ("Notes",), ("Engines",)]
    sides = (shelves.authors, {"$sort": {"id": -1}}, NAMES, union(shelves.books, {"$sort": {"id": -1}}, TITLES))
    assert found(*sides) == ours + theirs
    assert found(*sides, {"$skip": 3}, {"$limit": 2}) == [("Ada",), ("Found",)]
    least = (shelves.authors, {"$sort": {"name": -1}}, {"$limit": 1}, NAMES)
    assert found(*least, union(shelves.books, {"$sort": {"pages": 1}}, {"$limit": 2}, TITLES)) == [
        ("Dora",),
        ("Found",),
        ("Notes",),
    ]


def test_a_field_that_a_side_does_not_have_is_null_there(shelves: Library) -> None:
    short = {"$project": {"id": 1, "name": 1, "born": 1}}
    other = union(shelves.books, {"$match": {"id": {"$lt": 12}}}, {"$project": {"pages": 1, "id": 1}})
    rows = shelves.authors.aggregate([{"$match": {"id": {"$lte": 2}}}, short, other])
    assert list(rows) == [
        {"id": 1, "name": "Ada", "born": 1815, "pages": None},
        {"id": 2, "name": "Bert", "born": None, "pages": None},
        {"id": 10, "name": None, "born": None, "pages": 300},
        {"id": 11, "name": None, "born": None, "pages": 80},
    ]
    assert all(rows.to_arrow().schema.field(name).nullable for name in ("name", "born", "pages"))
    assert not rows.to_arrow().schema.field("id").nullable


def test_all_of_a_table_by_its_name(shelves: Library) -> None:
    rows = shelves.authors.aggregate([{"$unionWith": shelves.reviews._model.name}])
    assert len(rows) == 9
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 20, 21, 22, 23, 24]
    assert [row["stars"] for row in rows] == [None] * 4 + [5, 2, 4, 1, 5]
    again = shelves.authors.aggregate([{"$unionWith": shelves.authors._model.name}])
    assert [row["id"] for row in again] == [1, 2, 3, 4, 1, 2, 3, 4]


def test_stages_go_on_with_both(shelves: Library) -> None:
    both = (shelves.authors, NAMES, union(shelves.books, TITLES))
    assert found(*both, {"$match": {"name": {"$gte": "D"}}}, {"$sort": {"name": -1}}) == [
        ("Notes",),
        ("Nile",),
        ("Looms",),
        ("Found",),
        ("Engines",),
        ("Dora",),
    ]
    assert found(*both, {"$count": "n"}) == [(9,)]
    assert found(*both, {"$group": {"_id": None, "n": {"$sum": 1}, "last": {"$max": "$name"}}}) == [(9, "Notes")]
    first = {"$group": {"_id": {"$substrCP": ["$name", 0, 1]}, "n": {"$sum": 1}}}
    assert found(*both, first, {"$match": {"n": 2}}) == [("N", 2)]
    shown = {"$project": {"x": {"$concat": ["$name", "!"]}}}
    assert found(*both, shown, {"$limit": 1}) == [("Ada!",)]
    assert found(*both, union(shelves.authors, {"$limit": 1}, NAMES), {"$sortByCount": "$name"}, {"$limit": 1}) == [
        ("Ada", 2)
    ]
    placed = {"$setWindowFields": {"sortBy": {"name": 1}, "output": {"at": {"$documentNumber": {}}}}}
    assert found(*both, placed, {"$limit": 2}) == [("Ada", 1), ("Bert", 2)]
    assert {name for (name,) in found(*both, {"$sample": {"size": 9}})} == {name for (name,) in found(*both)}
    ordered = {"$group": {"_id": None, "all": {"$push": "$name"}}}
    assert found(*both, {"$sort": {"name": -1}}, {"$limit": 2}, {"$sort": {"name": 1}}, ordered) == [
        (["Nile", "Notes"],)
    ]
    with pytest.raises(errors.InvalidPipelineError, match=r"\$sort"):
        found(*both, ordered)


def test_groups_and_cut_rows_of_both_sides(shelves: Library) -> None:
    counted = {"$group": {"_id": "$author_id", "n": {"$sum": 1}}}
    starred = {"$group": {"_id": "$stars", "n": {"$sum": 1}}}
    assert found(shelves.books, counted, union(shelves.reviews, starred, {"$sort": {"n": -1}}, {"$limit": 1})) == [
        (None, 1),
        (1, 2),
        (2, 1),
        (3, 1),
        (5, 2),
    ]
    total = {"$group": {"_id": None, "n": {"$sum": "$pages"}}}
    assert found(shelves.books, total, union(shelves.reviews, {"$count": "n"})) == [(600,), (5,)]
    none = {"$match": {"id": -1}}
    assert found(shelves.books, none, total, union(shelves.reviews, none, {"$count": "n"})) == []
    assert found(shelves.books, none, NAMES | TITLES, union(shelves.authors, {"$limit": 1}, NAMES)) == [("Ada",)]
    assert found(shelves.authors, {"$limit": 1}, NAMES, union(shelves.books, none, TITLES)) == [("Ada",)]


def test_unions_in_unions_and_many(shelves: Library) -> None:
    inner = union(shelves.books, TITLES, union(shelves.authors, {"$match": {"id": 4}}, NAMES), {"$skip": 4})
    assert found(shelves.authors, {"$limit": 1}, NAMES, inner) == [("Ada",), ("Found",), ("Dora",)]
    many = [union(shelves.authors, {"$skip": at % 4}, {"$limit": 1}, NAMES) for at in range(16)]
    names = ["Ada", "Bert", "Cleo", "Dora"]
    assert found(shelves.authors, {"$limit": 1}, NAMES, *many) == [("Ada",)] + [(names[at % 4],) for at in range(16)]


def test_lookups_before_behind_and_within(shelves: Library) -> None:
    of = {"from": shelves.authors._model.name, "localField": "author_id", "foreignField": "id", "as": "author"}
    beside = ({"$lookup": of}, {"$unwind": "$author"}, {"$project": {"id": 1, "author.name": 1}})
    few = {"$match": {"id": {"$in": [12, 13]}}}
    assert found(shelves.books, *beside, {"$limit": 1}, union(shelves.books, few, *beside)) == [
        (10, "Ada"),
        (12, "Bert"),
        (13, "Cleo"),
    ]
    both = (shelves.books, {"$limit": 1}, union(shelves.books, few))
    assert found(*both, *beside) == [(10, "Ada"), (12, "Bert"), (13, "Cleo")]
    lists = ({"$lookup": of | {"pipeline": [NAMES]}}, {"$project": {"id": 1, "author": 1}})
    assert found(*both, *lists) == [(10, [{"name": "Ada"}]), (12, [{"name": "Bert"}]), (13, [{"name": "Cleo"}])]
    for sides in ((*lists, union(shelves.books)), (union(shelves.books, *lists),)):
        with pytest.raises(errors.NotBuiltError, match="author"):
            found(shelves.books, *sides)
    with pytest.raises(errors.NotBuiltError, match="unionWith"):
        found(shelves.books, {"$lookup": of | {"pipeline": [union(shelves.authors)]}})


def test_rows_of_other_tenants_are_not_there(database: Database) -> None:
    with tenant_libraries(database) as (db, shelves):
        with db.tenant("b"):
            shelves.reviews.delete(24)
            shelves.books.delete(14)
        both = (NAMES, union(shelves.books, TITLES))
        for tenant, count, first in (("a", 9, "Ada"), ("b", 8, "Beate")):
            with db.tenant(tenant):
                rows = found(shelves.authors, *both)
                assert (len(rows), rows[0]) == (count, (first,))
                assert found(shelves.authors, *both, {"$count": "n"}) == [(count,)]
        with pytest.raises(errors.MissingTenantError):
            found(shelves.authors, *both)


def test_rows_with_tenants_behind_rows_without(db: DataFlow) -> None:
    shelves = library(db)
    shelves.fill()
    tag = model("Tag", {"name": str})
    tag.__dataflow__ = {"multi_tenant": True}
    tags = db.table(db.model(tag))
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            tags.create(id=1, name=tenant)
    with db.tenant("b"):
        one = {"$limit": 1}
        assert found(shelves.authors, one, NAMES, union(tags, NAMES)) == [("Ada",), ("b",)]
        assert found(tags, NAMES, union(shelves.authors, one, NAMES)) == [("b",), ("Ada",)]
        assert found(tags, union(shelves.authors), {"$count": "n"}) == [(5,)]
        assert found(shelves.authors, union(tags), {"$group": {"_id": None, "n": {"$sum": 1}}}) == [(5,)]
    for pipeline in ((tags, union(shelves.authors)), (shelves.authors, union(tags))):
        with pytest.raises(errors.MissingTenantError):
            found(*pipeline)


def test_soft_deleted_rows_are_not_there(db: DataFlow) -> None:
    shelves = library(db, soft_delete=True)
    shelves.fill()
    shelves.authors.delete(1)
    shelves.books.delete(10)
    pipeline = [NAMES, union(shelves.books, TITLES), {"$count": "n"}]
    assert found(shelves.authors, *pipeline) == [(7,)]
    assert shelves.authors.aggregate(pipeline, include_deleted=True) == [{"n": 8}]


def test_a_table_is_made_by_the_first_union_with_it(db: DataFlow) -> None:
    shelves = library(db)
    assert found(shelves.authors, NAMES, union(shelves.books, TITLES)) == []


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Other(Enum):
    SMALL = "s"
    LARGE = "l"


EVERY = {
    "on": bool,
    "n": int,
    "x": float,
    "price": Annotated[Decimal, Precision(10, 2)],
    "name": Annotated[str, MaxLength(9)],
    "data": bytes,
    "uid": UUID,
    "at": datetime,
    "day": date,
    "hour": time,
    "span": timedelta,
    "size": Size,
    "sizes": list[Size],
    "tags": list[str],
    "doc": dict[str, Any],
}


def every(at: int) -> dict[str, Any]:
    return {
        "on": at % 2 == 0,
        "n": 2**62 + at,
        "x": at / 7,
        "price": Decimal(at) / 4,
        "name": f"ü{at}",
        "data": bytes([0, 255, at]),
        "uid": UUID(int=at),
        "at": datetime(2024, 5, 17, 23, 59, 58, at, tzinfo=UTC),
        "day": date(2024, 5, at),
        "hour": time(1, 2, 3, at),
        "span": timedelta(microseconds=at),
        "size": Size.LARGE,
        "sizes": [Size.SMALL, Size.LARGE],
        "tags": ["b", "a"],
        "doc": {"a": [at]},
    }


def test_values_of_every_type_come_back_from_both_sides(db: DataFlow) -> None:
    wide = EVERY | {"price": Annotated[Decimal, Precision(30, 2)], "name": str}
    left, right = (db.table(db.model(model(name, hints))) for name, hints in (("Left", EVERY), ("Right", wide)))
    left.create(id=1, **every(1))
    right.create(id=1, **every(2))
    right.create(id=2, **every(3) | {"price": Decimal("9" * 28 + ".25"), "name": "n" * 300})
    expected = [{"id": 1, **every(1)}, {"id": 1, **every(2)}]
    last = {"id": 2, **every(3), "price": Decimal("9" * 28 + ".25"), "name": "n" * 300}
    assert list(left.aggregate([union(right)])) == [*expected, last]
    assert list(right.aggregate([{"$limit": 1}, union(left)])) == expected[::-1]
    for name in EVERY:
        kept, other = {"$project": {"id": 1, name: 1}}, {"$project": {"id": 1}}
        alone = [{"id": 1, name: every(1)[name]}, {"id": 1, name: None}]
        assert list(left.aggregate([kept, union(left, other)])) == alone, name
        assert [dict(row) for row in left.aggregate([other, union(left, kept)])] == alone[::-1], name


def test_values_that_python_reads_differently_are_no_one_field(db: DataFlow) -> None:
    left = db.table(db.model(model("Left", {"size": Size, "name": str})))
    right = db.table(db.model(model("Right", {"size": Other, "name": str})))
    left.create(id=1, size=Size.SMALL, name="a")
    right.create(id=1, size=Other.LARGE, name="b")
    with pytest.raises(errors.InvalidPipelineError, match="size") as caught:
        left.aggregate([union(right)])
    assert caught.value.path == "pipeline"
    rows = left.aggregate([union(right, {"$project": {"id": 1, "name": 1}})])
    assert [row["size"] for row in rows] == [Size.SMALL, None]
    rows = left.aggregate([{"$project": {"name": 1}}, union(right, {"$project": {"size": 1}})])
    assert [row["size"] for row in rows] == [None, Other.LARGE]


def test_literals_of_both_sides(shelves: Library) -> None:
    def of(kind: str, value: Any) -> dict[str, Any]:
        return {"$project": {"kind": {"$literal": kind}, "value": {"$literal": value}}}

    for one, other in ((1, 2**40), (0.5, 1e300), (True, False), ("a", "b" * 400)):
        rows = found(
            shelves.authors, {"$limit": 1}, of("x", one), union(shelves.books, {"$limit": 1}, of("a long kind", other))
        )
        assert rows == [("x", one), ("a long kind", other)]
        assert [type(row[1]) for row in rows] == [type(one), type(other)]


WRONG: list[tuple[Any, type[Exception], str]] = [
    (3, errors.InvalidPipelineError, "pipeline[0].$unionWith"),
    ({}, errors.InvalidPipelineError, "pipeline[0].$unionWith"),
    ("Nobody", errors.UnknownModelError, "pipeline[0].$unionWith"),
    ({"coll": "Nobody"}, errors.UnknownModelError, "pipeline[0].$unionWith.coll"),
    ({"coll": 3}, errors.InvalidPipelineError, "pipeline[0].$unionWith.coll"),
    ({"col": "x"}, errors.UnknownOperatorError, "pipeline[0].$unionWith.col"),
    ({"pipeline": {}}, errors.InvalidPipelineError, "pipeline[0].$unionWith.pipeline"),
    ({"pipeline": [{"$match": {"x": 1}}]}, errors.UnknownFieldError, "pipeline[0].$unionWith.pipeline[0].$match.x"),
    ({"pipeline": [{"$project": {"pages": "$name"}}]}, errors.InvalidPipelineError, "pipeline[0].$unionWith"),
]


@pytest.mark.parametrize(("given", "error", "path"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_what_is_not_well_formed(db: DataFlow, given: Any, error: type[Exception], path: str) -> None:
    shelves = library(db)
    if isinstance(given, dict) and "pipeline" in given:
        given = {"coll": shelves.authors._model.name} | given
    with pytest.raises(error) as caught:
        shelves.books.aggregate([{"$unionWith": given}])
    assert caught.value.path == path  # type: ignore[attr-defined]


def test_another_type_is_told_with_both(db: DataFlow) -> None:
    shelves = library(db)
    with pytest.raises(
        errors.InvalidPipelineError, match="`pages` is int here, and str of at most 20 characters there"
    ):
        shelves.books.aggregate([union(shelves.authors, {"$project": {"pages": "$name"}})])


def test_one_field_is_no_row_there(shelves: Library) -> None:
    of = {"from": shelves.authors._model.name, "localField": "author_id", "foreignField": "id", "as": "title"}
    with pytest.raises(errors.InvalidPipelineError, match=r"title\."):
        found(shelves.books, union(shelves.books, {"$lookup": of}, {"$unwind": "$title"}))


def test_the_public_has_no_other_model(db: DataFlow) -> None:
    shelves = library(db)
    public = shelves.books.public({"id": True}, aggregate=True)
    with pytest.raises(errors.InvalidPipelineError, match="public"):
        public.aggregate([union(shelves.authors)])


def test_it_is_explained(shelves: Library) -> None:
    told = shelves.authors.explain(pipeline=[{"$match": {"id": 1}}, union(shelves.books, {"$match": {"id": 10}})])
    assert "UNION ALL" in told.sql
    assert told.scanned == (), str(told)


def test_the_columns_have_names_of_their_own(db: DataFlow) -> None:
    odd = db.table(db.model(model("Odd", {"id": int, "r1u0": int, "s1u": int, "r0_1": int})))
    row = {"id": 1, "r1u0": 2, "s1u": 3, "r0_1": 4}
    odd.bulk_create([row])
    assert list(odd.aggregate([union(odd), {"$match": {"r1u0": 2}}])) == [row, row]
