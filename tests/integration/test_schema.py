"""Tables at first use: made once by many, checked, grown by nullable columns only, and never altered otherwise."""

import subprocess
import sys
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh, subclass

PROCESSES, USES = 8, 20
# Waits at the barrier (its standard input), then uses each model for the first time.
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
from dataflow import DataFlow
db = DataFlow(sys.argv[1], pool_size=2)
tables = []
for number in range(int(sys.argv[2])):
    model = type(f"Race{number}", (), {"__annotations__": {"name": str, "who": int | None}, "who": None})
    tables.append(db.table(db.model(model)))
print("ready", flush=True)
sys.stdin.readline()
for table in tables:
    table.create(name=sys.argv[3])
db.close()
"""


class Item:
    name: str
    note: str | None = None


def model(table: str, hints: dict[str, Any], **more: Any) -> type[Any]:
    nullable = {name: None for name, hint in hints.items() if "None" in str(hint)}
    return type("Thing", (), {"__annotations__": hints, "__tablename__": table, **nullable, **more})


def columns(database: Database, table: str) -> list[str]:
    if database.kind == "sqlite":
        return [row[1] for row in bare.execute(database, f"PRAGMA table_info({table})")]
    query = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
    schema = "'public'" if database.kind == "postgres" else "database()"
    return [
        name for (name,) in bare.execute(database, f"{query} AND table_schema = {schema} ORDER BY ordinal_position")
    ]


def test_eight_processes_make_each_table_once(database: Database) -> None:
    command = [sys.executable, "-c", PROGRAM, database.url, str(USES)]
    running = []
    for number in range(PROCESSES):
        process = subprocess.Popen(
            [*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    results = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        results.append((*process.communicate(timeout=60), process.returncode))
    assert [errors_ for _, errors_, code in results if code] == []
    counts = [bare.execute(database, f"SELECT count(*) FROM race{number}")[0][0] for number in range(USES)]
    assert counts == [PROCESSES] * USES
    assert bare.execute(database, 'SELECT "value" FROM dataflow_meta WHERE "key" = \'format\'') == [("1",)]


def test_check_reports_a_missing_table_and_takes_an_equal_one(database: Database, db: DataFlow) -> None:
    cls = subclass(Item)
    with DataFlow(database.url, schema_mode="check") as checking:
        with pytest.raises(errors.SchemaMismatchError) as caught:
            checking.table(checking.model(cls)).count()
        assert caught.value.code == "DF-2003"
        assert columns(database, cls.__tablename__) == []
        db.table(db.model(cls)).create(name="x")
        assert checking.table(cls).count() == 1


def test_off_looks_at_nothing(database: Database) -> None:
    with DataFlow(database.url, schema_mode="off") as off, pytest.raises(errors.DatabaseFailureError):
        fresh(off, Item).count()


def test_a_missing_nullable_column_is_added(database: Database, db: DataFlow) -> None:
    old = db.table(db.model(model("grown", {"name": str})))
    old.create(name="before")
    wider = {"name": str, "note": str | None, "size": int | None, "code": Annotated[str, MaxLength(5)] | None}
    with DataFlow(database.url, schema_mode="check") as check, pytest.raises(errors.SchemaMismatchError) as caught:
        check.table(check.model(model("grown", wider))).count()
    assert "note" in caught.value.message
    with DataFlow(database.url) as newer:
        grown = newer.table(newer.model(model("grown", wider)))
        assert vars(grown.list()[0]) == {"id": 1, "name": "before", "note": None, "size": None, "code": None}
        assert grown.create(name="after", note="n", size=5, code="c").note == "n"
    assert columns(database, "grown") == ["id", "name", "note", "size", "code"]
    assert old.create(name="still").name == "still"


@pytest.mark.parametrize(
    ("hints", "column"),
    [
        ({"name": int, "size": int | None}, "name"),
        ({"name": str | None, "size": int | None}, "name"),
        ({"name": str, "size": int}, "size"),
        ({"name": str, "size": float | None}, "size"),
        ({"name": str, "size": int | None, "more": str}, "more"),
        ({"size": int | None}, "name"),
    ],
)
def test_another_difference_is_reported_and_never_altered(
    database: Database, db: DataFlow, hints: dict[str, Any], column: str
) -> None:
    fixed = db.table(db.model(model("fixed", {"name": str, "size": int | None})))
    fixed.count()
    with DataFlow(database.url) as other:
        table = other.table(other.model(model("fixed", hints)))
        for operation in (
            table.count,
            lambda: table.bulk_create([dict.fromkeys(hints, 1)] if "name" not in hints else []),
        ):
            with pytest.raises(errors.SchemaMismatchError) as caught:
                operation()
            assert f"`{column}`" in caught.value.message
    assert columns(database, "fixed") == ["id", "name", "size"]
    assert fixed.create(name="x").size is None


def test_a_tenant_column_that_is_missing_is_reported(database: Database, db: DataFlow) -> None:
    db.table(db.model(model("shared", {"name": str}))).create(name="x")
    with DataFlow(database.url) as other, other.tenant("a"):
        table = other.table(other.model(model("shared", {"name": str}, __dataflow__={"multi_tenant": True})))
        with pytest.raises(errors.SchemaMismatchError) as caught:
            table.count()
    assert "`tenant_id`" in caught.value.message


@pytest.mark.parametrize("version", ["2", "99", "unreadable"])
def test_a_newer_format_is_refused(database: Database, db: DataFlow, version: str) -> None:
    fresh(db, Item).count()
    update = "UPDATE dataflow_meta SET \"value\" = '{}' WHERE \"key\" = 'format'"
    bare.execute(database, update.format(version))
    try:
        with DataFlow(database.url) as other, pytest.raises(errors.NewerFormatError) as caught:
            fresh(other, Item).create(name="x")
        assert caught.value.code == "DF-2004"
    finally:
        bare.execute(database, update.format("1"))
    assert fresh(db, Item).create(name="x").name == "x"


@pytest.mark.parametrize("pool_size", [1, 2])
def test_first_use_inside_a_transaction_works_and_does_not_commit_it(database: Database, pool_size: int) -> None:
    with DataFlow(database.url, pool_size=pool_size, acquire_timeout=3) as db:
        before, inside = fresh(db, Item), fresh(db, Item)
        before.count()
        with pytest.raises(RuntimeError), db.transaction():
            before.create(name="a")
            inside.create(name="b")
            inside.bulk_create([{"name": "c"}, {"name": "d"}])
            assert (before.count(), inside.count()) == (1, 3)
            raise RuntimeError
        assert (before.count(), inside.count()) == (0, 0)


def test_two_models_of_one_table_are_refused(database: Database, db: DataFlow) -> None:
    class First:
        __tablename__ = "both"
        name: str

    class Second:
        __tablename__ = "both"
        name: int

    db.model(First)
    with pytest.raises(errors.InvalidModelError):
        db.model(Second)
    db.table(First).count()
    with DataFlow(database.url) as other, pytest.raises(errors.SchemaMismatchError):
        other.table(other.model(Second)).count()


def test_a_table_made_by_another_hand_is_used_as_it_is(database: Database) -> None:
    text = {"postgres": "text", "mariadb": "longtext", "sqlite": "TEXT"}[database.kind]
    number = "INTEGER" if database.kind == "sqlite" else "bigint"
    bare.execute(
        database, f"CREATE TABLE theirs (no {number} NOT NULL PRIMARY KEY, name {text} NOT NULL, extra {text})"
    )
    with DataFlow(database.url) as db:
        theirs = db.table(db.model(model("theirs", {"no": int, "name": str}, __dataflow__={"key": "no"})))
        assert theirs.create(no=5, name="x").no == 5
    assert columns(database, "theirs") == ["no", "name", "extra"]
