"""A workflow as a picture in notebooks."""

import re
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from dataflow import Workflow, WorkflowBuilder, node
from dataflow.workflow.layout import Layout, lay_out
from tests.unit.workflow.drawn import HOSTILE, branches, chain, take

SVG = "{http://www.w3.org/2000/svg}"
TAGS = {"svg", "title", "g", "rect", "polygon", "path", "text"}


def picture(workflow: Workflow) -> ElementTree.Element:
    """The picture, which is one well-formed SVG that neither runs nor loads anything."""
    text = workflow._repr_html_()
    root = ElementTree.fromstring(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= TAGS
    names = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in names if name.startswith("on") or name in ("href", "src", "class", "id")]
    assert "url(" not in re.sub(r"<title>.*?</title>|<text.*?</text>", "", text)
    return root


def texts(root: ElementTree.Element, *, bold: bool) -> list[str | None]:
    return [one.text for one in root.iter(f"{SVG}text") if (one.get("font-weight") == "bold") is bold]


def boxes(root: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(one.get("x", "")), float(one.get("y", ""))) for one in root.iter(f"{SVG}rect")]


def test_nodes_and_connections_are_drawn() -> None:
    root = picture(branches())
    assert texts(root, bold=True) == ["load", "big?", "yes", "no", "merge", "last"]
    assert "true_output → data" in texts(root, bold=False)
    assert len(boxes(root)) == 5  # the switch is a rhomb
    paths = list(root.iter(f"{SVG}path"))
    assert len(paths) == 7
    assert sum("stroke-dasharray" in one.attrib for one in paths) == 2


def test_the_picture_says_what_it_is() -> None:
    root = picture(branches())
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Workflow of 6 nodes"
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert "big?: SwitchNode" in titles
    assert "load.value ──▶ big?.data" in titles


def test_every_node_is_right_of_those_it_waits_for_and_none_overlap() -> None:
    root = picture(branches())
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    found = boxes(root)
    load, yes, no, merge, last = found
    assert load[0] < yes[0] == no[0] < merge[0] < last[0]
    assert all(abs(one[0] - other[0]) >= 180 or abs(one[1] - other[1]) >= 44 for one, other in combinations(found, 2))
    assert all(0 <= x <= width - 180 and 0 <= y <= height - 44 for x, y in found)


def test_no_name_breaks_the_picture() -> None:
    root = picture(chain(*HOSTILE))
    found = texts(root, bold=True)
    assert len(found) == len(HOSTILE)
    assert {"end", "<script>x(1)</script>", "]]><!--", "line\\nbreak\\r\\ttab", "größe 数 🚀"} <= set(found)


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800"])
def test_no_kind_and_no_output_breaks_the_picture(name: str) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(node(name=name)(lambda **inputs: inputs), "a")
    workflow.add_node(take, "b")
    workflow.add_connection("a", name, "b", "data")
    assert len(texts(picture(workflow.build()), bold=True)) == 2


def test_an_empty_workflow_is_drawn() -> None:
    assert texts(picture(WorkflowBuilder().build()), bold=True) == []


def test_two_hundred_nodes_are_a_picture_and_more_are_a_table() -> None:
    assert len(boxes(picture(chain(*(f"n{at}" for at in range(200)))))) == 200
    html = chain(*(f"<b>{at}" for at in range(1_234)))._repr_html_()
    root = ElementTree.fromstring(f"<div>{html}</div>")
    rows = [[cell.text for cell in row.iter("td")] for row in root.iter("tr")]
    assert rows[:3] == [[], ["<b>0", "take", None], ["<b>1", "take", "<b>0"]]
    assert len(rows) == 201
    assert root.findtext("p") == "and 1,034 more nodes"


def test_a_web_of_connections_is_a_table() -> None:
    workflow = WorkflowBuilder()
    for at in range(60):
        workflow.add_node(take, str(at))
    for one, other in combinations(range(60), 2):
        workflow.add_connection(str(one), str(other))
    assert workflow.build()._repr_html_().startswith("<table>")


# --- where things stand -----------------------------------------------------------------------------------------------


def crossings(layout: Layout) -> int:
    """How many pairs of connections cross between two columns."""
    row = {item: at for column in layout.columns for at, item in enumerate(column)}
    column_of = {item: at for at, column in enumerate(layout.columns) for item in column}
    parts = [(column_of[one], row[one], row[other]) for path in layout.paths for one, other in pairwise(path)]
    return sum(
        at == to and (one - another) * (other - last) < 0
        for (at, one, other), (to, another, last) in combinations(parts, 2)
    )


def test_columns_are_the_longest_paths() -> None:
    layout = lay_out(["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")])
    columns: list[set[Any]] = [set(column) for column in layout.columns]
    assert columns == [{"a"}, {"b", (2, 1), "d"}, {"c"}]
    assert layout.paths[2] == ["a", (2, 1), "c"]


def test_crossed_chains_are_untangled() -> None:
    nodes = [f"{side}{at}" for at in range(4) for side in ("ab" if at % 2 else "ba")]
    links = [(f"{side}{at}", f"{side}{at + 1}") for side in "ab" for at in range(3)]
    layout = lay_out(nodes, links)
    assert len(layout.columns) == 4
    assert crossings(layout) == 0


def test_crossings_are_seen() -> None:
    assert crossings(Layout([["a", "b"], ["c", "d"]], [["a", "d"], ["b", "c"]])) == 1


def test_parallel_connections_and_lone_nodes_are_placed() -> None:
    layout = lay_out(["a", "lone", "b"], [("a", "b"), ("a", "b")])
    assert layout.columns == [["a", "lone"], ["b"]]
    assert layout.paths == [["a", "b"], ["a", "b"]]
