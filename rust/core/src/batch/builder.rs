//! One growing Arrow column of a logical type.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Decimal128Builder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};

use crate::error::{Error, Result};
use crate::types::LogicalType;
use crate::value::Value;

/// Grows by [`Value`]s that [`LogicalType::accept`] returned for the same type.
pub enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Instant(TimestampMicrosecondBuilder),
    WallTime(TimestampMicrosecondBuilder),
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
            LogicalType::Text { .. } => ColumnBuilder::Text(StringBuilder::with_capacity(rows, rows * 16)),
            LogicalType::Bytes => ColumnBuilder::Bytes(BinaryBuilder::with_capacity(rows, rows * 16)),
            LogicalType::Uuid => ColumnBuilder::Uuid(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
            LogicalType::Instant => {
                ColumnBuilder::Instant(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(ty.arrow()))
            }
            LogicalType::WallTime => ColumnBuilder::WallTime(TimestampMicrosecondBuilder::with_capacity(rows)),
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
        }
    }

    /// # Errors
    /// `Internal` when the value is not of this column's type.
    pub fn append(&mut self, value: &Value<'_>) -> Result<()> {
        match (self, value) {
            (builder, Value::Null) => builder.append_null(),
            (ColumnBuilder::Bool(b), Value::Bool(v)) => b.append_value(*v),
            (ColumnBuilder::Int(b), Value::Int(v)) => b.append_value(*v),
            (ColumnBuilder::Float(b), Value::Float(v)) => b.append_value(*v),
            (ColumnBuilder::Decimal(b), Value::Decimal(v)) => b.append_value(*v),
            (ColumnBuilder::Text(b), Value::Text(v)) => b.append_value(v),
            (ColumnBuilder::Bytes(b), Value::Bytes(v)) => b.append_value(v),
            (ColumnBuilder::Uuid(b), Value::Uuid(v)) => {
                b.append_value(v).map_err(|error| Error::internal(error.to_string()))?;
            }
            (ColumnBuilder::Instant(b), Value::Instant(v)) | (ColumnBuilder::WallTime(b), Value::WallTime(v)) => {
                b.append_value(*v);
            }
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
        }
    }
}
