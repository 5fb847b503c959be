//! Conditions on JSON: whole documents, and what lies behind keys (`meta.address.city`).

use super::{Parser, Target, invalid, list_of};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::json::json_text;
use crate::filter::{Comparison, Filter, Found, JsonKey, JsonKind, NumberTest};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

/// Most keys in a path; JSON nests no deeper, and MariaDB's paths neither.
const MAX_KEYS: usize = 31;

impl Parser<'_> {
    /// The field that a name means. A field whose own name is that wins, then the longest one before a dot.
    pub(super) fn target(&self, name: &str) -> Result<Target> {
        if self.items > 0 {
            return self.inside(0, name);
        }
        let known = |name: &str| self.table.columns.iter().position(|column| column.name == name);
        let split = name.rmatch_indices('.').find_map(|(at, _)| known(&name[..at]).map(|column| (column, at)));
        let Some((column, at)) = split.filter(|_| known(name).is_none()) else {
            return self.table.resolve(name).map(|column| self.whole(column));
        };
        let ty = &self.table.columns[column].ty;
        if *ty != LogicalType::Json {
            return Err(invalid(format!("`{}` is {}: only JSON has keys", &name[..at], ty.name())));
        }
        self.inside(column, &name[at + 1..])
    }

    pub(super) fn whole(&self, column: usize) -> Target {
        Target { column, is_json: self.table.columns[column].ty == LogicalType::Json, keys: Vec::new() }
    }

    /// What lies behind a path in a column of JSON.
    fn inside(&self, column: usize, path: &str) -> Result<Target> {
        let keys = path.split('.').map(|key| match key {
            "" => Err(invalid("an empty key between two dots")),
            key => JsonKey::new(key),
        });
        Target { keys: keys.collect::<Result<_>>()?, ..self.whole(column) }.checked()
    }

    /// Numbers are compared with numbers and texts with texts; nothing else has an order.
    pub(super) fn json_compare(&self, target: &Target, comparison: Comparison, raw: Raw<'_>) -> Result<Filter> {
        Ok(target.json(match raw {
            Raw::Text(_) => match self.accept(&LogicalType::Text { max_length: None }, raw)? {
                Value::Text(text) => Found::Text(comparison, text.into_owned()),
                _ => return Err(invalid("a text that is none")),
            },
            Raw::Int(_) | Raw::BigInt(_) | Raw::Float(_) => {
                Found::Number(NumberTest { comparison, number: json_text(raw)?, quoted: false })
            }
            raw => return Err(invalid(format!("in JSON numbers and str have an order, not {}", raw.type_name()))),
        }))
    }

    /// What lies behind the keys is this value; None: JSON's null, or nothing.
    pub(super) fn json_equals(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        self.json_is_one_of(target, vec![json_text(raw)?])
    }

    pub(super) fn json_in(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let texts = list_of(raw)?.into_iter().enumerate();
        let texts = texts.map(|(at, raw)| json_text(raw).map_err(|error| error.within(&format!("[{at}]"))));
        self.json_is_one_of(target, texts.collect::<Result<_>>()?)
    }

    fn json_is_one_of(&self, target: &Target, texts: Vec<String>) -> Result<Filter> {
        let or_nothing = texts.iter().any(|text| text == "null");
        let one_of = match texts.is_empty() {
            true => Filter::Or(Vec::new()),
            false => target.json(Found::OneOf(texts)),
        };
        Ok(match or_nothing {
            true => Filter::Or(vec![Filter::Not(Box::new(target.json(Found::Any))), one_of]),
            false => one_of,
        })
    }

    /// The document, or what lies behind the keys, holds all that the given dict holds.
    pub(super) fn json_contains(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("$contains of JSON takes a dict, got {}", raw.type_name())));
        };
        if entries.is_empty() {
            return Ok(target.json(Found::Kind(JsonKind::Object)));
        }
        let mut all = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            self.count(depth + 1)?;
            self.leaf()?;
            let found = target.key(&name).and_then(|inner| match raw {
                Raw::Map(_) => self.json_contains(&inner, raw, depth + 1),
                raw => Ok(inner.json(Found::OneOf(vec![json_text(raw)?]))),
            });
            all.push(found.map_err(|error| error.within(&name))?);
        }
        Ok(Filter::And(all))
    }
}

impl Target {
    pub(super) fn json(&self, found: Found) -> Filter {
        Filter::Json { column: self.column, keys: self.keys.clone(), found }
    }

    fn key(&self, name: &str) -> Result<Target> {
        let key = JsonKey::new(name)?;
        Target { keys: self.keys.iter().cloned().chain([key]).collect(), ..*self }.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.keys.len() > MAX_KEYS {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a path has at most {MAX_KEYS} keys")));
        }
        Ok(self)
    }
}
