"""The database a test runs against, in the few words a test needs."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["postgres", "mariadb", "sqlite"]


@dataclass(frozen=True)
class Database:
    """A fresh, empty database; `admin_url` is the superuser's door to its server (None for SQLite)."""

    kind: Kind
    url: str
    admin_url: str | None = None
