"""What the key of cursors costs a page, by the messages that the server gets."""

from contextlib import closing, nullcontext
from typing import Any

import pytest

from dataflow import DataFlow
from tests.database import Database
from tests.faults.conftest import make_proxy
from tests.integration import bare
from tests.integration.fresh import fresh

PAGES = 5


class Note:
    name: str


@pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True)
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "transaction"])
@pytest.mark.parametrize("mode", ["off", "check"])
def test_pages_cost_the_same_whether_a_key_is_kept_or_not(
    database: Database, db: DataFlow, mode: Any, inside: bool
) -> None:
    notes = fresh(db, Note)
    notes.bulk_create([{"name": name} for name in "abcdefghij"])
    bare.execute(database, "DELETE FROM dataflow_meta WHERE \"key\" = 'cursor_key'")
    messages: list[int] = []
    for options in ({}, {"secret_key": "5" * 32}):
        with (
            make_proxy(database, disguised=False) as proxy,
            closing(DataFlow(proxy.url(database.url), schema_mode=mode, **options)) as own,
        ):
            table = own.table(own.model(notes._cls))
            with own.transaction() if inside else nullcontext():
                page = table.list(order_by="name", limit=1)
                page = table.list(order_by="name", limit=1, after=page.next)
                proxy.clear()
                for _ in range(PAGES):
                    page = table.list(order_by="name", limit=1, after=page.next)
                    assert page.previous is not None
                messages.append(sum(message.direction == "client" for message in proxy.messages))
    without, with_secret = messages
    assert without == with_secret >= PAGES
