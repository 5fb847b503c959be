"""What is certain to fail is refused before anything runs, with a picture of the place."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from dataflow._spelling import suggest
from dataflow.errors import (
    DataFlowError,
    InvalidConnectionError,
    InvalidNodeError,
    InvalidParameterError,
    MissingParameterError,
    UnknownNodeError,
    UnknownParameterError,
    UnorderedWritesWarning,
    UnreachableNodeError,
)
from dataflow.nodes.node import Node
from dataflow.nodes.signature import certainly_differs, classes_of
from dataflow.workflow.graph import Link, Step, Workflow
from dataflow.workflow.writes import unordered_writes

__all__ = ["check_workflow", "read_parameters"]


def check_workflow(workflow: Workflow) -> Workflow:
    """The workflow, with what it still needs to be given; raises the first error, and warns of what may go wrong."""
    nodes = {id: make_node(step) for id, step in workflow.steps.items()}
    incoming = inputs_of(workflow)
    for id, step in workflow.steps.items():
        _check_parameters(step, nodes[id], step.given, incoming[id])
    for link in workflow.links:
        origin = workflow.steps[link.origin]
        _check_link(link, nodes[link.origin], nodes[link.target], origin.given, incoming[link.origin])
    _warn_of_unordered_writes(workflow, nodes)
    missing = {id: node.missing_parameters({*workflow.steps[id].given, *incoming[id]}) for id, node in nodes.items()}
    return replace(workflow, missing={id: names for id, names in missing.items() if names})


def read_parameters(
    workflow: Workflow, parameters: Mapping[str, Any] | None, made: Iterable[Node]
) -> dict[str, dict[str, Any]]:
    """What every step is given: where it was added, and for this run; `made` are the nodes of this run in order.

    Raises:
        UnknownNodeError: `parameters` names a node that is not there.
        WorkflowError: A parameter is unknown or wrong, or one is missing.
    """
    given = _merge(workflow, {} if parameters is None else parameters)
    incoming = inputs_of(workflow) if parameters or workflow.missing else {}
    nodes = dict(zip(workflow.steps, made, strict=True))
    # The others were checked when the workflow was built.
    for id in dict.fromkeys([*(parameters or ()), *workflow.missing]):
        step = workflow.steps[id]
        _check_parameters(step, nodes[id], given[id], incoming[id])
        _check_missing(step, nodes[id], given[id], incoming[id])
    for link in workflow.links if parameters else ():
        # What is given now may decide which outputs there are.
        if link.output is not None and parameters and link.origin in parameters:
            origin, target = nodes[link.origin], nodes[link.target]
            _check_link(link, origin, target, given[link.origin], incoming[link.origin])
    return given


def make_node(step: Step) -> Node:
    """The node of a step.

    Raises:
        InvalidNodeError: Its class cannot be made without arguments.
    """
    try:
        return step.make()
    except DataFlowError:
        raise
    except Exception as error:
        hint = "a class is made without arguments; an object with some may be given to add_node"
        message = f"the node `{step.id}` cannot be made: {type(error).__name__}{_added(step)}"
        needs = isinstance(step.kind, type) and _needs_arguments(step.kind)
        raise InvalidNodeError(message, path=step.id, hint=hint if needs else None) from error


def _needs_arguments(kind: type[Node]) -> bool:
    try:
        inspect.signature(kind).bind()
    except (TypeError, ValueError):
        return True
    return False


def inputs_of(workflow: Workflow) -> dict[str, dict[str, Link]]:
    """The connected inputs of every step.

    Raises:
        InvalidConnectionError: One is connected twice.
    """
    incoming: dict[str, dict[str, Link]] = {id: {} for id in workflow.steps}
    for link in workflow.links:
        if link.input is None:
            continue
        other = incoming[link.target].setdefault(link.input, link)
        if other is not link:
            message = f"two connections lead into `{link.input}` of `{link.target}`:\n    {other}\n    {link}"
            hint = "branches come together in a MergeNode, each under a name of its own"
            raise InvalidConnectionError(message, path=f"{link.target}.{link.input}", hint=hint)
    return incoming


def _merge(workflow: Workflow, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if not isinstance(parameters, Mapping):
        message = f"parameters are a dict by the ids of nodes, got {type(parameters).__name__}"
        raise InvalidParameterError(message, path="parameters", hint='{"load": {"data": rows}}')
    for id, given in parameters.items():
        if id not in workflow.steps:
            hint = suggest(str(id), workflow.steps) if workflow.steps else None
            raise UnknownNodeError(
                f"parameters names `{id}`, which is no node of the workflow", path=str(id), hint=hint
            )
        if not isinstance(given, Mapping):
            message = f"the parameters of `{id}` are a dict, got {type(given).__name__}"
            raise InvalidParameterError(message, path=str(id))
    given = {id: dict(step.given) for id, step in workflow.steps.items()}
    for id, values in parameters.items():
        given[id].update(values)
    return given


def _check_parameters(step: Step, node: Node, given: Mapping[str, Any], connected: Mapping[str, Link]) -> None:
    _check_names(step, node, given, connected)
    for name in given:
        if name in connected:
            message = f"`{name}` of `{step.id}` is given and connected{_added(step)}\n    {connected[name]}"
            hint = "take one of them out: neither should silently win"
            raise InvalidConnectionError(message, path=f"{step.id}.{name}", hint=hint)
        _check_type(step, node, name, given[name])
    try:
        node.check_parameters(given, connected)
    except DataFlowError as error:
        error.message += _added(step)
        error.path = f"{step.id}.{error.path}" if error.path else step.id
        raise


def _check_names(step: Step, node: Node, given: Mapping[str, Any], connected: Mapping[str, Link]) -> None:
    try:
        signature = node.signature()
    except DataFlowError as error:
        error.message += _added(step)
        raise
    for name in (*given, *connected):
        if not isinstance(name, str):
            message = f"parameters have names, `{step.id}` was given one by {type(name).__name__}{_added(step)}"
            raise InvalidParameterError(message, path=step.id)
        if name not in signature.parameters and not signature.open:
            shown = _point_input(connected[name]) if name in connected else _point_given(step, name, "…")
            message = f"{node.kind} has no parameter `{name}`{_added(step)}\n{shown}"
            raise UnknownParameterError(message, path=f"{step.id}.{name}", hint=_known(name, signature.parameters))


def _known(name: str, parameters: Collection[str]) -> str:
    return suggest(name, parameters) if parameters else "it takes none"


def _check_type(step: Step, node: Node, name: str, value: object) -> None:
    parameter = node.signature().parameters.get(name)
    if parameter is None or value is parameter.default:
        return
    taken = classes_of(parameter.hint)
    if certainly_differs({type(value)}, taken) and not isinstance(value, tuple(taken or ())):
        message = f"`{name}` of {node.kind} is {_names(taken)}, got {type(value).__name__}{_added(step)}"
        raise InvalidParameterError(message, path=f"{step.id}.{name}")


def _names(classes: Iterable[type[Any]] | None) -> str:
    return " or ".join(sorted("None" if cls is type(None) else cls.__name__ for cls in classes or ()))


def _check_link(link: Link, origin: Node, target: Node, given: Mapping[str, Any], connected: Collection[str]) -> None:
    """`given` and `connected` are those of the origin: what its outputs are may depend on them."""
    if link.output is None:
        return
    signature, ways = origin.signature(), origin.possible_outputs(given, connected)
    known = ways if ways is not None else signature.outputs
    if known is not None and link.output not in known:
        cls = UnreachableNodeError if origin.has_branches else InvalidConnectionError
        what = "never takes the branch" if origin.has_branches else "has no output"
        message = f"{origin.kind} {what} `{link.output}`\n{_point_output(link)}"
        hint = _known(link.output, known) if known else "it has none"
        raise cls(message, path=f"{link.origin}.{link.output}", hint=hint)
    if link.input is not None:
        _check_types(link, target, link.input, (signature.outputs or {}).get(link.output, Any))


def _check_types(link: Link, target: Node, input: str, hint: Any) -> None:
    parameter = target.signature().parameters.get(input)
    given, taken = classes_of(hint), classes_of(parameter.hint if parameter else Any)
    if certainly_differs(given, taken):
        what = f"`{link.output}` is {_names(given)}, `{input}` of {target.kind} takes {_names(taken)}"
        raise InvalidParameterError(f"{what}\n    {link}", path=f"{link.target}.{input}")


def _check_missing(step: Step, node: Node, given: Mapping[str, Any], connected: Mapping[str, Link]) -> None:
    missing = node.missing_parameters({*given, *connected})
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        message = f"{node.kind} needs {names}{_added(step)}\n{_point_given(step, missing[0], '?')}"
        hint = f'give it in add_node, connect it, or execute(…, parameters={{"{step.id}": {{"{missing[0]}": …}}}})'
        raise MissingParameterError(message, path=f"{step.id}.{missing[0]}", hint=hint)


def _warn_of_unordered_writes(workflow: Workflow, nodes: Mapping[str, Node]) -> None:
    for one, other, model in unordered_writes(workflow, nodes):
        message = f"`{one}` and `{other}` both write {model}, and no connection says which goes first"
        warnings.warn(message, UnorderedWritesWarning, stacklevel=4)


def _added(step: Step) -> str:
    return f" (added at {step.where})" if step.where else ""


def _point_given(step: Step, name: str, value: str) -> str:
    return _point(f"{step.id} {{", repr(name), f": {value}}}")


def _point_output(link: Link) -> str:
    start, output = f"{link.origin}.", str(link.output)
    return _point(start, output, str(link).removeprefix(start + output))


def _point_input(link: Link) -> str:
    return _point(str(link).removesuffix(str(link.input)), str(link.input), "")


def _point(before: str, part: str, after: str) -> str:
    """The line, and below it what is wrong in it."""
    return f"    {before}{part}{after}\n    {' ' * len(before)}{'^' * len(part)}"
