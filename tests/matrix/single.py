"""The operations on one row, and those that only read."""

from tests.matrix.call import instance, named, stand_in, those, updates, values
from tests.matrix.operation import Form, Mixed, Operation

CREATE = Operation(
    "create",
    "insert",
    (
        Form("fields", lambda table, job: table.create(**job[0]), "row", ""),
        Form("instance", lambda table, job: table.create(instance(table, job[0])), "row", ""),
    ),
    ((4,),),
    frozenset({"append"}),
    (Mixed(lambda table: table.create(id=5, code="e").id, 5, {1: 1, 2: 2, 3: 3, 5: 7}),),
    one=True,
    flat=Form("flat", lambda hand, job: hand.run("Create", job[0]), "row", "", taken=frozenset({"data"})),
)

READ = Operation(
    "read",
    "read",
    (Form("key", lambda table, job: table.read(job[0]["id"]), "row", needs_rows=True),),
    ((1,), (3,)),
    frozenset({"read"}),
    (Mixed(lambda table: table.read(2).size, 2, {1: 1, 2: 2, 3: 3}),),
    with_deleted=lambda table, key: table.read(key, include_deleted=True).id,
    one=True,
    flat=Form("flat", lambda hand, job: hand.run("Read", job[0]), "row", needs_rows=True),
)

UPDATE = Operation(
    "update",
    "change",
    (
        Form(
            "key",
            lambda table, job: table.update(job[0]["id"], values(job)),
            "row",
            "updates.",
            needs_rows=True,
            version="checked",
        ),
        Form(
            "filter",
            lambda table, job: table.update(named(job[0]), updates(job)),
            "row",
            "updates.",
            needs_rows=True,
            version="matched",
        ),
        Form(
            "instance",
            lambda table, job: table.update(stand_in(table, job), updates(job)),
            "row",
            "updates.",
            needs_rows=True,
            version="checked",
        ),
    ),
    ((1,),),
    frozenset({"read", "update"}),
    (
        Mixed(lambda table: table.update(1, {"size": 50}).size, 50, {1: 50, 2: 2, 3: 3}),
        Mixed(lambda table: table.update(1, {"size": 1}).size, 1, {1: 1, 2: 2, 3: 3}),
    ),
    filtered=lambda table, found: table.update(found, {"size": 50}),
    one=True,
    flat=Form(
        "flat",
        lambda hand, job: hand.run("Update", job[0]),
        "row",
        "updates.",
        needs_rows=True,
        version="checked",
        taken=frozenset({"data", "fields", "filter", "key", "updates"}),
    ),
)

DELETE = Operation(
    "delete",
    "remove",
    (
        Form("key", lambda table, job: table.delete(job[0]["id"]), "number", needs_rows=True),
        Form("filter", lambda table, job: table.delete(named(job[0])), "number", needs_rows=True, version="matched"),
        Form(
            "instance",
            lambda table, job: table.delete(stand_in(table, job)),
            "number",
            needs_rows=True,
            version="checked",
        ),
    ),
    ((1,),),
    frozenset({"read", "delete"}),
    (Mixed(lambda table: table.delete(2), 1, {1: 1, 3: 3}),),
    filtered=lambda table, found: table.delete(found),
    hard=lambda table, key: table.delete(key, hard=True),
    one=True,
    flat=Form("flat", lambda hand, job: hand.run("Delete", job[0]), "number", needs_rows=True),
)

LIST = Operation(
    "list",
    "read",
    (Form("filter", lambda table, job: table.list(those(job)), "rows", version="matched"),),
    ((1, 2),),
    frozenset({"read"}),
    (
        Mixed(lambda table: len(table.list()), 3, {1: 1, 2: 2, 3: 3}),
        Mixed(lambda table: len(table.list(limit=1, offset=1)), 1, {1: 1, 2: 2, 3: 3}),
    ),
    filtered=lambda table, found: table.list(found),
    everything=lambda table: table.list(),
    with_deleted=lambda table, key: table.list({"id": key}, include_deleted=True)[0].id,
)

UPSERT = Operation(
    "upsert",
    "merge",
    (
        Form("key", lambda table, job: table.upsert(job[0]), "row", "", version="checked"),
        Form("unique", lambda table, job: table.upsert(job[0], conflict_on="code"), "row", "", version="checked"),
    ),
    ((1,), (4,)),
    frozenset({"read", "update", "append"}),
    (
        Mixed(lambda table: table.upsert({"id": 1, "size": 50}).created, False, {1: 50, 2: 2, 3: 3}),
        Mixed(lambda table: table.upsert({"id": 1, "size": 1}).created, False, {1: 1, 2: 2, 3: 3}),
        Mixed(lambda table: table.upsert({"id": 4, "code": "d"}).created, True, {1: 1, 2: 2, 3: 3, 4: 7}),
        Mixed(lambda table: table.upsert({"code": "b", "size": 50}, "code").id, 2, {1: 1, 2: 50, 3: 3}),
        Mixed(
            lambda table: table.upsert({"id": 1, "size": 50, "note": "n"}, update_fields="note").note,
            "n",
            {1: 1, 2: 2, 3: 3},
        ),
    ),
    one=True,
    flat=Form(
        "flat",
        lambda hand, job: hand.run("Upsert", job[0]),
        "row",
        "",
        version="checked",
        taken=frozenset({"data", "updates"}),
    ),
)

COUNT = Operation(
    "count",
    "read",
    (Form("filter", lambda table, job: table.count(those(job)), "number", version="matched"),),
    ((1, 2),),
    frozenset({"count"}),
    (
        Mixed(lambda table: table.count(), 3, {1: 1, 2: 2, 3: 3}),
        Mixed(lambda table: table.count({"size": {"$gt": 1}}), 2, {1: 1, 2: 2, 3: 3}),
    ),
    filtered=lambda table, found: table.count(found),
    everything=lambda table: table.count(),
    with_deleted=lambda table, key: table.count({"id": key}, include_deleted=True) * key,
)
