//! Filters on the items of a list as filters on the JSON text of an item, for databases that keep lists as JSON.

use super::{Comparison, Filter, Found, NumberTest, Pattern};
use crate::error::{Error, Result};
use crate::types::{LogicalType, render_item};
use crate::value::Value;

/// The same filter on an item in canonical JSON text. The recursion is as deep as the filter.
///
/// # Errors
/// `Internal` for a filter that items are not asked.
pub fn on_json(item: &LogicalType, filter: &Filter) -> Result<Filter> {
    let all = |parts: &[Filter]| parts.iter().map(|part| on_json(item, part)).collect::<Result<Vec<_>>>();
    Ok(match filter {
        Filter::And(parts) => Filter::And(all(parts)?),
        Filter::Or(parts) => Filter::Or(all(parts)?),
        Filter::Not(inner) => Filter::Not(Box::new(on_json(item, inner)?)),
        Filter::IsNull { .. } => Filter::Or(Vec::new()),
        Filter::In { values, .. } => {
            one_of(values.iter().map(|value| render_item(item, value)).collect::<Result<_>>()?)
        }
        Filter::Match { pattern, .. } => found(Found::Match(Pattern::clone(pattern))),
        Filter::Compare { comparison, value, .. } => compare(item, *comparison, value)?,
        _ => return Err(Error::internal("a filter that the items of a list are not asked")),
    })
}

fn compare(item: &LogicalType, comparison: Comparison, value: &Value<'static>) -> Result<Filter> {
    let text = render_item(item, value)?;
    let plain = || text.trim_matches('"').to_owned();
    Ok(match (value, comparison) {
        (_, Comparison::Equal) => one_of(vec![text]),
        (Value::Bool(value), _) => {
            let met = [false, true].into_iter().filter(|other| comparison.holds(other.cmp(value)));
            one_of(met.map(|met| met.to_string()).collect())
        }
        (Value::Int(_) | Value::Duration(_) | Value::Float(_), _) => {
            found(Found::Number(NumberTest { comparison, number: text, quoted: false }))
        }
        (Value::Decimal(_), _) => found(Found::Number(NumberTest { comparison, number: plain(), quoted: true })),
        (Value::Text(text), _) => found(Found::Text(comparison, text.to_string())),
        // Dates, times, UUIDs and bytes have texts of ASCII whose order is theirs.
        _ => found(Found::Text(comparison, plain())),
    })
}

fn found(found: Found) -> Filter {
    Filter::Json { column: 0, keys: Vec::new(), found }
}

fn one_of(texts: Vec<String>) -> Filter {
    if texts.is_empty() { Filter::Or(Vec::new()) } else { found(Found::OneOf(texts)) }
}
