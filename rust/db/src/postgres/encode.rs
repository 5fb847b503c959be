//! Values in PostgreSQL's binary format, for parameters and for COPY.
//!
//! Formats: the `*send` functions of each type in PostgreSQL's `src/backend/utils/adt`, and
//! <https://www.postgresql.org/docs/current/sql-copy.html> (binary format).

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMicrosecondArray, FixedSizeBinaryArray,
    Float64Array, Int64Array, ListArray, RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field};
use bytes::{BufMut, BytesMut};
use dataflow_core::types::{LogicalType, pow10};
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::wire_type::wire_type;

/// Microseconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
pub(super) const EPOCH_US: i64 = 946_684_800_000_000;
/// The same in days.
pub(super) const EPOCH_DAYS: i32 = 10_957;
/// The only version of jsonb's binary form.
pub(super) const JSONB_VERSION: u8 = 1;

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
    Date(&'a Date32Array),
    Time(&'a Time64MicrosecondArray),
    Interval(&'a DurationMicrosecondArray),
    Array { lists: &'a ListArray, items: Box<FieldEncoder<'a>>, item_oid: u32 },
    Jsonb(&'a StringArray),
}

impl<'a> FieldEncoder<'a> {
    /// By the column's type, which its field tells: jsonb and text are the same Arrow.
    pub fn new(field: &Field, array: &'a dyn Array) -> Result<Self> {
        Ok(match LogicalType::of_field(field)? {
            LogicalType::Bool => FieldEncoder::Bool(array.as_boolean()),
            LogicalType::Int => FieldEncoder::Int(array.as_primitive::<Int64Type>()),
            LogicalType::Float => FieldEncoder::Float(array.as_primitive::<Float64Type>()),
            LogicalType::Decimal { scale, .. } => FieldEncoder::Decimal(array.as_primitive::<Decimal128Type>(), scale),
            LogicalType::Text { .. } | LogicalType::Choice { .. } => FieldEncoder::Text(array.as_string::<i32>()),
            LogicalType::Bytes => FieldEncoder::Bytes(array.as_binary::<i32>()),
            LogicalType::Uuid => FieldEncoder::Uuid(array.as_fixed_size_binary()),
            LogicalType::Instant | LogicalType::WallTime => {
                FieldEncoder::Timestamp(array.as_primitive::<TimestampMicrosecondType>())
            }
            LogicalType::Date => FieldEncoder::Date(array.as_primitive::<Date32Type>()),
            LogicalType::Time => FieldEncoder::Time(array.as_primitive::<Time64MicrosecondType>()),
            LogicalType::Duration => FieldEncoder::Interval(array.as_primitive::<DurationMicrosecondType>()),
            LogicalType::Json => FieldEncoder::Jsonb(array.as_string::<i32>()),
            LogicalType::List { item } => {
                let DataType::List(field) = field.data_type() else {
                    return Err(Error::internal("a list column of another Arrow type"));
                };
                let lists = array.as_list::<i32>();
                let items = Box::new(FieldEncoder::new(field, lists.values().as_ref())?);
                FieldEncoder::Array { lists, items, item_oid: wire_type(&item).oid() }
            }
            LogicalType::Rows(_) => return Err(Error::internal("rows are no data of a table")),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            FieldEncoder::Bool(a) => a.is_null(row),
            FieldEncoder::Int(a) => a.is_null(row),
            FieldEncoder::Float(a) => a.is_null(row),
            FieldEncoder::Decimal(a, _) => a.is_null(row),
            FieldEncoder::Text(a) | FieldEncoder::Jsonb(a) => a.is_null(row),
            FieldEncoder::Bytes(a) => a.is_null(row),
            FieldEncoder::Uuid(a) => a.is_null(row),
            FieldEncoder::Timestamp(a) => a.is_null(row),
            FieldEncoder::Date(a) => a.is_null(row),
            FieldEncoder::Time(a) => a.is_null(row),
            FieldEncoder::Interval(a) => a.is_null(row),
            FieldEncoder::Array { lists, .. } => lists.is_null(row),
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
            FieldEncoder::Time(a) => put_8(out, a.value(row).to_be_bytes()),
            FieldEncoder::Date(a) => put_bytes(out, &(a.value(row) - EPOCH_DAYS).to_be_bytes())?,
            FieldEncoder::Interval(a) => put_bytes(out, &interval(a.value(row)))?,
            FieldEncoder::Text(a) => put_bytes(out, a.value(row).as_bytes())?,
            FieldEncoder::Bytes(a) => put_bytes(out, a.value(row))?,
            FieldEncoder::Uuid(a) => put_bytes(out, a.value(row))?,
            FieldEncoder::Decimal(a, scale) => framed(out, |out| {
                put_numeric(out, a.value(row), *scale);
                Ok(())
            })?,
            FieldEncoder::Jsonb(a) => framed(out, |out| {
                put_jsonb(out, a.value(row));
                Ok(())
            })?,
            FieldEncoder::Array { lists, items, item_oid } => {
                let offsets = lists.value_offsets();
                let (first, end) = (offsets[row].cast_unsigned() as usize, offsets[row + 1].cast_unsigned() as usize);
                framed(out, |out| {
                    put_array_header(out, *item_oid, end - first)?;
                    (first..end).try_for_each(|at| items.put(at, out))
                })?;
            }
        }
        Ok(())
    }
}

/// Writes a field whose length is known at its end.
fn framed(out: &mut BytesMut, put: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.put_i32(0);
    put(out)?;
    let length = field_length(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// `interval_recv`: microseconds, days, months. Only the first is a duration whatever the calendar.
fn interval(us: i64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&us.to_be_bytes());
    bytes
}

fn put_jsonb(out: &mut BytesMut, text: &str) {
    out.put_u8(JSONB_VERSION);
    out.put_slice(text.as_bytes());
}

/// `array_recv`: dimensions, null flag, element OID, then length and lower bound of the one dimension; an empty array
/// has none.
fn put_array_header(out: &mut BytesMut, item_oid: u32, length: usize) -> Result<()> {
    out.put_i32(i32::from(length > 0));
    out.put_i32(0);
    out.put_u32(item_oid);
    if length > 0 {
        out.put_i32(i32::try_from(length).map_err(|_| too_long())?);
        out.put_i32(1);
    }
    Ok(())
}

fn put_8(out: &mut BytesMut, bytes: [u8; 8]) {
    let mut field = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    field[4..].copy_from_slice(&bytes);
    out.put_slice(&field);
}

/// A length that does not fit its field would smuggle the rest in as protocol (RUSTSEC-2024-0363).
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) -> Result<()> {
    out.put_i32(field_length(bytes.len())?);
    out.put_slice(bytes);
    Ok(())
}

fn field_length(bytes: usize) -> Result<i32> {
    i32::try_from(bytes).ok().filter(|&length| length < 1 << 30).ok_or_else(too_long)
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
pub(super) fn encode_value(ty: &LogicalType, value: &Value<'_>) -> Result<Option<BytesMut>> {
    let mut out = BytesMut::new();
    match (value, ty) {
        (Value::Null, _) => return Ok(None),
        (Value::Bool(v), _) => out.put_u8(u8::from(*v)),
        (Value::Int(v), _) => out.put_i64(*v),
        (Value::Float(v), _) => out.put_f64(*v),
        (Value::Decimal(v), LogicalType::Decimal { scale, .. }) => put_numeric(&mut out, *v, *scale),
        (Value::Decimal(_), _) => return Err(Error::internal("a decimal without its scale")),
        (Value::Text(v), _) => out.put_slice(v.as_bytes()),
        (Value::Bytes(v), _) => out.put_slice(v),
        (Value::Uuid(v), _) => out.put_slice(v),
        (Value::Instant(v) | Value::WallTime(v), _) => out.put_i64(*v - EPOCH_US),
        (Value::Date(v), _) => out.put_i32(*v - EPOCH_DAYS),
        (Value::Time(v), _) => out.put_i64(*v),
        (Value::Duration(v), _) => out.put_slice(&interval(*v)),
        (Value::Json(v), _) => put_jsonb(&mut out, v),
        (Value::List(items), LogicalType::List { item }) => return encode_array(item, items).map(Some),
        (Value::List(_), _) => return Err(Error::internal("a list without the type of its items")),
    }
    Ok(Some(out))
}

/// An array of values of one scalar type.
pub(super) fn encode_array(item: &LogicalType, values: &[Value<'_>]) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    put_array_header(&mut out, wire_type(item).oid(), values.len())?;
    for value in values {
        match encode_value(item, value)? {
            None => out.put_i32(-1),
            Some(bytes) => put_bytes(&mut out, &bytes)?,
        }
    }
    Ok(out)
}

/// An array of the values of a column, whose type is no list.
pub(super) fn encode_column(ty: &LogicalType, column: &dyn Array) -> Result<BytesMut> {
    let field = ty.field("item", true);
    let items = FieldEncoder::new(&field, column)?;
    let mut out = BytesMut::with_capacity(20 + 12 * column.len());
    put_array_header(&mut out, wire_type(ty).oid(), column.len())?;
    (0..column.len()).try_for_each(|row| items.put(row, &mut out))?;
    Ok(out)
}

/// The values of a batch row by row, each without its length; `None` for null.
pub(super) fn encode_rows(batch: &RecordBatch) -> Result<Vec<Option<BytesMut>>> {
    let fields = copy_encoders(batch)?;
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
    let fields = batch.schema_ref().fields().iter().zip(batch.columns());
    fields.map(|(field, array)| FieldEncoder::new(field, array.as_ref())).collect()
}

/// One row of a COPY stream.
pub(crate) fn put_copy_row(out: &mut BytesMut, fields: &[FieldEncoder<'_>], row: usize) -> Result<()> {
    out.put_i16(i16::try_from(fields.len()).map_err(|_| Error::internal("more columns than COPY takes"))?);
    fields.iter().try_for_each(|field| field.put(row, out))
}

#[cfg(test)]
mod tests {
    use super::super::decode::{decode, decode_numeric};
    use super::*;
    use arrow_array::ArrayRef;
    use arrow_schema::Schema;
    use dataflow_core::batch::ColumnBuilder;
    use dataflow_core::types::{FIRST_DAY, LAST_DAY};
    use std::sync::Arc;

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

    fn cells() -> Vec<(LogicalType, Vec<Value<'static>>)> {
        let list = |item| LogicalType::List { item: Box::new(item) };
        let text = |text: &'static str| Value::Text(text.into());
        vec![
            (LogicalType::Date, vec![Value::Date(FIRST_DAY), Value::Date(0), Value::Date(LAST_DAY)]),
            (LogicalType::Time, vec![Value::Time(0), Value::Time(86_399_999_999)]),
            (LogicalType::Duration, vec![Value::Duration(i64::MIN), Value::Duration(-1), Value::Duration(i64::MAX)]),
            (LogicalType::Choice { values: ["a".into(), "b".into()].into() }, vec![text("b")]),
            (LogicalType::Json, vec![Value::Json(r#"{"a":[1,"ä"],"bb":0.5}"#.into()), Value::Json("7".into())]),
            (list(LogicalType::Int), vec![Value::List(vec![]), Value::List(vec![Value::Int(1), Value::Int(-1)])]),
            (
                list(LogicalType::Decimal { precision: 10, scale: 2 }),
                vec![Value::List(vec![Value::Decimal(-150), Value::Decimal(0)])],
            ),
            (list(LogicalType::Text { max_length: None }), vec![Value::List(vec![text(""), text("ä")])]),
            (list(LogicalType::Duration), vec![Value::List(vec![Value::Duration(-1)])]),
        ]
    }

    /// A column of `values` between two nulls, cut so that its arrays do not begin at their start.
    fn column(ty: &LogicalType, values: &[Value<'static>]) -> RecordBatch {
        let mut builder = ColumnBuilder::new(ty, values.len() + 2);
        let edges = [Value::Null];
        values[..1].iter().chain(&edges).chain(values).chain(&edges).for_each(|value| builder.append(value).unwrap());
        let array: ArrayRef = builder.finish();
        let schema = Schema::new(vec![ty.field("c", true)]);
        RecordBatch::try_new(Arc::new(schema), vec![array.slice(1, values.len() + 2)]).unwrap()
    }

    #[test]
    fn columns_and_parameters_have_one_form_and_read_back() {
        for (ty, values) in cells() {
            let rows = encode_rows(&column(&ty, &values)).unwrap();
            assert_eq!((rows.len(), &rows[0], &rows[rows.len() - 1]), (values.len() + 2, &None, &None));
            for (value, row) in values.iter().zip(&rows[1..]) {
                let parameter = encode_value(&ty, value).unwrap();
                assert_eq!(row, &parameter, "{ty:?}");
                assert_eq!(&decode(&ty, &parameter.unwrap()).unwrap(), value);
            }
        }
    }

    /// Bytes as the server's `*send` functions give them.
    #[test]
    fn forms_match_the_server() {
        let encoded = |ty: &LogicalType, value: &Value<'_>| encode_value(ty, value).unwrap().unwrap().to_vec();
        assert_eq!(encoded(&LogicalType::Date, &Value::Date(10_958)), [0, 0, 0, 1]);
        assert_eq!(encoded(&LogicalType::Duration, &Value::Duration(1))[7..], [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encoded(&LogicalType::Json, &Value::Json("{}".into())), b"\x01{}");
        let list = LogicalType::List { item: Box::new(LogicalType::Bool) };
        assert_eq!(encoded(&list, &Value::List(vec![])), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
        let one = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1];
        assert_eq!(encoded(&list, &Value::List(vec![Value::Bool(true)])), one);
    }
}
