//! Values in PostgreSQL's binary format, for parameters and for COPY.
//!
//! Formats: the `*send` functions of each type in PostgreSQL's `src/backend/utils/adt`, and
//! <https://www.postgresql.org/docs/current/sql-copy.html> (binary format).

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::DataType;
use bytes::{BufMut, BytesMut};
use dataflow_core::types::pow10;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

/// Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
pub(super) const EPOCH_US: i64 = 946_684_800_000_000;

const COPY_SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// A column of a normalised batch, with its wire format.
pub(crate) enum FieldEncoder<'a> {
    Bool(&'a BooleanArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Decimal(&'a Decimal128Array, u8),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
    Timestamp(&'a TimestampMicrosecondArray),
}

impl<'a> FieldEncoder<'a> {
    pub fn new(array: &'a dyn Array) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Boolean => FieldEncoder::Bool(array.as_boolean()),
            DataType::Int64 => FieldEncoder::Int(array.as_primitive::<Int64Type>()),
            DataType::Float64 => FieldEncoder::Float(array.as_primitive::<Float64Type>()),
            DataType::Decimal128(_, scale) => {
                FieldEncoder::Decimal(array.as_primitive::<Decimal128Type>(), scale.cast_unsigned())
            }
            DataType::Utf8 => FieldEncoder::Text(array.as_string::<i32>()),
            DataType::Binary => FieldEncoder::Bytes(array.as_binary::<i32>()),
            DataType::FixedSizeBinary(16) => FieldEncoder::Uuid(array.as_fixed_size_binary()),
            DataType::Timestamp(..) => FieldEncoder::Timestamp(array.as_primitive::<TimestampMicrosecondType>()),
            other => return Err(Error::internal(format!("no wire format for Arrow {other}"))),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            FieldEncoder::Bool(a) => a.is_null(row),
            FieldEncoder::Int(a) => a.is_null(row),
            FieldEncoder::Float(a) => a.is_null(row),
            FieldEncoder::Decimal(a, _) => a.is_null(row),
            FieldEncoder::Text(a) => a.is_null(row),
            FieldEncoder::Bytes(a) => a.is_null(row),
            FieldEncoder::Uuid(a) => a.is_null(row),
            FieldEncoder::Timestamp(a) => a.is_null(row),
        }
    }

    /// Appends the field as COPY and Bind frame it: a length and the bytes, or -1 for null.
    fn put(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        if self.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        match self {
            FieldEncoder::Bool(a) => {
                out.put_i32(1);
                out.put_u8(u8::from(a.value(row)));
            }
            FieldEncoder::Int(a) => put_8(out, a.value(row).to_be_bytes()),
            FieldEncoder::Float(a) => put_8(out, a.value(row).to_be_bytes()),
            FieldEncoder::Timestamp(a) => put_8(out, (a.value(row) - EPOCH_US).to_be_bytes()),
            FieldEncoder::Text(a) => put_bytes(out, a.value(row).as_bytes())?,
            FieldEncoder::Bytes(a) => put_bytes(out, a.value(row))?,
            FieldEncoder::Uuid(a) => put_bytes(out, a.value(row))?,
            FieldEncoder::Decimal(a, scale) => {
                let start = out.len();
                out.put_i32(0);
                put_numeric(out, a.value(row), *scale);
                let length = i32::try_from(out.len() - start - 4).map_err(|_| too_long())?;
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }
}

fn put_8(out: &mut BytesMut, bytes: [u8; 8]) {
    let mut field = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    field[4..].copy_from_slice(&bytes);
    out.put_slice(&field);
}

/// A length that does not fit its field would smuggle the rest in as protocol (RUSTSEC-2024-0363).
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) -> Result<()> {
    out.put_i32(i32::try_from(bytes.len()).ok().filter(|&length| length < 1 << 30).ok_or_else(too_long)?);
    out.put_slice(bytes);
    Ok(())
}

fn too_long() -> Error {
    Error::new(ErrorKind::DataTooLong, "PostgreSQL takes at most 1 GiB in one field")
}

/// `numeric_send`: base-10000 digits with a weight, and the scale to show.
pub(super) fn put_numeric(out: &mut BytesMut, value: i128, scale: u8) {
    // The point lies between two groups of four digits: the last group of the fraction is filled up with zeros.
    let groups = scale.div_ceil(4);
    let padding = groups * 4 - scale;
    let magnitude = value.unsigned_abs();
    let unit = pow10(scale).unsigned_abs();
    let (mut whole, mut fraction) = (magnitude / unit, magnitude % unit);
    let mut digits = [0_i16; 24];
    let mut at = digits.len();
    for left in (0..groups).rev() {
        at -= 1;
        // Filled up before it is cut off: the whole fraction times 10^3 would not fit an u128.
        digits[at] = if left + 1 == groups { last_group(&mut fraction, padding) } else { group(&mut fraction) };
    }
    while whole > 0 {
        at -= 1;
        digits[at] = group(&mut whole);
    }
    let whole_groups = i16::try_from(digits.len() - at).unwrap_or(0) - i16::from(groups);
    let mut used = &digits[at..];
    let mut weight = whole_groups - 1;
    while let [0, rest @ ..] = used {
        used = rest;
        weight -= 1;
    }
    while let [rest @ .., 0] = used {
        used = rest;
    }
    out.put_i16(i16::try_from(used.len()).unwrap_or(0));
    out.put_i16(if used.is_empty() { 0 } else { weight });
    out.put_u16(if value < 0 { 0x4000 } else { 0 });
    out.put_u16(u16::from(scale));
    for digit in used {
        out.put_i16(*digit);
    }
}

/// Takes the last `4 - padding` decimal digits off and fills them up to four.
fn last_group(value: &mut u128, padding: u8) -> i16 {
    let cut = pow10(4 - padding).unsigned_abs();
    let digit = (*value % cut) * pow10(padding).unsigned_abs();
    *value /= cut;
    i16::try_from(digit).unwrap_or(0)
}

/// Takes the last four decimal digits off.
fn group(value: &mut u128) -> i16 {
    let digit = i16::try_from(*value % 10_000).unwrap_or(0);
    *value /= 10_000;
    digit
}

/// A single value; `None` for null.
pub(super) fn encode_value(value: &Value<'_>, scale: u8) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    match value {
        Value::Null => return None,
        Value::Bool(v) => out.put_u8(u8::from(*v)),
        Value::Int(v) => out.put_i64(*v),
        Value::Float(v) => out.put_f64(*v),
        Value::Decimal(v) => put_numeric(&mut out, *v, scale),
        Value::Text(v) => out.put_slice(v.as_bytes()),
        Value::Bytes(v) => out.put_slice(v),
        Value::Uuid(v) => out.put_slice(v),
        Value::Instant(v) | Value::WallTime(v) => out.put_i64(*v - EPOCH_US),
    }
    Some(out)
}

/// The values of a batch row by row, each without its length; `None` for null.
pub(super) fn encode_rows(batch: &RecordBatch) -> Result<Vec<Option<BytesMut>>> {
    let fields = batch.columns().iter().map(|array| FieldEncoder::new(array)).collect::<Result<Vec<_>>>()?;
    let mut values = Vec::with_capacity(batch.num_rows() * fields.len());
    for row in 0..batch.num_rows() {
        for field in &fields {
            let mut framed = BytesMut::new();
            field.put(row, &mut framed)?;
            values.push((!field.is_null(row)).then(|| framed.split_off(4)));
        }
    }
    Ok(values)
}

/// The start of a COPY stream: signature, flags, no header extension.
pub(crate) fn put_copy_header(out: &mut BytesMut) {
    out.put_slice(COPY_SIGNATURE);
    out.put_i32(0);
    out.put_i32(0);
}

pub(crate) fn put_copy_trailer(out: &mut BytesMut) {
    out.put_i16(-1);
}

/// The columns of a batch, ready to be written row by row.
pub(crate) fn copy_encoders(batch: &RecordBatch) -> Result<Vec<FieldEncoder<'_>>> {
    batch.columns().iter().map(|array| FieldEncoder::new(array)).collect()
}

/// One row of a COPY stream.
pub(crate) fn put_copy_row(out: &mut BytesMut, fields: &[FieldEncoder<'_>], row: usize) -> Result<()> {
    out.put_i16(i16::try_from(fields.len()).map_err(|_| Error::internal("more columns than COPY takes"))?);
    fields.iter().try_for_each(|field| field.put(row, out))
}

#[cfg(test)]
mod tests {
    use super::super::decode::decode_numeric;
    use super::*;

    fn numeric(value: i128, scale: u8) -> Vec<u8> {
        let mut out = BytesMut::new();
        put_numeric(&mut out, value, scale);
        out.to_vec()
    }

    /// Bytes as PostgreSQL 15's `numeric_send` gives them.
    #[test]
    fn numerics_match_the_server() {
        let words = |words: &[i16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(numeric(0, 2), words(&[0, 0, 0, 2]));
        assert_eq!(numeric(123_456_789, 2), words(&[3, 1, 0, 2, 123, 4567, 8900]));
        assert_eq!(numeric(-1, 4), words(&[1, -1, 0x4000, 4, 1]));
        assert_eq!(numeric(100_000_000, 0), words(&[1, 2, 0, 0, 1]));
    }

    #[test]
    fn numerics_read_back_equal() {
        let largest = 10_i128.pow(38) - 1;
        for value in [0, 1, -1, 9999, 10_000, 10_001, 123_456_789_012_345_678_901_234_567, largest, -largest] {
            for scale in [0, 1, 2, 3, 4, 5, 10, 37, 38] {
                assert_eq!(decode_numeric(&numeric(value, scale), scale), Ok(value), "{value} at {scale}");
            }
        }
    }
}
