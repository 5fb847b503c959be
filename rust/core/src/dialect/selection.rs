//! Which rows a statement means: tenant, live rows, and a filter or a list of keys.

use std::fmt::Write as _;

use arrow_array::RecordBatch;

use super::RowsForm;
use super::condition::Place;
use super::statement::Writer;
use crate::batch::cell;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::plan::{Order, Seek, Selection, staged_key};
use crate::schema::{TENANT_COLUMN, TableSchema};
use crate::types::LogicalType;
use crate::value::Value;

impl Writer<'_> {
    /// `WHERE` with the tenant first, or nothing where every row is meant; returns what comes before one more condition.
    pub(super) fn conditions(&mut self, table: &TableSchema, selection: &Selection) -> Result<&'static str> {
        let mut word = " WHERE ";
        if let Some(tenant) = self.tenant {
            let ty = LogicalType::Text { max_length: None };
            let _ = write!(self.sql, "{word}{} = ", self.dialect.quote(TENANT_COLUMN));
            self.param(&ty, Value::Text(tenant.as_str().to_owned().into()));
            word = " AND ";
        }
        if let Some(deleted_at) = self.live {
            let _ = write!(self.sql, "{word}{} IS NULL", self.dialect.quote(&table.columns[deleted_at].name));
            word = " AND ";
        }
        match selection {
            Selection::Matching(filter) if *filter == Filter::And(Vec::new()) => {}
            Selection::Matching(filter) => {
                self.sql.push_str(word);
                self.filter(Place::Table(table), filter)?;
                word = " AND ";
            }
            Selection::Keyed { columns, keys } => {
                self.sql.push_str(word);
                self.keyed(table, columns, keys)?;
                word = " AND ";
            }
            Selection::Staged { columns } => {
                for (at, name) in table.names(columns).into_iter().enumerate() {
                    let [name, key] = [name, &staged_key(at)].map(|name| self.dialect.quote(name));
                    let _ = write!(self.sql, "{word}{name} = {key}");
                    word = " AND ";
                }
            }
        }
        Ok(word)
    }

    /// The rows from a place in an order on.
    ///
    /// As a comparison of whole rows where the database seeks in an index by that and it means the same: in one
    /// direction, and without nulls.
    pub(super) fn seek(&mut self, table: &TableSchema, order: &[Order], seek: &Seek) -> Result<()> {
        let one_way = order.windows(2).all(|pair| pair[0].descending == pair[1].descending);
        let nullable = order.iter().any(|order| table.columns[order.column].nullable);
        if !self.dialect.seeks_by_rows() || !one_way || nullable || order.len() < 2 {
            return self.filter(Place::Table(table), &seek.filter(table, order)?);
        }
        let sign = match (order[0].descending, seek.inclusive) {
            (false, false) => ">",
            (false, true) => ">=",
            (true, false) => "<",
            (true, true) => "<=",
        };
        let names: Vec<_> = order.iter().map(|order| self.dialect.quote(&table.columns[order.column].name)).collect();
        let values = order.iter().zip(&seek.values);
        let values: Vec<_> =
            values.map(|(order, value)| self.placeholder(&table.columns[order.column].ty, value.clone())).collect();
        let _ = write!(self.sql, "({}) {sign} ({})", names.join(", "), values.join(", "));
        Ok(())
    }

    fn keyed(&mut self, table: &TableSchema, columns: &[usize], keys: &RecordBatch) -> Result<()> {
        if columns.len() != keys.num_columns() || columns.is_empty() {
            return Err(Error::internal("keys that are not in the columns they are compared with"));
        }
        let names: Vec<_> = table.names(columns).into_iter().map(|name| self.dialect.quote(name)).collect();
        if self.dialect.rows_form() == RowsForm::Arrays {
            let types = columns.iter().map(|&column| &table.columns[column].ty);
            let arrays: Vec<_> = types.zip(keys.columns()).map(|(ty, array)| self.array(ty, array)).collect();
            let _ = match &names[..] {
                [name] => write!(self.sql, "{name} = ANY({})", arrays[0]),
                _ => write!(self.sql, "({}) IN (SELECT * FROM unnest({}))", names.join(", "), arrays.join(", ")),
            };
            return Ok(());
        }
        if let [column] = *columns {
            let ty = &table.columns[column].ty;
            let values = (0..keys.num_rows()).map(|row| Ok(cell(ty, keys.column(0), row)?.into_owned()));
            return self.list(&names[0], ty, &values.collect::<Result<Vec<_>>>()?);
        }
        let mut rows = Vec::with_capacity(keys.num_rows());
        let sql = std::mem::take(&mut self.sql);
        for row in 0..keys.num_rows() {
            self.sql.push('(');
            for (at, (&column, array)) in columns.iter().zip(keys.columns()).enumerate() {
                let ty = &table.columns[column].ty;
                self.sql.push_str(if at == 0 { "" } else { ", " });
                self.param(ty, cell(ty, array, row)?.into_owned());
            }
            self.sql.push(')');
            rows.push(std::mem::take(&mut self.sql));
        }
        self.sql = sql;
        let _ = write!(self.sql, "({}) IN {}", names.join(", "), self.dialect.row_list(&rows));
        Ok(())
    }
}
