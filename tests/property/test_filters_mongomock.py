"""Random filters find what mongomock finds, but for the differences that are documented; a failure prints its seed."""

from collections import Counter
from random import Random, SystemRandom

import pytest

from dataflow import DataFlow
from tests.conftest import FaultScale
from tests.integration.fresh import fresh
from tests.property.filters_oracle import Row
from tests.property.mongo import REASONS, Mongo, MongoMaker, walk

ROWS, FILTERS = 25, 100
COMPARED = {"$and", "$or", "$nor", "$not", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists"}
COMPARED |= {"$regex", "$all", "$elemMatch", "$size"}


def differences(db: DataFlow, seed: int, rounds: int, mongo: type[Mongo] = Mongo) -> tuple[list[str], Counter[str]]:
    """What differs in the first round that does; and how many filters were compared, by operator and in all."""
    random, found, compared = Random(seed), [], Counter[str]()
    for number in range(rounds):
        maker = MongoMaker(random, "Document")
        table, rows = fresh(db, maker.model), maker.rows(ROWS)
        table.bulk_create(rows)
        judge = mongo(rows)
        for filter in (maker.filter() for _ in range(FILTERS)):
            if (reason := judge.reason(filter)) is not None:
                compared[reason] += 1
                continue
            expected = judge.find(filter)
            got = [row.no for row in table.list(filter, order_by="no", limit=None)]
            if got != expected:
                found.append(f"seed {seed}, round {number}: {filter!r}\ngot {got}, expected {expected}")
            compared.update({"all", *(name for name, _ in walk(filter))})
        if found:
            break
    return found, compared


@pytest.mark.parametrize("database", ["postgres", "postgres18", "mariadb", "sqlite"], indirect=True)
def test_filters_find_what_mongomock_finds(db: DataFlow, fault_scale: FaultScale) -> None:
    seed, rounds = SystemRandom().randrange(2**32), fault_scale.pick(fast=30, full=2_700)
    found, compared = differences(db, seed, rounds)
    print(f"seed {seed}: {compared['all']} of {rounds * FILTERS} filters compared")
    assert not found, f"{len(found)} in one round:\n" + "\n".join(found[:5])
    assert compared["all"] > rounds * FILTERS / 4, f"seed {seed}: too few filters were compared"
    assert COMPARED - compared.keys() == set(), f"seed {seed}: not every operator was compared"


def test_every_reason_not_to_ask_is_met() -> None:
    random, met = Random(3), Counter[str | None]()
    for _ in range(30):
        maker = MongoMaker(random, "Document")
        judge = Mongo(maker.rows(ROWS))
        met.update(judge.reason(maker.filter()) for _ in range(FILTERS))
    assert met.keys() - {None} == REASONS.keys()


class EmptyFields(Mongo):
    """A field that is None is there."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__(rows)
        self.documents.delete_many({})
        self.documents.insert_many([dict(row) for row in rows])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_other_documents_are_told_apart(db: DataFlow) -> None:
    """The control: `$exists` of a field that is None is another one in MongoDB."""
    found, _ = differences(db, 7, 20, EmptyFields)
    assert found
