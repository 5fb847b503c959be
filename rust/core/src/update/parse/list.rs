//! The operators of lists, and of lists in JSON.

use super::place::keys;
use super::{FINITE, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{MAX_LIST, parse_item};
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::update::{Change, End, Push, Sort};
use crate::value::{Raw, Value};

const MODIFIERS: &[&str] = &["$each", "$position", "$sort", "$slice"];

/// Reads an item.
type Accept<'a> = &'a dyn Fn(Raw<'_>) -> Result<Value<'static>>;

pub(super) fn change(
    table: &TableSchema,
    item: &LogicalType,
    accept: Accept<'_>,
    operator: &str,
    raw: Raw<'_>,
) -> Result<Change> {
    match operator {
        "$push" => push(item, accept, raw).map(Change::Push),
        "$addToSet" => match raw {
            Raw::Map(entries) if has_operators(&Raw::Map(entries.clone())) => {
                let Ok([(name, raw)]) = <[_; 1]>::try_from(entries) else {
                    return Err(invalid("$addToSet takes an item, or {\"$each\": [items]}"));
                };
                check_modifier(&name, &["$each"])?;
                items(accept, raw).map(Change::AddToSet).map_err(|error| error.within(&name))
            }
            raw => Ok(Change::AddToSet(vec![accept(raw)?])),
        },
        "$pull" => parse_item(table, item.clone(), raw, FINITE).map(Change::Pull),
        "$pullAll" => items(accept, raw).map(Change::PullAll),
        "$pop" => match raw {
            Raw::Int(1) => Ok(Change::Pop(End::Last)),
            Raw::Int(-1) => Ok(Change::Pop(End::First)),
            _ => Err(invalid("$pop takes 1 for the last item or -1 for the first one")),
        },
        _ => Err(Error::internal("an operator that is none of lists")),
    }
}

fn has_operators(raw: &Raw<'_>) -> bool {
    matches!(raw, Raw::Map(entries) if entries.iter().any(|(name, _)| name.starts_with('$')))
}

fn push(item: &LogicalType, accept: Accept<'_>, raw: Raw<'_>) -> Result<Push> {
    if !has_operators(&raw) {
        return Ok(Push { items: vec![accept(raw)?], position: None, sort: None, slice: None });
    }
    let Raw::Map(entries) = raw else {
        return Err(Error::internal("modifiers that are no dict"));
    };
    let mut push = Push { items: Vec::new(), position: None, sort: None, slice: None };
    let mut each = false;
    for (name, raw) in entries {
        let read = match check_modifier(&name, MODIFIERS) {
            Err(error) => Err(error),
            Ok(()) => match &*name {
                "$each" => items(accept, raw).map(|items| {
                    push.items = items;
                    each = true;
                }),
                "$position" => int(&raw, &name).map(|position| push.position = Some(position)),
                "$slice" => int(&raw, &name).map(|slice| push.slice = Some(slice)),
                _ => sort(item, raw).map(|sort| push.sort = Some(sort)),
            },
        };
        read.map_err(|error| error.within(&name))?;
    }
    match each {
        true => Ok(push),
        false => Err(invalid("the modifiers of $push stand beside $each")
            .hint("write {\"$each\": [items], …}; `$each: []` only sorts or cuts")),
    }
}

fn check_modifier(name: &str, known: &[&str]) -> Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::UnknownOperator, format!("there is no modifier `{name}` here"))
        .hint(format!("the modifiers are {}", known.join(", "))))
}

fn items(accept: Accept<'_>, raw: Raw<'_>) -> Result<Vec<Value<'static>>> {
    let raws = match raw {
        Raw::List(raws) => raws,
        raw => return Err(invalid(format!("expected a list, got {}", raw.type_name()))),
    };
    if raws.len() > MAX_LIST {
        return Err(Error::new(ErrorKind::LimitExceeded, format!("a list has at most {MAX_LIST} values")));
    }
    let item = |(at, raw)| accept(raw).map_err(|error: Error| error.within(&format!("[{at}]")));
    raws.into_iter().enumerate().map(item).collect()
}

fn int(raw: &Raw<'_>, name: &str) -> Result<i64> {
    match raw {
        Raw::Int(value) => Ok(*value),
        Raw::BigInt(_) => Err(Error::new(ErrorKind::OutOfRange, format!("{name} takes an int of 64 bits"))),
        raw => Err(invalid(format!("{name} takes an int, got {}", raw.type_name()))),
    }
}

fn sort(item: &LogicalType, raw: Raw<'_>) -> Result<Sort> {
    match raw {
        Raw::Map(_) if *item != LogicalType::Json => {
            Err(invalid(format!("the items are {}: $sort takes 1 or -1", item.name())))
        }
        Raw::Map(entries) if !entries.is_empty() => {
            let by = entries.into_iter().map(|(name, raw)| {
                let by = keys(&name).and_then(|keys| direction(&raw).map(|descending| (keys, descending)));
                by.map_err(|error| error.within(&name))
            });
            Ok(Sort { by: by.collect::<Result<_>>()?, descending: false })
        }
        raw => Ok(Sort { by: Vec::new(), descending: direction(&raw)? }),
    }
}

/// Whether the largest comes first.
fn direction(raw: &Raw<'_>) -> Result<bool> {
    match raw {
        Raw::Int(1) => Ok(false),
        Raw::Int(-1) => Ok(true),
        _ => Err(invalid("$sort takes 1, or -1 for the largest first; of objects a dict of keys with these")),
    }
}
