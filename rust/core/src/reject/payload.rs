//! A row as it was given, as JSON text that our own reading takes back.
//!
//! Decimals, UUIDs and times are texts, as they may be given. What JSON has no form for is an object of one key:
//! `{"$bytes": "<hexadecimal digits>"}`, `{"$timedelta": <microseconds>}`, `{"$repr": "<text>"}` for what is no value of
//! ours, and `{"$dict": {…}}` around a dict of the caller that looks like one of these.

use std::borrow::Cow;
use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;

use crate::batch::{Given, Reading, cell, normalise_column};
use crate::error::Result;
use crate::schema::{TableSchema, hex};
use crate::types::{
    FIRST_DAY, FIRST_MICROSECOND, LAST_DAY, LAST_MICROSECOND, LogicalType, check_time, parse_json, render_date,
    render_datetime, render_decimal, render_time, render_uuid,
};
use crate::value::{Raw, Value};

/// The fields of a row by name, in the order given.
pub fn payload(fields: &[(&str, Raw<'_>)]) -> String {
    let mut out = String::from("{");
    for (at, (name, value)) in fields.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_text(&mut out, name);
        out.push(':');
        write(&mut out, value);
    }
    out.push('}');
    out
}

/// Whether nothing of the value is lost: what is not has to be told by its text, as [`Raw::Other`].
pub fn is_whole(value: &Raw<'_>) -> bool {
    match value {
        Raw::SubMicrosecond | Raw::AwareTime | Raw::LongDuration | Raw::Other(_) => false,
        Raw::Instant(us) | Raw::WallTime(us) => (FIRST_MICROSECOND..=LAST_MICROSECOND).contains(us),
        Raw::Date(days) => (FIRST_DAY..=LAST_DAY).contains(days),
        Raw::Time(us) => check_time(*us).is_ok(),
        Raw::List(items) => items.iter().all(is_whole),
        Raw::Map(entries) => entries.iter().all(|(_, value)| is_whole(value)),
        _ => true,
    }
}

/// The row of checked rows, with the values that were given.
///
/// # Errors
/// `Internal` when they are not of the table's types.
pub fn given_payload(table: &TableSchema, given: &Given, row: usize) -> Result<String> {
    let mut fields = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if given.is_given(at, row) {
            let value = cell(&column.ty, given.batch.column(at), row)?;
            fields.push((column.name.as_str(), raw_of(&column.ty, value)));
        }
    }
    Ok(payload(&fields))
}

/// The row of any Arrow data: each value as its column reads it, or, where it does not, as the data has it.
pub fn arrow_payload(table: &TableSchema, input: &RecordBatch, row: usize, reading: Reading) -> String {
    let mut owned: Vec<(&str, Raw<'static>)> = Vec::with_capacity(input.num_columns());
    for (field, array) in input.schema_ref().fields().iter().zip(input.columns()) {
        let one = array.slice(row, 1);
        let column = table.columns.iter().position(|column| column.name == *field.name());
        let read = column.and_then(|at| {
            let ty = &table.columns[at].ty;
            let array = normalise_column(table, at, &one, reading, 0).ok()?;
            cell(ty, &array, 0).ok().map(|value| raw_of(ty, value).into_owned())
        });
        owned.push((field.name(), read.unwrap_or_else(|| as_it_is(&one))));
    }
    payload(&owned)
}

/// A value that its column refuses.
fn as_it_is(one: &ArrayRef) -> Raw<'static> {
    if one.is_null(0) {
        return Raw::Null;
    }
    match one.data_type() {
        DataType::Boolean => Raw::Bool(one.as_boolean().value(0)),
        // Texts may be no UTF-8: they are looked at as bytes.
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => match cast(one, &DataType::Binary) {
            Ok(bytes) => {
                let bytes = bytes.as_binary::<i32>().value(0).to_vec();
                String::from_utf8(bytes)
                    .map_or_else(|error| Raw::Bytes(error.into_bytes().into()), |text| Raw::Text(text.into()))
            }
            Err(_) => shown(one),
        },
        DataType::Binary => Raw::Bytes(one.as_binary::<i32>().value(0).to_vec().into()),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => Raw::BigInt(text_of(one).into()),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => match cast(one, &DataType::Float64) {
            Ok(float) => Raw::Float(float.as_primitive::<arrow_array::types::Float64Type>().value(0)),
            Err(_) => shown(one),
        },
        DataType::Dictionary(_, values) => cast(one, values).map_or_else(|_| shown(one), |value| as_it_is(&value)),
        _ => shown(one),
    }
}

fn shown(one: &ArrayRef) -> Raw<'static> {
    Raw::Text(text_of(one).into())
}

fn text_of(one: &ArrayRef) -> String {
    let options = FormatOptions::default();
    ArrayFormatter::try_new(one, &options)
        .ok()
        .and_then(|formatter| formatter.value(0).try_to_string().ok())
        .unwrap_or_else(|| format!("Arrow {}", one.data_type()))
}

/// A checked value in the form in which it can be given again.
fn raw_of<'a>(ty: &LogicalType, value: Value<'a>) -> Raw<'a> {
    match (ty, value) {
        (_, Value::Null) => Raw::Null,
        (_, Value::Bool(v)) => Raw::Bool(v),
        (_, Value::Int(v)) => Raw::Int(v),
        (_, Value::Float(v)) => Raw::Float(v),
        (LogicalType::Decimal { scale, .. }, Value::Decimal(v)) => Raw::Decimal(render_decimal(v, *scale).into()),
        (_, Value::Decimal(v)) => Raw::Decimal(v.to_string().into()),
        (_, Value::Text(v)) => Raw::Text(v),
        (_, Value::Bytes(v)) => Raw::Bytes(v),
        (_, Value::Uuid(v)) => Raw::Uuid(v),
        (_, Value::Instant(v)) => Raw::Instant(v),
        (_, Value::WallTime(v)) => Raw::WallTime(v),
        (_, Value::Date(v)) => Raw::Date(v),
        (_, Value::Time(v)) => Raw::Time(v),
        (_, Value::Duration(v)) => Raw::Duration(v),
        (LogicalType::List { item }, Value::List(items)) => {
            Raw::List(items.into_iter().map(|value| raw_of(item, value)).collect())
        }
        (_, Value::List(items)) => Raw::List(items.into_iter().map(|value| raw_of(ty, value)).collect()),
        (_, Value::Json(text)) => {
            let document = parse_json(&text).map(Raw::into_owned);
            document.unwrap_or(Raw::Text(text))
        }
    }
}

fn write(out: &mut String, value: &Raw<'_>) {
    match value {
        Raw::Null => out.push_str("null"),
        Raw::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
        Raw::Int(v) => drop(write!(out, "{v}")),
        Raw::BigInt(digits) => out.push_str(digits),
        // The shortest form that is read back as the same float.
        Raw::Float(v) if v.is_finite() => drop(write!(out, "{v:?}")),
        Raw::Float(v) => write_text(out, &v.to_string()),
        Raw::Decimal(text) | Raw::Text(text) => write_text(out, text),
        Raw::Bytes(bytes) => write_marked(out, "$bytes", |out| write_text(out, &hex(bytes))),
        Raw::Uuid(bytes) => write_text(out, &render_uuid(bytes)),
        Raw::Instant(us) => write_text(out, &String::from_utf8_lossy(&render_datetime(*us))),
        Raw::WallTime(us) => {
            let text = render_datetime(*us);
            write_text(out, &String::from_utf8_lossy(&text[..text.len() - 1]));
        }
        Raw::Date(days) => write_text(out, &String::from_utf8_lossy(&render_date(*days))),
        Raw::Time(us) => write_text(out, &String::from_utf8_lossy(&render_time(*us))),
        Raw::Duration(us) => write_marked(out, "$timedelta", |out| out.push_str(&us.to_string())),
        Raw::List(items) => write_list(out, items),
        Raw::Map(entries) => match &entries[..] {
            [(key, _)] if key.starts_with('$') => write_marked(out, "$dict", |out| write_map(out, entries)),
            _ => write_map(out, entries),
        },
        Raw::Other(text) => write_marked(out, "$repr", |out| write_text(out, text)),
        Raw::SubMicrosecond | Raw::AwareTime | Raw::LongDuration => {
            write_marked(out, "$repr", |out| write_text(out, value.type_name()));
        }
    }
}

fn write_marked(out: &mut String, marker: &str, value: impl FnOnce(&mut String)) {
    let _ = write!(out, "{{\"{marker}\":");
    value(out);
    out.push('}');
}

fn write_list(out: &mut String, items: &[Raw<'_>]) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write(out, item);
    }
    out.push(']');
}

fn write_map(out: &mut String, entries: &[(Cow<'_, str>, Raw<'_>)]) {
    out.push('{');
    for (at, (key, value)) in entries.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_text(out, key);
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

/// Unlike a JSON column, a payload takes every character: a control character is escaped.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control.is_control() => drop(write!(out, "\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}
