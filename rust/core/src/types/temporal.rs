//! Dates, times of day and durations.

use super::calendar::{check_date, sub_microsecond};
use super::fixed::{DAY_US, read_date};
use super::{LogicalType, unreadable, wrong_type};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Raw, Value};

pub(super) fn accept_date(raw: &Raw<'_>) -> Result<Value<'static>> {
    match raw {
        Raw::Date(days) => check_date(*days).map(Value::Date),
        Raw::Text(text) => {
            read_date(text.trim().as_bytes()).map(Value::Date).ok_or_else(|| unreadable(&LogicalType::Date))
        }
        Raw::Instant(_) | Raw::WallTime(_) => {
            Err(wrong_type(&LogicalType::Date, raw).hint("take the date of it with value.date()"))
        }
        raw => Err(wrong_type(&LogicalType::Date, raw)),
    }
}

pub(super) fn accept_time(raw: &Raw<'_>) -> Result<Value<'static>> {
    match raw {
        Raw::Time(us) => check_time(*us).map(Value::Time),
        Raw::Text(text) => parse_time(text.trim()).map(Value::Time),
        Raw::AwareTime => Err(aware_time()),
        Raw::SubMicrosecond => Err(sub_microsecond()),
        Raw::Instant(_) | Raw::WallTime(_) => {
            Err(wrong_type(&LogicalType::Time, raw).hint("take the time of it with value.time()"))
        }
        raw => Err(wrong_type(&LogicalType::Time, raw)),
    }
}

pub(super) fn accept_duration(raw: &Raw<'_>) -> Result<Value<'static>> {
    match raw {
        Raw::Duration(us) => Ok(Value::Duration(*us)),
        Raw::LongDuration => Err(long_duration()),
        Raw::SubMicrosecond => Err(sub_microsecond()),
        Raw::Text(_) => Err(wrong_type(&LogicalType::Duration, raw).hint("give a datetime.timedelta")),
        raw => Err(wrong_type(&LogicalType::Duration, raw)),
    }
}

fn aware_time() -> Error {
    Error::new(ErrorKind::TimezoneMismatch, "a time field holds no zone")
        .hint("drop the zone with value.replace(tzinfo=None)")
}

pub(crate) fn long_duration() -> Error {
    Error::new(ErrorKind::OutOfRange, "a timedelta field holds -2^63 to 2^63 - 1 microseconds")
}

/// From 00:00 to before 24:00.
pub fn check_time(us: i64) -> Result<i64> {
    if (0..DAY_US).contains(&us) {
        return Ok(us);
    }
    Err(Error::new(ErrorKind::OutOfRange, "a time of day lies from 00:00 to before 24:00"))
}

/// Reads `HH:MM[:SS[.f]]` with up to 9 digits of a second.
fn parse_time(text: &str) -> Result<i64> {
    let cannot = || unreadable(&LogicalType::Time);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(text.len());
    let (clock, zone) = text.split_at(end);
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) if clock.len() == 8 && (1..=9).contains(&fraction.len()) => (clock, fraction),
        Some(_) => return Err(cannot()),
        None => (clock, ""),
    };
    let mut us = 0;
    let mut parts = 0;
    for (part, (limit, unit)) in clock.split(':').zip([(24, 3_600_000_000), (60, 60_000_000), (60, 1_000_000)]) {
        let number = (part.len() == 2).then(|| part.parse::<i64>().ok()).flatten().filter(|number| *number < limit);
        us += number.ok_or_else(cannot)? * unit;
        parts += 1;
    }
    if parts < 2 || clock.len() != parts * 3 - 1 {
        return Err(cannot());
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| cannot())?;
    match zone.trim_start().as_bytes().first() {
        Some(b'Z' | b'z' | b'+' | b'-') => Err(aware_time()),
        Some(_) => Err(cannot()),
        None if nanos % 1000 != 0 => Err(sub_microsecond()),
        None => Ok(us + nanos / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FIRST_DAY, FloatRules, LAST_DAY};

    fn accept(ty: &LogicalType, raw: Raw<'_>) -> Result<Value<'static>, ErrorKind> {
        let floats = FloatRules { nan: false, infinity: false };
        ty.accept(raw, floats).map(Value::into_owned).map_err(|error| error.kind())
    }

    #[test]
    fn a_date_is_a_date_and_no_datetime() {
        let ty = LogicalType::Date;
        for (text, day) in [("0001-01-01", FIRST_DAY), ("1970-01-01", 0), ("9999-12-31", LAST_DAY)] {
            assert_eq!(accept(&ty, Raw::Text(text.into())), Ok(Value::Date(day)));
            assert_eq!(accept(&ty, Raw::Date(day)), Ok(Value::Date(day)));
        }
        for raw in [Raw::Instant(0), Raw::WallTime(0), Raw::Text("1970-01-01T00:00".into()), Raw::Int(0)] {
            assert_eq!(accept(&ty, raw), Err(ErrorKind::WrongType));
        }
        assert_eq!(accept(&ty, Raw::Date(LAST_DAY + 1)), Err(ErrorKind::OutOfRange));
    }

    #[test]
    fn a_bare_date_is_midnight_of_a_datetime() {
        let day = DAY_US * 19_723;
        assert_eq!(accept(&LogicalType::Instant, Raw::Date(19_723)), Ok(Value::Instant(day)));
        assert_eq!(accept(&LogicalType::WallTime, Raw::Date(19_723)), Ok(Value::WallTime(day)));
    }

    #[test]
    fn times_of_day_are_read_in_iso_form() {
        for (text, us) in [
            ("00:00", 0),
            ("23:59:59.999999", DAY_US - 1),
            ("01:02:03", 3_723_000_000),
            ("00:00:00.5", 500_000),
            ("00:00:00.000001000", 1),
        ] {
            assert_eq!(accept(&LogicalType::Time, Raw::Text(text.into())), Ok(Value::Time(us)), "{text}");
        }
        for text in
            ["", "24:00", "1:02", "12", "12:60", "12:00:", "12:00.5", "12:00:00.", "12:00:00:00", "12:00x", "+1:00"]
        {
            assert_eq!(accept(&LogicalType::Time, Raw::Text(text.into())), Err(ErrorKind::WrongType), "{text}");
        }
        for text in ["12:00Z", "12:00:00+01:00"] {
            assert_eq!(accept(&LogicalType::Time, Raw::Text(text.into())), Err(ErrorKind::TimezoneMismatch));
        }
        let nanos = Raw::Text("00:00:00.000000001".into());
        assert_eq!(accept(&LogicalType::Time, nanos), Err(ErrorKind::OutOfRange));
        assert_eq!(accept(&LogicalType::Time, Raw::AwareTime), Err(ErrorKind::TimezoneMismatch));
        assert_eq!(accept(&LogicalType::Time, Raw::Time(DAY_US)), Err(ErrorKind::OutOfRange));
    }

    #[test]
    fn a_duration_is_no_text_and_has_64_bits() {
        for us in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(accept(&LogicalType::Duration, Raw::Duration(us)), Ok(Value::Duration(us)));
        }
        assert_eq!(accept(&LogicalType::Duration, Raw::LongDuration), Err(ErrorKind::OutOfRange));
        assert_eq!(accept(&LogicalType::Duration, Raw::Text("PT1S".into())), Err(ErrorKind::WrongType));
        assert_eq!(accept(&LogicalType::Duration, Raw::Int(1)), Err(ErrorKind::WrongType));
    }
}
