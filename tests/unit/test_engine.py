"""The `DataFlow` object: no I/O before it is used, and its small print."""

from pathlib import Path
from typing import Any

import pytest

import dataflow
from dataflow import DataFlow, Table, errors


def test_nothing_happens_before_the_first_operation(tmp_path: Path):
    db = DataFlow(f"sqlite:///{tmp_path}/a.db")
    items(db)
    db.transaction()
    assert list(tmp_path.iterdir()) == []
    assert DataFlow("postgresql://127.0.0.1:1/d").pool_status()["open"] == 0


def items(db: DataFlow) -> Table[Any]:
    return db.table(db.model(type("Item", (), {"__annotations__": {"a": int}})))


def test_leaving_closes():
    with DataFlow("sqlite:///:memory:") as db:
        assert items(db).count() == 0
    with pytest.raises(errors.ClosedError):
        db.table("Item").count()
    db.close()


async def test_leaving_closes_async_too():
    async with DataFlow("sqlite:///:memory:") as db:
        assert (await db.acapabilities())["server"] == "SQLite"
        assert await items(db).acount() == 0
    with pytest.raises(errors.ClosedError):
        await db.table("Item").acount()
    await db.aclose()


@pytest.mark.parametrize("timeout", [0, -1, "5", float("nan")])
def test_a_timeout_is_a_number_of_seconds(timeout: Any):
    with pytest.raises(errors.InvalidOptionError, match="timeout"):
        DataFlow("sqlite:///:memory:").transaction(timeout=timeout)


def test_an_unknown_kind_of_event_is_answered_with_the_one_meant():
    db = DataFlow("sqlite:///:memory:")
    for subscribe in (db.on, db.off):
        with pytest.raises(errors.InvalidOptionError) as caught:
            subscribe("statment", print)
        assert caught.value.hint == "did you mean `statement`?"


@pytest.mark.parametrize("name", ["migrate", "generate_migration", "rollback"])
def test_a_method_for_later_is_not_built(name: str):
    with pytest.raises(errors.NotBuiltError, match=name):
        getattr(DataFlow("sqlite:///:memory:"), name)


@pytest.mark.parametrize("name", ["create_gateway_api", "CacheNode", "setup_test_schema"])
def test_a_name_for_later_is_not_built(name: str):
    with pytest.raises(errors.NotBuiltError, match=name):
        getattr(dataflow, name)


def test_any_other_name_is_an_attribute_error():
    assert not hasattr(dataflow, "WorkflowBilder")
    assert not hasattr(DataFlow("sqlite:///:memory:"), "tables")
