//! Arrow's lists: their items become one column of the item's type.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, ListArray, UInt64Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use arrow_select::take::take;

use super::Reading;
use super::normalise::{at_row, convert, recast, row_of};
use crate::error::{Error, Result};
use crate::types::{LogicalType, check_item, null_item};

/// Lists of any layout as one whose items are all its own: a slice of an array keeps the items of the whole.
pub(super) fn lists(item: &LogicalType, array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
    let array = match array.data_type() {
        DataType::List(_) => Arc::clone(array),
        DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => recast(array, &DataType::List(Arc::clone(field)))?,
        other => return Err(Error::internal(format!("Arrow {other} is no list"))),
    };
    let lists = array.as_list::<i32>();
    let (items, offsets) = own_items(lists)?;
    let reading = Reading { nan_is_null: false, ..reading };
    let items = convert(item, &items, reading).and_then(|items| check_items(item, items));
    let items = items.map_err(|error| at_list(error, &offsets))?;
    let field = Arc::new(item.field("item", false));
    let found = ListArray::try_new(field, offsets, items, lists.nulls().cloned());
    Ok(Arc::new(found.map_err(|error| Error::internal(error.to_string()))?))
}

/// The items without those that belong to no list, as one under a null does, and where each list begins.
fn own_items(lists: &ListArray) -> Result<(ArrayRef, OffsetBuffer<i32>)> {
    let offsets = lists.value_offsets();
    // The offsets of lists without items may point anywhere.
    let (first, end) = match (offsets[0], offsets[lists.len()]) {
        (first, end) if first == end => (0, 0),
        span => span,
    };
    let hidden = (0..lists.len()).any(|row| lists.is_null(row) && lists.value_length(row) > 0);
    if !hidden {
        let length = (end - first).cast_unsigned() as usize;
        let items = lists.values().slice(first.cast_unsigned() as usize, length);
        let starts: Vec<i32> = offsets.iter().map(|offset| offset - offsets[0]).collect();
        return Ok((items, OffsetBuffer::new(ScalarBuffer::from(starts))));
    }
    let valid = (0..lists.len()).filter(|&row| lists.is_valid(row));
    let kept: UInt64Array =
        valid.flat_map(|row| offsets[row]..offsets[row + 1]).map(|at| u64::from(at.cast_unsigned())).collect();
    let items = take(lists.values(), &kept, None).map_err(|error| Error::internal(error.to_string()))?;
    let lengths = (0..lists.len()).map(|row| if lists.is_null(row) { 0 } else { lists.value_length(row) });
    Ok((items, OffsetBuffer::from_lengths(lengths.map(|length| length.cast_unsigned() as usize))))
}

fn check_items(item: &LogicalType, items: ArrayRef) -> Result<ArrayRef> {
    if items.null_count() > 0 {
        let at = (0..items.len()).find(|&at| items.is_null(at)).unwrap_or(0);
        return Err(at_row(null_item(), at));
    }
    if *item == LogicalType::Float {
        for (at, value) in items.as_primitive::<Float64Type>().values().iter().enumerate() {
            check_item(*value).map_err(|error| at_row(error, at))?;
        }
    }
    Ok(items)
}

/// The path of an item among all (`[7]`) becomes that of the item in its list (`[2][1]`).
fn at_list(error: Error, offsets: &[i32]) -> Error {
    let Some((at, rest)) = row_of(&error) else {
        return error;
    };
    let row = offsets.partition_point(|&offset| offset.cast_unsigned() as usize <= at).saturating_sub(1);
    let item = at - offsets.get(row).map_or(0, |offset| offset.cast_unsigned() as usize);
    error.path(format!("[{row}][{item}]{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{ColumnBuilder, cell};
    use crate::error::ErrorKind;
    use crate::types::FloatRules;
    use crate::value::Value;
    use arrow_array::types::{Int32Type, Int64Type};
    use arrow_array::{FixedSizeListArray, Float64Array, Int64Array, LargeListArray, StringArray};
    use arrow_buffer::NullBuffer;
    use arrow_schema::Field;

    const READING: Reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: true };

    fn rows(item: &LogicalType, array: &ArrayRef) -> Vec<Value<'static>> {
        let ty = LogicalType::List { item: Box::new(item.clone()) };
        (0..array.len()).map(|row| cell(&ty, array, row).unwrap().into_owned()).collect()
    }

    fn ints(values: &[i64]) -> Value<'static> {
        Value::List(values.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn a_slice_has_its_own_items() {
        let data = vec![Some(vec![Some(1), Some(2)]), None, Some(vec![]), Some(vec![Some(3)]), Some(vec![Some(4)])];
        let whole: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(data));
        let found = lists(&LogicalType::Int, &whole.slice(1, 3), READING).unwrap();
        assert_eq!(rows(&LogicalType::Int, &found), [Value::Null, ints(&[]), ints(&[3])]);
        assert_eq!(found.as_list::<i32>().values().len(), 1);
    }

    #[test]
    fn other_layouts_are_read() {
        let data = vec![Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3), Some(4)])];
        let expected = [ints(&[1, 2]), Value::Null, ints(&[3, 4])];
        let large: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>(data.clone()));
        let fixed: ArrayRef = Arc::new(FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(data, 2));
        let view = recast(&large, &DataType::ListView(Arc::new(Field::new("item", DataType::Int64, true)))).unwrap();
        for array in [large, fixed, view] {
            let found = lists(&LogicalType::Int, &array, READING).unwrap();
            assert_eq!(rows(&LogicalType::Int, &found), expected);
            let found = lists(&LogicalType::Int, &array.slice(2, 1), READING).unwrap();
            assert_eq!(rows(&LogicalType::Int, &found), expected[2..]);
        }
    }

    /// Three lists of two items, the second under a null.
    fn hidden(items: ArrayRef) -> ArrayRef {
        let field = Arc::new(Field::new("x", items.data_type().clone(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 2, 4, 6]));
        Arc::new(ListArray::new(field, offsets, items, Some(NullBuffer::from(vec![true, false, true]))))
    }

    #[test]
    fn what_lies_under_a_null_is_not_looked_at() {
        let items = Float64Array::from(vec![Some(1.0), Some(2.0), None, Some(f64::NAN), Some(3.0), Some(4.0)]);
        let found = lists(&LogicalType::Float, &hidden(Arc::new(items)), READING).unwrap();
        let floats = |a, b| Value::List(vec![Value::Float(a), Value::Float(b)]);
        assert_eq!(rows(&LogicalType::Float, &found), [floats(1.0, 2.0), Value::Null, floats(3.0, 4.0)]);
    }

    #[test]
    fn a_refusal_names_list_and_item() {
        let refused = |item: LogicalType, items: ArrayRef| {
            let error = lists(&item, &hidden(items), READING).unwrap_err();
            (error.kind(), error.detail().path.clone().unwrap_or_default())
        };
        let last = "[2][1]".to_owned();
        let mut numbers = vec![Some(1.0); 6];
        numbers[5] = Some(f64::NAN);
        let floats = Arc::new(Float64Array::from(numbers));
        assert_eq!(refused(LogicalType::Float, floats), (ErrorKind::NotFinite, last.clone()));
        let gap = Arc::new(Int64Array::from(vec![Some(1), Some(1), None, None, Some(1), None]));
        assert_eq!(refused(LogicalType::Int, gap), (ErrorKind::NullValue, last.clone()));
        let texts = Arc::new(StringArray::from(vec!["a", "a", "a", "a", "a", "aa"]));
        assert_eq!(refused(LogicalType::Text { max_length: Some(1) }, texts), (ErrorKind::DataTooLong, last));
    }

    #[test]
    fn builder_and_reader_agree_on_the_type() {
        for item in [LogicalType::Uuid, LogicalType::Duration] {
            let ty = LogicalType::List { item: Box::new(item.clone()) };
            let mut builder = ColumnBuilder::new(&ty, 1);
            builder.append_null();
            let array = builder.finish();
            assert_eq!(lists(&item, &array, READING).unwrap().data_type(), &ty.arrow());
        }
    }
}
