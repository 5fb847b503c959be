"""One way or another by a value: operators, cases, fields inside others, nulls, and what cannot be compared."""

from dataclasses import dataclass
from typing import Any

import pytest

from dataflow import SwitchNode, errors


@dataclass
class Address:
    city: str | None


@dataclass
class Person:
    name: str
    address: Address

    @property
    def short(self) -> str:
        return self.name[:1]

    def greet(self) -> str:
        return "hello"


class Slotted:
    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 3


def way(data: Any, **given: Any) -> str:
    """The one output taken; the data has come through it as it is."""
    ((name, passed),) = SwitchNode().run(data, **given).items()
    assert passed is data
    return name


HOLDS: list[tuple[Any, str, Any]] = [
    (1, "==", 1),
    ("a", "!=", "b"),
    (1, "<", 2),
    (2, "<=", 2),
    (3, ">", 2),
    (2, ">=", 2),
    (1, "in", [1, 2]),
    ("a", "in", "abc"),
    (3, "not in", [1, 2]),
    ([1, 2], "contains", 2),
    ("abc", "contains", "b"),
    ({"a": 1}, "contains", "a"),
]
NAMES = {"==": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
NAMES |= {"in": "$in", "not in": "$nin", "contains": "$contains"}
OPPOSITE = {"==": "!=", "<": ">=", ">": "<=", "in": "not in"}


@pytest.mark.parametrize(("data", "operator", "value"), HOLDS, ids=str)
def test_an_operator_holds_under_both_names(data: Any, operator: str, value: Any):
    for name in (operator, NAMES[operator]):
        assert way(data, operator=name, value=value) == "true_output"
        assert way(data, cases={"hit": {NAMES[operator]: value}}) == "case_hit"


@pytest.mark.parametrize(("operator", "opposite"), OPPOSITE.items())
def test_an_operator_does_not_hold_where_its_opposite_does(operator: str, opposite: str):
    value: Any = [1] if operator == "in" else 1
    for data in (0, 1, 2):
        ways = {way(data, operator=name, value=value) for name in (operator, opposite)}
        assert ways == {"true_output", "false_output"}


@pytest.mark.parametrize("operator", [None, "=="])
def test_without_an_operator_values_are_equal(operator: str | None):
    assert way(5, operator=operator, value=5) == "true_output"
    assert way(5, operator=operator, value=6) == "false_output"


def test_the_first_case_that_holds_is_taken():
    cases = {"cheap": {"$lt": 10}, "middle": {"$gte": 10, "$lt": 100}, "round": 1000, "none": None}
    found = [way(data, cases=cases) for data in (5, 10, 99, 100, 1000, None)]
    assert found == ["case_cheap", "case_middle", "case_middle", "default", "case_round", "case_none"]


def test_a_case_may_be_a_dict_to_be_equal_to():
    assert way({"a": 1}, cases={"same": {"a": 1}}) == "case_same"
    assert way({}, cases={"empty": {}}) == "case_empty"


def test_without_cases_the_default_is_taken():
    assert way(1, cases={}) == "default"


# --- where the value is ---

PERSON = Person("Ann", Address("Rome"))


@pytest.mark.parametrize(
    ("data", "field", "value"),
    [
        (5, None, 5),
        (5, "", 5),
        ({"a": 1}, "a", 1),
        ({"a": {"b": {"c": 2}}}, "a.b.c", 2),
        (PERSON, "name", "Ann"),
        (PERSON, "short", "A"),
        (PERSON, "address.city", "Rome"),
        ({"who": PERSON}, "who.address.city", "Rome"),
        (Slotted(), "size", 3),
        ({"count": 1}, "count", 1),
    ],
    ids=str,
)
def test_a_field_is_found(data: Any, field: str | None, value: Any):
    assert way(data, condition_field=field, value=value) == "true_output"


@pytest.mark.parametrize(
    ("data", "field", "name", "hint"),
    [
        ({"price": 1}, "prise", "prise", "did you mean `price`?"),
        ({"a": {"price": 1}}, "a.prise", "prise", "did you mean `price`?"),
        (PERSON, "nmae", "nmae", "did you mean `name`?"),
        (PERSON, "greet", "greet", "known are address, name"),
        ([1, 2], "count", "count", "leave condition_field out to compare the value itself"),
        ({"a": 1}, "keys", "keys", "known are a"),
        (None, "a", "a", "leave condition_field out to compare the value itself"),
    ],
    ids=str,
)
def test_a_field_that_is_not_there_is_an_error(data: Any, field: str, name: str, hint: str):
    with pytest.raises(errors.UnknownFieldError) as caught:
        way(data, condition_field=field, value=1)
    assert (caught.value.message, caught.value.hint) == (f"there is no `{name}` in the switch's data", hint)
    assert caught.value.path == "condition_field"


# --- nulls, as in filters ---


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("==", None, True),
        ("==", 1, False),
        ("!=", 1, True),
        ("!=", None, False),
        ("<", 1, False),
        ("<=", 1, False),
        (">", 1, False),
        (">=", 1, False),
        ("in", [1, None], True),
        ("in", [1], False),
        ("not in", [1], True),
        ("not in", [None], False),
        ("contains", 1, False),
    ],
)
def test_a_null_is_found_as_by_a_filter(operator: str, value: Any, expected: bool):
    assert way(None, operator=operator, value=value) == ("true_output" if expected else "false_output")
    assert way({"a": None}, condition_field="a.b", operator=operator, value=value) == (
        "true_output" if expected else "false_output"
    )


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_nothing_is_less_or_greater_than_a_null(operator: str):
    assert way(1, operator=operator, value=None) == "false_output"


# --- what cannot be compared ---


class Frame:
    """As a column of pandas: a comparison gives many answers."""

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise ValueError("the truth value is ambiguous")


@pytest.mark.parametrize(
    ("data", "operator", "value", "message"),
    [
        ("a", "<", 1, "`<` cannot compare str with int"),
        (1, "$gte", "a", "`$gte` cannot compare int with str"),
        (1, "in", 5, "`in` cannot compare int with int"),
        (1, "not in", None, "`not in` cannot compare int with NoneType"),
        ("abc", "contains", 1, "`contains` cannot compare str with int"),
        (5, "contains", 1, "`contains` cannot compare int with int"),
        (Frame(), "==", 1, "`==` cannot compare Frame with int"),
    ],
    ids=str,
)
def test_types_that_cannot_be_compared_are_named(data: Any, operator: str, value: Any, message: str):
    with pytest.raises(errors.WrongTypeError) as caught:
        way(data, operator=operator, value=value)
    assert caught.value.message == message
    assert caught.value.__cause__ is not None


# --- before a run ---


def check(*connected: str, **given: Any) -> errors.DataFlowError:
    with pytest.raises(errors.DataFlowError) as caught:
        SwitchNode().check_parameters(given, connected)
    return caught.value


@pytest.mark.parametrize("given", [{"value": 1}, {"operator": "<"}, {"value": 1, "operator": "<"}], ids=str)
def test_cases_stand_alone(given: dict[str, Any]):
    error = check(cases={"a": 1}, **given)
    assert isinstance(error, errors.InvalidParameterError)
    assert error.message == (
        f"a switch takes either `value`, with an operator, or `cases`; `{max(given)}` is beside `cases`"
    )
    assert isinstance(check(*given, cases={"a": 1}), errors.InvalidParameterError)


@pytest.mark.parametrize(
    ("given", "path", "hint"),
    [
        ({"value": 1, "operator": "=<"}, "operator", "did you mean `<`?"),
        ({"value": 1, "operator": "$foo"}, "operator", None),
        ({"cases": {"a": {"$foo": 1}}}, "cases.a.$foo", None),
    ],
    ids=str,
)
def test_an_operator_that_does_not_exist_is_found(given: dict[str, Any], path: str, hint: str | None):
    error = check(**given)
    assert (error.message, error.path) == ("there is no such operator", path)
    assert hint is None or error.hint == hint


@pytest.mark.parametrize("cases", [[1], 5, "a"], ids=str)
def test_cases_are_a_dict_given_or_connected(cases: Any):
    message = f"cases is a dict of a name to a value or condition, got {type(cases).__name__}"
    assert check(cases=cases).message == message
    with pytest.raises(errors.InvalidParameterError) as caught:
        SwitchNode().run(1, cases=cases)
    assert caught.value.message == message


def test_a_switch_that_can_work_passes():
    for given in ({"value": None}, {"value": 1, "operator": None}, {"value": 1, "cases": None}, {"cases": {}}, {}):
        SwitchNode().check_parameters(given, ())
    SwitchNode().check_parameters({}, ["data", "value"])


def test_a_value_or_cases_are_needed():
    assert SwitchNode().missing_parameters([]) == ["data", "value"]
    assert SwitchNode().missing_parameters(["data", "operator"]) == ["value"]
    assert (
        SwitchNode().missing_parameters(["data", "value"]) == SwitchNode().missing_parameters(["data", "cases"]) == []
    )


def test_a_value_that_did_not_come_is_an_error():
    with pytest.raises(errors.MissingParameterError, match="neither `value` nor `cases`"):
        SwitchNode().run(1, operator="==")


def test_the_ways_are_known_from_what_is_given_and_connected():
    switch, two = SwitchNode(), ["true_output", "false_output"]
    assert (
        switch.possible_outputs({"value": 1}, ())
        == switch.possible_outputs({"operator": "<"}, ())
        == switch.possible_outputs({}, ["value"])
        == two
    )
    assert switch.possible_outputs({"cases": {"a": 1, "b": 2}}, ()) == ["case_a", "case_b", "default"]
    assert switch.possible_outputs({}, ["cases"]) is None
