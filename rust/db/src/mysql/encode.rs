//! Values on their way to the server, in the binary protocol's forms.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use chrono::{DateTime, Datelike, Timelike};
use dataflow_core::batch::list_cell;
use dataflow_core::dialect::{Param, ParamValue, Statement};
use dataflow_core::types::{LogicalType, check_range, check_time, render_decimal, render_list};
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
        ParamValue::Many(_) | ParamValue::Column(_) => Err(Error::internal("MariaDB has no array parameters")),
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
        (Value::Date(days), _) => encode_date(*days)?,
        (Value::Time(us), _) => encode_time(*us)?,
        (Value::Duration(us), _) => Wire::Int(*us),
        (Value::Json(text), _) => Wire::Bytes(text.as_bytes().to_vec()),
        (Value::List(items), LogicalType::List { item }) => Wire::Bytes(render_list(item, items)?.into_bytes()),
        (Value::List(_), _) => return Err(Error::internal("a list without the type of its items")),
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

/// A datetime at midnight: the protocol writes it with the date alone.
fn encode_date(days: i32) -> Result<Wire> {
    encode_datetime(i64::from(days) * 86_400_000_000)
}

fn encode_time(us: i64) -> Result<Wire> {
    let seconds = check_time(us)? / 1_000_000;
    let small = |number: i64| u8::try_from(number).map_err(|_| Error::internal("a time of day beyond a day"));
    let micros = u32::try_from(us % 1_000_000).map_err(|_| Error::internal("a time of day before midnight"))?;
    Ok(Wire::Time(false, 0, small(seconds / 3600)?, small(seconds / 60 % 60)?, small(seconds % 60)?, micros))
}

type Encoder<'a> = Box<dyn Fn(usize) -> Result<Wire> + 'a>;

/// The batch's values row by row.
fn encode_rows(batch: &RecordBatch) -> Result<Vec<Wire>> {
    let columns: Vec<_> = batch
        .schema_ref()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| Ok((column.logical_nulls(), encoder(LogicalType::of_field(field)?, column.as_ref()))))
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

/// Reads a column of the type, in the Arrow of [`LogicalType::arrow`].
fn encoder(ty: LogicalType, column: &dyn Array) -> Encoder<'_> {
    match ty {
        LogicalType::Bool => {
            let array = column.as_boolean();
            Box::new(|row| Ok(Wire::Int(i64::from(array.value(row)))))
        }
        LogicalType::Int => {
            let array = column.as_primitive::<Int64Type>();
            Box::new(|row| Ok(Wire::Int(array.value(row))))
        }
        LogicalType::Float => {
            let array = column.as_primitive::<Float64Type>();
            Box::new(|row| encode_float(array.value(row)))
        }
        LogicalType::Decimal { scale, .. } => {
            let array = column.as_primitive::<Decimal128Type>();
            Box::new(move |row| Ok(encode_decimal(array.value(row), scale)))
        }
        LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => {
            let array = column.as_string::<i32>();
            Box::new(|row| Ok(Wire::Bytes(array.value(row).as_bytes().to_vec())))
        }
        LogicalType::Bytes => {
            let array = column.as_binary::<i32>();
            Box::new(|row| Ok(Wire::Bytes(array.value(row).to_vec())))
        }
        LogicalType::Uuid => {
            let array = column.as_fixed_size_binary();
            Box::new(|row| Ok(Wire::Bytes(array.value(row).to_vec())))
        }
        LogicalType::Instant | LogicalType::WallTime => {
            let array = column.as_primitive::<TimestampMicrosecondType>();
            Box::new(|row| encode_datetime(array.value(row)))
        }
        LogicalType::Date => {
            let array = column.as_primitive::<Date32Type>();
            Box::new(|row| encode_date(array.value(row)))
        }
        LogicalType::Time => {
            let array = column.as_primitive::<Time64MicrosecondType>();
            Box::new(|row| encode_time(array.value(row)))
        }
        LogicalType::Duration => {
            let array = column.as_primitive::<DurationMicrosecondType>();
            Box::new(|row| Ok(Wire::Int(array.value(row))))
        }
        LogicalType::List { item } => Box::new(move |row| {
            let items = list_cell(&item, column, row)?;
            Ok(Wire::Bytes(render_list(&item, &items)?.into_bytes()))
        }),
        LogicalType::Rows(_) => Box::new(|_| Err(Error::internal("rows are no data of a table"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Decimal128Array, StringArray};
    use arrow_schema::Schema;
    use dataflow_core::batch::ColumnBuilder;
    use dataflow_core::types::{FIRST_DAY, FIRST_MICROSECOND, LAST_DAY, LAST_MICROSECOND};

    use super::super::decode::decode;
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
    fn dates_and_times_are_split_at_the_edges_too() {
        assert_eq!(encode_date(FIRST_DAY).unwrap(), Wire::Date(1, 1, 1, 0, 0, 0, 0));
        assert_eq!(encode_date(LAST_DAY).unwrap(), Wire::Date(9999, 12, 31, 0, 0, 0, 0));
        assert_eq!(encode_time(0).unwrap(), Wire::Time(false, 0, 0, 0, 0, 0));
        assert_eq!(encode_time(86_399_999_999).unwrap(), Wire::Time(false, 0, 23, 59, 59, 999_999));
        assert_eq!(encode_time(86_400_000_000).unwrap_err().kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn columns_and_parameters_have_one_form_and_read_back() {
        let list = LogicalType::List { item: Box::new(LogicalType::Bytes) };
        let bytes = Value::Bytes(vec![0, 255].into());
        let mut seen = 0;
        for (ty, value) in [
            (LogicalType::Date, Value::Date(-1)),
            (LogicalType::Time, Value::Time(86_399_999_999)),
            (LogicalType::Duration, Value::Duration(i64::MIN)),
            (LogicalType::Choice { values: ["a".into()].into() }, Value::Text("a".into())),
            (LogicalType::Json, Value::Json(r#"{"a":[]}"#.into())),
            (list.clone(), Value::List(vec![])),
            (list, Value::List(vec![bytes.clone(), bytes])),
        ] {
            let mut builder = ColumnBuilder::new(&ty, 2);
            builder.append(&value).unwrap();
            builder.append(&value).unwrap();
            let schema = Schema::new(vec![ty.field("c", true)]);
            let batch = RecordBatch::try_new(Arc::new(schema), vec![builder.finish()]).unwrap().slice(1, 1);
            let wire = encode_value(&ty, &value).unwrap();
            assert_eq!(encode_rows(&batch).unwrap(), std::slice::from_ref(&wire));
            assert_eq!(decode(&ty, &wire).unwrap(), value);
            seen += 1;
        }
        assert_eq!(seen, 7);
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
