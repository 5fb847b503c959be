//! Which rows to read, in what order.

use std::sync::Arc;

use super::{Include, Seek, Selection};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableSchema;

#[derive(Clone, Debug, PartialEq)]
pub struct ReadPlan {
    pub table: Arc<TableSchema>,
    /// Columns by index; None for all.
    pub columns: Option<Vec<usize>>,
    pub selection: Selection,
    pub order: Vec<Order>,
    /// Only rows from this place in the order on.
    pub seek: Option<Seek>,
    pub limit: Option<u64>,
    pub offset: u64,
    /// Whether rows that are equal in all columns come once; the order then ends with every column.
    pub distinct: bool,
    pub include_deleted: bool,
    /// Whether each row tells in a last column how many match in all, wherever the page begins and ends.
    pub total: bool,
    /// Whether the rows stay locked until the transaction ends.
    pub lock: bool,
    /// What comes with each row, in columns behind those of the table.
    pub include: Vec<Include>,
    /// Whose list it is, where not every caller has the same.
    pub view: Option<[u8; 32]>,
}

impl ReadPlan {
    /// All live rows of a selection, in no order.
    pub fn of(table: Arc<TableSchema>, selection: Selection) -> Self {
        ReadPlan {
            table,
            columns: None,
            selection,
            order: Vec::new(),
            seek: None,
            limit: None,
            offset: 0,
            distinct: false,
            include_deleted: false,
            total: false,
            lock: false,
            include: Vec::new(),
            view: None,
        }
    }
}

/// Null is the smallest value of a column, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub column: usize,
    pub descending: bool,
}

/// Reads `["-price", "name"]`; the key ends every order, so that equal rows keep one order.
pub fn parse_order(table: &TableSchema, names: &[String]) -> Result<Vec<Order>> {
    Ok(end_order(parse_names(table, names)?, &table.key))
}

/// As [`parse_order`] for rows that are distinct in `columns`, which end the order in place of the key.
pub fn parse_distinct_order(table: &TableSchema, names: &[String], columns: &[usize]) -> Result<Vec<Order>> {
    let order = parse_names(table, names)?;
    if let Some((at, other)) = order.iter().enumerate().find(|(_, order)| !columns.contains(&order.column)) {
        let name = &table.columns[other.column].name;
        let message = format!("distinct rows have no `{name}` of their own: it is none of the fields");
        return Err(Error::new(ErrorKind::InvalidFilter, message)
            .path(format!("order_by[{at}]"))
            .hint("order by the fields that are read"));
    }
    if let Some(&column) = columns.iter().find(|&&column| !table.columns[column].ty.is_ordered()) {
        let (name, ty) = (&table.columns[column].name, table.columns[column].ty.name());
        let message = format!("`{name}` is {ty}, which the databases compare in ways of their own");
        return Err(Error::new(ErrorKind::InvalidFilter, message).path("distinct").hint("leave it out of fields"));
    }
    Ok(end_order(order, columns))
}

fn end_order(mut order: Vec<Order>, columns: &[usize]) -> Vec<Order> {
    for &column in columns {
        if !order.iter().any(|other| other.column == column) {
            order.push(Order { column, descending: false });
        }
    }
    order
}

/// As [`parse_order`], without an end.
pub fn parse_names(table: &TableSchema, names: &[String]) -> Result<Vec<Order>> {
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
        if !table.columns[column].ty.is_ordered() {
            let message = format!("`{name}` is {}, which has no order", table.columns[column].ty.name());
            return Err(Error::new(ErrorKind::InvalidFilter, message)
                .path(format!("order_by[{at}]"))
                .hint("the databases order such values each in their own way; order the rows in Python"));
        }
        order.push(Order { column, descending });
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
