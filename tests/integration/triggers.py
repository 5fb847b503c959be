"""Triggers, which no model can say: they refuse rows for a reason that DataFlow does not know."""

from tests.database import Database
from tests.integration import bare


def count_inserts(database: Database, table: str, column: str = "id") -> str:
    """Has a trigger note a column of every row that is inserted into a table of MariaDB; returns where it is noted."""
    place, log = f'"{bare.name_of(database)}".', f"log_{table}"
    head = f'CREATE TRIGGER {place}{log}_insert BEFORE INSERT ON {place}"{table}" FOR EACH ROW'
    text = f'{head} INSERT INTO {place}"{log}" VALUES (NEW."{column}")'
    bare.execute(database, f'CREATE TABLE "{log}" ("id" BIGINT)', text, admin=True)
    return log


def forbid(database: Database, table: str, column: str, value: str) -> None:
    """Has a trigger refuse every row of a table that gets the value."""
    name = f"forbid_{table}"
    if database.kind == "postgres":
        body = f"BEGIN IF NEW.\"{column}\" = '{value}' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END"
        bare.execute(
            database,
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f'CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON "{table}" FOR EACH ROW EXECUTE FUNCTION {name}()',
        )
        return
    for event in ("INSERT", "UPDATE"):
        if database.kind == "sqlite":
            head = f'CREATE TRIGGER {name}_{event} BEFORE {event} ON "{table}" FOR EACH ROW'
            text = f"{head} WHEN NEW.\"{column}\" = '{value}' BEGIN SELECT RAISE(ABORT, 'no'); END"
            bare.execute(database, text)
        else:
            place = f'"{bare.name_of(database)}".'
            head = f'CREATE TRIGGER {place}{name}_{event} BEFORE {event} ON {place}"{table}" FOR EACH ROW'
            text = f"{head} IF NEW.\"{column}\" = '{value}' THEN SIGNAL SQLSTATE '45000'; END IF"
            bare.execute(database, text, admin=True)


def leave_out(database: Database, table: str, column: str, value: str) -> None:
    """Has a trigger pass over every row of a table that gets the value; on MariaDB it can only refuse it."""
    name = f"leave_out_{table}"
    if database.kind == "postgres":
        body = f"BEGIN IF NEW.\"{column}\" = '{value}' THEN RETURN NULL; END IF; RETURN NEW; END"
        bare.execute(
            database,
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
            f'CREATE TRIGGER {name} BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION {name}()',
        )
    elif database.kind == "sqlite":
        head = f'CREATE TRIGGER {name} BEFORE INSERT ON "{table}" FOR EACH ROW'
        bare.execute(database, f"{head} WHEN NEW.\"{column}\" = '{value}' BEGIN SELECT RAISE(IGNORE); END")
    else:
        forbid(database, table, column, value)
