"""Row tenancy: every row is stamped, every read has its predicate, and nothing runs without a tenant."""

import asyncio
from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh

LOOKALIKES = [
    "acme",
    "ACME",
    "acme ",
    " acme",
    "acm\u00e9",
    "acme\u0301",
    "acme\t",
    "acme%",
    "acm_",
    "0",
    "\u00df",
    "ss",
]


class Doc:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    title: str
    owner: str | None = None


class Coded:
    __dataflow__ = {"multi_tenant": True, "key": "code"}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    owner: str


@pytest.fixture
def docs(db: DataFlow) -> Any:
    return fresh(db, Doc)


def test_each_tenant_sees_its_own_rows(db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        docs.create(title="one")
        docs.bulk_create([{"title": "two"}, {"title": "three"}])
    with db.tenant("b"):
        docs.bulk_create(pa.table({"title": ["four"]}))
        assert [doc.title for doc in docs.list()] == ["four"]
        assert docs.count({"title": {"$ne": "x"}}) == docs.count({"$or": [{"title": "one"}, {"title": "four"}]}) == 1
    with db.tenant("a"):
        assert docs.count() == 3


def test_the_column_holds_the_tenant(database: Database, db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        docs.create(title="one")
        docs.bulk_create(pa.table({"title": ["two", "three"]}))
        assert "tenant_id" not in docs.list().records()[0]
    rows = bare.execute(database, f"SELECT tenant_id, title FROM {docs._model.table} ORDER BY title")
    assert [tuple(row) for row in rows] == [("a", "one"), ("a", "three"), ("a", "two")]


@pytest.mark.parametrize(
    "operation",
    [
        lambda docs: docs.create(title="x"),
        lambda docs: docs.bulk_create([{"title": "x"}]),
        lambda docs: docs.bulk_create(pa.table({"title": ["x"]})),
        lambda docs: docs.bulk_create([]),
        lambda docs: docs.read(1),
        lambda docs: docs.list(),
        lambda docs: docs.list({"title": "x"}, order_by="title", limit=1),
        lambda docs: docs.count(),
        lambda docs: docs.count({"title": "x"}),
        lambda docs: docs.aggregate([]),
        lambda docs: docs.aggregate([{"$group": {"_id": None, "n": {"$sum": 1}}}]),
    ],
)
def test_an_operation_without_a_tenant_is_refused(db: DataFlow, docs: Any, operation: Any) -> None:
    for _ in range(2):
        with pytest.raises(errors.MissingTenantError) as caught:
            operation(docs)
        assert caught.value.code == "DF-5001"
        with db.tenant("a"):
            assert docs.count() == 0


@pytest.mark.parametrize("name", ["", "x" * 65, "a\0b", "\0"])
def test_a_tenant_that_is_no_short_text_is_refused(db: DataFlow, docs: Any, name: str) -> None:
    for operation in (
        lambda: docs.create(title="x"),
        docs.list,
        docs.count,
        lambda: docs.bulk_create([{"title": "x"}]),
    ):
        with pytest.raises(errors.InvalidTenantError), db.tenant(name):
            operation()
    with db.tenant("a"):
        assert docs.count() == 0


@pytest.mark.parametrize("name", [None, 0, 1, b"a", ["a"], True, {"$ne": ""}])
def test_a_tenant_of_another_type_is_refused(db: DataFlow, name: Any) -> None:
    with pytest.raises(errors.InvalidTenantError), db.tenant(name):
        pytest.fail("entered")


def test_a_tenant_of_64_characters_is_kept(db: DataFlow, docs: Any) -> None:
    for name in ("x" * 64, "\U0001f600" * 64):
        with db.tenant(name):
            docs.create(title="one")
            assert docs.count() == 1


def test_names_that_look_alike_are_different_tenants(db: DataFlow, docs: Any) -> None:
    for name in LOOKALIKES:
        with db.tenant(name):
            docs.bulk_create([{"title": "x", "owner": name}])
            docs.create(title="y", owner=name)
    for name in LOOKALIKES:
        with db.tenant(name):
            assert [doc.owner for doc in docs.list()] == [name] * 2
            assert docs.count() == 2


def test_two_tenants_may_use_the_same_key(db: DataFlow, docs: Any) -> None:
    coded = fresh(db, Coded)
    for name in ("a", "b"):
        with db.tenant(name):
            assert docs.create(id=7, title="x", owner=name).id == 7
            coded.create(code="k", owner=name)
            with pytest.raises(errors.UniqueViolationError):
                docs.create(id=7, title="y")
    for name in ("a", "b"):
        with db.tenant(name):
            assert (docs.read(7).owner, coded.read("k").owner) == (name, name)


def test_another_tenants_key_is_not_found(db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        key = docs.create(title="x").id
    with db.tenant("b"), pytest.raises(errors.NotFoundError):
        docs.read(key)


def test_data_cannot_name_the_tenant_column(db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        for write in (
            lambda: docs.create(title="x", tenant_id="b"),
            lambda: docs.bulk_create([{"title": "x", "tenant_id": "b"}]),
            lambda: docs.bulk_create(pa.table({"title": ["x"], "tenant_id": ["b"]})),
            lambda: docs.list({"tenant_id": "b"}),
            lambda: docs.list(order_by="tenant_id"),
        ):
            with pytest.raises(errors.UnknownFieldError):
                write()
        assert docs.count() == 0


def test_a_model_cannot_have_a_field_of_that_name(db: DataFlow) -> None:
    class Bad:
        __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
        tenant_id: str

    with pytest.raises(errors.InvalidModelError):
        db.model(Bad)


def test_tenants_nest_and_end_with_their_block(db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        with db.tenant("b"):
            docs.create(title="of b")
        assert docs.count() == 0
    with pytest.raises(errors.MissingTenantError):
        docs.count()


def test_a_transaction_serves_several_tenants(db: DataFlow, docs: Any) -> None:
    with db.tenant("a"):
        docs.count()
    with db.transaction():
        for name in ("a", "b", "c"):
            with db.tenant(name):
                docs.create(title=name)
                assert [doc.title for doc in docs.list()] == [name]
    with db.tenant("b"):
        assert docs.count() == 1


def test_the_setting_makes_models_multi_tenant(database: Database) -> None:
    class Free:
        __tablename__ = "free_rows"
        title: str

    with DataFlow(database.url, multi_tenant=True) as db:
        table = db.table(db.model(Free))
        with pytest.raises(errors.MissingTenantError):
            table.count()


async def test_interleaved_tasks_never_see_a_foreign_row(database: Database) -> None:
    """200 tasks of 3 tenants share 3 connections."""
    async with DataFlow(database.url, pool_size=3) as db:
        docs = fresh(db, Doc)

        async def work(number: int) -> None:
            name = f"tenant {number % 3}"
            with db.tenant(name):
                await docs.acreate(title=f"{number}", owner=name)
                await asyncio.sleep(0)
                await docs.abulk_create([{"title": f"{number}", "owner": name}] * 2)
                rows = await docs.alist(limit=None)
                assert {row.owner for row in rows} == {name}
                assert await docs.acount({"owner": {"$ne": name}}) == 0
                assert await docs.acount({"title": f"{number}"}) == 3

        await asyncio.gather(*map(work, range(200)))
        counts = []
        for number in range(3):
            with db.tenant(f"tenant {number}"):
                counts.append(await docs.acount())
        assert sum(counts) == 600
