//! Numbers as SQLite's expressions have them, calculated by functions of our own: its ints turn into floats where they
//! do not fit, its sums of floats are of another kind, and our decimals are bytes to it.

use arrow_buffer::i256;

use super::{decode_decimal, encode_decimal};
use crate::types::{LogicalType, pow10, render_decimal};

/// `dataflow_add(a, b)`, and so on: two numbers of one kind, decimals of one scale but for a product.
pub const ADD: &str = "dataflow_add";
pub const SUBTRACT: &str = "dataflow_subtract";
pub const MULTIPLY: &str = "dataflow_multiply";
/// `dataflow_divide(a, b)`, of floats; null for a division by zero.
pub const DIVIDE: &str = "dataflow_divide";
/// `dataflow_absolute(a)`.
pub const ABSOLUTE: &str = "dataflow_absolute";
/// `dataflow_ceiling(a, scale)`, a decimal without places.
pub const CEILING: &str = "dataflow_ceiling";
pub const FLOOR: &str = "dataflow_floor";
/// `dataflow_cut(a, digits)`: without that many of a decimal's last digits, or without the fraction of a float.
pub const CUT: &str = "dataflow_cut";
/// `dataflow_scale(a, zeros)`: an int or a decimal with more zeros, a decimal.
pub const SCALE: &str = "dataflow_scale";
/// `dataflow_fit(a, digits)`: a decimal that has no more of them.
pub const FIT: &str = "dataflow_fit";
/// `dataflow_number(text, scale)`: a number in JSON, a decimal of that scale or, for -1, a float.
pub const NUMBER: &str = "dataflow_number";
/// `dataflow_text(a, scale)`, of a decimal: with all its places.
pub const TEXT: &str = "dataflow_text";
/// `dataflow_float(a, scale)`, of a decimal: the nearest.
pub const FLOAT: &str = "dataflow_float";
/// `dataflow_deviation(a, from)`, of the floats of a group; `from` is what their number is lessened by.
pub const DEVIATION: &str = "dataflow_deviation";
/// `dataflow_sum(a)`, of a group; null where there is no value.
pub const SUM: &str = "dataflow_sum";
/// `dataflow_average(a, zeros)`, of a group; `zeros` places more for a decimal.
pub const AVERAGE: &str = "dataflow_average";

/// The zero of a type of numbers, as a literal.
pub(super) const fn zero(ty: &LogicalType) -> &'static str {
    match ty {
        LogicalType::Float => "0.0",
        LogicalType::Decimal { .. } => "X'80000000000000000000000000000000'",
        _ => "0",
    }
}

/// A number as SQLite stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
    /// Its digits, as an integer.
    Decimal(i128),
}

impl Number {
    /// The decimal in 16 bytes.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Number::Decimal(decode_decimal(bytes)))
    }

    pub fn to_bytes(digits: i128) -> [u8; 16] {
        encode_decimal(digits)
    }

    /// A number that is not beyond the largest of its kind; an infinity comes of an infinity only. SQLite takes NaN for
    /// null.
    fn float(value: f64, of: &[f64]) -> Option<Self> {
        let is_one = value.is_finite() || (value.is_infinite() && of.iter().any(|of| of.is_infinite()));
        is_one.then_some(Number::Float(value))
    }

    /// What a function makes of two numbers; None where there is no such number of their kind.
    pub fn binary(function: &str, a: Number, b: Number) -> Option<Number> {
        match (function, a, b) {
            (ADD, Number::Int(a), Number::Int(b)) => a.checked_add(b).map(Number::Int),
            (SUBTRACT, Number::Int(a), Number::Int(b)) => a.checked_sub(b).map(Number::Int),
            (MULTIPLY, Number::Int(a), Number::Int(b)) => a.checked_mul(b).map(Number::Int),
            (ADD, Number::Float(a), Number::Float(b)) => Number::float(a + b, &[a, b]),
            (SUBTRACT, Number::Float(a), Number::Float(b)) => Number::float(a - b, &[a, b]),
            (MULTIPLY, Number::Float(a), Number::Float(b)) => Number::float(a * b, &[a, b]),
            (DIVIDE, Number::Float(a), Number::Float(b)) => Number::float(a / b, &[a, b]),
            (ADD, Number::Decimal(a), Number::Decimal(b)) => a.checked_add(b).and_then(decimal),
            (SUBTRACT, Number::Decimal(a), Number::Decimal(b)) => a.checked_sub(b).and_then(decimal),
            (MULTIPLY, Number::Decimal(a), Number::Decimal(b)) => a.checked_mul(b).and_then(decimal),
            (SCALE, Number::Int(a), Number::Int(zeros)) => scaled(i128::from(a), zeros),
            (SCALE, Number::Decimal(a), Number::Int(zeros)) => scaled(a, zeros),
            (FIT, Number::Decimal(a), Number::Int(digits)) => {
                (a.unsigned_abs() < unit(digits)?.unsigned_abs()).then_some(Number::Decimal(a))
            }
            (FLOAT, Number::Decimal(a), Number::Int(scale)) => {
                let text = render_decimal(a, u8::try_from(scale).ok()?);
                text.parse().ok().map(Number::Float)
            }
            (CUT, Number::Float(a), _) => Some(Number::Float(a.trunc())),
            (CUT, Number::Decimal(a), Number::Int(digits)) => Some(Number::Decimal(a / unit(digits)?)),
            (CEILING, Number::Float(a), _) => Some(Number::Float(a.ceil())),
            (FLOOR, Number::Float(a), _) => Some(Number::Float(a.floor())),
            (CEILING, Number::Decimal(a), Number::Int(scale)) => {
                let unit = unit(scale)?;
                Some(Number::Decimal(a.div_euclid(unit) + i128::from(a.rem_euclid(unit) != 0)))
            }
            (FLOOR, Number::Decimal(a), Number::Int(scale)) => Some(Number::Decimal(a.div_euclid(unit(scale)?))),
            _ => None,
        }
    }

    /// The number that a list in JSON holds; decimals are written with all their places.
    pub fn of_text(text: &str, scale: i64) -> Option<Number> {
        let Ok(scale) = usize::try_from(scale) else { return Number::float(text.parse().ok()?, &[]) };
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let digits = (places.len() == scale).then(|| format!("{whole}{places}"))?;
        digits.parse().ok().and_then(decimal)
    }

    /// A decimal with all its places; None of another number.
    pub fn to_text(self, scale: i64) -> Option<String> {
        let Number::Decimal(digits) = self else { return None };
        u8::try_from(scale).ok().filter(|scale| *scale <= 38).map(|scale| render_decimal(digits, scale))
    }

    pub fn absolute(self) -> Option<Number> {
        match self {
            Number::Int(a) => a.checked_abs().map(Number::Int),
            Number::Float(a) => Some(Number::Float(a.abs())),
            Number::Decimal(a) => a.checked_abs().map(Number::Decimal),
        }
    }
}

/// At most 38 digits.
fn decimal(digits: i128) -> Option<Number> {
    (digits.unsigned_abs() < pow10(38).unsigned_abs()).then_some(Number::Decimal(digits))
}

fn scaled(digits: i128, zeros: i64) -> Option<Number> {
    if digits == 0 { Some(Number::Decimal(0)) } else { digits.checked_mul(unit(zeros)?).and_then(decimal) }
}

fn unit(zeros: i64) -> Option<i128> {
    u8::try_from(zeros).ok().filter(|zeros| *zeros <= 38).map(pow10)
}

/// The numbers of a group so far: all of one kind.
#[derive(Debug, Default)]
pub struct Total {
    sum: Sum,
    count: i64,
    /// Of floats their mean so far, and the sum of the squares of what lies between it and them.
    mean: f64,
    squares: f64,
}

#[derive(Debug, Default)]
enum Sum {
    #[default]
    Nothing,
    /// 2^63 numbers of 64 bits fit.
    Int(i128),
    Float(f64),
    Decimal(i256),
}

impl Total {
    /// None where the sum is beyond any number, or the kinds differ.
    pub fn add(&mut self, number: Number) -> Option<()> {
        let before = std::mem::take(&mut self.sum);
        self.sum = match (before, number) {
            (Sum::Nothing, Number::Int(b)) => Sum::Int(i128::from(b)),
            (Sum::Int(a), Number::Int(b)) => Sum::Int(a.checked_add(i128::from(b))?),
            (Sum::Nothing, Number::Float(b)) => Sum::Float(b),
            (Sum::Float(a), Number::Float(b)) => match Number::float(a + b, &[a, b])? {
                Number::Float(sum) => Sum::Float(sum),
                _ => return None,
            },
            (Sum::Nothing, Number::Decimal(b)) => Sum::Decimal(i256::from_i128(b)),
            (Sum::Decimal(a), Number::Decimal(b)) => Sum::Decimal(a.checked_add(i256::from_i128(b))?),
            _ => return None,
        };
        self.count += 1;
        Some(())
    }

    /// Takes a number out again that was added. None for a float: what is left of their sum is not the sum of the others.
    pub fn remove(&mut self, number: Number) -> Option<()> {
        self.count -= 1;
        self.sum = match (std::mem::take(&mut self.sum), number) {
            _ if self.count == 0 => Sum::Nothing,
            (Sum::Int(a), Number::Int(b)) => Sum::Int(a.checked_sub(i128::from(b))?),
            (Sum::Decimal(a), Number::Decimal(b)) => Sum::Decimal(a.checked_sub(i256::from_i128(b))?),
            _ => return None,
        };
        Some(())
    }

    /// The sum; the inner None stands for no number, the outer for one beyond its kind.
    pub fn sum(&self) -> Option<Option<Number>> {
        Some(match &self.sum {
            Sum::Nothing => None,
            Sum::Int(sum) => Some(Number::Int(i64::try_from(*sum).ok()?)),
            Sum::Float(sum) => Some(Number::Float(*sum)),
            Sum::Decimal(sum) => Some(decimal(sum.to_i128()?)?),
        })
    }

    /// Adds a float to what a deviation is made of (Welford, Technometrics 4, 1962). None for another number, and for
    /// squares beyond the largest float.
    pub fn deviate(&mut self, number: Number) -> Option<()> {
        let Number::Float(value) = number else { return None };
        self.count += 1;
        let before = value - self.mean;
        #[expect(clippy::cast_precision_loss, reason = "no group has so many rows")]
        let count = self.count as f64;
        self.mean += before / count;
        self.squares += before * (value - self.mean);
        self.squares.is_finite().then_some(())
    }

    /// The root of the mean square; of a sample with `less` of 1.
    pub fn deviation(&self, less: u8) -> Option<Number> {
        let count = self.count - i64::from(less);
        #[expect(clippy::cast_precision_loss, reason = "no group has so many rows")]
        (count > 0).then(|| Number::Float((self.squares / count as f64).sqrt()))
    }

    /// The sum by the count, a decimal with `zeros` places more and rounded half away from zero.
    pub fn average(&self, zeros: u8) -> Option<Option<Number>> {
        #[expect(clippy::cast_precision_loss, reason = "the nearest float is meant")]
        let count = self.count as f64;
        Some(match &self.sum {
            Sum::Nothing => None,
            #[expect(clippy::cast_precision_loss, reason = "the nearest float is meant")]
            Sum::Int(sum) => Some(Number::Float(*sum as f64 / count)),
            Sum::Float(sum) => Some(Number::Float(sum / count)),
            Sum::Decimal(sum) => {
                let (two, count) = (i256::from_i128(2), i256::from_i128(i128::from(self.count)));
                let shifted = sum.checked_abs()?.checked_mul(i256::from_i128(pow10(zeros)))?;
                let size = shifted.checked_mul(two)?.checked_add(count)?.checked_div(count.checked_mul(two)?)?;
                let digits = size.to_i128()?;
                Some(decimal(if *sum < i256::ZERO { -digits } else { digits })?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(numbers: impl IntoIterator<Item = Number>) -> Total {
        let mut total = Total::default();
        numbers.into_iter().for_each(|number| total.add(number).unwrap());
        total
    }

    #[test]
    fn what_does_not_fit_is_no_number() {
        let most = 10_i128.pow(38) - 1;
        for (function, a, b) in [
            (ADD, Number::Int(i64::MAX), Number::Int(1)),
            (SUBTRACT, Number::Int(i64::MIN), Number::Int(1)),
            (MULTIPLY, Number::Int(i64::MIN), Number::Int(-1)),
            (MULTIPLY, Number::Float(1e300), Number::Float(1e300)),
            (DIVIDE, Number::Float(1e300), Number::Float(1e-300)),
            (SUBTRACT, Number::Float(f64::INFINITY), Number::Float(f64::INFINITY)),
            (MULTIPLY, Number::Float(f64::INFINITY), Number::Float(0.0)),
            (ADD, Number::Decimal(most), Number::Decimal(1)),
            (MULTIPLY, Number::Decimal(most), Number::Decimal(most)),
            (SCALE, Number::Decimal(10), Number::Int(37)),
            (FIT, Number::Decimal(-1_000), Number::Int(3)),
            (FIT, Number::Decimal(1), Number::Int(39)),
            (ADD, Number::Int(1), Number::Float(1.0)),
        ] {
            assert_eq!(Number::binary(function, a, b), None, "{function} {a:?} {b:?}");
        }
        assert_eq!(Number::Int(i64::MIN).absolute(), None);
        assert_eq!(total([Number::Int(i64::MAX), Number::Int(1)]).sum(), None);
    }

    #[test]
    fn a_decimal_fits_with_as_many_digits_as_it_may_have() {
        for (digits, most) in [(-999, 3), (0, 0), (10_i128.pow(38) - 1, 38)] {
            let digits = Number::Decimal(digits);
            assert_eq!(Number::binary(FIT, digits, Number::Int(most)), Some(digits));
        }
    }

    #[test]
    fn a_decimal_is_rounded_towards_either_side() {
        let cases = [(-150, -1, -2), (150, 2, 1), (-100, -1, -1), (0, 0, 0), (-1, 0, -1), (1, 1, 0)];
        for (digits, ceiling, floor) in cases {
            let rounded = |function| Number::binary(function, Number::Decimal(digits), Number::Int(2));
            assert_eq!(rounded(CEILING), Some(Number::Decimal(ceiling)));
            assert_eq!(rounded(FLOOR), Some(Number::Decimal(floor)));
        }
    }

    #[test]
    fn an_average_of_decimals_is_rounded_half_away_from_zero() {
        let average = |digits: &[i128], zeros| total(digits.iter().map(|&digit| Number::Decimal(digit))).average(zeros);
        assert_eq!(average(&[1, 2], 0), Some(Some(Number::Decimal(2))));
        assert_eq!(average(&[-1, -2], 0), Some(Some(Number::Decimal(-2))));
        assert_eq!(average(&[1, 1, 2], 4), Some(Some(Number::Decimal(13_333))));
        let most = 10_i128.pow(38) - 1;
        assert_eq!(average(&[most, most, most], 0), Some(Some(Number::Decimal(most))));
        assert_eq!(average(&[], 4), Some(None));
    }

    #[test]
    fn a_deviation_is_that_of_the_values_or_of_a_sample() {
        let mut total = Total::default();
        assert_eq!(total.deviation(0), None);
        for value in [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0] {
            total.deviate(Number::Float(value)).unwrap();
            assert_eq!(total.deviation(1).is_none(), total.count == 1);
        }
        assert_eq!(total.deviation(0), Some(Number::Float(22.5_f64.sqrt())));
        assert_eq!(total.deviation(1), Some(Number::Float(30.0_f64.sqrt())));
        assert_eq!(total.deviate(Number::Float(1e308)), None);
    }

    #[test]
    fn what_is_taken_out_is_no_longer_in_a_sum() {
        let most = 10_i128.pow(38) - 1;
        for (a, b) in [
            (Number::Int(i64::MAX), Number::Int(i64::MAX)),
            (Number::Decimal(most), Number::Decimal(most)),
            (Number::Decimal(-1), Number::Decimal(most)),
        ] {
            let mut total = total([a, b]);
            total.remove(a).unwrap();
            assert_eq!(total.sum(), Some(Some(b)));
            total.remove(b).unwrap();
            assert_eq!((total.sum(), total.average(0)), (Some(None), Some(None)));
        }
        assert_eq!(total([Number::Float(1e300), Number::Float(1.0)]).remove(Number::Float(1e300)), None);
    }

    #[test]
    fn sums_may_pass_what_fits_on_their_way() {
        let ints = total([i64::MAX, i64::MAX, i64::MIN, i64::MIN].map(Number::Int));
        assert_eq!(ints.sum(), Some(Some(Number::Int(-2))));
        assert_eq!(ints.average(0), Some(Some(Number::Float(-0.5))));
    }
}
