//! Datetimes as text of fixed width, so that the order of texts is the order of time.
//!
//! Equal to core's `render_datetime`, whose general formatter takes ten times as long. The calendar arithmetic is
//! <https://howardhinnant.github.io/date_algorithms.html>.

use dataflow_core::types::check_range;

const DAY_US: i64 = 86_400_000_000;

/// Characters of a wall time; an instant has a `Z` more.
pub(super) const WALL_WIDTH: usize = 26;

/// `2024-01-31T23:59:59.000001Z` for microseconds that [`check_range`] allows.
pub(super) fn render(us: i64) -> [u8; WALL_WIDTH + 1] {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let (year, month, day) = civil(us.div_euclid(DAY_US));
    let time = us.rem_euclid(DAY_US);
    let seconds = time / 1_000_000;
    write(&mut text[0..4], year);
    write(&mut text[5..7], month);
    write(&mut text[8..10], day);
    write(&mut text[11..13], seconds / 3600);
    write(&mut text[14..16], seconds / 60 % 60);
    write(&mut text[17..19], seconds % 60);
    write(&mut text[20..26], time % 1_000_000);
    text
}

/// Reads exactly what [`render`] writes, without the `Z`.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
    if text.len() != WALL_WIDTH || separators.iter().any(|&(at, separator)| text[at] != separator) {
        return None;
    }
    let (year, month, day) = (read(&text[0..4])?, read(&text[5..7])?, read(&text[8..10])?);
    let (hour, minute, second) = (read(&text[11..13])?, read(&text[14..16])?, read(&text[17..19])?);
    let micros = read(&text[20..26])?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, day);
    // February 30 is a day of March.
    if civil(days) != (year, month, day) {
        return None;
    }
    check_range(days * DAY_US + (hour * 3600 + minute * 60 + second) * 1_000_000 + micros).ok()
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

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflow_core::types::{FIRST_MICROSECOND, LAST_MICROSECOND, render_datetime};

    fn check(us: i64) {
        let text = render(us);
        assert_eq!(std::str::from_utf8(&text).unwrap(), render_datetime(us, 'T') + "Z");
        assert_eq!(parse(&text[..WALL_WIDTH]), Some(us));
    }

    #[test]
    fn days_of_ten_thousand_years_are_as_core_has_them() {
        let mut seen = 0;
        for day in (FIRST_MICROSECOND / DAY_US..=LAST_MICROSECOND / DAY_US).step_by(5) {
            check(day * DAY_US + (day.rem_euclid(86_399)) * 1_000_001);
            seen += 1;
        }
        assert!(seen > 730_000);
    }

    #[test]
    fn the_ends_and_the_epoch_are_as_core_has_them() {
        for us in [FIRST_MICROSECOND, FIRST_MICROSECOND + 1, -1, 0, 1, LAST_MICROSECOND - 1, LAST_MICROSECOND] {
            check(us);
        }
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
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
