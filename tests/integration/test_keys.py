"""Keys: automatic and declared; given ones are kept and the generator stands above them."""

from typing import Annotated, Any
from uuid import UUID

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, auto, errors
from tests.integration.fresh import fresh


class Numbered:
    name: str


class Shared:
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012
    id: int = auto()
    name: str


class ByNumber:
    __dataflow__ = {"key": "no"}  # noqa: RUF012
    no: int
    name: str


class ByCode:
    __dataflow__ = {"key": ["code"]}  # noqa: RUF012
    code: Annotated[str, MaxLength(20)]
    name: str


class ByUuid:
    id: UUID
    name: str


DECLARED = [(ByNumber, "no", -5), (ByCode, "code", "Ä b'c "), (ByUuid, "id", UUID(int=2**128 - 1))]


def ids(rows: Any) -> list[int]:
    return [row.id for row in rows]


def test_automatic_keys_are_distinct_and_ascend(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    first = table.create(name="a").id
    table.bulk_create([{"name": "b"}, {"name": "c"}])
    last = table.create(name="d").id
    assert ids(table.list()) == sorted({*ids(table.list()), first, last})
    assert [row.name for row in table.list()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("model", "key", "value"), DECLARED)
def test_a_declared_key_finds_its_row(db: DataFlow, model: type[Any], key: str, value: Any) -> None:
    table = fresh(db, model)
    made = table.create(**{key: value, "name": "x"})
    assert getattr(made, key) == value
    assert table.read(value) == made
    with pytest.raises(errors.UniqueViolationError):
        table.create(**{key: value, "name": "y"})
    assert table.read(value).name == "x"


@pytest.mark.parametrize(("model", "key", "value"), DECLARED)
def test_a_declared_key_must_be_given(db: DataFlow, model: type[Any], key: str, value: Any) -> None:
    table = fresh(db, model)
    with pytest.raises(errors.MissingValueError) as caught:
        table.create(name="x")
    assert caught.value.path == key
    with pytest.raises(errors.NullValueError) as caught_null:
        table.bulk_create([{key: value, "name": "x"}, {key: None, "name": "y"}])
    assert caught_null.value.path == f"data[1].{key}"
    assert table.count() == 0


@pytest.mark.parametrize("given", [0, 5, 1000, 5000])
def test_the_generator_stands_above_a_created_key(db: DataFlow, given: int) -> None:
    table = fresh(db, Numbered)
    assert table.create(id=given, name="given").id == given
    made = table.create(name="next").id
    assert made > given
    table.bulk_create([{"name": "bulk"}])
    assert ids(table.list({"name": "bulk"})) > [made]


@pytest.mark.parametrize("given", [0, 5, 2000])
def test_the_generator_stands_above_bulk_keys(db: DataFlow, given: int) -> None:
    table = fresh(db, Numbered)
    table.bulk_create([{"id": given, "name": "a"}, {"id": given + 10, "name": "b"}])
    assert ids(table.list()) == [given, given + 10]
    assert table.create(name="next").id > given + 10


@pytest.mark.parametrize("given", [0, 5, 2000])
@pytest.mark.parametrize("form", ["dicts", "arrow"])
def test_given_and_missing_keys_mix_in_one_bulk(db: DataFlow, given: int, form: str) -> None:
    table = fresh(db, Numbered)
    keys = [None, given, None, given + 3, None]
    rows = [{"id": key, "name": str(at)} for at, key in enumerate(keys)]
    table.bulk_create(rows if form == "dicts" else pa.Table.from_pylist(rows))
    found = {row.name: row.id for row in table.list()}
    assert (found["1"], found["3"]) == (given, given + 3)
    assert len(set(found.values())) == 5
    assert table.create(name="next").id > max(found.values())


@pytest.mark.parametrize("given", [0, 7])
def test_a_multi_tenant_table_keeps_the_same_promise(db: DataFlow, given: int) -> None:
    table = fresh(db, Shared)
    with db.tenant("a"):
        assert table.create(id=given, name="given").id == given
        table.bulk_create([{"name": "x"}, {"id": given + 4, "name": "y"}, {"name": "z"}])
        seen = ids(table.list())
    assert given in seen
    assert given + 4 in seen
    assert len(set(seen)) == 4
    with db.tenant("b"):
        assert table.create(name="next").id > max(seen)


def test_a_negative_key_is_kept_and_moves_nothing(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    assert table.create(id=-5, name="a").id == -5
    assert table.read(-5).name == "a"
    assert table.create(name="b").id > 0


def test_the_largest_key_is_kept(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    assert table.create(id=2**63 - 1, name="last").id == 2**63 - 1
    assert table.read(2**63 - 1).name == "last"


def test_a_rolled_back_key_is_not_stored(db: DataFlow) -> None:
    table = fresh(db, Numbered)
    assert table.count() == 0
    with pytest.raises(RuntimeError), db.transaction():
        table.create(id=50, name="a")
        raise RuntimeError
    assert table.count() == 0
    made = table.create(name="b")
    assert table.read(made.id).name == "b"
