//! Numbers in canonical JSON text: no exponent, no leading zero, so that they are compared exactly by their digits.

use std::cmp::Ordering;

/// The order of two numbers; None where one is not a number.
pub fn compare_numbers(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Number::of(a)?, Number::of(b)?);
    Some(match (a.negative, b.negative) {
        (false, false) => a.size().cmp(&b.size()),
        (true, true) => b.size().cmp(&a.size()),
        (a, b) => b.cmp(&a),
    })
}

struct Number<'t> {
    negative: bool,
    digits: &'t str,
    /// Digits before the point.
    whole: usize,
}

impl<'t> Number<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
        (whole > 0).then_some(Number { negative: digits.len() < text.len(), digits, whole })
    }

    /// The longer whole part is the larger; of equally long ones the text decides.
    fn size(&self) -> (usize, &str) {
        (self.whole, self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_their_digits() {
        let huge = "9".repeat(400);
        let small = format!("0.{}1", "0".repeat(300));
        let ordered = [
            "-100",
            "-99.5",
            "-99",
            "-0.5",
            "0",
            &small,
            "0.1",
            "0.11",
            "1",
            "1.5",
            "2",
            "10",
            "9007199254740992",
            "9007199254740993",
            &huge,
        ];
        for (at, a) in ordered.iter().enumerate() {
            for (other, b) in ordered.iter().enumerate() {
                assert_eq!(compare_numbers(a, b), Some(at.cmp(&other)), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_is_no_number_has_no_order() {
        for text in ["\"1\"", "null", "true", "[1]", "{}", ""] {
            assert_eq!(compare_numbers(text, "1"), None);
        }
    }
}
