"""Versioned models: every write counts, and what was read before another's write is refused."""

from typing import Annotated, Any

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.integration.fresh import fresh


class Doc:
    __dataflow__ = {"versioned": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10), Unique()]
    text: str = "a"


@pytest.fixture
def docs(db: DataFlow) -> Any:
    table = fresh(db, Doc)
    table.bulk_create([{"id": n, "code": f"c{n}"} for n in (1, 2, 3)])
    return table


def versions(docs: Any) -> list[int]:
    return [doc.version for doc in docs.list()]


def test_a_version_begins_at_one_and_counts_writes(docs: Any) -> None:
    assert docs.create(code="c4").version == 1
    assert [docs.update(1, {"text": text}).version for text in "bcd"] == [2, 3, 4]
    assert docs.upsert({"id": 1, "text": "e"}).version == 5
    docs.bulk_update({"id": {"$lt": 3}}, {"text": "f"})
    docs.bulk_update(data=[{"id": 1, "text": "g"}, {"id": 3, "text": "g"}])
    docs.bulk_upsert([{"code": "c1", "text": "h"}], conflict_on="code")
    assert versions(docs) == [8, 2, 2, 1]


def test_an_unchanged_row_keeps_its_version(docs: Any) -> None:
    assert docs.update(1, {"text": "a"}).version == 1
    assert docs.upsert({"id": 1, "text": "a"}).version == 1
    assert docs.update(docs.read(1)).version == 1
    docs.bulk_update({"id": {"$gt": 0}}, {"text": "a"})
    docs.bulk_update(data=[{"id": 1, "text": "a"}, {"id": 2}])
    docs.bulk_upsert(docs.list())
    assert versions(docs) == [1, 1, 1]


def test_a_stale_instance_is_refused(docs: Any) -> None:
    mine, yours = docs.read(1), docs.read(1)
    yours.text = "yours"
    assert docs.update(yours).version == 2
    mine.text = "mine"
    for write in (docs.update, docs.delete, docs.upsert, lambda doc: docs.update(doc, {"text": "mine"})):
        with pytest.raises(errors.StaleRowError):
            write(mine)
    assert (docs.read(1).text, versions(docs)) == ("yours", [2, 1, 1])


async def test_the_awaited_twins_refuse_too(docs: Any) -> None:
    mine = await docs.aread(1)
    await docs.aupdate(1, {"text": "b"})
    for write in (docs.aupdate, docs.adelete, docs.aupsert):
        with pytest.raises(errors.StaleRowError):
            await write(mine)
    assert await docs.adelete(await docs.aread(1)) == 1


def test_a_stale_row_is_one_even_if_nothing_would_change(docs: Any) -> None:
    mine = docs.read(1)
    docs.update(1, {"text": "b"})
    docs.update(1, {"text": "a"})
    with pytest.raises(errors.StaleRowError):
        docs.update(mine)


def test_the_instance_that_comes_back_can_be_written_again(docs: Any) -> None:
    doc = docs.read(1)
    for text in "bcd":
        doc.text = text
        doc = docs.update(doc)
    assert (doc.text, doc.version) == ("d", 4)
    assert docs.delete(doc) == 1


def test_a_version_among_the_updates_is_compared(docs: Any) -> None:
    assert docs.update(1, {"text": "b", "version": 1}).version == 2
    for row in (1, {"code": "c1"}):
        with pytest.raises(errors.StaleRowError) as caught:
            docs.update(row, {"text": "c", "version": 1})
    assert (caught.value.path or "").endswith("version")
    assert docs.read(1).text == "b"


def test_without_a_version_the_last_writer_wins(docs: Any) -> None:
    docs.update(1, {"text": "b"})
    assert docs.update(1, {"text": "c"}).version == 3
    assert docs.upsert({"id": 1, "text": "d"}).version == 4


def test_a_version_for_all_matching_rows_must_be_that_of_each(docs: Any) -> None:
    docs.update(2, {"text": "b"})
    with pytest.raises(errors.StaleRowError) as caught:
        docs.bulk_update({"id": {"$gt": 0}}, {"text": "x", "version": 1})
    assert caught.value.path == "updates.version"
    assert [doc.text for doc in docs.list()] == ["a", "b", "a"]
    assert docs.bulk_update({"id": {"$ne": 2}}, {"text": "x", "version": 1}).updated == 2


@pytest.mark.parametrize("form", ["dicts", "arrow", "instances"])
def test_one_stale_row_refuses_the_whole_bulk(docs: Any, form: str) -> None:
    read = docs.list()
    docs.update(2, {"text": "b"})
    rows = [{**row, "text": "x"} for row in read.records()]
    forms = {"dicts": rows, "arrow": pa.Table.from_pylist(rows), "instances": [docs._cls(**row) for row in rows]}
    for write in (lambda data: docs.bulk_update(data=data), docs.bulk_upsert):
        with pytest.raises(errors.StaleRowError) as caught:
            write(forms[form])
        assert caught.value.path == "data[1].version"
    assert [doc.text for doc in docs.list()] == ["a", "b", "a"]


def test_a_row_without_version_is_not_compared(docs: Any) -> None:
    docs.update(2, {"text": "b"})
    rows = [{"id": 1, "text": "x", "version": 1}, {"id": 2, "text": "x"}, {"id": 3, "text": "x", "version": None}]
    assert docs.bulk_update(data=rows).updated == 3
    assert versions(docs) == [2, 3, 2]


def test_a_deleted_row_is_not_found_by_its_stale_instance(docs: Any) -> None:
    doc = docs.read(1)
    assert docs.delete(doc) == 1
    for write in (docs.update, docs.delete):
        with pytest.raises(errors.NotFoundError):
            write(doc)


def test_a_row_that_is_left_alone_may_have_any_version_and_key(docs: Any) -> None:
    docs.update(1, {"text": "b"})
    rows = [{"id": 1, "code": "c1", "version": 1}, {"id": 9, "code": "c2", "version": 7}]
    assert docs.bulk_upsert(rows, conflict_on="code", on_conflict="ignore").ignored == 2
    with pytest.raises(errors.UniqueViolationError):
        docs.bulk_create(rows[:1], conflict_on="code", duplicates="first")
    assert versions(docs) == [2, 1, 1]
