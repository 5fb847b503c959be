//! What the parts of a model must have in common.

use super::{ColumnSchema, Index, KeySource, MAX_IDENTIFIER_BYTES, Role, TENANT_COLUMN, TableSchema, constraint_name};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::types::LogicalType;

pub(super) fn check(table: &TableSchema) -> Result<()> {
    let checks = [check_names, check_columns, check_key, check_roles, check_indexes, check_constraint_names];
    checks.into_iter().try_for_each(|check| check(table)).map_err(|error| match error.detail().path {
        Some(_) => error,
        None => error.path(table.model.clone()),
    })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidModel, message)
}

const NAME_RULE: &str = "has 1 to 63 bytes, no NUL and no character above U+FFFF";

/// MariaDB takes no character above U+FFFF in a name.
fn is_identifier(name: &str) -> bool {
    let known = name.chars().all(|c| c != '\0' && c <= '\u{ffff}');
    !name.is_empty() && known && name.len() <= MAX_IDENTIFIER_BYTES
}

/// Columns that every table of PostgreSQL has.
const SYSTEM_COLUMNS: [&str; 6] = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

fn check_names(table: &TableSchema) -> Result<()> {
    let named = [Some(&table.table), table.namespace.as_ref()];
    if !named.into_iter().flatten().all(|name| is_identifier(name)) {
        return Err(invalid(format!("the name of a table or schema {NAME_RULE}")));
    }
    for (at, column) in table.columns.iter().enumerate() {
        if !is_identifier(&column.name) {
            return Err(invalid(format!("a field name {NAME_RULE}")));
        }
        if SYSTEM_COLUMNS.contains(&column.name.as_str()) {
            return Err(invalid(format!("`{}` is a column of PostgreSQL's own", column.name)));
        }
        if table.columns[..at].iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
            return Err(invalid(format!("two fields are called `{}` (databases ignore case)", column.name)));
        }
        if table.multi_tenant && column.name.eq_ignore_ascii_case(TENANT_COLUMN) {
            return Err(invalid(format!("`{TENANT_COLUMN}` is the column DataFlow keeps the tenant in")));
        }
    }
    Ok(())
}

fn check_columns(table: &TableSchema) -> Result<()> {
    for column in &table.columns {
        column.ty.check().map_err(|error| error.path(format!("{}.{}", table.model, column.name)))?;
    }
    Ok(())
}

fn check_key(table: &TableSchema) -> Result<()> {
    if table.key.is_empty() || table.key.iter().any(|&at| at >= table.columns.len()) {
        return Err(invalid("a model needs a key".to_owned()));
    }
    for (at, &column) in table.key.iter().enumerate() {
        let key = &table.columns[column];
        if table.key[..at].contains(&column) {
            return Err(invalid(format!("`{}` is in the key twice", key.name)));
        }
        if key.nullable {
            return Err(invalid(format!("the key `{}` cannot be optional", key.name)));
        }
        if key.role != Role::Field {
            return Err(invalid(format!("`{}` is kept by DataFlow and cannot be in the key", key.name)));
        }
        if key.ty == LogicalType::Float {
            return Err(invalid(format!("the key `{}` cannot be {}", key.name, key.ty.name())));
        }
        check_indexable(key, "the key")?;
    }
    let wanted = match table.key_source {
        KeySource::Caller => return Ok(()),
        KeySource::Database => LogicalType::Int,
        KeySource::Uuid7 => LogicalType::Uuid,
    };
    match table.sole_key() {
        Some(key) if key.ty == wanted => Ok(()),
        Some(key) => Err(invalid(format!("an automatic key is an int or a UUID, `{}` is {}", key.name, key.ty.name()))),
        None => Err(invalid("a key of several fields cannot be automatic".to_owned())),
    }
}

/// What every database can index: MariaDB no unbounded text, and no index is ordered by a list or a dict.
fn check_indexable(column: &ColumnSchema, place: &str) -> Result<()> {
    let name = &column.name;
    match &column.ty {
        LogicalType::Text { max_length: None } => Err(invalid(format!("{place} `{name}` is a str without MaxLength"))
            .hint(format!(
                "declare it as `{name}: Annotated[str, MaxLength(100)]`: MariaDB cannot index unbounded text"
            ))),
        ty if !ty.is_indexable() => Err(invalid(format!("{place} `{name}` cannot be {}", ty.name()))),
        _ => Ok(()),
    }
}

fn check_roles(table: &TableSchema) -> Result<()> {
    for column in table.columns.iter().filter(|column| column.role != Role::Field) {
        let (wanted, nullable) = match column.role {
            Role::Field | Role::Version => (LogicalType::Int, false),
            Role::CreatedAt | Role::UpdatedAt => (LogicalType::Instant, false),
            Role::DeletedAt => (LogicalType::Instant, true),
        };
        if column.ty != wanted || column.nullable != nullable {
            let optional = if nullable { " | None" } else { "" };
            return Err(invalid(format!("`{}` is kept by DataFlow: it is {}{optional}", column.name, wanted.name())));
        }
    }
    if table.append_only && (table.role(Role::DeletedAt).is_some() || table.role(Role::Version).is_some()) {
        return Err(invalid("an append-only model has neither soft_delete nor versioned".to_owned()));
    }
    Ok(())
}

fn check_indexes(table: &TableSchema) -> Result<()> {
    let sets = table.unique.iter().map(Vec::as_slice);
    for (at, set) in sets.enumerate() {
        if set.is_empty() || set.iter().enumerate().any(|(at, column)| set[..at].contains(column)) {
            return Err(invalid("a unique set names one field or more, each once".to_owned()));
        }
        if table.unique[..at].iter().any(|other| other.len() == set.len() && other.iter().all(|c| set.contains(c))) {
            return Err(invalid(format!("`{}` is unique twice", table.names(set).join(", "))));
        }
        set.iter().try_for_each(|&column| check_indexable(&table.columns[column], "the unique field"))?;
    }
    for Index { columns, filter, name, .. } in &table.indexes {
        filter.iter().try_for_each(|filter| check_items(filter, &format!("the index `{name}`")))?;
        for (at, order) in columns.iter().enumerate() {
            if columns[..at].iter().any(|other| other.column == order.column) {
                let name = &table.columns[order.column].name;
                return Err(invalid(format!("an index names `{name}` twice")));
            }
            check_indexable(&table.columns[order.column], "the indexed field")?;
        }
    }
    for check in &table.checks {
        check_filter(table, &check.filter, &check.name)?;
    }
    for reference in &table.references {
        check_indexable(&table.columns[reference.column], "the reference")?;
    }
    Ok(())
}

/// A new row has no generated key yet when it is checked; MariaDB refuses such a check altogether.
fn check_filter(table: &TableSchema, filter: &Filter, name: &str) -> Result<()> {
    if table.automatic_key().is_some_and(|key| filter.columns().contains(&key)) {
        return Err(invalid(format!(
            "the check `{name}` names the automatic key, which is not known before the insert"
        )));
    }
    check_items(filter, &format!("the check `{name}`"))
}

/// No database takes a subquery in a check or an index.
fn check_items(filter: &Filter, place: &str) -> Result<()> {
    if filter.has_items() {
        return Err(invalid(format!("{place} looks at the items of a list one by one ($elemMatch, or $all of JSON)"))
            .hint("no database takes a subquery there; $contains, $size and equality with an item are taken"));
    }
    Ok(())
}

/// Two names of one table that became one would make the second constraint fail, or stand for the first.
fn check_constraint_names(table: &TableSchema) -> Result<()> {
    let uniques = table.unique_indexes().map(|index| index.name);
    let indexes = table.indexes.iter().filter(|index| !index.unique).map(|index| index.name.clone());
    let columns = table.columns.iter().map(|column| constraint_name("ck", &table.table, &column.name));
    let checks = table.checks.iter().map(|check| constraint_name("ck", &table.table, &check.name));
    let mut seen: Vec<String> = Vec::new();
    for name in uniques.chain(indexes).chain(columns).chain(checks) {
        if !is_identifier(&name) {
            return Err(invalid(format!("the name of an index or check {NAME_RULE}")));
        }
        if seen.contains(&name) {
            return Err(invalid(format!("two constraints or indexes would be called `{name}`"))
                .hint("give one of them a name of its own"));
        }
        seen.push(name);
    }
    Ok(())
}
