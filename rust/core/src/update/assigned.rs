//! The operators that one expression says on every database, with the same outcome as in memory.

use super::{BitOperation, Change, Push, Update, apply::time_of};
use crate::error::Result;
use crate::filter::{Bits, Comparison, Filter};
use crate::plan::Assignment;
use crate::schema::TableSchema;
use crate::types::{LogicalType, pow10};
use crate::value::Value;

/// Digits of a whole factor with which no product of decimals has more than MariaDB's 65.
const FACTOR_DIGITS: u8 = 18;

impl Change {
    /// Whether its result may be outside what the column holds.
    pub const fn is_arithmetic(&self) -> bool {
        matches!(self, Change::Add(_) | Change::Multiply { .. })
    }

    /// Whether a statement can say it: the sum and the product of floats have no exact condition that they change
    /// something, a product of decimals may have too many places, and of lists only their end can be written.
    fn is_stated(&self, ty: &LogicalType) -> bool {
        match self {
            Change::Unset | Change::CurrentDate | Change::Bits(..) => true,
            Change::Least(_) | Change::Greatest(_) => !matches!(ty, LogicalType::Json | LogicalType::List { .. }),
            Change::Add(_) => *ty != LogicalType::Float,
            Change::Multiply { factor: Value::Int(_), .. } => true,
            Change::Multiply { factor: Value::Decimal(factor), scale: 0 } => {
                factor.unsigned_abs() < pow10(FACTOR_DIGITS).unsigned_abs()
            }
            Change::Push(push) => matches!(ty, LogicalType::List { .. }) && push.is_plain(),
            Change::AddToSet(items) => matches!(ty, LogicalType::List { .. }) && items.len() == 1,
            _ => false,
        }
    }

    /// The rows whose column changes by it.
    fn differs(&self, column: usize, now: &Value<'static>) -> Filter {
        let everything = || Filter::And(Vec::new());
        let not = |filter| Filter::Not(Box::new(filter));
        let compare = |comparison, value: &Value<'static>| Filter::Compare { column, comparison, value: value.clone() };
        let is_null = Filter::IsNull { column };
        match self {
            Change::Unset => not(is_null),
            Change::CurrentDate => not(Filter::equal(column, now.clone())),
            Change::Add(Value::Int(0) | Value::Decimal(0)) => is_null,
            Change::Multiply { factor: Value::Int(1) | Value::Decimal(1), .. } => is_null,
            Change::Multiply { factor: Value::Int(_), .. } => not(compare(Comparison::Equal, &Value::Int(0))),
            Change::Multiply { .. } => not(compare(Comparison::Equal, &Value::Decimal(0))),
            Change::Least(value) => not(compare(Comparison::LessOrEqual, value)),
            Change::Greatest(value) => not(compare(Comparison::GreaterOrEqual, value)),
            Change::Bits(BitOperation::Xor, 0) => is_null,
            Change::Bits(BitOperation::And, mask) => {
                Filter::Or(vec![is_null, Filter::Bits { column, bits: Bits::AnySet, mask: !mask }])
            }
            Change::Bits(BitOperation::Or, mask) => {
                Filter::Or(vec![is_null, Filter::Bits { column, bits: Bits::AnyClear, mask: *mask }])
            }
            Change::AddToSet(items) => not(Filter::Has { column, values: items.clone() }),
            _ => everything(),
        }
    }
}

impl Push {
    /// Whether items come behind the others, and nothing else happens.
    const fn is_plain(&self) -> bool {
        let Push { items, position, sort, slice } = self;
        !items.is_empty() && position.is_none() && sort.is_none() && slice.is_none()
    }
}

impl Update {
    /// Each column's assignment and the rows in which it changes something; None where a statement cannot say all of it.
    ///
    /// # Errors
    /// `Internal` for an operator on a column that it is not for.
    pub fn assignments(&self, table: &TableSchema, now: i64) -> Result<Option<Vec<(usize, Assignment, Filter)>>> {
        let stated = |column: usize, keys: &[String], change: &Change| {
            keys.is_empty() && change.is_stated(&table.columns[column].ty)
        };
        if !self.steps.iter().all(|step| stated(step.column, &step.keys, &step.change)) {
            return Ok(None);
        }
        let mut assignments = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let time = match step.change {
                Change::CurrentDate => time_of(&table.columns[step.column].ty, now)?,
                _ => Value::Null,
            };
            let differs = step.change.differs(step.column, &time);
            let assignment = match &step.change {
                Change::Unset => Assignment::Value(Value::Null),
                Change::CurrentDate => Assignment::Value(time),
                change => Assignment::Change(change.clone()),
            };
            assignments.push((step.column, assignment, differs));
        }
        Ok(Some(assignments))
    }
}
