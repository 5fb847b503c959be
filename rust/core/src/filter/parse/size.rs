//! How deep a filter, an update or a pipeline nests, before anything that is as deep as it calls itself.

use crate::error::{Error, ErrorKind, Result};
use crate::filter::MAX_DEPTH;
use crate::value::Raw;

/// A level of a filter is a dict in a dict, or a list in a dict; the deepest operand is JSON as deep as a filter.
const MAX_LEVELS: usize = 3 * MAX_DEPTH;

/// Gives it back when it is not too deep, and takes it apart otherwise: freed as it is, each level would take a part of
/// the stack. The caller calls it `path`.
///
/// # Errors
/// `LimitExceeded`.
pub(crate) fn check<'a>(raw: Raw<'a>, what: &str, path: &str) -> Result<Raw<'a>> {
    if !is_deep(&raw) {
        return Ok(raw);
    }
    let mut rest = vec![raw];
    while let Some(raw) = rest.pop() {
        match raw {
            Raw::List(items) => rest.extend(items),
            Raw::Map(entries) => rest.extend(entries.into_iter().map(|(_, raw)| raw)),
            _ => {}
        }
    }
    let error = Error::new(ErrorKind::LimitExceeded, format!("{what} nests at most {MAX_DEPTH} levels"));
    Err(error.within(path))
}

fn is_deep(raw: &Raw<'_>) -> bool {
    let mut rest = vec![(raw, 1)];
    while let Some((raw, level)) = rest.pop() {
        let inner = |raw| (raw, level + 1);
        match raw {
            Raw::List(_) | Raw::Map(_) if level > MAX_LEVELS => return true,
            Raw::List(items) => rest.extend(items.iter().filter(|item| nests(item)).map(inner)),
            Raw::Map(entries) => rest.extend(entries.iter().map(|(_, raw)| raw).filter(|raw| nests(raw)).map(inner)),
            _ => {}
        }
    }
    false
}

fn nests(raw: &Raw<'_>) -> bool {
    matches!(raw, Raw::List(_) | Raw::Map(_))
}
