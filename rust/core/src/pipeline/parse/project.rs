//! `$project`, `$addFields`, `$set` and `$unset`.

use std::borrow::Cow;

use super::build::{Builder, Projected};
use super::lookup::is_inside;
use super::{check_name, invalid};
use crate::error::Result;
use crate::schema::TableSchema;
use crate::value::Raw;

type Entries<'r> = Vec<(Cow<'r, str>, Raw<'r>)>;

impl Builder<'_> {
    pub(super) fn read_project(&mut self, raw: Raw<'_>) -> Result<()> {
        let entries = read_fields(raw)?;
        let row = self.row();
        let excluded: Vec<bool> = entries.iter().map(|(_, raw)| is_flag(raw) == Some(false)).collect();
        if excluded.iter().all(|&excluded| excluded) {
            let names = entries.into_iter().map(|(name, _)| name);
            return self.leave_out(&row, names);
        }
        let mut columns = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let projected = match is_flag(&raw) {
                Some(true) => columns_of(&row, &name).map(|found| {
                    let kept = |at: usize| (row.columns[at].name.clone(), Projected::Kept(at));
                    found.into_iter().map(kept).collect()
                }),
                // As every pipeline of MongoDB's writes it; here `_id` is a column like others, and none if not named.
                Some(false) if name == "_id" => Ok(Vec::new()),
                Some(false) => Err(invalid("fields are named, or left out, not both in one $project")),
                None => {
                    let computed = check_name(&name).and_then(|()| self.read_computed(&row, raw));
                    computed.map(|computed| vec![(name.to_string(), computed)])
                }
            };
            columns.extend(projected.map_err(|error| error.within(&name))?);
        }
        self.project(columns)
    }

    pub(super) fn read_added(&mut self, raw: Raw<'_>) -> Result<()> {
        let entries = read_fields(raw)?;
        let row = self.row();
        let kept = row.columns.iter().enumerate().map(|(at, column)| (column.name.clone(), Projected::Kept(at)));
        let mut columns: Vec<_> = kept.collect();
        for (name, raw) in entries {
            let computed = check_name(&name).and_then(|()| self.read_computed(&row, raw));
            let computed = computed.map_err(|error| error.within(&name))?;
            columns.retain(|(column, _)| !is_inside(column, &name));
            match columns.iter_mut().find(|(column, _)| *column == name) {
                Some((_, projected)) => *projected = computed,
                None => columns.push((name.into_owned(), computed)),
            }
        }
        self.project(columns)
    }

    pub(super) fn read_unset(&mut self, raw: Raw<'_>) -> Result<()> {
        let names = match raw {
            Raw::Text(name) => vec![name],
            Raw::List(items) => {
                let name = |(at, item): (usize, _)| match item {
                    Raw::Text(name) => Ok(name),
                    item => Err(invalid(format!("expected the name of a field, got {}", item.type_name()))
                        .within(&format!("[{at}]"))),
                };
                items.into_iter().enumerate().map(name).collect::<Result<_>>()?
            }
            raw => return Err(invalid(format!("expected a name or a list of names, got {}", raw.type_name()))),
        };
        let row = self.row();
        self.leave_out(&row, names.into_iter())
    }

    fn leave_out<'n>(&mut self, row: &TableSchema, names: impl Iterator<Item = Cow<'n, str>>) -> Result<()> {
        let mut left = vec![true; row.columns.len()];
        for name in names {
            for at in columns_of(row, &name).map_err(|error| error.within(&name))? {
                left[at] = false;
            }
        }
        let kept = row.columns.iter().enumerate().filter(|(at, _)| left[*at]);
        self.project(kept.map(|(at, column)| (column.name.clone(), Projected::Kept(at))).collect())
    }

    pub(super) fn read_computed(&mut self, row: &TableSchema, raw: Raw<'_>) -> Result<Projected> {
        Self::expressions(&mut self.nodes, row, self.floats).whole(raw).map(Projected::Computed)
    }
}

/// The column of a name, or those of the row of a `$lookup` that is beside this one: `author.name` of `author`.
pub(super) fn columns_of(row: &TableSchema, name: &str) -> Result<Vec<usize>> {
    match row.resolve(name) {
        Ok(at) => Ok(vec![at]),
        Err(error) => {
            let columns = row.columns.iter().enumerate();
            let inner: Vec<usize> =
                columns.filter(|(_, column)| is_inside(&column.name, name)).map(|(at, _)| at).collect();
            if inner.is_empty() { Err(error) } else { Ok(inner) }
        }
    }
}

fn read_fields(raw: Raw<'_>) -> Result<Entries<'_>> {
    match raw {
        Raw::Map(entries) if entries.is_empty() => Err(invalid("it names no field")),
        Raw::Map(entries) => Ok(entries),
        raw => Err(invalid(format!("expected a dict of fields, got {}", raw.type_name()))),
    }
}

/// Whether a field is taken as it is (1) or left out (0).
fn is_flag(raw: &Raw<'_>) -> Option<bool> {
    match raw {
        Raw::Bool(flag) => Some(*flag),
        Raw::Int(0) => Some(false),
        Raw::Int(1) => Some(true),
        _ => None,
    }
}
