"""What a tenant writes ends at its own rows: keys, filters, unique values and foreign keys."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Ref, errors
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.integration.parts import TENANTS, Part, WholePart


class Bin:
    __dataflow__ = {"key": "code", "multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]


def bins_and_things(db: DataFlow) -> tuple[Any, Any]:
    """Two tables, the rows of the second in those of the first."""
    bins = fresh(db, Bin)

    class Thing:
        __dataflow__ = {"key": "code", "multi_tenant": True}  # noqa: RUF012
        code: Annotated[str, MaxLength(10)]
        bin: Annotated[str | None, MaxLength(10), Ref(bins._cls.__name__)] = None

    return bins, fresh(db, Thing)


LINKS: list[Callable[[Any, str], object]] = [
    lambda things, bin: things.create(code="new", bin=bin),
    lambda things, bin: things.update("old", {"bin": bin}),
    lambda things, bin: things.upsert({"code": "old", "bin": bin}),
    lambda things, bin: things.upsert({"code": "new", "bin": bin}),
    lambda things, bin: things.bulk_create([{"code": "new", "bin": bin}, {"code": "more"}]),
    lambda things, bin: things.bulk_update({"code": "old"}, {"bin": bin}),
    lambda things, bin: things.bulk_update(data=[{"code": "old", "bin": bin}]),
    lambda things, bin: things.bulk_upsert([{"code": "old", "bin": bin}, {"code": "new"}]),
]


@pytest.mark.parametrize("link", LINKS)
def test_a_foreign_key_ends_at_the_tenant(db: DataFlow, link: Callable[[Any, str], object]) -> None:
    """What another tenant has is not there to be pointed at; what one has oneself is, under the same name."""
    bins, things = bins_and_things(db)
    with db.tenant("other"):
        bins.create(code="theirs")
        bins.create(code="shared")
    with db.tenant("acme"):
        bins.create(code="shared")
        things.create(code="old")
        with pytest.raises(errors.ForeignKeyViolationError):
            link(things, "theirs")
        assert [(thing.code, thing.bin) for thing in things.list()] == [("old", None)]
        link(things, "shared")
        assert things.count({"bin": "shared"}) == 1


@pytest.mark.parametrize(
    "remove",
    [
        lambda bins: bins.delete("shared"),
        lambda bins: bins.bulk_delete({"code": "shared"}),
        lambda bins: bins.bulk_delete(keys=["shared"]),
        lambda bins: bins.bulk_delete({}, all_rows=True),
    ],
)
def test_a_row_goes_when_only_another_tenant_points_at_its_key(db: DataFlow, remove: Callable[[Any], object]) -> None:
    bins, things = bins_and_things(db)
    for tenant in ("acme", "other"):
        with db.tenant(tenant):
            bins.create(code="shared")
    with db.tenant("other"):
        things.create(code="t", bin="shared")
        with pytest.raises(errors.ForeignKeyViolationError):
            remove(bins)
    with db.tenant("acme"):
        remove(bins)
        assert bins.count() == 0
    with db.tenant("other"):
        assert (bins.count(), things.count({"bin": "shared"})) == (1, 1)


WRITES_OF_ALL: list[Callable[[Any], object]] = [
    lambda parts: parts.update({"kind": 1}, {"note": "hit"}),
    lambda parts: parts.update({"$or": [{"kind": 1}, {"kind": 2}]}, {"note": "hit"}),
    lambda parts: parts.delete({"$not": {"kind": 5}}),
    lambda parts: parts.bulk_update({}, {"note": "hit"}, all_rows=True),
    lambda parts: parts.bulk_update({"$or": [{"kind": 1}, {"kind": {"$ne": 1}}]}, {"note": "hit"}),
    lambda parts: parts.bulk_update(data=[{"code": "k", "note": "hit"}]),
    lambda parts: parts.bulk_upsert([{"code": "k", "slot": 1, "kind": 1, "note": "hit"}]),
    lambda parts: parts.upsert({"code": "k", "slot": 1, "kind": 1, "note": "hit"}, conflict_on="slot"),
    lambda parts: parts.bulk_create([{"code": "k", "slot": 1, "kind": 1, "note": "hit"}], on_conflict="update"),
    lambda parts: parts.bulk_delete({}, all_rows=True),
    lambda parts: parts.bulk_delete({"$not": {"kind": 5}}),
    lambda parts: parts.bulk_delete(keys=["k"]),
]


@pytest.mark.parametrize("model", [Part, WholePart])
@pytest.mark.parametrize("write", WRITES_OF_ALL)
def test_no_write_reaches_the_same_row_of_another_tenant(
    database: Database, db: DataFlow, model: type[Part], write: Callable[[Any], object]
) -> None:
    """The table itself is asked, by another driver: what our own scope hides would be hidden from a test too."""
    parts = fresh(db, model)
    for tenant in TENANTS:
        with db.tenant(tenant):
            parts.create(code="k", slot=1, kind=1, note=f"of {tenant}")
    query = f"SELECT * FROM {parts._model.table} WHERE note LIKE 'of %' ORDER BY note"
    before = bare.execute(database, query)
    with db.tenant(TENANTS[0]):
        write(parts)
    after = bare.execute(database, query)
    others = [row for row in before if f"of {TENANTS[0]}" not in row]
    assert len(others) == len(TENANTS) - 1
    assert [row for row in after if f"of {TENANTS[0]}" not in row] == others
    assert after != before
