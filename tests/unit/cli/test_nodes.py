"""`dataflow nodes`: what it lists, with and without a module of the user."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOP = """\
from dataflow import DataFlow, Node, NodeRegistry
from stock import WORD

db = DataFlow("sqlite:///:memory:")


@db.model
class Product:
    name: str
    price: float | None


@NodeRegistry.register
class PriceNode(Node):
    def run(self, product: Product, rate: float = 1.5, word: str = WORD, key: object = object()) -> dict:
        "Not the description."
        return {"price": 1.0}
"""
STOCK = "WORD = 'new'\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with `shop.py`, which imports `stock.py`."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "stock.py").write_text(STOCK)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", "from dataflow.cli import main; main()", "nodes", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def listed(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    ended = run(folder, "--json", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return {kind["node"]: kind for kind in json.loads(ended.stdout)}


def test_the_nodes_of_the_package_are_listed(tmp_path: Path):
    kinds = listed(tmp_path)
    assert {"SwitchNode", "MergeNode"} <= set(kinds)
    assert not any(name.endswith("BulkCreateNode") for name in kinds)
    assert kinds["MergeNode"]["takes_others"] is True


@pytest.mark.parametrize("module", ["shop", "shop.py", "./shop.py"])
def test_a_module_or_file_brings_twelve_nodes_a_model(shop: Path, module: str):
    names = [name for name in listed(shop, module) if name.startswith("Product")]
    operations = "Aggregate BulkCreate BulkDelete BulkUpdate BulkUpsert Count Create Delete List Read Update Upsert"
    assert names == [f"Product{operation}Node" for operation in operations.split()]


def test_a_file_is_found_from_another_folder(shop: Path, tmp_path_factory: pytest.TempPathFactory):
    assert "ProductListNode" in listed(tmp_path_factory.mktemp("elsewhere"), str(shop / "shop.py"))


def test_a_module_in_a_package_is_found(shop: Path):
    (shop / "trade").mkdir()
    (shop / "trade" / "models.py").write_text(SHOP)
    assert "ProductListNode" in listed(shop, "trade.models")


def test_parameters_have_types_and_defaults(shop: Path):
    parameters = {one["name"]: one for one in listed(shop, "shop")["PriceNode"]["parameters"]}
    assert parameters == {
        "product": {"name": "product", "type": "shop.Product", "required": True},
        "rate": {"name": "rate", "type": "float", "required": False, "default": 1.5},
        "word": {"name": "word", "type": "str", "required": False, "default": "new"},
        "key": {"name": "key", "type": "object", "required": False},
    }


def test_a_bulk_node_lists_its_options(shop: Path):
    parameters = {one["name"]: one for one in listed(shop, "shop")["ProductBulkCreateNode"]["parameters"]}
    assert parameters["data"]["required"] is True
    assert parameters["on_conflict"]["default"] == "error"


def test_fields_of_the_model_are_parameters_of_a_create_node(shop: Path):
    assert {"name", "price", "data"} <= {one["name"] for one in listed(shop, "shop")["ProductCreateNode"]["parameters"]}


def test_people_get_a_table(shop: Path):
    ended = run(shop, "shop.py")
    assert ended.returncode == 0
    assert "ProductBulkUpsertNode" in ended.stdout
    assert "product, rate=1.5, word='new', key?" in ended.stdout


@pytest.mark.parametrize(
    "module", ["shoop", "shoop.py", "shop.models", "no/such/file.py", "shop!", ".", "shop.py/x.py"]
)
def test_a_module_that_is_not_there_is_named_so(shop: Path, module: str):
    ended = run(shop, module)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "there is no such" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("text", "error"), [("import nothing_of_this_name", "ModuleNotFoundError"), ("1 / 0", "Zero")])
def test_what_a_module_raises_comes_through(shop: Path, text: str, error: str):
    (shop / "faulty.py").write_text(text)
    for module in ("faulty", "faulty.py"):
        ended = run(shop, module)
        assert ended.returncode == 1
        assert error in ended.stderr


def test_a_file_called_like_a_loaded_module_is_refused(shop: Path):
    (shop / "json.py").write_text("")
    ended = run(shop, "json.py")
    assert ended.returncode == 2
    assert "imported already" in ended.stderr
