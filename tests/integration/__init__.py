"""The slice on real databases: the same test body runs on PostgreSQL, MariaDB and SQLite."""
