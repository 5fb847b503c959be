"""Triggers, which no model can say: they refuse rows for a reason that DataFlow does not know."""

from tests.database import Database
from tests.integration import bare


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
