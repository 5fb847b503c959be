"""The models of one `DataFlow`: their names, tables and relations."""

from typing import Annotated, Any

import pytest

from dataflow import Ref, errors
from dataflow.model.registry import Registry
from tests.unit.model.declaring import declare, model


class Engine:
    """A core that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def table(self, description: dict[str, Any]) -> Any:
        self.told.append(description)
        return len(self.told)


def registry(*, multi_tenant: bool = False) -> Registry:
    return Registry(Engine(), multi_tenant=multi_tenant)


def product(**body: Any) -> type[Any]:
    return model({"a": int}, **body)


def test_a_model_is_found_by_class_and_by_name():
    models, cls = registry(), product()
    models.add(declare(cls))
    assert models.find(cls) is models.find("Product")
    assert models.find(cls).description.cls is cls


def test_a_class_may_be_taken_twice_and_by_two_databases():
    cls, one, other = product(), registry(), registry()
    for models in (one, one, other):
        models.add(declare(cls))
    assert len(one) == len(other) == 1
    assert one.find(cls).table == other.find(cls).table == 1


def test_two_classes_of_one_name_are_refused():
    models = registry()
    models.add(declare(product()))
    with pytest.raises(errors.InvalidModelError, match="another model Product"):
        models.add(declare(product(__tablename__="other")))


def test_two_models_of_one_table_are_refused():
    models = registry()
    models.add(declare(product()))
    with pytest.raises(errors.InvalidModelError, match="same table"):
        models.add(declare(model({"a": int}, "Other", __tablename__="product")))


def test_a_table_of_another_schema_is_another_table():
    models = registry()
    models.add(declare(product()))
    models.add(declare(model({"a": int}, "Other", __tablename__="product", __dataflow__={"schema": "archive"})))
    assert len(models) == 2


def test_an_unknown_model_is_answered_with_the_one_meant():
    models = registry()
    models.add(declare(product()))
    with pytest.raises(errors.UnknownModelError) as caught:
        models.find("Prodct")
    assert caught.value.hint == "did you mean `Product`?"


def test_another_class_of_a_known_name_is_unknown():
    models = registry()
    models.add(declare(product()))
    with pytest.raises(errors.UnknownModelError):
        models.find(product())


def test_the_default_tenancy_is_that_of_the_database():
    engine = Engine()
    models = Registry(engine, multi_tenant=True)
    models.add(declare(product()))
    models.add(declare(model({"a": int}, "Country", __dataflow__={"multi_tenant": False})))
    assert [told["multi_tenant"] for told in engine.told] == [True, False]


CUSTOMER = {"name": str, "region_id": Annotated[int, Ref("Region")]}


@pytest.mark.parametrize("related", ["name", "id", "region", "orders"])
@pytest.mark.parametrize("first", ["Customer", "Order"])
def test_a_relation_has_a_name_of_its_own_on_both_sides(related: str, first: str):
    models = registry()
    models.add(declare(model({"customer_id": Annotated[int, Ref("Customer", related="orders")]}, "Returned")))
    both = [
        model(CUSTOMER, "Customer"),
        model({"customer_id": Annotated[int, Ref("Customer", related=related)]}, "Order"),
    ]
    both.sort(key=lambda cls: cls.__name__ != first)
    models.add(declare(both[0]))
    with pytest.raises(errors.InvalidModelError, match=f"`{related}`") as caught:
        models.add(declare(both[1]))
    assert caught.value.path == "Order.customer_id"
    assert caught.value.hint == "give it another `related`"


def test_relations_to_other_models_do_not_collide():
    models = registry()
    models.add(declare(model({"customer_id": Annotated[int, Ref("Customer", related="orders")]}, "Order")))
    models.add(declare(model({"seller_id": Annotated[int, Ref("Seller", related="orders")]}, "Sale")))
    models.add(declare(model(CUSTOMER, "Customer")))
    assert len(models) == 3
