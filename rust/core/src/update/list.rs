//! What happens to the items of a list. Those of a list in JSON are values of canonical JSON text.

use std::cmp::Ordering;

use super::json::found;
use super::{Change, End, Push, Sort};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{compare_values, item_matches};
use crate::types::parse_json;
use crate::value::{Raw, Value};

type Items = Vec<Value<'static>>;

/// The list after a change; None where there was none and none comes to be.
pub(super) fn changed(items: Option<Items>, change: &Change) -> Result<Option<Items>> {
    match change {
        Change::Push(push) => pushed(items.unwrap_or_default(), push).map(Some),
        Change::AddToSet(new) => {
            let mut items = items.unwrap_or_default();
            for value in new {
                if !items.iter().any(|item| item.same(value)) {
                    items.push(value.clone());
                }
            }
            Ok(Some(items))
        }
        Change::Pull(filter) => {
            let Some(items) = items else { return Ok(None) };
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                if !item_matches(filter, &item)? {
                    kept.push(item);
                }
            }
            Ok(Some(kept))
        }
        Change::PullAll(values) => Ok(items.map(|mut items| {
            items.retain(|item| !values.iter().any(|value| value.same(item)));
            items
        })),
        Change::Pop(end) => Ok(items.map(|mut items| {
            match end {
                End::Last => drop(items.pop()),
                End::First => drop(items.drain(..items.len().min(1))),
            }
            items
        })),
        _ => Err(Error::internal("a change that is none of lists")),
    }
}

fn pushed(mut items: Items, push: &Push) -> Result<Items> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = match push.position {
        None => length,
        Some(position) if position < 0 => length.saturating_add(position).max(0),
        Some(position) => position.min(length),
    };
    let place = usize::try_from(place).unwrap_or(items.len());
    items.splice(place..place, push.items.iter().cloned());
    if let Some(sort) = &push.sort {
        items = sorted(items, sort)?;
    }
    if let Some(slice) = push.slice {
        let most = usize::try_from(slice.unsigned_abs()).unwrap_or(usize::MAX).min(items.len());
        match slice < 0 {
            true => drop(items.drain(..items.len() - most)),
            false => items.truncate(most),
        }
    }
    Ok(items)
}

/// Equal items keep their order.
fn sorted(items: Items, sort: &Sort) -> Result<Items> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((sort_keys(&item, sort)?, item));
    }
    keyed.sort_by(|(a, _), (b, _)| {
        let orders = a.iter().zip(b).map(|((a, descending), (b, _))| match descending {
            true => b.order(a),
            false => a.order(b),
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

/// What an item is sorted by.
enum SortKey {
    Value(Value<'static>),
    Json(Raw<'static>),
}

impl SortKey {
    fn order(&self, other: &SortKey) -> Ordering {
        match (self, other) {
            (SortKey::Json(a), SortKey::Json(b)) => order_json(a, b),
            (SortKey::Value(a), SortKey::Value(b)) => compare_values(a, b).ok().flatten().unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        }
    }
}

fn sort_keys(item: &Value<'static>, sort: &Sort) -> Result<Vec<(SortKey, bool)>> {
    let Value::Json(text) = item else {
        return Ok(vec![(SortKey::Value(item.clone()), sort.descending)]);
    };
    let whole = parse_json(text)?.into_owned();
    if sort.by.is_empty() {
        return Ok(vec![(SortKey::Json(whole), sort.descending)]);
    }
    let member = |keys: &[String]| found(Some(&whole), keys).cloned().unwrap_or(Raw::Null);
    Ok(sort.by.iter().map(|(keys, descending)| (SortKey::Json(member(keys)), *descending)).collect())
}

/// The order of JSON values as MongoDB has it: null, numbers, texts by their bytes, objects, lists, False, True; objects
/// and lists among themselves by their canonical text.
pub(super) fn order_json(a: &Raw<'_>, b: &Raw<'_>) -> Ordering {
    match (a, b) {
        (Raw::Text(a), Raw::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Raw::Bool(a), Raw::Bool(b)) => a.cmp(b),
        (a, b) if rank(a) == 1 && rank(b) == 1 => {
            crate::filter::compare_numbers(&text(a), &text(b)).unwrap_or(Ordering::Equal)
        }
        (a, b) => rank(a).cmp(&rank(b)).then_with(|| text(a).cmp(&text(b))),
    }
}

const fn rank(raw: &Raw<'_>) -> u8 {
    match raw {
        Raw::Null => 0,
        Raw::Int(_) | Raw::BigInt(_) | Raw::Float(_) => 1,
        Raw::Text(_) => 2,
        Raw::Map(_) => 3,
        Raw::List(_) => 4,
        _ => 5,
    }
}

fn text(raw: &Raw<'_>) -> String {
    crate::filter::json_text(raw.clone().into_owned()).unwrap_or_default()
}

/// The error for a place with something else than a list.
pub(super) fn no_list(what: &str) -> Error {
    Error::new(ErrorKind::WrongType, format!("the stored value is no list but {what}"))
        .hint("let the filter find only rows with a list there: {\"$size\": {…}} or {\"$exists\": false}")
}
