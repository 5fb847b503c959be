//! The statements that make a model's table. Every constraint has a name that follows from the model.

use super::condition::condition_text;
use super::{Dialect, ForeignKeys, KeyIndex, PartialIndex, physical_columns};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Order;
use crate::schema::{ColumnSchema, Index, KeySource, OnDelete, TENANT_COLUMN, TableSchema, constraint_name};
use crate::types::LogicalType;

/// A table that a reference names, and whether it is there already, so that the reference can be part of the table.
#[derive(Clone, Copy)]
pub struct Target<'t> {
    pub table: &'t TableSchema,
    pub is_there: bool,
}

/// The table and its indexes; `targets` are the tables of its references, in their order.
///
/// # Errors
/// `InvalidModel` when a reference does not fit its target.
pub fn create_table(dialect: &dyn Dialect, table: &TableSchema, targets: &[Target<'_>]) -> Result<Vec<String>> {
    let mut lines = column_lines(dialect, table)?;
    lines.extend(key_lines(dialect, table));
    lines.extend(check_lines(dialect, table)?);
    let mut statements = Vec::new();
    for index in table.unique_indexes().chain(table.indexes.iter().filter(|index| !index.unique).cloned()) {
        match index_line(dialect, table, &index)? {
            Place::Inside(line) => lines.push(line),
            Place::Separate(sql) => statements.push(sql),
        }
    }
    lines.extend(reference_lines(dialect, table, targets, true)?);
    if let Some(sql) = separate_key_index(dialect, table) {
        statements.push(sql);
    }
    let name = dialect.qualified_table(table);
    statements.insert(0, format!("CREATE TABLE {name} (\n  {}\n){}", lines.join(",\n  "), dialect.table_options()));
    Ok(statements)
}

/// What ties a new table to those that were not there before it: models that refer to each other.
pub fn foreign_keys(dialect: &dyn Dialect, table: &TableSchema, targets: &[Target<'_>]) -> Result<Vec<String>> {
    let name = dialect.qualified_table(table);
    let lines = reference_lines(dialect, table, targets, false)?;
    Ok(lines.into_iter().map(|line| format!("ALTER TABLE {name} ADD {line}")).collect())
}

/// New columns of a table that is there, with all that the model says of them.
///
/// # Errors
/// `InvalidModel` where a reference does not fit its target, or cannot be added.
pub fn add_columns(
    dialect: &dyn Dialect,
    table: &TableSchema,
    columns: &[ColumnSchema],
    targets: &[Target<'_>],
) -> Result<Vec<String>> {
    let name = dialect.qualified_table(table);
    let mut statements = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let mut parts = vec![format!("ADD COLUMN {}", definition(dialect, column, false))];
        let later = &columns[at + 1..];
        let constraints = added_constraints(dialect, table, column, later, targets)?;
        match dialect.foreign_keys() {
            // It has no ADD CONSTRAINT, but takes them behind the column.
            ForeignKeys::Inside => parts[0].extend(constraints.iter().map(|line| format!(" {line}"))),
            ForeignKeys::Added => parts.extend(constraints.iter().map(|line| format!("ADD {line}"))),
        }
        statements.push(format!("ALTER TABLE {name} {}", parts.join(", ")));
        let indexes = table.unique_indexes().chain(table.indexes.iter().filter(|index| !index.unique).cloned());
        for index in indexes.filter(|index| index.names_one_of(table, std::slice::from_ref(column))) {
            if !index.names_one_of(table, later) {
                statements.extend(added_index(dialect, table, &index)?);
            }
        }
    }
    Ok(statements)
}

/// The constraints that can be added with a column: those that wait for no later one.
fn added_constraints(
    dialect: &dyn Dialect,
    table: &TableSchema,
    column: &ColumnSchema,
    later: &[ColumnSchema],
    targets: &[Target<'_>],
) -> Result<Vec<String>> {
    let mut lines: Vec<String> = dialect
        .column_check(column)
        .map(|check| check_line(dialect, table, &column.name, &check))
        .into_iter()
        .collect();
    let is_one = |columns: &[ColumnSchema], at: usize| columns.iter().any(|c| c.name == table.columns[at].name);
    for check in &table.checks {
        let named = check.filter.columns();
        let own = named.iter().any(|&at| table.columns[at].name == column.name);
        if own && !named.iter().any(|&at| is_one(later, at)) {
            let condition = condition_text(dialect, table, &check.filter)?;
            lines.push(check_line(dialect, table, &check.name, &format!("({condition}) IS TRUE")));
        }
    }
    for (reference, target) in table.references.iter().zip(targets) {
        if table.columns[reference.column].name == column.name {
            check_reference(table, column, reference.on_delete, target.table)?;
            lines.push(added_reference(dialect, table, column, reference.on_delete, target.table)?);
        }
    }
    Ok(lines)
}

fn added_reference(
    dialect: &dyn Dialect,
    table: &TableSchema,
    column: &ColumnSchema,
    action: OnDelete,
    target: &TableSchema,
) -> Result<String> {
    if dialect.foreign_keys() == ForeignKeys::Added {
        return Ok(reference_line(dialect, table, column, action, target));
    }
    if target.multi_tenant {
        let message = format!("`{}` refers to {} within a tenant", column.name, target.model);
        return Err(Error::new(ErrorKind::InvalidModel, message)
            .path(format!("{}.{}", table.model, column.name))
            .hint("SQLite adds no such column to a table: make the table anew"));
    }
    let name = dialect.quote(&table.constraint_name("fk", &[&column.name]));
    let (to, key) = (dialect.referenced_table(target), quoted(dialect, &target.physical_key()));
    Ok(format!("CONSTRAINT {name} REFERENCES {to} ({key}) ON DELETE {}", action.sql()))
}

/// What adds an index to a table that is there.
pub fn add_index(dialect: &dyn Dialect, table: &TableSchema, index: &Index) -> Result<String> {
    Ok(added_index(dialect, table, index)?.join("; "))
}

fn added_index(dialect: &dyn Dialect, table: &TableSchema, index: &Index) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    let name = dialect.qualified_table(table);
    if let Some(column) = generated_line(dialect, table, index)? {
        statements.push(format!("ALTER TABLE {name} ADD COLUMN {column}"));
    }
    statements.push(match index_line(dialect, table, index)? {
        Place::Inside(line) => match dialect.foreign_keys() {
            ForeignKeys::Added => format!("ALTER TABLE {name} ADD {line}"),
            ForeignKeys::Inside => {
                let columns: Vec<usize> = index.columns.iter().map(|order| order.column).collect();
                let columns = quoted(dialect, &table.within_tenant(&columns));
                create_index(dialect, table, "UNIQUE INDEX", &index.name, &columns)
            }
        },
        Place::Separate(sql) => sql,
    });
    Ok(statements)
}

/// `"name" type [NOT NULL]`.
fn definition(dialect: &dyn Dialect, column: &ColumnSchema, automatic: bool) -> String {
    let null = if column.nullable { "" } else { " NOT NULL" };
    let generated = if automatic { dialect.automatic_key() } else { "" };
    format!("{} {}{null}{generated}", dialect.quote(&column.name), dialect.column_type(&column.ty))
}

fn generated_key(table: &TableSchema) -> Option<&ColumnSchema> {
    table.sole_key().filter(|_| table.key_source == KeySource::Database)
}

fn column_lines(dialect: &dyn Dialect, table: &TableSchema) -> Result<Vec<String>> {
    let sole = dialect.sole_automatic_key(table);
    let key = generated_key(table);
    let line = |column: &ColumnSchema| match (&sole, key) {
        (Some(definition), Some(key)) if key.name == column.name => definition.clone(),
        _ => definition(dialect, column, key.is_some_and(|key| key.name == column.name)),
    };
    let mut lines: Vec<String> = physical_columns(table).iter().map(line).collect();
    for index in table.unique_indexes() {
        lines.extend(generated_line(dialect, table, &index)?);
    }
    Ok(lines)
}

/// The column that makes a unique index of MariaDB one over some rows: null is never equal.
fn generated_line(dialect: &dyn Dialect, table: &TableSchema, index: &Index) -> Result<Option<String>> {
    let (Some(filter), true) =
        (&index.filter, index.unique && dialect.partial_index() == PartialIndex::GeneratedColumn)
    else {
        return Ok(None);
    };
    let (name, condition) = (dialect.quote(&index.name), condition_text(dialect, table, filter)?);
    Ok(Some(format!("{name} boolean GENERATED ALWAYS AS (CASE WHEN {condition} THEN 1 END) VIRTUAL")))
}

fn key_lines(dialect: &dyn Dialect, table: &TableSchema) -> Vec<String> {
    let mut lines = Vec::new();
    if dialect.sole_automatic_key(table).is_none() {
        let name = dialect.quote(&table.constraint_name("pk", &["key"]));
        lines.push(format!("CONSTRAINT {name} PRIMARY KEY ({})", quoted(dialect, &table.physical_key())));
    }
    if let Some((key, KeyIndex::Inside)) = behind_tenant(dialect, table) {
        let name = dialect.quote(&table.constraint_name("ix", &[&key.name]));
        lines.push(format!("KEY {name} ({})", dialect.quote(&key.name)));
    }
    lines
}

/// The automatic column that does not lead the key, and the index it needs.
fn behind_tenant<'t>(dialect: &dyn Dialect, table: &'t TableSchema) -> Option<(&'t ColumnSchema, KeyIndex)> {
    let key = generated_key(table).filter(|_| table.multi_tenant)?;
    Some((key, dialect.automatic_key_index()))
}

fn separate_key_index(dialect: &dyn Dialect, table: &TableSchema) -> Option<String> {
    match behind_tenant(dialect, table) {
        Some((key, KeyIndex::Separate)) => {
            let name = table.constraint_name("ix", &[&key.name]);
            Some(create_index(dialect, table, "INDEX", &name, &dialect.quote(&key.name)))
        }
        _ => None,
    }
}

/// An index lives beside its table; SQLite names the schema at the index, the others at the table.
fn create_index(dialect: &dyn Dialect, table: &TableSchema, kind: &str, name: &str, columns: &str) -> String {
    let (index, on) = dialect.index_on(table, name);
    format!("CREATE {kind} {index} ON {on} ({columns})")
}

fn check_line(dialect: &dyn Dialect, table: &TableSchema, name: &str, condition: &str) -> String {
    format!("CONSTRAINT {} CHECK ({condition})", dialect.quote(&constraint_name("ck", &table.table, name)))
}

fn check_lines(dialect: &dyn Dialect, table: &TableSchema) -> Result<Vec<String>> {
    let line = |name: &str, condition: &str| check_line(dialect, table, name, condition);
    let mut lines: Vec<String> = physical_columns(table)
        .iter()
        .filter_map(|column| dialect.column_check(column).map(|check| line(&column.name, &check)))
        .collect();
    for check in &table.checks {
        // A CHECK that is null passes; a filter that is null does not match.
        lines.push(line(&check.name, &format!("({}) IS TRUE", condition_text(dialect, table, &check.filter)?)));
    }
    Ok(lines)
}

enum Place {
    Inside(String),
    Separate(String),
}

fn index_line(dialect: &dyn Dialect, table: &TableSchema, index: &Index) -> Result<Place> {
    let tenant = table.multi_tenant.then(|| dialect.quote(TENANT_COLUMN));
    let column = |order: &Order| {
        let name = dialect.quote(&table.columns[order.column].name);
        if order.descending { format!("{name} DESC") } else { name }
    };
    let mut columns: Vec<String> = tenant.into_iter().chain(index.columns.iter().map(column)).collect();
    let name = dialect.quote(&index.name);
    let (filter, generated) = match (&index.filter, dialect.partial_index()) {
        (Some(filter), PartialIndex::Where) => (format!(" WHERE {}", condition_text(dialect, table, filter)?), false),
        (filter, _) => (String::new(), filter.is_some() && index.unique),
    };
    if generated {
        columns.push(name.clone());
    }
    let columns = columns.join(", ");
    Ok(match (index.unique, filter.is_empty()) {
        (true, true) => Place::Inside(format!("CONSTRAINT {name} UNIQUE ({columns})")),
        (unique, _) => {
            let kind = if unique { "UNIQUE INDEX" } else { "INDEX" };
            Place::Separate(create_index(dialect, table, kind, &index.name, &columns) + &filter)
        }
    })
}

/// Within a tenant a row refers to rows of that tenant only: the tenant is part of the foreign key.
fn reference_lines(
    dialect: &dyn Dialect,
    table: &TableSchema,
    targets: &[Target<'_>],
    inside: bool,
) -> Result<Vec<String>> {
    let mut lines = Vec::with_capacity(targets.len());
    for (reference, Target { table: target, is_there }) in table.references.iter().zip(targets) {
        let early = *is_there || dialect.foreign_keys() == ForeignKeys::Inside;
        if early != inside {
            continue;
        }
        let column = &table.columns[reference.column];
        check_reference(table, column, reference.on_delete, target)?;
        lines.push(reference_line(dialect, table, column, reference.on_delete, target));
    }
    Ok(lines)
}

fn reference_line(
    dialect: &dyn Dialect,
    table: &TableSchema,
    column: &ColumnSchema,
    action: OnDelete,
    target: &TableSchema,
) -> String {
    let columns = if target.multi_tenant { vec![TENANT_COLUMN, &column.name] } else { vec![column.name.as_str()] };
    format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {}",
        dialect.quote(&table.constraint_name("fk", &[&column.name])),
        quoted(dialect, &columns),
        dialect.referenced_table(target),
        quoted(dialect, &target.physical_key()),
        action.sql()
    )
}

fn check_reference(table: &TableSchema, column: &ColumnSchema, action: OnDelete, target: &TableSchema) -> Result<()> {
    let invalid = |message: String| {
        Err(Error::new(ErrorKind::InvalidModel, message).path(format!("{}.{}", table.model, column.name)))
    };
    let Some(key) = target.sole_key() else {
        return invalid(format!("{} has a key of several fields: a Ref names a model with one", target.model));
    };
    let same = match (&key.ty, &column.ty) {
        (LogicalType::Text { .. }, LogicalType::Text { .. }) => true,
        (key, column) => key == column,
    };
    if !same {
        return invalid(format!("a Ref has the type of the key of {}, {}", target.model, key.ty.name()));
    }
    if target.multi_tenant && !table.multi_tenant {
        return invalid(format!("{} is multi-tenant: only a multi-tenant model can refer to it", target.model));
    }
    if action == OnDelete::SetNull && !column.nullable {
        return invalid("on_delete=\"set_null\" needs an optional field".to_owned());
    }
    if action == OnDelete::SetNull && target.multi_tenant {
        return invalid("on_delete=\"set_null\" would clear the tenant too: use restrict or cascade".to_owned());
    }
    Ok(())
}

fn quoted(dialect: &dyn Dialect, names: &[&str]) -> String {
    names.iter().map(|name| dialect.quote(name)).collect::<Vec<_>>().join(", ")
}
