"""A workflow as a flowchart of Mermaid, whatever its nodes are called."""

import re

import pytest

from dataflow import LocalRuntime, SwitchNode, Workflow, WorkflowBuilder, node
from dataflow.errors import NodeExecutionError
from dataflow.workflow.label import readable
from tests.unit.workflow.drawn import HOSTILE, branches, chain, fail, take

TEXT = r"(?:[^\W]|[ .-]|#\d+;)+"
LINE = re.compile(
    rf'flowchart LR|    n\d+(?:\["{TEXT}<br/>{TEXT}"\]|\{{"{TEXT}<br/>{TEXT}"\}})'
    rf'|    n\d+ (?:-->|-\.->)(?:\|"{TEXT}"\|)? n\d+'
    r"|    classDef (?:finished|failed|skipped|cancelled) [\w:#,-]+"
    r"|    class n\d+(?:,n\d+)* (?:finished|failed|skipped|cancelled)"
)


def lines(text: str) -> list[str]:
    """The lines without their indent; each is of the form that is drawn."""
    assert text.endswith("\n")
    found = text.removesuffix("\n").split("\n")
    assert [line for line in found if not LINE.fullmatch(line)] == []
    return [line.strip() for line in found]


def shown(label: str) -> str:
    """What Mermaid makes of a label."""
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


def labels(workflow: Workflow) -> list[list[str]]:
    found = re.findall(r'^    n\d+[\[{]"(.*)"[\]}]$', workflow.to_mermaid(), re.MULTILINE)
    return [[shown(part) for part in label.split("<br/>")] for label in found]


def test_nodes_and_connections_are_drawn() -> None:
    assert lines(branches().to_mermaid()) == [
        "flowchart LR",
        'n0["load<br/>give"]',
        'n1{"big#63;<br/>SwitchNode"}',
        'n2["yes<br/>take"]',
        'n3["no<br/>take"]',
        'n4["merge<br/>MergeNode"]',
        'n5["last<br/>take"]',
        'n0 -->|"value #8594; data"| n1',
        'n1 -->|"true_output #8594; data"| n2',
        'n1 -->|"false_output #8594; data"| n3',
        'n2 -->|"data #8594; yes"| n4',
        'n3 -->|"data #8594; no"| n4',
        "n0 -.-> n5",
        "n4 -.-> n5",
    ]


def test_a_branch_without_a_value_is_dotted_and_named() -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(SwitchNode, "switch", {"data": 1, "operator": ">", "value": 3})
    workflow.add_node(take, "on")
    workflow.add_connection("switch", "true_output", "on")
    assert lines(workflow.build().to_mermaid())[-1] == 'n0 -.->|"true_output"| n1'


def test_states_of_a_run_are_classes() -> None:
    workflow = branches()
    results, _ = LocalRuntime().execute(workflow)
    found = lines(workflow.to_mermaid(results))
    classes = [line.split()[1:] for line in found if line.startswith("class ")]
    assert {state: set(nodes.split(",")) for nodes, state in classes} == {
        "finished": {"n0", "n1", "n2", "n4", "n5"},
        "skipped": {"n3"},
    }
    assert sum(line.startswith("classDef ") for line in found) == 2


def test_a_failed_run_shows_where() -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(fail, "fail")
    workflow.add_node(take, "never")
    workflow.add_connection("fail", "never")
    built = workflow.build()
    with pytest.raises(NodeExecutionError) as caught:
        LocalRuntime().execute(built)
    assert lines(built.to_mermaid(caught.value.results))[-1] == "class n0 failed"


def test_results_of_another_workflow_say_nothing() -> None:
    results, _ = LocalRuntime().execute(chain("other"))
    assert branches().to_mermaid(results) == branches().to_mermaid()


def test_no_name_breaks_the_drawing() -> None:
    found = chain(*HOSTILE)
    assert len(lines(found.to_mermaid())) == 2 * len(HOSTILE)
    assert labels(found) == [[readable(id, 60), "take"] for id in HOSTILE]


@pytest.mark.parametrize("name", [*HOSTILE, "\ud800"])
def test_no_kind_and_no_output_breaks_the_drawing(name: str) -> None:
    workflow = WorkflowBuilder()
    workflow.add_node(node(name=name)(lambda **inputs: inputs), "a")
    workflow.add_node(take, "b")
    workflow.add_connection("a", name, "b", "data")
    text = workflow.build().to_mermaid()
    assert text.encode()
    assert len(lines(text)) == 4
    assert labels(workflow.build())[0] == ["a", readable(name, 60)]


def test_long_names_are_cut() -> None:
    ((id, _),) = labels(chain("x" * 500))
    assert id == "x" * 59 + "…"


def test_what_cannot_be_seen_is_written_out() -> None:
    assert readable("a\nb\0\u202e\ud800ä") == "a\\nb\\x00\\u202e\\ud800ä"


def test_an_empty_workflow_is_drawn() -> None:
    assert lines(WorkflowBuilder().build().to_mermaid()) == ["flowchart LR"]
