"""The oracle's lock is there exactly as long as its block, and is not mistaken for what goes wrong inside."""

import pymysql
import pytest

from tests.database import Database
from tests.faults.oracle import Held, Oracle, open_oracle

pytestmark = pytest.mark.parametrize("database", ["postgres", "mariadb"], indirect=True, scope="module")


def is_locked(database: Database) -> bool:
    """Whether another connection cannot get the lock."""
    with open_oracle(database) as other:
        try:
            with other.locked(timeout_s=1):
                return False
        except Held:
            return True


def test_the_table_is_locked_inside_the_block_and_free_after_it(database: Database, oracle: Oracle) -> None:
    assert not is_locked(database)
    with oracle.locked():
        assert is_locked(database)
    assert not is_locked(database)


@pytest.mark.parametrize("error", [pymysql.OperationalError, ZeroDivisionError])
def test_an_error_of_the_block_stays_what_it_is(database: Database, oracle: Oracle, error: type[Exception]) -> None:
    with pytest.raises(error), oracle.locked():
        raise error
    assert not is_locked(database)


def test_a_lock_that_others_keep_is_told_and_leaves_nothing_behind(database: Database, oracle: Oracle) -> None:
    with open_oracle(database) as other:
        begun = False
        with other.locked(), pytest.raises(Held), oracle.locked(timeout_s=1):
            begun = True
        assert not begun
        with other.locked(timeout_s=1):
            pass
    with oracle.locked():
        assert is_locked(database)
