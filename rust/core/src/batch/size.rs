//! How large rows are: what their values take when each is written out, whatever the layout shares or leaves out.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, Int64Type, RunEndIndexType};
use arrow_array::{Array, RecordBatch, RunArray};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

/// About the bytes of all values of a batch. A value that many rows share counts once a row.
pub fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|array| array_bytes(array.as_ref())).fold(0, usize::saturating_add)
}

/// As [`batch_bytes`] for one column.
pub fn array_bytes(array: &dyn Array) -> usize {
    bytes_of(array, 0, array.len())
}

/// Of some of the rows. The recursion follows the type, whose depth the import has bounded.
fn bytes_of(array: &dyn Array, first: usize, rows: usize) -> usize {
    if rows == 0 {
        return 0;
    }
    let end = first + rows;
    let span = |offsets: &[i32]| (offsets[first].cast_unsigned() as usize, offsets[end].cast_unsigned() as usize);
    let large_span = |offsets: &[i64]| (whole(offsets[first]), whole(offsets[end]));
    let with_offsets = |(from, to): (usize, usize), width: usize| (to - from).saturating_add(rows * width);
    match array.data_type() {
        DataType::Null => 0,
        DataType::Boolean => rows.div_ceil(8),
        DataType::Utf8 => with_offsets(span(array.as_string::<i32>().value_offsets()), 4),
        DataType::Binary => with_offsets(span(array.as_binary::<i32>().value_offsets()), 4),
        DataType::LargeUtf8 => with_offsets(large_span(array.as_string::<i64>().value_offsets()), 8),
        DataType::LargeBinary => with_offsets(large_span(array.as_binary::<i64>().value_offsets()), 8),
        DataType::Utf8View => views(array.as_string_view().views(), first, end),
        DataType::BinaryView => views(array.as_binary_view().views(), first, end),
        DataType::List(_) => items(array.as_list::<i32>().values(), span(array.as_list::<i32>().value_offsets()), rows),
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            items(lists.values(), large_span(lists.value_offsets()), rows)
        }
        DataType::Map(..) => items(array.as_map().entries(), span(array.as_map().value_offsets()), rows),
        DataType::FixedSizeList(_, size) => {
            let size = size.unsigned_abs() as usize;
            bytes_of(array.as_fixed_size_list().values().as_ref(), first * size, rows * size)
        }
        DataType::ListView(_) => {
            let lists = array.as_list_view::<i32>();
            each(first, end, |row| {
                let (at, size) = (lists.value_offset(row).cast_unsigned(), lists.value_size(row).cast_unsigned());
                bytes_of(lists.values().as_ref(), at as usize, size as usize)
            })
        }
        DataType::LargeListView(_) => {
            let lists = array.as_list_view::<i64>();
            each(first, end, |row| {
                bytes_of(lists.values().as_ref(), whole(lists.value_offset(row)), whole(lists.value_size(row)))
            })
        }
        DataType::Struct(_) => array
            .as_struct()
            .columns()
            .iter()
            .map(|column| bytes_of(column.as_ref(), first, rows))
            .fold(0, usize::saturating_add),
        DataType::Dictionary(..) => {
            let rows = array.slice(first, rows);
            let dictionary = rows.as_any_dictionary();
            if dictionary.values().is_empty() {
                return 0;
            }
            let keys = dictionary.normalized_keys();
            keys.into_iter().map(|key| bytes_of(dictionary.values().as_ref(), key, 1)).fold(0, usize::saturating_add)
        }
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => runs(array.as_run::<Int16Type>(), first, end),
            DataType::Int32 => runs(array.as_run::<Int32Type>(), first, end),
            _ => runs(array.as_run::<Int64Type>(), first, end),
        },
        DataType::FixedSizeBinary(width) => rows.saturating_mul(width.unsigned_abs() as usize),
        fixed => rows.saturating_mul(fixed.primitive_width().unwrap_or(16)),
    }
}

fn whole(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn each(first: usize, end: usize, bytes: impl Fn(usize) -> usize) -> usize {
    (first..end).map(bytes).fold(0, usize::saturating_add)
}

fn items(values: &dyn Array, (from, to): (usize, usize), rows: usize) -> usize {
    bytes_of(values, from, to.saturating_sub(from)).saturating_add(rows * 4)
}

/// The lower half of a view begins with the length of its value.
fn views(views: &[u128], first: usize, end: usize) -> usize {
    each(first, end, |row| (views[row] & u128::from(u32::MAX)) as usize + size_of::<u128>())
}

/// Run by run: all rows of one are alike.
fn runs<R: RunEndIndexType>(array: &RunArray<R>, first: usize, end: usize) -> usize {
    let (values, ends) = (array.values(), array.run_ends());
    let (mut row, mut bytes) = (first, 0_usize);
    let mut physical = ends.get_physical_index(first);
    while row < end && physical < values.len() {
        let run_end = ends.values()[physical].as_usize().saturating_sub(ends.offset()).min(end);
        bytes = bytes.saturating_add(bytes_of(values.as_ref(), physical, 1).saturating_mul(run_end - row));
        (row, physical) = (run_end, physical + 1);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::builder::StringViewBuilder;
    use arrow_array::types::Int8Type;
    use arrow_array::{ArrayRef, DictionaryArray, Int8Array, Int64Array, ListArray, StringArray};
    use arrow_cast::cast;
    use arrow_schema::Field;

    /// A long text, a null and short ones.
    fn texts() -> StringArray {
        [Some("x".repeat(1_000)), None, Some("a".into()), Some("b".into())].into_iter().collect()
    }

    #[test]
    fn a_text_counts_in_every_layout() {
        let mut views = StringViewBuilder::new();
        texts().iter().for_each(|text| views.append_option(text));
        let large = cast(&texts(), &DataType::LargeUtf8).unwrap();
        let arrays: [(ArrayRef, usize); 3] =
            [(Arc::new(texts()), 4), (large, 8), (Arc::new(views.finish()), size_of::<u128>())];
        for (array, width) in arrays {
            assert_eq!(array_bytes(&array), 1_002 + 4 * width);
            assert_eq!(array_bytes(&array.slice(2, 2)), 2 + 2 * width);
        }
    }

    #[test]
    fn a_shared_value_counts_once_a_row_and_an_unused_one_not_at_all() {
        let keys = Int8Array::from(vec![Some(0), Some(0), None, Some(2)]);
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(texts()));
        assert!((2_013..=3_020).contains(&array_bytes(&dictionary)));
        assert_eq!(array_bytes(&dictionary.slice(3, 1)), 5);
        let ends = Int64Array::from(vec![3, 4]);
        let runs = RunArray::try_new(&ends, &texts().slice(0, 2)).unwrap();
        assert_eq!(array_bytes(&runs), 3 * 1_004 + 4);
        assert_eq!(array_bytes(&runs.slice(2, 2)), 1_004 + 4);
    }

    #[test]
    fn a_slice_of_lists_counts_its_own_items() {
        let lists = [Some(vec![Some(1_i64); 100]), None, Some(vec![Some(2)])];
        let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists));
        let view = cast(&list, &DataType::ListView(Arc::new(Field::new("item", DataType::Int64, true)))).unwrap();
        assert_eq!((array_bytes(&list), array_bytes(&view)), (101 * 8 + 3 * 4, 101 * 8));
        assert_eq!((array_bytes(&list.slice(1, 2)), array_bytes(&view.slice(1, 2))), (8 + 2 * 4, 8));
    }
}
