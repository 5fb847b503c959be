"""Random bulk writes: outcomes agree with the counts, and rows in pieces end as they do all at once."""

from collections import Counter
from random import Random
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Unique
from dataflow.query.result import OUTCOMES, BulkResult
from tests.integration.fresh import fresh

CASES = 60


class Item:
    code: Annotated[str, MaxLength(8), Unique()]
    size: int = 0


def write(table: Any, verb: str, rows: list[dict[str, Any]], **options: Any) -> BulkResult:
    options |= {"return_rows": True}
    match verb:
        case "upsert":
            return table.bulk_upsert(rows, conflict_on="code", duplicates="first", **options)
        case "ignore":
            return table.bulk_create(rows, conflict_on="code", on_conflict="ignore", duplicates="first", **options)
        case "update":
            return table.bulk_update(data=rows, on_missing="skip", duplicates="first", **options)
        case "delete":
            return table.bulk_delete(keys=[row["id"] for row in rows], **options)
        case _:
            return table.bulk_update({"size": {"$lt": rows[0]["size"]}}, {"size": 2}, return_rows=True)


def told(result: BulkResult) -> list[tuple[Any, ...]]:
    """What does not depend on the keys that were generated; it agrees with the counts."""
    assert result.outcomes is not None
    ends = result.outcomes.records()
    assert Counter(end["status"] for end in ends) == {name: result[name] for name in OUTCOMES if result[name]}
    assert [end["row"] for end in ends] == list(range(len(ends)))
    for end in ends:
        assert (end["first_row"] is not None) == (end["status"] == "duplicate")
        assert end["first_row"] is None or end["key"] == ends[end["first_row"]]["key"]
    return [(end["row"], end["status"], end["first_row"]) for end in ends]


def given(random: Random, verb: str) -> list[dict[str, Any]]:
    rows = [{"code": f"c{random.randrange(12)}", "size": random.randrange(4)} for _ in range(random.randint(1, 9))]
    return [{"id": random.randrange(1, 12), "size": row["size"]} for row in rows] if verb in KEYED else rows


KEYED = ("update", "delete")


@pytest.mark.parametrize("verb", ["upsert", "ignore", "update", "delete", "filter"])
def test_rows_in_pieces_end_as_they_do_at_once(db: DataFlow, verb: str) -> None:
    ends = Counter[str]()
    whole, pieces = fresh(db, Item), fresh(db, Item)
    for case in range(CASES):
        random = Random(f"{verb}/{case}")
        start = [{"id": n, "code": f"c{n}", "size": random.randrange(4)} for n in range(1, 8)]
        for table in (whole, pieces):
            table.bulk_delete(all_rows=True)
            table.bulk_create(start)
        rows, options = given(random, verb), {"chunk_rows": random.randint(1, 4), "atomic": random.random() < 0.5}
        try:
            at_once, in_pieces = write(whole, verb, rows), write(pieces, verb, rows, **options)
            assert told(at_once) == told(in_pieces)
            content = [(row.code, row.size) for row in whole.list(order_by="code")]
            assert content == [(row.code, row.size) for row in pieces.list(order_by="code")]
        except AssertionError as error:
            error.add_note(f"case {case}: {options}, {rows} on {start}")
            raise
        ends.update(status for _, status, _ in told(at_once))
    assert len(ends) >= 2, ends
