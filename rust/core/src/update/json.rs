//! What happens at a place in a JSON document.

use std::cmp::Ordering;

use super::list::{self, no_list, order_json};
use super::number::of_json;
use super::{BitOperation, Change};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::json_text;
use crate::types::{FloatRules, LogicalType, parse_json};
use crate::value::{Raw, Value};

const FINITE: FloatRules = FloatRules { nan: false, infinity: false };

type Tree = Raw<'static>;

/// The document after a change behind keys; null where there is none and none comes to be.
pub(super) fn changed(document: &Value<'_>, keys: &[String], change: &Change) -> Result<Value<'static>> {
    let tree = match document {
        Value::Json(text) => Some(parse_json(text)?.into_owned()),
        _ => None,
    };
    let tree = match change {
        Change::Rename(target) => match found(tree.as_ref(), keys).cloned() {
            None => tree,
            Some(moved) => {
                let without = at(tree, keys, &mut |_| Ok(None))?;
                at(without, target, &mut |_| Ok(Some(moved.clone())))?
            }
        },
        change => at(tree, keys, &mut |found| value(found, change))?,
    };
    match tree {
        None => Ok(Value::Null),
        Some(tree) => LogicalType::Json.accept(tree, FINITE).map(Value::into_owned),
    }
}

/// What lies behind keys.
pub(super) fn found<'t>(tree: Option<&'t Tree>, keys: &[String]) -> Option<&'t Tree> {
    keys.iter().try_fold(tree?, |tree, key| match tree {
        Raw::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
        _ => None,
    })
}

/// What becomes of a value, None being none; objects on the way come to be. The recursion is as deep as the path, whose
/// keys are counted when it is read.
fn at(
    tree: Option<Tree>,
    keys: &[String],
    change: &mut dyn FnMut(Option<Tree>) -> Result<Option<Tree>>,
) -> Result<Option<Tree>> {
    let Some((key, rest)) = keys.split_first() else {
        return change(tree);
    };
    let inner = |value: Tree| vec![(key.clone().into(), value)];
    match tree {
        None | Some(Raw::Null) => Ok(at(None, rest, change)?.map(|value| Raw::Map(inner(value))).or(tree)),
        Some(Raw::Map(mut entries)) => {
            let place = entries.iter().position(|(name, _)| name == key);
            let found = place.map(|place| entries.remove(place).1);
            if let Some(value) = at(found, rest, change)? {
                entries.extend(inner(value));
            }
            Ok(Some(Raw::Map(entries)))
        }
        Some(other) => match at(None, rest, change)? {
            // Nothing was to be there.
            None => Ok(Some(other)),
            Some(_) => Err(Error::new(
                ErrorKind::WrongType,
                format!("only objects have keys such as `{key}`, and the stored value is {}", name(&other)),
            )
            .hint("let the filter find only rows with an object there, or set the whole value")),
        },
    }
}

fn value(found: Option<Tree>, change: &Change) -> Result<Option<Tree>> {
    let is_null = found == Some(Raw::Null);
    let stored = found.filter(|value| *value != Raw::Null);
    Ok(Some(match change {
        Change::Unset => return Ok(None),
        Change::Set(value) => tree_of(value)?,
        Change::Add(amount) => match stored {
            None => tree_of(amount)?,
            Some(stored) => of_json(&stored, &tree_of(amount)?, i64::checked_add, |a, b| a + b)?,
        },
        Change::Multiply { factor, .. } => match stored {
            None => Raw::Int(0),
            Some(stored) => of_json(&stored, &tree_of(factor)?, i64::checked_mul, |a, b| a * b)?,
        },
        Change::Least(value) => chosen(stored, tree_of(value)?, Ordering::is_le),
        Change::Greatest(value) => chosen(stored, tree_of(value)?, Ordering::is_ge),
        Change::Bits(operation, mask) => match stored {
            None => Raw::Int(operation.of(0, *mask)),
            Some(Raw::Int(stored)) => Raw::Int(operation.of(stored, *mask)),
            Some(other) => {
                let message = format!("the stored value is no int of 64 bits but a {}", name(&other));
                return Err(Error::new(ErrorKind::WrongType, message));
            }
        },
        change => {
            let items = match stored {
                None => None,
                Some(Raw::List(items)) => Some(items.into_iter().map(item).collect::<Result<Vec<_>>>()?),
                Some(other) => return Err(no_list(name(&other))),
            };
            match list::changed(items, change)? {
                None => return Ok(is_null.then_some(Raw::Null)),
                Some(items) => Raw::List(items.iter().map(tree_of).collect::<Result<_>>()?),
            }
        }
    }))
}

fn chosen(stored: Option<Tree>, value: Tree, stays: fn(Ordering) -> bool) -> Tree {
    match stored {
        Some(stored) if stays(order_json(&stored, &value)) => stored,
        _ => value,
    }
}

/// An item, or a value of the caller, as canonical text; JSON's null is one too.
fn item(raw: Tree) -> Result<Value<'static>> {
    json_text(raw).map(|text| Value::Json(text.into()))
}

fn tree_of(value: &Value<'static>) -> Result<Tree> {
    match value {
        Value::Json(text) => parse_json(text).map(Raw::into_owned),
        _ => Err(Error::internal("a value in JSON that is none")),
    }
}

/// As JSON calls it.
fn name<'r>(raw: &'r Raw<'_>) -> &'r str {
    match raw {
        Raw::Map(_) => "object",
        Raw::Null => "null",
        other => other.type_name(),
    }
}

impl BitOperation {
    pub const fn of(self, stored: i64, mask: i64) -> i64 {
        match self {
            BitOperation::And => stored & mask,
            BitOperation::Or => stored | mask,
            BitOperation::Xor => stored ^ mask,
        }
    }
}
