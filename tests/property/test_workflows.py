"""Whatever the workflow, both runtimes give what its nodes give one after the other."""

from collections.abc import Iterable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow import Results
from tests.integration.flows import Told, execute
from tests.property.graphs import Graph, random_graph, reference


def check(graph: Graph, results: Results, told: Told) -> None:
    expected = reference(graph)
    assert dict(results) == expected
    assert sorted(results.skipped) == sorted(graph.kinds.keys() - expected.keys())
    lines = told.lines()
    assert lines[0] == ("run_started", None)
    assert lines[-1] == ("run_finished", None)
    at = {line: position for position, line in enumerate(lines)}
    assert len(at) == len(lines) == 2 + 2 * len(expected) + len(results.skipped)
    for begin, end in order(graph):
        assert at["node_started", end] > at["node_finished", begin]


def order(graph: Graph) -> Iterable[tuple[str, str]]:
    """Pairs of nodes that both ran, the second after the first."""
    ran = reference(graph)
    pairs = [(link[0], link[2] if len(link) == 4 else link[1]) for link in graph.links]
    return [(one, other) for one, other in pairs if one in ran and other in ran]


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 60), st.sampled_from([1, 2, 3, 8]))
def test_both_runtimes_give_what_one_node_after_the_other_gives(seed: int, size: int, limit: int) -> None:
    graph = random_graph(Random(seed), size)
    workflow = graph.workflow(Random(seed))
    for runtime in ("local", "async"):
        told = Told()
        check(graph, execute(runtime, workflow, max_parallel=limit, on_event=told), told)


def test_the_graphs_have_everything() -> None:
    """Of some hundred: every kind of node, all branches, skips through levels, merges of several inputs."""
    graphs = [random_graph(Random(seed), 40) for seed in range(200)]
    done = [reference(graph) for graph in graphs]
    assert {kind for graph in graphs for kind in graph.kinds.values()} == {"work", "awork", "merge", "switch", "cases"}
    outputs = {name for ran in done for given in ran.values() for name in given}
    assert outputs >= {"true_output", "false_output", "case_low", "case_middle", "default"}
    skipped = [len(graph.kinds) - len(ran) for graph, ran in zip(graphs, done, strict=True)]
    assert sum(count > 5 for count in skipped) > 50
    assert sum(count < 10 for count in skipped) > 20
    assert max(given.get("count", 0) for ran in done for given in ran.values()) >= 3
