//! Rows as the text that `LOAD DATA` reads: fields between tabs, a row a line, `\N` for null.
//!
//! The statement ([`Dialect::copy_from`](dataflow_core::dialect::Dialect::copy_from)) reads bytes (`CHARACTER SET
//! binary`): tab, newline and backslash are escaped, and every other byte stands for itself.
//! Format: <https://mariadb.com/kb/en/load-data-infile/>.

use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_buffer::NullBuffer;
use dataflow_core::batch::list_cell;
use dataflow_core::types::{
    LogicalType, WALL_WIDTH, check_range, check_time, render_date, render_datetime, render_decimal, render_list,
    render_time,
};
use dataflow_core::{Error, ErrorKind, Result};

type Encoder<'a> = Box<dyn Fn(&mut Vec<u8>, usize) -> Result<()> + 'a>;

/// A column and how its values are written.
pub(super) struct Field<'a> {
    nulls: Option<NullBuffer>,
    encode: Encoder<'a>,
}

pub(super) fn fields(batch: &RecordBatch) -> Result<Vec<Field<'_>>> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    columns
        .map(|(field, column)| {
            let encode = encoder(LogicalType::of_field(field)?, column.as_ref());
            Ok(Field { nulls: column.logical_nulls(), encode })
        })
        .collect()
}

/// Appends one row.
pub(super) fn put_row(out: &mut Vec<u8>, fields: &[Field<'_>], row: usize) -> Result<()> {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b'\t');
        }
        if field.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(b"\\N");
        } else {
            (field.encode)(out, row)?;
        }
    }
    out.push(b'\n');
    Ok(())
}

/// Reads a column of the type, in the Arrow of [`LogicalType::arrow`].
fn encoder(ty: LogicalType, column: &dyn Array) -> Encoder<'_> {
    match ty {
        LogicalType::Bool => {
            let array = column.as_boolean();
            Box::new(|out, row| put(out, if array.value(row) { b"1" } else { b"0" }))
        }
        LogicalType::Int => {
            let array = column.as_primitive::<Int64Type>();
            Box::new(|out, row| put_int(out, array.value(row)))
        }
        LogicalType::Duration => {
            let array = column.as_primitive::<DurationMicrosecondType>();
            Box::new(|out, row| put_int(out, array.value(row)))
        }
        LogicalType::Float => {
            let array = column.as_primitive::<Float64Type>();
            Box::new(|out, row| put_float(out, array.value(row)))
        }
        LogicalType::Decimal { scale, .. } => {
            let array = column.as_primitive::<Decimal128Type>();
            Box::new(move |out, row| put(out, render_decimal(array.value(row), scale).as_bytes()))
        }
        LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => {
            let array = column.as_string::<i32>();
            Box::new(|out, row| put_escaped(out, array.value(row).as_bytes()))
        }
        LogicalType::Bytes => {
            let array = column.as_binary::<i32>();
            Box::new(|out, row| put_escaped(out, array.value(row)))
        }
        LogicalType::Uuid => {
            let array = column.as_fixed_size_binary();
            Box::new(|out, row| put_escaped(out, array.value(row)))
        }
        LogicalType::Instant | LogicalType::WallTime => {
            let array = column.as_primitive::<TimestampMicrosecondType>();
            Box::new(|out, row| put_datetime(out, array.value(row)))
        }
        LogicalType::Date => {
            let array = column.as_primitive::<Date32Type>();
            Box::new(|out, row| {
                let days = array.value(row);
                check_range(i64::from(days) * 86_400_000_000)?;
                put(out, &render_date(days))
            })
        }
        LogicalType::Time => {
            let array = column.as_primitive::<Time64MicrosecondType>();
            Box::new(|out, row| put(out, &render_time(check_time(array.value(row))?)))
        }
        LogicalType::List { item } => Box::new(move |out, row| {
            let items = list_cell(&item, column, row)?;
            put_escaped(out, render_list(&item, &items)?.as_bytes())
        }),
        LogicalType::Rows(_) => Box::new(|_, _| Err(Error::internal("rows are no data of a table"))),
    }
}

fn put(out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
    out.extend_from_slice(text);
    Ok(())
}

fn put_int(out: &mut Vec<u8>, value: i64) -> Result<()> {
    write!(out, "{value}").map_err(unwritten)
}

/// The shortest text that reads as the same double; without the sign of zero, as parameters lose it too.
fn put_float(out: &mut Vec<u8>, value: f64) -> Result<()> {
    match value {
        0.0 => put(out, b"0"),
        value if value.is_finite() => write!(out, "{value:e}").map_err(unwritten),
        _ => Err(Error::new(ErrorKind::NotFinite, "MariaDB keeps neither NaN nor infinity")),
    }
}

fn put_datetime(out: &mut Vec<u8>, us: i64) -> Result<()> {
    let mut text = render_datetime(check_range(us)?);
    text[10] = b' ';
    put(out, &text[..WALL_WIDTH])
}

fn put_escaped(out: &mut Vec<u8>, mut bytes: &[u8]) -> Result<()> {
    while let Some(at) = memchr::memchr3(b'\t', b'\n', b'\\', bytes) {
        out.extend_from_slice(&bytes[..at]);
        out.extend_from_slice(&[
            b'\\',
            match bytes[at] {
                b'\t' => b't',
                b'\n' => b'n',
                escaped => escaped,
            },
        ]);
        bytes = &bytes[at + 1..];
    }
    put(out, bytes)
}

fn unwritten(error: std::io::Error) -> Error {
    Error::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn text(columns: Vec<(&str, ArrayRef)>) -> Result<String> {
        let columns = columns.into_iter().map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let (fields, mut out) = (fields(&batch)?, Vec::new());
        (0..batch.num_rows()).try_for_each(|row| put_row(&mut out, &fields, row))?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn a_row_is_a_line_of_fields() {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("")]));
        let sizes: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, 0, i64::MAX]));
        let expected = "a\t-9223372036854775808\n\\N\t0\n\t9223372036854775807\n";
        assert_eq!(text(vec![("name", names), ("size", sizes)]).unwrap(), expected);
    }

    #[test]
    fn what_ends_a_field_or_a_row_is_escaped() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![b"\\N\t\n\\\0'\"".as_slice(), b"\\", b"\r"]));
        assert_eq!(text(vec![("bytes", bytes)]).unwrap(), "\\\\N\\t\\n\\\\\0'\"\n\\\\\n\r\n");
    }

    #[test]
    fn a_float_is_the_shortest_that_reads_the_same() {
        let floats = vec![0.1, -0.0, 1e300, 5e-324, 1.797_693_134_862_315_7e308, 123_456.789];
        let column: ArrayRef = Arc::new(Float64Array::from(floats.clone()));
        let text = text(vec![("float", column)]).unwrap();
        assert_eq!(text, "1e-1\n0\n1e300\n5e-324\n1.7976931348623157e308\n1.23456789e5\n");
        let read: Vec<f64> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(read, floats);
    }

    #[test]
    fn what_the_columns_cannot_hold_is_refused() {
        let nan: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
        assert_eq!(text(vec![("float", nan)]).unwrap_err().kind(), ErrorKind::NotFinite);
        let late: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX]));
        assert_eq!(text(vec![("at", late)]).unwrap_err().kind(), ErrorKind::OutOfRange);
    }
}
