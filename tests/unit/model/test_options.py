"""`__dataflow__`: its forms, the names in it, and the fields some options add."""

from datetime import datetime
from typing import Annotated, Any

import pytest

from dataflow import UNSET, Index, MaxLength, Naive, Unique, auto, errors
from tests.unit.model.declaring import columns, declare, described, model, refused

Code = Annotated[str, MaxLength(9)]
HINTS = {"sku": Code, "region": Code, "total": int}
MANAGED = {"soft_delete": True, "versioned": True, "timestamps": True}


def with_options(**options: Any) -> type[Any]:
    return model(HINTS, "Order", __dataflow__=options)


def test_without_options_everything_is_off():
    told = described(with_options())
    assert (told["schema"], told["unique"], told["indexes"], told["checks"]) == (None, [], [], {})
    assert (told["multi_tenant"], told["append_only"], told["references"]) == (False, False, [])


def test_options_that_are_off_are_taken():
    off = dict.fromkeys(("soft_delete", "versioned", "timestamps", "append_only", "multi_tenant"), False)
    cls = with_options(**off, unique=[], indexes=[], checks={}, schema=None)
    assert declare(cls).options.multi_tenant is False
    assert list(columns(cls)) == ["id", "sku", "region", "total"]


def test_unique_keys_come_from_markers_and_options_once():
    hints = {"sku": Annotated[Code, Unique()], "region": Code}
    cls = model(hints, __dataflow__={"unique": [["region", "sku"], ["sku"], ("region",)]})
    assert described(cls)["unique"] == [["sku"], ["region", "sku"], ["region"]]


def test_indexes_come_from_markers_and_options_once():
    hints = {"sku": Annotated[Code, Index()], "total": Annotated[int, Index("desc")]}
    where = {"total": {"$gt": 0}}
    given = [{"fields": ["sku"]}, {"fields": ["sku", "-total"], "unique": True, "where": where, "name": "ix"}]
    assert described(model(hints, __dataflow__={"indexes": given}))["indexes"] == [
        {"fields": ["sku"], "unique": False, "where": None, "name": None},
        {"fields": ["-total"], "unique": False, "where": None, "name": None},
        {"fields": ["sku", "-total"], "unique": True, "where": where, "name": "ix"},
    ]


def test_checks_and_schema_are_handed_on():
    told = described(with_options(checks={"positive": {"total": {"$gte": 0}}}, schema="shop", append_only=True))
    assert (told["checks"], told["schema"]) == ({"positive": {"total": {"$gte": 0}}}, "shop")
    assert told["append_only"] is True


def test_the_tenancy_of_the_class_stands_above_that_of_the_database():
    assert declare(with_options()).core(multi_tenant=True)["multi_tenant"] is True
    assert declare(with_options(multi_tenant=False)).core(multi_tenant=True)["multi_tenant"] is False


def test_options_of_parents_and_mixins_are_inherited_one_by_one():
    class Kept:
        __dataflow__ = {"versioned": True, "multi_tenant": True}  # noqa: RUF012

    class Base:
        __dataflow__ = {"schema": "shop", "multi_tenant": None}  # noqa: RUF012

    class Order(Kept, Base):
        __dataflow__ = {"schema": "archive"}  # noqa: RUF012
        name: str

    options = declare(Order).options
    assert (options.schema, options.versioned, options.multi_tenant) == ("archive", True, True)


@pytest.mark.parametrize(
    ("options", "path", "hint"),
    [
        ({"multi_tenent": True}, "Order.__dataflow__", "did you mean `multi_tenant`?"),
        ({"index": []}, "Order.__dataflow__", "indexes"),
        ({"indexes": [{"fields": ["sku"], "uniqe": True}]}, "Order.__dataflow__.indexes[0]", "`unique`"),
    ],
)
def test_an_unknown_option_is_answered_with_the_one_meant(options: dict[str, Any], path: str, hint: str):
    refused(with_options(**options), errors.UnknownOptionError, path, hint)


@pytest.mark.parametrize(
    ("options", "path", "hint"),
    [
        ({"multi_tenant": "yes"}, "multi_tenant", None),
        ({"soft_delete": 1}, "soft_delete", None),
        ({"key": 5}, "key", None),
        ({"key": []}, "key", None),
        ({"key": [5]}, "key", None),
        ({"key": ["sku", "sku"]}, "key", None),
        ({"unique": "sku"}, "unique", None),
        ({"unique": ["sku"]}, "unique[0]", 'write ["sku"]'),
        ({"unique": [["sku"], []]}, "unique[1]", None),
        ({"schema": ""}, "schema", None),
        ({"schema": 5}, "schema", None),
        ({"indexes": {"fields": ["sku"]}}, "indexes", None),
        ({"indexes": ["sku"]}, "indexes[0]", '{"fields"'),
        ({"indexes": [{}]}, "indexes[0].fields", None),
        ({"indexes": [{"fields": "sku"}]}, "indexes[0].fields", 'write ["sku"]'),
        ({"indexes": [{"fields": ["sku", "-sku"]}]}, "indexes[0].fields", None),
        ({"indexes": [{"fields": ["sku"], "unique": "no"}]}, "indexes[0].unique", None),
        ({"indexes": [{"fields": ["sku"], "where": "total > 0"}]}, "indexes[0].where", None),
        ({"indexes": [{"fields": ["sku"], "name": ""}]}, "indexes[0].name", None),
        ({"checks": [{"total": 1}]}, "checks", "total_positive"),
        ({"checks": {5: {"total": 1}}}, "checks", "total_positive"),
        ({"checks": {"positive": "total > 0"}}, "checks.positive", None),
        ({"checks": {"positive": {}}}, "checks.positive", None),
    ],
)
def test_an_option_of_the_wrong_form_is_refused(options: dict[str, Any], path: str, hint: str | None):
    refused(with_options(**options), errors.InvalidOptionError, f"Order.__dataflow__.{path}", hint)


def test_options_are_a_dict():
    refused(model({"a": int}, __dataflow__=["key"]), errors.InvalidModelError, "Product.__dataflow__")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"unique": [["sku"], ["sku", "regoin"]]}, "unique[1]"),
        ({"indexes": [{"fields": ["-regoin"]}]}, "indexes[0].fields"),
    ],
)
def test_a_name_that_is_no_field_is_answered_with_the_one_meant(options: dict[str, Any], path: str):
    cls = with_options(**options)
    refused(cls, errors.InvalidModelError, f"Order.__dataflow__.{path}", "did you mean `region`?")


@pytest.mark.parametrize(
    ("hint", "options"),
    [
        (str, {"unique": [["f"]]}),
        (str | None, {"indexes": [{"fields": ["-f"]}]}),
        (Annotated[str, Unique()], {}),
        (Annotated[str, Index()], {}),
    ],
)
def test_a_str_that_is_looked_up_needs_a_length(hint: Any, options: dict[str, Any]):
    cls = model({"f": hint}, __dataflow__=options)
    assert "MaxLength" in refused(cls, errors.InvalidModelError, "Product.f", "f: Annotated[str, MaxLength(100)]")


def test_kept_fields_come_last_and_may_be_left_out():
    cls = model({"name": str}, __dataflow__=MANAGED)
    told = columns(cls)
    assert list(told) == ["id", "name", "version", "created_at", "updated_at", "deleted_at"]
    assert {name: column["role"] for name, column in told.items() if column["role"] != "field"} == {
        name: name for name in ("version", "created_at", "updated_at", "deleted_at")
    }
    assert [name for name, column in told.items() if column["nullable"]] == ["deleted_at"]
    assert told["version"]["type"] == {"name": "int"}
    assert told["deleted_at"]["type"] == told["created_at"]["type"] == {"name": "instant"}
    made = cls(name="a")
    assert made.version is made.created_at is made.updated_at is made.deleted_at is UNSET


def test_declared_fields_take_their_role_where_they_stand():
    class Order:
        version: int = auto()
        created_at: datetime
        deleted_at: datetime | None = None
        updated_at: datetime | None
        name: str
        __dataflow__ = MANAGED

    told = columns(Order)
    assert list(told) == ["id", "version", "created_at", "deleted_at", "updated_at", "name"]
    assert [column["role"] for column in told.values()].count("field") == 2
    assert not any({"default", "factory"} & column.keys() for column in told.values())
    assert (told["created_at"]["nullable"], told["updated_at"]["nullable"]) == (False, False)
    assert told["deleted_at"]["nullable"] is True
    assert Order(name="a").created_at is Order(name="a").deleted_at is UNSET


def test_without_the_option_the_names_are_ordinary():
    told = columns(model({"version": str, "deleted_at": int | None}, deleted_at=None))
    assert {column["role"] for column in told.values()} == {"field"}
    assert told["version"]["type"]["name"] == "text"


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("version", str, "int"),
        ("created_at", Annotated[datetime, Naive()], "datetime"),
        ("deleted_at", bool, "datetime"),
        ("updated_at", int, "datetime"),
    ],
)
def test_a_kept_field_of_another_type_is_refused(name: str, kind: Any, shown: str):
    cls = model({name: kind}, __dataflow__=MANAGED)
    refused(cls, errors.InvalidModelError, f"Product.{name}", f"declare `{name}: {shown} = auto()`")


def test_a_kept_field_has_no_default():
    cls = model({"version": int}, version=1, __dataflow__={"versioned": True})
    refused(cls, errors.InvalidModelError, "Product.version", "auto()")
