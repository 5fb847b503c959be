"""What makes a test run count: nothing skipped in CI, something collected, no server of this machine in reach."""

import os
from collections.abc import Generator

import pytest

FOREIGN_PREFIXES = ("DATAFLOW_", "MYSQL_", "PG")


def pytest_configure() -> None:
    """Forget settings that lead a client to a server that is not ours (PGHOST, DATABASE_URL)."""
    for name in list(os.environ):
        if name == "DATABASE_URL" or name.startswith(FOREIGN_PREFIXES):
            del os.environ[name]


def in_ci() -> bool:
    """CI=true, as GitHub Actions and .ci/run set it."""
    return os.environ.get("CI", "").lower() == "true"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip or an expected failure is a failure: a test that did not run proves nothing."""
    report = yield
    expected_failure = vars(report).get("wasxfail")
    if in_ci() and (report.skipped or expected_failure is not None):
        vars(report).pop("wasxfail", None)
        fail(report, expected_failure)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for whole modules (importorskip)."""
    report = yield
    if in_ci() and report.skipped:
        fail(report, None)
    return report


def fail(report: pytest.TestReport | pytest.CollectReport, reason: str | None) -> None:
    """Turn the report into a failure that names the reason given for the skip."""
    if reason is None and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
    report.outcome = "failed"
    report.longrepr = f"CI=true allows no skip and no xfail: {report.nodeid}\n{reason}"


def pytest_collection_finish(session: pytest.Session) -> None:
    """A run of nothing must not look like a pass."""
    if not session.items and not session.testsfailed:
        raise pytest.UsageError("no test was collected")
