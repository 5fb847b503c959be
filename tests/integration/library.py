"""Authors, their books, and what is said of those: rows that are tied to each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple

from dataflow import DataFlow, Index, MaxLength, Ref, Table
from tests.database import Database
from tests.integration.fresh import subclass

AUTHORS: list[dict[str, Any]] = [
    {"id": 1, "name": "Ada", "born": 1815},
    {"id": 2, "name": "Bert", "born": None},
    {"id": 3, "name": "Cleo", "born": 1900},
    {"id": 4, "name": "Dora", "born": 1950},
]
BOOKS: list[dict[str, Any]] = [
    {"id": 10, "title": "Engines", "pages": 300, "author_id": 1},
    {"id": 11, "title": "Notes", "pages": 80, "author_id": 1},
    {"id": 12, "title": "Looms", "pages": 120, "author_id": 2},
    {"id": 13, "title": "Nile", "pages": 90, "author_id": 3},
    {"id": 14, "title": "Found", "pages": 10, "author_id": None},
]
REVIEWS: list[dict[str, Any]] = [
    {"id": 20, "book_id": 10, "stars": 5},
    {"id": 21, "book_id": 10, "stars": 2},
    {"id": 22, "book_id": 12, "stars": 4},
    {"id": 23, "book_id": 13, "stars": 1},
    {"id": 24, "book_id": 14, "stars": 5},
]


class Author:
    name: Annotated[str, MaxLength(20)]
    born: int | None = None


class Library(NamedTuple):
    authors: Table[Any]
    books: Table[Any]
    reviews: Table[Any]

    def fill(self) -> None:
        self.authors.bulk_create(AUTHORS)
        self.books.bulk_create(BOOKS)
        self.reviews.bulk_create(REVIEWS)


def library(db: DataFlow, **options: Any) -> Library:
    """Empty tables of their own; `options` are those of the models."""
    author = subclass(Author)
    by = Annotated[int | None, Ref(author.__name__, related="books"), Index()]
    hints = {"title": str, "pages": int, "author_id": by, "notes": dict[str, Any] | None}
    book = model("Book", hints, author_id=None, notes=None)
    review = model("Review", {"book_id": Annotated[int, Ref(book.__name__, related="reviews"), Index()], "stars": int})
    for cls in (author, book, review):
        cls.__dataflow__ = options
    return Library(*(db.table(db.model(cls)) for cls in (author, book, review)))


@contextmanager
def tenant_libraries(database: Database) -> Iterator[tuple[DataFlow, Library]]:
    """The same rows for tenants `a` and `b`, but that Ada is Beate to the second."""
    with DataFlow(database.url, multi_tenant=True) as db:
        shelves = library(db)
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                shelves.fill()
        with db.tenant("b"):
            shelves.authors.update(1, {"name": "Beate"})
        yield db, shelves


def model(name: str, hints: dict[str, Any], **defaults: Any) -> Any:
    """A class with these fields, whose table has a name of its own."""
    return subclass(type(name, (), {"__annotations__": hints, **defaults}))
