//! Arrow of any layout becomes the table's own Arrow types, by column of the target.
//!
//! A column that already has the right type passes untouched but for the checks, without a copy.
//! Everything else goes value by value through [`LogicalType::accept`], the same check that rows take.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_cast::cast;
use arrow_schema::{DataType, Schema, TimeUnit};

use super::rows::{missing, null};
use super::{ColumnBuilder, Reading};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ColumnSchema, TableSchema, arrow_field};
use crate::types::{LogicalType, check_text, render_decimal, wrong_type};
use crate::value::{Raw, Value};

/// Checks `input` against the table and returns its rows in the table's types and column order.
///
/// `first_row` is the number of the batch's first row in the caller's data: errors carry the path
/// `[row].field`. Columns are matched by name; an absent one takes its default.
///
/// # Errors
/// `NoColumns`, `UnknownField`, `MissingValue`, `NullValue` and every refusal of [`LogicalType::accept`].
pub fn normalise(table: &TableSchema, input: &RecordBatch, reading: Reading, first_row: usize) -> Result<RecordBatch> {
    check_names(table, input)?;
    let mut fields = Vec::with_capacity(table.columns.len());
    let mut arrays = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        let automatic = table.automatic_key && at == table.key;
        let array = match input.column_by_name(&column.name) {
            Some(array) => {
                given(table, column, array, automatic, reading).map_err(|error| place(error, column, first_row))?
            }
            None if automatic => continue,
            None => absent(table, column, input.num_rows())?,
        };
        if automatic && array.null_count() == array.len() {
            continue;
        }
        fields.push(arrow_field(column).with_nullable(true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(input.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| Error::internal(error.to_string()))
}

/// One column given by the caller, as [`normalise`] takes it; an automatic key may have gaps.
pub fn normalise_column(
    table: &TableSchema,
    column: &ColumnSchema,
    array: &ArrayRef,
    reading: Reading,
    first_row: usize,
) -> Result<ArrayRef> {
    let automatic = table.automatic_key && table.key_column().name == column.name;
    given(table, column, array, automatic, reading).map_err(|error| place(error, column, first_row))
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

/// `at[row]` from inside becomes `[first_row + row].field`.
fn place(error: Error, column: &ColumnSchema, first_row: usize) -> Error {
    let row = error.detail().path.as_deref().and_then(|row| row.parse::<usize>().ok());
    match row {
        Some(row) => error.path(format!("[{}].{}", first_row + row, column.name)),
        None => error.path(column.name.clone()),
    }
}

fn at_row(error: Error, row: usize) -> Error {
    error.path(row.to_string())
}

fn absent(table: &TableSchema, column: &ColumnSchema, rows: usize) -> Result<ArrayRef> {
    match &column.default {
        Some(default) => {
            let mut builder = ColumnBuilder::new(&column.ty, rows);
            for _ in 0..rows {
                builder.append(default)?;
            }
            Ok(builder.finish())
        }
        None if column.nullable => Ok(new_null_array(&column.ty.arrow(), rows)),
        None => Err(missing(table, column).path(column.name.clone())),
    }
}

fn given(
    table: &TableSchema,
    column: &ColumnSchema,
    array: &ArrayRef,
    automatic: bool,
    reading: Reading,
) -> Result<ArrayRef> {
    let nan_is_null = reading.nan_is_null && column.nullable;
    let array = convert(&column.ty, array, Reading { nan_is_null, ..reading })?;
    if array.null_count() > 0 && !column.nullable && !automatic {
        let row = (0..array.len()).find(|&row| array.is_null(row)).unwrap_or(0);
        return Err(at_row(null(table, column), row));
    }
    Ok(array)
}

fn convert(ty: &LogicalType, array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
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
            retype::<Decimal128Type>(array, &ty.arrow())
        }
        (LogicalType::Text { max_length }, D::Utf8) => check_texts(array, *max_length),
        (LogicalType::Text { max_length }, D::LargeUtf8 | D::Utf8View) => {
            check_texts(&recast(array, &D::Utf8)?, *max_length)
        }
        (LogicalType::Instant, D::Timestamp(unit, Some(_))) | (LogicalType::WallTime, D::Timestamp(unit, None)) => {
            timestamps(ty, array, *unit)
        }
        // A bare date is 00:00, in UTC for an instant; by way of seconds, which cannot overflow.
        (LogicalType::Instant | LogicalType::WallTime, D::Date32 | D::Date64) => {
            timestamps(ty, &recast(array, &D::Timestamp(TimeUnit::Second, None))?, TimeUnit::Second)
        }
        _ => value_by_value(ty, array, reading),
    }
}

fn recast(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    cast(array, ty).map_err(|error| {
        Error::new(ErrorKind::UnsupportedData, format!("cannot read Arrow {}: {error}", array.data_type()))
    })
}

/// The same buffers under another type of the same native value (a narrower decimal, another zone's name).
fn retype<T: arrow_array::ArrowPrimitiveType>(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef> {
    let typed = array.as_primitive::<T>().clone();
    Ok(Arc::new(typed.with_data_type(ty.clone())))
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

/// Scans the whole value buffer at once and looks at single rows only when something is found.
fn check_texts(array: &ArrayRef, max_length: Option<u32>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let offsets = texts.value_offsets();
    let (first, last) = (offsets[0].cast_unsigned() as usize, offsets[texts.len()].cast_unsigned() as usize);
    let bytes = &texts.value_data()[first..last];
    check_utf8(texts, bytes, first)?;
    if memchr::memchr(0, bytes).is_some() || max_length.is_some() {
        for (row, text) in texts.iter().enumerate() {
            check_text(text.unwrap_or(""), max_length).map_err(|error| at_row(error, row))?;
        }
    }
    Ok(Arc::clone(array))
}

/// A producer behind the C data interface may hand over bytes that are not UTF-8: a `str` of them is undefined behaviour.
fn check_utf8(texts: &StringArray, bytes: &[u8], first: usize) -> Result<()> {
    let bad = || Error::new(ErrorKind::WrongType, "text is not valid UTF-8").hint("use a bytes field");
    if bytes.is_ascii() {
        return Ok(());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = first + error.valid_up_to();
        let row = texts.value_offsets().partition_point(|&offset| offset.cast_unsigned() as usize <= at);
        at_row(bad(), row.saturating_sub(1))
    })?;
    match texts
        .value_offsets()
        .iter()
        .position(|&offset| !text.is_char_boundary(offset.cast_unsigned() as usize - first))
    {
        Some(row) => Err(at_row(bad(), row.saturating_sub(1))),
        None => Ok(()),
    }
}

fn timestamps(ty: &LogicalType, array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    let us: PrimitiveArray<TimestampMicrosecondType> = match unit {
        TimeUnit::Second => scale_up(array.as_primitive::<TimestampSecondType>().iter(), 1_000_000)?,
        TimeUnit::Millisecond => scale_up(array.as_primitive::<TimestampMillisecondType>().iter(), 1000)?,
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().clone(),
        TimeUnit::Nanosecond => {
            let nanos = array.as_primitive::<TimestampNanosecondType>();
            if let Some(row) = nanos.iter().position(|value| value.is_some_and(|ns| ns % 1000 != 0)) {
                return Err(at_row(sub_microsecond(ty), row));
            }
            nanos.unary(|ns| ns.div_euclid(1000))
        }
    };
    for (row, value) in us.iter().enumerate() {
        if let Some(value) = value {
            crate::types::check_range(value).map_err(|error| at_row(error, row))?;
        }
    }
    Ok(Arc::new(us.with_data_type(ty.arrow())))
}

fn sub_microsecond(ty: &LogicalType) -> Error {
    let floats = crate::types::FloatRules { nan: false, infinity: false };
    match ty.accept(Raw::SubMicrosecond, floats) {
        Err(error) => error,
        Ok(_) => Error::internal("a sub-microsecond value was accepted"),
    }
}

fn scale_up(
    values: impl Iterator<Item = Option<i64>>,
    factor: i64,
) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    values
        .enumerate()
        .map(|(row, value)| match value.map(|v| v.checked_mul(factor)) {
            Some(None) => {
                Err(at_row(crate::types::check_range(i64::MAX).err().unwrap_or_else(|| Error::internal("range")), row))
            }
            other => Ok(other.flatten()),
        })
        .collect()
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
        DataType::UInt64 => {
            let value = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(value).map_or_else(|_| Raw::BigInt(value.to_string().into()), Raw::Int)
        }
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
