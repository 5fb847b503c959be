"""`SwitchNode`: one way or another, by the value of a field."""

from __future__ import annotations

import operator as op
from collections.abc import Callable, Collection, Mapping
from typing import Any

from dataflow._spelling import suggest
from dataflow.errors import InvalidParameterError, MissingParameterError, UnknownFieldError, WrongTypeError
from dataflow.model.markers import UNSET
from dataflow.nodes.node import Node

__all__ = ["SwitchNode"]

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": op.eq,
    "!=": op.ne,
    "<": op.lt,
    "<=": op.le,
    ">": op.gt,
    ">=": op.ge,
    "in": lambda value, wanted: value in wanted,
    "not in": lambda value, wanted: value not in wanted,
    "contains": lambda value, wanted: wanted in value,
}
_ORDERS = (op.lt, op.le, op.gt, op.ge)
# The names of filters mean the same here.
_SYNONYMS = {"$eq": "==", "$ne": "!=", "$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">=", "$in": "in"}
_SYNONYMS |= {"$nin": "not in", "$contains": "contains"}


class SwitchNode(Node):
    """Passes its `data` on to one of several branches; nodes that hang on the others alone are skipped.

    With `operator` and `value`, the outputs are `true_output` and `false_output`. With `cases`, a dict of a name to a
    value or to `{"$lt": 10, …}`, they are `case_<name>` of the first case that holds, and `default` where none does.

    Args (of `run`):
        data: What is looked at and passed on.
        condition_field: The key or attribute of `data` to compare, `a.b` for one inside another; None for itself.
        operator: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, `contains`, or a filter's name for it, e.g. `$lt`.
        value: What to compare with.
        cases: Instead of operator and value.
    """

    has_branches = True

    def run(
        self,
        data: Any,
        condition_field: str | None = None,
        operator: str | None = None,
        value: Any = UNSET,
        cases: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        found = _look_up(data, condition_field)
        if cases is None:
            if value is UNSET:
                raise MissingParameterError("the switch was given neither `value` nor `cases`", path="value")
            return {"true_output" if _holds(found, operator or "==", value) else "false_output": data}
        _check_cases(cases)
        return {next((f"case_{name}" for name, case in cases.items() if _meets(found, case)), "default"): data}

    def check_parameters(self, given: Mapping[str, Any], connected: Collection[str]) -> None:
        names = {*(name for name, one in given.items() if one is not None or name == "value"), *connected}
        beside = names & {"value", "operator"}
        if "cases" in names and beside:
            message = f"a switch takes either `value`, with an operator, or `cases`; `{max(beside)}` is beside `cases`"
            raise InvalidParameterError(message, path=max(beside))
        if given.get("operator") is not None:
            _test(given["operator"], "operator")
        if given.get("cases") is not None:
            _check_cases(given["cases"])

    def missing_parameters(self, given: Collection[str]) -> list[str]:
        either = [] if "value" in given or "cases" in given else ["value"]
        return [*super().missing_parameters(given), *either]

    def possible_outputs(self, given: Mapping[str, Any], connected: Collection[str]) -> Collection[str] | None:
        if {"value", "operator"} & {*given, *connected}:
            return ["true_output", "false_output"]
        cases = given.get("cases")
        return [*(f"case_{name}" for name in cases), "default"] if isinstance(cases, Mapping) else None


def _look_up(data: Any, path: str | None) -> Any:
    for at, name in enumerate(path.split(".") if path else ()):
        if data is None and at:
            return None  # as in filters: what is inside of a null is null
        known = data if isinstance(data, Mapping) else vars(data) if hasattr(data, "__dict__") else {}
        found = known[name] if name in known else UNSET if isinstance(data, Mapping) else _attribute(data, name)
        if found is UNSET:
            hint = suggest(name, map(str, known)) if known else "leave condition_field out to compare the value itself"
            raise UnknownFieldError(f"there is no `{name}` in the switch's data", path="condition_field", hint=hint)
        data = found
    return data


def _attribute(data: Any, name: str) -> Any:
    """A method is no value: `count` of a list is not how many it holds."""
    found = getattr(data, name, UNSET)
    return UNSET if callable(found) else found


def _test(name: Any, path: str) -> Callable[[Any, Any], bool]:
    test = _TESTS.get(_SYNONYMS.get(name, name)) if isinstance(name, str) else None
    if test is None:
        raise InvalidParameterError("there is no such operator", path=path, hint=suggest(str(name), _TESTS))
    return test


def _check_cases(cases: object) -> None:
    if not isinstance(cases, Mapping):
        message = f"cases is a dict of a name to a value or condition, got {type(cases).__name__}"
        raise InvalidParameterError(message, path="cases")
    for name, case in cases.items():
        for operator in _conditions(case):
            _test(operator, f"cases.{name}.{operator}")


def _holds(found: Any, operator: str, wanted: Any) -> bool:
    """Nulls as in filters: less or greater than nothing, in a list that has one, and not in any other."""
    test = _test(operator, "operator")
    if (found is None or wanted is None) and test in _ORDERS:
        return False
    if found is None and test is _TESTS["contains"]:
        return False
    try:
        return bool(test(found, wanted))
    except (TypeError, ValueError) as error:
        message = f"`{operator}` cannot compare {type(found).__name__} with {type(wanted).__name__}"
        raise WrongTypeError(message, path="condition_field", hint="convert one of them in a node before") from error


def _conditions(case: Any) -> Mapping[str, Any]:
    """`{"$lt": 10}`; a plain value means equality."""
    if isinstance(case, Mapping) and case and all(isinstance(name, str) and name.startswith("$") for name in case):
        return case
    return {"$eq": case}


def _meets(found: Any, case: Any) -> bool:
    return all(_holds(found, name, wanted) for name, wanted in _conditions(case).items())
