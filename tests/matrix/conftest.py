"""What the cells of a run came to, and whether it was all of them."""

import pytest

from tests.matrix.table import Results

RESULTS = pytest.StashKey[Results]()


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Results:
    return request.config.stash.setdefault(RESULTS, Results())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A part of the matrix is not compared with the whole; the whole is compared when every cell has run."""
    from tests.matrix.test_cells import test_cell
    from tests.matrix.test_table import test_the_table_is_that_of_the_golden_file

    cells = [item for item in items if function(item) is test_cell]
    table = [item for item in items if function(item) is test_the_table_is_that_of_the_golden_file]
    items[:] = [item for item in items if item not in table]
    if len(cells) == Results.size():
        items.extend(table)
    elif table:
        config.hook.pytest_deselected(items=table)


def function(item: pytest.Item) -> object:
    return getattr(item, "function", None)
