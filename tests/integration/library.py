"""Authors, their books, and what is said of those: rows that are tied to each other."""

from typing import Annotated, Any, NamedTuple

from dataflow import DataFlow, MaxLength, Ref, Table
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
    book = model("Book", author, "author_id", Annotated[int | None, Ref(author.__name__, related="books")], None)
    book.__annotations__ |= {"title": str, "pages": int, "notes": dict[str, Any] | None}
    book.notes = None
    review = model("Review", book, "book_id", Annotated[int, Ref(book.__name__, related="reviews")])
    review.__annotations__["stars"] = int
    for cls in (author, book, review):
        cls.__dataflow__ = options
    return Library(*(db.table(db.model(cls)) for cls in (author, book, review)))


def model(name: str, target: type[Any], field: str, hint: Any, *default: Any) -> Any:
    """A model that refers to `target`, with a table of its own."""
    number = target.__name__.lstrip("AuthorBook")
    body: dict[str, Any] = {"__annotations__": {field: hint}, "__tablename__": f"{name}_{number}".lower()}
    return type(f"{name}{number}", (), body | dict.fromkeys([field] if default else [], *default))
