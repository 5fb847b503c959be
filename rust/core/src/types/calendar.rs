//! Datetimes as microseconds since 1970-01-01, between the years 1 and 9999 (what Python holds).

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::fixed::DAY_US;
use super::{LogicalType, unreadable, wrong_type};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Raw, Value};

/// 0001-01-01T00:00:00.
pub const FIRST_MICROSECOND: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999.
pub const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;
/// 0001-01-01, in days since 1970-01-01.
pub const FIRST_DAY: i32 = -719_162;
/// 9999-12-31.
pub const LAST_DAY: i32 = 2_932_896;

pub(super) fn accept(raw: &Raw<'_>, instant: bool) -> Result<Value<'static>> {
    match raw {
        Raw::Instant(us) if instant => check_range(*us).map(Value::Instant),
        Raw::WallTime(us) if !instant => check_range(*us).map(Value::WallTime),
        Raw::Instant(_) => Err(aware_for_wall_time()),
        Raw::WallTime(_) => Err(naive_for_instant()),
        Raw::SubMicrosecond => Err(sub_microsecond()),
        Raw::Date(days) => {
            let midnight = i64::from(check_date(*days)?) * DAY_US;
            Ok(if instant { Value::Instant(midnight) } else { Value::WallTime(midnight) })
        }
        Raw::Text(text) => parse_datetime(text, instant).map(if instant { Value::Instant } else { Value::WallTime }),
        raw => Err(wrong_type(if instant { &LogicalType::Instant } else { &LogicalType::WallTime }, raw)),
    }
}

pub fn naive_for_instant() -> Error {
    Error::new(ErrorKind::TimezoneMismatch, "a naive datetime does not say which instant it means").hint(
        "give it a zone, e.g. value.replace(tzinfo=timezone.utc), or declare the field Annotated[datetime, Naive()]",
    )
}

pub fn aware_for_wall_time() -> Error {
    Error::new(ErrorKind::TimezoneMismatch, "an aware datetime for a field that holds wall time")
        .hint("drop the zone with value.replace(tzinfo=None), or declare the field as plain datetime")
}

pub fn sub_microsecond() -> Error {
    Error::new(ErrorKind::OutOfRange, "nanoseconds would be lost: the columns keep microseconds")
        .hint("round the values to microseconds first")
}

pub fn check_range(us: i64) -> Result<i64> {
    if (FIRST_MICROSECOND..=LAST_MICROSECOND).contains(&us) {
        return Ok(us);
    }
    Err(Error::new(ErrorKind::OutOfRange, "a datetime lies between the years 1 and 9999"))
}

pub fn check_date(days: i32) -> Result<i32> {
    if (FIRST_DAY..=LAST_DAY).contains(&days) {
        return Ok(days);
    }
    Err(Error::new(ErrorKind::OutOfRange, "a date lies between the years 1 and 9999"))
}

/// Reads ISO 8601: a date, or date and time with up to 9 digits of a second; a zone exactly for an instant.
///
/// A bare date is 00:00 (UTC for an instant).
pub fn parse_datetime(text: &str, instant: bool) -> Result<i64> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let midnight = date.and_hms_opt(0, 0, 0).map(|at| at.and_utc().timestamp_micros());
        return check_range(midnight.unwrap_or(i64::MAX));
    }
    let text = text.replacen(' ', "T", 1);
    let aware = DateTime::parse_from_rfc3339(&text).map(|at| (at.timestamp_micros(), at.timestamp_subsec_nanos()));
    let naive = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f")
        .map(|at| at.and_utc())
        .map(|at| (at.timestamp_micros(), at.timestamp_subsec_nanos()));
    let (us, nanos) = match (aware, naive, instant) {
        (Ok(found), _, true) | (_, Ok(found), false) => found,
        (Ok(_), _, false) => return Err(aware_for_wall_time()),
        (_, Ok(_), true) => return Err(naive_for_instant()),
        _ => return Err(unreadable(if instant { &LogicalType::Instant } else { &LogicalType::WallTime })),
    };
    // 1_000_000_000 and above is a leap second, which no column keeps.
    if nanos >= 1_000_000_000 || nanos % 1000 != 0 {
        return Err(sub_microsecond());
    }
    check_range(us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_forms_are_read() {
        for (text, us) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:01Z", 1_000_000),
            ("1970-01-01 01:00:00.000001+01:00", 1),
            ("0001-01-01T00:00:00+00:00", FIRST_MICROSECOND),
            ("9999-12-31T23:59:59.999999Z", LAST_MICROSECOND),
        ] {
            assert_eq!(parse_datetime(text, true).unwrap(), us, "{text}");
        }
        assert_eq!(parse_datetime("1970-01-01T00:00:01.5", false).unwrap(), 1_500_000);
    }

    #[test]
    fn a_zone_is_needed_for_an_instant_and_refused_for_wall_time() {
        for (text, instant) in [("2024-01-01T00:00:00", true), ("2024-01-01T00:00:00Z", false)] {
            assert_eq!(parse_datetime(text, instant).unwrap_err().kind(), ErrorKind::TimezoneMismatch);
        }
    }

    #[test]
    fn what_would_be_lost_is_refused() {
        assert_eq!(parse_datetime("2024-01-01T00:00:00.000000001Z", true).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(parse_datetime("2016-12-31T23:59:60Z", true).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(parse_datetime("2024-02-30", true).unwrap_err().kind(), ErrorKind::WrongType);
    }
}
