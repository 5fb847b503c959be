//! Values on their way out of SQLite: only what DataFlow itself would have stored is read.

use dataflow_core::batch::ColumnBuilder;
use dataflow_core::dialect::{Returned, decode_decimal};
use dataflow_core::types::{
    LogicalType, WALL_WIDTH, check_choice, pow10, read_date, read_datetime, read_json, read_list, read_time,
};
use dataflow_core::value::Value;
use dataflow_core::{Error, Result};

use super::rows::Reader;
use super::statement::Cell;
use crate::fetch::unreadable;

/// Appends one value to its column.
///
/// # Errors
/// `OutOfRange` for a value of another storage class or form than the type's: nothing is converted.
pub(super) fn append(builder: &mut ColumnBuilder, column: &Returned, cell: Cell<'_>) -> Result<()> {
    let refuse = |why: &str| Err(unreadable(&column.name, why));
    match (builder, cell) {
        (_, Cell::Null) if !column.nullable => return refuse("it is null where the model takes none"),
        (ColumnBuilder::Rows(_), Cell::Null) => return refuse("rows are never null"),
        (builder, Cell::Null) => builder.append_null(),
        (ColumnBuilder::Bool(b), Cell::Int(value @ (0 | 1))) => b.append_value(value == 1),
        (ColumnBuilder::Bool(_), Cell::Int(_)) => return refuse("a bool is stored as 0 or 1"),
        (ColumnBuilder::Int(b), Cell::Int(value)) => b.append_value(value),
        (ColumnBuilder::Float(b), Cell::Float(value)) => b.append_value(value),
        (ColumnBuilder::Decimal(b), Cell::Blob(bytes)) => match decimal(bytes, &column.ty) {
            Some(digits) => b.append_value(digits),
            None => return refuse("it is not the 16 bytes of a Decimal of this precision"),
        },
        (ColumnBuilder::Text(b), Cell::Text(bytes)) => match text(&column.ty, bytes) {
            Ok(text) => b.append_value(text),
            Err(why) => return refuse(why),
        },
        (ColumnBuilder::Bytes(b), Cell::Blob(bytes)) => b.append_value(bytes),
        (ColumnBuilder::Uuid(b), Cell::Blob(bytes)) => {
            if bytes.len() != 16 {
                return refuse("a UUID has 16 bytes");
            }
            b.append_value(bytes).map_err(|error| Error::internal(error.to_string()))?;
        }
        (ColumnBuilder::Instant(b), Cell::Text(text)) => match instant(text) {
            Some(us) => b.append_value(us),
            None => return refuse("the text is not of the form 2024-01-31T23:59:59.000000Z"),
        },
        (ColumnBuilder::WallTime(b), Cell::Text(text)) => match read_datetime(text) {
            Some(us) => b.append_value(us),
            None => return refuse("the text is not of the form 2024-01-31T23:59:59.000000"),
        },
        (ColumnBuilder::Date(b), Cell::Text(text)) => match read_date(text) {
            Some(days) => b.append_value(days),
            None => return refuse("the text is not of the form 2024-01-31"),
        },
        (ColumnBuilder::Time(b), Cell::Text(text)) => match read_time(text) {
            Some(us) => b.append_value(us),
            None => return refuse("the text is not of the form 23:59:59.000000"),
        },
        (ColumnBuilder::Duration(b), Cell::Int(us)) => b.append_value(us),
        (builder @ ColumnBuilder::List(_), Cell::Text(bytes)) => match list(&column.ty, bytes) {
            Ok(items) => builder.append(&items)?,
            Err(why) => return refuse(why),
        },
        (ColumnBuilder::Rows(rows), Cell::Blob(bytes)) => {
            let cut = || unreadable(&column.name, "it is not the rows that the statement asked for");
            let mut reader = Reader::new(bytes).ok_or_else(cut)?;
            rows.append(reader.rows, |builder, column| append(builder, column, reader.next().ok_or_else(cut)?))?;
            if !reader.is_at_end() {
                return Err(cut());
            }
        }
        (_, cell) => return refuse(&format!("{} is stored where {} is expected", storage(&cell), column.ty.name())),
    }
    Ok(())
}

/// Text, a choice or JSON, which are all stored as TEXT.
fn text<'a>(ty: &LogicalType, bytes: &'a [u8]) -> Result<&'a str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the text is not UTF-8")?;
    match ty {
        LogicalType::Choice { values } => {
            check_choice(text, values).map_err(|_| "it is none of the model's choices")?;
        }
        LogicalType::Json => drop(read_json(text)?),
        _ => {}
    }
    Ok(text)
}

fn list(ty: &LogicalType, bytes: &[u8]) -> Result<Value<'static>, &'static str> {
    match ty {
        LogicalType::List { item } => read_list(item, text(ty, bytes)?).map(Value::List),
        _ => Err("it is no list"),
    }
}

fn decimal(bytes: &[u8], ty: &LogicalType) -> Option<i128> {
    let digits = decode_decimal(bytes.try_into().ok()?);
    match ty {
        LogicalType::Decimal { precision, .. } => {
            (digits.unsigned_abs() < pow10(*precision).unsigned_abs()).then_some(digits)
        }
        _ => None,
    }
}

fn instant(text: &[u8]) -> Option<i64> {
    match text.split_at_checked(WALL_WIDTH)? {
        (wall, b"Z") => read_datetime(wall),
        _ => None,
    }
}

/// SQLite's name of a storage class; never the value.
fn storage(cell: &Cell<'_>) -> &'static str {
    match cell {
        Cell::Null => "NULL",
        Cell::Int(_) => "an INTEGER",
        Cell::Float(_) => "a REAL",
        Cell::Text(_) => "a TEXT",
        Cell::Blob(_) => "a BLOB",
    }
}
