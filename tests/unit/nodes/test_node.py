"""Nodes that anybody can write: classes and functions, what a runtime calls of them, what is refused."""

import copy
import functools
import inspect
import pickle
from collections.abc import Callable
from typing import Any, TypedDict

import pytest

from dataflow import Node, node
from dataflow.errors import InvalidNodeError
from dataflow.nodes.node import FunctionNode


@node
def clean(planes: list[int], first_year: int = 1900) -> dict[str, Any]:
    """Takes old planes out."""
    return {"planes": [year for year in planes if year >= first_year]}


@node(name="Late")
async def late(data: int) -> int:
    return data


class Clean(Node):
    def run(self, planes: list[int], first_year: int = 1900) -> dict[str, Any]:
        return {"planes": planes}


class Found(TypedDict):
    found: int


class Search(Node):
    async def run(self, **inputs: Any) -> Found:
        return {"found": len(inputs)}


class Twins(Node):
    def run(self) -> dict[str, Any]:
        return {}

    async def arun(self) -> dict[str, Any]:
        return {}


def refused(make: Callable[[], object]) -> InvalidNodeError:
    with pytest.raises(InvalidNodeError) as caught:
        make()
    return caught.value


# --- functions ---


def test_a_function_can_be_called_as_before():
    assert clean([1890, 1950]) == {"planes": [1950]}
    assert clean.__doc__ == "Takes old planes out."
    assert inspect.signature(clean) == inspect.signature(clean.function)
    assert repr(clean) == "<node clean>"


def test_a_function_is_called_by_its_name_or_another():
    assert (clean.kind, late.kind) == ("clean", "Late")
    assert node(functools.partial(clean.function, first_year=1)).kind == "partial"


def test_a_function_that_declares_another_thing_has_one_result():
    assert late.signature().outputs == {"result": int}
    assert clean.signature().outputs is None


def test_a_function_is_awaited_when_it_is_a_coroutine():
    assert clean.entry_point(asynchronous=True) == (clean.function, False)
    assert late.entry_point(asynchronous=False) == (late.function, True)


def test_an_object_whose_call_is_a_coroutine_is_awaited():
    class Fetch:
        async def __call__(self, url: str) -> str:
            return url

    made = node(Fetch())
    assert (made.kind, made.entry_point(asynchronous=False)[1]) == ("Fetch", True)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_function_is_found_by_its_name_after_a_copy(copied: Callable[[Any], Any]):
    assert copied(clean) is clean


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("clean", "a node is made of a function, got str"),
        (5, "a node is made of a function, got int"),
        (clean, "this is a node already"),
        (Clean, "this is a node already"),
        (max, "`max` has no signature that can be read"),
        (lambda *rows: rows, "`<lambda>` takes `*rows` by position"),
    ],
    ids=str,
)
def test_what_is_no_function_with_names_is_refused(given: Any, message: str):
    assert refused(lambda: node(given)).message == message


@pytest.mark.parametrize("name", ["", 5])
def test_a_name_is_a_text(name: Any):
    assert refused(lambda: node(name=name)(lambda: None)).path == "name"


# --- classes ---


def test_a_class_has_the_parameters_of_its_run():
    assert list(Clean().signature().parameters) == ["planes", "first_year"]
    assert (Clean().kind, Clean().missing_parameters(()), Clean().missing_parameters(["planes"])) == (
        "Clean",
        ["planes"],
        [],
    )


def test_a_class_declares_outputs_by_a_typed_dict():
    signature = Search().signature()
    assert (signature.outputs, signature.promised, signature.open) == ({"found": int}, {"found"}, True)
    assert Search().possible_outputs({}, ()) == {"found": int}


def test_the_signature_of_a_class_is_read_once_and_not_inherited():
    class Cleaner(Clean):
        def run(self, other: int) -> dict[str, Any]:  # type: ignore[override]
            return {}

    assert Clean().signature() is Clean().signature()
    assert list(Cleaner().signature().parameters) == ["other"]


def test_an_object_may_have_a_run_of_its_own():
    class Call(Node):
        def __init__(self, function: Callable[..., Any]) -> None:
            self.run = function

    assert [list(Call(one).signature().parameters) for one in (lambda a: a, lambda b: b)] == [["a"], ["b"]]


def test_run_may_be_static_or_of_the_class():
    class Static(Node):
        @staticmethod
        def run(data: int) -> dict[str, Any]:
            return {}

    class OfClass(Node):
        @classmethod
        def run(cls, data: int) -> dict[str, Any]:
            return {}

    assert [list(kind().signature().parameters) for kind in (Static, OfClass)] == [["data"], ["data"]]


def test_a_class_without_run_is_refused():
    class Empty(Node):
        pass

    error = refused(Empty().signature)
    assert (error.message, error.path) == ("Empty has no method `run`", "Empty")
    assert error.hint == "write `def run(self, ...)` or `async def run(self, ...)`"


def test_a_class_that_declares_no_dict_is_refused():
    class Count(Node):
        def run(self) -> int:
            return 5

    error = refused(Count().signature)
    assert error.message == "`run` of Count declares to return int, not a dict of its outputs"
    assert error.hint == 'return {"result": value}'


# --- what a runtime calls ---


@pytest.mark.parametrize(
    ("kind", "asynchronous", "name", "awaited"),
    [
        (Clean, False, "run", False),
        (Clean, True, "run", False),
        (Search, False, "run", True),
        (Search, True, "run", True),
        (Twins, False, "run", False),
        (Twins, True, "arun", True),
    ],
)
def test_a_runtime_calls_the_method_that_suits_it(kind: type[Node], asynchronous: bool, name: str, awaited: bool):
    made = kind()
    assert made.entry_point(asynchronous=asynchronous) == (getattr(made, name), awaited)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_run_that_is_overridden_is_what_every_runtime_calls(asynchronous: bool):
    class Mine(Twins):
        def run(self) -> dict[str, Any]:
            return {"mine": 1}

    made = Mine()
    assert made.entry_point(asynchronous=asynchronous) == (made.run, False)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_arun_that_is_overridden_is_what_every_runtime_calls(asynchronous: bool):
    class Mine(Twins):
        async def arun(self) -> dict[str, Any]:
            return {"mine": 1}

    made = Mine()
    assert made.entry_point(asynchronous=asynchronous) == (made.arun, True)


def test_a_node_made_of_a_function_is_a_node():
    assert isinstance(clean, FunctionNode)
    assert isinstance(clean, Node)
    assert (clean.writes_rows, clean.model_name, clean.database, clean.has_branches) == (False, None, None, False)
