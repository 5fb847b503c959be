"""References between models: what they refuse, what goes with a row, and in which order tables come to be."""

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import pytest

from dataflow import DataFlow, MaxLength, Ref, Table, auto, errors
from tests.database import Database
from tests.integration import bare, catalogue
from tests.integration.fresh import subclass

Code = Annotated[str, MaxLength(20)]


@pytest.fixture(params=[False, True], ids=["alone", "tenant"])
def shop(request: pytest.FixtureRequest, database: Database) -> Iterator[DataFlow]:
    """A tenant's rows refer to each other like rows without one."""
    with DataFlow(database.url, multi_tenant=request.param) as db, db.tenant("a"):
        yield db


class Parent:
    name: str = "p"


def child(target: Any, key: Any = int, action: str = "restrict", **more: Any) -> type[Any]:
    """A model with an optional reference to `target`."""
    hint = Annotated[key, Ref(target, on_delete=action)] | None
    body = {"__annotations__": {"parent_id": hint, "name": str}, "parent_id": None, "name": "c", **more}
    return type("Child", (), body)


def pair(db: DataFlow, action: str = "restrict") -> tuple[Table[Any], Table[Any]]:
    parent = subclass(Parent)
    children = db.table(db.model(subclass(child(parent.__name__, action=action))))
    return db.table(db.model(parent)), children


def test_a_row_refers_to_one_that_is_there(shop: DataFlow) -> None:
    parents, children = pair(shop)
    key = parents.create().id
    assert children.create(parent_id=key).parent_id == key
    assert children.create().parent_id is None
    for call in (
        lambda: children.create(parent_id=key + 1),
        lambda: children.bulk_create([{"parent_id": key}, {"parent_id": key + 1}]),
        lambda: children.update({"parent_id": None}, {"parent_id": key + 1}),
        lambda: children.bulk_update({"name": "c"}, {"parent_id": key + 1}),
        lambda: children.bulk_upsert([{"id": 50, "parent_id": key + 1}]),
    ):
        with pytest.raises(errors.ForeignKeyViolationError):
            call()
    assert [row.parent_id for row in children.list()] == [key, None]


@pytest.mark.parametrize("action", ["restrict", "no_action"])
def test_a_row_that_is_referred_to_stays(shop: DataFlow, action: str) -> None:
    parents, children = pair(shop, action)
    first, second = parents.create().id, parents.create().id
    children.create(parent_id=first)
    for call in (
        lambda: parents.delete(first),
        lambda: parents.bulk_delete(keys=[second, first]),
        lambda: parents.bulk_delete({"name": "p"}),
    ):
        with pytest.raises(errors.ForeignKeyViolationError):
            call()
    assert parents.count() == 2
    assert parents.delete(second) == 1
    assert children.count() == 1


@pytest.mark.parametrize("bulk", [False, True])
def test_cascade_takes_the_rows_along(shop: DataFlow, bulk: bool) -> None:
    parents, children = pair(shop, "cascade")
    first, second = parents.create().id, parents.create().id
    children.bulk_create([{"parent_id": first}, {"parent_id": first}, {"parent_id": second}, {}])
    assert (parents.bulk_delete(keys=[first]).deleted if bulk else parents.delete(first)) == 1
    assert [row.parent_id for row in children.list()] == [second, None]


def test_set_null_leaves_the_rows_without_reference(db: DataFlow) -> None:
    parents, children = pair(db, "set_null")
    first, second = parents.create().id, parents.create().id
    children.bulk_create([{"parent_id": first}, {"parent_id": second}])
    parents.delete(first)
    assert [row.parent_id for row in children.list()] == [None, second]


def test_set_null_within_a_tenant_is_refused_with_the_fix(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db, db.tenant("a"):
        _, children = pair(db, "set_null")
        with pytest.raises(errors.InvalidModelError, match="restrict or cascade"):
            children.count()


@pytest.mark.parametrize("action", ["restrict", "cascade", "set_null", "no_action"])
def test_the_database_knows_the_reference_by_its_name(database: Database, db: DataFlow, action: str) -> None:
    parents, children = pair(db, action)
    parents.create(id=1)
    name = children._model.table
    with pytest.raises(errors.ForeignKeyViolationError):
        children.create(parent_id=2)
    assert f"fk_{name}_parent_id" in catalogue.names(database, name)
    bare.refused(database, f"INSERT INTO {name} (parent_id, name) VALUES (2, 'x')")
    bare.execute(database, f"INSERT INTO {name} (parent_id, name) VALUES (1, 'x')")
    assert children.count() == 1


class Node:
    __tablename__ = "node"
    id: int = auto()
    parent_id: Annotated[int | None, Ref("Node", on_delete="cascade", related="children")] = None


def test_a_model_refers_to_itself(shop: DataFlow, database: Database) -> None:
    model = type("Node", (Node,), {"__tablename__": f"node_{shop._settings.multi_tenant}".lower()})
    nodes: Table[Any] = shop.table(shop.model(model))
    root = nodes.create()
    middle = nodes.create(parent_id=root.id)
    nodes.bulk_create([{"parent_id": middle.id}, {"parent_id": root.id}])
    nodes.create(id=900, parent_id=900)
    with pytest.raises(errors.ForeignKeyViolationError):
        nodes.create(parent_id=10_000)
    nodes.delete(middle.id)
    assert [row.parent_id for row in nodes.list()] == [None, root.id, 900]
    nodes.delete(root.id)
    assert nodes.count() == 1
    assert nodes.delete(900) == 1


def mutual(db: DataFlow, names: tuple[str, str]) -> list[Table[Any]]:
    models = []
    for own, other in (names, names[::-1]):
        hints = {"other_id": Annotated[int | None, Ref(other)]}
        models.append(type(own, (), {"__annotations__": hints, "other_id": None, "__tablename__": own.lower()}))
    return [db.table(db.model(model)) for model in models]


@pytest.mark.parametrize("first", [0, 1])
def test_two_models_refer_to_each_other(shop: DataFlow, first: int) -> None:
    kind = f"{first}{shop._settings.multi_tenant}"
    tables = mutual(shop, (f"Left{kind}", f"Right{kind}"))
    one, other = tables[first], tables[1 - first]
    a = one.create()
    b = other.create(other_id=a.id)
    assert one.update(a.id, {"other_id": b.id}).other_id == b.id
    for table, key in ((one, a.id), (other, b.id)):
        with pytest.raises(errors.ForeignKeyViolationError):
            table.delete(key)
        with pytest.raises(errors.ForeignKeyViolationError):
            table.create(other_id=10_000)
    assert (one.count(), other.count()) == (1, 1)


def test_three_models_in_a_row_are_made_at_the_first_use_of_the_last(shop: DataFlow) -> None:
    names = [f"{name}{shop._settings.multi_tenant}" for name in ("Country", "City", "Street")]
    tables: list[Table[Any]] = []
    for at in (2, 1, 0):
        model = child(names[at - 1]) if at else Parent
        tables.append(shop.table(shop.model(type(names[at], (model,), {"__tablename__": names[at].lower()}))))
    streets, cities, countries = tables
    with pytest.raises(errors.ForeignKeyViolationError):
        streets.create(parent_id=1)
    city = cities.create(parent_id=countries.create().id)
    assert streets.create(parent_id=city.id).parent_id == city.id


def test_an_unknown_target_is_answered_with_the_one_meant(db: DataFlow) -> None:
    target = subclass(Parent)
    db.model(target)
    wrong = target.__name__.replace("Parent", "Parnet")
    children: Table[Any] = db.table(db.model(subclass(child(wrong))))
    for call in (children.count, lambda: children.create(parent_id=1)):
        with pytest.raises(errors.UnknownModelError) as caught:
            call()
        assert wrong in caught.value.message
        assert caught.value.hint == f"did you mean `{target.__name__}`?"


def test_a_target_may_come_after_a_failed_use(db: DataFlow) -> None:
    target = subclass(Parent)
    children: Table[Any] = db.table(db.model(subclass(child(target.__name__))))
    with pytest.raises(errors.UnknownModelError):
        children.count()
    key = db.table(db.model(target)).create().id
    assert children.create(parent_id=key).parent_id == key


class Country:
    __dataflow__ = {"key": ["code"]}  # noqa: RUF012
    code: Code


class Machine:
    id: UUID = auto()


def test_a_reference_to_a_text_key_is_exact(shop: DataFlow) -> None:
    target = subclass(Country)
    countries: Table[Any] = shop.table(shop.model(target))
    places: Table[Any] = shop.table(shop.model(subclass(child(target, Code))))
    countries.bulk_create([{"code": "de"}, {"code": "it's"}])
    places.bulk_create([{"parent_id": "de"}, {"parent_id": "it's"}])
    for wrong in ("DE", "de ", "d\u00e9", ""):
        with pytest.raises(errors.ForeignKeyViolationError):
            places.create(parent_id=wrong)
    with pytest.raises(errors.ForeignKeyViolationError):
        countries.delete("de")
    assert [row.parent_id for row in places.list()] == ["de", "it's"]


def test_a_reference_to_a_uuid_key(shop: DataFlow) -> None:
    target = subclass(Machine)
    machines: Table[Any] = shop.table(shop.model(target))
    parts: Table[Any] = shop.table(shop.model(subclass(child(target, UUID, "cascade"))))
    key = machines.create().id
    assert parts.create(parent_id=key).parent_id == key
    with pytest.raises(errors.ForeignKeyViolationError):
        parts.create(parent_id=UUID(int=1))
    machines.delete(key)
    assert parts.count() == 0


def test_a_reference_of_another_type_is_refused(db: DataFlow) -> None:
    target = subclass(Parent)
    db.model(target)
    children: Table[Any] = db.table(db.model(subclass(child(target, Code))))
    with pytest.raises(errors.InvalidModelError) as caught:
        children.count()
    assert caught.value.path == f"{children._model.name}.parent_id"


def test_a_reference_to_a_key_of_several_fields_is_refused(db: DataFlow) -> None:
    body = {"__annotations__": {"a": int, "b": int}, "__dataflow__": {"key": ["a", "b"]}}
    target = subclass(type("Double", (), body))
    db.model(target)
    children: Table[Any] = db.table(db.model(subclass(child(target))))
    with pytest.raises(errors.InvalidModelError, match="several fields"):
        children.count()


def test_a_row_of_another_tenant_cannot_be_referred_to(database: Database) -> None:
    with DataFlow(database.url, multi_tenant=True) as db:
        parents, children = pair(db, "cascade")
        with db.tenant("a"):
            key = parents.create().id
        with db.tenant("b"):
            for call in (
                lambda: children.create(parent_id=key),
                lambda: children.bulk_create([{"parent_id": key}]),
                lambda: children.upsert({"id": 1, "parent_id": key}),
            ):
                with pytest.raises(errors.ForeignKeyViolationError):
                    call()
            parents.create(id=key)
            children.create(parent_id=key)
            parents.delete(key)
            assert children.count() == 0
        with db.tenant("a"):
            assert parents.count() == 1


def test_only_a_multi_tenant_model_refers_to_one(database: Database) -> None:
    with DataFlow(database.url) as db:
        shared = subclass(type("Shared", (Parent,), {"__dataflow__": {"multi_tenant": True}}))
        children: Table[Any] = db.table(db.model(subclass(child(shared))))
        db.model(shared)
        with pytest.raises(errors.InvalidModelError, match="multi-tenant"):
            children.count()


def test_tenants_refer_to_rows_that_all_share(database: Database) -> None:
    with DataFlow(database.url) as db:
        target = subclass(Parent)
        parents: Table[Any] = db.table(db.model(target))
        model = subclass(child(target, action="set_null", __dataflow__={"multi_tenant": True}))
        children: Table[Any] = db.table(db.model(model))
        key = parents.create().id
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                children.create(parent_id=key)
        parents.delete(key)
        for tenant in ("a", "b"):
            with db.tenant(tenant):
                assert [row.parent_id for row in children.list()] == [None]


@pytest.mark.parametrize("schemas", [("ref_one", None), (None, "ref_one"), ("ref_one", "ref_two"), ("ref_two",) * 2])
def test_a_reference_crosses_schemas(database: Database, schemas: tuple[str | None, str | None]) -> None:
    name = "x".join(str(schema) for schema in schemas).lower()
    parent = type(f"Parent{name}", (Parent,), {"__tablename__": f"p{name}", "__dataflow__": {"schema": schemas[0]}})
    model = child(parent, __tablename__=f"c{name}", __dataflow__={"schema": schemas[1]})
    with DataFlow(bare.owner_url(database)) as db:
        children: Table[Any] = db.table(db.model(model))
        parents: Table[Any] = db.table(db.model(parent))
        key = parents.create().id
        assert children.create(parent_id=key).parent_id == key
        with pytest.raises(errors.ForeignKeyViolationError):
            parents.delete(key)
        with pytest.raises(errors.ForeignKeyViolationError):
            children.create(parent_id=key + 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("bulk", [False, True])
def test_the_first_use_in_a_transaction_may_refer_to_what_it_wrote(database: Database, bulk: bool) -> None:
    with DataFlow(database.url, acquire_timeout=5) as db:
        parents, children = pair(db)
        parents.count()
        with db.transaction(timeout=10):
            key = parents.create().id
            if bulk:
                children.bulk_create([{"parent_id": key}])
            else:
                children.create(parent_id=key)
        assert [row.parent_id for row in children.list()] == [key]
