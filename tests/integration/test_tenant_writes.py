"""Updates, deletes and upserts of multi-tenant models never touch, reveal or take another tenant's row."""

from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh


class Doc:
    __dataflow__ = {"multi_tenant": True, "key": "no", "soft_delete": True, "versioned": True}  # noqa: RUF012
    no: int
    code: Annotated[str, MaxLength(10), Unique()]
    text: str = "a"


class Numbered:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10), Unique()]
    text: str = "a"


ROWS = [{"no": 1, "code": "c1"}, {"no": 2, "code": "c2"}]


@pytest.fixture
def docs(db: DataFlow) -> Any:
    """Two tenants with equal rows."""
    table = fresh(db, Doc)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.bulk_create(ROWS)
    return table


def texts(db: DataFlow, docs: Any, tenant: str) -> list[str]:
    with db.tenant(tenant):
        return [doc.text for doc in docs.list(include_deleted=True)]


WRITES: dict[str, Any] = {
    "update by key": lambda docs: docs.update(1, {"text": "x"}),
    "update by filter": lambda docs: docs.update({"code": "c1"}, {"text": "x"}),
    "update of an instance": lambda docs: docs.update(docs.read(1), {"text": "x"}),
    "upsert by key": lambda docs: docs.upsert({"no": 1, "text": "x"}),
    "upsert by code": lambda docs: docs.upsert({"code": "c1", "text": "x"}, conflict_on="code"),
    "bulk_update by filter": lambda docs: docs.bulk_update({"no": 1}, {"text": "x"}),
    "bulk_update by data": lambda docs: docs.bulk_update(data=[{"no": 1, "text": "x"}]),
    "bulk_upsert": lambda docs: docs.bulk_upsert([{"no": 1, "code": "c1", "text": "x"}]),
    "bulk_upsert of arrow": lambda docs: docs.bulk_upsert(pa.table({"no": [1], "text": ["x"]})),
    "bulk_create that updates": lambda docs: docs.bulk_create([{"no": 1, "text": "x"}], on_conflict="update"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_changes_the_row_of_its_tenant_only(db: DataFlow, docs: Any, write: str) -> None:
    with db.tenant("b"):
        WRITES[write](docs)
    assert (texts(db, docs, "a"), texts(db, docs, "b")) == (["a", "a"], ["x", "a"])


DELETES: dict[str, Any] = {
    "by key": lambda docs, hard: docs.delete(1, hard=hard),
    "by filter": lambda docs, hard: docs.delete({"code": "c1"}, hard=hard),
    "many by filter": lambda docs, hard: docs.bulk_delete({"code": "c1"}, hard=hard),
    "many by keys": lambda docs, hard: docs.bulk_delete(keys=[1], hard=hard),
}


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("delete", DELETES)
def test_a_delete_removes_the_row_of_its_tenant_only(db: DataFlow, docs: Any, delete: str, hard: bool) -> None:
    with db.tenant("b"):
        DELETES[delete](docs, hard)
        assert ([doc.no for doc in docs.list()], docs.count(include_deleted=True)) == ([2], 2 - hard)
    with db.tenant("a"):
        assert [doc.no for doc in docs.list()] == [1, 2]


@pytest.mark.parametrize("write", [*WRITES, *DELETES])
def test_a_write_without_a_tenant_is_refused(db: DataFlow, docs: Any, write: str) -> None:
    call = WRITES.get(write) or (lambda docs: DELETES[write](docs, True))
    with pytest.raises(errors.MissingTenantError):
        call(docs)
    assert texts(db, docs, "a") == texts(db, docs, "b") == ["a", "a"]


def test_all_rows_are_those_of_the_tenant(db: DataFlow, docs: Any) -> None:
    with db.tenant("b"):
        assert docs.bulk_update({}, {"text": "x"}, all_rows=True).updated == 2
        assert docs.bulk_delete(all_rows=True, dry_run=True).matched == 2
        assert docs.bulk_delete(all_rows=True, hard=True, max_affected=2).deleted == 2
    assert (texts(db, docs, "a"), texts(db, docs, "b")) == (["a", "a"], [])


def test_an_upsert_stores_its_tenant_and_takes_no_row_of_another(database: Database, db: DataFlow, docs: Any) -> None:
    with db.tenant("c"):
        made = docs.bulk_upsert([{"no": 1, "code": "c1", "text": "x"}, {"no": 2, "code": "c2"}])
        assert (made.inserted, docs.upsert({"no": 3, "code": "c3"}).created) == (2, True)
    stored = bare.execute(database, f"SELECT tenant_id, no FROM {docs._model.table} ORDER BY tenant_id, no")
    assert [tuple(row) for row in stored] == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2), ("c", 3)]
    assert texts(db, docs, "a") == ["a", "a"]


def test_unique_values_are_those_of_the_tenant(db: DataFlow, docs: Any) -> None:
    with db.tenant("b"):
        assert docs.update(1, {"code": "free"}).code == "free"
        with pytest.raises(errors.UniqueViolationError):
            docs.update(1, {"code": "c2"})
    with db.tenant("a"):
        assert docs.upsert({"no": 1, "code": "free"}).code == "free"


def test_a_row_of_another_tenant_is_not_found(db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        docs.create(no=7, code="c7")
    with db.tenant("b"):
        with pytest.raises(errors.NotFoundError):
            docs.update(7, {"text": "x"})
        with pytest.raises(errors.NotFoundError):
            docs.delete(7, hard=True)
        assert docs.bulk_delete(keys=[7], hard=True).missing == 1
        assert docs.bulk_update(data=[{"no": 7, "text": "x"}], on_missing="skip").missing == 1
    assert texts(db, docs, "a") == ["a", "a", "a"]


def test_a_restored_row_is_that_of_the_tenant(db: DataFlow, docs: Any) -> None:
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            docs.delete(1)
    with db.tenant("b"):
        assert docs.upsert({"no": 1}).deleted_at is None
    with db.tenant("a"):
        assert [doc.no for doc in docs.list()] == [2]


def test_a_generated_key_is_never_the_tenant(database: Database, db: DataFlow) -> None:
    table: Any = fresh(db, Numbered)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            rows = [{"code": "c1"}, {"code": "c2", "id": 50}, {"code": "c3"}]
            result = table.bulk_upsert(rows, conflict_on="code", return_rows=True)
            assert (len({row.id for row in result.rows}), result.rows[1].id) == (3, 50)
            assert table.bulk_upsert(rows, conflict_on="code").unchanged == 3
    stored = bare.execute(database, f"SELECT DISTINCT tenant_id FROM {table._model.table} ORDER BY 1")
    assert stored == [("a",), ("b",)]


def test_no_data_names_or_moves_the_tenant(db: DataFlow, docs: Any) -> None:
    calls: list[Any] = [
        lambda: docs.update(1, {"tenant_id": "a"}),
        lambda: docs.bulk_update({"no": 1}, {"tenant_id": "a"}),
        lambda: docs.bulk_upsert([{"no": 1, "tenant_id": "a"}]),
        lambda: docs.bulk_upsert([{"no": 1}], conflict_on=["tenant_id", "no"]),
        lambda: docs.bulk_upsert([{"no": 1}], update_fields="tenant_id"),
        lambda: docs.bulk_delete({"tenant_id": "a"}),
    ]
    with db.tenant("b"):
        for call in calls:
            with pytest.raises(errors.UnknownFieldError):
                call()
    assert texts(db, docs, "a") == texts(db, docs, "b") == ["a", "a"]
