//! Arrow's text, looked at before anyone takes it for a `str`: valid, without NUL, not too long, a choice, JSON.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};

use super::ColumnBuilder;
use super::normalise::at_row;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{LogicalType, canonical_json, check_choice, check_text};
use crate::value::Value;

/// Scans the whole value buffer at once and looks at single rows only when something is found.
pub(super) fn check_texts(array: &ArrayRef, max_length: Option<u32>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    // The one offset of an empty slice may point behind its bytes, which nobody hands over.
    if texts.is_empty() {
        return Ok(Arc::clone(array));
    }
    let offsets = texts.value_offsets();
    let (first, last) = (offsets[0].cast_unsigned() as usize, offsets[texts.len()].cast_unsigned() as usize);
    let bytes = &texts.value_data()[first..last];
    check_utf8(texts, bytes, first)?;
    if memchr::memchr(0, bytes).is_some() || max_length.is_some() {
        for (row, text) in texts.iter().enumerate() {
            check_text(text.unwrap_or(""), max_length).map_err(|error| at_row(error, row))?;
        }
    }
    Ok(Arc::clone(array))
}

/// A producer behind the C data interface may hand over bytes that are not UTF-8: a `str` of them is undefined behaviour.
fn check_utf8(texts: &StringArray, bytes: &[u8], first: usize) -> Result<()> {
    if bytes.is_ascii() {
        return Ok(());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = first + error.valid_up_to();
        let row = texts.value_offsets().partition_point(|&offset| offset.cast_unsigned() as usize <= at);
        at_row(no_utf8(), row.saturating_sub(1))
    })?;
    match texts
        .value_offsets()
        .iter()
        .position(|&offset| !text.is_char_boundary(offset.cast_unsigned() as usize - first))
    {
        Some(row) => Err(at_row(no_utf8(), row.saturating_sub(1))),
        None => Ok(()),
    }
}

pub(super) fn no_utf8() -> Error {
    Error::new(ErrorKind::WrongType, "text is not valid UTF-8").hint("use a bytes field")
}

pub(super) fn check_choices(array: &ArrayRef, values: &[Box<str>]) -> Result<ArrayRef> {
    check_texts(array, None)?;
    for (row, text) in array.as_string::<i32>().iter().enumerate() {
        if let Some(text) = text {
            check_choice(text, values).map_err(|error| at_row(error, row))?;
        }
    }
    Ok(Arc::clone(array))
}

/// JSON text of any form becomes canonical; the text `null` is null.
pub(super) fn texts_of_json(array: &ArrayRef) -> Result<ArrayRef> {
    check_texts(array, None)?;
    let mut builder = ColumnBuilder::new(&LogicalType::Json, array.len());
    for (row, text) in array.as_string::<i32>().iter().enumerate() {
        let document = text.map_or(Ok(Value::Null), canonical_json).map_err(|error| at_row(error, row))?;
        builder.append(&document)?;
    }
    Ok(builder.finish())
}
