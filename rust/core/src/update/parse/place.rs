//! The places an update is about: a column, or what lies behind keys in a JSON document.

use super::{Parser, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Role;
use crate::types::{LogicalType, check_text};

/// Most keys in a path: JSON nests no deeper.
const MAX_KEYS: usize = 31;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub column: usize,
    pub keys: Vec<String>,
}

impl Place {
    /// Whether one of the two is the other one, or lies in it.
    fn meets(&self, other: &Place) -> bool {
        let both = self.keys.len().min(other.keys.len());
        self.column == other.column && self.keys[..both] == other.keys[..both]
    }
}

/// The keys of a path in a document.
pub(super) fn keys(path: &str) -> Result<Vec<String>> {
    let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
    if keys.len() > MAX_KEYS {
        return Err(Error::new(ErrorKind::LimitExceeded, format!("a path has at most {MAX_KEYS} keys")));
    }
    if keys.iter().any(String::is_empty) {
        return Err(invalid("a path with an empty key"));
    }
    keys.iter().try_for_each(|key| check_text(key, None))?;
    Ok(keys)
}

impl Parser<'_> {
    /// The place that a name means. A field whose own name is that wins, then the longest one before a dot.
    pub(super) fn place(&self, name: &str) -> Result<Place> {
        let known = |name: &str| self.table.columns.iter().position(|column| column.name == name);
        let split = name.rmatch_indices('.').find_map(|(at, _)| known(&name[..at]).map(|column| (column, at)));
        let Some((column, at)) = split.filter(|_| known(name).is_none()) else {
            return self.table.resolve(name).map(|column| Place { column, keys: Vec::new() });
        };
        let ty = &self.table.columns[column].ty;
        if *ty != LogicalType::Json {
            return Err(invalid(format!("`{}` is {}: only JSON has keys", &name[..at], ty.name())));
        }
        keys(&name[at + 1..]).map(|keys| Place { column, keys })
    }

    /// Refuses a key, what DataFlow keeps itself, and the inside of an instance.
    pub(super) fn check_writable(&self, place: &Place) -> Result<()> {
        let column = &self.table.columns[place.column];
        if self.table.key.contains(&place.column) {
            return Err(Error::new(ErrorKind::KeyMismatch, "a key never changes"));
        }
        if column.role != Role::Field {
            return Err(invalid(format!("DataFlow keeps `{}` itself", column.name)));
        }
        if self.closed.contains(&place.column) {
            return Err(invalid(format!("`{}` holds instances of a class, which are written whole", column.name))
                .hint("read the row, change the instance, and $set it; a field of type dict takes operators"));
        }
        Ok(())
    }

    /// Notes a place.
    ///
    /// # Errors
    /// `InvalidUpdate` where another operator is about it, or about a part of it.
    pub(super) fn take(&mut self, place: &Place) -> Result<()> {
        if self.taken.iter().any(|other| other.meets(place)) {
            return Err(invalid("two operators are about the same place: which one is first would decide")
                .hint("say it with one operator, or in two updates"));
        }
        self.taken.push(place.clone());
        Ok(())
    }
}
