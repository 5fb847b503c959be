"""Writers that give keys of their own at the same time: none turns the generator back."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from dataflow import DataFlow
from tests.database import Database
from tests.integration import bare
from tests.integration.fresh import fresh
from tests.runtime.server import lock_waits, wait_until

# Found before PostgreSQL's own function, it holds its caller up between the look at the generator and what follows.
SLOW = """
CREATE FUNCTION slow.pg_sequence_last_value(sequence regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last bigint := pg_catalog.pg_sequence_last_value(sequence);
    looks int := 1 + coalesce(nullif(current_setting('slow.looks', true), '')::int, 0);
BEGIN
    PERFORM set_config('slow.looks', looks::text, false);
    IF looks = current_setting('slow.at')::int THEN
        PERFORM pg_advisory_xact_lock_shared(4711);
    END IF;
    RETURN last;
END $$"""


class Numbered:
    name: str


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("look", [1, 2])
def test_a_jump_does_not_turn_back_the_one_of_another(database: Database, db: DataFlow, look: int) -> None:
    """The writer of the smaller key has seen the generator, and the other one comes before it goes on."""
    table = fresh(db, Numbered)
    table.count()
    bare.execute(database, "DROP SCHEMA IF EXISTS slow CASCADE", "CREATE SCHEMA slow", SLOW)
    options = quote(f"-c search_path=public,slow,pg_catalog -c slow.at={look}")
    with DataFlow(f"{database.url}?options={options}", pool_size=1) as other, ThreadPoolExecutor(2) as pool:
        twin = other.table(other.model(table._cls))
        twin.count()
        with bare.held(database, "SELECT pg_advisory_xact_lock(4711)"):
            slow = pool.submit(twin.create, id=5_000, name="smaller")
            wait_until(lambda: lock_waits(database) == 1, "it has looked")
            fast = pool.submit(table.create, id=9_000, name="larger")
            wait_until(lambda: fast.done() or lock_waits(database) == 2, "the other has jumped, or waits")
        assert (slow.result(20).id, fast.result(20).id) == (5_000, 9_000)
    assert table.create(name="next").id > 9_000
