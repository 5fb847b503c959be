"""A program: loads Arrow whose producer needs Python in another thread, given as an item among rows."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from dataflow import DataFlow


class Files(pyarrow.fs.FSSpecHandler):
    """A file system in Python: pyarrow's own threads call it, and each read takes the GIL."""

    def __init__(self) -> None:
        super().__init__(None)
        self._local = pyarrow.fs.LocalFileSystem()

    def get_type_name(self) -> str:
        return "python"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> Any:
        return self._local.get_file_info(paths)

    def get_file_info_selector(self, selector: pyarrow.fs.FileSelector) -> Any:
        return self._local.get_file_info(selector)

    def open_input_file(self, path: str) -> pa.PythonFile:
        return pa.PythonFile(Path(path).open("rb"))


class Produced:
    number: int


def reader(folder: Path) -> pa.RecordBatchReader:
    files = pyarrow.fs.PyFileSystem(Files())
    data = pyarrow.dataset.dataset(str(folder), filesystem=files, format="parquet")
    # No read-ahead: what is read is read while a batch is asked for.
    return data.scanner(batch_readahead=0, fragment_readahead=0, use_threads=True).to_reader()


def main(url: str, way: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        for part in range(4):
            pyarrow.parquet.write_table(pa.table({"number": range(100)}), f"{name}/{part}.parquet", row_group_size=10)
        db = DataFlow(url)
        table = db.table(db.model(Produced))
        items = iter([{"number": -1}, reader(Path(name)), {"number": -2}])
        if way == "awaited":
            result = asyncio.run(table.abulk_create(items, chunk_rows=70))
        else:
            result = table.bulk_create(items, chunk_rows=70)
        print(result.inserted)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
