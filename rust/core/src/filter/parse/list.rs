//! Conditions on lists. A scalar means an item, a list the whole list or all of its items.

use super::{Parser, invalid, list_of};
use crate::error::Result;
use crate::filter::{Comparison, Filter};
use crate::types::{LogicalType, check_item, null_item};
use crate::value::{Raw, Value};

impl Parser<'_> {
    pub(super) fn list_equals(&self, column: usize, item: &LogicalType, raw: Raw<'_>) -> Result<Filter> {
        match raw {
            Raw::Null => Ok(Filter::IsNull { column }),
            Raw::List(items) => {
                let value = Value::List(self.items(item, items)?);
                Ok(Filter::Compare { column, comparison: Comparison::Equal, value })
            }
            raw => Ok(Filter::Has { column, values: vec![self.item(item, raw)?] }),
        }
    }

    /// One of the items at least; None stands for no list.
    pub(super) fn list_has_any(&self, column: usize, item: &LogicalType, raw: Raw<'_>) -> Result<Filter> {
        let (mut values, mut null) = (Vec::new(), false);
        for (at, raw) in list_of(raw)?.into_iter().enumerate() {
            match raw {
                Raw::Null => null = true,
                raw => values.push(self.item(item, raw).map_err(|error| error.within(&format!("[{at}]")))?),
            }
        }
        let has = Filter::Has { column, values };
        Ok(match (&has, null) {
            (Filter::Has { values, .. }, null) if values.is_empty() => Filter::In { column, values: Vec::new(), null },
            (_, true) => Filter::Or(vec![Filter::IsNull { column }, has]),
            _ => has,
        })
    }

    /// A scalar: it is in the list. A list: all of its items are.
    pub(super) fn list_contains(
        &mut self,
        column: usize,
        item: &LogicalType,
        raw: Raw<'_>,
        depth: usize,
    ) -> Result<Filter> {
        let raws = match raw {
            Raw::Null => return Err(invalid("$contains takes an item or a list of items, got None")),
            Raw::List(raws) => raws,
            raw => return self.item(item, raw).map(|value| Filter::Has { column, values: vec![value] }),
        };
        let mut all = vec![Filter::Not(Box::new(Filter::IsNull { column }))];
        for value in self.items(item, raws)? {
            self.count(depth)?;
            self.leaf()?;
            all.push(Filter::Has { column, values: vec![value] });
        }
        Ok(Filter::And(all))
    }

    fn items(&self, item: &LogicalType, raws: Vec<Raw<'_>>) -> Result<Vec<Value<'static>>> {
        let each = raws.into_iter().enumerate();
        each.map(|(at, raw)| self.item(item, raw).map_err(|error| error.within(&format!("[{at}]")))).collect()
    }

    fn item(&self, item: &LogicalType, raw: Raw<'_>) -> Result<Value<'static>> {
        match self.accept(item, raw)? {
            Value::Null => Err(null_item()),
            Value::Float(value) => check_item(value).map(Value::Float),
            value => Ok(value),
        }
    }
}
