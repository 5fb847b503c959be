//! The size of lists, texts without the spaces around them, and numbers without digits.

use super::expression::{Expressions, only, read_names};
use super::invalid;
use super::literal::{decimal_of, digits};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Expression, Function};
use crate::types::LogicalType;
use crate::value::Raw;

impl Expressions<'_> {
    pub(super) fn size(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let list = self.expression(only(raw), depth)?;
        if !matches!(list.ty, LogicalType::List { .. }) {
            return Err(invalid(format!("expected a list, got {}", list.ty.name())));
        }
        let nullable = list.nullable;
        Ok(Expression::call(Function::Size, vec![list], LogicalType::Int, nullable))
    }

    /// `{"input": …}`: without the white space that MongoDB takes off.
    pub(super) fn trimmed(&mut self, name: &str, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("{name} takes a dict of `input`, got {}", raw.type_name())));
        };
        if entries.iter().any(|(name, _)| name == "chars") {
            let error = Error::new(ErrorKind::NotBuilt, "characters of one's own are not built yet: white space is");
            return Err(error.within("chars"));
        }
        let Some([input]) = read_names(entries, ["input"]) else {
            return Err(invalid(format!("{name} takes a dict of `input`")));
        };
        let text = self.text(input, depth).map_err(|error| error.within("input"))?;
        let nullable = text.nullable;
        let function = Function::Trim { start: name != "$rtrim", end: name != "$ltrim" };
        Ok(Expression::call(function, vec![text], LogicalType::Text { max_length: None }, nullable))
    }

    /// A number, or a list of it and how many places it keeps.
    pub(super) fn truncated(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let (number, place) = match raw {
            Raw::List(items) => match <[Raw<'_>; 2]>::try_from(items) {
                Ok([number, place]) => (number, place),
                Err(items) => (only(Raw::List(items)), Raw::Int(0)),
            },
            raw => (raw, Raw::Int(0)),
        };
        let Raw::Int(place @ 0..=38) = place else {
            return Err(invalid("the places are an int from 0 to 38").within("[1]"));
        };
        let place = u8::try_from(place).unwrap_or(38);
        let of = self.expression(number, depth)?;
        let nullable = of.nullable;
        let ty = match &of.ty {
            LogicalType::Int => return Ok(of),
            LogicalType::Decimal { scale, .. } if *scale <= place => return Ok(of),
            LogicalType::Decimal { .. } => decimal_of(digits(&of.ty).0, place),
            LogicalType::Float if place == 0 => LogicalType::Float,
            LogicalType::Float => {
                return Err(
                    invalid("places of a float are not those of a decimal").hint("float is cut at the point only")
                );
            }
            ty => return Err(invalid(format!("expected a number, got {}", ty.name()))),
        };
        Ok(Expression::call(Function::Cut(place), vec![of], ty, nullable))
    }
}
