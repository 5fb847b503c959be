//! Counts as the ledger keeps them.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{LogicalType, parse_json};
use crate::value::{Raw, Value};

/// Version of the form; a newer one is refused.
const VERSION: i64 = 1;

/// `{"counts":{"inserted":2,…},"version":1}`.
pub fn render_result(counts: &[(&str, u64)]) -> Result<String> {
    let count = |&(name, count): &(&str, u64)| {
        let count = i64::try_from(count).map_or_else(|_| Raw::BigInt(count.to_string().into()), Raw::Int);
        (Cow::Owned(name.to_owned()), count)
    };
    let counts = Raw::Map(counts.iter().map(count).collect());
    let whole = Raw::Map(vec![("version".into(), Raw::Int(VERSION)), ("counts".into(), counts)]);
    match LogicalType::Json.accept(whole, crate::types::FloatRules { nan: false, infinity: false })? {
        Value::Json(text) => Ok(text.into_owned()),
        _ => Err(Error::internal("a result that is no JSON")),
    }
}

/// The counts that [`render_result`] wrote.
///
/// # Errors
/// `NewerFormat` for another version, `Internal` for what is no result.
pub fn read_result(text: &str) -> Result<Vec<(String, u64)>> {
    let broken = || Error::internal("a result in the ledger that cannot be read");
    let Ok(Raw::Map(entries)) = parse_json(text) else {
        return Err(broken());
    };
    let find = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    match find("version") {
        Some(Raw::Int(VERSION)) => {}
        Some(Raw::Int(_)) => {
            return Err(Error::new(ErrorKind::NewerFormat, "the ledger has a result of a newer DataFlow")
                .hint("upgrade dataflow-db here"));
        }
        _ => return Err(broken()),
    }
    let Some(Raw::Map(counts)) = find("counts") else {
        return Err(broken());
    };
    let count = |(name, count): &(Cow<'_, str>, Raw<'_>)| match count {
        Raw::Int(count) => u64::try_from(*count).map(|count| (name.to_string(), count)).map_err(|_| broken()),
        _ => Err(broken()),
    };
    counts.iter().map(count).collect()
}
