"""Every operation, by its name, and every row of the matrix: an operation and the way to it."""

from tests.matrix.bulk import BULK_CREATE, BULK_DELETE, BULK_SYNC, BULK_UPDATE, BULK_UPSERT
from tests.matrix.single import COUNT, CREATE, DELETE, LIST, READ, UPDATE, UPSERT

OPERATIONS = {
    operation.name: operation
    for operation in (
        CREATE,
        READ,
        UPDATE,
        DELETE,
        LIST,
        UPSERT,
        COUNT,
        BULK_CREATE,
        BULK_UPDATE,
        BULK_DELETE,
        BULK_UPSERT,
        BULK_SYNC,
    )
}

_WAYS = (*OPERATIONS.values(), *(operation.by_node() for operation in OPERATIONS.values() if operation.noded))
ROWS = {operation.row: operation for operation in _WAYS}
