"""What is linked into the extension: one of each, one TLS provider, one SQLite."""

from collections import Counter
from collections.abc import Iterable

import pytest

from tests.meta.source import cargo_metadata, linked_packages

SINGLE = (
    "arrow-array",
    "arrow-buffer",
    "arrow-schema",
    "aws-lc-rs",
    "libsqlite3-sys",
    "pyo3",
    "pyo3-ffi",
    "rustls",
    "tokio",
)
FORBIDDEN = ("native-tls", "openssl", "openssl-sys", "ring", "rust_decimal")


def not_single(packages: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How often each of those is there that must be there once."""
    counts = Counter(name for name, _ in packages)
    return {name: counts[name] for name in SINGLE if counts[name] != 1}


def forbidden(packages: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({name for name, _ in packages} & set(FORBIDDEN))


def test_one_of_each_is_linked() -> None:
    assert len(linked_packages()) > 100
    assert not_single(linked_packages()) == {}


def test_one_of_each_is_locked() -> None:
    packages = [(package["name"], package["version"]) for package in cargo_metadata()["packages"]]
    assert len(packages) > 100
    assert not_single(packages) == {}


def test_no_second_provider_is_linked() -> None:
    assert len(linked_packages()) > 100
    assert forbidden(linked_packages()) == []


def test_sqlite_is_our_own() -> None:
    nodes = {node["id"]: node["features"] for node in cargo_metadata()["resolve"]["nodes"]}
    features = [features for name, features in nodes.items() if "libsqlite3-sys" in name]
    assert len(features) == 1
    assert "bundled" in features[0]


@pytest.mark.parametrize("extra", [("tokio", "v0.2.25"), ("libsqlite3-sys", "v0.30.1")])
def test_second_version_is_found(extra: tuple[str, str]) -> None:
    assert not_single([*((name, "v1") for name in SINGLE), extra]) == {extra[0]: 2}


def test_missing_package_is_found() -> None:
    assert set(not_single([])) == set(SINGLE)


def test_forbidden_package_is_found() -> None:
    assert forbidden([("ring", "v0.17.8"), ("tokio", "v1")]) == ["ring"]
