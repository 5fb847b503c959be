//! Which operators there are, and what they are for.

use super::invalid;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::types::LogicalType;

/// Every operator of an update; `$setOnInsert` is for an upsert alone and read with its data.
pub const OPERATORS: &[&str] = &[
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$currentDate",
    "$bit",
    "$push",
    "$addToSet",
    "$pull",
    "$pullAll",
    "$pop",
    "$rename",
    "$setOnInsert",
];
const EVERY_FIELD: &[&str] = &["$set", "$unset"];
const ORDER: &[&str] = &["$min", "$max"];
const NUMBERS: &[&str] = &["$inc", "$mul"];
const TIMES: &[&str] = &["$currentDate"];
const BITS: &[&str] = &["$bit"];
const LISTS: &[&str] = &["$push", "$addToSet", "$pull", "$pullAll", "$pop"];
const PLACES: &[&str] = &["$rename"];

fn operators(ty: &LogicalType, inside: bool) -> Vec<&'static str> {
    match ty {
        LogicalType::Json if inside => [EVERY_FIELD, NUMBERS, ORDER, BITS, LISTS, PLACES].concat(),
        LogicalType::Json | LogicalType::List { .. } => [EVERY_FIELD, LISTS].concat(),
        LogicalType::Int => [EVERY_FIELD, NUMBERS, ORDER, BITS].concat(),
        LogicalType::Float | LogicalType::Decimal { .. } => [EVERY_FIELD, NUMBERS, ORDER].concat(),
        LogicalType::Instant | LogicalType::Date => [EVERY_FIELD, ORDER, TIMES].concat(),
        _ => [EVERY_FIELD, ORDER].concat(),
    }
}

/// Refuses an operator that is not for a place of this type.
pub(super) fn check(operator: &str, ty: &LogicalType, inside: bool) -> Result<()> {
    let operators = operators(ty, inside);
    if operators.contains(&operator) {
        return Ok(());
    }
    let error = invalid(match operator {
        "$setOnInsert" => "$setOnInsert is for an upsert, and takes whole fields".to_owned(),
        "$rename" => "$rename moves a value behind keys of a JSON field".to_owned(),
        operator => format!("{operator} is not for {}", ty.name()),
    });
    Err(error.hint(match (operator, ty) {
        ("$setOnInsert", _) => "write `upsert(data, updates={\"$setOnInsert\": {…}})`, or use $set".to_owned(),
        ("$currentDate", LogicalType::WallTime | LogicalType::Time) => {
            "the time of the write is an instant: a wall clock shows it in no zone".to_owned()
        }
        (_, LogicalType::Json) if !inside => format!(
            "of a whole document the operators are {}; others take a path such as `field.key`",
            operators.join(", ")
        ),
        _ => format!("its operators are {}", operators.join(", ")),
    }))
}

pub(super) fn unknown(operator: &str) -> Error {
    if !operator.starts_with('$') {
        return invalid(format!("`{operator}` stands beside operators")).hint("put new values into $set");
    }
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no operator `{operator}` here"));
    match did_you_mean(operator, OPERATORS.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("the operators are {}", OPERATORS.join(", "))),
    }
}
