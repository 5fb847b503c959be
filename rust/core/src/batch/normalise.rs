//! Arrow of any layout becomes the table's own Arrow types, by column of the target.
//!
//! A column that already has the right type passes untouched but for the checks, without a copy.
//! Everything else goes value by value through [`LogicalType::accept`], the same check that rows take.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};

use super::document::{documents, unsigned};
use super::list::lists;
use super::rows::null;
use super::temporal::{dates, dates_of_midnights, durations, intervals, midnights, times, timestamps};
use super::text::{check_choices, check_texts, texts_of_json};
use super::{ColumnBuilder, Given, Presence, Reading};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ColumnSchema, TableSchema};
use crate::types::{LogicalType, pow10, render_decimal, too_many_digits, wrong_type};
use crate::value::{Raw, Value};

/// Checks `input` against the table and returns its rows in the table's types and column order.
///
/// `first_row` is the number of the batch's first row in the caller's data: errors carry the path
/// `[row].field`. Columns are matched by name; an absent one holds its default.
///
/// # Errors
/// `NoColumns`, `UnknownField`, `NullValue` and every refusal of [`LogicalType::accept`].
pub fn normalise(table: &TableSchema, input: &RecordBatch, reading: Reading, first_row: usize) -> Result<Given> {
    check_names(table, input)?;
    let mut arrays = Vec::with_capacity(table.columns.len());
    let mut present = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        let filled = table.is_filled(at);
        let (array, presence) = match input.column_by_name(&column.name) {
            Some(array) => {
                let array = extended(input, &column.name, array)?;
                let array = given(table, column, &array, filled, reading);
                let array = array.map_err(|error| place(error, column, first_row))?;
                let presence = if filled { not_null(&array) } else { Presence::All };
                (array, presence)
            }
            None => (absent(column, input.num_rows())?, Presence::None),
        };
        arrays.push(array);
        present.push(presence);
    }
    Given::new(table, arrays, present, input.num_rows())
}

/// One column given by the caller, as [`normalise`] takes it.
pub fn normalise_column(
    table: &TableSchema,
    at: usize,
    array: &ArrayRef,
    reading: Reading,
    first_row: usize,
) -> Result<ArrayRef> {
    let column = &table.columns[at];
    given(table, column, array, table.is_filled(at), reading).map_err(|error| place(error, column, first_row))
}

/// The column with the meaning that its extension type gives it; that of all others is the one of their storage.
fn extended(input: &RecordBatch, name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    let field = input.schema_ref().field_with_name(name).ok();
    match field.and_then(Field::extension_type_name) {
        Some("arrow.bool8") => recast(array, &DataType::Boolean),
        _ => Ok(Arc::clone(array)),
    }
}

/// A null in a column that DataFlow fills is as good as absent.
fn not_null(array: &ArrayRef) -> Presence {
    match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => Presence::Rows(nulls.inner().clone()),
        _ if array.null_count() > 0 => Presence::None,
        _ => Presence::All,
    }
}

fn check_names(table: &TableSchema, input: &RecordBatch) -> Result<()> {
    if input.num_columns() == 0 {
        return Err(Error::new(ErrorKind::NoColumns, "the data has no columns"));
    }
    let schema = input.schema_ref();
    for (at, field) in schema.fields().iter().enumerate() {
        table.resolve(field.name())?;
        if schema.fields()[..at].iter().any(|other| other.name() == field.name()) {
            return Err(Error::new(ErrorKind::UnsupportedData, format!("the data has two columns `{}`", field.name())));
        }
    }
    Ok(())
}

/// `[row]` from inside becomes `[first_row + row].field`.
fn place(error: Error, column: &ColumnSchema, first_row: usize) -> Error {
    match row_of(&error) {
        Some((row, rest)) => error.path(format!("[{}].{}{rest}", first_row + row, column.name)),
        None => error.path(column.name.clone()),
    }
}

pub(super) fn at_row(error: Error, row: usize) -> Error {
    error.within(&format!("[{row}]"))
}

/// The row that [`at_row`] put first, and the rest of the path.
pub(super) fn row_of(error: &Error) -> Option<(usize, String)> {
    let (row, rest) = error.detail().path.as_deref()?.strip_prefix('[')?.split_once(']')?;
    Some((row.parse().ok()?, rest.to_owned()))
}

fn absent(column: &ColumnSchema, rows: usize) -> Result<ArrayRef> {
    let Some(default) = &column.default else {
        return Ok(new_null_array(&column.ty.arrow(), rows));
    };
    let mut builder = ColumnBuilder::new(&column.ty, rows);
    for _ in 0..rows {
        builder.append(default)?;
    }
    Ok(builder.finish())
}

fn given(
    table: &TableSchema,
    column: &ColumnSchema,
    array: &ArrayRef,
    filled: bool,
    reading: Reading,
) -> Result<ArrayRef> {
    let nan_is_null = reading.nan_is_null && column.nullable;
    let array = convert(&column.ty, array, Reading { nan_is_null, ..reading })?;
    if array.null_count() > 0 && !column.nullable && !filled {
        let row = (0..array.len()).find(|&row| array.is_null(row)).unwrap_or(0);
        return Err(at_row(null(table, column), row));
    }
    Ok(array)
}

pub(super) fn convert(ty: &LogicalType, array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
    use DataType as D;
    let same = || Ok(Arc::clone(array));
    match (ty, array.data_type()) {
        (_, D::Null) => Ok(new_null_array(&ty.arrow(), array.len())),
        (_, D::Dictionary(_, values)) => convert(ty, &recast(array, values)?, reading),
        (_, D::RunEndEncoded(_, values)) => convert(ty, &recast(array, values.data_type())?, reading),
        (LogicalType::Bool, D::Boolean)
        | (LogicalType::Int, D::Int64)
        | (LogicalType::Bytes, D::Binary)
        | (LogicalType::Uuid, D::FixedSizeBinary(16)) => same(),
        (LogicalType::Int, D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32)
        | (LogicalType::Bytes, D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_)) => recast(array, &ty.arrow()),
        (LogicalType::Float, D::Float64) => check_floats(array, reading),
        (LogicalType::Float, D::Float16 | D::Float32) => check_floats(&recast(array, &D::Float64)?, reading),
        (LogicalType::Decimal { precision, scale }, D::Decimal128(p, s))
            if *s == scale.cast_signed() && p <= precision =>
        {
            check_digits(ty, array, *precision)?;
            retype::<Decimal128Type>(array, &ty.arrow())
        }
        (LogicalType::Text { max_length }, D::Utf8) => check_texts(array, *max_length),
        (LogicalType::Text { max_length }, D::LargeUtf8 | D::Utf8View) => {
            check_texts(&recast(array, &D::Utf8)?, *max_length)
        }
        (LogicalType::Instant, D::Timestamp(unit, Some(_))) | (LogicalType::WallTime, D::Timestamp(unit, None)) => {
            timestamps(ty, array, *unit)
        }
        (LogicalType::Instant | LogicalType::WallTime, D::Date32 | D::Date64) => midnights(ty, array),
        (LogicalType::Date, D::Date32 | D::Date64) => dates(array),
        (LogicalType::Date, D::Timestamp(unit, None)) => dates_of_midnights(array, *unit),
        (LogicalType::Time, D::Time32(_) | D::Time64(_)) => times(array),
        (LogicalType::Duration, D::Duration(unit)) => durations(array, *unit),
        (LogicalType::Duration, D::Interval(unit)) => intervals(array, *unit),
        (LogicalType::Choice { values }, D::Utf8) => check_choices(array, values),
        (LogicalType::Json, D::Utf8) => texts_of_json(array),
        (LogicalType::Choice { .. } | LogicalType::Json, D::LargeUtf8 | D::Utf8View) => {
            convert(ty, &recast(array, &D::Utf8)?, reading)
        }
        (LogicalType::Json, _) => documents(array, reading),
        (
            LogicalType::List { item },
            D::List(_) | D::LargeList(_) | D::FixedSizeList(..) | D::ListView(_) | D::LargeListView(_),
        ) => lists(item, array, reading),
        _ => value_by_value(ty, array, reading),
    }
}

pub(super) fn recast(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    // A cast that is not safe refuses what it cannot hold; a safe one would make it null.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, ty, &options).map_err(|_| {
        let message = format!("Arrow {} cannot be read as {ty}", array.data_type());
        Error::new(ErrorKind::UnsupportedData, message).hint("cast the column first, or give fewer rows at a time")
    })
}

/// The same buffers under another type of the same native value (a narrower decimal, another zone's name).
fn retype<T: arrow_array::ArrowPrimitiveType>(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    let typed = array.as_primitive::<T>().clone();
    Ok(Arc::new(typed.with_data_type(ty.clone())))
}

/// A producer may hand over digits that its own type does not hold.
fn check_digits(ty: &LogicalType, array: &ArrayRef, precision: u8) -> Result<()> {
    let (digits, most) = (array.as_primitive::<Decimal128Type>(), pow10(precision).unsigned_abs());
    let long = |row: &usize| digits.is_valid(*row) && digits.value(*row).unsigned_abs() >= most;
    match (0..digits.len()).find(long) {
        None => Ok(()),
        Some(row) => Err(at_row(too_many_digits(ty), row)),
    }
}

fn check_floats(array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
    let floats = array.as_primitive::<Float64Type>();
    if reading.nan_is_null && floats.iter().flatten().any(f64::is_nan) {
        let cleared: PrimitiveArray<Float64Type> = floats.iter().map(|value| value.filter(|v| !v.is_nan())).collect();
        return check_floats(&(Arc::new(cleared) as ArrayRef), Reading { nan_is_null: false, ..reading });
    }
    if !(reading.floats.nan && reading.floats.infinity) {
        for (row, value) in floats.iter().enumerate() {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                LogicalType::Float.accept(Raw::Float(value), reading.floats).map_err(|error| at_row(error, row))?;
            }
        }
    }
    Ok(Arc::clone(array))
}

fn value_by_value(ty: &LogicalType, array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
    let mut builder = ColumnBuilder::new(ty, array.len());
    // Texts of all layouts are read as one, so that `raw_at` knows a single form.
    let array = match array.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => recast(array, &DataType::Utf8)?,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            recast(array, &DataType::Binary)?
        }
        DataType::Float16 | DataType::Float32 => recast(array, &DataType::Float64)?,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            recast(array, &DataType::Int64)?
        }
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => recast(array, &DataType::Decimal128(*p, *s))?,
        _ => Arc::clone(array),
    };
    if array.data_type() == &DataType::Utf8 {
        check_texts(&array, None)?;
    }
    for row in 0..array.len() {
        let raw = if array.is_null(row) { Raw::Null } else { raw_at(ty, array.as_ref(), row)? };
        let value = match raw {
            Raw::Float(value) if value.is_nan() && reading.nan_is_null => Value::Null,
            raw => ty.accept(raw, reading.floats).map_err(|error| at_row(error, row))?,
        };
        builder.append(&value)?;
    }
    Ok(builder.finish())
}

fn raw_at<'a>(ty: &LogicalType, array: &'a dyn Array, row: usize) -> Result<Raw<'a>> {
    Ok(match array.data_type() {
        DataType::Boolean => Raw::Bool(array.as_boolean().value(row)),
        DataType::Int64 => Raw::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => unsigned(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Raw::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            Raw::Decimal(match u8::try_from(*scale) {
                Ok(scale) => render_decimal(value, scale).into(),
                Err(_) => format!("{value}e{}", -i16::from(*scale)).into(),
            })
        }
        DataType::Decimal256(_, scale) => {
            let value = array.as_primitive::<arrow_array::types::Decimal256Type>().value(row);
            Raw::Decimal(format!("{value}e{}", -i16::from(*scale)).into())
        }
        DataType::Utf8 => Raw::Text(array.as_string::<i32>().value(row).into()),
        DataType::Binary => Raw::Bytes(array.as_binary::<i32>().value(row).into()),
        // Only a mismatch of zones arrives here: the value does not matter.
        DataType::Timestamp(_, Some(_)) => Raw::Instant(0),
        DataType::Timestamp(_, None) => Raw::WallTime(0),
        other => return Err(at_row(wrong_type(ty, &Raw::Other(format!("Arrow {other}").into())), row)),
    })
}
