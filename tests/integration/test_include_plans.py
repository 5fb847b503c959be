"""`include=` finds the rows of each row by an index, and looks through no table once a row."""

import json

from dataflow import DataFlow
from tests.database import Database
from tests.integration.library import library


def test_rows_are_found_by_the_index_of_their_reference(database: Database) -> None:
    with DataFlow(database.url) as db:
        found = library(db)
        found.authors.bulk_create([{"id": at, "name": f"a{at}"} for at in range(1, 101)])
        books = [{"title": f"b{at}", "pages": at, "author_id": at % 100 + 1} for at in range(20_000)]
        found.books.bulk_create(books)
        for include in (
            "books",
            {"books": {"order_by": "id", "limit": 2}},
            {"books": {"order_by": "-pages", "limit": 2}},
        ):
            text = json.dumps(found.authors.explain(include=include).plan, default=str)
            assert "author_id" in text
            if database.kind == "postgres":
                # That of the authors.
                assert text.count("Seq Scan") <= 1
            elif database.kind == "sqlite":
                assert "author_id=?" in text
