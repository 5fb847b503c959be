"""A small server whose every parameter goes into a `list`; and the control, whose parameter goes into the SQL."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from dataflow import DataFlow, MaxLength, Table, errors

Answer = Callable[[str], list[dict[str, Any]]]


class Product:
    name: Annotated[str, MaxLength(60)]
    price: int = 0
    tags: list[str] = []  # noqa: RUF012
    meta: dict[str, Any] | None = None


def shop(db: DataFlow) -> Table[Any]:
    table = db.table(db.model(type("Product", (Product,), {})))
    table.bulk_create([{"name": f"Cup {n}", "price": n, "tags": ["a"], "meta": {"a": n}} for n in range(5)])
    return table


def doors(products: Table[Any]) -> dict[str, Answer]:
    """What stands behind each parameter: values, operators, names, paths, patterns, orders, cursors, numbers."""

    def rows(filter: Any = None, **options: Any) -> list[dict[str, Any]]:
        found = products.list(filter, **options)
        return [{**record, "next": found.next} for record in found.records()]

    return {
        "filter": lambda text: rows(json.loads(text)),
        "name": lambda text: rows({"name": text}),
        "names": lambda text: rows({"name": {"$in": text.split(",")}}),
        "field": lambda text: rows({text: 1}),
        "operator": lambda text: rows({"price": {text: 1}}),
        "logic": lambda text: rows({text: [{"price": 1}]}),
        "path": lambda text: rows({f"meta.{text}": 1}),
        "part": lambda text: rows({"name": {"$contains": text}}),
        "like": lambda text: rows({"name": {"$ilike": text}}),
        "regex": lambda text: rows({"name": {"$regex": text}}),
        "tag": lambda text: rows({"tags": {"$all": [text]}}),
        "expression": lambda text: rows({"$expr": {"$gt": [text, 1]}}),
        "comment": lambda text: rows({"$comment": text, "price": 1}),
        "order_by": lambda text: rows(order_by=text),
        "fields": lambda text: rows(fields=text.split(",")),
        "after": lambda text: rows(after=text, limit=2),
        "before": lambda text: rows(before=text, limit=2),
        "limit": lambda text: rows(limit=json.loads(text)),
        "offset": lambda text: rows(offset=json.loads(text)),
        "group": lambda text: products.aggregate([{"$group": {"_id": text, "rows": {"$count": {}}}}]).records(),
        "named": lambda text: products.aggregate([{"$group": {"_id": None, text: {"$count": {}}}}]).records(),
    }


def unsafe(file: str) -> Answer:
    """The control: the text is part of the statement."""

    def rows(text: str) -> list[dict[str, Any]]:
        with sqlite3.connect(file) as connection:
            found = connection.execute(f"SELECT name FROM product WHERE name = '{text}'")
            return [{"name": name} for (name,) in found]

    return rows


@contextmanager
def served(answers: dict[str, Answer]) -> Iterator[str]:
    """`/door?value=…` on loopback: the rows as JSON, or 400 with what DataFlow says of the request."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            value = dict(parse_qsl(url.query, keep_blank_values=True)).get("value", "")
            try:
                status, body = 200, json.dumps(answers[url.path.strip("/")](value), default=str)
            except (errors.DataFlowError, ValueError, sqlite3.Error) as error:
                status, body = 400, str(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode(errors="replace"))

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
