"""Names that are planned and not built: asking for one says so instead of "cannot import name"."""

__all__ = ["NAMES", "NODES", "OPERATIONS"]

NODES = frozenset(
    {
        "AsyncSQLDatabaseNode",
        "CacheNode",
        "ChangeDataCaptureNode",
        "DeadlockDetectorNode",
        "DistributedTransactionManagerNode",
        "PerformanceAnomalyNode",
        "QueryRouterNode",
        "RaceConditionDetectorNode",
        "SagaCoordinatorNode",
        "TransactionContextNode",
        "TransactionManagerNode",
        "TransactionMetricsNode",
        "TransactionMonitorNode",
    }
)
# Nodes of every model, e.g. `ProductWatchNode`.
OPERATIONS = ("Watch",)
# Of the package.
NAMES = NODES | {
    "aassert_tenant_isolation",
    "assert_tenant_isolation",
    "create_gateway_api",
    "setup_test_schema",
    "verify_data_isolation",
}
