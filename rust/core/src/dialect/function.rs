//! The functions of expressions and the totals of groups, as each database has them with the same meaning.

use crate::filter::Comparison;
use crate::pipeline::Function;
use crate::types::LogicalType;

/// A source of rows, one for each item of a list: it and what it is joined on, an item, and its place from 0.
pub struct Unwound {
    pub rows: String,
    pub on: String,
    pub item: String,
    pub place: String,
}

/// What differs between the databases in expressions. An operand is named as often as `operands` has it: where
/// parameters have no numbers it may be named once.
pub trait Functions {
    /// A value of an expression: without a column beside it a parameter has no type.
    fn typed(&self, placeholder: String, ty: &LogicalType) -> String;

    /// Null of a type.
    fn null(&self, ty: &LogicalType) -> String;

    /// A function of operands of the types `types`, whose result is of type `ty`.
    fn call(&self, function: Function, operands: &[String], types: &[&LogicalType], ty: &LogicalType) -> String;

    /// The sum of all values but nulls; zero where there is none. Of a window where there is an `over`.
    fn sum(&self, operand: &str, over: &str, ty: &LogicalType) -> String;

    /// The sum of the values of a column by their number; null where there is none. `from` is their type, `ty` that of
    /// the average. A decimal is rounded half away from zero.
    fn average(&self, column: &str, over: &str, from: &LogicalType, ty: &LogicalType) -> String;

    /// The standard deviation of floats; null where there is none, and of a sample of one.
    fn deviation(&self, operand: &str, is_sample: bool) -> String;

    /// A number by chance, another one for every row.
    fn random(&self) -> &'static str {
        "random()"
    }

    /// Whether a condition on groups by a text that is made of literals, and on windows, must be kept outside.
    fn fences_groups(&self) -> bool {
        false
    }

    /// The one value of a group whose place is 1.
    fn value_at(&self, place: &str, value: &str) -> String {
        format!("max(CASE WHEN {place} = 1 THEN {value} END)")
    }

    /// A key of groups in their order, where the rows that they are made of come in an order of their own.
    fn ordered_anew(&self, column: &str) -> String {
        column.to_owned()
    }

    /// What stands before a value in an order and makes the query an error for one that is too long to be sorted by all
    /// of it; None where there is no such.
    fn sort_guard(&self, value: &str, ty: &LogicalType) -> Option<String> {
        let _ = (value, ty);
        None
    }

    /// The rows beside each row that a list gives, under a name.
    fn unwound(&self, list: &str, item: &LogicalType, name: &str) -> Unwound;

    /// The values of a group that are not null as a list, of items of a type, in the order of a column; those only where
    /// `once`, another, is 1. They are columns all.
    fn listed(&self, value: &str, item: &LogicalType, place: &str, once: Option<&str>) -> String;

    /// A column by which a window is parted.
    fn parted(&self, column: &str, ty: &LogicalType) -> String {
        let _ = ty;
        column.to_owned()
    }
}

/// What MongoDB takes for white space, but for NUL, which no text has.
pub(super) fn white_space() -> impl Iterator<Item = char> {
    "\t\n\u{b}\u{c}\r \u{a0}\u{1680}".chars().chain('\u{2000}'..='\u{200a}')
}

/// The ASCII letters of one case, and what they become in the other.
pub(super) const fn cases(upper: bool) -> (&'static str, &'static str) {
    const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
    const LARGE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if upper { (SMALL, LARGE) } else { (LARGE, SMALL) }
}

/// What all databases write alike; None for the others.
pub(super) fn common(function: Function, operands: &[String], null_safe_equal: &str) -> Option<String> {
    let joined = |sign: &str| format!("({})", operands.join(sign));
    let only = || operands.concat();
    Some(match function {
        Function::Divide => match operands {
            [a, b] => format!("({a} / NULLIF({b}, 0))"),
            _ => return None,
        },
        Function::Remainder => match operands {
            [a, b] => format!("({a} % NULLIF({b}, 0))"),
            _ => return None,
        },
        Function::Coalesce => format!("coalesce{}", joined(", ")),
        Function::Compare(Comparison::Equal) => joined(&format!(" {null_safe_equal} ")),
        Function::Compare(comparison) => format!("({} IS TRUE)", joined(&format!(" {} ", comparison.sql()))),
        Function::And => joined(" AND "),
        Function::Or => joined(" OR "),
        Function::Not => format!("(NOT {})", only()),
        Function::IsTrue => format!("({} IS TRUE)", only()),
        _ => return None,
    })
}

/// The sign of an arithmetic function of two operands.
pub(super) const fn sign(function: Function) -> Option<&'static str> {
    match function {
        Function::Add => Some(" + "),
        Function::Subtract => Some(" - "),
        Function::Multiply => Some(" * "),
        _ => None,
    }
}
