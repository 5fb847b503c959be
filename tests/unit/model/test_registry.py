"""The models of one `DataFlow`."""

from typing import Any

import pytest

from dataflow import DataFlow, errors


@pytest.fixture
def db() -> DataFlow:
    return DataFlow("sqlite:///:memory:")


def model(name: str, **body: Any) -> type[Any]:
    return type(name, (), {"__annotations__": {"a": int}, **body})


def test_a_model_is_found_by_class_and_by_name(db: DataFlow):
    product = db.model(model("Product"))
    assert repr(db.table(product)) == repr(db.table("Product")) == "<Table of Product>"


def test_a_class_may_be_taken_twice_and_by_two_databases(db: DataFlow):
    product = db.model(db.model(model("Product")))
    other = DataFlow("sqlite:///:memory:")
    with pytest.raises(errors.UnknownModelError):
        other.table(product)
    assert other.table(other.model(product)).create(a=1).id == 1


def test_two_classes_of_one_name_are_refused(db: DataFlow):
    db.model(model("Product"))
    with pytest.raises(errors.InvalidModelError, match="another model Product"):
        db.model(model("Product", __tablename__="other"))


def test_two_models_of_one_table_are_refused(db: DataFlow):
    db.model(model("Product"))
    with pytest.raises(errors.InvalidModelError, match="same table"):
        db.model(model("Other", __tablename__="product"))


def test_an_unknown_model_is_answered_with_the_one_meant(db: DataFlow):
    db.model(model("Product"))
    with pytest.raises(errors.UnknownModelError) as caught:
        db.table("Prodct")
    assert caught.value.hint == "did you mean `Product`?"


def test_another_class_of_a_known_name_is_unknown(db: DataFlow):
    db.model(model("Product"))
    with pytest.raises(errors.UnknownModelError):
        db.table(model("Product"))


def test_the_default_tenancy_is_that_of_the_database():
    db = DataFlow("sqlite:///:memory:", multi_tenant=True)
    db.model(model("Product"))
    db.model(model("Country", __dataflow__={"multi_tenant": False}))
    with pytest.raises(errors.MissingTenantError):
        db.table("Product").count()
    assert db.table("Country").count() == 0


def test_the_core_refuses_a_model_when_it_is_declared(db: DataFlow):
    with pytest.raises(errors.InvalidModelError, match="MaxLength"):
        db.model(type("Code", (), {"__annotations__": {"code": str}, "__dataflow__": {"key": "code"}}))
    with pytest.raises(errors.UnknownModelError):
        db.table("Code")
