//! JSON in one canonical text: equal documents are equal texts, on every database.
//!
//! Keys are sorted by their bytes and nothing is blank. Integers keep all their digits. An integral float is written as
//! its exact integer, because PostgreSQL's jsonb has one kind of number; other floats in their shortest form without
//! an exponent. Text is escaped only where JSON demands it.

mod read;

use std::fmt::Write as _;

pub(crate) use read::parse;

use super::LogicalType;
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Raw, Value};

/// Deepest nesting of lists and dicts: MariaDB's `json_valid` takes no more (10.11, measured).
const MAX_DEPTH: usize = 31;
/// Most digits of an integer: Python reads no longer one.
const MAX_DIGITS: usize = 4_300;

pub(super) fn accept(raw: &Raw<'_>) -> Result<Value<'static>> {
    let mut text = String::new();
    write(&mut text, raw, 0)?;
    Ok(Value::Json(text.into()))
}

/// JSON text of any form in the canonical form; `null` is null.
///
/// # Errors
/// `WrongType` when it is not JSON, `LimitExceeded`, and every refusal of what JSON columns do not keep.
pub fn canonical_json(text: &str) -> Result<Value<'static>> {
    match parse(text)? {
        Raw::Null => Ok(Value::Null),
        raw => accept(&raw),
    }
}

/// The recursion is bounded by [`MAX_DEPTH`].
fn write(out: &mut String, raw: &Raw<'_>, depth: usize) -> Result<()> {
    match raw {
        Raw::Null => out.push_str("null"),
        Raw::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Raw::Int(value) => drop(write!(out, "{value}")),
        Raw::BigInt(digits) if digits.len() > MAX_DIGITS => return Err(long_int()),
        Raw::BigInt(digits) => out.push_str(digits),
        Raw::Float(value) => write_float(out, *value)?,
        Raw::Text(text) => write_text(out, text)?,
        Raw::List(items) => write_list(out, items, deeper(depth)?)?,
        Raw::Map(entries) => write_map(out, entries, deeper(depth)?)?,
        raw => {
            return Err(Error::new(ErrorKind::WrongType, format!("JSON holds no {}", raw.type_name()))
                .hint("give it as str or a number: it would not come back equal"));
        }
    }
    Ok(())
}

fn deeper(depth: usize) -> Result<usize> {
    if depth == MAX_DEPTH { Err(too_deep()) } else { Ok(depth + 1) }
}

fn too_deep() -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("JSON nests at most {MAX_DEPTH} levels"))
}

fn long_int() -> Error {
    Error::new(ErrorKind::OutOfRange, format!("an int in JSON has at most {MAX_DIGITS} digits"))
}

fn write_list(out: &mut String, items: &[Raw<'_>], depth: usize) -> Result<()> {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write(out, item, depth).map_err(|error| error.within(&format!("[{at}]")))?;
    }
    out.push(']');
    Ok(())
}

fn write_map(out: &mut String, entries: &[(std::borrow::Cow<'_, str>, Raw<'_>)], depth: usize) -> Result<()> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    out.push('{');
    for (at, (key, value)) in sorted.into_iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_text(out, key)?;
        out.push(':');
        write(out, value, depth).map_err(|error| error.within(key))?;
    }
    out.push('}');
    Ok(())
}

/// An integral float as its exact integer (-0.0 as 0), any other in its shortest form, never with an exponent.
pub(super) fn write_float(out: &mut String, value: f64) -> Result<()> {
    if !value.is_finite() {
        return Err(
            Error::new(ErrorKind::NotFinite, "JSON holds no NaN and no infinity").hint("use None for a missing number")
        );
    }
    if value == 0.0 {
        out.push('0');
    } else if value.fract() == 0.0 {
        // `{}` fills the shortest digits up with zeros, which is another integer.
        let _ = write!(out, "{value:.0}");
    } else {
        let _ = write!(out, "{value}");
    }
    Ok(())
}

/// A JSON string with the escapes that RFC 8259 demands, in the form of Python's `json.dumps`.
pub(super) fn write_text(out: &mut String, text: &str) -> Result<()> {
    super::check_text(text, None)?;
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => drop(write!(out, "\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
    Ok(())
}

/// Stored text that is exactly what we write.
pub fn read_json(text: &str) -> Result<Value<'_>, &'static str> {
    match canonical_json(text) {
        Ok(Value::Json(canonical)) if canonical == text => Ok(Value::Json(text.into())),
        _ => Err("it is not the JSON text that DataFlow writes"),
    }
}

/// Stored JSON whose form is the server's own (PostgreSQL's jsonb).
pub fn read_jsonb(text: &str) -> Result<Value<'static>, &'static str> {
    match canonical_json(text) {
        Ok(value @ Value::Json(_)) => Ok(value),
        _ => Err("it is not JSON as DataFlow writes it"),
    }
}

pub(super) fn not_json() -> Error {
    super::unreadable(&LogicalType::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &Raw<'_>) -> Result<String, (ErrorKind, String)> {
        match accept(raw) {
            Ok(Value::Json(text)) => Ok(text.into_owned()),
            Ok(_) => panic!("no JSON"),
            Err(error) => Err((error.kind(), error.detail().path.clone().unwrap_or_default())),
        }
    }

    fn map(entries: Vec<(&'static str, Raw<'static>)>) -> Raw<'static> {
        Raw::Map(entries.into_iter().map(|(name, raw)| (name.into(), raw)).collect())
    }

    #[test]
    fn keys_are_sorted_and_nothing_is_blank() {
        let inner = map(vec![("é", Raw::Null), ("z", Raw::Bool(true)), ("", Raw::List(vec![]))]);
        let raw =
            map(vec![("b", Raw::List(vec![Raw::Int(-1), inner])), ("aa", map(vec![])), ("a", Raw::Text("1".into()))]);
        assert_eq!(text(&raw).unwrap(), r#"{"a":"1","aa":{},"b":[-1,{"":[],"z":true,"é":null}]}"#);
    }

    #[test]
    fn numbers_have_one_form() {
        let big = "1".to_owned() + &"0".repeat(30);
        assert_eq!(text(&Raw::BigInt(big.clone().into())).unwrap(), big);
        for (value, expected) in [
            (1.0, "1"),
            (-0.0, "0"),
            (1e-7, "0.0000001"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (1e23, "99999999999999991611392"),
            (9_007_199_254_740_993.0, "9007199254740992"),
        ] {
            assert_eq!(text(&Raw::Float(value)).unwrap(), expected);
        }
        let huge = text(&Raw::Float(1e300)).unwrap();
        assert!(huge.len() == 301 && huge.starts_with("1000000000000000052504760255204420248704468581108159154915854"));
        for value in [1e300, f64::MAX, 5e-324, f64::MIN_POSITIVE, 1.0 / 3.0] {
            assert_eq!(text(&Raw::Float(value)).unwrap().parse::<f64>(), Ok(value));
        }
        assert_eq!(text(&Raw::BigInt("1".repeat(4_301).into())).unwrap_err().0, ErrorKind::OutOfRange);
    }

    #[test]
    fn text_is_escaped_only_where_it_must_be() {
        let raw = Raw::Text("\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}ä€😀".into());
        assert_eq!(text(&raw).unwrap(), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}ä€😀\"");
    }

    #[test]
    fn what_would_not_come_back_is_refused_with_its_path() {
        let at = |raw| map(vec![("a", Raw::List(vec![Raw::Null, raw]))]);
        for (raw, kind) in [
            (Raw::Float(f64::NAN), ErrorKind::NotFinite),
            (Raw::Text("\0".into()), ErrorKind::NulCharacter),
            (Raw::Other("str with a lone surrogate".into()), ErrorKind::WrongType),
            (Raw::Decimal("1".into()), ErrorKind::WrongType),
            (Raw::Instant(0), ErrorKind::WrongType),
            (Raw::Bytes(b"x".as_slice().into()), ErrorKind::WrongType),
        ] {
            assert_eq!(text(&at(raw)), Err((kind, "a[1]".to_owned())));
        }
        assert_eq!(text(&map(vec![("a\0", Raw::Null)])).unwrap_err().0, ErrorKind::NulCharacter);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels| (0..levels).fold(Raw::Int(1), |inner, _| Raw::List(vec![inner]));
        assert!(text(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(text(&nested(MAX_DEPTH + 1)).unwrap_err().0, ErrorKind::LimitExceeded);
    }

    #[test]
    fn only_canonical_text_is_read_from_a_text_column() {
        for stored in [r#"{"a":1,"b":[0.5,"ä"]}"#, "[]", "\"x\"", "1", "false"] {
            assert_eq!(read_json(stored), Ok(Value::Json(stored.into())));
        }
        for stored in ["", "null", "[1, 2]", r#"{"b":1,"a":1}"#, "1.0", "1e3", r#""\u0061""#, "{", "NaN"] {
            assert!(read_json(stored).is_err(), "{stored}");
        }
        assert_eq!(read_jsonb(r#"{"b": 1.50, "a": [1, 2]}"#), Ok(Value::Json(r#"{"a":[1,2],"b":1.5}"#.into())));
        assert!(read_jsonb("null").is_err());
    }
}
