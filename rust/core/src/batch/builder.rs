//! One growing Arrow column of a logical type.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, DurationMicrosecondBuilder,
    FixedSizeBinaryBuilder, Float64Builder, Int64Builder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, ListArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::FieldRef;

use super::NestedBuilder;
use crate::error::{Error, ErrorKind, Result};
use crate::types::LogicalType;
use crate::value::Value;

/// Grows by [`Value`]s that [`LogicalType::accept`] returned for the same type.
pub enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder),
    /// Text, choices and JSON.
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Instant(TimestampMicrosecondBuilder),
    WallTime(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Duration(DurationMicrosecondBuilder),
    List(Box<ListBuilder>),
    Rows(Box<NestedBuilder>),
}

/// Lists as the end of each among the items of all.
pub struct ListBuilder {
    field: FieldRef,
    items: ColumnBuilder,
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
}

impl ListBuilder {
    fn new(item: &LogicalType, rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        ListBuilder {
            field: Arc::new(item.field("item", false)),
            items: ColumnBuilder::new(item, rows),
            offsets,
            valid: NullBufferBuilder::new(rows),
        }
    }

    fn append(&mut self, items: &[Value<'_>]) -> Result<()> {
        let last = self.offsets.last().copied().unwrap_or(0);
        let end = i32::try_from(items.len()).ok().and_then(|length| last.checked_add(length));
        let end = end.ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "the lists of one column have at most 2^31 - 1 items together")
                .hint("give the rows in several calls")
        })?;
        for item in items {
            self.items.append(item)?;
        }
        self.offsets.push(end);
        self.valid.append_non_null();
        Ok(())
    }

    fn append_null(&mut self) {
        self.offsets.push(self.offsets.last().copied().unwrap_or(0));
        self.valid.append_null();
    }

    fn finish(mut self) -> ArrayRef {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Arc::new(ListArray::new(self.field, offsets, self.items.finish(), self.valid.finish()))
    }
}

impl ColumnBuilder {
    pub fn new(ty: &LogicalType, rows: usize) -> Self {
        match ty {
            LogicalType::Bool => ColumnBuilder::Bool(BooleanBuilder::with_capacity(rows)),
            LogicalType::Int => ColumnBuilder::Int(Int64Builder::with_capacity(rows)),
            LogicalType::Float => ColumnBuilder::Float(Float64Builder::with_capacity(rows)),
            LogicalType::Decimal { .. } => {
                ColumnBuilder::Decimal(Decimal128Builder::with_capacity(rows).with_data_type(ty.arrow()))
            }
            LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => {
                ColumnBuilder::Text(StringBuilder::with_capacity(rows, rows * 16))
            }
            LogicalType::Bytes => ColumnBuilder::Bytes(BinaryBuilder::with_capacity(rows, rows * 16)),
            LogicalType::Uuid => ColumnBuilder::Uuid(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
            LogicalType::Instant => {
                ColumnBuilder::Instant(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(ty.arrow()))
            }
            LogicalType::WallTime => ColumnBuilder::WallTime(TimestampMicrosecondBuilder::with_capacity(rows)),
            LogicalType::Date => ColumnBuilder::Date(Date32Builder::with_capacity(rows)),
            LogicalType::Time => ColumnBuilder::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            LogicalType::Duration => ColumnBuilder::Duration(DurationMicrosecondBuilder::with_capacity(rows)),
            LogicalType::List { item } => ColumnBuilder::List(Box::new(ListBuilder::new(item, rows))),
            LogicalType::Rows(ty) => ColumnBuilder::Rows(Box::new(NestedBuilder::new(ty, rows))),
        }
    }

    pub fn append_null(&mut self) {
        match self {
            ColumnBuilder::Bool(b) => b.append_null(),
            ColumnBuilder::Int(b) => b.append_null(),
            ColumnBuilder::Float(b) => b.append_null(),
            ColumnBuilder::Decimal(b) => b.append_null(),
            ColumnBuilder::Text(b) => b.append_null(),
            ColumnBuilder::Bytes(b) => b.append_null(),
            ColumnBuilder::Uuid(b) => b.append_null(),
            ColumnBuilder::Instant(b) | ColumnBuilder::WallTime(b) => b.append_null(),
            ColumnBuilder::Date(b) => b.append_null(),
            ColumnBuilder::Time(b) => b.append_null(),
            ColumnBuilder::Duration(b) => b.append_null(),
            ColumnBuilder::List(b) => b.append_null(),
            ColumnBuilder::Rows(b) => b.append_null(),
        }
    }

    /// Rows come by [`NestedBuilder::append`].
    ///
    /// # Errors
    /// `Internal` when the value is not of this column's type.
    pub fn append(&mut self, value: &Value<'_>) -> Result<()> {
        match (self, value) {
            (builder, Value::Null) => builder.append_null(),
            (ColumnBuilder::Bool(b), Value::Bool(v)) => b.append_value(*v),
            (ColumnBuilder::Int(b), Value::Int(v)) => b.append_value(*v),
            (ColumnBuilder::Float(b), Value::Float(v)) => b.append_value(*v),
            (ColumnBuilder::Decimal(b), Value::Decimal(v)) => b.append_value(*v),
            (ColumnBuilder::Text(b), Value::Text(v) | Value::Json(v)) => b.append_value(v),
            (ColumnBuilder::Bytes(b), Value::Bytes(v)) => b.append_value(v),
            (ColumnBuilder::Uuid(b), Value::Uuid(v)) => {
                b.append_value(v).map_err(|error| Error::internal(error.to_string()))?;
            }
            (ColumnBuilder::Instant(b), Value::Instant(v)) | (ColumnBuilder::WallTime(b), Value::WallTime(v)) => {
                b.append_value(*v);
            }
            (ColumnBuilder::Date(b), Value::Date(v)) => b.append_value(*v),
            (ColumnBuilder::Time(b), Value::Time(v)) => b.append_value(*v),
            (ColumnBuilder::Duration(b), Value::Duration(v)) => b.append_value(*v),
            (ColumnBuilder::List(b), Value::List(items)) => b.append(items)?,
            _ => return Err(Error::internal("a value of another type reached a column")),
        }
        Ok(())
    }

    pub fn finish(self) -> ArrayRef {
        match self {
            ColumnBuilder::Bool(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Int(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Float(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Decimal(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Text(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Bytes(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Uuid(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Instant(mut b) | ColumnBuilder::WallTime(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Date(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Time(mut b) => Arc::new(b.finish()),
            ColumnBuilder::Duration(mut b) => Arc::new(b.finish()),
            ColumnBuilder::List(b) => b.finish(),
            ColumnBuilder::Rows(b) => b.finish(),
        }
    }
}
