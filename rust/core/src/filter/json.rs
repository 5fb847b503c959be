//! Walks JSON in its canonical text ([`crate::types::canonical_json`]): nothing is blank, and equal values are equal
//! texts.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Comparison;
use super::number::compare_numbers;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{FloatRules, LogicalType, parse_json};
use crate::value::{Raw, Value};

/// A key of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonKey {
    name: String,
    /// As JSON text writes it.
    quoted: String,
}

impl JsonKey {
    /// # Errors
    /// `InvalidFilter` for a key that MariaDB cannot look for (10.11: a `-` at the beginning), `NulCharacter`.
    pub fn new(name: &str) -> Result<Self> {
        if name.starts_with('-') {
            return Err(Error::new(ErrorKind::InvalidFilter, "a key that begins with `-` cannot be looked for")
                .hint("MariaDB's paths do not take it; compare the whole object around it"));
        }
        Ok(JsonKey { name: name.to_owned(), quoted: json_text(Raw::Text(name.into()))? })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn quoted(&self) -> &str {
        &self.quoted
    }
}

/// The canonical text of a value, JSON's null included.
///
/// # Errors
/// Every refusal of what JSON does not hold.
pub(crate) fn json_text(raw: Raw<'_>) -> Result<String> {
    match LogicalType::Json.accept(raw, FloatRules { nan: false, infinity: false })? {
        Value::Json(text) => Ok(text.into_owned()),
        _ => Ok("null".to_owned()),
    }
}

/// What lies behind the keys, each of an object.
pub(super) fn value_at<'t>(document: &'t str, keys: &[JsonKey]) -> Option<&'t str> {
    keys.iter().try_fold(document, |value, key| member(value, &key.quoted))
}

fn member<'t>(value: &'t str, key: &str) -> Option<&'t str> {
    let mut rest = value.strip_prefix('{')?;
    loop {
        let (found, behind) = rest.split_at(value_end(rest));
        let behind = behind.strip_prefix(':')?;
        let (value, behind) = behind.split_at(value_end(behind));
        if found == key {
            return Some(value);
        }
        rest = behind.strip_prefix(',')?;
    }
}

/// Items to look for in lists.
pub struct Items(HashSet<String>);

impl Items {
    /// The items of a list in canonical text.
    pub fn of(list: &str) -> Self {
        Items(items(list).map(str::to_owned).collect())
    }

    /// Whether one of them is in `list`.
    pub fn any_in(&self, list: &str) -> bool {
        items(list).any(|item| self.0.contains(item))
    }
}

/// The items of a list; none of anything else.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list.strip_prefix('[').unwrap_or("");
    std::iter::from_fn(move || {
        let (item, behind) = rest.split_at(value_end(rest));
        rest = behind.strip_prefix(',').unwrap_or("");
        (!item.is_empty()).then_some(item)
    })
}

/// The text that a JSON string stands for; None where it is something else.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    match parse_json(value) {
        Ok(Raw::Text(text)) if value.starts_with('"') => Some(text),
        _ => None,
    }
}

/// A comparison with a number in canonical text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberTest {
    pub comparison: Comparison,
    pub number: String,
    /// Whether the number lies in a JSON string, as the decimals of a list do.
    pub quoted: bool,
}

impl NumberTest {
    /// Reads what [`NumberTest::source`] writes.
    pub fn parse(source: &str) -> Option<Self> {
        let at = source.find(|c: char| c == '-' || c.is_ascii_digit())?;
        let (sign, number) = source.split_at(at);
        let comparison = ORDERS.into_iter().find(|comparison| comparison.sql() == sign.trim_end_matches('"'))?;
        Some(NumberTest { comparison, number: number.to_owned(), quoted: sign.ends_with('"') })
    }

    pub fn source(&self) -> String {
        format!("{}{}{}", self.comparison.sql(), if self.quoted { "\"" } else { "" }, self.number)
    }

    /// Whether a value in canonical text is a number that compares so.
    pub fn is_met(&self, value: &str) -> bool {
        let value = if self.quoted { value.trim_matches('"') } else { value };
        compare_numbers(value, &self.number).is_some_and(|order| self.comparison.holds(order))
    }
}

const ORDERS: [Comparison; 5] =
    [Comparison::Equal, Comparison::Greater, Comparison::GreaterOrEqual, Comparison::Less, Comparison::LessOrEqual];

/// Where the value or key ends that `text` begins with.
fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' | b':' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        r#"{"":1,"a":{"b":[1,{"c":2}],"x\"y,}":null},"list":["a","b,","]","\"",1.5,{"k":[0]}],"text":"}\\"}"#;

    fn at<'t>(document: &'t str, names: &[&str]) -> Option<&'t str> {
        let keys: Vec<_> = names.iter().map(|name| JsonKey::new(name).unwrap()).collect();
        value_at(document, &keys)
    }

    #[test]
    fn values_are_found_behind_their_keys() {
        assert_eq!(at(DOCUMENT, &[]), Some(DOCUMENT));
        for (names, expected) in
            [(&[""][..], "1"), (&["a", "b"], r#"[1,{"c":2}]"#), (&["a", "x\"y,}"], "null"), (&["text"], r#""}\\""#)]
        {
            assert_eq!(at(DOCUMENT, names), Some(expected), "{names:?}");
        }
    }

    #[test]
    fn nothing_lies_behind_keys_that_are_not_there() {
        for names in [&["b"][..], &["a", "c"], &["a", "b", "c"], &["a", "b", "0"], &["text", "x"], &["list", ""]] {
            assert_eq!(at(DOCUMENT, names), None, "{names:?}");
        }
        for document in ["{}", "[]", "1", "\"a\"", ""] {
            assert_eq!(at(document, &["a"]), None, "{document}");
        }
    }

    #[test]
    fn items_are_told_apart() {
        let list = at(DOCUMENT, &["list"]).unwrap();
        let found: Vec<_> = items(list).collect();
        assert_eq!(found, [r#""a""#, r#""b,""#, r#""]""#, r#""\"""#, "1.5", r#"{"k":[0]}"#]);
        assert_eq!(items("[]").count() + items("").count(), 0);
    }

    #[test]
    fn lists_share_an_item_or_not() {
        let wanted = Items::of(r#"["a",",",2]"#);
        for (list, expected) in [
            (r#"["a"]"#, true),
            (r#"["b,",",c"]"#, false),
            (r#"[","]"#, true),
            ("[1,2]", true),
            ("[1,22]", false),
            (r#"["2"]"#, false),
            ("[]", false),
        ] {
            assert_eq!(wanted.any_in(list), expected, "{list}");
        }
    }

    #[test]
    fn keys_that_one_database_cannot_look_for_are_refused() {
        assert_eq!(JsonKey::new("-a").unwrap_err().kind(), ErrorKind::InvalidFilter);
        assert_eq!(JsonKey::new("a\0").unwrap_err().kind(), ErrorKind::NulCharacter);
        assert_eq!(JsonKey::new("a\"\n").unwrap().quoted(), r#""a\"\n""#);
    }
}
