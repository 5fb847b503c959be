//! MariaDB's functions. A cast that does not hold a value warns, and a statement that warned of that is an error.

use super::{LONGEST_SORTED, Mysql};
use crate::dialect::Dialect as _;
use crate::dialect::function::{Functions, Unwound, cases, common, sign};
use crate::pipeline::{Function, Part};
use crate::types::{LogicalType, WALL_WIDTH};

/// The largest float.
const LARGEST: &str = "1.7976931348623157e308";

impl Functions for Mysql {
    fn typed(&self, placeholder: String, ty: &LogicalType) -> String {
        let cast = match ty {
            LogicalType::Text { .. } | LogicalType::Choice { .. } => {
                return format!("CAST({placeholder} AS CHAR CHARACTER SET utf8mb4) COLLATE {}", self.collation());
            }
            LogicalType::Bool | LogicalType::Int | LogicalType::Duration => "SIGNED",
            LogicalType::Float => "DOUBLE",
            LogicalType::Bytes => "BINARY",
            LogicalType::Uuid => "BINARY(16)",
            LogicalType::Instant | LogicalType::WallTime => "DATETIME(6)",
            LogicalType::Date => "DATE",
            LogicalType::Time => "TIME(6)",
            LogicalType::Decimal { .. } | LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_) => {
                return placeholder;
            }
        };
        format!("CAST({placeholder} AS {cast})")
    }

    fn null(&self, _ty: &LogicalType) -> String {
        "NULL".to_owned()
    }

    fn call(&self, function: Function, operands: &[String], _types: &[&LogicalType], ty: &LogicalType) -> String {
        let bounded = |text: String| bounded(&text, ty);
        if let Some(text) = common(function, operands, self.null_safe_equal()) {
            return if *ty == LogicalType::Float { bounded(text) } else { text };
        }
        let only = operands.concat();
        match function {
            Function::Absolute => bounded(format!("ABS({only})")),
            Function::Ceiling => bounded(format!("CEILING({only})")),
            Function::Floor => bounded(format!("FLOOR({only})")),
            Function::ToFloat => format!("CAST({only} AS DOUBLE)"),
            Function::Scale(_) => bounded(only),
            Function::Concat => format!("CONCAT({})", operands.join(", ")),
            Function::Length => format!("CHAR_LENGTH({only})"),
            Function::Substring { start, count } => format!("SUBSTRING({only}, {}, {count})", start + 1),
            Function::Case { upper } => cased(only, upper),
            Function::Size => format!("JSON_LENGTH({only})"),
            Function::Trim { start, end } => self.trimmed(only, start, end),
            Function::Cut(place) => bounded(format!("TRUNCATE({only}, {place})")),
            Function::Part(Part::Day) => format!("DAYOFMONTH({only})"),
            Function::Part(part) => format!("{}({only})", part.name().to_ascii_uppercase()),
            Function::Truncate(part) => truncated(part, &only, ty),
            function => bounded(format!("({})", operands.join(sign(function).unwrap_or(" ")))),
        }
    }

    fn sum(&self, operand: &str, over: &str, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Int => format!("CAST(COALESCE(SUM({operand}){over}, 0) AS SIGNED)"),
            LogicalType::Float => bounded(&format!("COALESCE({}, 0e0)", float_sum(operand, over)), ty),
            ty => bounded(&format!("COALESCE(SUM({operand}){over}, 0)"), ty),
        }
    }

    /// Division rounds to four digits more than the dividend has, so what it divides leaves nothing over. All is counted
    /// in the last place of the average: a power of ten would not fit beside 38 digits.
    fn average(&self, column: &str, over: &str, from: &LogicalType, ty: &LogicalType) -> String {
        let (sum, count) = (format!("SUM({column}){over}"), format!("COUNT({column}){over}"));
        match (from, ty) {
            (_, LogicalType::Decimal { scale, .. }) => {
                let (unit, divisor) = (least(*scale), format!("(2 * {count})"));
                let dividend = format!("(ABS({sum}) * 2 + {count} * {unit})");
                let quotient = format!("({dividend} - MOD({dividend}, {divisor} * {unit})) / {divisor}");
                bounded(&format!("SIGN({sum}) * ({quotient})"), ty)
            }
            (LogicalType::Int, _) => bounded(&format!("CAST({sum} AS DOUBLE) / {count}"), ty),
            _ => bounded(&format!("{} / {count}", float_sum(column, over)), ty),
        }
    }

    fn random(&self) -> &'static str {
        "RAND()"
    }

    /// No deviation is the largest float, its square would not fit. What is no number comes out of a temporary table as null.
    fn deviation(&self, operand: &str, is_sample: bool) -> String {
        let (name, least) = if is_sample { ("STDDEV_SAMP", 2) } else { ("STDDEV_POP", 1) };
        let found = format!("COALESCE({name}({operand}), {LARGEST})");
        let checked = format!("{found} * IF({found} < {LARGEST}, 1e0, 2e0)");
        bounded(&format!("IF(COUNT({operand}) < {least}, NULL, {checked})"), &LogicalType::Float)
    }

    /// MariaDB pushes the condition into the group or the window, reads a parameter there as a number and warns that it is none.
    fn fences_groups(&self) -> bool {
        true
    }

    fn unwound(&self, list: &str, item: &LogicalType, name: &str) -> Unwound {
        let value = format!("{name}.item");
        let long_text = format!("LONGTEXT CHARACTER SET utf8mb4 COLLATE {}", self.collation());
        let (column, item) = match item {
            LogicalType::Bool => ("VARCHAR(5)".to_owned(), format!("({value} = 'true')")),
            LogicalType::Text { .. } | LogicalType::Choice { .. } => (long_text, value),
            // UNHEX of such a column itself comes out of a temporary table empty.
            LogicalType::Bytes => (long_text, format!("UNHEX(CONCAT({value}, ''))")),
            LogicalType::Uuid => ("VARCHAR(36)".to_owned(), format!("UNHEX(REPLACE({value}, '-', ''))")),
            LogicalType::Instant | LogicalType::WallTime => {
                ("VARCHAR(27)".to_owned(), format!("CAST(LEFT({value}, {WALL_WIDTH}) AS DATETIME(6))"))
            }
            LogicalType::Date => ("VARCHAR(10)".to_owned(), format!("CAST({value} AS DATE)")),
            LogicalType::Time => ("VARCHAR(15)".to_owned(), format!("CAST({value} AS TIME(6))")),
            ty => (self.reported_type(ty), value),
        };
        Unwound {
            rows: format!(
                "JSON_TABLE({list}, '$[*]' COLUMNS (place FOR ORDINALITY, item {column} PATH '$' ERROR ON ERROR)) AS {name}"
            ),
            // Only then there are any. Without a condition on the table MariaDB takes the smallest and the largest key from the index of the table,
            // as if every row had items.
            on: format!("JSON_LENGTH({list}) > 0"),
            item,
            place: format!("CAST({name}.place - 1 AS SIGNED)"),
        }
    }

    fn listed(&self, value: &str, item: &LogicalType, place: &str, once: Option<&str>) -> String {
        self.list_of(value, item, place, once)
    }

    /// A subquery of two rows where one is expected is an error of the server's, 1242.
    fn sort_guard(&self, value: &str, ty: &LogicalType) -> Option<String> {
        let length = match ty {
            LogicalType::Text { max_length } if max_length.is_none_or(|most| most as usize > LONGEST_SORTED) => {
                "CHAR_LENGTH"
            }
            LogicalType::Bytes => "LENGTH",
            _ => return None,
        };
        let rows = "(SELECT 1 AS n UNION ALL SELECT 2) AS two";
        Some(format!("(SELECT 1 FROM {rows} WHERE {length}({value}) > {LONGEST_SORTED})"))
    }

    /// A window sorts by the first 16,384 bytes only: what sessions set.
    fn parted(&self, column: &str, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Text { .. } | LogicalType::Bytes => format!("SHA2({column}, 256)"),
            _ => column.to_owned(),
        }
    }
}

/// A number that keeps its type. A calculated double has a width by itself: CEILING's is of 17 digits, and larger values
/// would come out of a temporary table as 1e17.
fn bounded(text: &str, ty: &LogicalType) -> String {
    match ty {
        LogicalType::Float => format!("CAST({text} AS DOUBLE)"),
        LogicalType::Decimal { precision, scale } => format!("CAST({text} AS DECIMAL({precision},{scale}))"),
        _ => text.to_owned(),
    }
}

/// Products are checked, sums are not: an infinite one would come back as 0, and out of some temporary tables as the
/// largest float, which only one value by itself may be.
fn float_sum(operand: &str, over: &str) -> String {
    let sum = format!("SUM({operand}){over}");
    format!("{sum} * IF(ABS({sum}) < {LARGEST} OR COUNT({operand}){over} = 1, 1e0, 2e0)")
}

/// LOWER and UPPER go by the collation's version, and nothing else takes several letters at once.
fn cased(text: String, upper: bool) -> String {
    let (from, to) = cases(upper);
    from.chars().zip(to.chars()).fold(text, |text, (from, to)| format!("REPLACE({text}, '{from}', '{to}')"))
}

/// One in the last place of a scale.
fn least(scale: u8) -> String {
    match usize::from(scale) {
        0 => "1".to_owned(),
        scale => format!("0.{}1", "0".repeat(scale - 1)),
    }
}

fn truncated(part: Part, operand: &str, ty: &LogicalType) -> String {
    let format = match part {
        Part::Year => "%Y-01-01",
        Part::Month => "%Y-%m-01",
        Part::Day => "%Y-%m-%d",
        Part::Hour => "%Y-%m-%d %H:00:00",
        Part::Minute => "%Y-%m-%d %H:%i:00",
        Part::Second => "%Y-%m-%d %H:%i:%s",
    };
    let cast = if *ty == LogicalType::Date { "DATE" } else { "DATETIME(6)" };
    format!("CAST(DATE_FORMAT({operand}, '{format}') AS {cast})")
}
