"""Models by themselves: no database, and a core that only notes what it is told."""

from collections.abc import Callable
from typing import Any

import pytest

from dataflow import _core


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[type[Any], Callable[[Any], Any]]:
    """The classes the core was told of, with their encoders."""
    known: dict[type[Any], Callable[[Any], Any]] = {}
    monkeypatch.setattr(_core, "register_class", known.__setitem__, raising=False)
    return known
