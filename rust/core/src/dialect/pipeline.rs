//! A pipeline as one statement: a SELECT a level, all but the last in a WITH.
//!
//! Columns have the names of the table or ours, `r0_1`, never those that a caller made up. The tenant's predicate is in
//! each level that reads a table; the tenant is among what every group is made by, so that each row carries its
//! own to the proof at the end.

mod lookup;
mod union;
mod window;

use std::fmt::Write as _;

use super::condition::Place;
use super::statement::{Returned, Statement, Writer};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::pipeline::{Bound, Cell, Expression, Frame, Level, Node, Output, Pipeline, Unwind, Window};
use crate::plan::Selection;
use crate::schema::{ColumnSchema, Role, TENANT_COLUMN, TableSchema};
use crate::types::LogicalType;
use crate::value::Value;

/// What a level reads: the names of its columns, and itself.
struct Source {
    columns: Vec<String>,
    table: TableSchema,
    /// The column with the tenant of its rows, where they have one.
    tenant: Option<String>,
    text: String,
    /// Whether its rows, or those that they are made of, were put into an order, to be cut.
    is_ordered: bool,
}

/// What the levels of one model are called by.
struct Series {
    name: String,
    prefix: String,
}

impl Writer<'_> {
    pub(super) fn pipeline(mut self, table: &TableSchema, pipeline: &Pipeline) -> Result<Statement> {
        let series = Series { name: "s".to_owned(), prefix: prefix(table) };
        let mut source = self.whole(table);
        let last = pipeline.levels.len().saturating_sub(1);
        for (at, level) in pipeline.levels.iter().enumerate() {
            source = self.step(&source, level, &series, at, at == last)?;
        }
        let tenant = source.tenant.as_ref().map(|_| super::tenant_column());
        if tenant.is_some() {
            self.tenant = self.scope.and_then(|scope| scope.tenant.as_ref());
        }
        let tenant = tenant.map(|column| Returned { name: column.name, ty: column.ty, nullable: column.nullable });
        let outputs = pipeline.levels.iter().last().into_iter().flat_map(|level| &level.outputs);
        let columns = outputs.zip(source.table.columns).filter(|(output, _)| !output.hidden);
        let columns = columns.map(|(output, column)| Returned { ty: column.ty, ..output.column.returned() });
        Ok(self.finish(tenant.into_iter().chain(columns).collect()))
    }

    /// The table itself.
    fn whole(&self, table: &TableSchema) -> Source {
        Source {
            columns: table.columns.iter().map(|column| self.dialect.quote(&column.name)).collect(),
            table: table.clone(),
            tenant: self.tenant.map(|_| self.dialect.quote(TENANT_COLUMN)),
            text: self.dialect.qualified_table(table),
            is_ordered: false,
        }
    }

    /// Writes a level, which all but the last are queries with a name, and those that it is joined with before.
    fn step(&mut self, source: &Source, level: &Level, series: &Series, at: usize, is_last: bool) -> Result<Source> {
        let joined = level.join.as_ref().map(|join| self.joined(source, join)).transpose()?;
        let united = level.union.as_ref().map(|union| self.united(source, (level, union), series, at)).transpose()?;
        let read = joined.as_ref().or(united.as_ref()).unwrap_or(source);
        let nested = self.all_nested(united.as_ref().unwrap_or(source), level)?;
        let aliases: Vec<String> =
            (0..level.outputs.len()).map(|output| format!("{}{at}_{output}", series.prefix)).collect();
        let name = self.dialect.quote(&format!("{}{at}", series.name));
        if is_last {
            self.sql.push_str(if self.withs { " " } else { "" });
        } else {
            let _ = write!(self.sql, "{} {name} AS (", if self.withs { "," } else { "WITH" });
            self.withs = true;
        }
        self.level(read, level, &aliases, &nested, at == 0, is_last)?;
        self.sql.push_str(if is_last { "" } else { ")" });
        Ok(Source {
            columns: aliases.iter().map(|alias| self.dialect.quote(alias)).collect(),
            table: renamed(&read.table, level, &aliases, &nested),
            tenant: read.tenant.as_ref().map(|_| self.dialect.quote(TENANT_COLUMN)),
            text: name,
            is_ordered: read.is_ordered || level.limit.is_some() || level.offset > 0,
        })
    }

    fn level(
        &mut self,
        source: &Source,
        level: &Level,
        aliases: &[String],
        nested: &[Option<(String, LogicalType)>],
        reads_table: bool,
        is_last: bool,
    ) -> Result<()> {
        let unwind = level.unwind.as_ref().zip(aliases.first());
        let unwound = unwind.map(|(unwind, alias)| self.unwound(source, level, unwind, alias)).transpose()?;
        let source = unwound.as_ref().unwrap_or(source);
        self.sql.push_str("SELECT ");
        self.sql.push_str(source.tenant.as_deref().unwrap_or_default());
        let mut separator = if source.tenant.is_some() { ", " } else { "" };
        let outputs = level.outputs.iter().zip(aliases).zip(nested).filter(|((output, _), _)| output.used);
        for ((output, alias), nested) in outputs {
            let cell = match nested {
                Some((rows, _)) => rows.clone(),
                None => self.cell(source, output)?,
            };
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
        self.groups(source, level);
        if is_last || level.limit.is_some() || level.offset > 0 {
            self.ordered(source, level, aliases)?;
            self.cut(level.limit, level.offset);
        } else if self.dialect.fences_groups() && (groups_by_made_text(level) || has_windows(level)) {
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
        let (table, tenant) = (source.table.clone(), source.tenant.clone());
        Ok(Source { columns, text, table, tenant, is_ordered: source.is_ordered })
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
    fn groups(&mut self, source: &Source, level: &Level) {
        let Some(group) = &level.group else { return };
        let keys = group.iter().filter_map(|&at| level.outputs[at].cell.as_column());
        let keys = keys.map(|column| source.columns[column].as_str());
        let all: Vec<&str> = source.tenant.as_deref().into_iter().chain(keys).collect();
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
                self.dialect.sum(&operand, "", ty)
            }
            Cell::Average(of) => {
                let column = self.expression(source, of)?;
                self.dialect.average(&column, "", &of.ty, ty)
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
            Cell::Rows(_) => return Err(Error::internal("rows in a row that nobody wrote")),
            Cell::Listed { of, place, once } => {
                let value = self.expression(source, of)?;
                let once = once.map(|at| source.columns[at].as_str());
                self.dialect.listed(&value, &of.ty, &source.columns[*place], once)
            }
            Cell::Place { partition, order } => {
                format!("row_number(){}", self.over(source, partition, order, None))
            }
            Cell::Windowed { window, partition, order, frame } => {
                let over = self.over(source, partition, order, framed(window, *frame));
                self.window(source, window, &over, ty)?
            }
        })
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

/// Where rows have an order, the frame of each would end with it by itself.
fn framed(window: &Window, frame: Option<Frame>) -> Option<Frame> {
    let whole = Frame { from: Bound::Unbounded, to: Bound::Unbounded };
    frame.or_else(|| matches!(window, Window::First(_) | Window::Last(_)).then_some(whole))
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

fn has_windows(level: &Level) -> bool {
    level.outputs.iter().any(|output| output.used && matches!(output.cell, Cell::Windowed { .. }))
}

/// The outputs of a level as the table that the next one reads; rows in rows tell of their tenant.
fn renamed(
    source: &TableSchema,
    level: &Level,
    aliases: &[String],
    nested: &[Option<(String, LogicalType)>],
) -> TableSchema {
    let ty = |output: &Output, nested: &Option<(String, LogicalType)>| match (nested, output.cell.as_column()) {
        (Some((_, ty)), _) => ty.clone(),
        (None, Some(input)) if matches!(output.column.ty, LogicalType::Rows(_)) => {
            source.columns.get(input).map_or_else(|| output.column.ty.clone(), |column| column.ty.clone())
        }
        _ => output.column.ty.clone(),
    };
    let columns = level.outputs.iter().zip(aliases).zip(nested).map(|((output, alias), nested)| ColumnSchema {
        name: alias.clone(),
        ty: ty(output, nested),
        nullable: output.column.nullable,
        default: None,
        role: Role::Field,
    });
    TableSchema { columns: columns.collect(), ..source.clone() }
}
