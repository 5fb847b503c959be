"""DataFlow: a database framework whose work is done in Rust.

    from dataflow import DataFlow

    db = DataFlow()

    @db.model
    class Product:
        name: str
        price: Decimal

    products = db.table(Product)
    products.create(name="Tea", price=Decimal("4.20"))

Errors are in `dataflow.errors`; all of them are `DataFlowError`.
"""

import atexit
import warnings
from typing import TYPE_CHECKING

from dataflow import _core, errors
from dataflow._spelling import not_built
from dataflow.engine import DataFlow
from dataflow.errors import DataFlowError
from dataflow.model.markers import UNSET, MaxLength, Naive, Precision, auto, field
from dataflow.query.result import BulkResult, Rows
from dataflow.query.table import Table
from dataflow.query.transaction import Transaction

__all__ = [
    "UNSET",
    "BulkResult",
    "DataFlow",
    "DataFlowError",
    "MaxLength",
    "Naive",
    "Precision",
    "Rows",
    "Table",
    "Transaction",
    "auto",
    "errors",
    "field",
]

__version__ = _core.__version__

if _core.DEBUG_BUILD:
    warnings.warn(
        "dataflow._core is a debug build: it is many times slower; build it with --release to measure or to ship",
        RuntimeWarning,
        stacklevel=2,
    )

# Before the interpreter takes modules apart: work in flight still calls into Python.
atexit.register(_core.shutdown)

if not TYPE_CHECKING:  # a type checker shall report these names

    def __getattr__(name: str) -> object:
        from dataflow._later import NAMES

        if name in NAMES:
            raise not_built(f"`{name}`", path=f"dataflow.{name}")
        raise AttributeError(f"module 'dataflow' has no attribute '{name}'", name=name)
