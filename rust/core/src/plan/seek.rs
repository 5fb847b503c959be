//! A place in an order, and the condition that a row stands behind it.

use super::Order;
use crate::error::{Error, Result};
use crate::filter::{Comparison, Filter};
use crate::schema::TableSchema;
use crate::value::Value;

/// A place in an order: that of a row, which need not be there any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Seek {
    /// One value for each column of the order.
    pub values: Vec<Value<'static>>,
    /// Whether the row at the place is wanted too.
    pub inclusive: bool,
}

/// The order from its end. Null stays the smallest value, so that its place is turned round with all others.
pub fn reversed(order: &[Order]) -> Vec<Order> {
    order.iter().map(|&Order { column, descending }| Order { column, descending: !descending }).collect()
}

impl Seek {
    /// Rows of the order from this place on: `a > 1 OR (a = 1 AND b < 2) OR …`.
    ///
    /// What the first column must be stands before it once more: no optimiser takes a range of an index out of an OR
    /// over several columns on every database, but all of them take it from a condition of its own.
    ///
    /// # Errors
    /// `Internal` when the values are not those of the order.
    pub fn filter(&self, table: &TableSchema, order: &[Order]) -> Result<Filter> {
        if order.len() != self.values.len() || order.is_empty() {
            return Err(Error::internal("a place that is not in the order it is looked for"));
        }
        let places: Vec<Place<'_>> = order
            .iter()
            .zip(&self.values)
            .map(|(&order, value)| Place { order, value, nullable: table.columns[order.column].nullable })
            .collect();
        let mut ways: Vec<Filter> = Vec::with_capacity(places.len() + 1);
        let mut equal: Vec<Filter> = Vec::with_capacity(places.len());
        for place in &places {
            if let Some(behind) = place.behind() {
                let parts: Vec<Filter> = equal.iter().cloned().chain([behind]).collect();
                ways.push(single(parts, Filter::And));
            }
            equal.push(place.equal());
        }
        if self.inclusive {
            ways.push(single(equal, Filter::And));
        }
        let several = ways.len() > 1;
        let rows = single(ways, Filter::Or);
        Ok(match places[0].not_before().filter(|_| several) {
            Some(bound) => Filter::And(vec![bound, rows]),
            None => rows,
        })
    }
}

/// A column of the order and its value at the place.
struct Place<'s> {
    order: Order,
    value: &'s Value<'static>,
    nullable: bool,
}

impl Place<'_> {
    fn equal(&self) -> Filter {
        Filter::equal(self.order.column, self.value.clone())
    }

    /// None where nothing comes behind.
    fn behind(&self) -> Option<Filter> {
        let column = self.order.column;
        match (self.value, self.order.descending) {
            (Value::Null, true) => None,
            (Value::Null, false) => Some(Filter::Not(Box::new(Filter::IsNull { column }))),
            (_, false) => Some(self.compare(Comparison::Greater)),
            (_, true) => Some(self.or_null(self.compare(Comparison::Less))),
        }
    }

    /// None where every row is that far.
    fn not_before(&self) -> Option<Filter> {
        let column = self.order.column;
        match (self.value, self.order.descending) {
            (Value::Null, true) => Some(Filter::IsNull { column }),
            (Value::Null, false) => None,
            (_, false) => Some(self.compare(Comparison::GreaterOrEqual)),
            (_, true) => Some(self.or_null(self.compare(Comparison::LessOrEqual))),
        }
    }

    fn compare(&self, comparison: Comparison) -> Filter {
        Filter::Compare { column: self.order.column, comparison, value: self.value.clone() }
    }

    fn or_null(&self, filter: Filter) -> Filter {
        let null = Filter::IsNull { column: self.order.column };
        if self.nullable { Filter::Or(vec![filter, null]) } else { filter }
    }
}

fn single(mut parts: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::filter::{Row, matches};
    use crate::schema::tests::product;

    /// The columns `price`, `qty` and `id` of a row.
    struct Found([Option<i64>; 3]);

    const COLUMNS: [usize; 3] = [2, 3, 0];

    impl Row for Found {
        fn value(&self, column: usize) -> Result<Value<'_>> {
            let at = COLUMNS.iter().position(|&known| known == column).unwrap();
            Ok(value(column, self.0[at]))
        }
    }

    fn value(column: usize, number: Option<i64>) -> Value<'static> {
        match number {
            None => Value::Null,
            Some(number) if column == 2 => Value::Decimal(i128::from(number)),
            Some(number) => Value::Int(number),
        }
    }

    /// None is the smallest Option.
    fn compare(order: &[Order], a: &Found, b: &Found) -> Ordering {
        let columns = order.iter().enumerate().map(|(at, order)| {
            let found = a.0[at].cmp(&b.0[at]);
            if order.descending { found.reverse() } else { found }
        });
        columns.fold(Ordering::Equal, Ordering::then)
    }

    #[test]
    fn the_rows_from_a_place_on_are_those_of_the_order() {
        let table = product(false);
        let numbers = [None, Some(1), Some(2)];
        let rows: Vec<[Option<i64>; 3]> =
            numbers.iter().flat_map(|&a| numbers.map(|b| [a, b, Some(7)])).chain([[Some(1), None, Some(8)]]).collect();
        let mut looked = 0;
        for directions in 0..8 {
            let order: Vec<Order> =
                (0..3).map(|at| Order { column: COLUMNS[at], descending: directions >> at & 1 == 1 }).collect();
            for (place, inclusive) in rows.iter().flat_map(|row| [(row, false), (row, true)]) {
                let values = (0..3).map(|at| value(COLUMNS[at], place[at])).collect();
                let filter = Seek { values, inclusive }.filter(&table, &order).unwrap();
                for row in &rows {
                    let found = compare(&order, &Found(*row), &Found(*place));
                    let expected = found.is_gt() || (inclusive && found.is_eq());
                    assert_eq!(matches(&filter, &Found(*row)).unwrap(), expected, "{order:?} {place:?} {row:?}");
                    looked += 1;
                }
            }
        }
        assert_eq!(looked, 8 * 20 * 10);
    }

    #[test]
    fn values_of_another_order_are_refused() {
        let seek = Seek { values: vec![Value::Int(1)], inclusive: false };
        assert!(seek.filter(&product(false), &[]).is_err());
    }
}
