//! Rows as one text: their number, a colon, and each value as the number of its bytes, a colon and its text; `-` is null.
//!
//! No text is escaped, and one that was cut somewhere cannot be read.

use super::Mysql;
use crate::dialect::{NestedRows, Returned};
use crate::types::LogicalType;

impl Mysql {
    /// GROUP_CONCAT leaves out what is null: a row too long for `max_allowed_packet`, which also warns.
    pub(super) fn nested_text(&self, rows: &NestedRows<'_>) -> String {
        let NestedRows { columns, from, order, limit, .. } = rows;
        let texts: Vec<_> = columns.iter().map(|(sql, column)| text(sql, column)).collect();
        let row = format!("CONCAT({})", texts.join(", "));
        let joined = |row: &str, order: &str, limit: &str| {
            format!("COALESCE(GROUP_CONCAT({row}{order} SEPARATOR ''{limit}), '')")
        };
        let Some(limit) = limit else {
            return format!("(SELECT CONCAT(COUNT(*), ':', {}){from})", joined(&row, order, ""));
        };
        if self.mariadb {
            let joined = joined(&row, order, &format!(" LIMIT {limit}"));
            return format!("(SELECT CONCAT(LEAST(COUNT(*), {limit}), ':', {joined}){from})");
        }
        // MySQL's GROUP_CONCAT has no limit, and its derived tables know the row around them.
        let joined = joined("dataflow_row", " ORDER BY dataflow_place", "");
        format!(
            "(SELECT CONCAT(COUNT(*), ':', {joined}) FROM (SELECT {row} AS dataflow_row, \
             ROW_NUMBER() OVER ({}) AS dataflow_place{from}{order} LIMIT {limit}) AS dataflow_nested)",
            order.trim_start()
        )
    }
}

/// A value in its row. Rows tell their length themselves.
fn text(sql: &str, column: &Returned) -> String {
    let (length, value) = match column.ty {
        LogicalType::Rows(_) => return sql.to_owned(),
        LogicalType::Bytes | LogicalType::Uuid => (format!("LENGTH({sql}) * 2"), format!("HEX({sql})")),
        _ => (format!("LENGTH({sql})"), sql.to_owned()),
    };
    // Also where the column has no null: a CONCAT with one would leave out the row.
    format!("CASE WHEN {sql} IS NULL THEN '-' ELSE CONCAT({length}, ':', {value}) END")
}
