//! `$size`, `$all` and `$elemMatch`: of lists, and of lists in JSON.

use super::{Parser, Target, flatten, invalid, list_of};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::json::json_text;
use crate::filter::{Filter, Found, MAX_ITEMS, TRUSTED};
use crate::schema::{ColumnSchema, Role, TableSchema};
use crate::types::{FloatRules, LogicalType};
use crate::value::{Raw, Value};

impl Parser<'_> {
    pub(super) fn size(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let size = match self.accept(&LogicalType::Int, raw)? {
            Value::Int(size) if size >= 0 => size,
            _ => return Err(invalid("$size takes a number of items, 0 or more")),
        };
        Ok(match target.is_json {
            true => target.json(Found::Size(size)),
            false => Filter::Size { column: target.column, size },
        })
    }

    /// Every one is an item, or with `$elemMatch` met by one. An empty list matches nothing, as MongoDB has it.
    pub(super) fn all(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let raws = list_of(raw)?;
        if raws.is_empty() {
            return Ok(Filter::Or(Vec::new()));
        }
        let mut all = Vec::with_capacity(raws.len());
        for (at, raw) in raws.into_iter().enumerate() {
            self.count(depth)?;
            self.leaf()?;
            all.push(self.one_of_all(target, raw, depth).map_err(|error| error.within(&format!("[{at}]")))?);
        }
        Ok(flatten(all))
    }

    fn one_of_all(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        if let Raw::Map(entries) = raw {
            return match <[_; 1]>::try_from(entries) {
                Ok([(name, raw)]) if name == "$elemMatch" => {
                    let allowed = self.check_allowed(target.column, "$elemMatch");
                    let found = allowed.and_then(|()| self.element(target, raw, depth + 1));
                    found.map_err(|error| error.within("$elemMatch"))
                }
                Ok(entries) => self.has(target, Raw::Map(entries.into())),
                Err(entries) => self.has(target, Raw::Map(entries)),
            };
        }
        self.has(target, raw)
    }

    fn has(&mut self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        match &self.table.columns[target.column].ty {
            LogicalType::List { item } if matches!(raw, Raw::Null | Raw::List(_)) => {
                Err(invalid(format!("the items are {}, got {}", item.name(), raw.type_name())))
            }
            LogicalType::List { item } => self.list_equals(target.column, item, raw),
            _ => {
                self.check_items()?;
                let item = Target { column: 0, is_json: true, keys: Vec::new() };
                Ok(target.item(item.json(Found::OneOf(vec![json_text(raw)?]))))
            }
        }
    }

    /// An item that meets all of it: operators for the item itself, or fields of an item that is a JSON object.
    pub(super) fn element(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let Raw::Map(entries) = &raw else {
            return Err(invalid(format!("$elemMatch takes a dict, got {}", raw.type_name())));
        };
        let Some((first, _)) = entries.first() else {
            return Err(invalid("an empty $elemMatch").hint("use $size to ask for a list that is not empty"));
        };
        self.check_items()?;
        let is_document = is_of_documents(first);
        let item = match &self.table.columns[target.column].ty {
            LogicalType::List { item } => (**item).clone(),
            _ => LogicalType::Json,
        };
        if is_document && item != LogicalType::Json {
            return Err(invalid(format!("the items are {}: $elemMatch takes operators for them", item.name()))
                .hint("for example {\"$elemMatch\": {\"$gte\": 1, \"$lt\": 5}}"));
        }
        let table = table_of(self.table, item);
        // Lists and JSON hold no other floats, on any database.
        let floats = FloatRules { nan: false, infinity: false };
        let of = self.of.unwrap_or(target.column);
        let mut inner = Parser { table: &table, models: None, floats, items: self.items + 1, of: Some(of), ..*self };
        let whole = inner.whole(0);
        let met = match is_document {
            true => inner.document(raw, depth + 1),
            false => inner.field(&whole, raw, depth + 1),
        };
        (self.nodes, self.leaves) = (inner.nodes, inner.leaves);
        met.map(|filter| target.item(filter))
    }

    /// Whether one more subquery may be within those around this place.
    pub(super) fn check_items(&self) -> Result<()> {
        if self.items + self.ties == MAX_ITEMS {
            let message = format!("at most {MAX_ITEMS} relations and $elemMatch are in one another");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    }
}

impl Target {
    fn item(&self, filter: Filter) -> Filter {
        Filter::Item { column: self.column, keys: self.keys.clone(), filter: Box::new(filter) }
    }
}

/// Whether a filter that begins so is about an object.
fn is_of_documents(first: &str) -> bool {
    !first.starts_with('$') || matches!(first, "$and" | "$or" | "$nor" | "$comment" | "$expr")
}

/// Reads a condition on the items of a list, whose one column is the item: a value, operators, or for items that are
/// objects a filter on them.
///
/// # Errors
/// As [`super::parse`].
pub(crate) fn parse_item(table: &TableSchema, item: LogicalType, raw: Raw<'_>, floats: FloatRules) -> Result<Filter> {
    let first = match &raw {
        Raw::Map(entries) => entries.first().map(|(first, _)| first.as_ref()),
        _ => None,
    };
    let (is_empty, is_document) = (first.is_none(), first.is_some_and(is_of_documents));
    let table = table_of(table, item);
    let mut parser = Parser { items: 1, ..Parser::new(&table, floats, &TRUSTED) };
    let whole = parser.whole(0);
    match raw {
        Raw::Null if !whole.is_json => Err(invalid("the items of a list are never None")),
        Raw::Map(_) if is_empty => Err(invalid("an empty dict would mean every item")),
        Raw::Map(_) if is_document && !whole.is_json => {
            Err(invalid("a dict of keys is for items in JSON").hint("give a value, or operators such as {\"$gte\": 1}"))
        }
        Raw::Map(_) if is_document => parser.document(raw, 1),
        raw => parser.field(&whole, raw, 1),
    }
}

/// A table whose one column is the item.
fn table_of(table: &TableSchema, ty: LogicalType) -> TableSchema {
    let item = ColumnSchema { name: "item".to_owned(), ty, nullable: false, default: None, role: Role::Field };
    TableSchema { columns: vec![item], ..table.clone() }
}
