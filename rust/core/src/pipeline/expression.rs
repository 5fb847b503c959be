//! Typed expressions on the columns of a level.

use crate::filter::Comparison;
use crate::types::LogicalType;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    pub node: Node,
    pub ty: LogicalType,
    pub nullable: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A column that the level reads.
    Column(usize),
    Literal(Value<'static>),
    Call(Function, Vec<Expression>),
    /// Conditions with their values, and the value where none is met.
    Case(Vec<(Expression, Expression)>, Box<Expression>),
}

/// What is done with operands that have the types it needs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Of two ints, two floats, or two decimals of one scale.
    Add,
    Subtract,
    /// Two ints, two floats, or two decimals; the scales of decimals are added.
    Multiply,
    /// Two floats; null for a division by zero.
    Divide,
    /// Two ints, with the sign of the first; null for a division by zero.
    Remainder,
    Absolute,
    Ceiling,
    Floor,
    /// An int or a decimal as the nearest float.
    ToFloat,
    /// An int or a decimal with so many zeros more behind the point.
    Scale(u8),
    Concat,
    /// Characters of a text.
    Length,
    /// `count` characters from `start`, which is counted from 0.
    Substring {
        start: u32,
        count: u32,
    },
    /// A text with its ASCII letters, and no others, large or small.
    Case {
        upper: bool,
    },
    /// Items of a list.
    Size,
    /// A text without the white space at its start and end.
    Trim {
        start: bool,
        end: bool,
    },
    /// A float without its fraction, or a decimal with so many places: towards zero.
    Cut(u8),
    /// The first operand that is not null.
    Coalesce,
    /// True or false: null equals null, and has no order.
    Compare(Comparison),
    And,
    Or,
    Not,
    /// A bool, where null is false.
    IsTrue,
    /// A part of a moment, in UTC where it has a zone.
    Part(Part),
    /// The moment at which the part began.
    Truncate(Part),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Part {
    pub const ALL: [Part; 6] = [Part::Year, Part::Month, Part::Day, Part::Hour, Part::Minute, Part::Second];

    pub const fn name(self) -> &'static str {
        match self {
            Part::Year => "year",
            Part::Month => "month",
            Part::Day => "day",
            Part::Hour => "hour",
            Part::Minute => "minute",
            Part::Second => "second",
        }
    }

    /// Whether values of the type have it.
    pub fn is_of(self, ty: &LogicalType) -> bool {
        match ty {
            LogicalType::Instant | LogicalType::WallTime => true,
            LogicalType::Date => self <= Part::Day,
            LogicalType::Time => self >= Part::Hour,
            _ => false,
        }
    }
}

impl Expression {
    pub fn column(at: usize, ty: LogicalType, nullable: bool) -> Self {
        Expression { node: Node::Column(at), ty, nullable }
    }

    pub fn literal(value: Value<'static>, ty: LogicalType) -> Self {
        let nullable = value == Value::Null;
        Expression { node: Node::Literal(value), ty, nullable }
    }

    pub fn call(function: Function, operands: Vec<Expression>, ty: LogicalType, nullable: bool) -> Self {
        Expression { node: Node::Call(function, operands), ty, nullable }
    }

    /// The column that it is and nothing more.
    pub fn as_column(&self) -> Option<usize> {
        match self.node {
            Node::Column(at) => Some(at),
            _ => None,
        }
    }

    /// Calls `see` with every column. The recursion is as deep as the parser allows.
    pub fn visit(&self, see: &mut dyn FnMut(usize)) {
        match &self.node {
            Node::Column(at) => see(*at),
            Node::Literal(_) => {}
            Node::Call(_, operands) => operands.iter().for_each(|operand| operand.visit(see)),
            Node::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    condition.visit(see);
                    value.visit(see);
                }
                otherwise.visit(see);
            }
        }
    }

    /// Has it name other columns: `columns[at]` for `at`.
    pub fn rename(&mut self, columns: &[usize]) {
        match &mut self.node {
            Node::Column(at) => *at = columns[*at],
            Node::Literal(_) => {}
            Node::Call(_, operands) => operands.iter_mut().for_each(|operand| operand.rename(columns)),
            Node::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    condition.rename(columns);
                    value.rename(columns);
                }
                otherwise.rename(columns);
            }
        }
    }
}
