"""What callers hand over as data: decided here by its form, read in Rust."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from dataflow.errors import UnsupportedDataError
from dataflow.model.description import Description
from dataflow.model.markers import UNSET

__all__ = [
    "ArrowInput",
    "Data",
    "has_columns",
    "is_frame",
    "key_rows",
    "list_rows",
    "read_data",
    "read_instance",
    "read_item",
    "read_key",
    "read_keys",
]

_PATH = "data"
_TAKEN = "taken are Arrow, pandas, polars, files by pathlib.Path, and iterables of dicts or of instances of the model"
_FILE = "a file is given as pathlib.Path(name)"


class ArrowInput(NamedTuple):
    """An object with an Arrow capsule. `nan_is_null`: it comes from pandas, where NaN is a missing number."""

    data: Any
    nan_is_null: bool


# Plain dicts and instances of the model, or columns.
Data: TypeAlias = list[Any] | ArrowInput


def read_data(description: Description, data: object) -> Data:
    """Decides how `data` is to be read.

    Raises:
        UnsupportedDataError: It is of no form that holds rows.
    """
    columns = _read_columns(data)
    if columns is not None:
        return columns
    if isinstance(data, Mapping):
        hint = "one row is [row]; columns are pyarrow.table(columns)"
        raise UnsupportedDataError("a dict is neither rows nor columns", path=_PATH, hint=hint)
    if isinstance(data, str | bytes | bytearray) or not isinstance(data, Iterable):
        hint = _FILE if isinstance(data, str) else "call .collect() first" if hasattr(data, "collect") else _TAKEN
        raise UnsupportedDataError(f"rows cannot be read from {type(data).__name__}", path=_PATH, hint=hint)
    return list_rows(description, data)


def list_rows(description: Description, rows: Iterable[object]) -> list[Any]:
    """Dicts and instances.

    Raises:
        UnsupportedDataError: One is neither.
    """
    return [_check_row(description, at, row) for at, row in enumerate(rows)]


def read_keys(description: Description, keys: object) -> Data:
    """Keys as rows: scalars, tuples, dicts, anything with columns, or instances, whose version counts as well.

    Raises:
        UnsupportedDataError: It is of no form that holds keys, or a key has too many or too few values.
    """
    if isinstance(keys, str | bytes | Mapping) or not isinstance(keys, Iterable) or has_columns(keys):
        return read_data(description, keys)
    return key_rows(description, keys)


def key_rows(description: Description, keys: Iterable[object]) -> list[Any]:
    """Scalars, tuples, dicts and instances as rows.

    Raises:
        UnsupportedDataError: One has too many or too few values.
    """
    return [_read_key(description, at, key) for at, key in enumerate(keys)]


def read_item(description: Description, at: int, item: object) -> Any:
    """One item of a stream: a row, or many as a frame.

    Raises:
        UnsupportedDataError: It is neither.
    """
    return _read_columns(item) or _check_row(description, at, item)


def read_key(description: Description, at: int, item: object) -> dict[str, object] | ArrowInput:
    """One item of a stream of keys: a key, a row with one, or many as a frame.

    Raises:
        UnsupportedDataError: It is none of these.
    """
    return _read_columns(item) or _read_key(description, at, item)


def has_columns(data: object) -> bool:
    """Whether it holds rows column by column."""
    frame = is_frame(data, "pandas") or is_frame(data, "polars")
    return frame or hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__")


def _read_columns(data: object) -> ArrowInput | None:
    if is_frame(data, "pandas"):
        return ArrowInput(_read_pandas(data), True)
    if is_frame(data, "polars"):
        return ArrowInput(_read_polars(data), False)
    return ArrowInput(data, False) if has_columns(data) else None


def _read_key(description: Description, at: int, key: object) -> dict[str, object]:
    if isinstance(key, description.cls):
        names = (*description.key, description.version)
        return {name: value for name, value in read_instance(description, key).items() if name in names}
    if isinstance(key, Mapping):
        return dict(key)
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) != len(description.key):
        shown = ", ".join(description.key)
        message = f"the key of {description.name} is ({shown}), {len(parts)} given"
        raise UnsupportedDataError(message, path=f"keys[{at}]")
    return dict(zip(description.key, parts, strict=True))


def read_instance(description: Description, instance: object) -> dict[str, object]:
    """The fields of a model's instance; those that are not set are left out."""
    given = ((name, getattr(instance, name, UNSET)) for name in description.fields)
    return {name: value for name, value in given if value is not UNSET}


def _check_row(description: Description, at: int, row: object) -> object:
    """A dict, or an instance of the model, which is read in Rust."""
    # The exact type first: a look into the Mapping registry costs ten times as much.
    if type(row) is dict or isinstance(row, description.cls):
        return row
    if isinstance(row, Mapping):
        return dict(row)
    message = f"expected a dict or {description.name}, got {type(row).__name__}"
    raise UnsupportedDataError(message, path=f"{_PATH}[{at}]", hint=_TAKEN)


def is_frame(data: object, package: str, *names: str) -> bool:
    """By the name of the class: a library is not imported to find out that something is not of it."""
    known = names or ("DataFrame",)
    return any(cls.__name__ in known and _package(cls) == package for cls in type(data).__mro__)


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _read_pandas(frame: Any) -> Any:
    """The columns of a DataFrame as Arrow, without its index."""
    pyarrow: Any = import_module("pyarrow")
    try:
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        # Only the last of several arguments names the column; the first repeats a value, which no message may.
        where = str(error.args[-1]) if len(error.args) > 1 else "two columns have one name, or one has mixed types"
        hint = 'rename columns, convert them, or hand over frame.to_dict("records")'
        raise UnsupportedDataError(f"the DataFrame is not Arrow: {where}", path=_PATH, hint=hint) from None
    for at, dtype in enumerate(frame.dtypes):
        # pyarrow makes every NaN null; a field that takes no None shall be told of NaN, not of null.
        if dtype.kind == "f" and _package(type(dtype)) == "numpy":
            floats = pyarrow.array(frame.iloc[:, at].to_numpy(), from_pandas=False)
            table = table.set_column(at, table.field(at).name, floats)
    return table


def _read_polars(frame: Any) -> Any:
    """The frame, with nulls of a known type: polars 2.1 exports a Null column with a buffer, which arrow-rs refuses."""
    polars: Any = import_module("polars")
    if polars.Null not in frame.dtypes:
        return frame
    return frame.with_columns(polars.col(polars.Null).cast(polars.Boolean))
