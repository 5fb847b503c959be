//! `$replaceRoot` and `$replaceWith`: a row of other columns.

use super::build::{Builder, Projected};
use super::expression::read_names;
use super::project::columns_of;
use super::{check_name, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableSchema;
use crate::value::Raw;

impl Builder<'_> {
    /// `{"newRoot": {…}}`.
    pub(super) fn read_replaced_root(&mut self, raw: Raw<'_>) -> Result<()> {
        let root = match raw {
            Raw::Map(entries) => read_names(entries, ["newRoot"]),
            _ => None,
        };
        let Some([root]) = root else {
            return Err(invalid("$replaceRoot takes a dict of `newRoot`").hint(form()));
        };
        self.read_replaced(root).map_err(|error| error.within("newRoot"))
    }

    /// A dict of the names of the new row's columns, each with its expression: 1 is the number.
    pub(super) fn read_replaced(&mut self, raw: Raw<'_>) -> Result<()> {
        let row = self.row();
        let entries = match raw {
            Raw::Map(entries) if entries.is_empty() => return Err(invalid("the new row names no field").hint(form())),
            Raw::Map(entries) => entries,
            Raw::Text(name) if name.starts_with("$$") => {
                return Err(Error::new(ErrorKind::NotBuilt, "variables, `$$name`, are not built yet").hint(form()));
            }
            Raw::Text(name) if name.starts_with('$') => {
                return self.replace_by_inner(&row, &name[1..]);
            }
            raw => return Err(invalid(format!("expected a dict of fields, got {}", raw.type_name())).hint(form())),
        };
        let mut columns = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let computed = check_name(&name).map_err(|error| error.hint(form()));
            let computed = computed.and_then(|()| self.read_computed(&row, raw));
            let computed: Projected = computed.map_err(|error| error.within(&name))?;
            columns.push((name.into_owned(), computed));
        }
        self.project(columns)
    }

    /// The row of a `$lookup` that is beside this one takes its place.
    fn replace_by_inner(&mut self, row: &TableSchema, name: &str) -> Result<()> {
        let inner = columns_of(row, name)?;
        if let Ok(at) = row.resolve(name) {
            let column = &row.columns[at];
            let message = format!("`{}` is no row but {}", column.name, column.ty.name());
            return Err(invalid(message).hint(form()));
        }
        let called = |at: usize| row.columns[at].name[name.len() + 1..].to_owned();
        self.project(inner.into_iter().map(|at| (called(at), Projected::Kept(at))).collect())
    }
}

fn form() -> &'static str {
    "the new row is a dict of names and expressions: {\"sku\": \"$name\", \"sum\": {\"$add\": [\"$a\", \"$b\"]}}"
}
