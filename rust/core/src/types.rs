//! The one table of types: what a hint means in Arrow, and which values it takes.
//!
//! The column type of each database is in its [`crate::dialect`]; which Python hint names which
//! logical type is in `python/dataflow/model/hints.py`.

mod calendar;
mod decimal;
mod field;
mod fixed;
mod json;
mod list;
mod rows;
mod temporal;

use std::borrow::Cow;
use std::sync::Arc;

pub use calendar::{FIRST_DAY, FIRST_MICROSECOND, LAST_DAY, LAST_MICROSECOND, check_date, check_range, parse_datetime};
pub(crate) use decimal::too_many_digits;
pub use decimal::{pow10, render_decimal};
pub use fixed::{
    DATE_WIDTH, TIME_WIDTH, WALL_WIDTH, days, read_date, read_datetime, read_time, render_date, render_datetime,
    render_time,
};
pub(crate) use json::parse as parse_json;
pub use json::{canonical_json, read_json, read_jsonb};
#[cfg(test)]
pub(crate) use list::tests::lists;
pub use list::{accept_item, check_item, null_item, read_item, read_list, render_item, render_list, render_uuid};
pub use rows::{Returned, RowsType};
pub use temporal::check_time;
pub(crate) use temporal::long_duration;

use crate::error::{Error, ErrorKind, Result};
use crate::value::{Raw, Value};

/// 2^53: above it a float64 skips integers.
const EXACT_FLOAT_INTEGERS: i64 = 1 << 53;

/// Choices that a hint lists.
const SHOWN_CHOICES: usize = 20;

/// What a field holds, whatever the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogicalType {
    Bool,
    Int,
    Float,
    /// At most 38 digits, `scale` of them after the point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    /// At most `max_length` characters, where given.
    Text {
        max_length: Option<u32>,
    },
    Bytes,
    Uuid,
    /// A point in time, kept in UTC at microseconds.
    Instant,
    /// What a wall clock shows, without a zone, at microseconds.
    WallTime,
    Date,
    /// A time of day without a zone, at microseconds.
    Time,
    /// 64 bits of microseconds.
    Duration,
    /// One of a few texts.
    Choice {
        values: Arc<[Box<str>]>,
    },
    /// Any number of values of one scalar type, none of them null.
    List {
        item: Box<LogicalType>,
    },
    /// A JSON document, in the canonical text of [`canonical_json`].
    Json,
    /// Rows of other columns, which a result has and no table.
    Rows(Arc<RowsType>),
}

/// What a database can keep beyond the logical type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatRules {
    pub nan: bool,
    pub infinity: bool,
}

impl FloatRules {
    fn check(self, value: f64) -> Result<f64> {
        let kept = if value.is_nan() { self.nan } else { !value.is_infinite() || self.infinity };
        if kept {
            return Ok(value);
        }
        let what = if value.is_nan() { "NaN" } else { "an infinite number" };
        Err(Error::new(ErrorKind::NotFinite, format!("this database cannot keep {what}"))
            .hint("use None in an optional field for a missing number"))
    }
}

impl LogicalType {
    /// Whether its values are texts, which an index may take for the same by a collation.
    pub const fn is_text(&self) -> bool {
        matches!(self, LogicalType::Text { .. } | LogicalType::Choice { .. })
    }

    /// The name a person knows it by, in messages.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            LogicalType::Bool => "bool".into(),
            LogicalType::Int => "int".into(),
            LogicalType::Float => "float".into(),
            LogicalType::Decimal { precision, scale } => format!("Decimal({precision}, {scale})").into(),
            LogicalType::Text { max_length: None } => "str".into(),
            LogicalType::Text { max_length: Some(length) } => format!("str of at most {length} characters").into(),
            LogicalType::Bytes => "bytes".into(),
            LogicalType::Uuid => "UUID".into(),
            LogicalType::Instant => "aware datetime".into(),
            LogicalType::WallTime => "naive datetime".into(),
            LogicalType::Date => "date".into(),
            LogicalType::Time => "time".into(),
            LogicalType::Duration => "timedelta".into(),
            LogicalType::Choice { values } => {
                let values: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
                format!("one of {}", values.join(", ")).into()
            }
            LogicalType::List { item } => format!("list of {}", item.name()).into(),
            LogicalType::Json => "JSON".into(),
            LogicalType::Rows(rows) if rows.many => "list of rows".into(),
            LogicalType::Rows(_) => "row".into(),
        }
    }

    /// Whether every database can order and index values of this type.
    pub fn is_indexable(&self) -> bool {
        !matches!(self, LogicalType::Bytes | LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_))
    }

    /// Whether values of this type have one order on every database.
    pub fn is_ordered(&self) -> bool {
        !matches!(self, LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_))
    }

    /// The value as this type holds it, equal to what was given, or why it cannot be.
    ///
    /// A string is read by the type (ISO 8601 for datetimes); a float for a Decimal is taken by its
    /// shortest form. `Raw::Null` stays null: whether null is allowed is the column's matter.
    pub fn accept<'a>(&self, raw: Raw<'a>, floats: FloatRules) -> Result<Value<'a>> {
        match (self, raw) {
            (_, Raw::Null) => Ok(Value::Null),
            (LogicalType::Bool, raw) => accept_bool(&raw),
            (LogicalType::Int, raw) => accept_int(&raw),
            (LogicalType::Float, raw) => floats.check(accept_float(&raw)?).map(Value::Float),
            (LogicalType::Decimal { precision, scale }, raw) => decimal::accept(&raw, *precision, *scale),
            (LogicalType::Text { max_length }, Raw::Text(text)) => {
                check_text(&text, *max_length)?;
                Ok(Value::Text(text))
            }
            (LogicalType::Bytes, Raw::Bytes(bytes)) => Ok(Value::Bytes(bytes)),
            (LogicalType::Uuid, Raw::Uuid(uuid)) => Ok(Value::Uuid(uuid)),
            (LogicalType::Uuid, Raw::Bytes(bytes)) => bytes
                .as_ref()
                .try_into()
                .map(Value::Uuid)
                .map_err(|_| Error::new(ErrorKind::WrongType, "a UUID has 16 bytes")),
            (LogicalType::Uuid, Raw::Text(text)) => parse_uuid(&text).map(Value::Uuid),
            (LogicalType::Instant | LogicalType::WallTime, raw) => {
                calendar::accept(&raw, *self == LogicalType::Instant)
            }
            (LogicalType::Date, raw) => temporal::accept_date(&raw),
            (LogicalType::Time, raw) => temporal::accept_time(&raw),
            (LogicalType::Duration, raw) => temporal::accept_duration(&raw),
            (LogicalType::Choice { values }, Raw::Text(text)) => {
                check_choice(&text, values)?;
                Ok(Value::Text(text))
            }
            (LogicalType::List { item }, raw) => list::accept(self, item, raw),
            (LogicalType::Json, raw) => json::accept(&raw),
            (ty, raw) => Err(wrong_type(ty, &raw)),
        }
    }

    /// Refuses a type that no column can have.
    ///
    /// # Errors
    /// `InvalidModel`.
    pub fn check(&self) -> Result<()> {
        let invalid = |message: &str| Err(Error::new(ErrorKind::InvalidModel, message));
        match self {
            LogicalType::Decimal { precision, scale } if !(1..=38).contains(precision) || scale > precision => {
                invalid("a Precision has 1 to 38 digits, at most as many after the point")
            }
            LogicalType::Choice { values } if values.is_empty() => invalid("a choice needs at least one value"),
            LogicalType::Choice { values } if values.iter().any(|value| value.contains('\0')) => {
                invalid("a choice holds a NUL character (\\0)")
            }
            LogicalType::Choice { values } if (1..values.len()).any(|at| values[..at].contains(&values[at])) => {
                invalid("a choice stands twice")
            }
            LogicalType::List { item } => match item.as_ref() {
                LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_) => {
                    invalid("the items of a list are of a scalar type")
                }
                item => item.check(),
            },
            LogicalType::Rows(_) => invalid("no column holds rows"),
            _ => Ok(()),
        }
    }
}

/// A refusal never shows the value, the hint shows what is allowed.
pub fn check_choice(text: &str, values: &[Box<str>]) -> Result<()> {
    if values.iter().any(|value| **value == *text) {
        return Ok(());
    }
    let shown: Vec<_> = values.iter().take(SHOWN_CHOICES).map(|value| format!("{value:?}")).collect();
    let more = if values.len() > SHOWN_CHOICES { ", …" } else { "" };
    Err(Error::new(ErrorKind::NotAChoice, "the value is none of the field's choices")
        .hint(format!("the choices are {}{more}", shown.join(", "))))
}

pub(crate) fn wrong_type(expected: &LogicalType, raw: &Raw<'_>) -> Error {
    Error::new(ErrorKind::WrongType, format!("expected {}, got {}", expected.name(), raw.type_name()))
}

fn unreadable(expected: &LogicalType) -> Error {
    Error::new(ErrorKind::WrongType, format!("this text cannot be read as {}", expected.name()))
}

fn accept_bool(raw: &Raw<'_>) -> Result<Value<'static>> {
    match raw {
        Raw::Bool(value) => Ok(Value::Bool(*value)),
        Raw::Text(text) => match text.as_ref() {
            "true" | "True" => Ok(Value::Bool(true)),
            "false" | "False" => Ok(Value::Bool(false)),
            _ => Err(unreadable(&LogicalType::Bool)),
        },
        raw => Err(wrong_type(&LogicalType::Bool, raw)),
    }
}

fn accept_int(raw: &Raw<'_>) -> Result<Value<'static>> {
    let out_of_range = || Error::new(ErrorKind::OutOfRange, "an int field holds -2^63 to 2^63 - 1");
    match raw {
        Raw::Int(value) => Ok(Value::Int(*value)),
        Raw::BigInt(_) => Err(out_of_range()),
        // pandas turns an int column with a gap into floats.
        Raw::Float(value) => exact_int(*value).map(Value::Int).ok_or_else(|| wrong_type(&LogicalType::Int, raw)),
        // A column of NUMBER(38, 0) holds ints as decimals.
        Raw::Decimal(digits) => match decimal::integral(digits) {
            Some(value) => i64::try_from(value).map(Value::Int).map_err(|_| out_of_range()),
            None => Err(wrong_type(&LogicalType::Int, raw)),
        },
        Raw::Text(text) => match text.parse::<i64>() {
            Ok(value) => Ok(Value::Int(value)),
            Err(_) if text.parse::<i128>().is_ok() => Err(out_of_range()),
            Err(_) => Err(unreadable(&LogicalType::Int)),
        },
        raw => Err(wrong_type(&LogicalType::Int, raw)),
    }
}

/// The integer a float stands for exactly, within ±2^53.
pub fn exact_int(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "guarded: integral and within 2^53")]
    let int = value as i64;
    // `abs` of the smallest int, which every float below it becomes, is no number.
    (value.fract() == 0.0 && int.unsigned_abs() <= EXACT_FLOAT_INTEGERS.unsigned_abs()).then_some(int)
}

/// The float that equals an integer, if there is one.
pub fn exact_float(value: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "guarded: within 2^53")]
    (value.unsigned_abs() <= EXACT_FLOAT_INTEGERS.unsigned_abs()).then_some(value as f64)
}

fn accept_float(raw: &Raw<'_>) -> Result<f64> {
    match raw {
        Raw::Float(value) => Ok(*value),
        Raw::Int(value) => exact_float(*value)
            .ok_or_else(|| Error::new(ErrorKind::OutOfRange, "a float does not hold this int exactly (above 2^53)")),
        Raw::BigInt(_) => Err(Error::new(ErrorKind::OutOfRange, "a float does not hold this int exactly")),
        Raw::Text(text) => text.parse().map_err(|_| unreadable(&LogicalType::Float)),
        raw => Err(wrong_type(&LogicalType::Float, raw)),
    }
}

/// Text is stored byte for byte; NUL is refused everywhere because PostgreSQL cannot store it.
pub fn check_text(text: &str, max_length: Option<u32>) -> Result<()> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Error::new(ErrorKind::NulCharacter, "text holds a NUL character (\\0)")
            .hint("remove it, or use a bytes field"));
    }
    if let Some(limit) = max_length {
        let limit = limit as usize;
        if text.len() > limit && text.chars().count() > limit {
            return Err(Error::new(ErrorKind::DataTooLong, format!("text is longer than {limit} characters")));
        }
    }
    Ok(())
}

/// The canonical 8-4-4-4-12 form or 32 hexadecimal digits (RFC 9562).
fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    let digits: Vec<u8> = match text.len() {
        32 => text.bytes().collect(),
        36 if [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-') => {
            text.bytes().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(|(_, digit)| digit).collect()
        }
        _ => return Err(unreadable(&LogicalType::Uuid)),
    };
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
            return Err(unreadable(&LogicalType::Uuid));
        };
        *byte = u8::try_from(high * 16 + low).map_err(|_| unreadable(&LogicalType::Uuid))?;
    }
    Ok(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: FloatRules = FloatRules { nan: true, infinity: true };

    fn kind(ty: &LogicalType, raw: Raw<'_>) -> ErrorKind {
        ty.accept(raw, ALL).unwrap_err().kind()
    }

    #[test]
    fn a_float_below_all_ints_is_none_of_them() {
        for float in [-1e300, 1e300, -9_223_372_036_854_775_808.0, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(kind(&LogicalType::Int, Raw::Float(float)), ErrorKind::WrongType);
        }
    }

    #[test]
    fn a_bool_is_not_an_int() {
        assert_eq!(kind(&LogicalType::Int, Raw::Bool(true)), ErrorKind::WrongType);
        assert_eq!(kind(&LogicalType::Bool, Raw::Int(1)), ErrorKind::WrongType);
    }

    #[test]
    fn an_int_beyond_64_bits_is_out_of_range() {
        assert_eq!(kind(&LogicalType::Int, Raw::BigInt("9223372036854775808".into())), ErrorKind::OutOfRange);
        assert_eq!(kind(&LogicalType::Int, Raw::Text("9223372036854775808".into())), ErrorKind::OutOfRange);
        assert_eq!(kind(&LogicalType::Int, Raw::Float(1.5)), ErrorKind::WrongType);
        assert_eq!(kind(&LogicalType::Float, Raw::Int((1 << 53) + 1)), ErrorKind::OutOfRange);
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        let ty = LogicalType::Text { max_length: Some(3) };
        assert!(ty.accept(Raw::Text("äöü".into()), ALL).is_ok());
        assert_eq!(kind(&ty, Raw::Text("äöüx".into())), ErrorKind::DataTooLong);
    }

    #[test]
    fn nan_is_refused_where_the_database_loses_it() {
        let none = FloatRules { nan: false, infinity: true };
        assert_eq!(LogicalType::Float.accept(Raw::Float(f64::NAN), none).unwrap_err().kind(), ErrorKind::NotFinite);
        assert!(LogicalType::Float.accept(Raw::Float(f64::INFINITY), none).is_ok());
    }

    #[test]
    fn a_choice_is_one_of_its_texts() {
        let ty = LogicalType::Choice { values: Arc::from(["open".into(), "paid".into()]) };
        assert_eq!(ty.accept(Raw::Text("paid".into()), ALL).unwrap(), Value::Text("paid".into()));
        let error = ty.accept(Raw::Text("PAID".into()), ALL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAChoice);
        assert!(!error.detail().message.contains("PAID"));
        assert_eq!(error.detail().hint.as_deref(), Some("the choices are \"open\", \"paid\""));
        assert_eq!(kind(&ty, Raw::Int(1)), ErrorKind::WrongType);
    }

    #[test]
    fn a_type_that_no_column_can_have_is_refused() {
        let choice = |values: &[&str]| LogicalType::Choice { values: values.iter().map(|&text| text.into()).collect() };
        let list = |item| LogicalType::List { item: Box::new(item) };
        let nested = list(list(LogicalType::Int));
        let decimal = list(LogicalType::Decimal { precision: 2, scale: 3 });
        for ty in [choice(&[]), choice(&["a", "a"]), choice(&["\0"]), nested, list(LogicalType::Json), decimal] {
            assert_eq!(ty.check().unwrap_err().kind(), ErrorKind::InvalidModel);
        }
        assert!(list(choice(&["a", ""])).check().is_ok());
    }

    #[test]
    fn a_uuid_is_read_in_both_written_forms() {
        let expected = Value::Uuid([
            0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00,
        ]);
        for text in ["123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000"] {
            assert_eq!(LogicalType::Uuid.accept(Raw::Text(text.into()), ALL).unwrap(), expected);
        }
        for text in ["123e4567-e89b-12d3-a456-42661417400g", "123", "éééééééééééééééé"] {
            assert_eq!(kind(&LogicalType::Uuid, Raw::Text(text.into())), ErrorKind::WrongType);
        }
    }
}
