"""Unique sets, indexes and checks: refused by us before the statement, and by the table whoever writes."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, Index, MaxLength, Table, Unique, errors
from tests.database import Database
from tests.integration import bare, catalogue
from tests.integration.fresh import fresh

Code = Annotated[str, MaxLength(40)]


class Part:
    sku: Annotated[str, MaxLength(40), Unique()]
    region: Code | None = None
    no: int | None = None
    __dataflow__ = {"unique": [["region", "no"]]}  # noqa: RUF012


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shop(request: pytest.FixtureRequest, database: Database) -> Iterator[DataFlow]:
    """Unique means unique for a tenant; with one of them nothing else is different."""
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        yield db


def table_name(table: Table[Any]) -> str:
    return table._model.table


def test_a_unique_field_takes_a_value_once(shop: DataFlow) -> None:
    parts = fresh(shop, Part)
    parts.create(sku="a")
    for call in (lambda: parts.create(sku="a"), lambda: parts.bulk_create([{"sku": "b"}, {"sku": "a"}])):
        with pytest.raises(errors.UniqueViolationError):
            call()
    parts.bulk_create([{"sku": sku} for sku in ("A", "a ", "\u00e1", "")])
    assert [row.sku for row in parts.list()] == ["a", "A", "a ", "\u00e1", ""]
    with pytest.raises(errors.UniqueViolationError):
        parts.update({"sku": "A"}, {"sku": "a"})
    assert parts.count({"sku": "A"}) == 1


def test_a_unique_set_counts_all_of_its_fields(shop: DataFlow) -> None:
    parts = fresh(shop, Part)
    rows = [{"sku": "1", "region": "x", "no": 1}, {"sku": "2", "region": "x", "no": 2}, {"sku": "3", "region": "y"}]
    parts.bulk_create([*rows, {"sku": "4", "region": "y", "no": 1}])
    with pytest.raises(errors.UniqueViolationError):
        parts.create(sku="5", region="x", no=2)
    with pytest.raises(errors.UniqueViolationError):
        parts.bulk_update({"sku": "4"}, {"region": "x"})
    assert parts.count() == 4


def test_null_equals_no_other_null_in_a_unique_set(shop: DataFlow) -> None:
    parts = fresh(shop, Part)
    parts.bulk_create([{"sku": str(at), "region": "x"} for at in range(3)])
    parts.bulk_create([{"sku": str(at), "no": 5} for at in range(3, 6)])
    parts.create(sku="6")
    assert parts.count({"region": "x", "no": None}) == 3
    assert parts.bulk_upsert([{"sku": "0", "region": "x"}], conflict_on="sku").unchanged == 1


def test_the_driver_meets_the_unique_sets_too(database: Database, db: DataFlow) -> None:
    parts = fresh(db, Part)
    parts.create(sku="a", region="x", no=1)
    name = table_name(parts)
    bare.refused(database, f"INSERT INTO {name} (sku) VALUES ('a')")
    bare.refused(database, f"INSERT INTO {name} (sku, region, no) VALUES ('b', 'x', 1)")
    bare.execute(database, f"INSERT INTO {name} (sku, region, no) VALUES ('b', 'x', 2)")
    assert parts.count() == 2


def test_tenants_share_no_unique_values(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        parts = fresh(db, Part)
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                parts.create(sku="same", region="x", no=1)
                with pytest.raises(errors.UniqueViolationError):
                    parts.create(sku="other", region="x", no=1)


class Task:
    __dataflow__ = {  # noqa: RUF012
        "indexes": [
            {"fields": ["owner", "-rank"]},
            {"fields": ["owner"], "unique": True, "where": {"state": {"$in": ["open", None]}, "rank": {"$gte": 0}}},
            {"fields": ["-rank"], "where": {"owner": {"$ne": "it's"}}},
        ]
    }
    owner: Code
    rank: int | None = 0
    state: Code | None = "open"
    due: Annotated[date | None, Index("desc")] = None


def test_a_partial_unique_index_holds_for_the_rows_that_match(shop: DataFlow) -> None:
    tasks = fresh(shop, Task)
    tasks.bulk_create([{"owner": "a", "state": "done"}, {"owner": "a", "state": "done"}, {"owner": "a"}])
    tasks.bulk_create([{"owner": "a", "rank": -1}, {"owner": "a", "rank": None}, {"owner": "a", "rank": None}])
    for row in ({"owner": "a"}, {"owner": "a", "state": None}, {"owner": "a", "rank": 7}):
        with pytest.raises(errors.UniqueViolationError):
            tasks.create(**row)
        with pytest.raises(errors.UniqueViolationError):
            tasks.bulk_create([{"owner": "b"}, row])
    tasks.create(owner="b", state=None)
    assert tasks.count() == 7


def test_a_row_enters_a_partial_unique_index_when_it_comes_to_match(shop: DataFlow) -> None:
    tasks = fresh(shop, Task)
    first, second = tasks.create(owner="a"), tasks.create(owner="a", state="done")
    with pytest.raises(errors.UniqueViolationError):
        tasks.update(second.id, {"state": "open"})
    assert tasks.update(first.id, {"state": "done"}).state == "done"
    assert tasks.update(second.id, {"state": "open"}).state == "open"
    with pytest.raises(errors.UniqueViolationError):
        tasks.bulk_update({"id": first.id}, {"state": None})


def test_the_driver_meets_the_partial_unique_index_too(database: Database, db: DataFlow) -> None:
    tasks = fresh(db, Task)
    tasks.create(owner="a")
    insert = f"INSERT INTO {table_name(tasks)} (owner, \"rank\", state) VALUES ('a', {{}}, {{}})"
    for rank, state in (("0", "'open'"), ("5", "NULL")):
        bare.refused(database, insert.format(rank, state))
    for rank, state in (("-1", "'open'"), ("NULL", "NULL"), ("0", "'Open'"), ("0", "'open '")):
        bare.execute(database, insert.format(rank, state))
    assert tasks.count() == 5
    assert vars(tasks.list()[0]) == {"id": 1, "owner": "a", "rank": 0, "state": "open", "due": None}


def test_constraints_have_names_that_follow_from_the_model(database: Database, db: DataFlow) -> None:
    tasks = fresh(db, Task)
    tasks.count()
    name = table_name(tasks)
    found = catalogue.names(database, name)
    assert {f"uq_{name}_owner", f"ix_{name}_owner_rank", f"ix_{name}_due", f"ix_{name}_rank"} <= found
    parts = fresh(db, Part)
    parts.count()
    found = catalogue.names(database, table_name(parts))
    assert {f"uq_{table_name(parts)}_sku", f"uq_{table_name(parts)}_region_no"} <= found


def test_an_index_may_have_a_name_of_its_own(database: Database, db: DataFlow) -> None:
    indexes = [{"fields": ["no"], "name": 'ein \u00fcbler "Name"'}, {"fields": ["no"], "name": "second"}]
    model = type("Named", (Part,), {"__tablename__": "named_part", "__dataflow__": {"indexes": indexes}})
    db.table(db.model(model)).create(sku="a")
    assert {"second", 'ein \u00fcbler "Name"'} <= catalogue.names(database, "named_part")


def test_an_index_has_the_order_of_its_fields(database: Database, db: DataFlow) -> None:
    tasks = fresh(db, Task)
    tasks.count()
    text = re.sub(r"[`\"\\]", "", str(catalogue.form(database, table_name(tasks))))
    assert re.search(r"\(owner, ?rank DESC\)", text)
    assert "(due DESC)" in text


LONG = "a_field_with_a_name_of_exactly_forty_chr"


def test_names_over_63_bytes_are_cut_and_stay_distinct(database: Database, db: DataFlow) -> None:
    fields = [f"{LONG}_{end}" for end in ("one", "two", "\u00fc\u00fc\u00fc\u00fc")]
    hints = {name: Annotated[int, Unique()] for name in fields}
    checks = {f"{LONG * 2}{end}": {fields[0]: {"$gt": end}} for end in range(2)}
    table = "long_" + "\u00e4" * 20
    model = type("Long", (), {"__annotations__": hints, "__tablename__": table, "__dataflow__": {"checks": checks}})
    rows: Table[Any] = db.table(db.model(model))
    rows.create(**dict.fromkeys(fields, 5))
    found = {name for name in catalogue.names(database, table) if name.startswith(("uq_", "ck_"))}
    assert len(found) == 5
    assert max(len(name.encode()) for name in found) <= 63
    with DataFlow(database.url) as again:
        assert again.table(again.model(type("Long", (model,), {"__tablename__": table}))).count() == 1
    with pytest.raises(errors.CheckViolationError) as caught:
        rows.create(**dict.fromkeys(fields, 0))
    assert caught.value.constraint in found
