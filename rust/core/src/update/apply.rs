//! What an update makes of stored rows, in memory: the meaning of every operator on every database.

use arrow_array::RecordBatch;

use super::{Change, Step, Update, json, list, number};
use crate::batch::{ColumnBuilder, Given, Presence, cell};
use crate::error::{Error, Result};
use crate::filter::{Comparison, compare_values};
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::Value;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

impl Update {
    /// The new values of stored rows, one given row for each: the values set, which are one row, and what the operators
    /// make of the stored ones at the time `now`. The rows have all columns of the table.
    ///
    /// # Errors
    /// `OutOfRange`, `TooManyDigits`, `WrongType` and the refusals of JSON, with the operator's path.
    pub fn resolve(&self, table: &TableSchema, set: &Given, stored: &RecordBatch, now: i64) -> Result<Given> {
        let rows = stored.num_rows();
        let given = set.take(&vec![0; rows])?;
        if self.is_empty() {
            return Ok(given);
        }
        let Given { batch, mut present } = given;
        let mut arrays = batch.columns().to_vec();
        for at in self.columns() {
            let ty = &table.columns[at].ty;
            let mut builder = ColumnBuilder::new(ty, rows);
            for row in 0..rows {
                let value = cell(ty, stored.column(at), row)?.into_owned();
                builder.append(&self.column_after(ty, at, value, now)?)?;
            }
            arrays[at] = builder.finish();
            present[at] = Presence::All;
        }
        Given::new(table, arrays, present, rows)
    }

    fn column_after(&self, ty: &LogicalType, at: usize, value: Value<'static>, now: i64) -> Result<Value<'static>> {
        self.steps
            .iter()
            .filter(|step| step.column == at)
            .try_fold(value, |value, step| step.of(ty, &value, now).map_err(|error| error.path(step.path.clone())))
    }
}

impl Step {
    fn of(&self, ty: &LogicalType, stored: &Value<'static>, now: i64) -> Result<Value<'static>> {
        if *ty == LogicalType::Json && (!self.keys.is_empty() || self.change.is_of_lists()) {
            return json::changed(stored, &self.keys, &self.change);
        }
        match &self.change {
            Change::Set(value) => Ok(value.clone()),
            Change::Unset => Ok(Value::Null),
            Change::Add(amount) => number::sum(ty, stored, amount),
            Change::Multiply { factor, scale } => number::multiply(ty, stored, factor, *scale),
            Change::Least(value) => chosen(stored, value, Comparison::LessOrEqual),
            Change::Greatest(value) => chosen(stored, value, Comparison::GreaterOrEqual),
            Change::Bits(operation, mask) => match stored {
                Value::Null => Ok(Value::Int(operation.of(0, *mask))),
                Value::Int(value) => Ok(Value::Int(operation.of(*value, *mask))),
                _ => Err(Error::internal("bits of a value that is no int")),
            },
            Change::CurrentDate => time_of(ty, now),
            change => {
                let items = match stored {
                    Value::Null => None,
                    Value::List(items) => Some(items.clone()),
                    _ => return Err(Error::internal("a list operator on a column without lists")),
                };
                Ok(list::changed(items, change)?.map_or(Value::Null, Value::List))
            }
        }
    }
}

/// The stored value where it compares so with the other one; a null never does.
fn chosen(stored: &Value<'static>, value: &Value<'static>, stays: Comparison) -> Result<Value<'static>> {
    let stored_stays = compare_values(stored, value)?.is_some_and(|order| stays.holds(order));
    Ok(if stored_stays { stored.clone() } else { value.clone() })
}

/// The time of the write in a column of a type.
pub(super) fn time_of(ty: &LogicalType, now: i64) -> Result<Value<'static>> {
    match ty {
        LogicalType::Instant => Ok(Value::Instant(now)),
        LogicalType::Date => {
            let day =
                i32::try_from(now.div_euclid(DAY_US)).map_err(|_| Error::internal("a day beyond the calendar"))?;
            Ok(Value::Date(day))
        }
        _ => Err(Error::internal("a column without time")),
    }
}

impl Change {
    pub(super) const fn is_of_lists(&self) -> bool {
        matches!(self, Change::Push(_) | Change::AddToSet(_) | Change::Pull(_) | Change::PullAll(_) | Change::Pop(_))
    }
}
