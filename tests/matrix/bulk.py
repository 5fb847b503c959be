"""The operations that write many rows."""

import pyarrow as pa

from tests.matrix.call import instances, keyed, those, values
from tests.matrix.operation import Form, Mixed, Operation

# Key 3 is stored, 4 is given twice.
_CONFLICTING = [
    {"id": 3, "code": "c", "size": 50},
    {"id": 4, "code": "d", "size": 50},
    {"id": 4, "code": "d", "size": 60},
    {"id": 5, "code": "e", "size": 50},
]

BULK_CREATE = Operation(
    "bulk_create",
    "insert",
    (
        Form("dicts", lambda table, job: table.bulk_create(job), "counts", "data[{row}]."),
        Form("instances", lambda table, job: table.bulk_create(instances(table, job)), "counts", "data[{row}]."),
        Form(
            "arrow",
            lambda table, job: table.bulk_create(pa.Table.from_pylist(list(job))),
            "counts",
            tells_keys=False,
            ragged=False,
        ),
    ),
    ((4, 5),),
    frozenset({"append"}),
    (
        Mixed(
            lambda table: table.bulk_create(_CONFLICTING, on_conflict="ignore", duplicates="first"),
            {"inserted": 2, "ignored": 1, "duplicate": 1},
            {1: 1, 2: 2, 3: 3, 4: 50, 5: 50},
        ),
        Mixed(
            lambda table: table.bulk_create(_CONFLICTING, on_conflict="update", duplicates="last"),
            {"inserted": 2, "updated": 1, "duplicate": 1},
            {1: 1, 2: 2, 3: 50, 4: 60, 5: 50},
        ),
    ),
)

BULK_UPDATE = Operation(
    "bulk_update",
    "change",
    (
        Form(
            "filter",
            lambda table, job: table.bulk_update(keyed(job), values(job)),
            "matched",
            "updates.",
            version="checked",
            tells_keys=False,
            ragged=False,
        ),
        Form(
            "data",
            lambda table, job: table.bulk_update(data=job),
            "counts",
            "data[{row}].",
            needs_rows=True,
            version="checked",
        ),
    ),
    ((1, 2),),
    frozenset({"count", "read", "update"}),
    (
        Mixed(
            lambda table: table.bulk_update(
                data=[{"id": 1, "size": 50}, {"id": 2, "size": 2}, {"id": 9, "size": 50}, {"id": 1, "size": 60}],
                on_missing="skip",
                duplicates="first",
            ),
            {"updated": 1, "unchanged": 1, "missing": 1, "duplicate": 1},
            {1: 50, 2: 2, 3: 3},
        ),
        Mixed(
            lambda table: table.bulk_update({"id": {"$in": [1, 2, 9]}}, {"size": 1}),
            {"updated": 1, "unchanged": 1, "matched": 2},
            {1: 1, 2: 1, 3: 3},
        ),
    ),
    filtered=lambda table, found: table.bulk_update(found, {"size": 50}),
    everything=lambda table: table.bulk_update({}, {"size": 50}, all_rows=True),
)

BULK_DELETE = Operation(
    "bulk_delete",
    "remove",
    (
        Form(
            "filter", lambda table, job: table.bulk_delete(those(job)), "matched", version="matched", tells_keys=False
        ),
        Form("keys", lambda table, job: table.bulk_delete(keys=[row["id"] for row in job]), "counts"),
        Form(
            "instances",
            lambda table, job: table.bulk_delete(keys=instances(table, job, code="?")),
            "counts",
            version="checked",
        ),
    ),
    ((1, 2),),
    frozenset({"read", "delete"}),
    (
        Mixed(lambda table: table.bulk_delete(keys=[1, 2, 9, 1]), {"deleted": 2, "missing": 1, "duplicate": 1}, {3: 3}),
        Mixed(
            lambda table: table.bulk_delete({"size": {"$lt": 3}}, max_affected=2), {"deleted": 2, "matched": 2}, {3: 3}
        ),
        Mixed(lambda table: table.bulk_delete({"size": {"$lt": 3}}, dry_run=True), {"matched": 2}, {1: 1, 2: 2, 3: 3}),
    ),
    filtered=lambda table, found: table.bulk_delete(found),
    everything=lambda table: table.bulk_delete({}, all_rows=True),
    hard=lambda table, key: table.bulk_delete(keys=[key], hard=True).deleted,
)

BULK_UPSERT = Operation(
    "bulk_upsert",
    "merge",
    (
        Form(
            "key",
            lambda table, job: table.bulk_upsert(job),
            "counts",
            "data[{row}].",
            version="checked",
        ),
        Form(
            "unique",
            lambda table, job: table.bulk_upsert(job, conflict_on="code"),
            "counts",
            "data[{row}].",
            version="checked",
        ),
        Form(
            "arrow",
            lambda table, job: table.bulk_upsert(pa.Table.from_pylist(list(job))),
            "counts",
            version="checked",
            ragged=False,
        ),
    ),
    ((1, 4), (1, 2)),
    frozenset({"read", "update", "append"}),
    (
        Mixed(
            lambda table: table.bulk_upsert(
                [
                    {"id": 1, "size": 50},
                    {"id": 2, "size": 2},
                    {"id": 4, "code": "d", "size": 50},
                    {"id": 4, "code": "d", "size": 60},
                ],
                duplicates="last",
            ),
            {"inserted": 1, "updated": 1, "unchanged": 1, "duplicate": 1},
            {1: 50, 2: 2, 3: 3, 4: 60},
        ),
        Mixed(
            lambda table: table.bulk_upsert(
                [{"code": "b", "size": 50, "note": "n"}, {"code": "c", "note": "n"}],
                conflict_on="code",
                update_fields="note",
            ),
            {"updated": 2},
            {1: 1, 2: 2, 3: 3},
        ),
        Mixed(
            lambda table: table.bulk_upsert(_CONFLICTING, on_conflict="ignore", duplicates="first"),
            {"inserted": 2, "ignored": 1, "duplicate": 1},
            {1: 1, 2: 2, 3: 3, 4: 50, 5: 50},
        ),
    ),
)

BULK_SYNC = Operation(
    "bulk_sync",
    "merge",
    (
        Form(
            "key",
            lambda table, job: table.bulk_sync(job, within=keyed(job)),
            "counts",
            "data[{row}].",
            version="checked",
        ),
        Form(
            "unique",
            lambda table, job: table.bulk_sync(job, within=keyed(job), conflict_on="code"),
            "counts",
            "data[{row}].",
            version="checked",
        ),
    ),
    ((1, 4), (1, 2)),
    frozenset({"read", "update", "append"}),
    (
        Mixed(
            lambda table: table.bulk_sync(
                [{"id": 1, "size": 50}, {"id": 4, "code": "d", "size": 50}], within={"id": {"$ne": 3}}
            ),
            {"inserted": 1, "updated": 1, "deleted": 1},
            {1: 50, 3: 3, 4: 50},
        ),
        Mixed(lambda table: table.bulk_sync([], within={"size": {"$lt": 3}}), {"deleted": 2}, {3: 3}),
    ),
    noded=False,
)
