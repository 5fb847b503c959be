//! Values on their way in: [`Raw`] is what a caller gave, [`Value`] is what a column takes.

use std::borrow::Cow;

use crate::error::Result;
use crate::types::{LogicalType, render_item};

/// A value as given, before its field is known. Borrowed where the caller's memory allows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer outside 64 bits.
    BigInt(Cow<'a, str>),
    Float(f64),
    /// The digits of a Decimal, as `str(decimal)` writes them.
    Decimal(Cow<'a, str>),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Uuid([u8; 16]),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// Microseconds since 1970-01-01T00:00:00 on a wall clock without zone.
    WallTime(i64),
    /// A value with more precision than microseconds keep.
    SubMicrosecond,
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight on a clock without zone.
    Time(i64),
    /// A time of day with a zone, which no field takes.
    AwareTime,
    /// Microseconds.
    Duration(i64),
    /// A duration outside 64 bits of microseconds.
    LongDuration,
    List(Vec<Raw<'a>>),
    /// Entries in the order given.
    Map(Vec<(Cow<'a, str>, Raw<'a>)>),
    /// A value of a type no field takes; its type's name.
    Other(Cow<'a, str>),
}

impl Raw<'_> {
    /// What the value is, for a message; never the value itself.
    pub fn type_name(&self) -> &str {
        match self {
            Raw::Null => "None",
            Raw::Bool(_) => "bool",
            Raw::Int(_) | Raw::BigInt(_) => "int",
            Raw::Float(_) => "float",
            Raw::Decimal(_) => "Decimal",
            Raw::Text(_) => "str",
            Raw::Bytes(_) => "bytes",
            Raw::Uuid(_) => "UUID",
            Raw::Instant(_) => "aware datetime",
            Raw::WallTime(_) => "naive datetime",
            Raw::SubMicrosecond => "timestamp with nanoseconds",
            Raw::Date(_) => "date",
            Raw::Time(_) => "time",
            Raw::AwareTime => "aware time",
            Raw::Duration(_) | Raw::LongDuration => "timedelta",
            Raw::List(_) => "list",
            Raw::Map(_) => "dict",
            Raw::Other(name) => name,
        }
    }
}

impl Raw<'_> {
    /// The recursion is as deep as the reader of the caller's data allows.
    pub fn into_owned(self) -> Raw<'static> {
        let text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Raw::BigInt(v) => Raw::BigInt(text(v)),
            Raw::Decimal(v) => Raw::Decimal(text(v)),
            Raw::Text(v) => Raw::Text(text(v)),
            Raw::Other(v) => Raw::Other(text(v)),
            Raw::Bytes(v) => Raw::Bytes(Cow::Owned(v.into_owned())),
            Raw::List(items) => Raw::List(items.into_iter().map(Raw::into_owned).collect()),
            Raw::Map(entries) => Raw::Map(entries.into_iter().map(|(k, v)| (text(k), v.into_owned())).collect()),
            Raw::Null => Raw::Null,
            Raw::Bool(v) => Raw::Bool(v),
            Raw::Int(v) => Raw::Int(v),
            Raw::Float(v) => Raw::Float(v),
            Raw::Uuid(v) => Raw::Uuid(v),
            Raw::Instant(v) => Raw::Instant(v),
            Raw::WallTime(v) => Raw::WallTime(v),
            Raw::SubMicrosecond => Raw::SubMicrosecond,
            Raw::Date(v) => Raw::Date(v),
            Raw::Time(v) => Raw::Time(v),
            Raw::AwareTime => Raw::AwareTime,
            Raw::Duration(v) => Raw::Duration(v),
            Raw::LongDuration => Raw::LongDuration,
        }
    }
}

/// A value a column holds exactly. A Decimal is its digits as an integer at the column's scale.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(i128),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Uuid([u8; 16]),
    Instant(i64),
    WallTime(i64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds.
    Duration(i64),
    /// Values of one scalar type, none of them null.
    List(Vec<Value<'a>>),
    /// Canonical JSON text ([`crate::types::canonical_json`]).
    Json(Cow<'a, str>),
}

impl Value<'_> {
    /// Whether two values are the same to a database: NaN is itself, and zero has no sign.
    pub fn same(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (a, b) => a == b,
        }
    }

    /// The value as a person would write a key, in events.
    pub fn to_key_text(&self, ty: &LogicalType) -> Result<String> {
        match self {
            Value::Text(text) => Ok(text.to_string()),
            value => Ok(render_item(ty, value)?.trim_matches('"').to_owned()),
        }
    }

    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Value::Null => Value::Null,
            Value::Bool(v) => Value::Bool(v),
            Value::Int(v) => Value::Int(v),
            Value::Float(v) => Value::Float(v),
            Value::Decimal(v) => Value::Decimal(v),
            Value::Uuid(v) => Value::Uuid(v),
            Value::Instant(v) => Value::Instant(v),
            Value::WallTime(v) => Value::WallTime(v),
            Value::Date(v) => Value::Date(v),
            Value::Time(v) => Value::Time(v),
            Value::Duration(v) => Value::Duration(v),
            // Items are scalars: this goes one level down.
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Value::Json(text) => Value::Json(Cow::Owned(text.into_owned())),
        }
    }
}
