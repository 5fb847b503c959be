//! Arithmetic that is exact, or refused.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{LogicalType, exact_float, pow10, too_many_digits};
use crate::value::{Raw, Value};

/// A stored value plus an amount of its type; null is the amount.
///
/// # Errors
/// `OutOfRange` for a result that the type does not hold.
pub(super) fn sum(ty: &LogicalType, stored: &Value<'_>, amount: &Value<'_>) -> Result<Value<'static>> {
    match (ty, stored, amount) {
        (_, Value::Null, amount) => Ok(amount.clone().into_owned()),
        (LogicalType::Int, Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int).ok_or_else(|| beyond(ty)),
        (LogicalType::Float, Value::Float(a), Value::Float(b)) => finite(*a, a + b).map(Value::Float),
        (LogicalType::Decimal { precision, .. }, Value::Decimal(a), Value::Decimal(b)) => {
            within(ty, *precision, a.checked_add(*b))
        }
        _ => Err(other_type()),
    }
}

/// A stored value times a factor; null is 0. The factor of a decimal has `scale` places of its own.
///
/// # Errors
/// `OutOfRange` for a result that the type does not hold, `TooManyDigits` for one with more places.
pub(super) fn multiply(ty: &LogicalType, stored: &Value<'_>, factor: &Value<'_>, scale: u8) -> Result<Value<'static>> {
    match (ty, stored, factor) {
        (LogicalType::Int, Value::Null, _) => Ok(Value::Int(0)),
        (LogicalType::Float, Value::Null, _) => Ok(Value::Float(0.0)),
        (LogicalType::Decimal { .. }, Value::Null, _) => Ok(Value::Decimal(0)),
        (LogicalType::Int, Value::Int(a), Value::Int(b)) => a.checked_mul(*b).map(Value::Int).ok_or_else(|| beyond(ty)),
        (LogicalType::Float, Value::Float(a), Value::Float(b)) => finite(*a, a * b).map(Value::Float),
        (LogicalType::Decimal { precision, .. }, Value::Decimal(a), Value::Decimal(b)) => {
            // The unit is taken out of both factors first: the product of 38 digits each is more than 128 bits.
            let unit = pow10(scale);
            let common = gcd(a.unsigned_abs(), unit.unsigned_abs()).cast_signed();
            let rest = unit / common;
            if b % rest != 0 {
                return Err(too_many_digits(ty));
            }
            within(ty, *precision, (a / common).checked_mul(b / rest))
        }
        _ => Err(other_type()),
    }
}

const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn within(ty: &LogicalType, precision: u8, digits: Option<i128>) -> Result<Value<'static>> {
    match digits {
        Some(digits) if digits.unsigned_abs() < pow10(precision).unsigned_abs() => Ok(Value::Decimal(digits)),
        _ => Err(beyond(ty)),
    }
}

/// An infinity that was stored may stay one, and NaN itself: nothing becomes one.
fn finite(stored: f64, result: f64) -> Result<f64> {
    let kept = result.is_finite() || (stored.is_infinite() && result.is_infinite()) || stored.is_nan();
    if kept { Ok(result) } else { Err(beyond(&LogicalType::Float)) }
}

/// A number in JSON plus or times another one: ints as ints of 64 bits, others as floats.
pub(super) fn of_json(
    a: &Raw<'_>,
    b: &Raw<'_>,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Result<Raw<'static>> {
    let beyond = || Error::new(ErrorKind::OutOfRange, "the result is outside what JSON keeps exactly");
    match (a, b) {
        (Raw::Int(a), Raw::Int(b)) => ints(*a, *b).map(Raw::Int).ok_or_else(beyond),
        (Raw::Int(_) | Raw::Float(_), Raw::Int(_) | Raw::Float(_)) => {
            let float = |raw: &Raw<'_>| match raw {
                Raw::Int(value) => exact_float(*value),
                Raw::Float(value) => Some(*value),
                _ => None,
            };
            let result = float(a).zip(float(b)).map(|(a, b)| floats(a, b)).filter(|result| result.is_finite());
            result.map(Raw::Float).ok_or_else(beyond)
        }
        (Raw::Int(_) | Raw::Float(_) | Raw::BigInt(_), _) => Err(beyond()),
        (a, _) => Err(Error::new(ErrorKind::WrongType, format!("the stored value is no number but {}", a.type_name()))),
    }
}

fn beyond(ty: &LogicalType) -> Error {
    Error::new(ErrorKind::OutOfRange, format!("the result is outside what a {} holds", ty.name()))
}

fn other_type() -> Error {
    Error::internal("an update met a value that is not of its column's type")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTS: LogicalType = LogicalType::Decimal { precision: 38, scale: 2 };

    fn times(stored: i128, factor: i128, scale: u8) -> Result<Value<'static>> {
        multiply(&CENTS, &Value::Decimal(stored), &Value::Decimal(factor), scale)
    }

    #[test]
    fn a_product_of_decimals_is_exact_or_refused() {
        assert_eq!(times(1_000, 11, 1).unwrap(), Value::Decimal(1_100));
        assert_eq!(times(-250, 5, 1).unwrap(), Value::Decimal(-125));
        assert_eq!(times(999, 11, 1).unwrap_err().kind(), ErrorKind::TooManyDigits);
        assert_eq!(times(0, 1, 38).unwrap(), Value::Decimal(0));
        let large = 10_i128.pow(37);
        assert_eq!(times(large, 10_i128.pow(37), 37).unwrap(), Value::Decimal(large));
        assert_eq!(times(large, 10, 0).unwrap_err().kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn what_a_type_does_not_hold_is_out_of_range() {
        let int = |a, b| sum(&LogicalType::Int, &Value::Int(a), &Value::Int(b));
        assert_eq!(int(i64::MAX, 1).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(int(i64::MIN, -1).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(int(i64::MAX, -1).unwrap(), Value::Int(i64::MAX - 1));
        let float = |a, b| sum(&LogicalType::Float, &Value::Float(a), &Value::Float(b));
        assert_eq!(float(f64::MAX, f64::MAX).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(float(f64::INFINITY, 1.0).unwrap(), Value::Float(f64::INFINITY));
        let infinite = multiply(&LogicalType::Float, &Value::Float(f64::INFINITY), &Value::Float(0.0), 0);
        assert_eq!(infinite.unwrap_err().kind(), ErrorKind::OutOfRange);
        let digits = sum(&LogicalType::Decimal { precision: 2, scale: 0 }, &Value::Decimal(99), &Value::Decimal(1));
        assert_eq!(digits.unwrap_err().kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn numbers_in_json_stay_exact() {
        let add = |a: Raw<'static>, b: Raw<'static>| of_json(&a, &b, i64::checked_add, |a, b| a + b);
        assert_eq!(add(Raw::Int(1), Raw::Int(2)).unwrap(), Raw::Int(3));
        assert_eq!(add(Raw::Int(1), Raw::Float(0.5)).unwrap(), Raw::Float(1.5));
        for (a, b) in [
            (Raw::Int(i64::MAX), Raw::Int(1)),
            (Raw::Int((1 << 53) + 1), Raw::Float(0.5)),
            (Raw::Float(f64::MAX), Raw::Float(f64::MAX)),
            (Raw::BigInt("1".repeat(30).into()), Raw::Int(1)),
            (Raw::BigInt("1".repeat(30).into()), Raw::BigInt("1".repeat(30).into())),
        ] {
            assert_eq!(add(a, b).unwrap_err().kind(), ErrorKind::OutOfRange);
        }
        assert_eq!(add(Raw::Text("1".into()), Raw::Int(1)).unwrap_err().kind(), ErrorKind::WrongType);
    }
}
