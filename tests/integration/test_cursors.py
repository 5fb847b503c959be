"""Cursors: of one list only, changed by nobody, and sealed with a key that all processes have."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from dataflow import DataFlow, Table, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh, subclass

SECRET = "5" * 32


class Item:
    name: str
    size: int = 0


@pytest.fixture
def items(db: DataFlow) -> Table[Any]:
    table = fresh(db, Item)
    table.bulk_create([{"name": name} for name in "abcdef"])
    return table


def cursor_of(table: Table[Any], **given: Any) -> str:
    cursor = table.list(limit=3, **{"order_by": "name", **given}).next
    assert cursor is not None
    return cursor


def test_a_cursor_is_a_text_for_urls(items: Table[Any]) -> None:
    cursor = cursor_of(items)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()
    assert len(cursor) < 100
    assert cursor != cursor_of(items)


@pytest.mark.parametrize(
    "other",
    [
        {"filter": {"size": 0}},
        {"filter": {"size": {"$gte": 0}}},
        {"order_by": "-name"},
        {"order_by": ["name", "size"]},
        {"order_by": None},
        {"fields": ["name"], "distinct": True},
    ],
    ids=str,
)
def test_a_cursor_is_of_one_list(items: Table[Any], other: dict[str, Any]) -> None:
    cursor, given = cursor_of(items), {"order_by": "name", **other}
    with pytest.raises(errors.InvalidCursorError) as caught:
        items.list(**given, after=cursor)
    assert caught.value.path == "after"
    assert "rows.next" in (caught.value.hint or "")
    assert [row.name for row in items.list(order_by="name", after=cursor)] == ["d", "e", "f"]
    with pytest.raises(errors.InvalidCursorError):
        items.list(order_by="name", after=cursor_of(items, **other))


def test_a_cursor_leads_one_way(items: Table[Any]) -> None:
    page = items.list(order_by="name", limit=2, after=cursor_of(items))
    for given in ({"before": page.next}, {"after": page.previous}):
        with pytest.raises(errors.InvalidCursorError) as caught:
            items.list(order_by="name", **given)
        assert caught.value.path == next(iter(given))


def test_a_cursor_is_of_one_model(db: DataFlow, items: Table[Any]) -> None:
    other = fresh(db, Item)
    other.bulk_create([{"name": name} for name in "abcdef"])
    with pytest.raises(errors.InvalidCursorError):
        other.list(order_by="name", after=cursor_of(items))


def test_another_form_of_the_model_takes_no_old_cursor(database: Database, db: DataFlow, items: Table[Any]) -> None:
    cursor = cursor_of(items)
    with closing(DataFlow(database.url)) as later:
        same = later.table(later.model(items._cls))
        assert [row.name for row in same.list(order_by="name", after=cursor)] == ["d", "e", "f"]
    form = type(
        items._cls.__name__, (Item,), {"__annotations__": {"more": int | None}, "__tablename__": items._model.table}
    )
    with closing(DataFlow(database.url)) as later, pytest.raises(errors.InvalidCursorError):
        later.table(later.model(form)).list(order_by="name", after=cursor)


def test_a_changed_character_is_refused_and_the_cursor_is_not(items: Table[Any]) -> None:
    cursor = cursor_of(items)
    changed = [
        cursor[:at] + letter + cursor[at + 1 :]
        for at in range(len(cursor))
        for letter in {"A", "_", "b"} - {cursor[at]}
    ]
    cut = [cursor[:at] for at in range(len(cursor))] + [
        cursor[1:],
        cursor + "A",
        cursor + "=",
        f" {cursor}",
        cursor * 2,
    ]
    for wrong in changed + cut:
        with pytest.raises(errors.InvalidCursorError):
            items.list(order_by="name", after=wrong)
    assert len(changed) >= 2 * len(cursor)
    assert [row.name for row in items.list(order_by="name", after=cursor)] == ["d", "e", "f"]


def test_no_value_is_to_be_read_in_a_cursor(items: Table[Any]) -> None:
    items.bulk_create([{"name": "a-long-value-" * 20 + end} for end in "12"])
    first, second = (cursor_of(items, filter={"name": {"$gte": "a-"}, "size": 0}) for _ in range(2))
    same = sum(a == b for a, b in zip(first[3:], second[3:], strict=True))
    assert same < len(first) / 4


PROGRAM = """
import sys
from contextlib import closing
from dataflow import DataFlow
url, cursor, secret = sys.argv[1:4]
class Note:
    name: str
with closing(DataFlow(url, **({"secret_key": secret} if secret else {}))) as db:
    table = db.table(db.model(Note))
    sys.stdin.readline()
    if cursor:
        print("".join(row.name for row in table.list(order_by="name", after=cursor)))
    else:
        print(table.list(order_by="name", limit=1).next)
"""


def start(database: Database, cursor: str = "", secret: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, database.url, cursor, secret]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> str:
    with process:
        told, _ = process.communicate("\n", timeout=60)
        assert process.returncode == 0
    return told.strip()


class Note:
    name: str


@pytest.fixture
def notes(db: DataFlow) -> Table[Any]:
    table = db.table(db.model(Note))
    table.bulk_delete(all_rows=True)
    table.bulk_create([{"name": name} for name in "abc"])
    return table


def test_processes_that_begin_together_have_one_key(database: Database, notes: Table[Any]) -> None:
    """Also where the database was made by a version that kept none."""
    bare.execute(database, "DELETE FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    processes = [start(database) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        cursors = list(pool.map(finish, processes))
    assert len(set(cursors)) == 4
    for cursor in cursors:
        assert [row.name for row in notes.list(order_by="name", after=cursor)] == ["b", "c"]
    assert finish(start(database, cursors[0])) == "bc"
    (kept,) = bare.execute(database, "SELECT count(*) FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    assert kept[0] == 1


def test_a_secret_is_for_all_processes_that_have_it(database: Database, notes: Table[Any]) -> None:
    cursor = finish(start(database, secret=SECRET))
    assert finish(start(database, cursor, SECRET)) == "bc"
    with pytest.raises(errors.InvalidCursorError):
        notes.list(order_by="name", after=cursor)
    for secret in (SECRET, "6" * 32):
        with closing(DataFlow(database.url, secret_key=secret)) as other:
            table = other.table(other.model(Note))
            for given in [notes.list(order_by="name", limit=1).next] + [cursor] * (secret != SECRET):
                with pytest.raises(errors.InvalidCursorError):
                    table.list(order_by="name", after=given)


@pytest.mark.parametrize("other", ["another database", "another kind"])
def test_a_secret_opens_no_cursor_of_another_database(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest, other: str
) -> None:
    """It would begin somewhere in the other list, and nobody could tell."""
    if other == "another kind" and database.kind == "sqlite":
        url = request.getfixturevalue("postgres15").create_database()
    elif other == "another kind" or database.kind == "sqlite":
        url = (
            f"sqlite:///{tmp_path}/{bare.name_of(database).rpartition('/')[2]}{'' if other == 'another kind' else 'x'}"
        )
    else:
        url = request.getfixturevalue({"postgres": "postgres15"}.get(database.kind, database.kind)).create_database()
    cursors, tables = list[str | None](), list[Table[Any]]()
    with (
        closing(DataFlow(database.url, secret_key=SECRET)) as first,
        closing(DataFlow(url, secret_key=SECRET)) as second,
    ):
        for db in (first, second):
            table = db.table(db.model(Note))
            table.bulk_delete(all_rows=True)
            table.bulk_create([{"name": name} for name in "abc"])
            cursors.append(table.list(order_by="name", limit=1).next)
            tables.append(table)
        for own, table in enumerate(tables):
            assert [row.name for row in table.list(order_by="name", after=cursors[own])] == ["b", "c"]
            with pytest.raises(errors.InvalidCursorError):
                table.list(order_by="name", after=cursors[1 - own])


@pytest.mark.parametrize("mode", ["off", "check"])
def test_without_a_kept_key_cursors_are_of_the_process(database: Database, notes: Table[Any], mode: Any) -> None:
    bare.execute(database, "DELETE FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    with closing(DataFlow(database.url, schema_mode=mode)) as first, closing(DataFlow(database.url)) as second:
        tables = [db.table(db.model(Note)) for db in (first, second)]
        cursor = tables[0].list(order_by="name", limit=1).next
        assert [row.name for row in tables[0].list(order_by="name", after=cursor)] == ["b", "c"]
        # Another one of this process has the key too, and makes one that is kept.
        assert [row.name for row in tables[1].list(order_by="name", after=cursor)] == ["b", "c"]
        kept = tables[1].list(order_by="name", limit=1).next
        assert [row.name for row in tables[0].list(order_by="name", after=kept)] == ["b", "c"]


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
def test_a_login_that_may_only_read_has_cursors(database: Database, notes: Table[Any]) -> None:
    notes.count()
    bare.execute(database, "DELETE FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    with closing(DataFlow(reader_of(database))) as db:
        table = db.table(db.model(Note))
        cursor = table.list(order_by="name", limit=1).next
        assert [row.name for row in table.list(order_by="name", after=cursor)] == ["b", "c"]
    assert bare.execute(database, "SELECT count(*) FROM dataflow_meta WHERE \"key\" = 'cursor_key'") == [(0,)]


def reader_of(database: Database) -> str:
    """The URL of a login that may read, and nothing else."""
    name, url = "reader", urlsplit(database.url)
    place = url.path[1:]
    if database.kind == "postgres":
        grants = [f"CREATE ROLE {name} LOGIN PASSWORD 'pw'", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"]
    else:
        grants = [f"CREATE USER {name}@'%' IDENTIFIED BY 'pw'", f"GRANT SELECT ON \"{place}\".* TO {name}@'%'"]
    bare.execute(database, *grants, admin=True)
    host = url.netloc.rpartition("@")[2]
    return urlunsplit(url._replace(netloc=f"{name}:pw@{host}"))


@pytest.mark.parametrize("within", [lambda db: db.transaction(), lambda db: db.transaction(read_only=True)])
def test_the_first_cursor_may_be_made_in_a_transaction(
    database: Database, notes: Table[Any], within: Callable[[DataFlow], Any]
) -> None:
    """Also with the only connection there is."""
    bare.execute(database, "DELETE FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    with closing(DataFlow(database.url, pool_size=1, acquire_timeout=5)) as db:
        table = db.table(db.model(Note))
        table.count()
        with within(db):
            cursor = table.list(order_by="name", limit=1).next
            assert [row.name for row in table.list(order_by="name", after=cursor)] == ["b", "c"]
        assert [row.name for row in table.list(order_by="name", after=cursor)] == ["b", "c"]


def test_a_rolled_back_table_takes_no_key_with_it(tmp_path: Path) -> None:
    """What is made in a transaction of SQLite goes with it: no cursor is sealed with what nobody else has."""
    with closing(DataFlow(f"sqlite:///{tmp_path}/new.db")) as db:
        table = db.table(db.model(subclass(Note)))
        with pytest.raises(KeyError), db.transaction():
            table.bulk_create([{"name": name} for name in "abc"])
            assert table.list(order_by="name", limit=1).next is not None
            raise KeyError
        table.bulk_create([{"name": name} for name in "abc"])
        cursor = table.list(order_by="name", limit=1).next
    with closing(DataFlow(f"sqlite:///{tmp_path}/new.db")) as db:
        again = db.table(db.model(table._cls))
        assert [row.name for row in again.list(order_by="name", after=cursor)] == ["b", "c"]


@pytest.mark.parametrize("secret", ["", "short", "x" * 31, 5, b"x" * 40, "\ud800" * 40])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: Any) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        DataFlow("sqlite:///:memory:", secret_key=secret)
    assert caught.value.path == "secret_key"
    assert "xxx" not in str(caught.value)


def test_a_secret_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLOW_SECRET_KEY", SECRET)
    db = DataFlow("sqlite:///:memory:")
    assert SECRET not in repr(db)
    assert SECRET not in repr(db._settings)
    assert db._settings.values["secret_key"] == SECRET
