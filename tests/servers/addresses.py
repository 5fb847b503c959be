"""What is asked of PostgreSQL and of MariaDB alike: URLs, and databases of their own."""

import secrets
from abc import abstractmethod

from tests.servers.process import Server


class DatabaseServer(Server):
    """Has the logins `dataflow_admin` and `dataflow`, and of the latter the database `dataflow`."""

    @property
    def url(self) -> str:
        return self._url("dataflow", "dataflow")

    @property
    def admin_url(self) -> str:
        return self._url("dataflow_admin", "dataflow")

    def create_database(self) -> str:
        """The URL, with the plain login, of a new empty database."""
        database = f"dataflow_{secrets.token_hex(6)}"
        self._create_database(database)
        return self._url("dataflow", database)

    @abstractmethod
    def _create_database(self, database: str) -> None:
        """Owned by the plain login."""

    @abstractmethod
    def _url(self, login: str, database: str) -> str:
        """With the password that all logins have."""
