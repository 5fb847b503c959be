//! One SELECT of a pipeline.

use std::sync::Arc;

use super::{Expression, Frame, Window};
use crate::filter::Filter;
use crate::plan::Order;
use crate::schema::TableSchema;
use crate::types::{LogicalType, Returned};

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As the caller knows it.
    pub name: String,
    pub ty: LogicalType,
    pub nullable: bool,
    pub origin: Option<Origin>,
}

impl Column {
    pub fn returned(&self) -> Returned {
        Returned { name: self.name.clone(), ty: self.ty.clone(), nullable: self.nullable }
    }
}

/// The column of a table whose values a column has, as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The number of the lookup whose table it is, from 1; 0 for the pipeline's own.
    pub lookup: usize,
    pub column: usize,
    /// Whether it has the items of its lists.
    pub is_item: bool,
    /// Whether it has lists of them, one of each group.
    pub is_listed: bool,
}

/// A row for each item of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Unwind {
    /// A column of the input, whose last two are an item and its place, from 0.
    pub list: usize,
    /// Whether a row without items stays, with null for both.
    pub keeps_empty: bool,
}

/// The rows of another model as `$lookup` asks for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    pub table: Arc<TableSchema>,
    /// The first reads the table; nothing that they do depends on how many rows there are.
    pub levels: Vec<Level>,
    /// The output of the last by which they are found.
    pub theirs: usize,
}

/// Rows of another model beside each row, those whose value equals the own one's. Null equals nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// The outputs of its last level are the last columns of the input.
    pub lookup: Lookup,
    /// A column of the input.
    pub own: usize,
    /// Whether a row without others stays, with null for all they have.
    pub keeps_empty: bool,
}

/// The rows of another model as one value, which [`LogicalType::Rows`] tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Nested {
    pub lookup: Lookup,
    /// A column of the input.
    pub own: usize,
    /// Of the outputs of its last level.
    pub order: Vec<Order>,
}

/// The rows of another model behind those of the level before.
#[derive(Clone, Debug, PartialEq)]
pub struct Union {
    pub table: Arc<TableSchema>,
    /// The first reads the table.
    pub levels: Vec<Level>,
    /// Those of the input.
    pub columns: Vec<United>,
}

/// The outputs that a column has on each side; null where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct United {
    pub ours: Option<usize>,
    pub theirs: Option<usize>,
    pub used: bool,
}

impl United {
    /// Whether it tells one side from the other.
    pub fn is_side(&self) -> bool {
        self.ours.or(self.theirs).is_none()
    }
}

/// Two columns that became one, whose values have to be read alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub name: String,
    pub sides: [Option<Origin>; 2],
}

/// SQL does it in this order: filters, groups, outputs, order, offset, limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The columns of the table, or the outputs of the level before.
    pub input: Vec<Column>,
    /// Done before anything else.
    pub join: Option<Join>,
    /// Done before anything else.
    pub union: Option<Union>,
    /// Done before anything else.
    pub unwind: Option<Unwind>,
    /// On the input; all must hold.
    pub filters: Vec<Filter>,
    pub outputs: Vec<Output>,
    /// The outputs by which rows are grouped; none of them: all rows are one group, unless there is no row.
    pub group: Option<Vec<usize>>,
    /// Of outputs.
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub offset: u64,
    /// Rows are limited by chance and in no order.
    pub sampled: bool,
    /// Outputs that no two rows share: they end every order.
    pub(super) identity: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub column: Column,
    pub cell: Cell,
    /// For the level after or the order, not for the caller.
    pub hidden: bool,
    /// Whether the level after, or the caller, takes it.
    pub used: bool,
}

/// Where the values of an output come from; in a level with groups all but those of its keys are totals.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Value(Expression),
    /// The number of a row within those that share `partition`, in an order; both of the input.
    Place {
        partition: Vec<usize>,
        order: Vec<Order>,
    },
    Count,
    Sum(Expression),
    /// Of a column.
    Average(Expression),
    /// The standard deviation of floats, from their mean or, of a sample, as it tells that of all.
    Deviation {
        of: Expression,
        is_sample: bool,
    },
    Smallest(Expression),
    Largest(Expression),
    Rows(Box<Nested>),
    /// The value of the row whose place, a column, is 1.
    At {
        place: usize,
        value: Expression,
    },
    /// Of the rows around a row, within those that share `partition`; without a frame of all of them.
    Windowed {
        window: Window,
        partition: Vec<usize>,
        order: Vec<Order>,
        frame: Option<Frame>,
    },
    /// The values that are not null as a list, in the order of a column; those only where another is 1.
    Listed {
        of: Expression,
        place: usize,
        once: Option<usize>,
    },
}

impl Cell {
    /// The column of the input that it is and nothing more.
    pub fn as_column(&self) -> Option<usize> {
        match self {
            Cell::Value(value) => value.as_column(),
            _ => None,
        }
    }

    fn visit(&self, see: &mut dyn FnMut(usize)) {
        match self {
            Cell::Count => {}
            Cell::Rows(nested) => see(nested.own),
            Cell::Place { partition, order } => {
                partition.iter().chain(order.iter().map(|order| &order.column)).for_each(|&at| see(at));
            }
            Cell::At { place, value } => {
                see(*place);
                value.visit(see);
            }
            Cell::Windowed { window, partition, order, .. } => {
                partition.iter().chain(order.iter().map(|order| &order.column)).for_each(|&at| see(at));
                window.operand().into_iter().for_each(|of| of.visit(see));
            }
            Cell::Listed { of, place, once } => {
                of.visit(see);
                [Some(*place), *once].into_iter().flatten().for_each(see);
            }
            Cell::Value(value)
            | Cell::Sum(value)
            | Cell::Average(value)
            | Cell::Deviation { of: value, .. }
            | Cell::Smallest(value)
            | Cell::Largest(value) => value.visit(see),
        }
    }
}

impl Output {
    pub(super) fn new(column: Column, cell: Cell) -> Self {
        Output { column, cell, hidden: false, used: true }
    }

    pub(super) fn hidden(column: Column, cell: Cell) -> Self {
        Output { hidden: true, ..Output::new(column, cell) }
    }
}

impl Level {
    /// All of the input, row by row. The order is carried on.
    pub(super) fn over(input: Vec<Column>, hidden: &[bool], order: Vec<Order>, identity: Vec<usize>) -> Self {
        let output = |(at, column): (usize, &Column)| {
            let value = Expression::column(at, column.ty.clone(), column.nullable);
            Output {
                hidden: hidden.get(at).copied().unwrap_or(false),
                ..Output::new(column.clone(), Cell::Value(value))
            }
        };
        let outputs = input.iter().enumerate().map(output).collect();
        Level {
            outputs,
            input,
            join: None,
            union: None,
            unwind: None,
            filters: Vec::new(),
            group: None,
            order,
            limit: None,
            offset: 0,
            sampled: false,
            identity,
        }
    }

    /// Whether each output is a column of what the level reads, by a name of its own.
    pub(super) fn is_plain(&self) -> bool {
        self.group.is_none()
            && self.unwind.is_none()
            && self.join.is_none()
            && self.outputs.iter().all(|output| output.cell.as_column().is_some())
    }

    /// The models that it looks into.
    pub fn lookups(&self) -> impl Iterator<Item = &Lookup> {
        let nested = self.outputs.iter().filter_map(|output| match &output.cell {
            Cell::Rows(nested) => Some(&nested.lookup),
            _ => None,
        });
        self.join.iter().map(|join| &join.lookup).chain(nested)
    }

    /// Whether it gives a part of its rows only: what SQL does before cannot follow it.
    pub(super) fn is_cut(&self) -> bool {
        self.limit.is_some() || self.offset > 0
    }

    /// Ends the order with what no two rows share.
    pub(super) fn complete_order(&mut self) {
        for &column in &self.identity {
            if !self.order.iter().any(|order| order.column == column) {
                self.order.push(Order { column, descending: false });
            }
        }
    }

    /// The columns of the input that it needs.
    pub(super) fn needs(&self) -> Vec<bool> {
        let mut needed = vec![false; self.input.len()];
        let grouped = self.group.iter().flatten().copied();
        let ordered = self.order.iter().map(|order| order.column);
        let inner: Vec<usize> = grouped.chain(ordered).collect();
        for (at, output) in self.outputs.iter().enumerate() {
            if output.used || inner.contains(&at) {
                output.cell.visit(&mut |column| needed[column] = true);
            }
        }
        if let Some(unwind) = &self.unwind {
            needed[unwind.list] = true;
        }
        if let Some(join) = &self.join {
            needed[join.own] = true;
        }
        for column in self.filters.iter().flat_map(Filter::columns) {
            needed[column] = true;
        }
        needed
    }
}
