//! Filters on other rows: `customer.name`, and `orders` with `$some`, `$every` and `$none`.

use super::operator::unknown;
use super::{Parser, flatten, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Filter, MAX_RELATIONS, Row, matches};
use crate::schema::Relation;
use crate::value::{Raw, Value};

const QUANTIFIERS: &[&str] = &["$some", "$every", "$none"];

/// The other row where there is none: all its fields are null.
struct Nothing;

impl Row for Nothing {
    fn value(&self, _: usize) -> Result<Value<'_>> {
        Ok(Value::Null)
    }
}

impl Parser<'_> {
    /// The relation that a name begins with, and what follows it; None where it begins with a field.
    pub(super) fn relation<'n>(&self, name: &'n str) -> Result<Option<(Relation, Option<&'n str>)>> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let is_field = |name: &str| self.table.columns.iter().any(|column| column.name == name);
        match self.models {
            Some(models) if !is_field(first) && !is_field(name) => {
                Ok(models.relation(self.table, first)?.map(|relation| (relation, rest)))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn related(
        &mut self,
        relation: Relation,
        name: &str,
        rest: Option<&str>,
        raw: Raw<'_>,
        depth: usize,
    ) -> Result<Filter> {
        self.count(depth)?;
        match (relation.many, rest) {
            (_, Some(rest)) if rest.starts_with('$') => {
                Err(invalid(format!("`{rest}` stands around a relation, not behind it")))
            }
            (false, Some(rest)) => self.field_of_one(relation, rest, raw, depth),
            (true, None) => self.quantified(&relation, raw, depth),
            (false, None) => Err(invalid(format!("`{name}` is another row, of {}", relation.table.model))
                .hint(format!("name a field of it: `{name}.{}`", relation.table.columns[relation.theirs].name))),
            (true, Some(rest)) => {
                Err(invalid(format!("there may be several rows of {}", relation.table.model)).hint(format!(
                    "say which are meant: {{\"{}\": {{\"$some\": {{\"{rest}\": …}}}}}}",
                    &name[..name.len() - rest.len() - 1]
                )))
            }
        }
    }

    /// What is asked of no row is asked of nulls, as it is of a field that is null.
    fn field_of_one(&mut self, relation: Relation, rest: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let filter = self.within(&relation, |inner| inner.entry(rest, raw, depth + 1))?;
        Ok(if matches(&filter, &Nothing)? { not(some(relation, not(filter))) } else { some(relation, filter) })
    }

    fn quantified(&mut self, relation: &Relation, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let entries = match raw {
            Raw::Map(entries) if !entries.is_empty() => entries,
            raw => {
                return Err(invalid(format!("expected a dict of {}, got {}", QUANTIFIERS.join(", "), raw.type_name()))
                    .hint("{\"$some\": {}} asks for at least one row, {\"$none\": {}} for none"));
            }
        };
        let mut all = Vec::with_capacity(entries.len());
        for (quantifier, raw) in entries {
            let found = match &*quantifier {
                "$some" => self.rows(relation, raw, depth),
                "$none" => self.rows(relation, raw, depth).map(not),
                "$every" => self.every(relation, raw, depth),
                quantifier => Err(unknown(quantifier, QUANTIFIERS)),
            };
            all.push(found.map_err(|error| error.within(&quantifier))?);
        }
        Ok(flatten(all))
    }

    fn rows(&mut self, relation: &Relation, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.within(relation, |inner| inner.document(raw, depth + 1)).map(|filter| some(relation.clone(), filter))
    }

    /// None that does not meet it: true where there is no row at all.
    fn every(&mut self, relation: &Relation, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let filter = self.within(relation, |inner| inner.document(raw, depth + 1))?;
        Ok(not(some(relation.clone(), not(filter))))
    }

    /// Reads a filter of the other table, which counts as part of this one.
    fn within(&mut self, relation: &Relation, read: impl FnOnce(&mut Parser<'_>) -> Result<Filter>) -> Result<Filter> {
        self.check_items()?;
        self.relations += 1;
        if self.relations > MAX_RELATIONS {
            let message = format!("a filter asks for other rows at most {MAX_RELATIONS} times");
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .hint("conditions on the rows of one relation belong in one $some"));
        }
        let mut inner = Parser { table: &relation.table, ties: self.ties + 1, ..*self };
        let filter = read(&mut inner);
        (self.nodes, self.leaves, self.relations) = (inner.nodes, inner.leaves, inner.relations);
        filter
    }
}

fn some(relation: Relation, filter: Filter) -> Filter {
    Filter::Related { relation, filter: Box::new(filter) }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}
