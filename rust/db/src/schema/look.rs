//! What a table is in the database, compared with its model.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use dataflow_core::dialect::{Dialect, Param, ParamValue, PartialIndex, Statement, physical_columns};
use dataflow_core::schema::{ColumnSchema, TableSchema};
use dataflow_core::types::LogicalType;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::TEXT;
use crate::execute::query;
use crate::session::{Limits, Session};

/// A column as the database reports it.
pub(super) struct Reported {
    name: String,
    ty: String,
    nullable: bool,
}

/// What the table lacks.
pub(super) async fn look(
    session: &mut Session,
    dialect: &dyn Dialect,
    table: &TableSchema,
    limits: &Limits,
) -> Result<Missing> {
    let (namespace, name) = (table.namespace.as_deref(), dialect.table_name(table));
    let missing = compare(dialect, table, &report(session, dialect, namespace, &name, limits).await?)?;
    if !matches!(missing, Missing::Table) {
        let later = missing.columns();
        let mut statement = Statement::unscoped(dialect.unique_query(namespace), "catalogue").with_text(&name);
        statement = statement.returning(&[("index", TEXT), ("column", TEXT), ("partial", LogicalType::Int)]);
        check_unique(dialect, table, &query(session, &statement, limits).await?, later)?;
    }
    Ok(missing)
}

/// An upsert relies on these: without them two writers would insert the same row. Those over columns that are still to
/// be added come with them.
fn check_unique(
    dialect: &dyn Dialect,
    table: &TableSchema,
    reported: &RecordBatch,
    later: &[ColumnSchema],
) -> Result<()> {
    let (names, columns) = (reported.column(0).as_string::<i32>(), reported.column(1).as_string::<i32>());
    let partial = reported.column(2).as_primitive::<Int64Type>();
    let has_index = |wanted: &[&str], some_rows: bool| {
        (0..names.len()).any(|first| {
            let members = || (0..names.len()).filter(|&row| names.value(row) == names.value(first));
            let same_rows = (partial.value(first) != 0) == some_rows;
            same_rows && members().count() == wanted.len() && members().all(|row| wanted.contains(&columns.value(row)))
        })
    };
    let refuse = |columns: &[&str]| Err(mismatch(table, format!("no unique index over ({})", columns.join(", "))));
    let key = table.physical_key();
    if !has_index(&key, false) {
        return refuse(&key);
    }
    for index in table.unique_indexes().filter(|index| !index.names_one_of(table, later)) {
        let columns: Vec<usize> = index.columns.iter().map(|order| order.column).collect();
        let mut wanted = table.within_tenant(&columns);
        let generated = index.filter.is_some() && dialect.partial_index() == PartialIndex::GeneratedColumn;
        if generated {
            wanted.push(&index.name);
        }
        if !has_index(&wanted, index.filter.is_some() && !generated) {
            return refuse(&wanted);
        }
    }
    Ok(())
}

pub(super) async fn report(
    session: &mut Session,
    dialect: &dyn Dialect,
    namespace: Option<&str>,
    table: &str,
    limits: &Limits,
) -> Result<Vec<Reported>> {
    let mut statement = Statement::unscoped(dialect.columns_query(namespace), "catalogue").returning(&[
        ("name", TEXT),
        ("type", TEXT),
        ("nullable", LogicalType::Int),
    ]);
    statement.params.push(Param { ty: TEXT, value: ParamValue::One(Value::Text(table.to_owned().into())) });
    Ok(reported(&query(session, &statement, limits).await?, dialect))
}

fn reported(rows: &RecordBatch, dialect: &dyn Dialect) -> Vec<Reported> {
    let (names, types) = (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
    let nullable = rows.column(2).as_primitive::<Int64Type>();
    let row = |at: usize| Reported {
        name: names.value(at).to_owned(),
        ty: dialect.normalise_reported(types.value(at)),
        nullable: nullable.is_valid(at) && nullable.value(at) != 0,
    };
    (0..rows.num_rows()).map(row).collect()
}

pub(super) enum Missing {
    Nothing,
    Table,
    /// All of them nullable, without a default the table would have to know.
    Columns(Vec<ColumnSchema>),
}

impl Missing {
    fn columns(&self) -> &[ColumnSchema] {
        match self {
            Missing::Columns(columns) => columns,
            _ => &[],
        }
    }
}

/// What the database lacks, or a difference that is never mended by itself.
fn compare(dialect: &dyn Dialect, table: &TableSchema, reported: &[Reported]) -> Result<Missing> {
    if reported.is_empty() {
        return Ok(Missing::Table);
    }
    let mut missing = Vec::new();
    for column in physical_columns(table) {
        let Some(found) = reported.iter().find(|found| found.name == column.name) else {
            if column.nullable {
                missing.push(column);
                continue;
            }
            return Err(mismatch(table, format!("the table has no column `{}`, which is required", column.name)));
        };
        let expected = dialect.normalise_reported(&dialect.reported_type(&column.ty));
        if found.ty != expected {
            return Err(mismatch(
                table,
                format!("column `{}` is {}, the model needs {expected}", column.name, found.ty),
            ));
        }
        if found.nullable != column.nullable {
            let (has, needs) = if found.nullable { ("takes null", "does not") } else { ("takes no null", "does") };
            return Err(mismatch(table, format!("column `{}` {has}, the model {needs}", column.name)));
        }
    }
    match reported.iter().find(|found| !found.nullable && !physical_columns(table).iter().any(|c| c.name == found.name))
    {
        Some(extra) => {
            Err(mismatch(table, format!("the table has a required column `{}` that the model lacks", extra.name)))
        }
        None if missing.is_empty() => Ok(Missing::Nothing),
        None => Ok(Missing::Columns(missing)),
    }
}

pub(super) fn mismatch(table: &TableSchema, what: String) -> Error {
    Error::new(ErrorKind::SchemaMismatch, format!("{} and table `{}` differ: {what}", table.model, table.table))
        .path(table.model.clone())
        .hint("change the model, or the table by hand; existing tables are never altered")
}
