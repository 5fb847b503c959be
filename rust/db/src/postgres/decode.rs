//! PostgreSQL's binary values become Arrow; what a column may not hold is refused, never bent.

use dataflow_core::Result;
use dataflow_core::batch::ColumnBuilder;
use dataflow_core::dialect::Returned;
use dataflow_core::types::{LogicalType, check_range, pow10};
use dataflow_core::value::Value;
use tokio_postgres::types::{FromSql, Type};

use super::encode::EPOCH_US;
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
    match field {
        None => builder.append_null(),
        Some(Field(bytes)) => {
            let value = value(&column.ty, bytes).map_err(|why| unreadable(&column.name, why))?;
            builder.append(&value)?;
        }
    }
    Ok(())
}

fn value<'a>(ty: &LogicalType, bytes: &'a [u8]) -> std::result::Result<Value<'a>, String> {
    let eight = || bytes.try_into().map_err(|_| format!("{} bytes where 8 were expected", bytes.len()));
    Ok(match ty {
        LogicalType::Bool => Value::Bool(bytes == [1]),
        LogicalType::Int => Value::Int(i64::from_be_bytes(eight()?)),
        LogicalType::Float => Value::Float(f64::from_be_bytes(eight()?)),
        LogicalType::Decimal { scale, .. } => Value::Decimal(decode_numeric(bytes, *scale)?),
        LogicalType::Text { .. } => Value::Text(std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?.into()),
        LogicalType::Bytes => Value::Bytes(bytes.into()),
        LogicalType::Uuid => Value::Uuid(bytes.try_into().map_err(|_| "not 16 bytes".to_owned())?),
        LogicalType::Instant => Value::Instant(timestamp(eight()?)?),
        LogicalType::WallTime => Value::WallTime(timestamp(eight()?)?),
    })
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
