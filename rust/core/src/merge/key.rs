//! The values by which rows are the same, as bytes.

use arrow_array::RecordBatch;

use crate::batch::cell;
use crate::error::{Error, Result};
use crate::schema::TableSchema;
use crate::value::Value;

/// Equal keys are equal bytes, and the order of bytes is that of the databases: rows are locked in it.
pub type Key = Vec<u8>;

/// The key of every row in `columns` of the table; None where one of them is null.
///
/// The batch has the columns by name.
pub fn keys_of(table: &TableSchema, columns: &[usize], batch: &RecordBatch) -> Result<Vec<Option<Key>>> {
    let mut arrays = Vec::with_capacity(columns.len());
    for &at in columns {
        let column = &table.columns[at];
        let array = batch.column_by_name(&column.name);
        arrays.push((&column.ty, array.ok_or_else(|| Error::internal("a key without its column"))?));
    }
    let mut keys = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let mut key = Some(Vec::new());
        for (ty, array) in &arrays {
            match (cell(ty, array, row)?, &mut key) {
                (Value::Null, key) => *key = None,
                (value, Some(key)) => append(key, &value)?,
                (_, None) => {}
            }
        }
        keys.push(key);
    }
    Ok(keys)
}

/// No text holds a NUL, so that one ends it: ("ab", "c") is not ("a", "bc").
fn append(key: &mut Key, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Bool(v) => key.push(u8::from(*v)),
        Value::Int(v) | Value::Instant(v) | Value::WallTime(v) | Value::Time(v) | Value::Duration(v) => {
            key.extend((v ^ i64::MIN).to_be_bytes());
        }
        Value::Date(v) => key.extend((v ^ i32::MIN).to_be_bytes()),
        Value::Decimal(v) => key.extend((v ^ i128::MIN).to_be_bytes()),
        Value::Uuid(v) => key.extend(v),
        Value::Text(v) => {
            key.extend(v.as_bytes());
            key.push(0);
        }
        Value::Float(v) => key.extend(ordered(*v).to_be_bytes()),
        Value::Bytes(_) | Value::List(_) | Value::Json(_) | Value::Null => {
            return Err(Error::internal("a value that cannot be in a key"));
        }
    }
    Ok(())
}

/// The bits of a float in the order of the numbers: zero has no sign, and NaN is the largest, as PostgreSQL has it.
fn ordered(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { (value + 0.0).to_bits() };
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_values() {
        let key = |value: Value<'_>| {
            let mut key = Vec::new();
            append(&mut key, &value).unwrap();
            key
        };
        let floats = [f64::NEG_INFINITY, -1.5, -1e-300, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        assert!(floats.map(|v| key(Value::Float(v))).is_sorted_by(|a, b| a < b));
        assert_eq!(key(Value::Float(-0.0)), key(Value::Float(0.0)));
        assert_eq!(key(Value::Float(-f64::NAN)), key(Value::Float(f64::NAN)));
        assert!([i64::MIN, -1, 0, 1, i64::MAX].map(|v| key(Value::Int(v))).is_sorted_by(|a, b| a < b));
        assert!(["", "a", "aa", "b"].map(|v| key(Value::Text(v.into()))).is_sorted_by(|a, b| a < b));
    }
}
