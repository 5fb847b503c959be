"""`include=`: the rows of other models that come with each row, in one statement."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from pydantic import BaseModel
from pydantic import Field as PydanticField

from dataflow import DataFlow, Ref, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import subclass
from tests.integration.library import Library, library, model
from tests.integration.nodes import Nodes
from tests.integration.statements import Statements


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shelves(request: pytest.FixtureRequest, database: Database) -> Iterator[Library]:
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        found = library(db)
        found.fill()
        yield found


def test_the_row_that_is_referred_to_comes_along(shelves: Library) -> None:
    rows = shelves.books.list(order_by="id", include="author")
    assert [row.author and row.author.name for row in rows] == ["Ada", "Ada", "Bert", "Cleo", None]
    assert type(rows[0].author) is shelves.authors._cls
    record = rows.records()[0]
    assert record["author"] == {"id": 1, "name": "Ada", "born": 1815}
    assert record["title"] == "Engines"
    assert rows.records()[4]["author"] is None
    assert rows.to_arrow().column("author").to_pylist()[2] == {"id": 2, "name": "Bert", "born": None}


def test_rows_that_refer_to_this_one_come_along(shelves: Library) -> None:
    rows = shelves.authors.list(order_by="-id", include=["books"])
    assert [[book.title for book in row.books] for row in rows] == [[], ["Nile"], ["Looms"], ["Engines", "Notes"]]
    titles = [[book["title"] for book in books] for books in rows.to_arrow().column("books").to_pylist()]
    assert titles == [[], ["Nile"], ["Looms"], ["Engines", "Notes"]]
    assert len(rows.to_pandas()) == 4


def test_filter_order_limit_and_fields_are_of_the_relation(shelves: Library) -> None:
    def titles(**parts: Any) -> list[list[str]]:
        rows = shelves.authors.list(order_by="id", limit=2, include={"books": parts})
        return [[book.title for book in row.books] for row in rows]

    assert titles(filter={"pages": {"$lt": 200}}) == [["Notes"], ["Looms"]]
    assert titles(order_by="-title") == [["Notes", "Engines"], ["Looms"]]
    assert titles(order_by=["pages"], limit=1) == [["Notes"], ["Looms"]]
    assert titles(limit=0) == [[], []]
    assert titles(filter={"reviews": {"$some": {"stars": {"$gte": 4}}}}) == [["Engines"], ["Looms"]]
    book = shelves.authors.list(order_by="id", include={"books": {"fields": ["title"]}})[0].books[0]
    assert book.title == "Engines"
    with pytest.raises(errors.FieldNotLoadedError):
        book.pages  # noqa: B018


def test_relations_of_relations_come_along(shelves: Library) -> None:
    include = {"books": {"order_by": "-id", "include": {"reviews": {"order_by": "-stars"}, "author": True}}}
    ada = shelves.authors.list({"name": "Ada"}, include=include)[0]
    assert [(book.id, [review.stars for review in book.reviews]) for book in ada.books] == [(11, []), (10, [5, 2])]
    assert {book.author.name for book in ada.books} == {"Ada"}


def test_pages_go_on_with_other_rows(shelves: Library) -> None:
    page = shelves.books.list(order_by="-pages", limit=2, include="reviews", fields=["title"], total="exact")
    assert ([row.title for row in page], page.total) == (["Engines", "Looms"], 5)
    page = shelves.books.list(order_by="-pages", limit=2, include="author", after=page.next)
    assert [(row.title, row.author.name) for row in page] == [("Nile", "Cleo"), ("Notes", "Ada")]
    page = shelves.books.list(order_by="-pages", limit=2, include="author", before=page.previous)
    assert [(row.title, row.author.name) for row in page] == [("Engines", "Ada"), ("Looms", "Bert")]


def test_it_is_one_statement(database: Database) -> None:
    with DataFlow(database.url) as db:
        found = library(db)
        found.fill()
        include = {"author": {"include": "books"}, "reviews": True}
        found.books.list(include=include)
        sent = Statements(db)
        assert len(found.books.list(include=include)) == 5
        assert sent.of(found.authors) == ["read"]
        assert found.books.explain(include=include).sql.count("SELECT") >= 4


def test_queries_and_nodes_have_it_too(shelves: Library) -> None:
    query = shelves.authors.where({"name": "Ada"}).include({"books": {"order_by": "id"}})
    assert [book.id for book in query.one().books] == [10, 11]
    assert [book.id for row in query for book in row.books] == [10, 11]
    with pytest.raises(errors.InvalidFilterError):
        query.stream()


async def test_one_row_has_it_too(shelves: Library) -> None:
    ada = shelves.authors.read(1, include={"books": {"order_by": "-pages", "include": "reviews"}})
    assert [(book.title, len(book.reviews)) for book in ada.books] == [("Engines", 2), ("Notes", 0)]
    assert (await shelves.books.aread(14, include="author")).author is None
    read = Nodes(shelves.books).run("Read", {"key": 12, "include": ["author"]})
    assert read["author"] == {"id": 2, "name": "Bert", "born": None}
    with pytest.raises(errors.UnknownFieldError, match="authr"):
        shelves.books.read(12, include="authr")


def test_an_order_by_texts_is_of_the_relation_too(shelves: Library) -> None:
    shelves.books.bulk_update({"author_id": 1}, {"title": "x" * 5_000})
    rows = shelves.authors.list({"id": 2}, include={"books": {"order_by": "title", "limit": 1}})
    assert [book.id for book in rows[0].books] == [12]


def test_another_tenant_and_deleted_rows_stay_away(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        found = library(db, soft_delete=True)
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                found.fill()
        with db.tenant("a"):
            found.books.delete(11)
            found.authors.delete(3)
            rows = found.authors.list({"id": 1}, include={"books": {"include": "reviews"}})
            assert [book.id for book in rows[0].books] == [10]
            assert [review.id for review in rows[0].books[0].reviews] == [20, 21]
            assert found.books.read(13).author_id == 3
            assert found.books.list({"id": 13}, include="author")[0].author is None


def test_what_is_no_relation_is_refused(shelves: Library) -> None:
    with pytest.raises(errors.UnknownFieldError) as caught:
        shelves.books.list(include="autor")
    assert caught.value.path == "include.autor"
    assert "author" in str(caught.value.hint)
    refused: list[Any] = [5, {"author": 1}, {"author": {"limit": 1}}, {"reviews": {"limt": 1}}, [1]]
    for include in refused:
        with pytest.raises(errors.InvalidFilterError):
            shelves.books.list(include=include)
    deep: Any = True
    for name in ("author", "books", "author", "books", "author"):
        deep = {name: {"include": deep} if deep is not True else True}
    with pytest.raises(errors.InvalidFilterError):
        shelves.books.list(include=deep)
    with pytest.raises(errors.InvalidFilterError):
        shelves.books.list(include="author", fields=["title"], distinct=True)
    with pytest.raises(errors.InvalidOptionError):
        shelves.books.public({"title": True}).list(include="author")


def test_many_long_rows_come_whole(database: Database) -> None:
    with DataFlow(database.url) as db:
        found = library(db)
        found.authors.create(id=1, name="Ada")
        text = 'é"\\\n☃' * 100
        found.books.bulk_create(
            [{"id": at, "title": f"{at}{text}", "pages": -at, "author_id": 1} for at in range(1, 5001)]
        )
        books = found.authors.list(include={"books": {"order_by": "pages"}})[0].books
        assert [book.title for book in books] == [f"{at}{text}" for at in range(5000, 0, -1)]


def test_a_planted_row_of_another_tenant_does_not_come(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        found = library(db)
        with db.tenant("a"):
            found.fill()
        table = found.reviews._model.table
        columns = '"tenant_id", "id", "book_id", "stars"'
        with db.tenant("b"):
            found.authors.create(id=1, name="Eve")
            found.books.create(id=10, title="Other", pages=1, author_id=1)
        bare.execute(database, f"INSERT INTO {table} ({columns}) VALUES ('b', 99, 10, 1)")
        with db.tenant("a"):
            assert [row.id for row in found.books.list({"id": 10}, include="reviews")[0].reviews] == [20, 21]


def test_ints_and_uuids_of_other_rows_stay_what_they_are_in_pandas(db: DataFlow) -> None:
    parent = model("Parent", {"id": int})
    hints = {"id": int, "big": int | None, "of": UUID, "all": list[UUID]}
    child = model("Child", hints | {"parent_id": Annotated[int | None, Ref(parent.__name__, related="children")]})
    parents, children = db.table(db.model(parent)), db.table(db.model(child))
    parents.bulk_create([{"id": 2**53 + 1}, {"id": 2}])
    one = UUID(int=7)
    rows = [
        {"id": at, "big": big, "of": one, "all": [one], "parent_id": 2**53 + 1}
        for at, big in ((1, 2**53 + 1), (2, None))
    ]
    children.bulk_create([*rows, {"id": 3, "big": None, "of": one, "all": [], "parent_id": None}])
    frame = children.list(order_by="id", include="parent").to_pandas()
    assert list(frame["parent"]) == [{"id": 2**53 + 1}, {"id": 2**53 + 1}, None]
    expected = [{"id": 1, "big": 2**53 + 1}, {"id": 2, "big": None}]
    found = parents.list(order_by="-id", include={"children": {"order_by": "id"}}).to_pandas()["children"]
    assert [[{name: row[name] for name in ("id", "big")} for row in rows] for rows in found] == [expected, []]
    assert [(row["of"], row["all"]) for row in found[0]] == [(one, [one])] * 2


class Shown(BaseModel):
    id: int
    name: Annotated[str, PydanticField(max_length=20)]
    __dataflow__: ClassVar[dict[str, Any]] = {}

    def model_post_init(self, _: Any) -> None:
        self.__dict__["loud"] = self.name.upper()


def test_no_instance_is_made_of_a_row_that_is_not_there(db: DataFlow) -> None:
    shown = db.table(db.model(subclass(Shown)))
    of = model("Of", {"shown_id": Annotated[int | None, Ref(shown._model.name)]})
    table = db.table(db.model(of))
    shown.create(id=1, name="a")
    table.bulk_create([{"shown_id": 1}, {"shown_id": None}])
    rows = table.list(order_by="id", include="shown")
    assert [row.shown and row.shown.loud for row in rows] == ["A", None]


def test_instances_that_have_no_place_are_refused(db: DataFlow) -> None:
    shelves = library(db)
    shelves.fill()
    hints = {"id": int, "book_id": Annotated[int, Ref(shelves.books._model.name)]}
    frozen = dataclass(frozen=True, kw_only=True)(type(model("Frozen", {}).__name__, (), {"__annotations__": hints}))
    table = db.table(db.model(frozen))
    table.bulk_create([{"id": 1, "book_id": 10}])
    assert table.list(include="book")[0].book.title == "Engines"
    taken = model("Taken", hints)
    taken.book = property(lambda row: row.book_id)
    table = db.table(db.model(taken))
    table.bulk_create([{"id": 1, "book_id": 10}])
    rows = table.list(include="book")
    with pytest.raises(errors.InvalidOptionError, match="something else"):
        rows[0]
    assert rows.records()[0]["book"]["title"] == "Engines"


def test_the_public_learns_of_no_relation(db: DataFlow) -> None:
    shelves = library(db)
    public: Any = shelves.books.public({"id": True})
    for include in ("author", "authr", [], {"author": {"include": "x"}}):
        for ask in (
            lambda include=include: public.list(include=include),
            lambda include=include: public.read(1, include=include),
        ):
            with pytest.raises(errors.InvalidOptionError, match="no rows of other models are public"):
                ask()


def test_queries_put_relations_together(shelves: Library) -> None:
    query = shelves.books.where({"id": 10}).include("author").include("reviews", {"author": {"fields": ["name"]}})
    book = query.one()
    assert (book.author.name, len(book.reviews)) == ("Ada", 2)
    with pytest.raises(errors.FieldNotLoadedError):
        book.author.born  # noqa: B018
    assert (query.count(), query.exists(), query.include().list()[0].id) == (1, True, 10)


def test_the_place_of_what_is_wrong_is_told(shelves: Library) -> None:
    for parts, path in (
        ({"filter": {"nope": 1}}, "include.books.filter.nope"),
        ({"order_by": 5}, "include.books.order_by"),
        ({"order_by": "nope"}, "include.books.order_by[0]"),
        ({"fields": ["nope"]}, "include.books.fields[0]"),
        ({"include": {"authr": True}}, "include.books.include.authr"),
    ):
        with pytest.raises(errors.DataFlowError) as caught:
            shelves.authors.list(include={"books": parts})
        assert caught.value.path == path
