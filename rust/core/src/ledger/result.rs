//! Counts as the ledger keeps them, and with them the rows that were refused where a later run has to know those.

use std::borrow::Cow;

use super::RowNumbers;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{LogicalType, parse_json};
use crate::value::{Raw, Value};

/// Version of the form without refused rows; a newer one than the next is refused.
const VERSION: i64 = 1;
/// Version of the form with them: who does not know it would take their keys for such of stored rows.
const WITH_REFUSED: i64 = 2;

/// `{"counts":{"inserted":2,…},"version":1}`, or `{"counts":{…},"refused":"1 4-7","version":2}`.
pub fn render_result(counts: &[(&str, u64)], refused: &RowNumbers) -> Result<String> {
    let count = |&(name, count): &(&str, u64)| {
        let count = i64::try_from(count).map_or_else(|_| Raw::BigInt(count.to_string().into()), Raw::Int);
        (Cow::Owned(name.to_owned()), count)
    };
    let counts = Raw::Map(counts.iter().map(count).collect());
    let version = if refused.is_empty() { VERSION } else { WITH_REFUSED };
    let mut whole = vec![("version".into(), Raw::Int(version)), ("counts".into(), counts)];
    if !refused.is_empty() {
        whole.push(("refused".into(), Raw::Text(refused.render().into())));
    }
    let whole = Raw::Map(whole);
    match LogicalType::Json.accept(whole, crate::types::FloatRules { nan: false, infinity: false })? {
        Value::Json(text) => Ok(text.into_owned()),
        _ => Err(Error::internal("a result that is no JSON")),
    }
}

/// The counts and the refused rows that [`render_result`] wrote.
///
/// # Errors
/// `NewerFormat` for another version, `Internal` for what is no result.
pub fn read_result(text: &str) -> Result<(Vec<(String, u64)>, RowNumbers)> {
    let broken = || Error::internal("a result in the ledger that cannot be read");
    let Ok(Raw::Map(entries)) = parse_json(text) else {
        return Err(broken());
    };
    let find = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let refused = match find("version") {
        Some(Raw::Int(VERSION)) => RowNumbers::default(),
        Some(Raw::Int(WITH_REFUSED)) => match find("refused") {
            Some(Raw::Text(text)) => RowNumbers::parse(text).ok_or_else(broken)?,
            _ => return Err(broken()),
        },
        Some(Raw::Int(_)) => {
            return Err(Error::new(ErrorKind::NewerFormat, "the ledger has a result of a newer DataFlow")
                .hint("upgrade dataflow-db here"));
        }
        _ => return Err(broken()),
    };
    let Some(Raw::Map(counts)) = find("counts") else {
        return Err(broken());
    };
    let count = |(name, count): &(Cow<'_, str>, Raw<'_>)| match count {
        Raw::Int(count) => u64::try_from(*count).map(|count| (name.to_string(), count)).map_err(|_| broken()),
        _ => Err(broken()),
    };
    Ok((counts.iter().map(count).collect::<Result<_>>()?, refused))
}
