//! The levels as they grow: every stage is put into the last one, or into a new one behind it.

use std::sync::Arc;

use super::group::{Placed, Total};
use super::invalid;
use super::lookup::{Pending, Within, is_or_inside};
use super::used::use_needed;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Rules;
use crate::pipeline::{Cell, Column, Expression, Level, MAX_LEVELS, Origin, Output, Pair, Pipeline};
use crate::plan::Order;
use crate::schema::{ColumnSchema, Models, Role, TableSchema};
use crate::types::{FloatRules, LogicalType};

pub(super) struct Builder<'t> {
    pub(super) table: &'t TableSchema,
    /// Those whose rows may be looked up; None where none may.
    pub models: Option<&'t Models>,
    pub floats: FloatRules,
    pub rules: &'t Rules,
    done: Vec<Level>,
    pub level: Level,
    /// Whose rows these are, where they are looked up.
    pub within: Option<Within>,
    pub pending: Vec<Pending>,
    /// Whether a `$sort` decides which row is the first.
    sorted: bool,
    /// Whether the rows are still those of the table.
    pub untouched: bool,
    /// Expressions so far.
    pub nodes: usize,
    /// Levels so far, those of lookups too.
    pub levels: usize,
    /// The models that were looked into so far.
    pub lookups: Vec<Arc<TableSchema>>,
    pub pairs: Vec<Pair>,
}

/// A column of a projected row.
pub(super) enum Projected {
    /// One that is visible, by its place.
    Kept(usize),
    /// On the visible ones.
    Computed(Expression),
}

impl<'t> Builder<'t> {
    /// `hidden` are columns that the caller does not know, none where it ends.
    pub fn new(
        table: &'t TableSchema,
        models: Option<&'t Models>,
        floats: FloatRules,
        rules: &'t Rules,
        hidden: &[bool],
    ) -> Self {
        let column = |(at, column): (usize, &ColumnSchema)| Column {
            name: column.name.clone(),
            ty: column.ty.clone(),
            nullable: column.nullable,
            origin: Some(Origin { lookup: 0, column: at, is_item: false, is_listed: false }),
        };
        let input = table.columns.iter().enumerate().map(column).collect();
        let level = Level::over(input, hidden, Vec::new(), table.key.clone());
        Builder {
            table,
            models,
            floats,
            rules,
            done: Vec::new(),
            level,
            within: None,
            pending: Vec::new(),
            sorted: false,
            untouched: true,
            nodes: 0,
            levels: 1,
            lookups: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// The outputs that the caller knows.
    pub fn visible(&self) -> Vec<usize> {
        (0..self.level.outputs.len()).filter(|&at| !self.level.outputs[at].hidden).collect()
    }

    /// The row as a table, for filters and names: its columns are those that the caller knows.
    pub fn row(&self) -> TableSchema {
        let column = |at: usize| {
            let Column { name, ty, nullable, .. } = self.level.outputs[at].column.clone();
            ColumnSchema { name, ty, nullable, default: None, role: Role::Field }
        };
        let columns = self.visible().into_iter().map(column).collect();
        let model = if self.untouched { self.table.model.clone() } else { "the row of the stages before".to_owned() };
        TableSchema { model, columns, key: Vec::new(), ..self.table.clone() }
    }

    /// The input that each visible column is; all of them are one in a plain level.
    pub fn inputs(&self) -> Result<Vec<usize>> {
        self.visible().into_iter().map(|at| self.input(at)).collect()
    }

    pub fn input(&self, output: usize) -> Result<usize> {
        let column = self.level.outputs[output].cell.as_column();
        column.ok_or_else(|| Error::internal("a computed column where a plain one was made"))
    }

    /// What follows can ask for the outputs by the names of columns, and before any limit.
    pub fn make_plain(&mut self) -> Result<()> {
        if self.level.is_cut() || !self.level.is_plain() { self.wrap() } else { Ok(()) }
    }

    pub fn check_levels(&self) -> Result<()> {
        if self.levels <= MAX_LEVELS {
            return Ok(());
        }
        let message = format!("the stages need more than {MAX_LEVELS} queries in one another");
        Err(Error::new(ErrorKind::LimitExceeded, message).hint("put stages of one kind together"))
    }

    /// No `$sort` decides any more which row is the first, and the rows are not those of the table.
    pub fn forget_order(&mut self) {
        (self.sorted, self.untouched) = (false, false);
    }

    /// Whether one more `$unwind` may come.
    pub fn check_unwinds(&self) -> Result<()> {
        let unwinds = self.done.iter().chain([&self.level]).filter(|level| level.unwind.is_some()).count();
        if unwinds < self.rules.max_unwinds {
            return Ok(());
        }
        let message = format!("a pipeline has at most {} $unwind here", self.rules.max_unwinds);
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }

    /// Begins a level that reads the last one; outputs keep their places.
    pub fn wrap(&mut self) -> Result<()> {
        self.levels += 1;
        self.check_levels()?;
        if self.level.is_cut() {
            self.level.complete_order();
        }
        let (input, hidden): (Vec<_>, Vec<_>) =
            self.level.outputs.iter().map(|output| (output.column.clone(), output.hidden)).unzip();
        let order = self.level.order.clone();
        if !self.level.is_cut() {
            self.level.order.clear();
        }
        let next = Level::over(input, &hidden, order, self.level.identity.clone());
        self.done.push(std::mem::replace(&mut self.level, next));
        Ok(())
    }

    /// Sorts by visible columns.
    pub fn sort(&mut self, order: &[Order]) -> Result<()> {
        let visible = self.visible();
        let outputs = order.iter().map(|order| &self.level.outputs[visible[order.column]]);
        // What guards an order by long values takes no totals.
        let by_long_total = self.level.group.is_some()
            && outputs.into_iter().any(|output| {
                let is_long = output.column.ty.is_text() || output.column.ty == LogicalType::Bytes;
                is_long && output.cell.as_column().is_none()
            });
        if self.level.is_cut() || by_long_total {
            self.wrap()?;
        }
        self.level.order = order.iter().map(|order| Order { column: visible[order.column], ..*order }).collect();
        self.level.complete_order();
        self.sorted = true;
        Ok(())
    }

    pub fn limit(&mut self, count: u64) -> Result<()> {
        if let Some(within) = self.within {
            return self.cut_within(within, 0, Some(count));
        }
        self.level.complete_order();
        self.level.limit = Some(self.level.limit.map_or(count, |limit| limit.min(count)));
        Ok(())
    }

    /// Of rows that are limited already fewer are left.
    pub fn skip(&mut self, count: u64) -> Result<()> {
        if let Some(within) = self.within {
            return self.cut_within(within, count, None);
        }
        if count > 0 {
            self.level.complete_order();
            self.level.offset = self.level.offset.saturating_add(count).min(i64::MAX.unsigned_abs());
            self.level.limit = self.level.limit.map(|limit| limit.saturating_sub(count));
        }
        Ok(())
    }

    /// As many rows as there are, or `count` of them by chance; they come in the order of their keys.
    pub fn sample(&mut self, count: u64) -> Result<()> {
        if self.level.is_cut() {
            self.wrap()?;
        }
        self.level.order.clear();
        (self.level.limit, self.level.sampled, self.sorted) = (Some(count), true, false);
        self.wrap()
    }

    /// Gives the row other columns. Those before stay where the order needs them.
    pub fn project(&mut self, columns: Vec<(String, Projected)>) -> Result<()> {
        if columns.is_empty() {
            return Err(invalid("no column is left"));
        }
        for (name, _) in &columns {
            if columns.iter().filter(|(other, _)| is_or_inside(other, name)).nth(1).is_some() {
                return Err(invalid(format!("`{name}` is there twice, or is one column and has others inside")));
            }
        }
        let visible = self.visible();
        let column_of = |expression: &Expression| expression.as_column().map(|at| visible[at]);
        let computes = |(_, projected): &(String, Projected)| match projected {
            Projected::Kept(_) => false,
            Projected::Computed(expression) => column_of(expression).is_none(),
        };
        if columns.iter().any(computes) && !self.level.is_plain() {
            self.wrap()?;
        }
        let before = self.level.outputs.len();
        let mut moved: Vec<usize> = (0..before).collect();
        for (name, projected) in columns {
            let kept = match &projected {
                Projected::Kept(at) => Some(visible[*at]),
                Projected::Computed(expression) => column_of(expression),
            };
            let at = self.level.outputs.len();
            let output = match (kept, projected) {
                (Some(kept), _) => {
                    moved[kept] = at;
                    let Output { column, cell, .. } = self.level.outputs[kept].clone();
                    Output::new(Column { name, ..column }, cell)
                }
                (None, Projected::Computed(mut expression)) => {
                    expression.rename(&visible.iter().map(|&at| self.input(at)).collect::<Result<Vec<_>>>()?);
                    Output::new(computed(name, &expression), Cell::Value(expression))
                }
                (None, Projected::Kept(_)) => return Err(Error::internal("a column that is kept and not there")),
            };
            self.level.outputs.push(output);
        }
        self.level.outputs[..before].iter_mut().for_each(|output| output.hidden = true);
        let level = &mut self.level;
        level.order.iter_mut().for_each(|order| order.column = moved[order.column]);
        level.identity.iter_mut().chain(level.group.iter_mut().flatten()).for_each(|at| *at = moved[*at]);
        self.untouched = false;
        Ok(())
    }

    /// Puts rows with the same keys into one; keys and totals are on the visible columns.
    pub fn group(&mut self, keys: Vec<(String, Expression)>, totals: Vec<(String, Total)>) -> Result<()> {
        self.make_plain()?;
        let visible = self.visible();
        let (keys, totals) = self.compute_first(&visible, keys, totals)?;
        let places = self.place_first(&keys, &totals)?;
        let inputs = visible.iter().map(|&at| self.input(at)).collect::<Result<Vec<_>>>()?;
        let mut outputs = Vec::with_capacity(keys.len() + totals.len());
        for (name, key) in keys {
            let (column, input) = (self.level.outputs[key].column.clone(), self.input(key)?);
            let value = Expression::column(input, column.ty.clone(), column.nullable);
            outputs.push(Output::new(Column { name, ..column }, Cell::Value(value)));
        }
        let grouped: Vec<usize> = (0..outputs.len()).collect();
        for ((name, mut total), placed) in totals.into_iter().zip(places) {
            total.rename(&inputs);
            let origin = total.picked().and_then(|at| self.level.input[at].origin);
            let origin = origin.map(|origin| Origin { is_listed: total.is_list(), ..origin });
            let column = Column { name, origin, ..total.column() };
            outputs.push(Output::new(column, total.into_cell(&placed)?));
        }
        let level = &mut self.level;
        (level.outputs, level.identity, level.group) = (outputs, grouped.clone(), Some(grouped));
        level.order.clear();
        (self.sorted, self.untouched) = (false, false);
        Ok(())
    }

    /// Keys that are no columns, and operands of totals that SQL names more than once, become columns of a level before.
    /// Gives the keys as outputs.
    #[expect(clippy::type_complexity, reason = "the two lists of the group, changed")]
    fn compute_first(
        &mut self,
        visible: &[usize],
        keys: Vec<(String, Expression)>,
        mut totals: Vec<(String, Total)>,
    ) -> Result<(Vec<(String, usize)>, Vec<(String, Total)>)> {
        let inputs = self.inputs()?;
        let before = self.level.outputs.len();
        let mut hide = |expression: &Expression| {
            let mut expression = expression.clone();
            expression.rename(&inputs);
            let column = computed(String::new(), &expression);
            self.level.outputs.push(Output::hidden(column, Cell::Value(expression)));
            self.level.outputs.len() - 1
        };
        let place = |(name, key): (String, Expression)| {
            let at = key.as_column().map_or_else(|| hide(&key), |at| visible[at]);
            (name, at)
        };
        let keys: Vec<_> = keys.into_iter().map(place).collect();
        let mut hidden = Vec::new();
        for (at, (_, total)) in totals.iter().enumerate() {
            if let Some(of) = total.named_operand()
                && of.as_column().is_none()
            {
                hidden.push((at, hide(of)));
            }
        }
        if self.level.outputs.len() > before {
            self.wrap()?;
        }
        for (at, output) in hidden {
            totals[at].1.set_hoisted(output);
        }
        Ok((keys, totals))
    }

    /// Rows get their places within their group where totals ask: for each total the columns that hold them.
    fn place_first(&mut self, keys: &[(String, usize)], totals: &[(String, Total)]) -> Result<Vec<Placed>> {
        let from_start = |total: &Total| matches!(total, Total::First(_) | Total::Pushed(_));
        let first = totals.iter().find(|(_, total)| from_start(total));
        let last = totals.iter().find(|(_, total)| matches!(total, Total::Last(_)));
        if let Some((name, _)) = first.or(last)
            && !self.sorted
        {
            let error = invalid("which row is the first or the last is decided by a `$sort` before");
            return Err(error.hint("put {\"$sort\": {…}} before the $group").path(name.clone()));
        }
        // Items of lists came between since.
        self.level.complete_order();
        let partition = keys.iter().map(|&(_, key)| self.input(key)).collect::<Result<Vec<_>>>()?;
        let before = self.level.outputs.len();
        let sorted = |builder: &Self, descending: bool| {
            let order = |order: &Order| {
                Ok(Order { column: builder.input(order.column)?, descending: order.descending != descending })
            };
            builder.level.order.iter().map(order).collect::<Result<Vec<_>>>()
        };
        // All of them before the level that has them is no longer plain.
        let mut cells = Vec::new();
        let mut place = |partition: &[usize], order| {
            cells.push(Cell::Place { partition: partition.to_vec(), order });
            before + cells.len() - 1
        };
        let first = first.map(|_| sorted(self, false)).transpose()?.map(|order| place(&partition, order));
        let last = last.map(|_| sorted(self, true)).transpose()?.map(|order| place(&partition, order));
        let visible = self.visible();
        let mut places = Vec::with_capacity(totals.len());
        for (_, total) in totals {
            let mut placed = Placed { first, last, ..Placed::default() };
            if let Total::Distinct(of) = total {
                let at = of.as_column().ok_or_else(|| Error::internal("a set of what is no column"))?;
                let column = self.input(visible.get(at).copied().unwrap_or(at))?;
                let alike: Vec<usize> = partition.iter().copied().chain([column]).collect();
                placed.value = Some(place(&partition, vec![Order { column, descending: false }]));
                placed.once = Some(place(&alike, Vec::new()));
            }
            places.push(placed);
        }
        if !cells.is_empty() {
            for cell in cells {
                let column = Column { name: String::new(), ty: LogicalType::Int, nullable: false, origin: None };
                self.level.outputs.push(Output::hidden(column, cell));
            }
            self.wrap()?;
        }
        Ok(places)
    }

    /// Rows without an order come in that of their keys, and only what is asked for is read.
    pub fn finish(mut self) -> Pipeline {
        self.level.complete_order();
        let mut levels = self.done;
        levels.push(self.level);
        let last = levels.len() - 1;
        levels[last].outputs.iter_mut().for_each(|output| output.used = !output.hidden);
        use_needed(&mut levels);
        Pipeline { levels, lookups: self.lookups, pairs: self.pairs }
    }

    /// The columns of the table are those of a lookup.
    pub fn set_lookup(&mut self, lookup: usize) {
        let outputs = self.level.outputs.iter_mut().map(|output| &mut output.column);
        for column in self.level.input.iter_mut().chain(outputs) {
            column.origin = column.origin.map(|origin| Origin { lookup, ..origin });
        }
    }

    /// The levels with all that they have.
    pub fn into_levels(self) -> Vec<Level> {
        let mut levels = self.done;
        levels.push(self.level);
        levels
    }
}

fn computed(name: String, expression: &Expression) -> Column {
    Column { name, ty: expression.ty.clone(), nullable: expression.nullable, origin: None }
}
