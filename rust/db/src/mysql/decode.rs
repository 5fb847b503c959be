//! Values on their way back, strictly: only the form that we ourselves would have written is read.

use std::borrow::Cow;

use chrono::NaiveDate;
use dataflow_core::batch::ColumnBuilder;
use dataflow_core::dialect::Returned;
use dataflow_core::types::{FloatRules, LogicalType, check_choice, read_json, read_list};
use dataflow_core::value::{Raw, Value};
use dataflow_core::{Error, Result};
use mysql_async::{Row, Value as Wire};

use super::nested::append_rows;
use crate::fetch::{RowSink, unreadable};

const FINITE: FloatRules = FloatRules { nan: false, infinity: false };

/// Appends one row of the binary protocol.
pub(super) fn decode_row(row: Row, returns: &[Returned], sink: &mut RowSink) -> Result<()> {
    let values = row.unwrap_raw();
    if values.len() != returns.len() {
        let counts = format!("{} columns came back, {} were expected", values.len(), returns.len());
        return Err(Error::internal(counts));
    }
    for ((value, returned), column) in values.into_iter().zip(returns).zip(&mut sink.columns) {
        let value = value.unwrap_or(Wire::NULL);
        if let ColumnBuilder::Rows(rows) = column {
            append_rows(rows, returned, &value)?;
            continue;
        }
        if value == Wire::NULL && !returned.nullable {
            return Err(unreadable(&returned.name, "it is null"));
        }
        let value = decode(&returned.ty, &value).map_err(|why| unreadable(&returned.name, why))?;
        column.append(&value)?;
    }
    sink.end_row();
    Ok(())
}

/// The value, or why it is none of this type; the reason never shows it.
pub(super) fn decode<'a>(ty: &LogicalType, wire: &'a Wire) -> Result<Value<'a>, Cow<'static, str>> {
    match (ty, wire) {
        (_, Wire::NULL) => Ok(Value::Null),
        (LogicalType::Bool, Wire::Int(0)) => Ok(Value::Bool(false)),
        (LogicalType::Bool, Wire::Int(1)) => Ok(Value::Bool(true)),
        (LogicalType::Bool, Wire::Int(_)) => Err("a bool is stored as 0 or 1".into()),
        (LogicalType::Int, Wire::Int(value)) => Ok(Value::Int(*value)),
        (LogicalType::Int, Wire::UInt(value)) => {
            i64::try_from(*value).map(Value::Int).map_err(|_| "an int field holds at most 2^63 - 1".into())
        }
        (LogicalType::Float, Wire::Double(value)) => Ok(Value::Float(*value)),
        (_, Wire::Bytes(bytes)) => decode_bytes(ty, bytes),
        (LogicalType::Instant, wire) => decode_datetime(wire).map(Value::Instant),
        (LogicalType::WallTime, wire) => decode_datetime(wire).map(Value::WallTime),
        (LogicalType::Date, Wire::Date(_, _, _, 0, 0, 0, 0)) => decode_date(wire),
        (LogicalType::Time, Wire::Time(false, 0, hour, minute, second, micros)) => {
            decode_time([*hour, *minute, *second], *micros)
        }
        (LogicalType::Duration, Wire::Int(us)) => Ok(Value::Duration(*us)),
        (ty, wire) => Err(format!("{} was expected, the column holds {}", ty.name(), form(wire)).into()),
    }
}

/// What travels as bytes.
pub(super) fn decode_bytes<'a>(ty: &LogicalType, bytes: &'a [u8]) -> Result<Value<'a>, Cow<'static, str>> {
    match ty {
        LogicalType::Decimal { .. } => decode_decimal(ty, bytes),
        LogicalType::Text { .. } => Ok(Value::Text(text(bytes)?.into())),
        LogicalType::Choice { values } => {
            let text = text(bytes)?;
            check_choice(text, values).map_err(|_| "it is none of the model's choices")?;
            Ok(Value::Text(text.into()))
        }
        LogicalType::List { item } => Ok(Value::List(read_list(item, text(bytes)?)?)),
        LogicalType::Json => Ok(read_json(text(bytes)?)?),
        LogicalType::Bytes => Ok(Value::Bytes(bytes.into())),
        LogicalType::Uuid => {
            let uuid = bytes.try_into().map_err(|_| "a UUID has 16 bytes")?;
            Ok(Value::Uuid(uuid))
        }
        ty => Err(format!("{} was expected, the column holds text, bytes or a decimal", ty.name()).into()),
    }
}

/// Exactly, at the scale of the type: digits that it does not hold are refused, not rounded.
fn decode_decimal(ty: &LogicalType, text: &[u8]) -> Result<Value<'static>, Cow<'static, str>> {
    let refused = || format!("it is no {}", ty.name());
    let text = std::str::from_utf8(text).map_err(|_| refused())?;
    match ty.accept(Raw::Decimal(text.into()), FINITE) {
        Ok(Value::Decimal(value)) => Ok(Value::Decimal(value)),
        _ => Err(refused().into()),
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Cow<'static, str>> {
    std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

fn decode_date(wire: &Wire) -> Result<Value<'static>, Cow<'static, str>> {
    let days = decode_datetime(wire)?.div_euclid(86_400_000_000);
    i32::try_from(days).map(Value::Date).map_err(|_| "it is no date of the calendar".into())
}

/// MariaDB's TIME is a span that may be negative or longer than a day, which the caller has refused.
fn decode_time([hour, minute, second]: [u8; 3], micros: u32) -> Result<Value<'static>, Cow<'static, str>> {
    if hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        return Err("it is no time of a day".into());
    }
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    Ok(Value::Time(seconds * 1_000_000 + i64::from(micros)))
}

fn decode_datetime(wire: &Wire) -> Result<i64, Cow<'static, str>> {
    let Wire::Date(year, month, day, hour, minute, second, micros) = wire else {
        return Err(format!("a datetime was expected, the column holds {}", form(wire)).into());
    };
    let date = NaiveDate::from_ymd_opt(i32::from(*year), u32::from(*month), u32::from(*day));
    let time = (u32::from(*hour), u32::from(*minute), u32::from(*second));
    let at = date.and_then(|date| date.and_hms_micro_opt(time.0, time.1, time.2, *micros));
    // chrono takes 1_000_000 and more as a leap second; year 0 is MariaDB's zero date.
    match at {
        Some(at) if (1..=9999).contains(year) && *micros < 1_000_000 => Ok(at.and_utc().timestamp_micros()),
        _ => Err("it is no date of the calendar, such as MariaDB's zero date".into()),
    }
}

fn form(wire: &Wire) -> &'static str {
    match wire {
        Wire::NULL => "null",
        Wire::Bytes(_) => "text, bytes or a decimal",
        Wire::Int(_) | Wire::UInt(_) => "an integer",
        Wire::Float(_) => "a float of 32 bits",
        Wire::Double(_) => "a double",
        Wire::Date(..) => "a date",
        Wire::Time(..) => "a time",
    }
}

#[cfg(test)]
mod tests {
    use dataflow_core::types::{FIRST_MICROSECOND, LAST_MICROSECOND};

    use super::*;

    const PRICE: LogicalType = LogicalType::Decimal { precision: 4, scale: 2 };

    fn bytes(text: &str) -> Wire {
        Wire::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn what_no_datetime_is_is_refused() {
        for wire in [
            Wire::Date(0, 0, 0, 0, 0, 0, 0),
            Wire::Date(2024, 0, 1, 0, 0, 0, 0),
            Wire::Date(2023, 2, 29, 0, 0, 0, 0),
            Wire::Date(10000, 1, 1, 0, 0, 0, 0),
            Wire::Date(2024, 1, 1, 23, 59, 59, 1_000_000),
            Wire::Time(false, 0, 1, 0, 0, 0),
            Wire::Int(5),
        ] {
            assert!(decode(&LogicalType::Instant, &wire).is_err(), "{wire:?}");
        }
    }

    #[test]
    fn the_first_and_last_moments_are_read() {
        let first = decode(&LogicalType::WallTime, &Wire::Date(1, 1, 1, 0, 0, 0, 0)).unwrap();
        let last = decode(&LogicalType::Instant, &Wire::Date(9999, 12, 31, 23, 59, 59, 999_999)).unwrap();
        assert_eq!((first, last), (Value::WallTime(FIRST_MICROSECOND), Value::Instant(LAST_MICROSECOND)));
    }

    #[test]
    fn a_decimal_is_read_exactly_or_not_at_all() {
        assert_eq!(decode(&PRICE, &bytes("-12.50")).unwrap(), Value::Decimal(-1250));
        assert_eq!(decode(&PRICE, &bytes("1.500")).unwrap(), Value::Decimal(150));
        for text in ["1.555", "100.00", "x", ""] {
            assert!(decode(&PRICE, &bytes(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn every_other_form_is_refused() {
        for (ty, wire) in [
            (LogicalType::Bool, Wire::Int(2)),
            (LogicalType::Int, Wire::UInt(1 << 63)),
            (LogicalType::Int, bytes("1")),
            (LogicalType::Float, Wire::Float(1.5)),
            (LogicalType::Text { max_length: None }, Wire::Bytes(vec![0xff])),
            (LogicalType::Text { max_length: None }, Wire::Int(1)),
            (LogicalType::Uuid, Wire::Bytes(vec![0; 15])),
            (LogicalType::Date, Wire::Date(2024, 1, 1, 0, 0, 0, 1)),
            (LogicalType::Date, Wire::Date(0, 0, 0, 0, 0, 0, 0)),
            (LogicalType::Date, bytes("2024-01-01")),
            (LogicalType::Time, Wire::Time(true, 0, 1, 0, 0, 0)),
            (LogicalType::Time, Wire::Time(false, 1, 0, 0, 0, 0)),
            (LogicalType::Time, Wire::Time(false, 0, 24, 0, 0, 0)),
            (LogicalType::Duration, bytes("1")),
            (LogicalType::Choice { values: ["a".into()].into() }, bytes("A")),
            (LogicalType::Json, bytes("{\"a\": 1}")),
            (LogicalType::Json, bytes("null")),
            (LogicalType::List { item: Box::new(LogicalType::Int) }, bytes("[1, 2]")),
        ] {
            assert!(decode(&ty, &wire).is_err(), "{ty:?} {wire:?}");
        }
    }
}
