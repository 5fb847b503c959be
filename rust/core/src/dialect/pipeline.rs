//! A pipeline as one statement: a SELECT a level, all but the last in a WITH.
//!
//! Columns have the names of the table or ours, `r0_1`, never those that a caller made up. The tenant's predicate is in
//! the one level that reads the table; the tenant is among what every group is made by, so that each row carries its
//! own to the proof at the end.

use std::fmt::Write as _;

use super::condition::Place;
use super::statement::{Returned, Statement, Writer};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::pipeline::{Cell, Expression, Level, Node, Output, Pipeline, Unwind};
use crate::plan::{Order, Selection};
use crate::schema::{ColumnSchema, Role, TENANT_COLUMN, TableSchema};
use crate::value::Value;

/// What a level reads: the names of its columns, and itself.
struct Source {
    columns: Vec<String>,
    table: TableSchema,
    text: String,
    /// Whether its rows, or those that they are made of, were put into an order, to be cut.
    is_ordered: bool,
}

impl Writer<'_> {
    pub(super) fn pipeline(mut self, table: &TableSchema, pipeline: &Pipeline) -> Result<Statement> {
        let prefix = prefix(table);
        let last = pipeline.levels.len().saturating_sub(1);
        let mut source = Source {
            columns: table.columns.iter().map(|column| self.dialect.quote(&column.name)).collect(),
            table: table.clone(),
            text: self.dialect.qualified_table(table),
            is_ordered: false,
        };
        for (at, level) in pipeline.levels.iter().enumerate() {
            let name = self.dialect.quote(&format!("s{at}"));
            let (open, close) = match at {
                at if at == last => (String::new(), ""),
                0 => (format!("WITH {name} AS ("), ")"),
                _ => (format!("{name} AS ("), ")"),
            };
            let aliases: Vec<String> =
                (0..level.outputs.len()).map(|output| format!("{prefix}{at}_{output}")).collect();
            self.sql.push_str(&open);
            self.level(&source, level, &aliases, at == 0, at == last)?;
            self.sql.push_str(close);
            self.sql.push_str(if at + 1 < last && at < last {
                ", "
            } else if at < last {
                " "
            } else {
                ""
            });
            source = Source {
                columns: aliases.iter().map(|alias| self.dialect.quote(alias)).collect(),
                table: renamed(table, level, &aliases),
                text: name,
                is_ordered: source.is_ordered || level.limit.is_some() || level.offset > 0,
            };
        }
        let tenant = table.multi_tenant.then(super::tenant_column);
        let tenant = tenant.map(|column| Returned { name: column.name, ty: column.ty, nullable: column.nullable });
        let columns = pipeline.columns().map(|column| Returned {
            name: column.name.clone(),
            ty: column.ty.clone(),
            nullable: column.nullable,
        });
        Ok(self.finish(tenant.into_iter().chain(columns).collect()))
    }

    fn level(
        &mut self,
        source: &Source,
        level: &Level,
        aliases: &[String],
        reads_table: bool,
        is_last: bool,
    ) -> Result<()> {
        let unwind = level.unwind.as_ref().zip(aliases.first());
        let unwound = unwind.map(|(unwind, alias)| self.unwound(source, level, unwind, alias)).transpose()?;
        let source = unwound.as_ref().unwrap_or(source);
        let tenant = self.tenant.map(|_| self.dialect.quote(TENANT_COLUMN));
        self.sql.push_str("SELECT ");
        self.sql.push_str(tenant.as_deref().unwrap_or_default());
        let mut separator = if tenant.is_some() { ", " } else { "" };
        for (output, alias) in level.outputs.iter().zip(aliases).filter(|(output, _)| output.used) {
            let cell = self.cell(source, output)?;
            let alias = if is_last && output.cell.as_column().is_some() {
                String::new()
            } else {
                format!(" AS {}", self.dialect.quote(alias))
            };
            let _ = write!(self.sql, "{separator}{cell}{alias}");
            separator = ", ";
        }
        // A row may have no column that anybody asks for. That of one group is a total, without which there is none.
        let is_one_group = level.group.as_ref().is_some_and(Vec::is_empty);
        self.sql.push_str(match separator {
            "" if is_one_group => "count(*)",
            "" => "1",
            _ => "",
        });
        let _ = write!(self.sql, " FROM {}", source.text);
        self.rows(source, level, reads_table)?;
        self.groups(source, level, tenant.as_deref());
        if is_last || level.limit.is_some() || level.offset > 0 {
            self.ordered(source, level, aliases)?;
            self.cut(level.limit, level.offset);
        } else if self.dialect.fences_groups() && groups_by_made_text(level) {
            self.cut(Some(i64::MAX.unsigned_abs()), 0);
        }
        Ok(())
    }

    /// A level's source with the items of a list.
    fn unwound(&self, source: &Source, level: &Level, unwind: &Unwind, alias: &str) -> Result<Source> {
        let [.., item, _] = &level.input[..] else { return Err(Error::internal("a list without items")) };
        let name = self.dialect.quote(&format!("{alias}_items"));
        let unwound = self.dialect.unwound(&source.columns[unwind.list], &item.ty, &name);
        let join = if unwind.keeps_empty { "LEFT JOIN" } else { "JOIN" };
        let mut columns = source.columns.clone();
        columns.extend([unwound.item, unwound.place]);
        let text = format!("{} {join} {} ON {}", source.text, unwound.rows, unwound.on);
        Ok(Source { columns, text, table: source.table.clone(), is_ordered: source.is_ordered })
    }

    /// `WHERE`.
    fn rows(&mut self, source: &Source, level: &Level, reads_table: bool) -> Result<()> {
        let filter = match &level.filters[..] {
            [only] => only.clone(),
            all => Filter::And(all.to_vec()),
        };
        if reads_table {
            self.conditions(&source.table, &Selection::Matching(filter))?;
            return Ok(());
        }
        if filter != Filter::And(Vec::new()) {
            self.sql.push_str(" WHERE ");
            self.filter(Place::Table(&source.table), &filter)?;
        }
        Ok(())
    }

    /// `GROUP BY`: all rows are one group only where there are any.
    fn groups(&mut self, source: &Source, level: &Level, tenant: Option<&str>) {
        let Some(group) = &level.group else { return };
        let keys = group.iter().filter_map(|&at| level.outputs[at].cell.as_column());
        let keys = keys.map(|column| source.columns[column].as_str());
        let all: Vec<&str> = tenant.into_iter().chain(keys).collect();
        match all[..] {
            [] => self.sql.push_str(" HAVING count(*) > 0"),
            _ => drop(write!(self.sql, " GROUP BY {}", all.join(", "))),
        }
    }

    fn ordered(&mut self, source: &Source, level: &Level, aliases: &[String]) -> Result<()> {
        if level.sampled {
            let _ = write!(self.sql, " ORDER BY {}", self.dialect.random());
            return Ok(());
        }
        let mut separator = " ORDER BY ";
        for order in &level.order {
            let output = &level.outputs[order.column];
            let value = self.ordered_by(source, level, aliases, order.column)?;
            match self.dialect.sort_guard(&value, &output.column.ty) {
                Some(guard) => {
                    // Written once more: with its parameters.
                    let value = self.ordered_by(source, level, aliases, order.column)?;
                    let _ = write!(self.sql, "{separator}{guard}, {value}");
                }
                None => drop(write!(self.sql, "{separator}{value}")),
            }
            self.direction(order.descending, output.column.nullable);
            separator = ", ";
        }
        Ok(())
    }

    /// An output in the order of a level.
    fn ordered_by(&mut self, source: &Source, level: &Level, aliases: &[String], at: usize) -> Result<String> {
        let output = &level.outputs[at];
        Ok(match output.cell.as_column() {
            Some(input) if level.group.is_some() && source.is_ordered => {
                self.dialect.ordered_anew(&source.columns[input])
            }
            Some(input) => source.columns[input].clone(),
            None if output.used => self.dialect.quote(&aliases[at]),
            None => self.cell(source, output)?,
        })
    }

    fn cell(&mut self, source: &Source, output: &Output) -> Result<String> {
        let ty = &output.column.ty;
        Ok(match &output.cell {
            Cell::Value(value) => self.expression(source, value)?,
            Cell::Count => "count(*)".to_owned(),
            Cell::Sum(of) => {
                let operand = self.expression(source, of)?;
                self.dialect.sum(&operand, ty)
            }
            Cell::Average(of) => {
                let column = self.expression(source, of)?;
                self.dialect.average(&column, &of.ty, ty)
            }
            Cell::Deviation { of, is_sample } => {
                let operand = self.expression(source, of)?;
                self.dialect.deviation(&operand, *is_sample)
            }
            Cell::Smallest(of) => format!("min({})", self.expression(source, of)?),
            Cell::Largest(of) => format!("max({})", self.expression(source, of)?),
            Cell::At { place, value } => {
                let value = self.expression(source, value)?;
                self.dialect.value_at(&source.columns[*place], &value)
            }
            Cell::Place { partition, order } => self.place(source, partition, order),
        })
    }

    fn place(&mut self, source: &Source, partition: &[usize], order: &[Order]) -> String {
        let outer = std::mem::take(&mut self.sql);
        self.sql.push_str("row_number() OVER (");
        let tenant = self.tenant.map(|_| self.dialect.quote(TENANT_COLUMN));
        let columns = partition.iter().map(|&at| {
            let ty = &source.table.columns[at].ty;
            self.dialect.parted(&source.columns[at], ty)
        });
        let parts: Vec<String> = tenant.into_iter().chain(columns).collect();
        if !parts.is_empty() {
            let _ = write!(self.sql, "PARTITION BY {} ", parts.join(", "));
        }
        let mut separator = "ORDER BY ";
        for Order { column, descending } in order {
            let (name, ColumnSchema { ty, nullable, .. }) = (&source.columns[*column], &source.table.columns[*column]);
            let guard = self.dialect.sort_guard(name, ty).map_or_else(String::new, |guard| format!("{guard}, "));
            let _ = write!(self.sql, "{separator}{guard}{name}");
            self.direction(*descending, *nullable);
            separator = ", ";
        }
        self.sql.push(')');
        std::mem::replace(&mut self.sql, outer)
    }

    /// Parameters come in the order of the text. The recursion is as deep as the parser allows.
    fn expression(&mut self, source: &Source, expression: &Expression) -> Result<String> {
        let ty = &expression.ty;
        Ok(match &expression.node {
            Node::Column(at) => source.columns[*at].clone(),
            Node::Literal(Value::Null) => self.dialect.null(ty),
            Node::Literal(value) => {
                let placeholder = self.placeholder(ty, value.clone());
                self.dialect.typed(placeholder, ty)
            }
            Node::Call(function, operands) => {
                let texts = operands.iter().map(|operand| self.expression(source, operand));
                let texts = texts.collect::<Result<Vec<_>>>()?;
                let types: Vec<_> = operands.iter().map(|operand| &operand.ty).collect();
                self.dialect.call(*function, &texts, &types, ty)
            }
            Node::Case(branches, otherwise) => {
                let mut text = "CASE".to_owned();
                for (condition, value) in branches {
                    let _ = write!(text, " WHEN {}", self.expression(source, condition)?);
                    let _ = write!(text, " THEN {}", self.expression(source, value)?);
                }
                let _ = write!(text, " ELSE {} END", self.expression(source, otherwise)?);
                text
            }
        })
    }
}

/// What the names of our columns begin with: no column of the table is called so.
fn prefix(table: &TableSchema) -> String {
    let mut prefix = "r".to_owned();
    while table.columns.iter().any(|column| column.name.to_lowercase().starts_with(&prefix) && has_digit(&column.name))
    {
        prefix.push('_');
    }
    prefix
}

fn has_digit(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_digit())
}

fn groups_by_made_text(level: &Level) -> bool {
    let mut keys = level.group.iter().flatten().map(|&at| &level.outputs[at].column);
    keys.any(|key| key.ty.is_text() && key.origin.is_none())
}

/// The outputs of a level as the table that the next one reads.
fn renamed(table: &TableSchema, level: &Level, aliases: &[String]) -> TableSchema {
    let columns = level.outputs.iter().zip(aliases).map(|(output, alias)| ColumnSchema {
        name: alias.clone(),
        ty: output.column.ty.clone(),
        nullable: output.column.nullable,
        default: None,
        role: Role::Field,
    });
    TableSchema { columns: columns.collect(), ..table.clone() }
}
