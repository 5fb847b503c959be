//! Rows in a text, in the form of [`dataflow_core::dialect::Mysql`], strictly.

use std::borrow::Cow;

use dataflow_core::Result;
use dataflow_core::batch::{ColumnBuilder, NestedBuilder};
use dataflow_core::dialect::Returned;
use dataflow_core::types::{LogicalType, read_date, read_datetime, read_time};
use dataflow_core::value::Value;
use mysql_async::Value as Wire;

use super::decode::{decode_bytes, text};
use crate::fetch::unreadable;

type Read<T> = std::result::Result<T, Cow<'static, str>>;

/// A text in which something is missing; GROUP_CONCAT and CONCAT leave it out.
const CUT: &str =
    "the text of its rows was cut, as the server does behind its `max_allowed_packet`: include fewer rows";

/// Appends the rows of one value.
pub(super) fn append_rows(rows: &mut NestedBuilder, column: &Returned, wire: &Wire) -> Result<()> {
    let Wire::Bytes(bytes) = wire else { return Err(unreadable(&column.name, CUT)) };
    let mut rest = bytes.as_slice();
    append(rows, column, &mut rest)?;
    if rest.is_empty() { Ok(()) } else { Err(unreadable(&column.name, CUT)) }
}

/// The recursion is as deep as the type.
fn append(rows: &mut NestedBuilder, column: &Returned, rest: &mut &[u8]) -> Result<()> {
    let count = number(rest).ok_or_else(|| unreadable(&column.name, CUT))?;
    rows.append(count, |builder, column| match builder {
        ColumnBuilder::Rows(rows) => append(rows, column, rest),
        builder => {
            let value = value(column, rest).map_err(|why| unreadable(&column.name, why))?;
            builder.append(&value)
        }
    })
}

fn value<'a>(column: &Returned, rest: &mut &'a [u8]) -> Read<Value<'a>> {
    if let Some(behind) = rest.strip_prefix(b"-") {
        *rest = behind;
        return if column.nullable { Ok(Value::Null) } else { Err("it is null".into()) };
    }
    let (bytes, behind) = number(rest).and_then(|length| rest.split_at_checked(length)).ok_or(CUT)?;
    *rest = behind;
    decode(&column.ty, bytes)
}

/// Digits up to a colon.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let end = rest.iter().position(|&byte| byte == b':')?;
    let (digits, behind) = rest.split_at(end);
    *rest = &behind[1..];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A value from the text that the server makes of it.
fn decode<'a>(ty: &LogicalType, bytes: &'a [u8]) -> Read<Value<'a>> {
    let refused = || Cow::from(format!("it is no {}", ty.name()));
    let found = match ty {
        LogicalType::Bytes | LogicalType::Uuid => {
            let bytes = unhex(bytes).ok_or_else(refused)?;
            return decode_bytes(ty, &bytes).map(Value::into_owned);
        }
        LogicalType::Bool => match bytes {
            b"0" => Some(Value::Bool(false)),
            b"1" => Some(Value::Bool(true)),
            _ => None,
        },
        LogicalType::Int => text(bytes)?.parse().ok().map(Value::Int),
        LogicalType::Duration => text(bytes)?.parse().ok().map(Value::Duration),
        LogicalType::Float => text(bytes)?.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float),
        LogicalType::Instant => datetime(bytes).map(Value::Instant),
        LogicalType::WallTime => datetime(bytes).map(Value::WallTime),
        LogicalType::Date => read_date(bytes).map(Value::Date),
        LogicalType::Time => read_time(bytes).map(Value::Time),
        ty => return decode_bytes(ty, bytes),
    };
    found.ok_or_else(refused)
}

/// `2024-01-31 23:59:59.000001`.
fn datetime(bytes: &[u8]) -> Option<i64> {
    let (date, time) = bytes.split_at_checked(10)?;
    read_datetime(&[date, b"T", time.strip_prefix(b" ")?].concat())
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let pairs = digits.chunks(2);
    pairs.map(|pair| (pair.len() == 2).then(|| Some(nibble(pair[0])? * 16 + nibble(pair[1])?)).flatten()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use dataflow_core::types::RowsType;

    use super::*;

    fn column(name: &str, ty: LogicalType, nullable: bool) -> Returned {
        Returned { name: name.to_owned(), ty, nullable }
    }

    fn rows(tenant: Option<&str>) -> LogicalType {
        let columns =
            vec![column("id", LogicalType::Int, false), column("note", LogicalType::Text { max_length: None }, true)];
        LogicalType::Rows(Arc::new(RowsType { columns, many: true, tenant: tenant.map(Arc::from) }))
    }

    fn read(ty: &LogicalType, text: &str) -> Result<arrow_array::ArrayRef> {
        let mut builder = ColumnBuilder::new(ty, 1);
        let ColumnBuilder::Rows(nested) = &mut builder else { panic!("no rows") };
        append_rows(nested, &column("rows", ty.clone(), false), &Wire::Bytes(text.into()))?;
        Ok(builder.finish())
    }

    #[test]
    fn a_text_of_rows_is_read() {
        let found = read(&rows(None), "2:1:7-2:-14::\nä").unwrap();
        let items = found.as_list::<i32>().value(0);
        assert_eq!(items.as_struct().column(0).as_primitive::<Int64Type>().values(), &[7, -1]);
        let notes = items.as_struct().column(1).as_string::<i32>().clone();
        assert!(notes.is_null(0) && notes.value(1) == ":\nä");
        assert_eq!(read(&rows(None), "0:").unwrap().as_list::<i32>().value(0).len(), 0);
    }

    #[test]
    fn a_text_that_was_cut_anywhere_is_not_read() {
        let whole = "2:1:7-2:-13:abc";
        assert!(read(&rows(None), whole).is_ok());
        for end in 0..whole.len() {
            assert!(read(&rows(None), &whole[..end]).is_err(), "{end}");
        }
        assert!(read(&rows(None), "1:1:7-1:8-").is_err());
    }

    #[test]
    fn a_row_of_another_tenant_stops_them_all() {
        let kind = |text| read(&rows(Some("a")), text).map(drop).map_err(|error| error.kind());
        assert_eq!(kind("2:1:a1:7-1:a1:8-"), Ok(()));
        assert_eq!(kind("2:1:a1:7-1:b1:8-"), Err(dataflow_core::ErrorKind::TenantLeak));
    }
}
