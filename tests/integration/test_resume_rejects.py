"""Loads in chunks that leave rows out go on where an earlier run ended, and end as if there had been one run."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

import pytest

from dataflow import BulkResult, DataFlow, MaxLength, Unique, errors
from dataflow.query.result import OUTCOMES
from tests.integration.bad_rows import TAKEN, good, sales
from tests.integration.fresh import fresh

Row = dict[str, Any]


class Kept:
    __dataflow__ = {"versioned": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(12), Unique()]
    size: int = 0


class Job(NamedTuple):
    """A load of a fresh table, and what the table holds then."""

    data: list[Row]
    write: Callable[..., BulkResult]
    stored: Callable[[], list[tuple[Any, ...]]]


def create(db: DataFlow) -> Job:
    table, _, shop = sales(db)
    rows = [good(number, shop) | ({"qty": 0} if number % 3 == 1 else {}) for number in range(12)]
    return Job(rows, table.bulk_create, lambda: [(row.code, row.qty) for row in table.list(order_by="code")])


def upsert(db: DataFlow) -> Job:
    table, _, shop = sales(db)
    rows = [good(number, shop) for number in (0, 1, 2, 3, 1, 3, 0, 4, 1, 5, 5, 6)]
    # By a check, by a reference, and before the database is asked; each is followed by a good one of its key.
    rows[1]["qty"], rows[3]["shop_id"], rows[9]["price"] = 0, 10**6, "x"
    rows[4]["qty"], rows[8]["qty"] = 40, 80

    def write(data: Any, **options: Any) -> BulkResult:
        result: BulkResult = table.bulk_upsert(data, conflict_on="code", **options)
        return result

    return Job(rows, write, lambda: [(row.code, row.qty) for row in table.list(order_by="code") if row.code != TAKEN])


def update(db: DataFlow) -> Job:
    table = fresh(db, Kept)
    a, b, c, d = (table.create(code=code).id for code in "abcd")
    rows: list[Row] = [{"id": a, "size": 1, "version": 7}, {"id": b, "size": 2}, {"id": 10**6, "size": 3}]
    rows += [{"id": c, "size": 4, "version": 9}, {"id": a, "size": 5}, {"id": b, "size": 6}]
    rows += [{"id": c, "size": 7}, {"id": a, "size": 8}, {"id": d, "size": "x"}, {"id": d, "size": 9}]
    return Job(
        rows,
        lambda data, **options: table.bulk_update(data=data, **options),
        lambda: [(row.code, row.size, row.version) for row in table.list(order_by="code")],
    )


def delete(db: DataFlow) -> Job:
    table = fresh(db, Kept)
    a, b, c, _ = (table.create(code=code).id for code in "abcd")
    rows: list[Row] = [{"id": a, "version": 7}, {"id": b}, {"id": 10**6}, {"id": a}, {"id": b}, {"id": "x"}, {"id": c}]
    return Job(
        rows,
        lambda data, **options: table.bulk_delete(keys=data, **options),
        lambda: [(row.code,) for row in table.list(order_by="code")],
    )


JOBS: dict[str, tuple[Callable[[DataFlow], Job], dict[str, Any]]] = {
    "create": (create, {}),
    "upsert": (upsert, {}),
    "upsert of the first": (upsert, {"duplicates": "first"}),
    "update": (update, {}),
    "update of the first": (update, {"duplicates": "first"}),
    "delete": (delete, {}),
}


def torn(data: list[Row], at: int) -> Iterator[Row]:
    yield from data[:at]
    raise LookupError


def counts(result: BulkResult) -> dict[str, int]:
    return {name: result[name] for name in OUTCOMES}


@pytest.mark.parametrize("on_error", ["skip", "quarantine"])
@pytest.mark.parametrize("name", JOBS)
def test_a_load_in_two_runs_ends_as_in_one(db: DataFlow, name: str, on_error: str) -> None:
    make, options = JOBS[name]
    whole = make(db)
    expected = whole.write(whole.data, chunk_rows=2, on_error=on_error, **options)
    assert expected.rejected > 1
    assert expected.inserted + expected.updated + expected.deleted > 1
    for at in range(2, len(whole.data) + 1, 2):
        for size in (1, 3, 100):
            job = make(db)
            named = {"on_error": on_error, "atomic": False, "load_id": f"{name} {on_error} {at} {size}", **options}
            with pytest.raises(LookupError):
                job.write(torn(job.data, at), chunk_rows=2, **named)
            again = job.write(iter(job.data), chunk_rows=size, **named)
            assert (again.resumed_at, counts(again), job.stored()) == (at, counts(expected), whole.stored()), size
            if on_error == "quarantine":
                assert db.rejects(named["load_id"]).count() == expected.rejected


def test_a_load_in_many_runs_knows_what_each_has_refused(db: DataFlow) -> None:
    whole, job = upsert(db), upsert(db)
    expected = whole.write(whole.data, chunk_rows=3, on_error="skip")
    options: Any = {"on_error": "skip", "atomic": False, "load_id": "many"}
    for at in range(1, len(job.data)):
        with pytest.raises(LookupError):
            job.write(torn(job.data, at), chunk_rows=1, **options)
    again = job.write(job.data, chunk_rows=5, **options)
    assert (counts(again), job.stored()) == (counts(expected), whole.stored())


@pytest.mark.parametrize("name", ["create", "upsert"])
@pytest.mark.parametrize("size", [3, 5, 100])
def test_rows_that_an_earlier_run_refused_count_for_the_limit(db: DataFlow, name: str, size: int) -> None:
    make, options = JOBS[name]
    job = make(db)
    options = {**options, "on_error": "skip", "atomic": False, "load_id": f"limit {name} {size}"}
    rejected = make(db).write(job.data, chunk_rows=2, on_error="skip").rejected
    with pytest.raises(LookupError):
        job.write(torn(job.data, 8), chunk_rows=4, reject_limit=rejected, **options)
    with pytest.raises(errors.TooManyRejectsError, match=f"at most {rejected - 1} may be"):
        job.write(job.data, chunk_rows=size, reject_limit=rejected - 1, **options)
    again = job.write(job.data, chunk_rows=size, reject_limit=rejected, **options)
    assert (again.rejected, sum(counts(again).values())) == (rejected, len(job.data))
