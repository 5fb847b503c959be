"""Random upserts, equal to a row-by-row reference in plain Python; a failure prints seed, case and rows."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pytest

from dataflow import DataFlow, MaxLength, Unique, errors
from tests.database import Database
from tests.integration.fresh import fresh
from tests.matrix.way import Way, hand_of
from tests.property.upserts import DEFAULTS, GENERATED, REQUIRED, Outcome, RefusedError, Row, Rules, upsert

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
TYPES = {"id": pa.int64(), "sku": pa.string(), "a": pa.int64(), "b": pa.int64(), "name": pa.string()}
TYPES |= {"qty": pa.int64(), "note": pa.string(), "version": pa.int64()}
ROW_ENDS = {"inserted", "updated", "unchanged", "ignored", "duplicate"}
KINDS = {"DuplicateRow", "InvalidOption", "KeyMismatch", "MissingValue", "NullValue", "UniqueViolation"} | ROW_ENDS


class Plain:
    __dataflow__: dict[str, Any] = {"unique": [["a", "b"]]}  # noqa: RUF012
    sku: Annotated[str, MaxLength(8), Unique()]
    a: int | None = None
    b: int | None = None
    name: str
    qty: int = 5
    note: str | None = None


class Versioned(Plain):
    __dataflow__ = Plain.__dataflow__ | {"versioned": True}


class SoftDelete(Plain):
    __dataflow__ = Plain.__dataflow__ | {"soft_delete": True}


class Timed(Plain):
    __dataflow__ = Plain.__dataflow__ | {"timestamps": True}


class Full(Plain):
    __dataflow__ = Plain.__dataflow__ | {"versioned": True, "soft_delete": True, "timestamps": True}


class Clock:
    now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def flow(database: Database, clock: Clock) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url, clock=clock)) as db:
        yield db


class Case(NamedTuple):
    """One call: the rows, the form they are given in, and the operation."""

    given: list[Row]
    form: str
    verb: str
    rules: Rules
    return_rows: bool

    @property
    def looks(self) -> bool:
        """Whether stored rows are looked for: a `bulk_create` that refuses everything does not."""
        return self.verb != "bulk_create" or not self.rules.on_conflict == self.rules.duplicates == "error"

    @property
    def reference(self) -> Rules:
        """What the call means."""
        return self.rules if self.looks else self.rules._replace(target=())


class Maker:
    """Makes cases whose rows often meet stored rows and each other."""

    def __init__(self, random: Random, table: Any, stored: list[Row], now: datetime) -> None:
        self.random, self.cls, self.stored, self.now = random, table._cls, stored, now
        self.fields = [name for name in table._model.fields if name in TYPES]
        self.highest = max((row["id"] for row in stored), default=0)

    def case(self) -> Case:
        pick = self.random.choice
        size = pick([0, 1, 1, 2, 2, 3, 4, 6, 8])
        form = pick(["dicts", "dicts", "arrow", "instances"])
        verb = pick(["bulk_upsert", "bulk_create", *(["upsert"] if size == 1 else [])])
        return Case(self.rows(size, form), form, verb, self.rules(verb), pick([True, False]))

    def rules(self, verb: str) -> Rules:
        pick = self.random.choice
        target = pick([("id",), ("sku",), ("sku",), ("a", "b")])
        update = pick([None, None, ("name",), ("qty", "note"), ("sku", "a"), ("id", "note")])
        if verb == "upsert":
            return Rules(target, "update", "error", update, self.now)
        conflict, same = pick(["update", "update", "ignore", "error"]), pick(["error", "first", "last"])
        if verb == "bulk_create" or conflict != "update":
            update = None  # refused: nothing could change
        return Rules(target, conflict, same, update, self.now)

    def rows(self, size: int, form: str) -> list[Row]:
        chance = self.random.random
        whole = form == "instances" or chance() < 0.5
        shared = self.columns(whole)
        rows = [self.row(shared if form == "arrow" else self.columns(whole)) for _ in range(size)]
        # An instance has its defaults from the beginning: they are given.
        return [DEFAULTS | row for row in rows] if form == "instances" else rows

    def columns(self, whole: bool) -> list[str]:
        """The fields of a row; one that finds a stored row needs not all of them."""
        rare = {"id": 0.35, "version": 0.3, "sku": 1 if whole else 0.97, "name": 1 if whole else 0.9}
        return [name for name in self.fields if self.random.random() < rare.get(name, 0.6)]

    def row(self, columns: list[str]) -> Row:
        meets = self.random.choice(self.stored) if self.stored and self.random.random() < 0.6 else None
        return {name: self.value(name, meets) for name in columns}

    def value(self, name: str, meets: Row | None) -> Any:
        chance, pick = self.random.random, self.random.choice
        if meets is not None and chance() < (0.97 if name in ("id", "version") else 0.75):
            return meets[name]
        if name in (*REQUIRED, "qty") and chance() < 0.004:
            return None
        # A new key is one that the generator will come to soon.
        pools: dict[str, list[Any]] = {"id": [None, self.highest + self.random.randint(1, 4)]}
        pools |= {"sku": [f"s{n}" for n in range(14)], "a": [None, None, 1, 2, 3], "b": [None, 1, 2, 3]}
        pools |= {"name": ["x", "y"], "qty": [5, 6], "note": [None, "n"], "version": [None, None, 1, 2]}
        return pick(pools[name])


def run(table: Any, case: Case) -> Any:
    """The call; the result of one row looks like that of many."""
    rows: Any = case.given
    if case.form == "arrow":
        columns = case.given[0] if case.given else {"sku": None, "name": None, "a": None, "b": None, "id": None}
        rows = pa.Table.from_pylist(case.given, pa.schema([(name, TYPES[name]) for name in columns]))
    elif case.form == "instances":
        rows = [table._cls(**row) for row in case.given]
    rules = case.rules
    target = list(rules.target) if len(rules.target) > 1 else rules.target[0]
    update = None if rules.update_fields is None else list(rules.update_fields)
    if case.verb == "upsert":
        row = case.given[0] if case.form == "arrow" else rows[0]
        return table.upsert(row, target, update)
    options: dict[str, Any] = {"on_conflict": rules.on_conflict, "duplicates": rules.duplicates}
    if case.looks:
        options["conflict_on"] = target
    if case.verb == "bulk_upsert":
        options["update_fields"] = update
    return getattr(table, case.verb)(rows, **options, return_rows=case.return_rows)


def attempt(db: DataFlow, table: Any, case: Case, inside: bool) -> Any:
    try:
        with db.transaction() if inside else nullcontext():
            return run(table, case)
    except errors.DataFlowError as error:
        return error


def records(rows: Any) -> list[Row]:
    """Rows as the reference has them: with what every model of this module may have."""
    kept = {"version": 0, "created_at": None, "updated_at": None, "deleted_at": None}
    return [kept | row for row in rows.records()]


def stored_rows(table: Any) -> list[Row]:
    return records(table.list(limit=None, include_deleted=True))


def visible(table: Any, row: Row) -> Row:
    """What the model shows of a row of the reference."""
    return {name: row[name] for name in table._model.fields}


def check(table: Any, case: Case, before: list[Row], result: Any, after: list[Row]) -> list[str]:
    """Compares a result with the reference; returns how the case and its rows ended."""
    try:
        expected = upsert(before, case.given, case.reference)
    except RefusedError as refused:
        assert getattr(result, "kind", result) in refused.kinds
        assert after == before
        return [result.kind]
    if isinstance(result, errors.UniqueViolationError) and may_meet_its_own_key(expected, before):
        assert after == before
        return ["met its own key"]
    assert not isinstance(result, errors.DataFlowError), repr(result)
    name_new_keys(expected, before, after)
    wanted = sorted((visible(table, row) for row in expected.table), key=lambda row: row["id"])
    assert [visible(table, row) for row in after] == wanted
    check_result(table, case, result, expected)
    return ["stored", *expected.counts]


def may_meet_its_own_key(expected: Outcome, before: list[Row]) -> bool:
    """Rows that change stored ones are written one by one: a generated key may be one that a later row gives."""
    keys = [row["id"] for row in expected.table]
    known = {row["id"] for row in before}
    return expected.counts["updated"] > 0 and GENERATED in keys and bool({*keys} - known - {GENERATED})


def name_new_keys(expected: Outcome, before: list[Row], after: list[Row]) -> None:
    """Gives the rows with generated keys those that DataFlow chose: above all that were stored before."""
    highest: int = max((row["id"] for row in before), default=0)
    keys = {row["sku"]: row["id"] for row in after if row["deleted_at"] is None}
    given = {row["id"] for row in expected.table if row["id"] is not GENERATED}
    for row in expected.table:
        if row["id"] is GENERATED:
            key = row["id"] = keys[row["sku"]]
            assert key > highest
            assert key not in given


def check_result(table: Any, case: Case, result: Any, expected: Outcome) -> None:
    returned = [visible(table, row) for row in expected.returned]
    if case.verb == "upsert":
        assert [{name: getattr(result, name) for name in table._model.fields}] == returned
        assert result.created == (expected.counts["inserted"] == 1)
        return
    counts = {name: count for name, count in result.items() if count and "second" not in name}
    assert counts == expected.counts
    assert sum(counts.values()) == len(case.given)
    assert (result.rows is not None) == case.return_rows
    assert (result.outcomes is not None) == case.return_rows
    if case.return_rows:
        assert result.rows.records() == returned
        told = [(end["row"], end["status"], end["first_row"], end["key"]["id"]) for end in result.outcomes]
        kept = enumerate(zip(expected.ends, expected.returned, strict=True))
        assert told == [(at, *end, row["id"]) for at, (end, row) in kept]


def thin_out(random: Random, table: Any) -> None:
    """Deletes some rows, so that the table stays small and the next rows find gaps."""
    keys = [row.id for row in table.list(limit=None) if random.random() < 0.4]
    table.bulk_delete(keys=keys, hard=random.random() < 0.5)
    gone = [row.id for row in table.list({"deleted_at": {"$ne": None}}, include_deleted=True)] if deletes(table) else []
    table.bulk_delete(keys=gone[5:], hard=True)


def deletes(table: Any) -> bool:
    return "deleted_at" in table._model.fields


RUNS: list[tuple[type[Any], int, int, Way]] = [(Plain, seed, 2_500, "direct") for seed in range(4)]
RUNS += [(model, seed, 500, "direct") for seed, model in enumerate((Versioned, SoftDelete, Timed, Full), 4)]
RUNS += [(Full, 8, 200, "node")]


@pytest.mark.parametrize(("model", "seed", "cases", "way"), RUNS)
def test_random_upserts_end_as_if_done_row_by_row(
    flow: DataFlow, clock: Clock, model: type[Any], seed: int, cases: int, way: Way
) -> None:
    table, ends = fresh(flow, model), Counter[str]()
    hand = hand_of(way, flow, table, awaited=False)
    before = stored_rows(table)
    for number in range(cases):
        random = Random(f"{seed}/{number}")
        clock.now += timedelta(seconds=1)
        if random.random() < 0.15:
            thin_out(random, table)
            before = stored_rows(table)
        case = Maker(random, table, before, clock.now).case()
        result = attempt(flow, hand, case, inside=random.random() < 0.2)
        after = stored_rows(table)
        try:
            ends.update(check(table, case, before, result, after))
        except AssertionError as error:
            error.add_note(f"seed {seed}, case {number}: {case}\nbefore: {before}\nafter: {after}\nresult: {result!r}")
            raise
        before = after
    # The cases must have been worth their time: many stored something, each outcome and each refusal came up.
    assert ends["stored"] > cases / 4, ends
    assert ends["met its own key"] < cases / 100, ends  # the only end that the reference leaves open
    assert sum(count for end, count in ends.items() if end not in ROW_ENDS) == cases, ends
    assert set(ends) >= (KINDS | {"StaleRow"} if "version" in table._model.fields else KINDS), ends
