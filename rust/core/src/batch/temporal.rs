//! Arrow's dates, times and durations in the units of the table.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::normalise::at_row;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{FloatRules, LogicalType, check_date, check_range, check_time, long_duration};
use crate::value::Raw;

const DAY_US: i64 = 86_400_000_000;

/// Timestamps of `unit` for an instant or a wall time, whose zone has been compared already.
pub(super) fn timestamps(ty: &LogicalType, array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    let us = timestamp_us(ty, array, unit)?;
    check_each(&us, |us| check_range(us).map(drop))?;
    Ok(Arc::new(us.with_data_type(ty.arrow())))
}

fn timestamp_us(
    ty: &LogicalType,
    array: &ArrayRef,
    unit: TimeUnit,
) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    let beyond = || check_range(i64::MAX).err().unwrap_or_else(|| Error::internal("range"));
    match unit {
        TimeUnit::Second => scaled(array.as_primitive::<TimestampSecondType>(), 1_000_000, beyond),
        TimeUnit::Millisecond => scaled(array.as_primitive::<TimestampMillisecondType>(), 1000, beyond),
        TimeUnit::Microsecond => Ok(array.as_primitive::<TimestampMicrosecondType>().clone()),
        TimeUnit::Nanosecond => from_nanoseconds(ty, array.as_primitive::<TimestampNanosecondType>()),
    }
}

/// Bare dates as 00:00, in UTC for an instant.
pub(super) fn midnights(ty: &LogicalType, array: &ArrayRef) -> Result<ArrayRef> {
    let days = days(array)?;
    check_each(&days, |day| check_date(day).map(drop))?;
    // What lies under a null may be any number, here and below.
    let us: PrimitiveArray<TimestampMicrosecondType> = days.unary(|day| i64::from(day).wrapping_mul(DAY_US));
    Ok(Arc::new(us.with_data_type(ty.arrow())))
}

pub(super) fn dates(array: &ArrayRef) -> Result<ArrayRef> {
    let days = days(array)?;
    check_each(&days, |day| check_date(day).map(drop))?;
    Ok(Arc::new(days))
}

fn days(array: &ArrayRef) -> Result<PrimitiveArray<Date32Type>> {
    match array.data_type() {
        DataType::Date32 => Ok(array.as_primitive::<Date32Type>().clone()),
        _ => whole_days(array.as_primitive::<Date64Type>(), 86_400_000),
    }
}

/// A column of wall times stands for dates when every one of them is midnight, as pandas keeps dates.
pub(super) fn dates_of_midnights(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    let us = timestamp_us(&LogicalType::Date, array, unit)?;
    dates(&(Arc::new(whole_days(&us, DAY_US)?) as ArrayRef))
}

fn whole_days<T: ArrowPrimitiveType<Native = i64>>(
    values: &PrimitiveArray<T>,
    day: i64,
) -> Result<PrimitiveArray<Date32Type>> {
    check_each(values, |value| {
        let whole = value % day == 0;
        whole.then_some(()).ok_or_else(|| {
            Error::new(ErrorKind::WrongType, "a datetime with a time of day for a date field")
                .hint("take the dates of the column first")
        })
    })?;
    // A day beyond 32 bits is beyond every date: the check that follows refuses it.
    Ok(values.unary(|value| i32::try_from(value / day).unwrap_or(i32::MAX)))
}

pub(super) fn times(array: &ArrayRef) -> Result<ArrayRef> {
    let us: PrimitiveArray<Time64MicrosecondType> = match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            array.as_primitive::<Time32SecondType>().unary(|value| i64::from(value) * 1_000_000)
        }
        DataType::Time32(_) => array.as_primitive::<Time32MillisecondType>().unary(|value| i64::from(value) * 1000),
        DataType::Time64(TimeUnit::Microsecond) => array.as_primitive::<Time64MicrosecondType>().clone(),
        _ => from_nanoseconds(&LogicalType::Time, array.as_primitive::<Time64NanosecondType>())?,
    };
    check_each(&us, |us| check_time(us).map(drop))?;
    Ok(Arc::new(us))
}

pub(super) fn durations(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef> {
    let us: PrimitiveArray<DurationMicrosecondType> = match unit {
        TimeUnit::Second => scaled(array.as_primitive::<DurationSecondType>(), 1_000_000, long_duration)?,
        TimeUnit::Millisecond => scaled(array.as_primitive::<DurationMillisecondType>(), 1000, long_duration)?,
        TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().clone(),
        TimeUnit::Nanosecond => {
            from_nanoseconds(&LogicalType::Duration, array.as_primitive::<DurationNanosecondType>())?
        }
    };
    Ok(Arc::new(us))
}

/// Intervals of days and parts of a second; a day has 24 hours, as in a timedelta.
pub(super) fn intervals(array: &ArrayRef, unit: IntervalUnit) -> Result<ArrayRef> {
    let us: PrimitiveArray<DurationMicrosecondType> = match unit {
        IntervalUnit::YearMonth => from_parts(array.as_primitive::<IntervalYearMonthType>(), |months| (months, 0, 0))?,
        IntervalUnit::DayTime => {
            let parts = |value: IntervalDayTime| (0, value.days, i64::from(value.milliseconds) * 1_000_000);
            from_parts(array.as_primitive::<IntervalDayTimeType>(), parts)?
        }
        IntervalUnit::MonthDayNano => {
            let parts = |value: IntervalMonthDayNano| (value.months, value.days, value.nanoseconds);
            from_parts(array.as_primitive::<IntervalMonthDayNanoType>(), parts)?
        }
    };
    Ok(Arc::new(us))
}

/// Microseconds of `(months, days, nanoseconds)`.
fn from_parts<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    parts: impl Fn(T::Native) -> (i32, i32, i64),
) -> Result<PrimitiveArray<DurationMicrosecondType>> {
    let microseconds = |value| match parts(value) {
        (0, _, ns) if ns % 1000 != 0 => Err(sub_microsecond(&LogicalType::Duration)),
        (0, days, ns) => {
            let days = i64::from(days).checked_mul(DAY_US);
            days.and_then(|days| days.checked_add(ns / 1000)).ok_or_else(long_duration)
        }
        _ => Err(Error::new(ErrorKind::WrongType, "an interval with months has no fixed length")
            .hint("give a timedelta as days and parts of a day")),
    };
    let mut found = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        found.push(value.map(microseconds).transpose().map_err(|error| at_row(error, row))?);
    }
    Ok(found.into())
}

fn check_each<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    check: impl Fn(T::Native) -> Result<()>,
) -> Result<()> {
    for (row, value) in values.iter().enumerate() {
        if let Some(value) = value {
            check(value).map_err(|error| at_row(error, row))?;
        }
    }
    Ok(())
}

fn scaled<A, B>(values: &PrimitiveArray<A>, factor: i64, beyond: impl Fn() -> Error) -> Result<PrimitiveArray<B>>
where
    A: ArrowPrimitiveType<Native = i64>,
    B: ArrowPrimitiveType<Native = i64>,
{
    check_each(values, |value| value.checked_mul(factor).map(drop).ok_or_else(&beyond))?;
    Ok(values.unary(|value| value.wrapping_mul(factor)))
}

/// Exactly: a value between two microseconds is refused.
fn from_nanoseconds<A, B>(ty: &LogicalType, values: &PrimitiveArray<A>) -> Result<PrimitiveArray<B>>
where
    A: ArrowPrimitiveType<Native = i64>,
    B: ArrowPrimitiveType<Native = i64>,
{
    check_each(values, |ns| if ns % 1000 == 0 { Ok(()) } else { Err(sub_microsecond(ty)) })?;
    Ok(values.unary(|ns| ns.div_euclid(1000)))
}

fn sub_microsecond(ty: &LogicalType) -> Error {
    match ty.accept(Raw::SubMicrosecond, FloatRules { nan: false, infinity: false }) {
        Err(error) => error,
        Ok(_) => Error::internal("a sub-microsecond value was accepted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FIRST_DAY, LAST_DAY};
    use arrow_array::{
        Date64Array, DurationMillisecondArray, DurationNanosecondArray, DurationSecondArray, Time32SecondArray,
        Time64NanosecondArray, TimestampNanosecondArray,
    };

    fn refused(result: Result<ArrayRef>) -> (ErrorKind, String) {
        let error = result.unwrap_err();
        (error.kind(), error.detail().path.clone().unwrap_or_default())
    }

    fn array(array: impl Array + 'static) -> ArrayRef {
        Arc::new(array)
    }

    #[test]
    fn dates_come_in_days_or_at_midnight() {
        let first = i64::from(FIRST_DAY) * 86_400_000;
        let last = i64::from(LAST_DAY) * 86_400_000;
        let found = dates(&array(Date64Array::from(vec![Some(first), None, Some(last)]))).unwrap();
        assert_eq!(found.as_primitive::<Date32Type>().iter().flatten().collect::<Vec<_>>(), [FIRST_DAY, LAST_DAY]);
        let found =
            dates_of_midnights(&array(TimestampNanosecondArray::from(vec![-86_400_000_000_000])), TimeUnit::Nanosecond);
        assert_eq!(found.unwrap().as_primitive::<Date32Type>().value(0), -1);
        let second = "[1]".to_owned();
        assert_eq!(refused(dates(&array(Date64Array::from(vec![0, 1])))), (ErrorKind::WrongType, second.clone()));
        let far = last + 86_400_000;
        assert_eq!(refused(dates(&array(Date64Array::from(vec![0, far])))), (ErrorKind::OutOfRange, second.clone()));
        let late = TimestampNanosecondArray::from(vec![0, 1000]);
        assert_eq!(refused(dates_of_midnights(&array(late), TimeUnit::Nanosecond)), (ErrorKind::WrongType, second));
    }

    #[test]
    fn intervals_without_months_are_durations() {
        let day_us = 86_400_000_000;
        let array_of = |parts: &[(i32, i32, i64)]| {
            let values = parts.iter().map(|&(months, days, ns)| IntervalMonthDayNano::new(months, days, ns));
            array(PrimitiveArray::<IntervalMonthDayNanoType>::from_iter_values(values))
        };
        let found = intervals(&array_of(&[(0, -1, 1000)]), IntervalUnit::MonthDayNano).unwrap();
        assert_eq!(found.as_primitive::<DurationMicrosecondType>().value(0), 1 - day_us);
        let days = PrimitiveArray::<IntervalDayTimeType>::from_iter_values([IntervalDayTime::new(1, -1)]);
        let found = intervals(&array(days), IntervalUnit::DayTime).unwrap();
        assert_eq!(found.as_primitive::<DurationMicrosecondType>().value(0), day_us - 1000);
        for (parts, kind) in [
            ((1, 0, 0), ErrorKind::WrongType),
            ((0, 0, 1), ErrorKind::OutOfRange),
            ((0, i32::MAX, 0), ErrorKind::OutOfRange),
        ] {
            let second = (kind, "[1]".to_owned());
            assert_eq!(refused(intervals(&array_of(&[(0, 0, 0), parts]), IntervalUnit::MonthDayNano)), second);
        }
    }

    #[test]
    fn times_and_durations_are_exact() {
        let seconds = times(&array(Time32SecondArray::from(vec![86_399]))).unwrap();
        assert_eq!(seconds.as_primitive::<Time64MicrosecondType>().value(0), 86_399_000_000);
        let second = "[1]".to_owned();
        assert_eq!(
            refused(times(&array(Time64NanosecondArray::from(vec![1000, 1])))),
            (ErrorKind::OutOfRange, second.clone())
        );
        assert_eq!(refused(times(&array(Time32SecondArray::from(vec![0, 86_400])))).0, ErrorKind::OutOfRange);
        let found = durations(&array(DurationMillisecondArray::from(vec![-1])), TimeUnit::Millisecond).unwrap();
        assert_eq!(found.as_primitive::<DurationMicrosecondType>().value(0), -1000);
        let long = DurationSecondArray::from(vec![0, i64::MAX]);
        assert_eq!(refused(durations(&array(long), TimeUnit::Second)), (ErrorKind::OutOfRange, second.clone()));
        let nanos = DurationNanosecondArray::from(vec![-1000, -1]);
        assert_eq!(refused(durations(&array(nanos), TimeUnit::Nanosecond)), (ErrorKind::OutOfRange, second));
    }
}
