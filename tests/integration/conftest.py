"""What several files of these tests share."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dataflow import DataFlow, Table
from tests.database import Database
from tests.integration.fresh import fresh
from tests.integration.layouts import Laid
from tests.integration.nodes import PLACES, Nodes, Place


@pytest.fixture(scope="module")
def layouts(database: Database) -> Iterator[Table[Any]]:
    with closing(DataFlow(database.url)) as db:
        yield db.table(db.model(Laid))


@pytest.fixture
def laid(layouts: Table[Any]) -> Table[Any]:
    """The table of `Laid`, empty."""
    layouts.bulk_delete(all_rows=True)
    return layouts


@pytest.fixture(params=[False, True], ids=["LocalRuntime", "AsyncLocalRuntime"])
def awaited(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def hall_nodes(db: DataFlow, awaited: bool) -> Nodes:
    """Of a table with `PLACES`."""
    table = fresh(db, Place)
    table.bulk_create(PLACES)
    return Nodes(table, awaited)
