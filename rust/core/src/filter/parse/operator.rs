//! Which operators there are, and what they can be asked of.

use super::invalid;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::types::LogicalType;

const LOGIC: &[&str] = &["$and", "$or", "$not"];
const EVERY_FIELD: &[&str] = &["$eq", "$ne", "$in", "$nin", "$exists", "$not"];
const ORDER: &[&str] = &["$gt", "$gte", "$lt", "$lte"];
const TEXT: &[&str] = &["$contains", "$startsWith", "$endsWith", "$like", "$ilike", "$regex"];
const CONTAINS: &[&str] = &["$contains"];

/// What decides the operators of a field, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Text,
    List,
    Json,
}

impl Kind {
    pub fn of(ty: &LogicalType) -> Self {
        match ty {
            LogicalType::Text { .. } | LogicalType::Choice { .. } => Kind::Text,
            LogicalType::List { .. } => Kind::List,
            LogicalType::Json => Kind::Json,
            _ => Kind::Scalar,
        }
    }

    fn operators(self) -> Vec<&'static str> {
        match self {
            Kind::Scalar => [EVERY_FIELD, ORDER].concat(),
            Kind::Text => [EVERY_FIELD, ORDER, TEXT].concat(),
            Kind::List | Kind::Json => [EVERY_FIELD, CONTAINS].concat(),
        }
    }

    /// Refuses an operator that does not exist, or not for a field of this type.
    pub fn check(self, operator: &str, ty: &LogicalType) -> Result<()> {
        let operators = self.operators();
        if operators.contains(&operator) {
            return Ok(());
        }
        if operator == "$options" {
            return Err(Error::new(ErrorKind::UnknownOperator, "$regex takes no `$options`")
                .hint("write both cases as [aA], or use $ilike; `^` and `$` are the ends of the whole text"));
        }
        if [ORDER, TEXT].concat().contains(&operator) {
            return Err(invalid(format!("{operator} is not for {}", ty.name()))
                .hint(format!("its operators are {}", operators.join(", "))));
        }
        Err(unknown(operator, &operators))
    }
}

pub(super) fn unknown_logic(operator: &str) -> Error {
    unknown(operator, LOGIC)
}

fn unknown(operator: &str, known: &[&'static str]) -> Error {
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no operator `{operator}` here"));
    match did_you_mean(operator, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("the operators are {}", known.join(", "))),
    }
}
