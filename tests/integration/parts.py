"""A multi-tenant model, plain and with what DataFlow keeps in its rows, and three tenants for it."""

from typing import Annotated

from dataflow import MaxLength, Unique

TENANTS = ["acme", "ACME", "acme "]


class Part:
    __dataflow__ = {"key": "code", "multi_tenant": True}  # noqa: RUF012
    code: Annotated[str, MaxLength(10)]
    slot: Annotated[int, Unique()]
    kind: int
    note: str | None = None


class SoftPart(Part):
    __dataflow__ = {"key": "code", "multi_tenant": True, "soft_delete": True}  # noqa: RUF012


class VersionedPart(Part):
    __dataflow__ = {"key": "code", "multi_tenant": True, "versioned": True, "timestamps": True}  # noqa: RUF012


class WholePart(Part):
    __dataflow__ = {"key": "code", "multi_tenant": True, "soft_delete": True, "versioned": True}  # noqa: RUF012
