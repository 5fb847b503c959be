//! Which rows to read, in what order.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::schema::TableSchema;

#[derive(Clone, Debug, PartialEq)]
pub struct ReadPlan {
    pub table: Arc<TableSchema>,
    pub filter: Filter,
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub offset: u64,
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
    if !order.iter().any(|other| other.column == table.key) {
        order.push(Order { column: table.key, descending: false });
    }
    Ok(order)
}
