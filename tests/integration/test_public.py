"""A table for callers who are not trusted: what is not allowed does not exist, and nothing costs much."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

import pytest

from dataflow import DataFlow, MaxLength, Precision, PublicTable, Table, errors
from tests.integration.fresh import fresh


class Product:
    id: int
    name: str
    price: Annotated[Decimal, Precision(10, 2)]
    sold: int = 0
    tags: list[str] = []  # noqa: RUF012
    sizes: list[int] = []  # noqa: RUF012
    meta: dict[str, Any] | None = None
    margin: Annotated[Decimal, Precision(10, 2)] = Decimal(1)
    supplier: Annotated[str, MaxLength(20)] = "acme"
    notes: dict[str, Any] | None = None
    __dataflow__ = {"soft_delete": True}  # noqa: RUF012


FIELDS: dict[str, Any] = {
    "id": True,
    "name": ["$eq", "$startsWith", "$regex"],
    "price": True,
    "sold": [],
    "tags": ["$contains", "$elemMatch", "$all", "$in"],
    "sizes": ["$all", "$gt"],
    "meta": ["$eq", "$gt"],
}
HIDDEN = ("margin", "supplier", "notes", "deleted_at")


@pytest.fixture
def table(db: DataFlow) -> Table[Any]:
    table = fresh(db, Product)
    names = ["apple", "pear", "plum"]
    table.bulk_create(
        [
            {"id": n, "name": name, "price": n, "sold": 9 - n, "tags": [name[0], "x"], "meta": {"n": n}, "margin": -n}
            for n, name in enumerate(names, 1)
        ]
    )
    return table


@pytest.fixture
def public(table: Table[Any]) -> PublicTable[Any]:
    return table.public(FIELDS, aggregate=True)


def told(error: errors.DataFlowError) -> str:
    """All that a caller sees of it."""
    return " ".join(str(part) for part in (error, error.path, error.hint, error.constraint))


def ids(public: PublicTable[Any], filter: Any) -> list[int]:
    return [row.id for row in public.list(filter, order_by="id")]


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        (None, [1, 2, 3]),
        ({"name": "apple"}, [1]),
        ({"name": {"$startsWith": "p"}, "price": {"$gt": 2}}, [3]),
        ({"$or": [{"price": {"$lte": 1}}, {"name": {"$not": {"$startsWith": "p"}}}]}, [1]),
        ({"name": {"$regex": "^p[el]{1,3}"}}, [2, 3]),
        ({"tags": {"$contains": ["a", "x"]}}, [1]),
        ({"tags": {"$in": ["a", "b"]}}, [1]),
        ({"meta.n": 2}, [2]),
        ({"meta.n": {"$gt": 1}}, [2, 3]),
        ({"price": {"$in": [1, 2, *range(100, 1098)]}}, [1, 2]),
        ({"$expr": {"$gte": ["$id", "$id"]}}, [1, 2, 3]),
    ],
)
def test_what_is_allowed_works_as_ever(public: PublicTable[Any], filter: Any, found: list[int]) -> None:
    assert ids(public, filter) == found
    assert public.count(filter) == len(found)
    assert [row.id for row in public.stream(filter, order_by="id")] == found


def test_only_fields_of_the_list_are_read(public: PublicTable[Any]) -> None:
    rows = public.list({"id": 1})
    streamed = [row for chunk in public.stream({"id": 1}).chunks() for row in chunk.records()]
    grouped = public.aggregate([{"$match": {"id": 1}}])
    for record in (rows.records()[0], streamed[0], grouped[0]):
        assert set(record) == set(FIELDS)
    for row in (rows[0], public.read(1)):
        assert (row.name, row.meta) == ("apple", {"n": 1})
        assert not any(name in repr(row) for name in HIDDEN)
        with pytest.raises(errors.FieldNotLoadedError):
            _ = row.margin
    assert set(public.list(fields=["name"]).records()[0]) == {"name"}
    assert set(rows.to_arrow().column_names) == set(FIELDS)


async def test_the_awaited_twins_do_the_same(public: PublicTable[Any]) -> None:
    assert [row.id for row in await public.alist({"name": "pear"})] == [2]
    assert (await public.aread(2)).name == "pear"
    assert await public.acount({"price": {"$gt": 1}}) == 2
    assert [row.id async for row in public.astream(order_by="-id")] == [3, 2, 1]
    assert (await public.aaggregate([{"$count": "n"}]))[0] == {"n": 3}
    with pytest.raises(errors.UnknownFieldError):
        await public.alist({"margin": 1})


def test_nothing_writes(public: PublicTable[Any]) -> None:
    names = {name for name in dir(public) if not name.startswith("_")}
    reads = {"read", "list", "count", "stream", "aggregate"}
    assert names == reads | {f"a{name}" for name in reads}
    with pytest.raises(errors.InternalError):
        public._core.delete_one({"id": 1}, None, False, public._here())
    assert public.count() == 3


Ask = Callable[[PublicTable[Any], str], Any]
# Each names a field in its own place; a `{}` is it.
PLACES: dict[str, Ask] = {
    "filter": lambda public, name: public.list({name: 1}),
    "filter of count": lambda public, name: public.count({name: 1}),
    "filter of stream": lambda public, name: list(public.stream({name: 1})),
    "within logic": lambda public, name: public.list({"$or": [{"$nor": [{name: {"$exists": True}}]}]}),
    "not": lambda public, name: public.list({"$not": {name: None}}),
    "path": lambda public, name: public.list({f"{name}.a.b": 1}),
    "$expr": lambda public, name: public.list({"$expr": {"$gt": ["$price", f"${name}"]}}),
    "$expr of a value": lambda public, name: public.list({"$expr": {"$eq": [f"${name}", 1]}}),
    "order_by": lambda public, name: public.list(order_by=name),
    "order_by descending": lambda public, name: public.list(order_by=["price", f"-{name}"]),
    "order_by of stream": lambda public, name: list(public.stream(order_by=name)),
    "fields": lambda public, name: public.list(fields=["name", name]),
    "fields of stream": lambda public, name: list(public.stream(fields=[name])),
    "distinct": lambda public, name: public.list(fields=[name], order_by=name, distinct=True),
    "$match": lambda public, name: public.aggregate([{"$match": {name: 1}}]),
    "$project": lambda public, name: public.aggregate([{"$project": {name: True}}]),
    "$unset": lambda public, name: public.aggregate([{"$unset": name}]),
    "$sort": lambda public, name: public.aggregate([{"$sort": {name: 1}}]),
    "$addFields": lambda public, name: public.aggregate([{"$addFields": {"x": f"${name}"}}]),
    "$group": lambda public, name: public.aggregate([{"$group": {"_id": f"${name}"}}]),
    "$sum": lambda public, name: public.aggregate([{"$group": {"_id": None, "s": {"$sum": f"${name}"}}}]),
    "$sortByCount": lambda public, name: public.aggregate([{"$sortByCount": f"${name}"}]),
    "later stage": lambda public, name: public.aggregate([{"$match": {}}, {"$limit": 2}, {"$match": {name: 1}}]),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_hidden_field_looks_like_one_that_does_not_exist(public: PublicTable[Any], place: str) -> None:
    looked = 0
    # As long as they are, and as far from the names that are known.
    for hidden, unknown in (
        ("margin", "mxrgxn"),
        ("supplier", "suqqlzer"),
        ("notes", "nqtqs"),
        ("deleted_at", "dqlqtqd_at"),
    ):
        seen = []
        for name in (hidden, unknown):
            with pytest.raises(errors.UnknownFieldError) as caught:
                PLACES[place](public, name)
            assert name in (caught.value.path or "") or name in str(caught.value)
            seen.append(told(caught.value).replace(name, "?"))
        assert seen[0] == seen[1]
        assert not any(other in seen[0] for other in HIDDEN)
        looked += 1
    assert looked == len(HIDDEN)


@pytest.mark.parametrize("slip", ["mragin", "margi", "suplier", "note", "deletedat"])
def test_no_hint_spells_a_hidden_field(public: PublicTable[Any], slip: str) -> None:
    with pytest.raises(errors.UnknownFieldError) as caught:
        public.list({slip: 1})
    assert not any(name in told(caught.value).replace(slip, "?") for name in HIDDEN)


@pytest.mark.parametrize(
    ("filter", "path"),
    [
        ({"sold": 1}, "filter.sold"),
        ({"sold": {"$exists": True}}, "filter.sold.$exists"),
        ({"name": {"$ne": "a"}}, "filter.name.$ne"),
        ({"name": {"$not": {"$in": ["a"]}}}, "filter.name.$not.$in"),
        ({"name": {"$contains": "a"}}, "filter.name.$contains"),
        ({"name": {"$like": "%a"}}, "filter.name.$like"),
        ({"tags": {"$size": 1}}, "filter.tags.$size"),
        ({"tags": {"$elemMatch": {"$regex": "a"}}}, "filter.tags.$elemMatch.$regex"),
        ({"meta.n": {"$lt": 1}}, "filter.meta.n.$lt"),
        ({"sizes": {"$all": [{"$elemMatch": {"$gt": 1}}]}}, "filter.sizes.$all[0].$elemMatch"),
        ({"meta": {"$contains": {"n": 1}}}, "filter.meta.$contains"),
        ({"$expr": {"$gt": ["$id", "$sold"]}}, "filter.$expr.$gt[1]"),
        ({"$expr": {"$eq": [1, "$sold"]}}, "filter.$expr.$eq[1]"),
        ({"price": {"$where": "1"}}, "filter.price.$where"),
        ({"$where": "1"}, "filter.$where"),
    ],
)
def test_an_operator_that_is_not_allowed_does_not_exist(public: PublicTable[Any], filter: Any, path: str) -> None:
    with pytest.raises(errors.UnknownOperatorError) as caught:
        public.list(filter)
    assert caught.value.path == path


def test_the_whole_list_of_a_field_is_all_but_patterns(table: Table[Any]) -> None:
    public = table.public({"id": True, "name": True, "tags": True, "meta": True})
    assert ids(public, {"name": {"$contains": "l", "$endsWith": "e", "$gt": "a"}}) == [1]
    assert ids(public, {"tags": {"$elemMatch": {"$gt": "o"}}, "meta.n": {"$lte": 2}}) == [1, 2, 3][:2]
    for operator in ("$regex", "$like", "$ilike"):
        for place in ("name", "meta.n"):
            with pytest.raises(errors.UnknownOperatorError):
                public.list({place: {operator: "a"}})


def deep(levels: int, name: str = "$nor") -> Any:
    inner: Any = {"price": 1}
    for _ in range(levels):
        inner = {name: [inner]}
    return inner


@pytest.mark.parametrize(
    "filter",
    [
        deep(5),
        deep(1_000),
        {"$or": [{"price": 1}] * 10_000},
        {"$or": [{"price": 1}] * 51},
        {"$or": [{"tags": {"$all": ["a"] * 25}}] * 3},
        {"tags": {"$contains": ["a"] * 51}},
        {"price": {"$in": list(range(1_001))}},
        {"meta.a": {"$eq": list(range(1_001))}},
        {"meta.a": {"$eq": {str(n): n for n in range(1_001)}}},
        {f"meta.{'.'.join('a' * 40)}": 1},
        {"meta.a": {"$eq": deep(200, "a")}},
        {"name": {"$regex": "a" * 2_000}},
        {"name": {"$regex": "(a+)+$"}},
        {"name": {"$regex": "(a{1,9}){1,9}$"}},
        {"name": {"$regex": "(a|aa){0,20}b"}},
        {"name": {"$regex": ".*x"}},
        {"name": {"$regex": "a{51}"}},
        {"name": {"$regex": "a{0,50}a{0,50}a{0,50}b"}},
        {"name": {"$regex": "a?" * 14}},
    ],
)
def test_what_would_cost_much_is_refused(public: PublicTable[Any], filter: Any) -> None:
    for ask in (public.list, public.count, lambda filter: public.aggregate([{"$match": filter}])):
        with pytest.raises((errors.LimitExceededError, errors.InvalidFilterError)) as caught:
            ask(filter)
        assert (caught.value.path or "").startswith(("filter", "pipeline"))


@pytest.mark.parametrize(
    "pattern", ["^pe", "^[a-c]p{2}.{0,50}$", "a?p?e{0,3}", "^(ap|pe)", "\\d{2,4}|e$", "(?i)APPLE", "(pp){0,2}le"]
)
def test_a_plain_pattern_is_allowed(public: PublicTable[Any], table: Table[Any], pattern: str) -> None:
    filter = {"name": {"$regex": pattern}}
    assert public.count(filter) == table.count(filter)


@pytest.mark.parametrize("filter", [deep(3), {"$or": [{"price": 1}] * 50}, {"price": {"$in": list(range(1_000))}}])
def test_the_limits_are_what_they_are_said_to_be(public: PublicTable[Any], filter: Any) -> None:
    assert public.count(filter) in (1, 2, 3)


@pytest.mark.parametrize("key", ["q\"'`\\", "$x", "a'] = 1 or 1=1 --", "\u00e9 ", "0", "{}"])
def test_keys_of_a_path_are_data(public: PublicTable[Any], table: Table[Any], key: str) -> None:
    table.update(2, {"$set": {"meta": {key: 7}}})
    assert ids(public, {f"meta.{key}": 7}) == [2]
    assert ids(public, {f"meta.{key}": 8}) == []


FORMS: list[Any] = [
    5,
    "",
    "\ud800",
    b"id",
    True,
    1.5,
    [5],
    ["\ud800"],
    [None],
    [["id"]],
    {"id": 1},
    {5: 1},
    {"\ud800": 1},
]


@pytest.mark.parametrize("form", FORMS, ids=[str(at) for at in range(len(FORMS))])
def test_what_has_no_form_is_a_typed_error(public: PublicTable[Any], form: Any) -> None:
    asks: dict[str, Callable[[], Any]] = {
        "filter": lambda: public.list(form),
        "count": lambda: public.count({"name": form}),
        "order_by": lambda: public.list(order_by=form),
        "fields": lambda: public.list(fields=form),
        "fields of stream": lambda: list(public.stream(fields=form)),
        "limit": lambda: public.list(limit=form),
        "offset": lambda: public.list(offset=form),
        "after": lambda: public.list(after=form),
        "before": lambda: public.list(before=form),
        "distinct": lambda: public.list(fields=["id"], distinct=form),
        "total": lambda: public.list(total=form),
        "key": lambda: public.read(form),
        "pipeline": lambda: public.aggregate(form),
        "stage": lambda: public.aggregate([{"$match": form}, {"$sort": form}, {"$group": form}]),
    }
    refused = 0
    for ask in asks.values():
        try:
            ask()
        except errors.DataFlowError as error:
            refused += 1
            assert not any(name in told(error) for name in HIDDEN)
    assert refused > 8


def test_pages_are_bounded(table: Table[Any]) -> None:
    public = table.public(FIELDS, max_rows=2)
    assert len(public.list(limit=2)) == 2
    for limit in (3, None):
        with pytest.raises(errors.LimitExceededError) as caught:
            public.list(limit=limit)
        assert caught.value.path == "limit"
    with pytest.raises(errors.LimitExceededError):
        public.list()


def test_deleted_rows_are_not_there(public: PublicTable[Any], table: Table[Any]) -> None:
    table.delete(2)
    assert ids(public, None) == [1, 3]
    with pytest.raises(errors.NotFoundError):
        public.read(2)
    asks: list[Callable[[], Any]] = [
        lambda: public.list(include_deleted=True),
        lambda: public.count(include_deleted=True),
        lambda: public.read(2, include_deleted=True),
        lambda: public.stream(include_deleted=True),
        lambda: public.aggregate([], include_deleted=True),
    ]
    for ask in asks:
        with pytest.raises(errors.InvalidOptionError) as caught:
            ask()
        assert caught.value.path == "include_deleted"


def test_a_cursor_is_of_its_list_of_fields(public: PublicTable[Any], table: Table[Any]) -> None:
    first = public.list(order_by="name", limit=2)
    assert [row.name for row in public.list(order_by="name", limit=2, after=first.next)] == ["plum"]
    same = table.public(dict(reversed(FIELDS.items())), timeout=1)
    assert len(same.list(order_by="name", limit=2, after=first.next)) == 1
    other = table.public({"id": True, "name": True})
    own = table.list(order_by="name", limit=2).next
    hidden = table.list(order_by="margin", limit=2).next
    refused: list[Callable[[], Any]] = [
        lambda: other.list(order_by="name", limit=2, after=first.next),
        lambda: table.list(order_by="name", limit=2, after=first.next),
        lambda: public.list(order_by="name", limit=2, after=own),
        lambda: public.list(limit=2, after=hidden),
        lambda: public.list(order_by="name", limit=2, after="AAAA"),
    ]
    for ask in refused:
        with pytest.raises(errors.InvalidCursorError) as caught:
            ask()
        assert not any(name in told(caught.value) for name in HIDDEN)


def test_a_hidden_key_pages_and_is_not_told(table: Table[Any]) -> None:
    public = table.public({"name": True})
    page = public.list(limit=2)
    assert page.records() == [{"name": "apple"}, {"name": "pear"}]
    assert public.list(limit=2, after=page.next).records() == [{"name": "plum"}]
    for key in (1, "x", (1, 2)):
        with pytest.raises(errors.InvalidFilterError) as caught:
            public.read(key)
        assert (caught.value.path, "id" in str(caught.value).split()) == ("key", False)


def test_pipelines_are_asked_for(table: Table[Any], public: PublicTable[Any]) -> None:
    with pytest.raises(errors.InvalidOptionError):
        table.public(FIELDS).aggregate([{"$count": "n"}])
    totals = public.aggregate([{"$group": {"_id": None, "p": {"$sum": "$price"}}}, {"$match": {"p": {"$gt": 5}}}])
    assert list(totals) == [{"p": Decimal("6.00")}]
    renamed: list[Any] = [
        [{"$addFields": {"x": "$sold"}}, {"$match": {"x": 1}}],
        [{"$group": {"_id": {"x": "$sold"}}}, {"$match": {"x": 1}}],
        [{"$project": {"x": "$name"}}, {"$match": {"x": {"$ne": "a"}}}],
        [{"$addFields": {"x": {"$concat": ["$name", "b"]}}}, {"$match": {"x": {"$regex": "a"}}}],
    ]
    for pipeline in renamed:
        with pytest.raises(errors.UnknownOperatorError):
            public.aggregate(pipeline)
    doubled: list[Any] = [{"$addFields": {"name": {"$concat": ["$name", "$name"]}}}]
    assert len(public.aggregate([*doubled * 6, {"$sort": {"id": 1}}])[0]["name"]) == 5 * 2**6
    with pytest.raises(errors.LimitExceededError) as caught:
        public.aggregate(doubled * 7)
    assert caught.value.path == "pipeline[6]"
    small = table.public(FIELDS, aggregate=True, max_rows=2)
    assert len(small.aggregate([{"$limit": 2}])) == 2
    with pytest.raises(errors.LimitExceededError) as caught:
        small.aggregate([{"$group": {"_id": "$name"}}])
    assert caught.value.path == "pipeline"


@pytest.mark.parametrize(
    ("fields", "kind", "path"),
    [
        ({}, errors.InvalidOptionError, "fields"),
        (None, errors.InvalidOptionError, "fields"),
        (["name"], errors.InvalidOptionError, "fields"),
        ("name", errors.InvalidOptionError, "fields"),
        ({1: True}, errors.InvalidOptionError, "fields"),
        ({"name": None}, errors.InvalidOptionError, "fields.name"),
        ({"name": False}, errors.InvalidOptionError, "fields.name"),
        ({"name": "$eq"}, errors.InvalidOptionError, "fields.name"),
        ({"name": [1]}, errors.InvalidOptionError, "fields.name"),
        ({"nmae": True}, errors.UnknownFieldError, "fields.nmae"),
        ({"meta.n": True}, errors.UnknownFieldError, "fields.meta.n"),
        ({"name": ["$eq", "$sizze"]}, errors.UnknownOperatorError, "fields.name[1]"),
        ({"price": ["$regex"]}, errors.UnknownOperatorError, "fields.price[0]"),
        ({"price": ["eq"]}, errors.UnknownOperatorError, "fields.price[0]"),
    ],
)
def test_a_list_that_is_none_is_refused(table: Table[Any], fields: Any, kind: type[Any], path: str) -> None:
    with pytest.raises(kind) as caught:
        table.public(fields)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "options",
    [{"timeout": 0}, {"timeout": None}, {"timeout": True}, {"max_rows": 0}, {"max_rows": None}, {"aggregate": 1}],
)
def test_limits_are_given_as_numbers(table: Table[Any], options: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidOptionError) as caught:
        table.public(FIELDS, **options)
    assert caught.value.path in options


class Shared(Product):
    __dataflow__ = {"multi_tenant": True}  # noqa: RUF012


def test_tenants_are_kept_apart(db: DataFlow) -> None:
    table = fresh(db, Shared)
    for tenant in ("a", "b"):
        with db.tenant(tenant):
            table.create(id=ord(tenant), name=tenant, price=1)
    public = table.public(FIELDS, aggregate=True)
    with db.tenant("a"):
        assert ids(public, {"$or": [{}, {"name": "b"}]}) == [ord("a")]
        assert list(public.aggregate([{"$count": "n"}])) == [{"n": 1}]
        with pytest.raises(errors.NotFoundError):
            public.read(ord("b"))
        cursor = table.public({"name": True}).list(limit=1).next
        assert cursor is None
    with pytest.raises(errors.MissingTenantError):
        public.list()


def test_rows_are_multiplied_once(db: DataFlow) -> None:
    tagged = type("Tagged", (), {"__annotations__": {"tags": list[int], "others": list[int]}})
    table = fresh(db, tagged)
    table.create(tags=[1, 2, 3], others=[4, 5])
    public = table.public({"tags": True, "others": True}, aggregate=True)
    one = [{"$unwind": "$tags"}, {"$count": "rows"}]
    assert public.aggregate(one)[0] == {"rows": 3}
    twice = [{"$unwind": "$tags"}, {"$unwind": "$others"}, {"$count": "rows"}]
    assert table.aggregate(twice)[0] == {"rows": 6}
    with pytest.raises(errors.LimitExceededError, match="unwind"):
        public.aggregate(twice)
