//! The values by which rows are the same, as bytes.

use arrow_array::{Array, RecordBatch};

use crate::batch::cell;
use crate::error::{Error, Result};
use crate::schema::TableSchema;
use crate::value::Value;

/// The keys of rows: equal keys are equal bytes, and the order of bytes is that of the databases.
///
/// They lie one behind the other in one buffer, and are sorted once: rows are looked up, locked and written in the order
/// of their keys, and given rows meet stored ones as two sorted lists.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    bytes: Vec<u8>,
    /// Where the key of each row ends in `bytes`.
    ends: Vec<usize>,
    /// The rows that have a key, in the order of their keys; those with the same key in their own order.
    order: Vec<usize>,
}

impl Keys {
    /// The key of every row in `columns` of the table; none where one of them is null.
    ///
    /// The batch has the columns by name.
    pub fn of(table: &TableSchema, columns: &[usize], batch: &RecordBatch) -> Result<Self> {
        let mut arrays = Vec::with_capacity(columns.len());
        for &at in columns {
            let column = &table.columns[at];
            let array = batch.column_by_name(&column.name);
            arrays.push((&column.ty, array.ok_or_else(|| Error::internal("a key without its column"))?));
        }
        let has_key = |row: usize| arrays.iter().all(|(_, array)| array.is_valid(row));
        let mut keys = Keys { ends: Vec::with_capacity(batch.num_rows()), ..Keys::default() };
        for row in 0..batch.num_rows() {
            if has_key(row) {
                for (ty, array) in &arrays {
                    append(&mut keys.bytes, &cell(ty, array, row)?)?;
                }
            }
            keys.ends.push(keys.bytes.len());
        }
        keys.sort((0..batch.num_rows()).filter(|&row| has_key(row)));
        Ok(keys)
    }

    /// By the first bytes, which mostly decide, and only then by the others.
    fn sort(&mut self, rows: impl Iterator<Item = usize>) {
        let start = |row: usize| {
            let key = self.bytes_of(row);
            let mut start = [0; 8];
            let length = key.len().min(8);
            start[..length].copy_from_slice(&key[..length]);
            u64::from_be_bytes(start)
        };
        let mut order: Vec<(u64, usize)> = rows.map(|row| (start(row), row)).collect();
        order.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| self.bytes_of(a.1).cmp(self.bytes_of(b.1))).then(a.1.cmp(&b.1))
        });
        self.order = order.into_iter().map(|(_, row)| row).collect();
    }

    fn bytes_of(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// The key of a row, if it has one: no key is without bytes.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        Some(self.bytes_of(row)).filter(|key| !key.is_empty())
    }

    /// The key of every row.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        (0..self.rows()).map(|row| self.get(row))
    }

    /// The number of rows, with a key or without.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The rows that have a key, in the order of their keys.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Rows that share their key, each group in the order of the rows.
    pub fn groups(&self) -> impl Iterator<Item = &[usize]> {
        self.order.chunk_by(|&a, &b| self.bytes_of(a) == self.bytes_of(b))
    }

    /// For each row the row of `others` that has its key.
    pub fn find_in(&self, others: &Keys) -> Vec<Option<usize>> {
        let mut found = vec![None; self.rows()];
        let mut rest = others.order.iter().peekable();
        for &row in &self.order {
            let key = self.bytes_of(row);
            while rest.next_if(|&&other| others.bytes_of(other) < key).is_some() {}
            found[row] = rest.peek().filter(|&&&other| others.bytes_of(other) == key).map(|&&other| other);
        }
        found
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.ends == other.ends
    }
}

/// No text holds a NUL, so that one ends it: ("ab", "c") is not ("a", "bc").
fn append(key: &mut Vec<u8>, value: &Value<'_>) -> Result<()> {
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
