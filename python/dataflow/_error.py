"""The root of the error tree, and the page that explains its members."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import ClassVar

# Between the user's line and ours: context managers and the import system.
_PASSED_OVER = frozenset({"contextlib", "dataflow", "importlib"})
# Below these is the line that started the loop or thread, which says nothing about the call.
_ENDS_AT = frozenset({"asyncio", "concurrent", "threading"})


class DataFlowError(Exception):
    """Everything DataFlow raises on purpose. Messages carry names, types and counts, never values or secrets.

    Attributes:
        code: Stable number of the kind, `DF-nnnn`; empty for a family.
        kind: Stable name of the kind, e.g. `UniqueViolation`.
        retryable: Whether the same operation may succeed when run again from its start.
        message: What happened, in one line.
        path: Where in the call, e.g. `data[17].email` or `filter.price.$lt`.
        sqlstate: What the database called it.
        constraint: The constraint that refused.
        hint: How to mend it.
        outcome: How a write ended: `committed`, `rolled back` or `unknown`; None where nothing was written. A load in
            chunks of which some stay is `committed`, and `rows_done` tells how many rows.
        rows_done: Rows of a load that are committed and stay; None where none are known to.
        where: `file:line` of the caller outside DataFlow; None where a loop or thread called it directly.
    """

    __module__ = "dataflow.errors"

    code: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    message: str
    path: str | None
    sqlstate: str | None
    constraint: str | None
    hint: str | None
    outcome: str | None
    rows_done: int | None
    where: str | None

    def __init_subclass__(cls, *, code: str | None = None, retryable: bool | None = None) -> None:
        super().__init_subclass__()
        # A subclass written by a user keeps the code and kind of its parent.
        if code is not None:
            cls.code = code
            cls.kind = cls.__name__.removesuffix("Error")
        if retryable is not None:
            cls.retryable = retryable

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        sqlstate: str | None = None,
        constraint: str | None = None,
        hint: str | None = None,
        outcome: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.sqlstate = sqlstate
        self.constraint = constraint
        self.hint = hint
        self.outcome = outcome
        self.rows_done = None
        self.where = _caller(sys._getframe(1))

    def __str__(self) -> str:
        title = f"{self.code} {type(self).__name__}".strip()
        details = [
            ("at", self.path),
            ("where", self.where),
            ("sqlstate", self.sqlstate),
            ("constraint", self.constraint),
            ("outcome:", self.outcome),
            ("stands:", None if self.rows_done is None else f"{self.rows_done} rows of the load are committed"),
            ("hint:", self.hint),
            ("more:", f"dataflow explain {self.code}" if self.code else None),
        ]
        lines = [f"  {label} {text}" for label, text in details if text]
        return "\n".join([f"{title}: {self.message}", *lines])


def _caller(frame: FrameType | None) -> str | None:
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in _ENDS_AT:
            return None
        if package not in _PASSED_OVER:
            return f"{short(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def short(filename: str) -> str:
    """The file as seen from the working directory, where it lies below it."""
    try:
        here = os.getcwd() + os.sep
    except OSError:  # the working directory was deleted
        return filename
    return filename.removeprefix(here)


def sections() -> dict[str, str]:
    """The error page by code: `DF-nnnn` to its markdown section."""
    with open(os.path.join(os.path.dirname(__file__), "explain.md"), encoding="utf-8") as file:
        page = file.read()
    _, *parts = page.split("\n## ")
    return {part.partition(" ")[0]: f"## {part.strip()}\n" for part in parts}
