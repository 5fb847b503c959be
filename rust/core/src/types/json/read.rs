//! A strict reader of JSON text (RFC 8259) without loss.

use std::borrow::Cow;

use super::{MAX_DEPTH, MAX_DIGITS, long_int, not_json, too_deep};
use crate::error::{Error, ErrorKind, Result};
use crate::value::Raw;

/// Digits that tell every float from its neighbours: a number with more was not written from a float.
const FLOAT_DIGITS: usize = 17;

/// The tree of a text. Integers keep all digits; a number with a point or an exponent is a float, as in Python.
///
/// # Errors
/// `WrongType` when the text is not JSON or a key stands twice, `LimitExceeded` beyond [`MAX_DEPTH`], `OutOfRange` for
/// a number that no float holds.
pub(crate) fn parse(text: &str) -> Result<Raw<'_>> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.at == text.len() { Ok(value) } else { Err(not_json()) }
}

struct Reader<'a> {
    text: &'a str,
    /// Always at a character's boundary: only ASCII is stepped over byte by byte.
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(not_json()) }
    }

    /// The recursion is bounded by [`MAX_DEPTH`].
    fn value(&mut self, depth: usize) -> Result<Raw<'a>> {
        self.skip_blanks();
        match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(too_deep()),
            Some(b'{') => self.map(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'"') => self.string().map(Raw::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Raw<'a>> {
        for (word, value) in [("null", Raw::Null), ("true", Raw::Bool(true)), ("false", Raw::Bool(false))] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(not_json())
    }

    fn list(&mut self, depth: usize) -> Result<Raw<'a>> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take(b']') {
            return Ok(Raw::List(items));
        }
        loop {
            let at = items.len();
            items.push(self.value(depth).map_err(|error| error.within(&format!("[{at}]")))?);
            self.skip_blanks();
            if !self.take(b',') {
                self.expect(b']')?;
                return Ok(Raw::List(items));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Raw<'a>> {
        self.expect(b'{')?;
        let mut entries: Vec<(Cow<'a, str>, Raw<'a>)> = Vec::new();
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(Raw::Map(entries));
        }
        loop {
            self.skip_blanks();
            let key = self.string()?;
            self.skip_blanks();
            self.expect(b':')?;
            let value = self.value(depth).map_err(|error| error.within(&key))?;
            entries.push((key, value));
            self.skip_blanks();
            if !self.take(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::new(ErrorKind::WrongType, "a key stands twice in one JSON object"));
        }
        Ok(Raw::Map(entries))
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.expect(b'"')?;
        let mut unescaped = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end =
                rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20).ok_or_else(not_json)?;
            self.at += end + 1;
            match rest.as_bytes()[end] {
                b'"' if unescaped.is_empty() => return Ok(Cow::Borrowed(&rest[..end])),
                b'"' => {
                    unescaped.push_str(&rest[..end]);
                    return Ok(Cow::Owned(unescaped));
                }
                b'\\' => {
                    unescaped.push_str(&rest[..end]);
                    unescaped.push(self.escape()?);
                }
                _ => return Err(not_json()),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let letter = self.peek().ok_or_else(not_json)?;
        if !letter.is_ascii() {
            return Err(not_json());
        }
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(not_json()),
        })
    }

    /// A code point above the basic plane is two escapes; a surrogate alone is no character.
    fn code_point(&mut self) -> Result<char> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(not_json);
        }
        self.expect(b'\\')?;
        self.expect(b'u')?;
        let low = self.hex()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(not_json());
        }
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(not_json)
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(not_json)?;
        self.at += 4;
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal).ok_or_else(not_json)
    }

    fn digits(&mut self) -> Result<&'a str> {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += end;
        if end == 0 { Err(not_json()) } else { Ok(&rest[..end]) }
    }

    fn number(&mut self) -> Result<Raw<'a>> {
        let start = self.at;
        self.take(b'-');
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(not_json());
        }
        let fraction = if self.take(b'.') { Some(self.digits()?) } else { None };
        let exponent = self.take(b'e') || self.take(b'E');
        if exponent {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let token = &self.text[start..self.at];
        if fraction.is_none() && !exponent {
            return integer(token);
        }
        float(token, &format!("{whole}{}", fraction.unwrap_or("")))
    }
}

fn integer(token: &str) -> Result<Raw<'_>> {
    match token.parse() {
        Ok(value) => Ok(Raw::Int(value)),
        Err(_) if token.len() > MAX_DIGITS => Err(long_int()),
        Err(_) => Ok(Raw::BigInt(token.into())),
    }
}

fn float<'a>(token: &str, digits: &str) -> Result<Raw<'a>> {
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    let exact = |value: &f64| value.is_finite() && (*value != 0.0 || significant.is_empty());
    match token.parse().ok().filter(exact).filter(|_| significant.len() <= FLOAT_DIGITS) {
        Some(value) => Ok(Raw::Float(value)),
        None => Err(Error::new(ErrorKind::OutOfRange, "a number in JSON is beyond what a float holds")
            .hint("write it as a JSON string to keep all its digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text = " { \"a\" : [ 1 , -0 , 2.50 , 1e2 , true , null , \"\\u00e4\\ud83d\\ude00\\/\\n\" ] , \"b\" : {} } ";
        let Raw::Map(entries) = parse(text).unwrap() else { panic!("no map") };
        let expected = vec![
            Raw::Int(1),
            Raw::Int(0),
            Raw::Float(2.5),
            Raw::Float(100.0),
            Raw::Bool(true),
            Raw::Null,
            Raw::Text("ä😀/\n".into()),
        ];
        assert_eq!(entries, [("a".into(), Raw::List(expected)), ("b".into(), Raw::Map(vec![]))]);
    }

    #[test]
    fn integers_keep_all_digits() {
        let digits = "-123456789012345678901234567890";
        assert_eq!(parse(digits).unwrap(), Raw::BigInt(digits.into()));
        assert_eq!(parse(&"9".repeat(4_301)).unwrap_err().kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn a_number_that_no_float_holds_is_refused() {
        for text in ["1e999", "1e-999", "0.1234567890123456789"] {
            assert_eq!(parse(text).unwrap_err().kind(), ErrorKind::OutOfRange, "{text}");
        }
        assert_eq!(parse("0.10000000000000001").unwrap(), Raw::Float(0.1));
        assert_eq!(parse("0.000e5").unwrap(), Raw::Float(0.0));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "tru",
            "NaN",
            "Infinity",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "'a'",
            "\"a",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\u00é\"",
            "\"\\é\"",
            "\"\n\"",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":1,}",
            "[1",
            "{",
            "1 2",
            "\"\\u+123\"",
            "{\"a\":1,\"a\":2}",
            "é",
        ] {
            assert_eq!(parse(text).unwrap_err().kind(), ErrorKind::WrongType, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_before_it_is_built() {
        assert!(parse(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
        assert_eq!(parse(&"[".repeat(100_000)).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert_eq!(parse(&"{\"a\":".repeat(100_000)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
}
