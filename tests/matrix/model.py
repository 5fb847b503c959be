"""The models of the matrix: one shape, and what a concern adds to it."""

from typing import Annotated, Any

from dataflow import MaxLength, Ref, Unique, auto

Row = dict[str, Any]
FIELDS = ("id", "code", "size", "note")
DEFAULTS: Row = {"size": 7, "note": "-"}
# The code of a row goes with its key: that of row 4 is "d".
CODES = "?abcdefghij"
STORED: dict[int, Row] = {key: {"id": key, "code": CODES[key], "size": key, "note": f"note {key}"} for key in (1, 2, 3)}


class Plain:
    id: int = auto()
    code: Annotated[str, MaxLength(20), Unique()]
    size: int | None = 7
    note: str = "-"


class Shared(Plain):
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012


class Kept(Plain):
    __dataflow__ = {"soft_delete": True}  # noqa: RUF012


class Versioned(Plain):
    __dataflow__ = {"versioned": True}  # noqa: RUF012


class Checked(Plain):
    __dataflow__ = {"checks": {"positive": {"size": {"$gte": 0}}}}  # noqa: RUF012


class Owner(Plain):
    pass


class Owned(Checked):
    owner: Annotated[int | None, Ref("Owner")] = None


class Gone(Plain):
    """Its table is dropped behind our back."""
