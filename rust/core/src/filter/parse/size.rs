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
pub(crate) fn check<'a>(raw: Raw<'a>, what: &str, path: &str, max_items: usize) -> Result<Raw<'a>> {
    let Some(message) = excess(&raw, what, max_items) else { return Ok(raw) };
    let mut rest = vec![raw];
    while let Some(raw) = rest.pop() {
        match raw {
            Raw::List(items) => rest.extend(items),
            Raw::Map(entries) => rest.extend(entries.into_iter().map(|(_, raw)| raw)),
            _ => {}
        }
    }
    Err(Error::new(ErrorKind::LimitExceeded, message).within(path))
}

/// What is too much of it.
fn excess(raw: &Raw<'_>, what: &str, max_items: usize) -> Option<String> {
    let mut rest = vec![(raw, 1)];
    while let Some((raw, level)) = rest.pop() {
        let inner = |raw| (raw, level + 1);
        match raw {
            Raw::List(_) | Raw::Map(_) if level > MAX_LEVELS => {
                return Some(format!("{what} nests at most {MAX_DEPTH} levels"));
            }
            Raw::List(items) if items.len() > max_items => {
                return Some(format!("a list in {what} has at most {max_items} values"));
            }
            Raw::Map(entries) if entries.len() > max_items => {
                return Some(format!("a dict in {what} has at most {max_items} keys"));
            }
            Raw::List(items) => rest.extend(items.iter().filter(|item| nests(item)).map(inner)),
            Raw::Map(entries) => rest.extend(entries.iter().map(|(_, raw)| raw).filter(|raw| nests(raw)).map(inner)),
            _ => {}
        }
    }
    None
}

fn nests(raw: &Raw<'_>) -> bool {
    matches!(raw, Raw::List(_) | Raw::Map(_))
}
