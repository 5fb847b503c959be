//! The fields of dates and datetimes, read where CPython keeps them.
//!
//! The stable ABI reaches them by calls of Python's methods alone, and five of those for a datetime take as long as the
//! rest of a row. Where the fields lie is not taken on trust: objects with known fields are looked through first, and
//! where one of them is not as it should be, the methods are called as ever.

use std::sync::{Mutex, PoisonError};

use dataflow_core::types::days;
use pyo3::prelude::*;

/// `datetime` keeps year, month, day, hour, minute, second and microsecond in so many bytes, the largest first.
const DATETIME_BYTES: usize = 10;
/// `date` keeps year, month and day.
const DATE_BYTES: usize = 4;
/// Zones whose offsets are remembered; a program has one or two.
const ZONES: usize = 16;

/// Where the fields lie in an object, in bytes from its begin.
pub struct Clock {
    date: usize,
    /// The byte before them says whether the datetime has a zone.
    datetime: usize,
    zone: usize,
    /// The offset of a zone that has only one, in microseconds.
    zones: Mutex<Vec<(Py<PyAny>, Option<i64>)>>,
}

/// A datetime, in microseconds since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Instant(i64),
    WallTime(i64),
}

impl Clock {
    /// None where the objects of this interpreter are not laid out as they are known to be.
    pub fn find(module: &Bound<'_, PyModule>) -> PyResult<Option<Self>> {
        let (date, datetime) = (module.getattr("date")?, module.getattr("datetime")?);
        let (timezone, timedelta) = (module.getattr("timezone")?, module.getattr("timedelta")?);
        let (utc, east) = (timezone.getattr("utc")?, timezone.call1((timedelta.call1((0, 18_000))?,))?);

        let days = [date.call1((2024, 3, 5))?, date.call1((1, 12, 31))?];
        let days_bytes: [[u8; DATE_BYTES]; 2] = [[7, 232, 3, 5], [0, 1, 12, 31]];
        let at_utc = datetime.call1((2024, 3, 5, 7, 11, 13, 662_316, &utc))?;
        let at_utc_bytes: [u8; DATETIME_BYTES] = [7, 232, 3, 5, 7, 11, 13, 10, 27, 44];
        let in_east = datetime.call1((1, 12, 31, 23, 59, 58, 999_999, &east))?;
        let in_east_bytes: [u8; DATETIME_BYTES] = [0, 1, 12, 31, 23, 59, 58, 15, 66, 63];
        let naive = datetime.call1((9999, 1, 2, 3, 4, 5, 6))?;
        let naive_bytes: [u8; DATETIME_BYTES] = [39, 15, 1, 2, 3, 4, 5, 0, 0, 6];

        let header: usize = module.py().get_type::<PyAny>().getattr("__basicsize__")?.extract()?;
        let (date_size, size) =
            (date.getattr("__basicsize__")?.extract()?, datetime.getattr("__basicsize__")?.extract()?);
        let word = |object: &Bound<'_, PyAny>| object.as_ptr().addr().to_ne_bytes();
        // SAFETY: an object is as large as `__basicsize__` of its class says, if it is a date or an aware datetime;
        // nobody else has these.
        let (day, whole) = unsafe { (memory(&days[0], header, date_size), memory(&at_utc, header, size)) };
        let (Some(at_date), Some(at), Some(zone)) = (
            only(day, &days_bytes[0], 1),
            only(whole, &at_utc_bytes, 1),
            only(whole, &word(&utc), align_of::<usize>()),
        ) else {
            return Ok(None);
        };
        let clock =
            Clock { date: header + at_date, datetime: header + at, zone: header + zone, zones: Mutex::default() };
        // A naive datetime has no room for a zone, which lies behind its fields.
        if at == 0 || at + DATETIME_BYTES > zone {
            return Ok(None);
        }
        let end = clock.datetime + DATETIME_BYTES;
        let flagged = |object: &Bound<'_, PyAny>, aware: u8, fields: [u8; DATETIME_BYTES]| {
            // SAFETY: the fields are in every datetime, and one byte at least lies between header and fields.
            let found = unsafe { memory(object, clock.datetime - 1, end) };
            found[0] == aware && found[1..] == fields
        };
        // SAFETY: as above.
        let (other_day, other_zone) =
            unsafe { (memory(&days[1], clock.date, clock.date + DATE_BYTES), memory(&in_east, clock.zone, size)) };
        let sound = flagged(&at_utc, 1, at_utc_bytes)
            && flagged(&in_east, 1, in_east_bytes)
            && flagged(&naive, 0, naive_bytes)
            && other_day == days_bytes[1]
            && other_zone.starts_with(&word(&east));
        Ok(sound.then_some(clock))
    }

    /// Days since 1970-01-01.
    ///
    /// # Safety
    /// The class of the object is `datetime.date` itself.
    pub unsafe fn date(&self, date: &Bound<'_, PyAny>) -> i32 {
        // SAFETY: that is where the fields of a date lie.
        let fields = unsafe { memory(date, self.date, self.date + DATE_BYTES) };
        // The years 1 to 9999 are far within 32 bits.
        i32::try_from(day_of(fields)).unwrap_or(i32::MAX)
    }

    /// None where the zone has no offset of its own, but one for each time.
    ///
    /// # Safety
    /// The class of the object is `datetime.datetime` itself.
    pub unsafe fn datetime(&self, datetime: &Bound<'_, PyAny>) -> Option<Moment> {
        // SAFETY: that is where the fields of a datetime lie, behind the byte that tells of a zone.
        let found = unsafe { memory(datetime, self.datetime - 1, self.datetime + DATETIME_BYTES) };
        let (aware, fields) = (found[0] != 0, &found[1..]);
        let part = |at: usize| i64::from(fields[at]);
        let seconds = ((day_of(fields) * 24 + part(4)) * 60 + part(5)) * 60 + part(6);
        let us = seconds * 1_000_000 + ((part(7) << 16) | (part(8) << 8) | part(9));
        if !aware {
            return Some(Moment::WallTime(us));
        }
        // SAFETY: an aware datetime keeps its zone there, which lives as long as the datetime does.
        let zone = unsafe {
            let zone = datetime.as_ptr().byte_add(self.zone).cast::<*mut pyo3::ffi::PyObject>().read();
            Borrowed::from_ptr(datetime.py(), zone)
        };
        self.offset(&zone).map(|offset| Moment::Instant(us - offset))
    }

    fn offset(&self, zone: &Bound<'_, PyAny>) -> Option<i64> {
        let known = |zones: &Vec<(Py<PyAny>, Option<i64>)>| {
            zones.iter().find(|(known, _)| known.is(zone)).map(|(_, offset)| *offset)
        };
        // Python is not called while the lock is held.
        if let Some(offset) = known(&self.zones.lock().unwrap_or_else(PoisonError::into_inner)) {
            return offset;
        }
        let offset = fixed_offset(zone).ok().flatten();
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        if zones.len() < ZONES {
            zones.push((zone.clone().unbind(), offset));
        }
        offset
    }
}

/// The offset of one of Python's own zones, where it is the same at all times.
fn fixed_offset(zone: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    let (py, class) = (zone.py(), zone.get_type());
    let module = class.module()?;
    let ours = match module.to_str()? {
        "datetime" => class.is(py.import("datetime")?.getattr("timezone")?),
        "zoneinfo" => class.is(py.import("zoneinfo")?.getattr("ZoneInfo")?),
        _ => false,
    };
    if !ours {
        return Ok(None);
    }
    // Both tell it without a time, and None where it depends on the time.
    let offset = zone.call_method1("utcoffset", (py.None(),))?;
    if offset.is_none() {
        return Ok(None);
    }
    let part = |name: &str| offset.getattr(name)?.extract::<i64>();
    Ok(Some((part("days")? * 86_400 + part("seconds")?) * 1_000_000 + part("microseconds")?))
}

fn day_of(fields: &[u8]) -> i64 {
    days((i64::from(fields[0]) << 8) | i64::from(fields[1]), i64::from(fields[2]), i64::from(fields[3]))
}

/// The bytes of an object from one place to another.
///
/// # Safety
/// It has them, and they do not change while they are looked at.
unsafe fn memory<'a>(object: &'a Bound<'_, PyAny>, from: usize, to: usize) -> &'a [u8] {
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(object.as_ptr().cast::<u8>().add(from), to.saturating_sub(from)) }
}

/// The one place at which bytes stand, of those that are multiples of `step`.
fn only(bytes: &[u8], wanted: &[u8], step: usize) -> Option<usize> {
    let mut places = (0..bytes.len()).step_by(step).filter(|&at| bytes[at..].starts_with(wanted));
    let place = places.next()?;
    places.next().is_none().then_some(place)
}
