"""Every error DataFlow raises: one class a kind, one parent class a family.

The kinds are listed in Rust (`rust/core/src/error.rs`), which raises the class named kind + `Error`. A test compares
that list with these classes and with `explain.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dataflow._error import DataFlowError, sections

__all__ = [
    "AmbiguousNodeError",
    "AppendOnlyError",
    "AuthenticationFailedError",
    "CancelledError",
    "CheckViolationError",
    "ClosedError",
    "CommitOutcomeUnknown",
    "CommitOutcomeUnknownError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionLostError",
    "ConnectionRefusedError",
    "DataError",
    "DataFlowError",
    "DataTooLongError",
    "DatabaseConnectionError",
    "DatabaseFailureError",
    "DeadlockError",
    "DuplicateRowError",
    "EngineError",
    "FieldNotLoadedError",
    "ForeignKeyViolationError",
    "ForkedError",
    "IntegrityError",
    "InternalError",
    "InvalidConnectionError",
    "InvalidCursorError",
    "InvalidFilterError",
    "InvalidModelError",
    "InvalidNodeError",
    "InvalidOptionError",
    "InvalidOutputError",
    "InvalidParameterError",
    "InvalidPipelineError",
    "InvalidTenantError",
    "InvalidUpdateError",
    "IsolationNotSetError",
    "KeyMismatchError",
    "LimitExceededError",
    "LoadMismatchError",
    "LockTimeoutError",
    "MissingParameterError",
    "MissingTenantError",
    "MissingValueError",
    "ModelError",
    "MultipleRowsError",
    "NewerFormatError",
    "NoColumnsError",
    "NodeExecutionError",
    "NodeTimeoutError",
    "NotAChoiceError",
    "NotBuiltError",
    "NotFiniteError",
    "NotFoundError",
    "NotNullViolationError",
    "NulCharacterError",
    "NullValueError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "PoolTimeoutError",
    "QueryError",
    "SchemaMismatchError",
    "SerializationFailureError",
    "StaleRowError",
    "StatementTimeoutError",
    "TenantError",
    "TenantLeakError",
    "TimezoneMismatchError",
    "TooManyDigitsError",
    "TooManyRejectsError",
    "TransactionAbortedError",
    "TransactionError",
    "TransactionStateError",
    "UnfilteredWriteError",
    "UniqueViolationError",
    "UnknownEnvironmentError",
    "UnknownFieldError",
    "UnknownModelError",
    "UnknownNodeError",
    "UnknownOperatorError",
    "UnknownOptionError",
    "UnknownParameterError",
    "UnknownSchemeError",
    "UnorderedWritesWarning",
    "UnreachableNodeError",
    "UnsupportedDataError",
    "WorkflowCycleError",
    "WorkflowError",
    "WorkflowTimeoutError",
    "WrongTypeError",
    "explain",
]


class ConfigurationError(DataFlowError):
    """An option, URL or name that cannot be used."""


class UnknownOptionError(ConfigurationError, code="DF-1001"):
    """An option that does not exist."""


class InvalidOptionError(ConfigurationError, code="DF-1002"):
    """An option or URL with a value that cannot be used."""


class UnknownSchemeError(ConfigurationError, code="DF-1003"):
    """A URL scheme that names no database we know."""


class UnknownEnvironmentError(ConfigurationError, code="DF-1004"):
    """An environment variable `DATAFLOW_…` that means nothing."""


class NotBuiltError(ConfigurationError, code="DF-1005"):
    """A known name whose capability is not built yet."""


class WorkflowError(DataFlowError):
    """A workflow that cannot run, or a run that did not end well."""


class UnknownNodeError(WorkflowError, code="DF-1201"):
    """A kind of node, or a node of the workflow, that does not exist."""


class InvalidNodeError(WorkflowError, code="DF-1202"):
    """A node that is not well formed, or whose name is taken."""


class AmbiguousNodeError(WorkflowError, code="DF-1203"):
    """A node's model that two open `DataFlow` have."""


class UnknownParameterError(WorkflowError, code="DF-1204"):
    """A parameter that the node does not have."""


class MissingParameterError(WorkflowError, code="DF-1205"):
    """A parameter that the node needs and nobody gives."""


class InvalidParameterError(WorkflowError, code="DF-1206"):
    """A parameter with a value the node cannot use."""


class InvalidConnectionError(WorkflowError, code="DF-1207"):
    """A connection between things that cannot be connected."""


class WorkflowCycleError(WorkflowError, code="DF-1208"):
    """Nodes that wait for each other in a circle."""


class UnreachableNodeError(WorkflowError, code="DF-1209"):
    """A node that no run can come to."""


class NodeExecutionError(WorkflowError, code="DF-1210"):
    """A node failed, and the run ended with it. `__cause__` is the node's own error.

    Attributes:
        node: The node's id.
        run_id: The run.
        results: What the nodes before it returned, by their ids.
        stands: Ids of nodes whose writes are committed and stay; empty when the whole run was one transaction.
    """

    node: str = ""
    run_id: str = ""
    results: Mapping[str, Any] = MappingProxyType({})
    stands: tuple[str, ...] = ()


class NodeTimeoutError(WorkflowError, code="DF-1211"):
    """A node ran longer than allowed."""


class WorkflowTimeoutError(WorkflowError, code="DF-1212"):
    """A workflow ran longer than allowed.

    Attributes:
        run_id: The run.
        results: What the nodes that ended in time returned, by their ids.
        stands: Ids of nodes whose writes are committed and stay; empty when the whole run was one transaction.
    """

    run_id: str = ""
    results: Mapping[str, Any] = MappingProxyType({})
    stands: tuple[str, ...] = ()


class InvalidOutputError(WorkflowError, code="DF-1213"):
    """A node returned something else than it declared."""


class ModelError(DataFlowError):
    """A model, or the table it stands for, is not as it must be."""


class InvalidModelError(ModelError, code="DF-2001"):
    """A model class that cannot become a table."""


class UnknownModelError(ModelError, code="DF-2002"):
    """A name that is no model of this `DataFlow`."""


class SchemaMismatchError(ModelError, code="DF-2003"):
    """The table in the database differs from the model."""


class NewerFormatError(ModelError, code="DF-2004"):
    """The database was written by a newer DataFlow."""


class DataError(DataFlowError):
    """A value or a form of data that was refused before it reached the database."""


class UnknownFieldError(DataError, code="DF-3001"):
    """A field name the model does not have."""


class WrongTypeError(DataError, code="DF-3002"):
    """A value of the wrong type for its field."""


class MissingValueError(DataError, code="DF-3003"):
    """A required field without a value."""


class NullValueError(DataError, code="DF-3004"):
    """None in a field that takes none."""


class OutOfRangeError(DataError, code="DF-3005"):
    """A number outside what the column holds."""


class TooManyDigitsError(DataError, code="DF-3006"):
    """A Decimal with more digits than its column."""


class DataTooLongError(DataError, code="DF-3007"):
    """A text or byte string longer than its column."""


class TimezoneMismatchError(DataError, code="DF-3008"):
    """A naive datetime for an instant, or an aware one for a wall time."""


class NulCharacterError(DataError, code="DF-3009"):
    """A NUL character in text."""


class NotFiniteError(DataError, code="DF-3010"):
    """NaN or infinity where the database cannot keep it."""


class NoColumnsError(DataError, code="DF-3011"):
    """Data without any column."""


class UnsupportedDataError(DataError, code="DF-3012"):
    """Data in a form no reader takes."""


class NotAChoiceError(DataError, code="DF-3013"):
    """A value that is none of the field's choices."""


class DuplicateRowError(DataError, code="DF-3014"):
    """Two rows of the data with the same key."""


class TooManyRejectsError(DataError, code="DF-3015"):
    """More rows refused than `reject_limit` allows.

    Attributes:
        rejects: The refused rows so far, as in `BulkResult.rejects`.
    """

    rejects: Sequence[Any] = ()


class QueryError(DataFlowError):
    """A query that cannot be run, or found nothing where one row was asked for."""


class InvalidFilterError(QueryError, code="DF-4001"):
    """A filter, order or limit that is not well formed."""


class UnknownOperatorError(QueryError, code="DF-4002"):
    """An operator that does not exist."""


class LimitExceededError(QueryError, code="DF-4003"):
    """A query beyond a limit on depth, nodes or list length."""


class NotFoundError(QueryError, code="DF-4004"):
    """No row has this key."""


class MultipleRowsError(QueryError, code="DF-4005"):
    """More than one row where one was meant."""


class UnfilteredWriteError(QueryError, code="DF-4006"):
    """A change of every row that was not asked for in so many words."""


class AppendOnlyError(QueryError, code="DF-4007"):
    """A change of a model whose rows are never changed."""


class FieldNotLoadedError(QueryError, code="DF-4008"):
    """A field that the query left out."""


class InvalidUpdateError(QueryError, code="DF-4009"):
    """An update that is not well formed."""


class InvalidCursorError(QueryError, code="DF-4010"):
    """A cursor that does not belong to this list, or is none."""


class InvalidPipelineError(QueryError, code="DF-4011"):
    """A stage of a pipeline that is not well formed."""


class TenantError(DataFlowError):
    """A multi-tenant model and its tenant do not go together."""


class MissingTenantError(TenantError, code="DF-5001"):
    """A multi-tenant model used without a tenant."""


class TenantLeakError(TenantError, code="DF-5002"):
    """A row of another tenant was about to be returned."""


class InvalidTenantError(TenantError, code="DF-5003"):
    """A tenant value that cannot be one."""


class IntegrityError(DataFlowError):
    """The database refused a write that breaks a constraint."""


class UniqueViolationError(IntegrityError, code="DF-6001"):
    """A key or unique value that another row has already."""


class ForeignKeyViolationError(IntegrityError, code="DF-6002"):
    """A reference to a row that is not there, or the removal of one that is referred to."""


class NotNullViolationError(IntegrityError, code="DF-6003"):
    """A null the database refused."""


class CheckViolationError(IntegrityError, code="DF-6004"):
    """A value a check constraint refused."""


class KeyMismatchError(IntegrityError, code="DF-6005"):
    """A row found by a unique set that has another key than the one given."""


class ConflictError(DataFlowError):
    """Two pieces of work stood in each other's way."""


class SerializationFailureError(ConflictError, code="DF-6101", retryable=True):
    """Concurrent transactions have no serial order; this one was chosen to fail."""


class DeadlockError(ConflictError, code="DF-6102", retryable=True):
    """Transactions waited for each other; this one was ended."""


class LockTimeoutError(ConflictError, code="DF-6103", retryable=True):
    """A lock did not come free in time."""


class StatementTimeoutError(ConflictError, code="DF-6104"):
    """A statement ran longer than allowed."""


class StaleRowError(ConflictError, code="DF-6105"):
    """A row that was changed since it was read."""


class LoadMismatchError(ConflictError, code="DF-6106"):
    """A load id that was used with other input."""


class DatabaseConnectionError(DataFlowError):
    """The way to the database, or an answer of it that has no kind of its own."""


class ConnectionRefusedError(DatabaseConnectionError, code="DF-7001", retryable=True):
    """The server cannot be reached."""


class AuthenticationFailedError(DatabaseConnectionError, code="DF-7002"):
    """The server refused user or password."""


class ConnectionLostError(DatabaseConnectionError, code="DF-7003", retryable=True):
    """The connection broke; nothing of this operation was kept."""


class PoolTimeoutError(DatabaseConnectionError, code="DF-7004", retryable=True):
    """No connection came free in time."""


class PermissionDeniedError(DatabaseConnectionError, code="DF-7005"):
    """The login lacks a right."""


class DatabaseFailureError(DatabaseConnectionError, code="DF-7006"):
    """Any other answer of the database."""


class TransactionError(DataFlowError):
    """A transaction did not end as asked, or was used wrongly."""


class CommitOutcomeUnknownError(TransactionError, code="DF-8001"):
    """The answer to a commit was lost: it may or may not have happened."""


class TransactionAbortedError(TransactionError, code="DF-8002"):
    """The transaction was ended by an earlier error or cancel."""


class TransactionStateError(TransactionError, code="DF-8003"):
    """A transaction used in a way its state forbids."""


class IsolationNotSetError(TransactionError, code="DF-8004"):
    """The server did not set the isolation level that was asked for."""


class EngineError(DataFlowError):
    """The engine in this process cannot work."""


class ForkedError(EngineError, code="DF-9001"):
    """The process was forked after the engine had started."""


class CancelledError(EngineError, code="DF-9002"):
    """The operation was cancelled."""


class ClosedError(EngineError, code="DF-9003"):
    """The `DataFlow` was closed."""


class InternalError(EngineError, code="DF-9004"):
    """A fault of DataFlow itself."""


CommitOutcomeUnknown = CommitOutcomeUnknownError


class UnorderedWritesWarning(UserWarning):
    """Two nodes write rows of one model, and no connection says which goes first."""


def explain(code: str) -> str:
    """What an error means, why it happens and how to mend it.

    Args:
        code: `DF-3001`, or only its digits; case does not matter.

    Returns:
        The section of the error page, as markdown.

    Raises:
        InvalidOptionError: No error has this code.
    """
    number = code.strip().upper().removeprefix("DF-")
    section = sections().get(f"DF-{number}")
    if section is None:
        raise InvalidOptionError(
            "no error has this code", path="code", hint="a code is written DF- and four digits, e.g. DF-3001"
        )
    return section
