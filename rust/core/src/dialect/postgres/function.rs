//! PostgreSQL's functions: its numbers are exact, and what does not fit is an error.

use super::Postgres;
use crate::dialect::Dialect as _;
use crate::dialect::function::{Functions, Unwound, cases, common, sign, white_space};
use crate::pipeline::{Function, Part};
use crate::types::LogicalType;

impl Functions for Postgres {
    fn typed(&self, placeholder: String, ty: &LogicalType) -> String {
        let collation = if ty.is_text() { " COLLATE \"C\"" } else { "" };
        format!("({placeholder}::{}{collation})", self.reported_type(ty))
    }

    fn null(&self, ty: &LogicalType) -> String {
        self.typed("NULL".to_owned(), ty)
    }

    fn call(&self, function: Function, operands: &[String], types: &[&LogicalType], ty: &LogicalType) -> String {
        if let Some(text) = common(function, operands, self.null_safe_equal()) {
            return text;
        }
        // A decimal of more than 38 digits is an error.
        let bounded = |text: String| match ty {
            LogicalType::Decimal { .. } => format!("{text}::{}", self.reported_type(ty)),
            _ => text,
        };
        let only = operands.concat();
        match function {
            Function::Absolute => format!("abs({only})"),
            Function::Ceiling => bounded(format!("ceil({only})")),
            Function::Floor => bounded(format!("floor({only})")),
            Function::ToFloat => format!("{only}::double precision"),
            Function::Scale(_) => format!("{only}::{}", self.reported_type(ty)),
            Function::Concat => format!("({})", operands.join(" || ")),
            Function::Length => format!("char_length({only})::bigint"),
            Function::Substring { start, count } => format!("substr({only}, {}, {count})", start + 1),
            // LOWER and UPPER go by the collation.
            Function::Case { upper } => {
                let (from, to) = cases(upper);
                format!("translate({only}, '{from}', '{to}')")
            }
            Function::Size => format!("cardinality({only})::bigint"),
            Function::Trim { start, end } => {
                let name = if start && end {
                    "btrim"
                } else if start {
                    "ltrim"
                } else {
                    "rtrim"
                };
                let characters: String = white_space().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
                format!("{name}({only}, E'{characters}')")
            }
            Function::Cut(0) if *ty == LogicalType::Float => format!("trunc({only})"),
            Function::Cut(place) => bounded(format!("trunc({only}, {place})")),
            Function::Part(part) => format!("floor(extract({} FROM {}))::bigint", part.name(), in_utc(&only, types)),
            Function::Truncate(part) => truncated(part, &only, ty),
            function => bounded(format!("({})", operands.join(sign(function).unwrap_or(" ")))),
        }
    }

    fn sum(&self, operand: &str, over: &str, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Float => format!("coalesce(sum({operand}){over}, 0)"),
            ty => format!("coalesce(sum({operand}){over}, 0)::{}", self.reported_type(ty)),
        }
    }

    /// `div` gives the whole part of a quotient exactly; digits are shifted so that it has all that are wanted.
    fn average(&self, column: &str, over: &str, from: &LogicalType, ty: &LogicalType) -> String {
        let (sum, count) = (format!("sum({column}){over}"), format!("count({column}){over}"));
        match (from, ty) {
            (_, LogicalType::Decimal { scale, .. }) => format!(
                "(sign({sum}) * div(abs({sum}) * 2e{scale}::numeric + {count}, \
                 2 * ({count})::numeric) * 1e-{scale}::numeric)::{}",
                self.reported_type(ty)
            ),
            (LogicalType::Int, _) => format!("(({sum})::double precision / {count})"),
            _ => format!("({sum} / {count})"),
        }
    }

    fn deviation(&self, operand: &str, is_sample: bool) -> String {
        format!("stddev_{}({operand})", if is_sample { "samp" } else { "pop" })
    }

    fn unwound(&self, list: &str, item: &LogicalType, name: &str) -> Unwound {
        let collation = if item.is_text() { " COLLATE \"C\"" } else { "" };
        Unwound {
            rows: format!("LATERAL unnest({list}) WITH ORDINALITY AS {name} (item, place)"),
            on: "TRUE".to_owned(),
            item: format!("({name}.item{collation})"),
            place: format!("({name}.place - 1)"),
        }
    }

    fn listed(&self, value: &str, item: &LogicalType, place: &str, once: Option<&str>) -> String {
        let list = self.reported_type(&LogicalType::List { item: Box::new(item.clone()) });
        let once = once.map_or_else(String::new, |once| format!(" AND {once} = 1"));
        format!(
            "coalesce(array_agg({value} ORDER BY {place}) FILTER (WHERE {value} IS NOT NULL{once}), '{{}}')::{list}"
        )
    }

    /// Before release 18 there is no largest bool, UUID or bytes.
    fn value_at(&self, place: &str, value: &str) -> String {
        format!("(array_agg({value}) FILTER (WHERE {place} = 1))[1]")
    }
}

fn in_utc(operand: &str, types: &[&LogicalType]) -> String {
    match types {
        [LogicalType::Instant] => format!("{operand} AT TIME ZONE 'UTC'"),
        _ => operand.to_owned(),
    }
}

fn truncated(part: Part, operand: &str, ty: &LogicalType) -> String {
    let name = part.name();
    match ty {
        LogicalType::Instant => format!("date_trunc('{name}', {operand}, 'UTC')"),
        LogicalType::Date => format!("date_trunc('{name}', {operand}::timestamp)::date"),
        _ => format!("date_trunc('{name}', {operand})"),
    }
}
