//! Which operators there are, and what they can be asked of.

use super::invalid;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::types::LogicalType;

const LOGIC: &[&str] = &["$and", "$or", "$nor", "$not", "$expr", "$comment"];
const EVERY_FIELD: &[&str] = &["$eq", "$ne", "$in", "$nin", "$exists", "$type", "$not"];
const ORDER: &[&str] = &["$gt", "$gte", "$lt", "$lte"];
const TEXT: &[&str] = &["$contains", "$icontains", "$startsWith", "$endsWith", "$like", "$ilike", "$regex", "$options"];
const INT: &[&str] = &["$mod", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"];
const CONTAINS: &[&str] = &["$contains"];
const LIST: &[&str] = &["$all", "$elemMatch", "$size"];
/// What stands around or beside another operator.
const MODIFIERS: &[&str] = &["$not", "$options"];
/// Whose operand is a program of a kind.
const PATTERNS: &[&str] = &["$like", "$ilike", "$regex"];
/// Those of MongoDB's that run code.
const CODE: &[&str] = &["$where", "$function", "$accumulator"];

/// What decides the operators of a field, and what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Int,
    Text,
    List,
    /// A whole document.
    Json,
    /// A value in a document, which may be anything.
    Inside,
}

impl Kind {
    pub fn of(ty: &LogicalType, inside: bool) -> Self {
        match ty {
            _ if inside => Kind::Inside,
            LogicalType::Int => Kind::Int,
            LogicalType::Text { .. } | LogicalType::Choice { .. } => Kind::Text,
            LogicalType::List { .. } => Kind::List,
            LogicalType::Json => Kind::Json,
            _ => Kind::Scalar,
        }
    }

    fn operators(self) -> Vec<&'static str> {
        match self {
            Kind::Scalar => [EVERY_FIELD, ORDER].concat(),
            Kind::Int => [EVERY_FIELD, ORDER, INT].concat(),
            Kind::Text => [EVERY_FIELD, ORDER, TEXT].concat(),
            Kind::List | Kind::Json => [EVERY_FIELD, CONTAINS, LIST].concat(),
            Kind::Inside => [EVERY_FIELD, ORDER, TEXT, LIST].concat(),
        }
    }

    /// Refuses an operator that does not exist, or not for a field of this type.
    pub fn check(self, operator: &str, ty: &LogicalType) -> Result<()> {
        let operators = self.operators();
        if operators.contains(&operator) {
            return Ok(());
        }
        if [ORDER, TEXT, INT, LIST].concat().contains(&operator) {
            return Err(invalid(format!("{operator} is not for {}", ty.name()))
                .hint(format!("its operators are {}", operators.join(", "))));
        }
        Err(unknown(operator, &operators))
    }
}

/// Every operator of a field of a type, with those of its items or of what lies in it.
fn of_type(ty: &LogicalType) -> Vec<&'static str> {
    let mut operators = Kind::of(ty, false).operators();
    let inner = match ty {
        LogicalType::Json => Kind::Inside.operators(),
        LogicalType::List { item } => Kind::of(item, false).operators(),
        _ => Vec::new(),
    };
    operators.extend(inner);
    operators.retain(|operator| !MODIFIERS.contains(operator));
    let mut known = Vec::new();
    for operator in operators {
        if !known.contains(&operator) {
            known.push(operator);
        }
    }
    known
}

/// The operators of a type whose cost no operand makes much larger.
pub(crate) fn free_operators(ty: &LogicalType) -> Vec<String> {
    of_type(ty).into_iter().filter(|operator| !PATTERNS.contains(operator)).map(str::to_owned).collect()
}

/// Refuses an operator that no condition on a field of the type can have.
pub(crate) fn check_operator(operator: &str, ty: &LogicalType) -> Result<()> {
    let known = of_type(ty);
    if known.contains(&operator) { Ok(()) } else { Err(unknown(operator, &known)) }
}

pub(super) fn unknown_logic(operator: &str) -> Error {
    unknown(operator, LOGIC)
}

pub(super) fn unknown(operator: &str, known: &[&'static str]) -> Error {
    if CODE.contains(&operator) {
        return Error::new(ErrorKind::UnknownOperator, format!("`{operator}` runs code, which a filter never does"))
            .hint("write the condition with the operators of fields, or with $expr");
    }
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no operator `{operator}` here"));
    match did_you_mean(operator, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("the operators are {}", known.join(", "))),
    }
}
