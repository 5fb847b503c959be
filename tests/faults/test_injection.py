"""sqlmap finds no way into a statement through anything that a user may say to a list; it does find the control's."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from dataflow import DataFlow
from tests.conftest import FaultScale
from tests.database import Database
from tests.faults.open_shop import doors, served, shop, unsafe

FOUND = "identified the following injection point"
DBMS = {"postgres": "PostgreSQL", "mariadb": "MySQL", "sqlite": "SQLite"}
# What is asked of each door at first: an answer that sqlmap can tell from others.
FIRST = {
    "filter": '{"price":1}',
    "name": "Cup 1",
    "names": "Cup 1,Cup 2",
    "field": "price",
    "operator": "$gte",
    "logic": "$or",
    "path": "a",
    "part": "Cup",
    "like": "cup%",
    "regex": "Cup",
    "tag": "a",
    "expression": "$price",
    "comment": "why",
    "order_by": "-price",
    "fields": "id,name",
    "after": "AAAA",
    "before": "AAAA",
    "limit": "2",
    "offset": "1",
    "group": "$price",
    "named": "total",
}
# In `make test`: a value, and names that a statement has to have. In `make faults` every door, and all that sqlmap can.
SOME = ("name", "order_by", "named")


def attack(url: str, value: str, folder: Path, dbms: str, *, whole: bool) -> str:
    """What sqlmap prints after its tests of one parameter."""
    depth = ["--level=5", "--risk=3"] if whole else ["--level=2", "--risk=1", "--technique=BEU"]
    command = [str(Path(sys.executable).with_name("sqlmap")), "-u", f"{url}?value={quote(value)}", "-p", "value"]
    command += [*depth, "--batch", "--threads=4", "--flush-session", "--disable-coloring", f"--dbms={dbms}"]
    ended = subprocess.run(
        [*command, f"--output-dir={folder}"], capture_output=True, text=True, timeout=900, check=False
    )
    # Neither an answer that is no page nor an option that is not known is taken for a test.
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "testing for SQL injection on GET parameter 'value'" in ended.stdout, ended.stdout
    return ended.stdout


def test_the_control_is_found(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with DataFlow(f"sqlite:///{file}") as db:
        assert shop(db)._model.table == "product"
        with served({"name": unsafe(str(file))}) as url:
            assert FOUND in attack(f"{url}/name", "Cup 1", tmp_path, "SQLite", whole=False)


def test_no_way_into_a_statement_is_found(database: Database, tmp_path: Path, fault_scale: FaultScale) -> None:
    with DataFlow(database.url) as db:
        answers = doors(shop(db))
        assert answers.keys() == FIRST.keys()
        with served(answers) as url:
            for door in FIRST if fault_scale.full else SOME:
                told = attack(f"{url}/{door}", FIRST[door], tmp_path, DBMS[database.kind], whole=fault_scale.full)
                assert FOUND not in told, told
                assert "does not seem to be injectable" in told, told
