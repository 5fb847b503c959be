//! Values on their way into SQLite, from parameters and straight from Arrow columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMicrosecondArray, FixedSizeBinaryArray,
    Float64Array, Int64Array, ListArray, RecordBatch, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_schema::Field;
use dataflow_core::batch::list_cell;
use dataflow_core::dialect::{Param, ParamValue, encode_decimal};
use dataflow_core::types::{
    LogicalType, WALL_WIDTH, check_date, check_range, check_time, render_date, render_datetime, render_list,
    render_time,
};
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::statement::Execution;

pub(super) fn bind_params<'v>(execution: &mut Execution<'_, '_, 'v>, params: &'v [Param]) -> Result<()> {
    for (at, param) in params.iter().enumerate() {
        match &param.value {
            ParamValue::One(value) => bind_value(execution, at, &param.ty, value)?,
            ParamValue::Many(_) | ParamValue::Column(_) => {
                return Err(Error::internal("SQLite has no array parameters"));
            }
        }
    }
    Ok(())
}

fn bind_value<'v>(
    execution: &mut Execution<'_, '_, 'v>,
    at: usize,
    ty: &LogicalType,
    value: &'v Value<'static>,
) -> Result<()> {
    match value {
        Value::Null => execution.bind_null(at),
        Value::Bool(value) => execution.bind_int(at, i64::from(*value)),
        Value::Int(value) | Value::Duration(value) => execution.bind_int(at, *value),
        Value::Float(value) => bind_float(execution, at, *value),
        Value::Decimal(value) => execution.bind_short_blob(at, &encode_decimal(*value)),
        Value::Text(value) | Value::Json(value) => execution.bind_text(at, value),
        Value::Bytes(value) => execution.bind_blob(at, value),
        Value::Uuid(value) => execution.bind_blob(at, value),
        Value::Instant(us) => bind_instant(execution, at, *us),
        Value::WallTime(us) => bind_wall_time(execution, at, *us),
        Value::Date(days) => bind_date(execution, at, *days),
        Value::Time(us) => bind_time(execution, at, *us),
        Value::List(items) => match ty {
            LogicalType::List { item } => execution.bind_made_text(at, &render_list(item, items)?),
            _ => Err(Error::internal("a list without the type of its items")),
        },
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
    execution.bind_short_text(at, &render_datetime(check_range(us)?))
}

fn bind_wall_time(execution: &mut Execution<'_, '_, '_>, at: usize, us: i64) -> Result<()> {
    execution.bind_short_text(at, &render_datetime(check_range(us)?)[..WALL_WIDTH])
}

fn bind_date(execution: &mut Execution<'_, '_, '_>, at: usize, days: i32) -> Result<()> {
    execution.bind_short_text(at, &render_date(check_date(days)?))
}

fn bind_time(execution: &mut Execution<'_, '_, '_>, at: usize, us: i64) -> Result<()> {
    execution.bind_short_text(at, &render_time(check_time(us)?))
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
    Date(&'v Date32Array),
    Time(&'v Time64MicrosecondArray),
    Duration(&'v DurationMicrosecondArray),
    List(&'v ListArray, LogicalType),
}

/// The columns of `batch`, which are of the types that `LogicalType::arrow` names.
pub(super) fn columns(batch: &RecordBatch) -> Result<Vec<Column<'_>>> {
    let named = batch.schema_ref().fields().iter().zip(batch.columns());
    named.map(|(field, array)| Ok(Column { name: field.name(), values: values(field, array.as_ref())? })).collect()
}

fn values<'v>(field: &Field, array: &'v dyn Array) -> Result<Values<'v>> {
    Ok(match LogicalType::of_field(field)? {
        LogicalType::Bool => Values::Bool(array.as_boolean()),
        LogicalType::Int => Values::Int(array.as_primitive::<Int64Type>()),
        LogicalType::Float => Values::Float(array.as_primitive::<Float64Type>()),
        LogicalType::Decimal { .. } => Values::Decimal(array.as_primitive::<Decimal128Type>()),
        LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => {
            Values::Text(array.as_string::<i32>())
        }
        LogicalType::Bytes => Values::Bytes(array.as_binary::<i32>()),
        LogicalType::Uuid => Values::Uuid(array.as_fixed_size_binary()),
        LogicalType::Instant => Values::Instant(array.as_primitive::<TimestampMicrosecondType>()),
        LogicalType::WallTime => Values::WallTime(array.as_primitive::<TimestampMicrosecondType>()),
        LogicalType::Date => Values::Date(array.as_primitive::<Date32Type>()),
        LogicalType::Time => Values::Time(array.as_primitive::<Time64MicrosecondType>()),
        LogicalType::Duration => Values::Duration(array.as_primitive::<DurationMicrosecondType>()),
        LogicalType::List { item } => Values::List(array.as_list::<i32>(), *item),
        LogicalType::Rows(_) => return Err(Error::internal("rows are no data of a table")),
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
            Values::Date(array) => bind_date(execution, at, array.value(row)),
            Values::Time(array) => bind_time(execution, at, array.value(row)),
            Values::Duration(array) => execution.bind_int(at, array.value(row)),
            Values::List(array, item) => {
                execution.bind_made_text(at, &render_list(item, &list_cell(item, *array, row)?)?)
            }
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
            Values::Date(array) => array.is_null(row),
            Values::Time(array) => array.is_null(row),
            Values::Duration(array) => array.is_null(row),
            Values::List(array, _) => array.is_null(row),
        }
    }
}
