//! Two columns of one type, compared cell by cell without making a value of each.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DurationMicrosecondType, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float64Array, PrimitiveArray, StringArray};

use crate::batch::cell;
use crate::error::{Error, Result};
use crate::types::LogicalType;

type Same<'a> = Box<dyn Fn(usize, usize) -> Result<bool> + 'a>;

/// Two columns of a logical type, as [`crate::batch::ColumnBuilder`] makes them.
pub struct Cells<'a> {
    left: &'a dyn Array,
    right: &'a dyn Array,
    /// Whether two values, neither of which is null, are the same to a database: see [`crate::value::Value::same`].
    same: Same<'a>,
}

impl<'a> Cells<'a> {
    /// # Errors
    /// `Internal` when an array is of another type.
    pub fn new(ty: &'a LogicalType, left: &'a dyn Array, right: &'a dyn Array) -> Result<Self> {
        if [left, right].iter().any(|array| array.data_type() != &ty.arrow()) {
            return Err(Error::internal(format!("columns of another Arrow type than {} has", ty.name())));
        }
        let same: Same<'a> = match ty {
            LogicalType::Bool => {
                let (left, right): (&BooleanArray, &BooleanArray) = (left.as_boolean(), right.as_boolean());
                Box::new(|a, b| Ok(left.value(a) == right.value(b)))
            }
            LogicalType::Float => {
                let (left, right): (&Float64Array, &Float64Array) = (left.as_primitive(), right.as_primitive());
                Box::new(|a, b| {
                    let (left, right) = (left.value(a), right.value(b));
                    Ok(left == right || (left.is_nan() && right.is_nan()))
                })
            }
            LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => {
                let (left, right): (&StringArray, &StringArray) = (left.as_string(), right.as_string());
                Box::new(|a, b| Ok(left.value(a) == right.value(b)))
            }
            LogicalType::Bytes => {
                let (left, right): (&BinaryArray, &BinaryArray) = (left.as_binary(), right.as_binary());
                Box::new(|a, b| Ok(left.value(a) == right.value(b)))
            }
            LogicalType::Uuid => {
                let (left, right): (&FixedSizeBinaryArray, &FixedSizeBinaryArray) =
                    (left.as_fixed_size_binary(), right.as_fixed_size_binary());
                Box::new(|a, b| Ok(left.value(a) == right.value(b)))
            }
            LogicalType::Rows(_) => return Err(Error::internal("rows are no data of a table")),
            LogicalType::Int => primitives::<Int64Type>(left, right),
            LogicalType::Decimal { .. } => primitives::<Decimal128Type>(left, right),
            LogicalType::Instant | LogicalType::WallTime => primitives::<TimestampMicrosecondType>(left, right),
            LogicalType::Date => primitives::<Date32Type>(left, right),
            LogicalType::Time => primitives::<Time64MicrosecondType>(left, right),
            LogicalType::Duration => primitives::<DurationMicrosecondType>(left, right),
            LogicalType::List { .. } => Box::new(move |a, b| Ok(cell(ty, left, a)?.same(&cell(ty, right, b)?))),
        };
        Ok(Cells { left, right, same })
    }

    /// Whether row `a` of the left column is something else than row `b` of the right one.
    pub fn differ(&self, a: usize, b: usize) -> Result<bool> {
        match (self.left.is_null(a), self.right.is_null(b)) {
            (false, false) => Ok(!(self.same)(a, b)?),
            (left, right) => Ok(left != right),
        }
    }
}

fn primitives<'a, T: ArrowPrimitiveType>(left: &'a dyn Array, right: &'a dyn Array) -> Same<'a> {
    let (left, right): (&PrimitiveArray<T>, &PrimitiveArray<T>) = (left.as_primitive(), right.as_primitive());
    Box::new(|a, b| Ok(left.value(a) == right.value(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::ColumnBuilder;
    use crate::types::lists;
    use crate::value::Value;

    fn check(ty: &LogicalType, values: &[Value<'static>]) {
        let mut column = ColumnBuilder::new(ty, values.len());
        values.iter().for_each(|value| column.append(value).unwrap());
        let array = column.finish();
        let sliced = array.slice(1, values.len() - 1);
        let cells = Cells::new(ty, array.as_ref(), sliced.as_ref()).unwrap();
        for (a, left) in values.iter().enumerate() {
            for (b, right) in values[1..].iter().enumerate() {
                assert_eq!(cells.differ(a, b).unwrap(), !left.same(right), "{ty:?}: {left:?} and {right:?}");
            }
        }
    }

    #[test]
    fn cells_differ_as_their_values_do() {
        for (item, values, _) in lists() {
            let scalars = [vec![Value::Null], values.clone(), vec![Value::Null]].concat();
            check(&item, &scalars);
            let list = LogicalType::List { item: Box::new(item) };
            check(&list, &[Value::Null, Value::List(values), Value::List(vec![]), Value::Null]);
        }
        let floats = [0.0, -0.0, f64::NAN, -f64::NAN, 1.0, f64::INFINITY].map(Value::Float);
        check(&LogicalType::Float, &floats);
        check(&LogicalType::Bytes, &[b"".as_slice(), b"a", b"b"].map(|bytes| Value::Bytes(bytes.into())));
        check(&LogicalType::Json, &["{}", "1", "null"].map(|text| Value::Json(text.into())));
    }

    #[test]
    fn columns_of_another_type_are_refused() {
        let array = ColumnBuilder::new(&LogicalType::Int, 0).finish();
        assert!(Cells::new(&LogicalType::Time, array.as_ref(), array.as_ref()).is_err());
    }
}
