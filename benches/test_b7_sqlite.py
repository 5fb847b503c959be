"""B7: a million rows into an SQLite file: Arrow, dicts, and an upsert of which half is there."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benches.items import COLUMNS, declare
from benches.peers import compare
from dataflow import DataFlow

ROUNDS = 5
INSERT = f"INSERT INTO item ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
UPSERT = f"{INSERT} ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}"
# The peers' table has the columns and the durability of ours.
TABLE = """
CREATE TABLE item (
    id INTEGER PRIMARY KEY NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL, price REAL NOT NULL, qty INTEGER NOT NULL,
    tags TEXT, created_at TEXT NOT NULL, active INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT"""
PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -64000;"


def plain(rows: pa.Table) -> list[dict[str, Any]]:
    """Dicts of what the stdlib binds: an instant is the text that DataFlow stores."""
    texts = pc.strftime(rows["created_at"], format="%Y-%m-%dT%H:%M:%SZ")
    return rows.set_column(rows.column_names.index("created_at"), "created_at", texts).to_pylist()


Totals: TypeAlias = tuple[Any, ...]


def totals(rows: pa.Table) -> Totals:
    """The number of rows, and a sum of most columns."""
    if not rows.num_rows:
        return (0, None, None, None, 0, None, None)
    cents, letters = pc.cast(pc.floor(pc.multiply(rows["price"], 100)), pa.int64()), pc.utf8_length(rows["name"])
    ids, qty, price, names, active = (
        pc.sum(column).as_py() for column in (rows["id"], rows["qty"], cents, letters, rows["active"])
    )
    return (rows.num_rows, ids, qty, price, pc.count(rows["tags"]).as_py(), names, active)


class Files:
    """A file of DataFlow, and one of the peers: no two libraries open the same one."""

    def __init__(self, folder: Path, stored: pa.Table | None = None) -> None:
        self.db = DataFlow(f"sqlite:///{folder}/ours.db")
        self.items = self.db.table(declare(self.db))
        self.peer = sqlite3.connect(folder / "theirs.db")
        self.peer.executescript(PRAGMAS + TABLE)
        self.url = f"{folder}/theirs.db"
        self._stored = stored

    def prepare(self) -> None:
        """Empties both files, or fills them with what is to be there."""
        self.items.bulk_delete(all_rows=True)
        self.peer.execute("DELETE FROM item")
        self.peer.commit()
        if self._stored is not None:
            self.items.bulk_create(self._stored)
            self.write(INSERT, plain(self._stored))

    def write(self, statement: str, data: list[dict[str, Any]]) -> None:
        with self.peer:
            self.peer.executemany(statement, data)

    def stored(self) -> set[Totals]:
        """What the two files hold; the peers' library does not open ours."""
        cents = "sum(cast(price * 100 AS INTEGER))"
        sums = f"count(*), sum(id), sum(qty), {cents}, count(tags), sum(length(name)), sum(active)"
        return {
            totals(self.items.list(limit=None).to_arrow()),
            self.peer.execute(f"SELECT {sums} FROM item").fetchone(),
        }

    def close(self) -> None:
        self.db.close()
        self.peer.close()


@pytest.mark.benchmark(group="B7 SQLite create")
@pytest.mark.parametrize("kind", ["arrow", "dicts"])
def test_a_million_new_rows(benchmark: Any, tmp_path: Path, rows: pa.Table, kind: str) -> None:
    files, data = Files(tmp_path), rows if kind == "arrow" else rows.to_pylist()
    dicts = plain(rows)
    jobs: dict[str, Callable[[], object]] = {
        "dataflow": lambda: files.items.bulk_create(data),
        "executemany": lambda: files.write(INSERT, dicts),
    }
    with adbc.connect(files.url) as peer:

        def through_adbc() -> None:
            with peer.cursor() as cursor:
                cursor.adbc_ingest("item", rows, mode="append")
            peer.commit()

        if kind == "arrow":
            jobs["adbc"] = through_adbc
        expected = {totals(rows.slice(0, 0)), totals(rows)}
        medians = compare(benchmark, jobs, files.prepare, ROUNDS, check=lambda: check(files, expected))
    files.close()
    assert medians["executemany"].wall / medians["dataflow"].wall >= 1


@pytest.mark.benchmark(group="B7 SQLite upsert")
def test_an_upsert_of_which_half_is_there(benchmark: Any, tmp_path: Path, rows: pa.Table) -> None:
    half = rows.num_rows // 2
    files = Files(tmp_path, rows.slice(0, half))
    given = rows.set_column(rows.column_names.index("qty"), "qty", pc.add(rows["qty"], 1))
    dicts = plain(given)
    jobs = {
        "dataflow": lambda: files.items.bulk_upsert(given),
        "executemany": lambda: files.write(UPSERT, dicts),
    }
    expected = {totals(rows.slice(0, half)), totals(given)}
    medians = compare(benchmark, jobs, files.prepare, ROUNDS, check=lambda: check(files, expected))
    files.close()
    assert medians["executemany"].wall / medians["dataflow"].wall >= 0.5


def check(files: Files, expected: set[Totals]) -> None:
    """That one of the two files has all rows with their values, and the other what was there before."""
    assert files.stored() == expected
