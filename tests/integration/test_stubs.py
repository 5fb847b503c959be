"""Types that are written for models say what the core says of operators."""

import datetime as dt
from typing import Any

import pytest

from dataflow import DataFlow, errors
from dataflow.cli.stubs import operators
from dataflow.cli.stubs.values import values_of
from dataflow.model.description import Description, description_of
from tests.typing.narrow import shop
from tests.typing.narrow.shop import Order

# Its nodes would stand beside those of the databases of other tests.
shop.db.close()


@pytest.fixture
def described() -> Description:
    found = description_of(Order)
    assert found is not None
    return found


@pytest.fixture
def orders(db: DataFlow) -> Any:
    return db.table(db.model(Order))


def told(call: Any) -> set[str]:
    """The operators that the core names where there is none of the name given."""
    with pytest.raises(errors.DataFlowError) as caught:
        call()
    assert caught.value.hint is not None
    return {word.strip(",") for word in caught.value.hint.split() if word.startswith("$")}


def test_the_operators_of_filters_are_those_of_the_core(described: Description, orders: Any) -> None:
    for column in described.columns:
        values = values_of(column)
        if values.kind != "json":
            known = told(lambda name=column.name: orders.count({name: {"$zzzzzzzz": 1}}))
            assert known == set(operators.tests_of(values, "", "")), column.name


def test_the_operators_of_updates_are_those_of_the_core(described: Description, orders: Any) -> None:
    with pytest.raises(errors.UnknownOperatorError) as caught:
        orders.update(1, {"$zzzzzzzz": {}})
    assert all(name in str(caught.value.hint) for name in ("$set", "$setOnInsert", "$rename", *operators.UPDATES))
    given: dict[str, Any] = {"bool": True, "bytes": b"a", "date": "2024-01-01", "time": "01:00", "choice": "s"}
    given |= {"instant": "2024-01-01T00:00:00Z", "walltime": "2024-01-01T00:00:00", "duration": dt.timedelta(1)}
    given |= {"text": "s", "uuid": "00000000-0000-0000-0000-000000000002"}
    examples: dict[str, Any] = {"$currentDate": True, "$bit": {"or": 1}, "$pop": 1, "$pullAll": []}
    for column in described.columns[1:]:
        values = values_of(column)
        for operator in operators.UPDATES if values.kind != "json" else ():
            one = given.get(values.kind, 1) if column.name != "state" else "open"
            value = examples.get(operator, one)
            try:
                orders.bulk_update({"id": 0}, {operator: {column.name: value}})
            except errors.DataFlowError as error:
                assert operators.takes(operator, values, "") is None, (column.name, operator, error)
            else:
                assert operators.takes(operator, values, "") is not None, (column.name, operator)
