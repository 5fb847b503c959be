"""What a database itself says about a table, asked through the bare driver."""

import re
from typing import Any

from tests.database import Database
from tests.integration import bare

_POSTGRES_NAMES = """
SELECT conname FROM pg_constraint WHERE conrelid = {table} AND contype <> 'n'
UNION SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = {table}
"""
_MARIADB_NAMES = """
SELECT constraint_name FROM information_schema.table_constraints WHERE (table_schema, table_name) = {table}
UNION SELECT index_name FROM information_schema.statistics WHERE (table_schema, table_name) = {table}
"""
_POSTGRES_FORM = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute WHERE attrelid = {table} AND attnum > 0
UNION ALL SELECT conname, pg_get_constraintdef(oid), true FROM pg_constraint WHERE conrelid = {table}
UNION ALL SELECT '', pg_get_indexdef(indexrelid), true FROM pg_index WHERE indrelid = {table} ORDER BY 1, 2
"""


def names(database: Database, table: str) -> set[str]:
    """The names of its constraints and indexes."""
    match database.kind:
        case "postgres":
            return {name for (name,) in bare.execute(database, _POSTGRES_NAMES.format(table=_regclass(table)))}
        case "mariadb":
            place = f"(database(), '{table}')"
            return {name for (name,) in bare.execute(database, _MARIADB_NAMES.format(table=place))}
    statements = [sql for _, sql in _statements(database, table)]
    found = re.findall(r'(?:CONSTRAINT|INDEX) (?:"main"\.)?"((?:[^"]|"")+)"', "\n".join(statements))
    return {name.replace('""', '"') for name in found}


def form(database: Database, table: str) -> list[Any]:
    """All of it, to be compared with what it was before."""
    match database.kind:
        case "postgres":
            return bare.execute(database, _POSTGRES_FORM.format(table=_regclass(table)))
        case "mariadb":
            ((_, sql),) = bare.execute(database, f'SHOW CREATE TABLE "{table}"')
            return [re.sub(r" AUTO_INCREMENT=\d+", "", sql)]
    return _statements(database, table)


def _regclass(table: str) -> str:
    return f"'\"{table}\"'::regclass"


def _statements(database: Database, table: str) -> list[Any]:
    query = f"SELECT name, sql FROM sqlite_schema WHERE tbl_name = '{table}' AND sql IS NOT NULL ORDER BY name"
    return bare.execute(database, query)
