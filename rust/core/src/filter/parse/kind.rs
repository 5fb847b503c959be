//! `$type`: what a field, or a value in a JSON document, is.

use super::{Parser, Target, invalid, list_of};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::filter::kind::{JsonKind, TYPE_NAMES, type_names};
use crate::filter::{Filter, Found};
use crate::types::LogicalType;
use crate::value::Raw;

impl Parser<'_> {
    /// One name, or a list of which one is enough.
    pub(super) fn kinds(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let raw = match raw {
            Raw::List(_) => raw,
            one => return self.kind(target, &one),
        };
        let each =
            |(at, raw): (usize, Raw<'_>)| self.kind(target, &raw).map_err(|error| error.within(&format!("[{at}]")));
        let mut kinds: Vec<Filter> = Vec::new();
        for kind in list_of(raw)?.into_iter().enumerate().map(each) {
            let kind = kind?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Ok(Filter::Or(kinds))
    }

    fn kind(&self, target: &Target, raw: &Raw<'_>) -> Result<Filter> {
        let Raw::Text(name) = raw else {
            let message = format!("$type takes the name of a type or a list of them, got {}", raw.type_name());
            return Err(invalid(message).hint(format!("the types are {}", TYPE_NAMES.join(", "))));
        };
        let Some(name) = TYPE_NAMES.iter().find(|known| **known == *name) else {
            let known = did_you_mean(name, TYPE_NAMES.iter().copied());
            return Err(Error::new(ErrorKind::InvalidFilter, "there is no such type").hint(match known {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("the types are {}", TYPE_NAMES.join(", ")),
            }));
        };
        let is_null = Filter::IsNull { column: target.column };
        let ty = &self.table.columns[target.column].ty;
        if *ty == LogicalType::Json && (self.is_inside(target) || *name != "null") {
            return match JsonKind::parse(name) {
                Some(kind) => Ok(target.json(Found::Kind(kind))),
                None => Err(invalid(format!("nothing in JSON is `{name}`"))
                    .hint("its types are array, bool, null, number, object and string")),
            };
        }
        Ok(match *name {
            "null" => is_null,
            name if type_names(ty).contains(&name) => Filter::Not(Box::new(is_null)),
            _ => Filter::Or(Vec::new()),
        })
    }
}
