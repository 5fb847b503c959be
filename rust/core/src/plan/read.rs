//! Which rows to read, in what order.

use std::sync::Arc;

use super::Selection;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableSchema;

#[derive(Clone, Debug, PartialEq)]
pub struct ReadPlan {
    pub table: Arc<TableSchema>,
    /// Columns by index; None for all.
    pub columns: Option<Vec<usize>>,
    pub selection: Selection,
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub offset: u64,
    pub include_deleted: bool,
    /// Whether the rows stay locked until the transaction ends.
    pub lock: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub column: usize,
    pub descending: bool,
}

/// Reads `["-price", "name"]`; the key ends every order, so that equal rows keep one order.
pub fn parse_order(table: &TableSchema, names: &[String]) -> Result<Vec<Order>> {
    let mut order: Vec<Order> = Vec::with_capacity(names.len() + 1);
    for (at, name) in names.iter().enumerate() {
        let (descending, name) = match name.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, name.as_str()),
        };
        let column = table.resolve(name).map_err(|error| error.path(format!("order_by[{at}]")))?;
        if order.iter().any(|other| other.column == column) {
            return Err(Error::new(ErrorKind::InvalidFilter, format!("`{name}` is in the order twice"))
                .path(format!("order_by[{at}]")));
        }
        order.push(Order { column, descending });
    }
    for &key in &table.key {
        if !order.iter().any(|other| other.column == key) {
            order.push(Order { column: key, descending: false });
        }
    }
    Ok(order)
}

/// Reads `["name", "price"]`, in the order of the table.
pub fn parse_fields(table: &TableSchema, names: &[String]) -> Result<Vec<usize>> {
    let mut columns = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let column = table.resolve(name).map_err(|error| error.path(format!("fields[{at}]")))?;
        if columns.contains(&column) {
            return Err(Error::new(ErrorKind::InvalidFilter, format!("`{name}` is in the fields twice"))
                .path(format!("fields[{at}]")));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Err(Error::new(ErrorKind::InvalidFilter, "fields names no field").path("fields"));
    }
    columns.sort_unstable();
    Ok(columns)
}
