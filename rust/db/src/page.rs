//! Pages of a list: rows from a place in an order on, and the places around them.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;
use dataflow_core::batch::cell;
use dataflow_core::cursor::Direction;
use dataflow_core::plan::{Order, ReadPlan, Seek, reversed};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Result};

use crate::context::Context;
use crate::database::{Database, Table};

/// How many rows match, wherever the page begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    Unasked,
    /// Guessed by the database, where the page does not tell it and the database has a guess; else exact.
    Estimate,
    /// Counted in the statement of the page.
    Exact,
}

/// Where a page is, beside its plan.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// A cursor and the parameter it was given as; None for the first page.
    pub cursor: Option<(Direction, String)>,
    pub total: Total,
}

/// Rows in the order of the plan, and the cursors of the pages around them.
#[derive(Debug)]
pub struct Page {
    pub rows: RecordBatch,
    /// None at the end, and where there is no limit.
    pub next: Option<String>,
    /// None at the begin, and where there is no limit.
    pub previous: Option<String>,
    pub total: Option<i64>,
}

/// What is read for a page.
pub(crate) struct Asked {
    pub plan: ReadPlan,
    /// The place where it begins.
    from: Option<(Direction, Seek)>,
    /// Most rows of the page; None where it gets no cursors.
    limit: Option<u64>,
}

impl Database {
    /// One page of the rows of a plan, whose order ends with what tells its rows apart.
    ///
    /// # Errors
    /// `InvalidCursor` for a cursor of another list, `InvalidFilter` for one with an offset.
    pub async fn page(&self, table: &Table, plan: ReadPlan, options: PageOptions, context: &Context) -> Result<Page> {
        let Asked { plan: asked, from, limit } = self.ask_page(&plan, &options, context).await?;
        let exact = asked.total;
        let rows = match limit {
            Some(_) => self.read_beyond(table, asked, context).await?,
            None => self.read(table, asked, context).await?,
        };
        let (rows, counted) = if exact { split_total(rows)? } else { (rows, None) };
        let size = limit.map_or(rows.num_rows(), |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let more = rows.num_rows() > size;
        let is_all = from.is_none() && plan.offset == 0 && plan.limit != Some(0) && !more;
        let total = match (options.total, counted) {
            (Total::Unasked, _) => None,
            (_, Some(total)) => Some(total),
            _ if is_all => i64::try_from(rows.num_rows()).ok(),
            _ if exact => Some(self.total_of_none(table, &plan, context).await?),
            _ => self.estimate(table, &plan, context).await?,
        };
        let rows = rows.slice(0, rows.num_rows().min(size));
        let rows = if matches!(from, Some((Direction::Before, _))) { turned(&rows)? } else { rows };
        let [back, forth] = match limit {
            Some(_) => around(&plan, &rows, from.as_ref(), more)?,
            None => [None, None],
        };
        let places = [(Direction::Before, back), (Direction::After, forth)];
        let [previous, next] = self.seal(&plan, places, context).await?;
        let rows = project(&rows, &plan)?;
        Ok(Page { rows, next, previous, total })
    }

    /// What is read for a page.
    pub(crate) async fn ask_page(&self, plan: &ReadPlan, options: &PageOptions, context: &Context) -> Result<Asked> {
        let from = self.start(plan, options.cursor.as_ref(), context).await?;
        Ok(self.asked(plan, options.total, from))
    }

    /// What is read for a page that begins there, or at the first row.
    pub(crate) fn asked(&self, plan: &ReadPlan, total: Total, from: Option<(Direction, Seek)>) -> Asked {
        let mut asked = plan.clone();
        if let Some((direction, seek)) = &from {
            asked.seek = Some(seek.clone());
            if *direction == Direction::Before {
                asked.order = reversed(&plan.order);
            }
        }
        let limit = plan.limit.filter(|&limit| limit > 0);
        if limit.is_some() {
            // One row more tells whether there is another page.
            asked.limit = limit.map(|limit| limit.saturating_add(1).min(i64::MAX.unsigned_abs()));
        }
        asked.columns = plan.columns.as_ref().map(|columns| with_order(columns, &plan.order));
        asked.total = match total {
            Total::Unasked => false,
            Total::Exact => true,
            Total::Estimate => plan.distinct || !self.guesses(),
        };
        Asked { plan: asked, from, limit }
    }

    async fn start(
        &self,
        plan: &ReadPlan,
        cursor: Option<&(Direction, String)>,
        context: &Context,
    ) -> Result<Option<(Direction, Seek)>> {
        let Some((direction, cursor)) = cursor else { return Ok(None) };
        if plan.offset > 0 {
            return Err(Error::new(ErrorKind::InvalidFilter, "a page begins at a cursor or at an offset, not at both")
                .path("offset")
                .hint(format!("leave offset= out where {}= is given", direction.name())));
        }
        Ok(Some((*direction, self.unseal(plan, *direction, cursor, context).await?)))
    }

    /// How many rows match where the page has none: nobody tells it beside a row.
    async fn total_of_none(&self, table: &Table, plan: &ReadPlan, context: &Context) -> Result<i64> {
        // Any row, which tells it too; those that are distinct are counted by their columns.
        let columns = if plan.distinct { plan.columns.clone() } else { Some(plan.table.key.clone()) };
        let first = ReadPlan {
            columns,
            order: Vec::new(),
            limit: Some(1),
            offset: 0,
            total: true,
            include: Vec::new(),
            ..plan.clone()
        };
        let rows = self.read(table, first, context).await?;
        Ok(split_total(rows)?.1.unwrap_or(0))
    }
}

/// The places before and behind a page that has a limit; None where nothing comes there.
fn around(
    plan: &ReadPlan,
    rows: &RecordBatch,
    from: Option<&(Direction, Seek)>,
    more: bool,
) -> Result<[Option<Seek>; 2]> {
    let place = |row: usize| place(&plan.table, &plan.order, rows, row);
    let count = rows.num_rows();
    let (back, forth) = match from {
        None => (plan.offset > 0 && count > 0, more),
        Some((Direction::After, _)) => (true, more),
        Some((Direction::Before, _)) => (more, true),
    };
    if count == 0 {
        // The way back begins where this page does: with the row there if this page was without it.
        let here = from.map(|(_, seek)| Seek { values: seek.values.clone(), inclusive: !seek.inclusive });
        return Ok([here.clone().filter(|_| back), here.filter(|_| forth)]);
    }
    Ok([back.then(|| place(0)).transpose()?, forth.then(|| place(count - 1)).transpose()?])
}

/// The place of a row in an order.
pub(crate) fn place(table: &TableSchema, order: &[Order], rows: &RecordBatch, row: usize) -> Result<Seek> {
    let values = order.iter().map(|order| {
        let column = &table.columns[order.column];
        let array = rows.column_by_name(&column.name);
        let array = array.ok_or_else(|| Error::internal("a row without a column of its order"))?;
        Ok(cell(&column.ty, array, row)?.into_owned())
    });
    Ok(Seek { values: values.collect::<Result<_>>()?, inclusive: false })
}

/// The columns and those of an order, in the order of the table.
pub(crate) fn with_order(columns: &[usize], order: &[Order]) -> Vec<usize> {
    let mut all: Vec<usize> = columns.iter().copied().chain(order.iter().map(|order| order.column)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The rows from the last to the first.
fn turned(rows: &RecordBatch) -> Result<RecordBatch> {
    let places = UInt64Array::from_iter_values((0..rows.num_rows() as u64).rev());
    take_record_batch(rows, &places).map_err(internal)
}

/// The columns that were asked for, without those of the order.
pub(crate) fn project(rows: &RecordBatch, plan: &ReadPlan) -> Result<RecordBatch> {
    let Some(columns) = &plan.columns else { return Ok(rows.clone()) };
    let schema = rows.schema_ref();
    let own = columns.iter().map(|&column| &plan.table.columns[column].name);
    let names = own.chain(plan.include.iter().map(|include| &include.name));
    let places = names.map(|name| schema.index_of(name).map_err(internal));
    rows.project(&places.collect::<Result<Vec<_>>>()?).map_err(internal)
}

/// Takes the last column off, which tells the total; None where no row does.
fn split_total(rows: RecordBatch) -> Result<(RecordBatch, Option<i64>)> {
    let last = rows.num_columns().checked_sub(1).ok_or_else(|| Error::internal("rows without their total"))?;
    let totals = rows.column(last).as_primitive_opt::<Int64Type>();
    let totals = totals.ok_or_else(|| Error::internal("a total that is no number"))?;
    let total = totals.iter().next().flatten();
    let rest: Vec<usize> = (0..last).collect();
    Ok((rows.project(&rest).map_err(internal)?, total))
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}
