//! SQLite's functions, and our own where its would differ.

use super::{Sqlite, calculation as own};
use crate::dialect::Dialect as _;
use crate::dialect::function::{Functions, Unwound, common, white_space};
use crate::pipeline::{Function, Part};
use crate::types::LogicalType;

impl Functions for Sqlite {
    fn typed(&self, placeholder: String, _ty: &LogicalType) -> String {
        placeholder
    }

    fn null(&self, _ty: &LogicalType) -> String {
        "NULL".to_owned()
    }

    fn call(&self, function: Function, operands: &[String], types: &[&LogicalType], ty: &LogicalType) -> String {
        if let (Function::Divide, [a, b]) = (function, operands) {
            return format!("{}({a}, NULLIF({b}, 0))", own::DIVIDE);
        }
        if let Some(text) = common(function, operands, self.null_safe_equal()) {
            return text;
        }
        let only = operands.concat();
        let scale = match types.first() {
            Some(LogicalType::Decimal { scale, .. }) => *scale,
            _ => 0,
        };
        match function {
            Function::Subtract => format!("{}({})", own::SUBTRACT, operands.join(", ")),
            Function::Multiply => format!("{}({})", own::MULTIPLY, operands.join(", ")),
            Function::Absolute => format!("{}({only})", own::ABSOLUTE),
            Function::Ceiling => format!("{}({only}, {scale})", own::CEILING),
            Function::Floor => format!("{}({only}, {scale})", own::FLOOR),
            Function::ToFloat if matches!(types, [LogicalType::Decimal { .. }]) => {
                format!("{}({only}, {scale})", own::FLOAT)
            }
            Function::ToFloat => format!("CAST({only} AS REAL)"),
            Function::Scale(zeros) => format!("{}({only}, {zeros})", own::SCALE),
            Function::Concat => format!("({})", operands.join(" || ")),
            Function::Length => format!("length({only})"),
            Function::Substring { start, count } => format!("substr({only}, {}, {count})", start + 1),
            Function::Case { upper: true } => format!("upper({only})"),
            Function::Case { upper: false } => format!("lower({only})"),
            Function::Size => format!("json_array_length({only})"),
            Function::Trim { start, end } => {
                let name = if start && end {
                    "trim"
                } else if start {
                    "ltrim"
                } else {
                    "rtrim"
                };
                let characters: Vec<_> = white_space().map(|c| u32::from(c).to_string()).collect();
                format!("{name}({only}, char({}))", characters.join(", "))
            }
            Function::Cut(place) => format!("{}({only}, {})", own::CUT, scale.saturating_sub(place)),
            Function::Part(part) => part_of(part, &only, types),
            Function::Truncate(part) => truncated(part, &only, ty),
            _ => format!("{}({})", own::ADD, operands.join(", ")),
        }
    }

    fn sum(&self, operand: &str, over: &str, ty: &LogicalType) -> String {
        format!("coalesce({}({operand}){over}, {})", own::SUM, own::zero(ty))
    }

    fn deviation(&self, operand: &str, is_sample: bool) -> String {
        format!("{}({operand}, {})", own::DEVIATION, i32::from(is_sample))
    }

    /// SQLite's JSON has numbers of its own.
    fn unwound(&self, list: &str, item: &LogicalType, name: &str) -> Unwound {
        let value = format!("{name}.value");
        let item = match item {
            LogicalType::Float => format!("{}({list} -> {name}.key, -1)", own::NUMBER),
            LogicalType::Decimal { scale, .. } => format!("{}({value}, {scale})", own::NUMBER),
            LogicalType::Bytes => format!("unhex({value})"),
            LogicalType::Uuid => format!("unhex({value}, '-')"),
            _ => value,
        };
        Unwound {
            rows: format!("json_each({list}) AS {name}"),
            on: "TRUE".to_owned(),
            item,
            place: format!("{name}.key"),
        }
    }

    fn listed(&self, value: &str, item: &LogicalType, place: &str, once: Option<&str>) -> String {
        let once = once.map_or_else(String::new, |once| format!(" FILTER (WHERE {once} = 1)"));
        let items = format!("group_concat({}, ',' ORDER BY {place}){once}", item_text(value, item));
        format!("('[' || coalesce({items}, '') || ']')")
    }

    /// SQLite 3.51 takes the descending order of a subquery with a limit for the ascending one that its groups are asked
    /// for. A sign keeps it from comparing the two.
    fn ordered_anew(&self, column: &str) -> String {
        format!("+{column}")
    }

    fn average(&self, column: &str, over: &str, from: &LogicalType, ty: &LogicalType) -> String {
        let zeros = match (from, ty) {
            (LogicalType::Decimal { scale: from, .. }, LogicalType::Decimal { scale, .. }) => scale - from,
            _ => 0,
        };
        format!("{}({column}, {zeros}){over}", own::AVERAGE)
    }
}

/// A value as a list has it in JSON; null of null. Moments are stored as the text that they have there.
fn item_text(value: &str, item: &LogicalType) -> String {
    let quoted = |text: &str| format!("'\"' || {text} || '\"'");
    match item {
        LogicalType::Bool => format!("CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        LogicalType::Text { .. } | LogicalType::Choice { .. } => {
            format!("CASE WHEN {value} IS NOT NULL THEN json_quote({value}) END")
        }
        LogicalType::Decimal { scale, .. } => quoted(&format!("{}({value}, {scale})", own::TEXT)),
        // The digits of null are none.
        LogicalType::Bytes => quoted(&format!("CASE WHEN {value} IS NOT NULL THEN lower(hex({value})) END")),
        LogicalType::Uuid => {
            let part = |start, width| format!("substr(lower(hex({value})), {start}, {width})");
            let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ");
            format!("CASE WHEN {value} IS NOT NULL THEN {} END", quoted(&parts))
        }
        LogicalType::Instant | LogicalType::WallTime | LogicalType::Date | LogicalType::Time => quoted(value),
        _ => format!("CAST({value} AS TEXT)"),
    }
}

/// Moments are texts of fixed width.
fn part_of(part: Part, operand: &str, types: &[&LogicalType]) -> String {
    let of_time = matches!(types, [LogicalType::Time]);
    let (start, width) = match part {
        Part::Year => (1, 4),
        Part::Month => (6, 2),
        Part::Day => (9, 2),
        Part::Hour => (if of_time { 1 } else { 12 }, 2),
        Part::Minute => (if of_time { 4 } else { 15 }, 2),
        Part::Second => (if of_time { 7 } else { 18 }, 2),
    };
    format!("CAST(substr({operand}, {start}, {width}) AS INTEGER)")
}

fn truncated(part: Part, operand: &str, ty: &LogicalType) -> String {
    let width = match part {
        Part::Year => 4,
        Part::Month => 7,
        Part::Day => 10,
        Part::Hour => 13,
        Part::Minute => 16,
        Part::Second => 19,
    };
    let whole = match ty {
        LogicalType::Instant => "0000-01-01T00:00:00.000000Z",
        LogicalType::WallTime => "0000-01-01T00:00:00.000000",
        _ => "0000-01-01",
    };
    format!("(substr({operand}, 1, {width}) || '{}')", &whole[width..])
}
