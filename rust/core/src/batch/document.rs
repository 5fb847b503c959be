//! Arrow's structures, maps, lists and scalars as JSON documents: what rows of dicts become as well.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, GenericListArray, ListArray, MapArray, StringArray, StructArray};
use arrow_schema::{DataType, Field, Fields};

use super::normalise::{at_row, recast};
use super::text::no_utf8;
use super::{ColumnBuilder, Reading};
use crate::error::{Error, ErrorKind, Result};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

/// Deeper types are not looked into: no document nests so deep.
const DEPTH: usize = 64;

/// A document for each row, null where the row is: a structure or map is an object, a list an array.
///
/// # Errors
/// Every refusal of a JSON field, placed as `[row].name[item]`: a map with a key twice, dates, decimals and bytes too.
pub(super) fn documents(array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
    let plain = plain(array, 0)?;
    let mut builder = ColumnBuilder::new(&LogicalType::Json, plain.len());
    for row in 0..plain.len() {
        let document = match raw_at(plain.as_ref(), row) {
            Ok(Raw::Null) => Ok(Value::Null),
            Ok(Raw::Float(value)) if value.is_nan() && reading.nan_is_null => Ok(Value::Null),
            Ok(raw) => LogicalType::Json.accept(raw, reading.floats),
            Err(error) => Err(error),
        };
        builder.append(&document.map_err(|error| at_row(error, row))?)?;
    }
    Ok(builder.finish())
}

/// The same values in the few layouts that [`raw_at`] knows.
fn plain(array: &ArrayRef, depth: usize) -> Result<ArrayRef> {
    use DataType as D;
    if depth == DEPTH {
        return Err(Error::new(ErrorKind::LimitExceeded, format!("an Arrow type nests at most {DEPTH} levels")));
    }
    let deeper = |array: &ArrayRef| plain(array, depth + 1);
    Ok(match array.data_type() {
        D::Dictionary(_, values) => deeper(&recast(array, values)?)?,
        D::RunEndEncoded(_, values) => deeper(&recast(array, values.data_type())?)?,
        D::LargeUtf8 | D::Utf8View => recast(array, &D::Utf8)?,
        D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32 => recast(array, &D::Int64)?,
        D::Float16 | D::Float32 => recast(array, &D::Float64)?,
        D::Struct(_) => Arc::new(structures(array.as_struct(), depth)?),
        D::List(_) => Arc::new(list(array.as_list::<i32>(), deeper)?),
        D::LargeList(item) | D::ListView(item) | D::LargeListView(item) | D::FixedSizeList(item, _) => {
            deeper(&recast(array, &D::List(Arc::clone(item)))?)?
        }
        D::Map(entries, ordered) => Arc::new(map(array.as_map(), entries, *ordered, deeper)?),
        _ => Arc::clone(array),
    })
}

fn structures(rows: &StructArray, depth: usize) -> Result<StructArray> {
    let columns = rows.columns().iter().map(|column| plain(column, depth + 1)).collect::<Result<Vec<_>>>()?;
    // A field that says it has no nulls may lie.
    let field = |(field, column): (&Arc<Field>, &ArrayRef)| {
        field.as_ref().clone().with_data_type(column.data_type().clone()).with_nullable(true)
    };
    let fields: Fields = rows.fields().iter().zip(&columns).map(field).collect();
    StructArray::try_new_with_length(fields, columns, rows.nulls().cloned(), rows.len()).map_err(broken)
}

fn list(lists: &GenericListArray<i32>, deeper: impl Fn(&ArrayRef) -> Result<ArrayRef>) -> Result<ListArray> {
    let items = deeper(lists.values())?;
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    ListArray::try_new(field, lists.offsets().clone(), items, lists.nulls().cloned()).map_err(broken)
}

fn map(
    maps: &MapArray,
    entries: &Field,
    ordered: bool,
    deeper: impl Fn(&ArrayRef) -> Result<ArrayRef>,
) -> Result<MapArray> {
    let (keys, values) = (deeper(maps.keys())?, deeper(maps.values())?);
    if keys.null_count() > 0 {
        return Err(Error::new(ErrorKind::UnsupportedData, "a map has a key that is null"));
    }
    let fields = [("key", &keys, false), ("value", &values, true)];
    let fields = fields.map(|(name, column, nullable)| Field::new(name, column.data_type().clone(), nullable));
    let found = StructArray::try_new(fields.to_vec().into(), vec![keys, values], None).map_err(broken)?;
    let field = Arc::new(entries.clone().with_data_type(found.data_type().clone()));
    MapArray::try_new(field, maps.offsets().clone(), found, maps.nulls().cloned(), ordered).map_err(broken)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err")]
fn broken(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}

fn raw_at(array: &dyn Array, row: usize) -> Result<Raw<'_>> {
    if array.is_null(row) {
        return Ok(Raw::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Raw::Null,
        DataType::Boolean => Raw::Bool(array.as_boolean().value(row)),
        DataType::Int64 => Raw::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => unsigned(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Raw::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Raw::Text(text_at(array.as_string::<i32>(), row)?.into()),
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            object(columns.map(|(field, column)| {
                let value = raw_at(column.as_ref(), row).map_err(|error| error.within(field.name()))?;
                Ok((field.name().as_str().into(), value))
            }))?
        }
        DataType::List(_) => {
            let (values, (first, end)) = (array.as_list::<i32>().values(), span(array.as_list::<i32>().offsets(), row));
            let item = |at| raw_at(values.as_ref(), at).map_err(|error| error.within(&format!("[{}]", at - first)));
            Raw::List((first..end).map(item).collect::<Result<_>>()?)
        }
        DataType::Map(..) => entries(array.as_map(), row)?,
        DataType::Date32 | DataType::Date64 => Raw::Date(0),
        DataType::Time32(_) | DataType::Time64(_) => Raw::Time(0),
        DataType::Timestamp(_, Some(_)) => Raw::Instant(0),
        DataType::Timestamp(_, None) => Raw::WallTime(0),
        DataType::Duration(_) => Raw::Duration(0),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            Raw::Bytes(Cow::Borrowed(&[]))
        }
        ty if ty.is_decimal() => Raw::Decimal("0".into()),
        other => Raw::Other(format!("Arrow {other}").into()),
    })
}

pub(super) fn unsigned(value: u64) -> Raw<'static> {
    i64::try_from(value).map_or_else(|_| Raw::BigInt(value.to_string().into()), Raw::Int)
}

fn span(offsets: &[i32], row: usize) -> (usize, usize) {
    (offsets[row].cast_unsigned() as usize, offsets[row + 1].cast_unsigned() as usize)
}

/// A producer may hand over bytes that are not UTF-8.
fn text_at(texts: &StringArray, row: usize) -> Result<&str> {
    let (first, end) = span(texts.offsets(), row);
    std::str::from_utf8(&texts.value_data()[first..end]).map_err(|_| no_utf8())
}

fn entries(map: &MapArray, row: usize) -> Result<Raw<'_>> {
    let Some(keys) = map.keys().as_string_opt::<i32>() else {
        let message = format!("the keys of JSON are str, those of the map are Arrow {}", map.keys().data_type());
        return Err(Error::new(ErrorKind::WrongType, message));
    };
    let (first, end) = span(map.offsets(), row);
    object((first..end).map(|at| {
        let key = text_at(keys, at)?;
        Ok((key.into(), raw_at(map.values().as_ref(), at).map_err(|error| error.within(key))?))
    }))
}

/// An object, in which no name may stand twice: JSON keeps one of the values.
fn object<'a>(entries: impl Iterator<Item = Result<(Cow<'a, str>, Raw<'a>)>>) -> Result<Raw<'a>> {
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Error::new(ErrorKind::UnsupportedData, "a name stands twice in the object")
            .hint("JSON keeps one value a name: leave one out"));
    }
    Ok(Raw::Map(entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::FloatRules;
    use arrow_array::builder::{Int32Builder, MapBuilder, StringBuilder};
    use arrow_array::types::Int32Type;
    use arrow_array::{BinaryArray, Float32Array, Int8Array, Int64Array};
    use arrow_buffer::NullBuffer;

    const READING: Reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: false };

    fn texts(array: &ArrayRef) -> Vec<Option<String>> {
        let found = documents(array, READING).unwrap();
        found.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    fn refused(array: &ArrayRef) -> (ErrorKind, String) {
        let error = documents(array, READING).unwrap_err();
        (error.kind(), error.detail().path.clone().unwrap_or_default())
    }

    fn structure(columns: Vec<(&str, ArrayRef)>, valid: Vec<bool>) -> ArrayRef {
        let (fields, arrays): (Vec<_>, Vec<_>) =
            columns.into_iter().map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
        Arc::new(StructArray::new(fields.into(), arrays, Some(NullBuffer::from(valid))))
    }

    #[test]
    fn a_structure_is_an_object_and_null_where_its_row_is() {
        let lists = [Some(vec![Some(1)]), None, Some(vec![None, Some(2)])];
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists));
        let floats: ArrayRef = Arc::new(Float32Array::from(vec![Some(0.5), Some(f32::NAN), None]));
        let rows = structure(vec![("b", lists), ("a", floats)], vec![true, false, true]);
        let expected = [Some(r#"{"a":0.5,"b":[1]}"#.to_owned()), None, Some(r#"{"a":null,"b":[null,2]}"#.to_owned())];
        assert_eq!(texts(&rows), expected);
        assert_eq!(texts(&rows.slice(1, 2)), expected[1..]);
    }

    #[test]
    fn a_map_is_an_object_whose_names_stand_once() {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for entries in [vec![("b", 1), ("a", 2)], vec![], vec![("x", 1), ("x", 2)]] {
            for (key, value) in entries {
                maps.keys().append_value(key);
                maps.values().append_value(value);
            }
            maps.append(true).unwrap();
        }
        let maps: ArrayRef = Arc::new(maps.finish());
        assert_eq!(texts(&maps.slice(0, 2)), [Some(r#"{"a":2,"b":1}"#.to_owned()), Some("{}".to_owned())]);
        assert_eq!(refused(&maps), (ErrorKind::UnsupportedData, "[2]".to_owned()));
        assert_eq!(refused(&maps.slice(2, 1)), (ErrorKind::UnsupportedData, "[0]".to_owned()));
    }

    #[test]
    fn what_json_does_not_hold_is_refused_with_its_place() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![None, Some(b"x".as_slice())]));
        assert_eq!(refused(&structure(vec![("a", bytes)], vec![true; 2])), (ErrorKind::WrongType, "[1].a".to_owned()));
        let number: ArrayRef = Arc::new(Float32Array::from(vec![1.0, f32::INFINITY]));
        assert_eq!(refused(&number), (ErrorKind::NotFinite, "[1]".to_owned()));
        let mut maps = MapBuilder::new(None, Int32Builder::new(), Int32Builder::new());
        maps.keys().append_value(1);
        maps.values().append_value(1);
        maps.append(true).unwrap();
        let maps: ArrayRef = Arc::new(maps.finish());
        assert_eq!(refused(&maps), (ErrorKind::WrongType, "[0]".to_owned()));
        let deep = (0..DEPTH)
            .fold(Arc::new(Int8Array::from(vec![1])) as ArrayRef, |inner, _| structure(vec![("a", inner)], vec![true]));
        assert_eq!(documents(&deep, READING).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn scalars_are_documents_too() {
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(-1), None]));
        assert_eq!(texts(&ints), [Some("-1".to_owned()), None]);
        assert_eq!(unsigned(u64::MAX), Raw::BigInt("18446744073709551615".into()));
    }
}
