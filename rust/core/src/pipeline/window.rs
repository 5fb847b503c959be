//! Functions of the rows around a row.

use super::Expression;

/// What is told of them; the operands are columns.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    Rank,
    DenseRank,
    /// The row's own number, from 1.
    Number,
    /// The value of the row that lies so many rows behind, or before.
    Shift {
        of: Expression,
        by: i64,
    },
    Count,
    Sum(Expression),
    Average(Expression),
    Smallest(Expression),
    Largest(Expression),
    First(Expression),
    Last(Expression),
}

/// The rows of a partition from one to another; both are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub from: Bound,
    pub to: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The first row, or the last.
    Unbounded,
    /// So many rows behind this one, or before.
    Row(i64),
}

impl Window {
    pub const fn operand(&self) -> Option<&Expression> {
        match self {
            Window::Rank | Window::DenseRank | Window::Number | Window::Count => None,
            Window::Shift { of, .. } | Window::Sum(of) | Window::Average(of) | Window::Smallest(of) => Some(of),
            Window::Largest(of) | Window::First(of) | Window::Last(of) => Some(of),
        }
    }

    pub(super) const fn operand_mut(&mut self) -> Option<&mut Expression> {
        match self {
            Window::Rank | Window::DenseRank | Window::Number | Window::Count => None,
            Window::Shift { of, .. } | Window::Sum(of) | Window::Average(of) | Window::Smallest(of) => Some(of),
            Window::Largest(of) | Window::First(of) | Window::Last(of) => Some(of),
        }
    }
}
