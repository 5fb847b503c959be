"""The methods of a table and of its queries as they are, but for the types of filters, updates and names of fields."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, get_overloads

__all__ = ["narrow_methods"]

# Parameters whose types say nothing of the model.
_NARROW = {
    "filter": "{0}Filter | Condition",
    "within": "{0}Filter | Condition",
    "updates": "{0}Updates",
    "order_by": "{0}Order | Sequence[{0}Order]",
    "fields": "Sequence[{0}Field]",
}
# The same of those that take one after the other.
_EACH = {"filters": "{0}Filter | Condition", "order_by": "{0}Order", "fields": "{0}Field"}
_NEW = "Unpack[{0}New]"


def narrow_methods(cls: type, model: str) -> str:
    """The methods of `Table[Model]` or `Query[Model]` that name fields."""
    methods = [(name, member) for name, member in inspect.getmembers(cls, inspect.isfunction) if name[0] != "_"]
    return "\n".join(line for name, member in methods for line in _method(name, member, model))


def _method(name: str, member: Callable[..., Any], model: str) -> Iterator[str]:
    forms = [inspect.signature(form) for form in get_overloads(member)] or [inspect.signature(member)]
    if not any(_is_narrow(parameter) for form in forms for parameter in form.parameters.values()):
        return
    for form in forms:
        if len(forms) > 1:
            yield "    @overload"
        colour = "async " if inspect.iscoroutinefunction(member) else ""
        yield f"    {colour}def {name}{_signature(form, model)}: ..."


def _is_narrow(parameter: inspect.Parameter) -> bool:
    return parameter.name in (_EACH if parameter.kind is parameter.VAR_POSITIONAL else _NARROW)


def _signature(form: inspect.Signature, model: str) -> str:
    parameters = [_parameter(parameter, model) for parameter in form.parameters.values()]
    narrow = form.replace(parameters=parameters, return_annotation=_own(form.return_annotation, model))
    # Annotations are texts here, and would be shown as such.
    return re.sub(r"(->|:) '([^']*)'", r"\1 \2", str(narrow))


def _parameter(parameter: inspect.Parameter, model: str) -> inspect.Parameter:
    if parameter.kind is parameter.VAR_KEYWORD and parameter.annotation == "Any":
        return parameter.replace(annotation=_NEW.format(model))
    if parameter.annotation is parameter.empty:
        return parameter
    annotation = str(parameter.annotation)
    if parameter.kind is parameter.VAR_POSITIONAL and _is_narrow(parameter):
        return parameter.replace(annotation=_EACH[parameter.name].format(model))
    if parameter.name == "fields" and annotation.startswith("Mapping[str, "):
        # Something of each.
        return parameter.replace(annotation=annotation.replace("[str", f"[{model}Field", 1))
    if _is_narrow(parameter):
        none = " | None" if annotation.endswith("None") else ""
        return parameter.replace(annotation=_NARROW[parameter.name].format(model) + none)
    return parameter.replace(annotation=_own(annotation, model))


def _own(annotation: str, model: str) -> str:
    return re.sub(r"\b_T\b", model, annotation.replace("Query[_T]", f"{model}Query"))
