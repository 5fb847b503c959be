//! Texts and moments.

use super::expression::{Expressions, Operand, only, read_names};
use super::invalid;
use super::literal::Mixing;
use crate::error::Result;
use crate::pipeline::{Expression, Function, Part};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

/// Longest part of a text, in characters: what every database counts in 32 bits.
const MAX_CHARACTERS: u32 = 1 << 30;

impl Expressions<'_> {
    pub(super) fn text(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let text = self.expression(raw, depth)?;
        if text.ty.is_text() { Ok(text) } else { Err(invalid(format!("expected str, got {}", text.ty.name()))) }
    }

    pub(super) fn length(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let text = self.text(only(raw), depth)?;
        let nullable = text.nullable;
        Ok(Expression::call(Function::Length, vec![text], LogicalType::Int, nullable))
    }

    pub(super) fn concat(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let operands = self.list(raw, 1, usize::MAX, depth)?;
        let mut texts = Vec::with_capacity(operands.len());
        for (at, operand) in operands.into_iter().enumerate() {
            let anchor = Operand::Literal(Raw::Text("".into()));
            let text = self.unify(vec![operand, anchor], Mixing::Numbers)?.remove(0);
            if !text.ty.is_text() {
                return Err(invalid(format!("expected str, got {}", text.ty.name())).within(&format!("[{at}]")));
            }
            texts.push(text);
        }
        let nullable = texts.iter().any(|text| text.nullable);
        Ok(Expression::call(Function::Concat, texts, LogicalType::Text { max_length: None }, nullable))
    }

    /// `[text, start, count]`; of null it is an empty text, as MongoDB has it.
    pub(super) fn substring(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let items = match raw {
            Raw::List(items) => <[Raw<'_>; 3]>::try_from(items).ok(),
            _ => None,
        };
        let Some([text, start, count]) = items else {
            return Err(invalid("$substrCP takes a list of three: a text, the first character from 0, and how many"));
        };
        let ty = LogicalType::Text { max_length: None };
        let text = self.text(text, depth).map_err(|error| error.within("[0]"))?;
        let start = read_characters(&start).map_err(|error| error.within("[1]"))?;
        let count = read_characters(&count).map_err(|error| error.within("[2]"))?;
        let nullable = text.nullable;
        Ok(or_empty(Expression::call(Function::Substring { start, count }, vec![text], ty, nullable)))
    }

    pub(super) fn cased(&mut self, upper: bool, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let text = self.text(only(raw), depth)?;
        let (ty, nullable) = (LogicalType::Text { max_length: None }, text.nullable);
        Ok(or_empty(Expression::call(Function::Case { upper }, vec![text], ty, nullable)))
    }

    pub(super) fn part(&mut self, part: Part, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let of = self.expression(only(raw), depth)?;
        if !part.is_of(&of.ty) {
            return Err(invalid(format!("{} has no {}", of.ty.name(), part.name())));
        }
        let nullable = of.nullable;
        Ok(Expression::call(Function::Part(part), vec![of], LogicalType::Int, nullable))
    }

    /// `{"date": …, "unit": "month"}`.
    pub(super) fn truncate(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let parts = match raw {
            Raw::Map(entries) => read_names(entries, ["date", "unit"]),
            _ => None,
        };
        let Some([date, unit]) = parts else {
            return Err(invalid("$dateTrunc takes a dict of `date` and `unit`"));
        };
        let of = self.expression(date, depth).map_err(|error| error.within("date"))?;
        let named = |part: &Part| matches!(&unit, Raw::Text(name) if name == part.name());
        let Some(part) = Part::ALL.into_iter().find(named) else {
            let names = Part::ALL.map(Part::name).join(", ");
            return Err(invalid("there is no such unit").hint(format!("the units are {names}")).within("unit"));
        };
        if !part.is_of(&of.ty) || of.ty == LogicalType::Time {
            return Err(invalid(format!("{} is not cut at a {}", of.ty.name(), part.name())));
        }
        let (ty, nullable) = (of.ty.clone(), of.nullable);
        Ok(Expression::call(Function::Truncate(part), vec![of], ty, nullable))
    }
}

/// A text that is empty where it would be null, as MongoDB has it.
fn or_empty(text: Expression) -> Expression {
    if !text.nullable {
        return text;
    }
    let ty = text.ty.clone();
    let empty = Expression::literal(Value::Text("".into()), ty.clone());
    Expression::call(Function::Coalesce, vec![text, empty], ty, false)
}

fn read_characters(raw: &Raw<'_>) -> Result<u32> {
    let count = match raw {
        Raw::Int(count) => u32::try_from(*count).ok().filter(|count| *count <= MAX_CHARACTERS),
        _ => None,
    };
    count.ok_or_else(|| invalid(format!("a number of characters is an int from 0 to {MAX_CHARACTERS}")))
}

pub(super) fn part_of(name: &str) -> Option<Part> {
    match name {
        "$year" => Some(Part::Year),
        "$month" => Some(Part::Month),
        "$dayOfMonth" => Some(Part::Day),
        "$hour" => Some(Part::Hour),
        "$minute" => Some(Part::Minute),
        "$second" => Some(Part::Second),
        _ => None,
    }
}
