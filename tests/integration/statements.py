"""What a call sends."""

import itertools
import time
from collections.abc import Mapping
from typing import Any

from dataflow import DataFlow

_marks = itertools.count(1_000_000)


class Statements:
    """The statements that a call sends, but for those that open and close transactions."""

    def __init__(self, db: DataFlow) -> None:
        self.db, self.seen = db, list[Mapping[str, Any]]()
        db.on("statement", self.seen.append)

    def of(self, table: Any) -> list[str]:
        """Those since the last time; a last one of our own tells that all have come."""
        mark = f"OFFSET {next(_marks)}"
        table.list(limit=0, offset=int(mark.split()[1]))
        end = time.monotonic() + 5
        # Events come from another thread, which may still tell of statements that others have sent before.
        while not any(event["sql"].endswith(mark) for event in self.seen):
            assert time.monotonic() < end
            time.sleep(0.002)
        told = [event["operation"] for event in self.seen[:-1]]
        self.seen.clear()
        return told
