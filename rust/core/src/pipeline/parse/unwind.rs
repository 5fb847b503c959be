//! `$unwind`.

use super::build::Builder;
use super::expression::check_value;
use super::{check_name, invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Cell, Column, Expression, Origin, Output, Unwind};
use crate::types::LogicalType;
use crate::value::Raw;

const OPTIONS: &[&str] = &["path", "includeArrayIndex", "preserveNullAndEmptyArrays"];

impl Builder<'_> {
    /// `"$tags"`, or a dict with it as `path`.
    pub(super) fn read_unwind(&mut self, raw: Raw<'_>) -> Result<()> {
        let entries = match raw {
            Raw::Map(entries) => entries,
            raw @ Raw::Text(_) => return self.unwind(&raw, None, false),
            raw => return Err(invalid(format!("expected a field or a dict, got {}", raw.type_name())).hint(form())),
        };
        let (mut path, mut place, mut keeps_empty) = (Raw::Null, None, false);
        for (name, raw) in entries {
            let read = match (&*name, raw) {
                ("path", raw) => {
                    path = raw;
                    Ok(())
                }
                ("includeArrayIndex", Raw::Text(column)) => {
                    check_name(&column).map(|()| place = Some(column.into_owned()))
                }
                ("preserveNullAndEmptyArrays", Raw::Bool(keeps)) => {
                    keeps_empty = keeps;
                    Ok(())
                }
                ("includeArrayIndex", raw) => {
                    Err(invalid(format!("expected the name of a column, got {}", raw.type_name())))
                }
                ("preserveNullAndEmptyArrays", raw) => {
                    Err(invalid(format!("expected True or False, got {}", raw.type_name())))
                }
                (name, _) => Err(Error::new(ErrorKind::UnknownOperator, format!("$unwind has no `{name}`"))
                    .hint(meant(name, OPTIONS).unwrap_or_else(|| format!("it has {}", OPTIONS.join(", "))))),
            };
            read.map_err(|error| error.within(&name))?;
        }
        self.unwind(&path, place, keeps_empty).map_err(|error| error.within("path"))
    }

    /// Puts an item in the place of a list. What no two rows share is told by the item's place too.
    fn unwind(&mut self, path: &Raw<'_>, place: Option<String>, keeps_empty: bool) -> Result<()> {
        let name = match path {
            Raw::Text(path) => path.strip_prefix('$').filter(|name| !name.is_empty()),
            _ => None,
        };
        let Some(name) = name else {
            return Err(invalid("the list is a field").hint(form()));
        };
        if let Some(pending) = self.take_pending(name) {
            return match place {
                None => self.check_unwinds().and_then(|()| self.join(pending, keeps_empty)),
                Some(_) => Err(Error::new(ErrorKind::NotBuilt, "the places of rows that were looked up are not built")),
            };
        }
        self.settle()?;
        let row = self.row();
        let at = row.resolve(name)?;
        check_value(&row.columns[at])?;
        let output = self.visible()[at];
        let column = self.level.outputs[output].column.clone();
        let LogicalType::List { item } = column.ty else {
            return Err(invalid(format!("`{name}` is no list but {}", column.ty.name())));
        };
        self.check_unwinds()?;
        self.wrap()?;
        let level = &mut self.level;
        let origin = column.origin.map(|origin| match origin {
            // Of a list that a group made.
            Origin { is_listed: true, .. } => Origin { is_listed: false, ..origin },
            origin => Origin { is_item: true, ..origin },
        });
        let item = Column { ty: *item, nullable: keeps_empty, origin, ..column };
        let counted = Column { name: String::new(), ty: LogicalType::Int, nullable: keeps_empty, origin: None };
        let input = level.input.len();
        level.input.extend([item.clone(), counted.clone()]);
        level.unwind = Some(Unwind { list: output, keeps_empty });
        let cell = |at, column: &Column| Cell::Value(Expression::column(at, column.ty.clone(), column.nullable));
        let value = cell(input, &item);
        level.outputs[output] = Output::new(item, value);
        let value = cell(input + 1, &counted);
        let counted = match place {
            Some(name) => {
                self.hide_named(&name);
                Output::new(Column { name, ..counted }, value)
            }
            None => Output::hidden(counted, value),
        };
        let level = &mut self.level;
        level.identity.push(level.outputs.len());
        level.outputs.push(counted);
        if self.visible().is_empty() {
            return Err(Error::internal("a row without columns"));
        }
        self.untouched = false;
        Ok(())
    }
}

fn form() -> &'static str {
    "write {\"$unwind\": \"$tags\"}, or {\"$unwind\": {\"path\": \"$tags\", \"preserveNullAndEmptyArrays\": True}}"
}
