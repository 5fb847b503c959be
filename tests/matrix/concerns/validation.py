"""What cannot be right is refused before anything is written, and the error says where it is."""

from functools import partial
from typing import Any

from dataflow import errors
from tests.matrix.call import Job
from tests.matrix.cell import Cell, Ground
from tests.matrix.model import CODES, Checked
from tests.matrix.operation import Form
from tests.matrix.way import NODE

TITLE = "validation"
WRONG: tuple[tuple[str, Any, type[errors.DataFlowError]], ...] = (
    ("size", [1], errors.WrongTypeError),
    ("size", "many", errors.WrongTypeError),
    ("note", None, errors.NullValueError),
    ("sise", 1, errors.UnknownFieldError),
    ("size", -1, errors.CheckViolationError),
)


def check(cell: Cell) -> None:
    ground = cell.ground(Checked)
    operation = cell.operation
    for form in operation.forms:
        if form.place is not None:
            check_data(ground, form)
            check_missing(ground, form)
    if operation.filtered:
        check_filters(ground)
    if any(form.name == "key" for form in operation.forms) and operation.one and operation.effect != "merge":
        check_keys(ground)
    if operation.name == "bulk_delete":
        check_key_list(ground)


def check_data(ground: Ground, form: Form) -> None:
    """One wrong value in the last row."""
    keys, by_class = ground.operation.targets[0], form.name.startswith("instance") and form.place != "updates."
    for name, value, error in WRONG:
        if name == "sise" and by_class:
            continue  # the class itself refuses it
        job = [*ground.operation.aim(*keys[:-1]), *ground.operation.aim(keys[-1], **{name: value})]
        if form.name == "filter":  # all rows get the same values
            job = job[-1:]
        if name == "sise" and form.name == "flat":
            check_parameter(ground, form, job, name, errors.UnknownParameterError)
            continue
        refused = ground.refuse(partial(ground.call, form, job), error)
        if error is errors.CheckViolationError:
            check_path_of_check(ground, form, refused, len(job) - 1)
        else:
            assert refused.path == form.place_of(name, len(job) - 1), (form.name, name)


def check_parameter(ground: Ground, form: Form, job: Job, name: str, error: type[errors.DataFlowError]) -> None:
    """A field that is a parameter of a node is looked for before anything runs."""
    assert ground.refuse(partial(ground.call, form, job), error).path == f"{NODE}.{name}"


def check_path_of_check(ground: Ground, form: Form, refused: errors.DataFlowError, row: int) -> None:
    """Rows are checked by us and point at the field; what a filter finds is only checked by the database."""
    assert refused.constraint == "ck_checked_positive"
    if (ground.operation.name, form.name) == ("bulk_update", "filter"):
        assert refused.path is None
    else:
        assert refused.path == form.place_of("size", row).removeprefix("updates."), form.name


def check_missing(ground: Ground, form: Form) -> None:
    """A new row without a value it needs, or a row to be found without its key."""
    if ground.operation.effect in ("insert", "merge") and not form.name.startswith("instance"):
        job = [*ground.operation.aim(4), {"id": 5, "code": CODES[5]}, {"id": 6}]
        job = job[-1:] if ground.operation.one else job
        if form.name == "unique":  # it is found by what is missing
            return
        if (ground.operation.name, form.name) == ("create", "flat"):
            check_parameter(ground, form, job, "code", errors.MissingParameterError)
            return
        refused = ground.refuse(lambda: ground.call(form, job), errors.MissingValueError)
        assert refused.path == form.place_of("code", len(job) - 1)
    if (ground.operation.name, form.name) == ("bulk_update", "data"):
        refused = ground.refuse(
            lambda: ground.hand.bulk_update(data=[{"id": 1, "size": 2}, {"size": 3}]), errors.MissingValueError
        )
        assert refused.path == "data[1].id"


def check_filters(ground: Ground) -> None:
    filtered = ground.operation.filtered
    assert filtered is not None
    cases: tuple[tuple[dict[str, Any], type[errors.DataFlowError], str], ...] = (
        ({"size": {"$lt": "many"}}, errors.WrongTypeError, "filter.size.$lt"),
        ({"sise": 1}, errors.UnknownFieldError, "filter.sise"),
        ({"size": {"$les": 1}}, errors.UnknownOperatorError, "filter.size.$les"),
        ({"size": {"$lt": None}}, errors.InvalidFilterError, "filter.size.$lt"),
        ({"$or": [{"id": 1}, {"code": 5}]}, errors.WrongTypeError, "filter.$or[1].code"),
    )
    for found, error, path in cases:
        assert ground.refuse(partial(filtered, ground.hand, found), error).path == path


def check_keys(ground: Ground) -> None:
    """A key of a wrong type, of too many values, or that is none."""
    name = ground.operation.name
    more = ({"size": 50},) if name == "update" else ()

    def call(key: object) -> Any:
        return getattr(ground.hand, name)(key, *more)

    assert ground.refuse(lambda: call("one"), errors.WrongTypeError).path == "filter.id.$eq"
    assert ground.refuse(lambda: call((1, 2)), errors.InvalidFilterError).path == "key"
    ground.refuse(lambda: call(None), errors.NotFoundError)


def check_key_list(ground: Ground) -> None:
    """The same of one of several keys."""

    def call(key: object) -> Any:
        return ground.hand.bulk_delete(keys=[1, key])

    assert ground.refuse(lambda: call("one"), errors.WrongTypeError).path == "keys[1].id"
    assert ground.refuse(lambda: call((1, 2)), errors.UnsupportedDataError).path == "keys[1]"
    assert ground.refuse(lambda: call(None), errors.MissingValueError).path == "keys[1].id"
    assert ground.refuse(lambda: call({"id": 2, "sise": 1}), errors.UnknownFieldError).path == "keys[1].sise"
