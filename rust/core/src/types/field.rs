//! A logical type in Arrow, and back: an encoder is chosen by the column's type, which its Arrow field tells.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};

use super::LogicalType;
use crate::error::{Error, Result};

/// Key of an extension type's name in a field's metadata.
const EXTENSION: &str = "ARROW:extension:name";
/// <https://arrow.apache.org/docs/format/CanonicalExtensions.html#uuid>
const UUID: &str = "arrow.uuid";
/// <https://arrow.apache.org/docs/format/CanonicalExtensions.html#json>
const JSON: &str = "arrow.json";

impl LogicalType {
    /// The Arrow type in which columns of this type travel inside DataFlow and come back to the caller.
    pub fn arrow(&self) -> DataType {
        match self {
            LogicalType::Bool => DataType::Boolean,
            LogicalType::Int => DataType::Int64,
            LogicalType::Float => DataType::Float64,
            LogicalType::Decimal { precision, scale } => DataType::Decimal128(*precision, scale.cast_signed()),
            LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => DataType::Utf8,
            LogicalType::Bytes => DataType::Binary,
            LogicalType::Uuid => DataType::FixedSizeBinary(16),
            LogicalType::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))),
            LogicalType::WallTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            LogicalType::Date => DataType::Date32,
            LogicalType::Time => DataType::Time64(TimeUnit::Microsecond),
            LogicalType::Duration => DataType::Duration(TimeUnit::Microsecond),
            LogicalType::List { item } => DataType::List(Arc::new(item.field("item", false))),
            LogicalType::Rows(rows) => rows.arrow(),
        }
    }

    /// The Arrow field of a column of this type; a UUID and JSON carry their extension names.
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let extension = match self {
            LogicalType::Uuid => UUID,
            LogicalType::Json => JSON,
            _ => return Field::new(name, self.arrow(), nullable),
        };
        let metadata = [(EXTENSION.to_owned(), extension.to_owned())];
        Field::new(name, self.arrow(), nullable).with_metadata(metadata.into())
    }

    /// The type of a field that [`Self::field`] made, without bounds that do not matter on the wire: a choice is a text.
    ///
    /// # Errors
    /// `Internal` for any other field.
    pub fn of_field(field: &Field) -> Result<LogicalType> {
        Ok(match field.data_type() {
            DataType::Boolean => LogicalType::Bool,
            DataType::Int64 => LogicalType::Int,
            DataType::Float64 => LogicalType::Float,
            DataType::Decimal128(precision, scale) => {
                LogicalType::Decimal { precision: *precision, scale: scale.cast_unsigned() }
            }
            DataType::Utf8 if field.metadata().get(EXTENSION).is_some_and(|name| name == JSON) => LogicalType::Json,
            DataType::Utf8 => LogicalType::Text { max_length: None },
            DataType::Binary => LogicalType::Bytes,
            DataType::FixedSizeBinary(16) => LogicalType::Uuid,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => LogicalType::Instant,
            DataType::Timestamp(TimeUnit::Microsecond, None) => LogicalType::WallTime,
            DataType::Date32 => LogicalType::Date,
            DataType::Time64(TimeUnit::Microsecond) => LogicalType::Time,
            DataType::Duration(TimeUnit::Microsecond) => LogicalType::Duration,
            DataType::List(item) => LogicalType::List { item: Box::new(LogicalType::of_field(item)?) },
            other => return Err(Error::internal(format!("no column has the Arrow type {other}"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_tells_its_type() {
        let scalars = [
            LogicalType::Bool,
            LogicalType::Int,
            LogicalType::Float,
            LogicalType::Decimal { precision: 10, scale: 2 },
            LogicalType::Text { max_length: None },
            LogicalType::Bytes,
            LogicalType::Uuid,
            LogicalType::Instant,
            LogicalType::WallTime,
            LogicalType::Date,
            LogicalType::Time,
            LogicalType::Duration,
        ];
        let lists = scalars.clone().map(|item| LogicalType::List { item: Box::new(item) });
        for ty in scalars.into_iter().chain(lists).chain([LogicalType::Json]) {
            assert_eq!(LogicalType::of_field(&ty.field("a", true)).unwrap(), ty);
        }
        assert!(LogicalType::of_field(&Field::new("a", DataType::Int32, true)).is_err());
    }
}
