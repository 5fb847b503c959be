//! A filter on values in memory, with the meaning it has in SQL: two-valued, null equals only null.
//!
//! Text is compared by its UTF-8 bytes. NaN equals NaN and is the largest float, as PostgreSQL has it.

use std::cmp::Ordering;

use arrow_array::{Array, RecordBatch};

use super::json::{items, string, value_at};
use super::{Bits, Comparison, Filter, Found, JsonKind, Pattern};
use crate::batch::cell;
use crate::error::{Error, Result};
use crate::schema::{ColumnSchema, TableSchema};
use crate::types::LogicalType;
use crate::value::Value;

/// A row that is asked for the columns of a filter.
pub trait Row {
    /// The value of a column of the table, of the type the column has.
    ///
    /// # Errors
    /// `Internal` when the row does not have the column.
    fn value(&self, column: usize) -> Result<Value<'_>>;
}

/// Whether the row meets the filter. The recursion is as deep as the filter, which the parser bounds.
///
/// # Errors
/// `Internal` for a row that is not of the filter's table.
pub fn matches(filter: &Filter, row: &dyn Row) -> Result<bool> {
    match filter {
        Filter::And(parts) => all(parts, row, true),
        Filter::Or(parts) => all(parts, row, false).map(|none| !none),
        Filter::Not(inner) => matches(inner, row).map(|met| !met),
        Filter::IsNull { column } => Ok(row.value(*column)? == Value::Null),
        Filter::Compare { column, comparison, value } => {
            Ok(compare(&row.value(*column)?, value)?.is_some_and(|order| comparison.holds(order)))
        }
        Filter::In { column, values, null } => {
            let found = row.value(*column)?;
            if found == Value::Null {
                return Ok(*null);
            }
            for value in values {
                if compare(&found, value)? == Some(Ordering::Equal) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Filter::Match { column, pattern } => match row.value(*column)? {
            Value::Null => Ok(false),
            Value::Text(text) => pattern.is_match(&text),
            _ => Err(other_type()),
        },
        Filter::Fields { left, comparison, right } => {
            let (left, right) = (row.value(*left)?, row.value(*right)?);
            let both_null = left == Value::Null && right == Value::Null;
            Ok(match compare(&left, &right)? {
                Some(order) => comparison.holds(order),
                None => both_null && *comparison == Comparison::Equal,
            })
        }
        Filter::Modulo { column, divisor, remainder } => {
            Ok(int(row, *column)?.is_some_and(|value| value.wrapping_rem(*divisor) == *remainder))
        }
        Filter::Bits { column, bits, mask } => Ok(int(row, *column)?.is_some_and(|value| bits.are(value, *mask))),
        Filter::Size { column, size } => match row.value(*column)? {
            Value::Null => Ok(false),
            Value::List(items) => Ok(i64::try_from(items.len()) == Ok(*size)),
            _ => Err(other_type()),
        },
        Filter::Item { column, keys, filter } => match row.value(*column)? {
            Value::Null => Ok(false),
            Value::List(items) => any(items.into_iter(), filter),
            Value::Json(document) => match value_at(&document, keys) {
                Some(list) => any(items(list).map(|item| Value::Json(item.into())), filter),
                None => Ok(false),
            },
            _ => Err(other_type()),
        },
        Filter::Has { column, values } => match row.value(*column)? {
            Value::Null => Ok(false),
            Value::List(items) => Ok(values.iter().any(|value| items.iter().any(|item| item.same(value)))),
            _ => Err(other_type()),
        },
        Filter::Related { relation, .. } => match row.value(relation.own)? {
            Value::Null => Ok(false),
            _ => Err(Error::internal("other rows are not in memory")),
        },
        Filter::Json { column, keys, found } => match row.value(*column)? {
            Value::Null => Ok(false),
            Value::Json(document) => value_at(&document, keys).map_or(Ok(false), |value| found.is(value)),
            _ => Err(other_type()),
        },
    }
}

impl Found {
    fn is(&self, value: &str) -> Result<bool> {
        Ok(match self {
            Found::Any => true,
            Found::Kind(kind) => JsonKind::of(value) == *kind,
            Found::OneOf(texts) => texts.iter().any(|text| text == value),
            Found::Number(test) => test.is_met(value),
            Found::Text(comparison, wanted) => {
                string(value).is_some_and(|text| comparison.holds(text.as_bytes().cmp(wanted.as_bytes())))
            }
            Found::Match(pattern) => return string(value).map_or(Ok(false), |text| pattern.is_match(&text)),
            Found::Size(size) => value.starts_with('[') && i64::try_from(items(value).count()) == Ok(*size),
        })
    }
}

impl Pattern {
    fn is_match(&self, text: &str) -> Result<bool> {
        match self {
            Pattern::Like(like) => Ok(like.is_match(text)),
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Bits {
    const fn are(self, value: i64, mask: i64) -> bool {
        match self {
            Bits::AllSet => !value & mask == 0,
            Bits::AllClear => value & mask == 0,
            Bits::AnySet => value & mask != 0,
            Bits::AnyClear => !value & mask != 0,
        }
    }
}

/// An item, as the one column that a filter on items has.
struct ItemRow<'i>(Value<'i>);

impl Row for ItemRow<'_> {
    fn value(&self, _column: usize) -> Result<Value<'_>> {
        Ok(self.0.clone())
    }
}

/// Whether an item meets a filter on items.
///
/// # Errors
/// `Internal` for an item of another type.
pub(crate) fn item_matches(filter: &Filter, item: &Value<'_>) -> Result<bool> {
    matches(filter, &ItemRow(item.clone()))
}

fn any<'i>(mut items: impl Iterator<Item = Value<'i>>, filter: &Filter) -> Result<bool> {
    items.try_fold(false, |found, item| Ok(found || matches(filter, &ItemRow(item))?))
}

fn int(row: &dyn Row, column: usize) -> Result<Option<i64>> {
    match row.value(column)? {
        Value::Null => Ok(None),
        Value::Int(value) => Ok(Some(value)),
        _ => Err(other_type()),
    }
}

/// Whether each of `parts` is `expected`; ends at the first that is not.
fn all(parts: &[Filter], row: &dyn Row, expected: bool) -> Result<bool> {
    for part in parts {
        if matches(part, row)? != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two values of one column; None where one is null.
///
/// # Errors
/// `Internal` for values of different types.
pub(crate) fn compare(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>> {
    Ok(Some(match (a, b) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (Value::Instant(a), Value::Instant(b))
        | (Value::WallTime(a), Value::WallTime(b))
        | (Value::Time(a), Value::Time(b))
        | (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Json(a), Value::Json(b)) => a.cmp(b),
        // Lists are equal or not: no filter orders them.
        (Value::List(_), Value::List(_)) => {
            if a.same(b) {
                Ordering::Equal
            } else {
                Ordering::Less
            }
        }
        _ => return Err(other_type()),
    }))
}

fn other_type() -> Error {
    Error::internal("a filter met a value that is not of its column's type")
}

/// Rows of a batch in the table's own Arrow types.
pub struct BatchRows<'b> {
    /// By column of the table; None where the batch does not have it.
    columns: Vec<Option<Column<'b>>>,
}

struct Column<'b> {
    ty: &'b LogicalType,
    array: &'b dyn Array,
}

impl<'b> BatchRows<'b> {
    /// Columns are found by name, as [`crate::batch`] names them.
    ///
    /// # Errors
    /// `Internal` for a column that is not in its own Arrow type.
    pub fn new(table: &'b TableSchema, batch: &'b RecordBatch) -> Result<Self> {
        let mut columns = Vec::with_capacity(table.columns.len());
        for ColumnSchema { name, ty, .. } in &table.columns {
            let array = batch.column_by_name(name);
            if array.is_some_and(|array| *array.data_type() != ty.arrow()) {
                return Err(other_type());
            }
            columns.push(array.map(|array| Column { ty, array: array.as_ref() }));
        }
        Ok(BatchRows { columns })
    }

    /// Whether a row, by its number in the batch, meets the filter.
    ///
    /// # Errors
    /// `Internal` for a filter on a column that the batch does not have.
    pub fn matches(&self, filter: &Filter, row: usize) -> Result<bool> {
        matches(filter, &BatchRow { rows: self, row })
    }
}

struct BatchRow<'r, 'b> {
    rows: &'r BatchRows<'b>,
    row: usize,
}

impl Row for BatchRow<'_, '_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        let found = self.rows.columns.get(column).and_then(Option::as_ref);
        found.ok_or_else(|| Error::internal("a filter on a column that the rows do not have"))?.value(self.row)
    }
}

impl<'b> Column<'b> {
    fn value(&self, row: usize) -> Result<Value<'b>> {
        cell(self.ty, self.array, row)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::batch::{Reading, RowsBuilder};
    use crate::filter::{JsonKey, parse};
    use crate::schema::tests::product;
    use crate::types::FloatRules;
    use crate::value::Raw;

    const FLOATS: FloatRules = FloatRules { nan: true, infinity: true };

    struct OneValue(Value<'static>);

    impl Row for OneValue {
        fn value(&self, _column: usize) -> Result<Value<'_>> {
            Ok(self.0.clone())
        }
    }

    fn compares(found: Value<'static>, comparison: Comparison, value: Value<'static>) -> bool {
        matches(&Filter::Compare { column: 0, comparison, value }, &OneValue(found)).unwrap()
    }

    #[test]
    fn null_meets_negations_only() {
        let equal = Filter::Compare { column: 0, comparison: Comparison::Equal, value: Value::Int(1) };
        let within = |null| Filter::In { column: 0, values: vec![Value::Int(1)], null };
        let null = OneValue(Value::Null);
        for (filter, expected) in [
            (equal.clone(), false),
            (Filter::Not(Box::new(equal)), true),
            (Filter::IsNull { column: 0 }, true),
            (within(true), true),
            (within(false), false),
            (Filter::Not(Box::new(within(false))), true),
            (Filter::And(vec![]), true),
            (Filter::Or(vec![]), false),
        ] {
            assert_eq!(matches(&filter, &null).unwrap(), expected, "{filter:?}");
        }
    }

    #[test]
    fn values_are_ordered_as_the_databases_order_them() {
        let text = |text: &'static str| Value::Text(text.into());
        for (low, high) in [
            (Value::Float(f64::INFINITY), Value::Float(f64::NAN)),
            (text("Z"), text("a")),
            (text("\u{ffff}"), text("\u{1f600}")),
            (text("a"), text("a ")),
            (Value::Bytes(b"a".as_slice().into()), Value::Bytes(b"\xff".as_slice().into())),
            (Value::Decimal(-1), Value::Decimal(0)),
            (Value::Bool(false), Value::Bool(true)),
        ] {
            assert!(compares(low.clone(), Comparison::Less, high.clone()), "{low:?} {high:?}");
            assert!(!compares(low.clone(), Comparison::GreaterOrEqual, high.clone()), "{low:?} {high:?}");
        }
        let nan = || Value::Float(f64::NAN);
        assert!(compares(nan(), Comparison::Equal, nan()));
        assert!(compares(Value::Float(-0.0), Comparison::Equal, Value::Float(0.0)));
    }

    #[test]
    fn a_value_of_another_type_is_our_fault() {
        let filter = Filter::Compare { column: 0, comparison: Comparison::Equal, value: Value::Int(1) };
        assert!(matches(&filter, &OneValue(Value::Bool(true))).is_err());
    }

    #[test]
    fn rows_of_a_batch_are_filtered() {
        let table = Arc::new(product(false));
        let mut rows = RowsBuilder::new(&table, Reading { floats: FLOATS, nan_is_null: false }, 2);
        for (name, price, made) in [("pot", Raw::Text("9.90".into()), Raw::Instant(0)), ("lid", Raw::Null, Raw::Null)] {
            rows.push(0, None).unwrap();
            rows.push(1, Some(Raw::Text(name.into()))).unwrap();
            rows.push(2, Some(price)).unwrap();
            rows.push(3, None).unwrap();
            rows.push(4, Some(made)).unwrap();
            rows.end_row();
        }
        let batch = rows.finish().unwrap().to_stored(&table, 0).unwrap();
        let rows = BatchRows::new(&table, &batch).unwrap();
        let found = |field: &'static str, operator: &'static str, operand: Raw<'static>| {
            let raw = Raw::Map(vec![(field.into(), Raw::Map(vec![(operator.into(), operand)]))]);
            let filter = parse(&table, raw, FLOATS).unwrap();
            (0..2).filter(|row| rows.matches(&filter, *row).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found("price", "$lt", Raw::Int(10)), [0]);
        assert_eq!(found("price", "$ne", Raw::Float(9.9)), [1]);
        assert_eq!(found("name", "$regex", Raw::Text("^.i".into())), [1]);
        assert_eq!(found("name", "$contains", Raw::Text("o".into())), [0]);
        assert_eq!(found("made", "$exists", Raw::Bool(false)), [1]);
        let key = Filter::IsNull { column: 0 };
        assert!(rows.matches(&key, 0).is_err(), "the batch has no key");
    }

    #[test]
    fn lists_and_documents_are_looked_into() {
        let list = OneValue(Value::List(vec![Value::Float(0.0), Value::Float(1.5)]));
        let has = |value| Filter::Has { column: 0, values: vec![Value::Float(9.0), Value::Float(value)] };
        assert!(matches(&has(-0.0), &list).unwrap() && matches(&has(1.5), &list).unwrap());
        assert!(!matches(&has(1.0), &list).unwrap() && !matches(&has(1.0), &OneValue(Value::Null)).unwrap());
        let document = OneValue(Value::Json(r#"{"a":{"b":null},"c":[]}"#.into()));
        let json = |key: &str, found| Filter::Json { column: 0, keys: vec![JsonKey::new(key).unwrap()], found };
        for (filter, expected) in [
            (json("a", Found::Any), true),
            (json("a", Found::Kind(JsonKind::Object)), true),
            (json("a", Found::OneOf(vec![r#"{"b":null}"#.to_owned()])), true),
            (json("b", Found::Any), false),
            (json("c", Found::Kind(JsonKind::Object)), false),
            (json("c", Found::OneOf(vec!["{}".to_owned()])), false),
        ] {
            assert_eq!(matches(&filter, &document).unwrap(), expected, "{filter:?}");
            assert!(!matches(&filter, &OneValue(Value::Null)).unwrap());
        }
    }
}
