"""A notebook, as far as it is used: no kernel, but what a program in one finds."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class FakeDisplay(ModuleType):
    """`IPython.display`; `drawn` are the pages shown in one output, one after the other."""

    HTML = staticmethod(str)

    def __init__(self) -> None:
        super().__init__("IPython.display")
        self.drawn: list[str] = []
        self.displays = 0
        self.updated = threading.Event()

    def display(self, page: Any, *, display_id: bool) -> Any:
        assert display_id
        self.displays += 1
        self._draw(page)
        return SimpleNamespace(update=self.update)

    def update(self, page: Any) -> None:
        self._draw(page)
        self.updated.set()

    def _draw(self, page: Any) -> None:
        """As IPython does: what is no HTML is asked for it."""
        self.drawn.append(page if isinstance(page, str) else page._repr_mimebundle_((), ())["text/html"])


@contextmanager
def notebook(monkeypatch: pytest.MonkeyPatch, shell: str) -> Iterator[FakeDisplay]:
    fake = FakeDisplay()
    ipython = ModuleType("IPython")
    vars(ipython).update(get_ipython=lambda: type(shell, (), {})(), display=fake)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    yield fake
    assert not [one.name for one in threading.enumerate() if one.name == "dataflow-progress"]
