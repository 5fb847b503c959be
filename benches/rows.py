"""The standard table of the benchmarks."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SEED = 7


def standard_rows(count: int) -> pa.Table:
    """`count` rows: 8 columns of int, text, float, timestamp and bool; `tags` is null in one row of ten."""
    rng = np.random.default_rng(SEED)
    ids = pa.array(np.arange(1, count + 1))
    digits = pc.utf8_lpad(pc.cast(ids, pa.string()), 9, "0")
    day_us = 86_400_000_000
    return pa.table(
        {
            "id": ids,
            "sku": pc.binary_join_element_wise("SKU", digits, ""),
            "name": pc.binary_join_element_wise("product-name", digits, ""),
            "price": rng.random(count) * 1000,
            "qty": rng.integers(0, 10_000, count),
            "tags": pa.array(np.where(rng.random(count) < 0.1, None, "red,green"), pa.string()),
            "created_at": pa.array(rng.integers(0, 20_000 * day_us, count), pa.timestamp("us", "UTC")),
            "active": pa.array(rng.random(count) < 0.5),
        }
    )
