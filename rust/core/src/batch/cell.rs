//! One value of a column, taken out again.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};

use crate::error::{Error, Result};
use crate::types::LogicalType;
use crate::value::Value;

/// The value in a row of a column of type `ty`, as [`super::ColumnBuilder`] makes them.
///
/// # Errors
/// `Internal` when the array is of another type.
pub fn cell<'a>(ty: &LogicalType, array: &'a dyn Array, row: usize) -> Result<Value<'a>> {
    if array.data_type() != &ty.arrow() {
        return Err(Error::internal(format!("a column of Arrow {} where {} is", array.data_type(), ty.name())));
    }
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match ty {
        LogicalType::Bool => Value::Bool(array.as_boolean().value(row)),
        LogicalType::Int => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        LogicalType::Float => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        LogicalType::Decimal { .. } => Value::Decimal(array.as_primitive::<Decimal128Type>().value(row)),
        LogicalType::Text { .. } | LogicalType::Choice { .. } => {
            Value::Text(array.as_string::<i32>().value(row).into())
        }
        LogicalType::Json => Value::Json(array.as_string::<i32>().value(row).into()),
        LogicalType::Bytes => Value::Bytes(array.as_binary::<i32>().value(row).into()),
        LogicalType::Uuid => {
            let uuid = array.as_fixed_size_binary().value(row).try_into();
            Value::Uuid(uuid.map_err(|_| Error::internal("a UUID has 16 bytes"))?)
        }
        LogicalType::Instant => Value::Instant(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        LogicalType::WallTime => Value::WallTime(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        LogicalType::Date => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        LogicalType::Time => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
        LogicalType::Duration => Value::Duration(array.as_primitive::<DurationMicrosecondType>().value(row)),
        LogicalType::List { item } => Value::List(list_cell(item, array, row)?),
        LogicalType::Rows(_) => return Err(Error::internal("rows are no single value")),
    })
}

/// The items in a row of a list column; the row is not null.
pub fn list_cell<'a>(item: &LogicalType, array: &'a dyn Array, row: usize) -> Result<Vec<Value<'a>>> {
    let lists = array.as_list_opt::<i32>().ok_or_else(|| Error::internal("a list column of another Arrow type"))?;
    let offsets = lists.value_offsets();
    let (first, end) = (offsets[row].cast_unsigned() as usize, offsets[row + 1].cast_unsigned() as usize);
    (first..end).map(|at| cell(item, lists.values().as_ref(), at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::ColumnBuilder;
    use crate::types::lists;

    #[test]
    fn a_column_gives_back_what_it_was_built_of() {
        for (item, values, _) in lists() {
            let list = LogicalType::List { item: Box::new(item.clone()) };
            let mut column = ColumnBuilder::new(&list, 3);
            let rows = [Value::List(values.clone()), Value::Null, Value::List(vec![]), Value::List(values)];
            rows.iter().for_each(|row| column.append(row).unwrap());
            let array = column.finish();
            let sliced = array.slice(1, 3);
            for (at, row) in rows.iter().enumerate() {
                assert_eq!(&cell(&list, &array, at).unwrap(), row);
                assert!(at == 0 || &cell(&list, &sliced, at - 1).unwrap() == row);
            }
        }
    }

    #[test]
    fn a_column_of_another_type_is_refused() {
        let array = ColumnBuilder::new(&LogicalType::Int, 0).finish();
        assert!(cell(&LogicalType::Duration, &array, 0).is_err());
    }
}
