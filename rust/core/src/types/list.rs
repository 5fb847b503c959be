//! Lists of a scalar, and their text as JSON where a database has no arrays.

use std::fmt::Write as _;

use super::fixed::{WALL_WIDTH, read_date, read_datetime, read_time, render_date, render_datetime, render_time};
use super::json::{self, write_float, write_text};
use super::{FloatRules, LogicalType, decimal, render_decimal, wrong_type};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Raw, Value};

/// JSON text has no form for the others, and a list is the same list on every database.
const FINITE: FloatRules = FloatRules { nan: false, infinity: false };

pub(super) fn accept<'a>(list: &LogicalType, item: &LogicalType, raw: Raw<'a>) -> Result<Value<'a>> {
    let Raw::List(items) = raw else {
        return Err(wrong_type(list, &raw));
    };
    let mut values = Vec::with_capacity(items.len());
    for (at, raw) in items.into_iter().enumerate() {
        values.push(accept_item(item, raw).map_err(|error| error.within(&format!("[{at}]")))?);
    }
    Ok(Value::List(values))
}

/// An item as a list keeps it.
///
/// # Errors
/// As [`LogicalType::accept`]; `NullValue` for none, `NotFinite` for what is no number.
pub fn accept_item<'a>(item: &LogicalType, raw: Raw<'a>) -> Result<Value<'a>> {
    match raw {
        Raw::Null => Err(null_item()),
        Raw::Float(value) if *item == LogicalType::Float => check_item(value).map(Value::Float),
        raw => match item.accept(raw, FINITE)? {
            Value::Float(value) => check_item(value).map(Value::Float),
            value => Ok(value),
        },
    }
}

/// A float as a list keeps it.
pub fn check_item(value: f64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::new(ErrorKind::NotFinite, "a list holds no NaN and no infinity"))
}

pub fn null_item() -> Error {
    Error::new(ErrorKind::NullValue, "the items of a list cannot be None").hint("leave the item out")
}

/// The items as one JSON array, as the databases without arrays store it.
pub fn render_list(item: &LogicalType, values: &[Value<'_>]) -> Result<String> {
    let mut out = String::from("[");
    for (at, value) in values.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_item(&mut out, item, value)?;
    }
    out.push(']');
    Ok(out)
}

/// One item as JSON text.
pub fn render_item(item: &LogicalType, value: &Value<'_>) -> Result<String> {
    let mut out = String::new();
    write_item(&mut out, item, value)?;
    Ok(out)
}

fn write_item(out: &mut String, item: &LogicalType, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) | Value::Duration(value) => drop(write!(out, "{value}")),
        Value::Float(value) => write_float(out, *value)?,
        Value::Text(text) => write_text(out, text)?,
        Value::Decimal(digits) => {
            let LogicalType::Decimal { scale, .. } = item else {
                return Err(Error::internal("a decimal without its scale"));
            };
            let _ = write!(out, "\"{}\"", render_decimal(*digits, *scale));
        }
        Value::Bytes(bytes) => {
            out.push('"');
            for byte in bytes.iter() {
                let _ = write!(out, "{byte:02x}");
            }
            out.push('"');
        }
        Value::Uuid(uuid) => drop(write!(out, "\"{}\"", render_uuid(uuid))),
        Value::Instant(us) => write_ascii(out, &render_datetime(*us)),
        Value::WallTime(us) => write_ascii(out, &render_datetime(*us)[..WALL_WIDTH]),
        Value::Date(days) => write_ascii(out, &render_date(*days)),
        Value::Time(us) => write_ascii(out, &render_time(*us)),
        Value::Null | Value::List(_) | Value::Json(_) => {
            return Err(Error::internal("a list holds scalars that are not null"));
        }
    }
    Ok(())
}

fn write_ascii(out: &mut String, text: &[u8]) {
    out.push('"');
    out.extend(text.iter().copied().map(char::from));
    out.push('"');
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562), as Python's `str(uuid)` writes them.
pub fn render_uuid(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        let _ = write!(text, "{dash}{byte:02x}");
    }
    text
}

/// Reads exactly what [`render_list`] writes.
pub fn read_list(item: &LogicalType, text: &str) -> Result<Vec<Value<'static>>, &'static str> {
    const NOT_OURS: &str = "it is not the JSON array that DataFlow writes";
    let Ok(Raw::List(raws)) = json::parse(text) else {
        return Err(NOT_OURS);
    };
    let values: Vec<_> = raws.into_iter().map(|raw| read_value(item, raw)).collect::<Option<_>>().ok_or(NOT_OURS)?;
    match render_list(item, &values) {
        Ok(written) if written == text => Ok(values),
        _ => Err(NOT_OURS),
    }
}

/// Reads exactly what [`render_item`] writes.
pub fn read_item(item: &LogicalType, text: &str) -> Result<Value<'static>, &'static str> {
    let mut values = read_list(item, &format!("[{text}]"))?;
    match (values.pop(), values.pop()) {
        (Some(value), None) => Ok(value),
        _ => Err("it is not one item of a list"),
    }
}

/// Other forms of the same value are read too: [`read_list`] compares the text.
fn read_value(item: &LogicalType, raw: Raw<'_>) -> Option<Value<'static>> {
    Some(match (item, raw) {
        (LogicalType::Bool, Raw::Bool(value)) => Value::Bool(value),
        (LogicalType::Int, Raw::Int(value)) => Value::Int(value),
        (LogicalType::Duration, Raw::Int(value)) => Value::Duration(value),
        (LogicalType::Float, Raw::Float(value)) => Value::Float(value),
        (LogicalType::Float, Raw::Int(value)) => Value::Float(value.to_string().parse().ok()?),
        (LogicalType::Float, Raw::BigInt(digits)) => Value::Float(digits.parse().ok()?),
        (LogicalType::Decimal { precision, scale }, Raw::Text(text)) => {
            decimal::accept(&Raw::Text(text), *precision, *scale).ok()?
        }
        (LogicalType::Text { .. }, Raw::Text(text)) => Value::Text(text.into_owned().into()),
        (LogicalType::Choice { values }, Raw::Text(text)) if values.iter().any(|known| **known == *text) => {
            Value::Text(text.into_owned().into())
        }
        (LogicalType::Bytes, Raw::Text(text)) => Value::Bytes(read_hex(&text)?.into()),
        (LogicalType::Uuid, Raw::Text(text)) => Value::Uuid(super::parse_uuid(&text).ok()?),
        (LogicalType::Instant, Raw::Text(text)) => Value::Instant(read_datetime(text.strip_suffix('Z')?.as_bytes())?),
        (LogicalType::WallTime, Raw::Text(text)) => Value::WallTime(read_datetime(text.as_bytes())?),
        (LogicalType::Date, Raw::Text(text)) => Value::Date(read_date(text.as_bytes())?),
        (LogicalType::Time, Raw::Text(text)) => Value::Time(read_time(text.as_bytes())?),
        _ => return None,
    })
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| (pair.len() == 2).then(|| Some(nibble(pair[0])? * 16 + nibble(pair[1])?)).flatten()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::types::{FIRST_DAY, FIRST_MICROSECOND, LAST_DAY, LAST_MICROSECOND};
    use std::sync::Arc;

    /// Every scalar with its edges and the text of the list of them.
    pub(crate) fn lists() -> Vec<(LogicalType, Vec<Value<'static>>, &'static str)> {
        let text = |text: &'static str| Value::Text(text.into());
        let choices: Arc<[Box<str>]> = Arc::from(["a".into(), "b".into()]);
        vec![
            (LogicalType::Bool, vec![Value::Bool(true), Value::Bool(false)], "[true,false]"),
            (
                LogicalType::Int,
                vec![Value::Int(i64::MIN), Value::Int(i64::MAX)],
                "[-9223372036854775808,9223372036854775807]",
            ),
            (
                LogicalType::Float,
                vec![Value::Float(1e-7), Value::Float(-1.0), Value::Float(1e23)],
                "[0.0000001,-1,99999999999999991611392]",
            ),
            (
                LogicalType::Decimal { precision: 38, scale: 2 },
                vec![Value::Decimal(-1), Value::Decimal(150)],
                r#"["-0.01","1.50"]"#,
            ),
            (LogicalType::Text { max_length: None }, vec![text(""), text("ä\"\\\n")], r#"["","ä\"\\\n"]"#),
            (LogicalType::Choice { values: choices }, vec![text("b"), text("a")], r#"["b","a"]"#),
            (
                LogicalType::Bytes,
                vec![Value::Bytes(vec![].into()), Value::Bytes(vec![0, 255].into())],
                r#"["","00ff"]"#,
            ),
            (LogicalType::Uuid, vec![Value::Uuid([171; 16])], r#"["abababab-abab-abab-abab-abababababab"]"#),
            (
                LogicalType::Instant,
                vec![Value::Instant(FIRST_MICROSECOND), Value::Instant(LAST_MICROSECOND)],
                r#"["0001-01-01T00:00:00.000000Z","9999-12-31T23:59:59.999999Z"]"#,
            ),
            (LogicalType::WallTime, vec![Value::WallTime(-1)], r#"["1969-12-31T23:59:59.999999"]"#),
            (LogicalType::Date, vec![Value::Date(FIRST_DAY), Value::Date(LAST_DAY)], r#"["0001-01-01","9999-12-31"]"#),
            (
                LogicalType::Time,
                vec![Value::Time(0), Value::Time(86_399_999_999)],
                r#"["00:00:00.000000","23:59:59.999999"]"#,
            ),
            (LogicalType::Duration, vec![Value::Duration(-1), Value::Duration(i64::MAX)], "[-1,9223372036854775807]"),
            (LogicalType::Int, vec![], "[]"),
        ]
    }

    #[test]
    fn every_scalar_has_one_text() {
        for (item, values, text) in lists() {
            assert_eq!(render_list(&item, &values).unwrap(), text);
            assert_eq!(read_list(&item, text), Ok(values.clone()));
            for value in values {
                assert_eq!(read_item(&item, &render_item(&item, &value).unwrap()), Ok(value));
            }
        }
    }

    #[test]
    fn any_other_text_is_not_read() {
        let decimal = LogicalType::Decimal { precision: 4, scale: 2 };
        for (item, text) in [
            (LogicalType::Int, "[1, 2]"),
            (LogicalType::Int, "[null]"),
            (LogicalType::Int, "[1.0]"),
            (LogicalType::Int, "1"),
            (LogicalType::Float, "[1.0]"),
            (LogicalType::Float, "[9007199254740993]"),
            (decimal.clone(), "[\"1.5\"]"),
            (decimal, "[1.50]"),
            (LogicalType::Bytes, "[\"0\"]"),
            (LogicalType::Bytes, "[\"FF\"]"),
            (LogicalType::Uuid, "[\"ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB\"]"),
            (LogicalType::Instant, "[\"1970-01-01T00:00:00.000000\"]"),
            (LogicalType::Choice { values: Arc::from(["a".into()]) }, "[\"b\"]"),
        ] {
            assert!(read_list(&item, text).is_err(), "{text}");
        }
        assert!(read_item(&LogicalType::Int, "1,2").is_err());
    }

    #[test]
    fn a_refusal_names_the_item() {
        let list = |item| LogicalType::List { item: Box::new(item) };
        let accept = |item, items| {
            let error = list(item).accept(Raw::List(items), FloatRules { nan: true, infinity: true }).unwrap_err();
            (error.kind(), error.detail().path.clone().unwrap_or_default())
        };
        let second = "[1]".to_owned();
        assert_eq!(accept(LogicalType::Int, vec![Raw::Int(1), Raw::Null]), (ErrorKind::NullValue, second.clone()));
        assert_eq!(
            accept(LogicalType::Int, vec![Raw::Int(1), Raw::List(vec![])]),
            (ErrorKind::WrongType, second.clone())
        );
        assert_eq!(
            accept(LogicalType::Float, vec![Raw::Int(1), Raw::Float(f64::INFINITY)]),
            (ErrorKind::NotFinite, second)
        );
    }
}
