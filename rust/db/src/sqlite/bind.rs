//! Values on their way into SQLite, from parameters and straight from Arrow columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, TimeUnit};
use dataflow_core::dialect::{Param, ParamValue, encode_decimal};
use dataflow_core::types::check_range;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::datetime::{WALL_WIDTH, render};
use super::statement::Execution;

pub(super) fn bind_params<'v>(execution: &mut Execution<'_, '_, 'v>, params: &'v [Param]) -> Result<()> {
    for (at, param) in params.iter().enumerate() {
        match &param.value {
            ParamValue::One(value) => bind_value(execution, at, value)?,
            ParamValue::Many(_) => return Err(Error::internal("SQLite has no array parameters")),
        }
    }
    Ok(())
}

fn bind_value<'v>(execution: &mut Execution<'_, '_, 'v>, at: usize, value: &'v Value<'static>) -> Result<()> {
    match value {
        Value::Null => execution.bind_null(at),
        Value::Bool(value) => execution.bind_int(at, i64::from(*value)),
        Value::Int(value) => execution.bind_int(at, *value),
        Value::Float(value) => bind_float(execution, at, *value),
        Value::Decimal(value) => execution.bind_short_blob(at, &encode_decimal(*value)),
        Value::Text(value) => execution.bind_text(at, value),
        Value::Bytes(value) => execution.bind_blob(at, value),
        Value::Uuid(value) => execution.bind_blob(at, value),
        Value::Instant(us) => bind_instant(execution, at, *us),
        Value::WallTime(us) => bind_wall_time(execution, at, *us),
    }
}

/// SQLite stores NaN as NULL without a word.
fn bind_float(execution: &mut Execution<'_, '_, '_>, at: usize, value: f64) -> Result<()> {
    if value.is_nan() {
        return Err(Error::new(ErrorKind::NotFinite, "this database cannot keep NaN"));
    }
    execution.bind_float(at, value)
}

fn bind_instant(execution: &mut Execution<'_, '_, '_>, at: usize, us: i64) -> Result<()> {
    execution.bind_short_text(at, &render(check_range(us)?))
}

fn bind_wall_time(execution: &mut Execution<'_, '_, '_>, at: usize, us: i64) -> Result<()> {
    execution.bind_short_text(at, &render(check_range(us)?)[..WALL_WIDTH])
}

/// An Arrow column whose type was looked at once.
pub(super) struct Column<'v> {
    name: &'v str,
    values: Values<'v>,
}

enum Values<'v> {
    Bool(&'v BooleanArray),
    Int(&'v Int64Array),
    Float(&'v Float64Array),
    Decimal(&'v Decimal128Array),
    Text(&'v StringArray),
    Bytes(&'v BinaryArray),
    Uuid(&'v FixedSizeBinaryArray),
    Instant(&'v TimestampMicrosecondArray),
    WallTime(&'v TimestampMicrosecondArray),
}

/// The columns of `batch`, which are of the types that `LogicalType::arrow` names.
pub(super) fn columns(batch: &RecordBatch) -> Result<Vec<Column<'_>>> {
    let named = batch.schema_ref().fields().iter().zip(batch.columns());
    named.map(|(field, array)| Ok(Column { name: field.name(), values: values(array.as_ref())? })).collect()
}

fn values(array: &dyn Array) -> Result<Values<'_>> {
    Ok(match array.data_type() {
        DataType::Boolean => Values::Bool(array.as_boolean()),
        DataType::Int64 => Values::Int(array.as_primitive::<Int64Type>()),
        DataType::Float64 => Values::Float(array.as_primitive::<Float64Type>()),
        DataType::Decimal128(..) => Values::Decimal(array.as_primitive::<Decimal128Type>()),
        DataType::Utf8 => Values::Text(array.as_string::<i32>()),
        DataType::Binary => Values::Bytes(array.as_binary::<i32>()),
        DataType::FixedSizeBinary(16) => Values::Uuid(array.as_fixed_size_binary()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let array = array.as_primitive::<TimestampMicrosecondType>();
            if zone.is_some() { Values::Instant(array) } else { Values::WallTime(array) }
        }
        other => return Err(Error::internal(format!("a column of type {other} reached SQLite"))),
    })
}

impl<'v> Column<'v> {
    pub fn bind(&self, execution: &mut Execution<'_, '_, 'v>, at: usize, row: usize) -> Result<()> {
        self.values.bind(execution, at, row).map_err(|error| error.within(self.name))
    }
}

impl<'v> Values<'v> {
    #[inline]
    fn bind(&self, execution: &mut Execution<'_, '_, 'v>, at: usize, row: usize) -> Result<()> {
        if self.is_null(row) {
            return execution.bind_null(at);
        }
        match self {
            Values::Bool(array) => execution.bind_int(at, i64::from(array.value(row))),
            Values::Int(array) => execution.bind_int(at, array.value(row)),
            Values::Float(array) => bind_float(execution, at, array.value(row)),
            Values::Decimal(array) => execution.bind_short_blob(at, &encode_decimal(array.value(row))),
            Values::Text(array) => execution.bind_text(at, array.value(row)),
            Values::Bytes(array) => execution.bind_blob(at, array.value(row)),
            Values::Uuid(array) => execution.bind_blob(at, array.value(row)),
            Values::Instant(array) => bind_instant(execution, at, array.value(row)),
            Values::WallTime(array) => bind_wall_time(execution, at, array.value(row)),
        }
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Bool(array) => array.is_null(row),
            Values::Int(array) => array.is_null(row),
            Values::Float(array) => array.is_null(row),
            Values::Decimal(array) => array.is_null(row),
            Values::Text(array) => array.is_null(row),
            Values::Bytes(array) => array.is_null(row),
            Values::Uuid(array) => array.is_null(row),
            Values::Instant(array) | Values::WallTime(array) => array.is_null(row),
        }
    }
}
