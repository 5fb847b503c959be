//! Dates and times as text of fixed width, so that the order of texts is the order of time.
//!
//! chrono's general formatter takes ten times as long. The calendar arithmetic is
//! <https://howardhinnant.github.io/date_algorithms.html>.

use super::calendar::{check_date, check_range};

pub(super) const DAY_US: i64 = 86_400_000_000;

/// Characters of a wall time; an instant has a `Z` more.
pub const WALL_WIDTH: usize = 26;
/// Characters of a date.
pub const DATE_WIDTH: usize = 10;
/// Characters of a time of day.
pub const TIME_WIDTH: usize = 15;

/// `2024-01-31T23:59:59.000001Z` for microseconds that [`check_range`] allows; a wall time is all but the `Z`.
pub fn render_datetime(us: i64) -> [u8; WALL_WIDTH + 1] {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    write_date(&mut text[..DATE_WIDTH], us.div_euclid(DAY_US));
    write_time(&mut text[DATE_WIDTH + 1..WALL_WIDTH], us.rem_euclid(DAY_US));
    text
}

/// `2024-01-31`.
pub fn render_date(days: i32) -> [u8; DATE_WIDTH] {
    let mut text = *b"0000-00-00";
    write_date(&mut text, i64::from(days));
    text
}

/// `23:59:59.000001`.
pub fn render_time(us: i64) -> [u8; TIME_WIDTH] {
    let mut text = *b"00:00:00.000000";
    write_time(&mut text, us);
    text
}

/// Reads exactly what [`render_datetime`] writes, without the `Z`.
pub fn read_datetime(text: &[u8]) -> Option<i64> {
    if text.len() != WALL_WIDTH || text[DATE_WIDTH] != b'T' {
        return None;
    }
    let days = read_date(&text[..DATE_WIDTH])?;
    let time = read_time(&text[DATE_WIDTH + 1..])?;
    check_range(i64::from(days) * DAY_US + time).ok()
}

/// Reads exactly what [`render_date`] writes.
pub fn read_date(text: &[u8]) -> Option<i32> {
    if text.len() != DATE_WIDTH || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let (year, month, day) = (read(&text[0..4])?, read(&text[5..7])?, read(&text[8..10])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let found = days(year, month, day);
    // February 30 is a day of March.
    if civil(found) != (year, month, day) {
        return None;
    }
    i32::try_from(found).ok().and_then(|found| check_date(found).ok())
}

/// Reads exactly what [`render_time`] writes.
pub fn read_time(text: &[u8]) -> Option<i64> {
    if text.len() != TIME_WIDTH || text[2] != b':' || text[5] != b':' || text[8] != b'.' {
        return None;
    }
    let (hour, minute, second) = (read(&text[0..2])?, read(&text[3..5])?, read(&text[6..8])?);
    let micros = read(&text[9..15])?;
    (hour < 24 && minute < 60 && second < 60).then_some((hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

fn write_date(place: &mut [u8], days: i64) {
    let (year, month, day) = civil(days);
    write(&mut place[0..4], year);
    write(&mut place[5..7], month);
    write(&mut place[8..10], day);
}

fn write_time(place: &mut [u8], us: i64) {
    let seconds = us / 1_000_000;
    write(&mut place[0..2], seconds / 3600);
    write(&mut place[3..5], seconds / 60 % 60);
    write(&mut place[6..8], seconds % 60);
    write(&mut place[9..15], us % 1_000_000);
}

fn write(place: &mut [u8], mut value: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

fn read(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01 as year, month, day. Years begin in March, so that the odd day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FIRST_DAY, FIRST_MICROSECOND, LAST_DAY, LAST_MICROSECOND};
    use chrono::DateTime;

    fn check(us: i64) {
        let text = render_datetime(us);
        let expected = DateTime::from_timestamp_micros(us).unwrap().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        assert_eq!(std::str::from_utf8(&text).unwrap(), expected);
        assert_eq!(read_datetime(&text[..WALL_WIDTH]), Some(us));
        let day = i32::try_from(us.div_euclid(DAY_US)).unwrap();
        assert_eq!(render_date(day), text[..DATE_WIDTH]);
        assert_eq!(read_date(&text[..DATE_WIDTH]), Some(day));
        assert_eq!(read_time(&render_time(us.rem_euclid(DAY_US))), Some(us.rem_euclid(DAY_US)));
    }

    #[test]
    fn days_of_ten_thousand_years_are_as_chrono_has_them() {
        let mut seen = 0;
        for day in (FIRST_MICROSECOND / DAY_US..=LAST_MICROSECOND / DAY_US).step_by(5) {
            check(day * DAY_US + (day.rem_euclid(86_399)) * 1_000_001);
            seen += 1;
        }
        assert!(seen > 730_000);
    }

    #[test]
    fn the_ends_and_the_epoch_are_as_chrono_has_them() {
        for us in [FIRST_MICROSECOND, FIRST_MICROSECOND + 1, -1, 0, 1, LAST_MICROSECOND - 1, LAST_MICROSECOND] {
            check(us);
        }
        assert_eq!((&render_date(FIRST_DAY), &render_date(LAST_DAY)), (b"0001-01-01", b"9999-12-31"));
        assert_eq!(&render_time(DAY_US - 1), b"23:59:59.999999");
    }

    #[test]
    fn any_other_text_is_not_read() {
        for text in [
            "2023-02-29T00:00:00.000000",
            "2024-13-01T00:00:00.000000",
            "2024-00-01T00:00:00.000000",
            "2024-01-00T00:00:00.000000",
            "2024-01-01T24:00:00.000000",
            "2024-01-01T00:00:60.000000",
            "0000-01-01T00:00:00.000000",
            "2024-01-01 00:00:00.000000",
            "2024-01-01T00:00:00.00000 ",
            "+024-01-01T00:00:00.000000",
            "2024-01-01T00:00:00",
            "",
        ] {
            assert_eq!(read_datetime(text.as_bytes()), None, "{text}");
        }
    }
}
