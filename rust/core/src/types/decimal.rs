//! Exact decimals: digits as an i128 at the column's scale. (rust_decimal holds 28 digits only.)

use super::{LogicalType, unreadable, wrong_type};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Raw, Value};

pub(super) fn accept(raw: &Raw<'_>, precision: u8, scale: u8) -> Result<Value<'static>> {
    let ty = LogicalType::Decimal { precision, scale };
    let digits = match raw {
        Raw::Int(value) => parse(&value.to_string(), precision, scale),
        Raw::Float(value) if !value.is_finite() => return Err(not_finite()),
        // Rust prints a float by its shortest form, as Python does, without an exponent.
        Raw::Float(value) => parse(&value.to_string(), precision, scale),
        Raw::Decimal(text) if is_special(text) => return Err(not_finite()),
        Raw::BigInt(text) | Raw::Decimal(text) | Raw::Text(text) => parse(text, precision, scale),
        raw => return Err(wrong_type(&ty, raw)),
    };
    match digits {
        Parsed::Exact(value) => Ok(Value::Decimal(value)),
        Parsed::TooMany => Err(too_many_digits(&ty)),
        Parsed::Unreadable => Err(unreadable(&ty)),
    }
}

pub(crate) fn too_many_digits(ty: &LogicalType) -> Error {
    Error::new(ErrorKind::TooManyDigits, format!("more digits than a {} holds", ty.name()))
        .hint("round the value yourself, or declare Precision(digits, scale) on the field")
}

/// The integer that digits stand for, if they stand for one of at most 38 digits.
pub(super) fn integral(digits: &str) -> Option<i128> {
    match parse(digits, 38, 0) {
        Parsed::Exact(value) => Some(value),
        Parsed::TooMany | Parsed::Unreadable => None,
    }
}

fn not_finite() -> Error {
    Error::new(ErrorKind::NotFinite, "a Decimal field holds no NaN and no infinity")
        .hint("use None in an optional field for a missing number")
}

/// `NaN`, `sNaN`, `Infinity`, as Python's `Decimal` writes them.
fn is_special(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic() && !byte.eq_ignore_ascii_case(&b'e'))
}

enum Parsed {
    Exact(i128),
    TooMany,
    Unreadable,
}

/// Reads `[+-]digits[.digits][e[+-]digits]` as an integer at `scale`.
fn parse(text: &str, precision: u8, scale: u8) -> Parsed {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => match exponent.parse::<i32>() {
            Ok(exponent) => (mantissa, exponent),
            Err(_) => return Parsed::Unreadable,
        },
        None => (text, 0),
    };
    let (negative, unsigned) = match mantissa.as_bytes().first() {
        Some(b'-') => (true, &mantissa[1..]),
        Some(b'+') => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Parsed::Unreadable;
    }
    let significant: String = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
    if significant.is_empty() {
        return Parsed::Exact(0);
    }
    // value = significant * 10^(exponent - len(fraction)); shift moves it to an integer at `scale`.
    let fraction_digits = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let shift = i64::from(exponent).saturating_sub(fraction_digits).saturating_add(i64::from(scale));
    let scaled = if shift >= 0 {
        if shift > 38 {
            return Parsed::TooMany;
        }
        let zeros = usize::try_from(shift).unwrap_or(0);
        format!("{significant}{}", "0".repeat(zeros))
    } else {
        let dropped = usize::try_from(-shift).unwrap_or(usize::MAX);
        if dropped >= significant.len() {
            return Parsed::TooMany;
        }
        let (kept, rest) = significant.split_at(significant.len() - dropped);
        if rest.bytes().any(|digit| digit != b'0') {
            return Parsed::TooMany;
        }
        kept.to_owned()
    };
    if scaled.len() > usize::from(precision) {
        return Parsed::TooMany;
    }
    match scaled.parse::<i128>() {
        Ok(value) => Parsed::Exact(if negative { -value } else { value }),
        Err(_) => Parsed::TooMany,
    }
}

/// 10^n for n ≤ 38, the largest power an i128 holds.
pub fn pow10(n: u8) -> i128 {
    10_i128.pow(u32::from(n.min(38)))
}

/// Plain digits with exactly `scale` places: `-12.3400`.
pub fn render_decimal(value: i128, scale: u8) -> String {
    if scale == 0 {
        return value.to_string();
    }
    let unit = pow10(scale).unsigned_abs();
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = usize::from(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str, precision: u8, scale: u8) -> Option<i128> {
        match parse(text, precision, scale) {
            Parsed::Exact(value) => Some(value),
            _ => None,
        }
    }

    #[test]
    fn digits_beyond_the_scale_are_refused_unless_zero() {
        assert_eq!(exact("1.50", 10, 1), Some(15));
        assert_eq!(exact("1.55", 10, 1), None);
        assert_eq!(exact("1E+3", 10, 2), Some(100_000));
        assert_eq!(exact("125e-2", 10, 2), Some(125));
        assert_eq!(exact("0E-50", 10, 2), Some(0));
        assert_eq!(exact("-0.01", 3, 2), Some(-1));
    }

    #[test]
    fn the_largest_38_digits_fit_and_39_do_not() {
        assert_eq!(exact(&"9".repeat(38), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(exact(&"9".repeat(39), 38, 0), None);
        assert_eq!(exact("1e39", 38, 0), None);
        assert_eq!(exact("100.00", 4, 2), None);
    }

    #[test]
    fn rendering_is_the_inverse_of_reading() {
        for (value, scale) in [(0, 2), (-1, 2), (12345, 4), (10_i128.pow(38) - 1, 10), (-5, 0)] {
            assert_eq!(exact(&render_decimal(value, scale), 38, scale), Some(value));
        }
        assert_eq!(render_decimal(-1, 2), "-0.01");
    }

    #[test]
    fn letters_are_unreadable() {
        for text in ["", ".", "-", "1x", "1e", "--1", "1_000", "٣"] {
            assert!(matches!(parse(text, 38, 10), Parsed::Unreadable), "{text}");
        }
    }
}
