"""`dataflow generate stubs`: what it writes, and when it is stale."""

import subprocess
import sys
from pathlib import Path

import pytest

SHOP = """\
from dataflow import DataFlow

db = DataFlow("sqlite:///:memory:")


@db.model
class Product:
    name: str
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def generate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", "from dataflow.cli import main; main()", "generate", "stubs"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_the_types_stand_beside_the_module_and_can_be_imported(folder: Path) -> None:
    ended = generate(folder, "shop")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "shop_types.py: written\n", "")
    code = "import shop; from shop_types import product_table; product_table(shop.db).create(name='a')"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=folder, check=True)
    assert generate(folder, "shop.py").stdout == "shop_types.py: is as it should be\n"


def test_a_check_writes_nothing_and_tells_what_is_stale(folder: Path) -> None:
    missing = generate(folder, "shop", "--check")
    assert missing.returncode == 1
    assert "run `dataflow generate stubs shop`" in missing.stderr
    assert not (folder / "shop_types.py").exists()
    generate(folder, "shop")
    assert generate(folder, "shop", "--check").returncode == 0
    (folder / "shop.py").write_text(SHOP + "    price: float\n")
    assert generate(folder, "shop", "--check").returncode == 1


def test_a_module_without_models_is_refused(folder: Path) -> None:
    (folder / "empty.py").write_text("from shop import Product, db\n")
    ended = generate(folder, "empty")
    assert ended.returncode == 2
    assert "declares no model" in ended.stderr
    assert not (folder / "empty_types.py").exists()
