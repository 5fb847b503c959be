"""Which failures are tried again: how retry is read, whom it wants, how long it waits."""

from typing import Any

import pytest

from dataflow import errors
from dataflow.workflow.retry import NEVER, Retry, read_retry


def test_without_retry_a_node_is_tried_once():
    assert read_retry(None, "a") is NEVER
    assert not NEVER.wants(errors.DeadlockError("x"), 1, writes=False)


READ: list[tuple[dict[str, Any], Retry]] = [
    ({}, Retry(3, 0.1, None)),
    ({"attempts": 5, "backoff_ms": 250}, Retry(5, 0.25, None)),
    ({"backoff_ms": 0.5}, Retry(3, 0.0005, None)),
    ({"on": "Deadlock"}, Retry(3, 0.1, (errors.DeadlockError,))),
    ({"on": ["DeadlockError", OSError]}, Retry(3, 0.1, (errors.DeadlockError, OSError))),
    ({"on": {TimeoutError}}, Retry(3, 0.1, (TimeoutError,))),
]


@pytest.mark.parametrize(("given", "retry"), READ, ids=str)
def test_retry_is_read(given: dict[str, Any], retry: Retry):
    assert read_retry(given, "a") == retry


WRONG: list[tuple[Any, str, str | None]] = [
    (5, "a.retry", '{"attempts": 3}'),
    ({"atempts": 3}, "a.retry.atempts", "did you mean `attempts`?"),
    ({5: 3}, "a.retry.5", None),
    ({"attempts": 0}, "a.retry.attempts", None),
    ({"attempts": 1001}, "a.retry.attempts", None),
    ({"attempts": True}, "a.retry.attempts", None),
    ({"attempts": 2.0}, "a.retry.attempts", None),
    ({"backoff_ms": -1}, "a.retry.backoff_ms", None),
    ({"backoff_ms": 30_001}, "a.retry.backoff_ms", None),
    ({"backoff_ms": float("nan")}, "a.retry.backoff_ms", None),
    ({"backoff_ms": True}, "a.retry.backoff_ms", None),
    ({"on": []}, "a.retry.on", '["Deadlock", TimeoutError]'),
    ({"on": 5}, "a.retry.on", '["Deadlock", TimeoutError]'),
    ({"on": ["Deadlok"]}, "a.retry.on", "did you mean `Deadlock`?"),
    ({"on": [5]}, "a.retry.on", None),
    ({"on": [int]}, "a.retry.on", None),
    ({"on": [KeyboardInterrupt]}, "a.retry.on", None),
]


@pytest.mark.parametrize(("given", "path", "hint"), WRONG, ids=str)
def test_what_cannot_be_meant_is_refused(given: Any, path: str, hint: str | None):
    with pytest.raises(errors.InvalidOptionError) as caught:
        read_retry(given, "a")
    assert caught.value.path == path
    assert hint is None or caught.value.hint == hint


class Busy(Exception):
    def retryable(self) -> bool:
        return True


def failed(kind: type[errors.DataFlowError], outcome: str | None = None) -> errors.DataFlowError:
    return kind("x", outcome=outcome)


WANTED: list[tuple[Retry, BaseException, bool, bool]] = [
    (Retry(2), failed(errors.DeadlockError, "rolled back"), True, True),
    (Retry(2), failed(errors.DeadlockError), False, True),
    (Retry(2), failed(errors.DeadlockError, "unknown"), True, False),
    (Retry(2), failed(errors.DeadlockError, "committed"), False, False),
    (Retry(2), failed(errors.UniqueViolationError, "rolled back"), True, False),
    (Retry(2), OSError(), False, False),
    (Retry(2), Busy(), False, False),
    (Retry(2, on=(OSError,)), ConnectionResetError(), False, True),
    (Retry(2, on=(OSError,)), ValueError(), False, False),
    (Retry(2, on=(OSError,)), failed(errors.DeadlockError, "rolled back"), True, False),
    (Retry(2, on=(errors.CommitOutcomeUnknown,)), failed(errors.CommitOutcomeUnknown, "unknown"), True, False),
    (Retry(2, on=(Exception,)), KeyboardInterrupt(), False, False),
]


@pytest.mark.parametrize(("retry", "error", "writes", "wanted"), WANTED, ids=str)
def test_a_failure_is_tried_again_or_not(retry: Retry, error: BaseException, writes: bool, wanted: bool):
    assert retry.wants(error, 1, writes=writes) is wanted
    assert not retry.wants(error, 2, writes=writes)


def test_the_pause_doubles_is_spread_and_has_an_end(monkeypatch: pytest.MonkeyPatch):
    for drawn, spread in ((0.0, 0.5), (0.5, 1.0), (0.999, 1.499)):
        monkeypatch.setattr("dataflow.workflow.retry.random", lambda drawn=drawn: drawn)
        pauses = [Retry(1000, 0.1).pause(attempt) for attempt in (1, 2, 3, 20, 1000)]
        assert pauses == pytest.approx([one * spread for one in (0.1, 0.2, 0.4, 30, 30)])
    assert Retry(3, 0).pause(3) == 0
