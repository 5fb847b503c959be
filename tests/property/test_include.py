"""What comes back inside of another row is what comes back in a row of its own, of every type."""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow import DataFlow, Index, Ref, Table, auto
from tests.database import Database
from tests.property.cells import CASES, Case
from tests.property.test_round_trip import kept
from tests.property.ways import batches, bits

SEARCH = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


class CellsOwner:
    id: int = auto()


@pytest.fixture(scope="module")
def flow(database: Database) -> Iterator[DataFlow]:
    with closing(DataFlow(database.url)) as db:
        db.model(CellsOwner)
        yield db


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Any:
    return request.param


def table_of(flow: DataFlow, case: Case) -> tuple[Table[Any], str]:
    related = case.name.replace(" ", "_")
    name = f"Owned{related.title()}"
    if name not in flow._models._by_name:
        owner = Annotated[int, Ref("CellsOwner", related=f"of_{related}"), Index()]
        hints = {"owner_id": owner, "at": int, "value": case.hint | None}
        flow.model(type(name, (), {"__annotations__": hints, "value": None, "__tablename__": name.lower()}))
    return flow.table(name), f"of_{related}"


def check(flow: DataFlow, case: Case, values: list[Any]) -> None:
    table, related = table_of(flow, case)
    owner = next(batches)
    owners = flow.table(CellsOwner)
    owners.create(id=owner)
    table.bulk_create([{"owner_id": owner, "at": at, "value": value} for at, value in enumerate(values)])
    alone = table.list({"owner_id": owner}, order_by="at", limit=None)
    rows = owners.list({"id": owner}, include={related: {"order_by": "at"}})
    inside = getattr(rows[0], related)
    assert [bits(row.value) for row in inside] == [bits(row.value) for row in alone]
    (arrow,) = rows.to_arrow().column(related).to_pylist()
    assert [bits(row["value"]) for row in arrow] == [bits(v) for v in alone.to_arrow().column("value").to_pylist()]
    (newest,) = table.list({"owner_id": owner}, order_by="-at", limit=1, include={"owner": True})
    assert newest.owner.id == owner


def test_edge_values(database: Database, flow: DataFlow, case: Case) -> None:
    check(flow, case, [*kept(database, case, case.edges), None])


@SEARCH
@given(data=st.data())
def test_any_values(database: Database, flow: DataFlow, case: Case, data: st.DataObject) -> None:
    values = data.draw(st.lists(case.search, min_size=1, max_size=20))
    check(flow, case, [*kept(database, case, values), None])  # SQLite keeps no NaN: there may be nothing else
