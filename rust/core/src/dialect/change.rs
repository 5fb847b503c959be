//! What the operators of an update make of a column, as an expression on it.

use std::fmt::Write as _;

use super::condition::Place;
use super::statement::Writer;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::update::{BitOperation, Change};
use crate::value::Value;

/// A factor of decimals has no places of its own here.
const WHOLE: LogicalType = LogicalType::Decimal { precision: 38, scale: 0 };

impl Writer<'_> {
    /// # Errors
    /// `Internal` for an operator that is not said in a statement.
    pub(super) fn changed(&mut self, table: &TableSchema, at: usize, change: &Change) -> Result<()> {
        let column = &table.columns[at];
        let ty = &column.ty;
        let name = self.dialect.quote(&column.name);
        let expression = match change {
            Change::Add(amount) => {
                let amount = self.placeholder(ty, amount.clone());
                self.dialect.plus(ty, &name, &amount)
            }
            Change::Multiply { factor, scale: 0 } => {
                let of = if matches!(factor, Value::Decimal(_)) { &WHOLE } else { ty };
                let factor = self.placeholder(of, factor.clone());
                self.dialect.times(ty, &name, &factor)
            }
            // LEAST and GREATEST differ in what they make of null.
            Change::Least(value) => self.chosen(ty, &name, "<=", value),
            Change::Greatest(value) => self.chosen(ty, &name, ">=", value),
            Change::Bits(operation, mask) => {
                let stored = format!("coalesce({name}, 0)");
                let mut mask = || self.placeholder(ty, Value::Int(*mask));
                match operation {
                    BitOperation::Xor => {
                        // Not every database has a sign for it.
                        let (all, both) = (mask(), mask());
                        self.dialect.bits(&format!("({stored} | {all}) & ~({stored} & {both})"))
                    }
                    BitOperation::And => {
                        let mask = mask();
                        self.dialect.bits(&format!("{stored} & {mask}"))
                    }
                    BitOperation::Or => {
                        let mask = mask();
                        self.dialect.bits(&format!("{stored} | {mask}"))
                    }
                }
            }
            Change::Push(push) => self.appended(ty, &name, &push.items)?,
            Change::AddToSet(items) => {
                self.sql.push_str("CASE WHEN ");
                self.filter(Place::Table(table), &Filter::Has { column: at, values: items.clone() })?;
                let _ = write!(self.sql, " THEN {name} ELSE ");
                format!("{} END", self.appended(ty, &name, items)?)
            }
            _ => return Err(Error::internal("an operator that no statement says")),
        };
        let _ = write!(self.sql, "{expression}");
        Ok(())
    }

    /// A list with items behind the others.
    fn appended(&mut self, ty: &LogicalType, name: &str, items: &[Value<'static>]) -> Result<String> {
        let operands = self.dialect.append_operands(ty, items)?;
        let operands: Vec<_> = operands.into_iter().map(|(ty, value)| self.placeholder(&ty, value)).collect();
        Ok(self.dialect.appended(name, &operands))
    }

    /// The column where it compares so with the value, and otherwise, null too, the value.
    fn chosen(&mut self, ty: &LogicalType, name: &str, sign: &str, value: &Value<'static>) -> String {
        let (compared, taken) = (self.placeholder(ty, value.clone()), self.placeholder(ty, value.clone()));
        format!("CASE WHEN {name} {sign} {compared} THEN {name} ELSE {taken} END")
    }
}
