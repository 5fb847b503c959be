"""The error tree agrees with Rust's list and with the error page, and says what a person needs."""

import copy
import pickle
import re

import pytest

from dataflow import DataFlowError, _core, errors
from dataflow._error import sections
from tests.described import describe

FAMILIES = {"Connection": "DatabaseConnectionError", "Runtime": "EngineError"}
KINDS = _core.error_kinds()


def test_rust_lists_its_kinds():
    assert len(KINDS) > 40
    assert len({code for code, *_ in KINDS}) == len(KINDS)


@pytest.mark.parametrize(("code", "kind", "family", "retryable"), KINDS)
def test_every_kind_has_its_class(code: str, kind: str, family: str, retryable: bool):
    cls: type[DataFlowError] = getattr(errors, f"{kind}Error")
    assert (cls.code, cls.kind, cls.retryable) == (code, kind, retryable)
    assert cls.__bases__ == (getattr(errors, FAMILIES.get(family, f"{family}Error")),)
    assert cls.__doc__


def test_there_is_no_class_without_a_kind():
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, DataFlowError)]
    assert {cls.kind for cls in classes} - {""} == {kind for _, kind, *_ in KINDS}
    assert {cls.__name__ for cls in classes} <= set(errors.__all__)


def test_the_page_explains_every_kind_in_order():
    titles = [section.partition("\n")[0] for section in sections().values()]
    assert titles == [f"## {code} {kind}Error" for code, kind, *_ in KINDS]


@pytest.mark.parametrize("code", [code for code, *_ in KINDS])
def test_a_section_says_what_why_and_fix(code: str):
    text = errors.explain(code)
    assert re.findall(r"^- \*\*(\w+)\*\* ", text, re.MULTILINE) == ["What", "Why", "Fix"]
    assert max(map(len, text.splitlines())) <= 120


def test_a_code_may_be_written_in_short():
    assert errors.explain("3001") == errors.explain(" df-3001 ") == errors.explain("DF-3001")


def test_an_unknown_code_is_an_error():
    with pytest.raises(errors.InvalidOptionError, match="no error has this code"):
        errors.explain("DF-0001")


def test_an_error_shows_all_it_knows():
    error = errors.UniqueViolationError(
        "a row with this key is there already",
        path="data[3].code",
        sqlstate="23505",
        constraint="product_pkey",
        hint="use another key",
        outcome="rolled back",
    )
    assert str(error).splitlines() == [
        "DF-6001 UniqueViolationError: a row with this key is there already",
        "  at data[3].code",
        f"  where {error.where}",
        "  sqlstate 23505",
        "  constraint product_pkey",
        "  outcome: rolled back",
        "  hint: use another key",
        "  more: dataflow explain DF-6001",
    ]


def test_an_error_shows_no_more_than_it_knows():
    error = errors.ClosedError("this DataFlow is closed")
    error.where = None
    assert str(error).splitlines() == [
        "DF-9003 ClosedError: this DataFlow is closed",
        "  more: dataflow explain DF-9003",
    ]


def test_where_is_the_line_of_the_caller():
    error = errors.NotFoundError("no row has this key")
    assert error.where is not None
    assert re.fullmatch(r"(.*/)?test_errors\.py:\d+", error.where)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_a_copy(copied):
    error = errors.DeadlockError("transactions waited for each other", sqlstate="40P01", outcome="rolled back")
    assert str(copied(error)) == str(error)
    assert copied(error).retryable


def test_the_users_own_subclass_keeps_code_and_kind():
    class SkuTaken(errors.UniqueViolationError):
        pass

    assert (SkuTaken.code, SkuTaken.kind, SkuTaken.retryable) == ("DF-6001", "UniqueViolation", False)


def test_an_unknown_commit_has_its_short_name():
    assert errors.CommitOutcomeUnknown is errors.CommitOutcomeUnknownError
    assert not errors.CommitOutcomeUnknown.retryable


def test_rust_raises_these_classes():
    with pytest.raises(errors.InvalidModelError) as caught:
        _core.Engine("sqlite:///:memory:", {}).table(describe("", {}))
    assert caught.value.code == "DF-2001"
