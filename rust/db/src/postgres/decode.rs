//! PostgreSQL's binary values become Arrow; what a column may not hold is refused, never bent.

use dataflow_core::Result;
use dataflow_core::batch::ColumnBuilder;
use dataflow_core::dialect::Returned;
use dataflow_core::types::{LogicalType, check_choice, check_date, check_range, check_time, pow10, read_jsonb};
use dataflow_core::value::Value;
use tokio_postgres::types::{FromSql, Type};

use super::encode::{EPOCH_DAYS, EPOCH_US, JSONB_VERSION};
use super::records::Records;
use super::wire_type::wire_type;
use crate::fetch::unreadable;

/// A field's bytes, whatever its type.
pub(super) struct Field<'a>(pub &'a [u8]);

impl<'a> FromSql<'a> for Field<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Field(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub(super) fn append(builder: &mut ColumnBuilder, column: &Returned, field: Option<Field<'_>>) -> Result<()> {
    let refused = |why: String| unreadable(&column.name, why);
    match (builder, field) {
        (ColumnBuilder::Rows(rows), Some(Field(bytes))) => {
            let mut records = Records::read(bytes).map_err(refused)?;
            rows.append(records.count, |builder, column| {
                let field = records.next(column).map_err(|why| unreadable(&column.name, why))?;
                append(builder, column, field.map(Field))
            })?;
            records.end().map_err(refused)?;
        }
        (ColumnBuilder::Rows(_), None) => return Err(refused("rows are never null".to_owned())),
        (_, None) if !column.nullable => return Err(refused("it is null where the model takes none".to_owned())),
        (builder, None) => builder.append_null(),
        (builder, Some(Field(bytes))) => builder.append(&decode(&column.ty, bytes).map_err(refused)?)?,
    }
    Ok(())
}

/// The value, or why it is none of this type; the reason never shows it.
pub(super) fn decode<'a>(ty: &LogicalType, bytes: &'a [u8]) -> std::result::Result<Value<'a>, String> {
    let eight = || bytes.try_into().map_err(|_| format!("{} bytes where 8 were expected", bytes.len()));
    Ok(match ty {
        LogicalType::Bool => Value::Bool(bytes == [1]),
        LogicalType::Int => Value::Int(i64::from_be_bytes(eight()?)),
        LogicalType::Float => Value::Float(f64::from_be_bytes(eight()?)),
        LogicalType::Decimal { scale, .. } => Value::Decimal(decode_numeric(bytes, *scale)?),
        LogicalType::Text { .. } => Value::Text(text(bytes)?.into()),
        LogicalType::Choice { values } => {
            let text = text(bytes)?;
            check_choice(text, values).map_err(|_| "it is none of the model's choices")?;
            Value::Text(text.into())
        }
        LogicalType::Bytes => Value::Bytes(bytes.into()),
        LogicalType::Uuid => Value::Uuid(bytes.try_into().map_err(|_| "not 16 bytes".to_owned())?),
        LogicalType::Instant => Value::Instant(timestamp(eight()?)?),
        LogicalType::WallTime => Value::WallTime(timestamp(eight()?)?),
        LogicalType::Date => Value::Date(date(bytes)?),
        // 24:00 is a time on PostgreSQL.
        LogicalType::Time => {
            Value::Time(check_time(i64::from_be_bytes(eight()?)).map_err(|_| "it is 24:00, the end of a day")?)
        }
        LogicalType::Duration => Value::Duration(interval(bytes)?),
        LogicalType::List { item } => Value::List(array(item, bytes)?),
        LogicalType::Json => match bytes.split_first() {
            Some((&JSONB_VERSION, json)) => read_jsonb(text(json)?)?,
            _ => return Err("jsonb of another version".to_owned()),
        },
        LogicalType::Rows(_) => return Err("rows where a value is expected".to_owned()),
    })
}

fn text(bytes: &[u8]) -> std::result::Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// `infinity` is the largest and smallest number, as for timestamps.
fn date(bytes: &[u8]) -> std::result::Result<i32, String> {
    let four = bytes.try_into().map_err(|_| format!("{} bytes where 4 were expected", bytes.len()))?;
    let days = i32::from_be_bytes(four).saturating_add(EPOCH_DAYS);
    check_date(days).map_err(|_| "outside the years 1 to 9999".to_owned())
}

/// A day is 24 hours; a month is no duration.
fn interval(bytes: &[u8]) -> std::result::Result<i64, String> {
    let short = || format!("{} bytes where 16 were expected", bytes.len());
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| short())?;
    let (us, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let (days, months) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    if months != [0; 4] {
        return Err("an interval with months has no length in microseconds".to_owned());
    }
    let days = i64::from(i32::from_be_bytes(*days)).checked_mul(86_400_000_000);
    let length = days.and_then(|days| days.checked_add(i64::from_be_bytes(*us)));
    length.ok_or_else(|| "the interval is beyond 64 bits of microseconds".to_owned())
}

/// `array_send` backwards, for one dimension counted from 1 without nulls.
fn array<'a>(item: &LogicalType, bytes: &'a [u8]) -> std::result::Result<Vec<Value<'a>>, String> {
    let mut rest = bytes;
    let mut word = || {
        let (word, behind) = rest.split_first_chunk::<4>().ok_or_else(|| "a short array".to_owned())?;
        rest = behind;
        Ok::<_, String>(i32::from_be_bytes(*word))
    };
    let (dimensions, _flags, oid) = (word()?, word()?, word()?);
    if oid.cast_unsigned() != wire_type(item).oid() {
        return Err(format!("an array of other items than {}", item.name()));
    }
    if dimensions == 0 {
        return Ok(Vec::new());
    }
    let (length, lower) = (word()?, word()?);
    if dimensions != 1 || lower != 1 {
        return Err("an array of several dimensions, or not counted from 1".to_owned());
    }
    let mut items = Vec::with_capacity(usize::try_from(length).unwrap_or(0).min(rest.len() / 4));
    for _ in 0..length {
        let (size, behind) = rest.split_first_chunk::<4>().ok_or("a short array")?;
        let size = usize::try_from(i32::from_be_bytes(*size)).map_err(|_| "an array with a null")?;
        let (bytes, behind) = behind.split_at_checked(size).ok_or("a short array")?;
        items.push(decode(item, bytes)?);
        rest = behind;
    }
    Ok(items)
}

/// `infinity` is the largest and smallest number: outside the years 1 to 9999 like other far dates.
fn timestamp(bytes: [u8; 8]) -> std::result::Result<i64, String> {
    let us = i64::from_be_bytes(bytes).saturating_add(EPOCH_US);
    check_range(us).map_err(|_| "outside the years 1 to 9999".to_owned())
}

/// `numeric_recv` backwards, to an integer at `scale`.
pub(super) fn decode_numeric(bytes: &[u8], scale: u8) -> std::result::Result<i128, String> {
    let word = |at: usize| {
        let pair = bytes.get(at * 2..at * 2 + 2).and_then(|pair| pair.try_into().ok());
        pair.map(i16::from_be_bytes).ok_or_else(|| "a short numeric".to_owned())
    };
    let digits = word(0)?;
    let weight = i32::from(word(1)?);
    let sign = word(2)?.cast_unsigned();
    if sign & 0x8000 != 0 {
        return Err("NaN or infinity".to_owned());
    }
    let mut value: i128 = 0;
    for at in 0..digits {
        let digit = i128::from(word(4 + usize::from(at.cast_unsigned()))?);
        // This group stands for digit * 10000^(weight - at); in units of 10^-scale:
        let exponent = (weight - i32::from(at)) * 4 + i32::from(scale);
        let part = if exponent >= 0 {
            let power = u8::try_from(exponent).ok().filter(|&p| p <= 38 || digit == 0).ok_or("too many digits")?;
            digit.checked_mul(pow10(power)).ok_or("too many digits")?
        } else {
            let unit = u8::try_from(-exponent).ok().filter(|&p| p <= 4).map_or(10_000, pow10);
            if digit % unit != 0 {
                return Err("more digits after the point than the model has".to_owned());
            }
            digit / unit
        };
        value = value.checked_add(part).ok_or("too many digits")?;
    }
    Ok(if sign == 0x4000 { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[i32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_day_is_24_hours_and_a_month_is_unreadable() {
        let day = 86_400_000_000;
        assert_eq!(decode(&LogicalType::Duration, &words(&[0, 1, 2, 0])), Ok(Value::Duration(2 * day + 1)));
        assert_eq!(decode(&LogicalType::Duration, &words(&[-1, -1, 1, 0])), Ok(Value::Duration(day - 1)));
        for refused in [words(&[0, 0, 0, 1]), words(&[i32::MAX, -1, 1, 0]), words(&[0, 0, 0])] {
            assert!(decode(&LogicalType::Duration, &refused).is_err());
        }
    }

    #[test]
    fn what_we_would_not_have_written_is_refused() {
        let choice = LogicalType::Choice { values: ["a".into()].into() };
        let list = LogicalType::List { item: Box::new(LogicalType::Int) };
        let one = |dimensions, oid, lower, size| words(&[dimensions, 0, oid, 1, lower, size, 0, 7]);
        assert_eq!(decode(&list, &one(1, 20, 1, 8)), Ok(Value::List(vec![Value::Int(7)])));
        let midnight = 86_400_000_000_i64.to_be_bytes().to_vec();
        for (ty, bytes) in [
            (LogicalType::Time, midnight),
            (LogicalType::Date, i32::MAX.to_be_bytes().to_vec()),
            (LogicalType::Date, vec![0; 8]),
            (choice, b"b".to_vec()),
            (LogicalType::Json, b"\x02{}".to_vec()),
            (LogicalType::Json, b"\x01null".to_vec()),
            (LogicalType::Json, vec![]),
            (list.clone(), one(2, 20, 1, 8)),
            (list.clone(), one(1, 23, 1, 8)),
            (list.clone(), one(1, 20, 0, 8)),
            (list.clone(), one(1, 20, 1, -1)),
            (list.clone(), one(1, 20, 1, 9)),
            (list, vec![0; 11]),
        ] {
            assert!(decode(&ty, &bytes).is_err(), "{ty:?}");
        }
    }

    #[test]
    fn jsonb_is_read_in_the_servers_own_form() {
        let found = decode(&LogicalType::Json, b"\x01{\"b\": 1.50, \"aa\": [1, 100000000000000000000]}");
        assert_eq!(found, Ok(Value::Json(r#"{"aa":[1,100000000000000000000],"b":1.5}"#.into())));
    }
}
