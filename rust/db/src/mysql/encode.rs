//! Values on their way to the server, in the binary protocol's forms.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, Datelike, Timelike};
use dataflow_core::dialect::{Param, ParamValue, Statement};
use dataflow_core::types::{LogicalType, check_range, render_decimal};
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};
use mysql_async::Value as Wire;

/// What the statement binds: its parameters, or its rows one after another.
pub(super) fn encode(statement: &Statement) -> Result<Vec<Wire>> {
    match &statement.rows {
        Some(batch) => encode_rows(batch),
        None => statement.params.iter().map(encode_param).collect(),
    }
}

/// The size of `COM_STMT_EXECUTE` with these values.
pub(super) fn encoded_len(values: &[Wire]) -> u64 {
    let header = 11 + values.len().div_ceil(8) + 2 * values.len();
    values.iter().fold(header as u64, |sum, value| sum.saturating_add(value.bin_len()))
}

fn encode_param(param: &Param) -> Result<Wire> {
    match &param.value {
        ParamValue::One(value) => encode_value(&param.ty, value),
        ParamValue::Many(_) => Err(Error::internal("MariaDB has no array parameters")),
    }
}

fn encode_value(ty: &LogicalType, value: &Value<'_>) -> Result<Wire> {
    Ok(match (value, ty) {
        (Value::Null, _) => Wire::NULL,
        (Value::Bool(value), _) => Wire::Int(i64::from(*value)),
        (Value::Int(value), _) => Wire::Int(*value),
        (Value::Float(value), _) => encode_float(*value)?,
        (Value::Decimal(value), LogicalType::Decimal { scale, .. }) => encode_decimal(*value, *scale),
        (Value::Decimal(_), _) => return Err(Error::internal("a decimal without its scale")),
        (Value::Text(value), _) => Wire::Bytes(value.as_bytes().to_vec()),
        (Value::Bytes(value), _) => Wire::Bytes(value.to_vec()),
        (Value::Uuid(value), _) => Wire::Bytes(value.to_vec()),
        (Value::Instant(us) | Value::WallTime(us), _) => encode_datetime(*us)?,
    })
}

fn encode_float(value: f64) -> Result<Wire> {
    if value.is_finite() {
        return Ok(Wire::Double(value));
    }
    Err(Error::new(ErrorKind::NotFinite, "MariaDB keeps neither NaN nor infinity"))
}

/// Decimals travel as text: the protocol has no other exact form.
fn encode_decimal(value: i128, scale: u8) -> Wire {
    Wire::Bytes(render_decimal(value, scale).into_bytes())
}

fn encode_datetime(us: i64) -> Result<Wire> {
    let outside = || Error::internal("a datetime outside the years 1 to 9999 reached the wire");
    let at = DateTime::from_timestamp_micros(check_range(us)?).ok_or_else(outside)?;
    let small = |number: u32| u8::try_from(number).map_err(|_| outside());
    Ok(Wire::Date(
        u16::try_from(at.year()).map_err(|_| outside())?,
        small(at.month())?,
        small(at.day())?,
        small(at.hour())?,
        small(at.minute())?,
        small(at.second())?,
        at.nanosecond() / 1000,
    ))
}

type Encoder<'a> = Box<dyn Fn(usize) -> Result<Wire> + 'a>;

/// The batch's values row by row.
fn encode_rows(batch: &RecordBatch) -> Result<Vec<Wire>> {
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| Ok((column.logical_nulls(), encoder(column.as_ref())?)))
        .collect::<Result<_>>()?;
    let mut values = Vec::with_capacity(batch.num_rows() * columns.len());
    for row in 0..batch.num_rows() {
        for (nulls, encode) in &columns {
            let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            values.push(if null { Wire::NULL } else { encode(row)? });
        }
    }
    Ok(values)
}

/// Reads a column of one of the types of [`LogicalType::arrow`].
fn encoder(column: &dyn Array) -> Result<Encoder<'_>> {
    Ok(match column.data_type() {
        DataType::Boolean => {
            let array = column.as_boolean();
            Box::new(|row| Ok(Wire::Int(i64::from(array.value(row)))))
        }
        DataType::Int64 => {
            let array = column.as_primitive::<Int64Type>();
            Box::new(|row| Ok(Wire::Int(array.value(row))))
        }
        DataType::Float64 => {
            let array = column.as_primitive::<Float64Type>();
            Box::new(|row| encode_float(array.value(row)))
        }
        DataType::Decimal128(_, scale) => {
            let array = column.as_primitive::<Decimal128Type>();
            let scale = u8::try_from(*scale).map_err(|_| Error::internal("a decimal column with a negative scale"))?;
            Box::new(move |row| Ok(encode_decimal(array.value(row), scale)))
        }
        DataType::Utf8 => {
            let array = column.as_string::<i32>();
            Box::new(|row| Ok(Wire::Bytes(array.value(row).as_bytes().to_vec())))
        }
        DataType::Binary => {
            let array = column.as_binary::<i32>();
            Box::new(|row| Ok(Wire::Bytes(array.value(row).to_vec())))
        }
        DataType::FixedSizeBinary(16) => {
            let array = column.as_fixed_size_binary();
            Box::new(|row| Ok(Wire::Bytes(array.value(row).to_vec())))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let array = column.as_primitive::<TimestampMicrosecondType>();
            Box::new(|row| encode_datetime(array.value(row)))
        }
        other => return Err(Error::internal(format!("a column of type {other} reached the MariaDB encoder"))),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, StringArray};
    use dataflow_core::types::{FIRST_MICROSECOND, LAST_MICROSECOND};

    use super::*;

    #[test]
    fn datetimes_are_split_at_the_edges_too() {
        assert_eq!(encode_datetime(0).unwrap(), Wire::Date(1970, 1, 1, 0, 0, 0, 0));
        assert_eq!(encode_datetime(-1).unwrap(), Wire::Date(1969, 12, 31, 23, 59, 59, 999_999));
        assert_eq!(encode_datetime(FIRST_MICROSECOND).unwrap(), Wire::Date(1, 1, 1, 0, 0, 0, 0));
        assert_eq!(encode_datetime(LAST_MICROSECOND).unwrap(), Wire::Date(9999, 12, 31, 23, 59, 59, 999_999));
        assert_eq!(encode_datetime(LAST_MICROSECOND + 1).unwrap_err().kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn a_float_that_is_no_number_is_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = encode_value(&LogicalType::Float, &Value::Float(value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFinite);
        }
    }

    #[test]
    fn rows_are_laid_out_row_by_row() {
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None]));
        let prices = Decimal128Array::from(vec![-5, 1234]).with_precision_and_scale(10, 2).unwrap();
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a", ""]));
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("flag", flags, true),
            ("price", Arc::new(prices) as ArrayRef, true),
            ("name", names, true),
        ])
        .unwrap();
        let bytes = |text: &str| Wire::Bytes(text.as_bytes().to_vec());
        let expected = [Wire::Int(1), bytes("-0.05"), bytes("a"), Wire::NULL, bytes("12.34"), bytes("")];
        assert_eq!(encode_rows(&batch).unwrap(), expected);
    }
}
