//! The functions of `dataflow_core::dialect::calculation` as SQLite calls them.

use std::ffi::{CString, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use dataflow_core::dialect::calculation::{
    ABSOLUTE, ADD, AVERAGE, CEILING, CUT, DEVIATION, DIVIDE, FIT, FLOAT, FLOOR, MULTIPLY, NUMBER, Number, SCALE,
    SUBTRACT, SUM, TEXT, Total,
};
use libsqlite3_sys as ffi;

use super::error::OVERFLOW;
use super::function::{FLAGS, bytes};

type Call = unsafe extern "C" fn(*mut ffi::sqlite3_context, c_int, *mut *mut ffi::sqlite3_value);
type End = unsafe extern "C" fn(*mut ffi::sqlite3_context);

/// Makes the functions known to a connection.
///
/// # Safety
/// `db` is an open connection that only this thread uses.
pub(super) unsafe fn register(db: *mut ffi::sqlite3) {
    let binary: [(&str, Call); 10] = [
        (ADD, binary::<0>),
        (SUBTRACT, binary::<1>),
        (MULTIPLY, binary::<2>),
        (SCALE, binary::<3>),
        (CEILING, binary::<4>),
        (FLOOR, binary::<5>),
        (DIVIDE, binary::<6>),
        (FLOAT, binary::<7>),
        (FIT, binary::<8>),
        (CUT, binary::<9>),
    ];
    // SAFETY: the caller's promise.
    unsafe {
        for (name, call) in binary {
            make(db, name, 2, Some(call), None, None);
        }
        make(db, TEXT, 2, Some(to_text), None, None);
        make(db, NUMBER, 2, Some(of_text), None, None);
        make(db, ABSOLUTE, 1, Some(absolute), None, None);
        make_window(db, SUM, 1, end_sum, value_sum);
        make_window(db, AVERAGE, 2, end_average, value_average);
        make(db, DEVIATION, 2, None, Some(step::<true>), Some(end_deviation));
    }
}

/// # Safety
/// As [`register`]; the functions take `count` values.
unsafe fn make(
    db: *mut ffi::sqlite3,
    name: &str,
    count: c_int,
    call: Option<Call>,
    step: Option<Call>,
    end: Option<End>,
) {
    let Ok(name) = CString::new(name) else { return };
    let none = ptr::null_mut();
    // SAFETY: the caller's promise; SQLite copies the name.
    unsafe { ffi::sqlite3_create_function_v2(db, name.as_ptr(), count, FLAGS, none, call, step, end, None) };
}

/// A total of a group or of a window.
///
/// # Safety
/// As [`make`].
unsafe fn make_window(db: *mut ffi::sqlite3, name: &str, count: c_int, end: End, value: End) {
    let Ok(name) = CString::new(name) else { return };
    let (none, step, inverse) = (ptr::null_mut(), Some(step::<false> as Call), Some(inverse as Call));
    let (end, value) = (Some(end), Some(value));
    // SAFETY: the caller's promise; SQLite copies the name.
    unsafe {
        ffi::sqlite3_create_window_function(db, name.as_ptr(), count, FLAGS, none, step, end, value, inverse, None)
    };
}

const BINARY: [&str; 10] = [ADD, SUBTRACT, MULTIPLY, SCALE, CEILING, FLOOR, DIVIDE, FLOAT, FIT, CUT];

/// # Safety
/// SQLite calls it with two values.
unsafe extern "C" fn binary<const AT: usize>(
    context: *mut ffi::sqlite3_context,
    _count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (read(*values), read(*values.add(1))) {
            (Read::Number(a), Read::Number(b)) => give(context, || Number::binary(BINARY[AT], a, b).map(Some)),
            (Read::Null, _) | (_, Read::Null) => ffi::sqlite3_result_null(context),
            _ => refuse(context),
        }
    }
}

/// # Safety
/// SQLite calls it with one value.
unsafe extern "C" fn absolute(context: *mut ffi::sqlite3_context, _count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: the caller's promise.
    unsafe {
        match read(*values) {
            Read::Number(a) => give(context, || a.absolute().map(Some)),
            Read::Null => ffi::sqlite3_result_null(context),
            Read::Other => refuse(context),
        }
    }
}

/// # Safety
/// SQLite calls it with two values.
unsafe extern "C" fn of_text(context: *mut ffi::sqlite3_context, _count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: the caller's promise; the values live until this function returns.
    unsafe {
        let Some(text) = bytes(*values) else { return ffi::sqlite3_result_null(context) };
        let scale = ffi::sqlite3_value_int64(*values.add(1));
        give(context, || std::str::from_utf8(text).ok().and_then(|text| Number::of_text(text, scale)).map(Some));
    }
}

/// # Safety
/// SQLite calls it with two values.
unsafe extern "C" fn to_text(context: *mut ffi::sqlite3_context, _count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: the caller's promise; SQLite copies the text.
    unsafe {
        let number = match read(*values) {
            Read::Number(number) => number,
            Read::Null => return ffi::sqlite3_result_null(context),
            Read::Other => return refuse(context),
        };
        let scale = ffi::sqlite3_value_int64(*values.add(1));
        // A panic must not unwind into C.
        let text = catch_unwind(|| number.to_text(scale)).unwrap_or(None);
        match text.map(|text| (c_int::try_from(text.len()), text)) {
            Some((Ok(length), text)) => {
                ffi::sqlite3_result_text(context, text.as_ptr().cast(), length, ffi::SQLITE_TRANSIENT());
            }
            _ => refuse(context),
        }
    }
}

/// A group's numbers so far, and the second argument: the zeros its average is given, or what lessens its number.
#[derive(Default)]
struct Group {
    total: Total,
    second: u8,
    failed: bool,
}

/// # Safety
/// SQLite calls it with one value, or two, in the context of a group.
unsafe extern "C" fn step<const DEVIATES: bool>(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the caller's promise; the place is zeroed when it is new, and only these functions write it.
    unsafe {
        let size = c_int::try_from(size_of::<*mut Group>()).unwrap_or(8);
        let place = ffi::sqlite3_aggregate_context(context, size).cast::<*mut Group>();
        if place.is_null() {
            return ffi::sqlite3_result_error_nomem(context);
        }
        if (*place).is_null() {
            *place = Box::into_raw(Box::default());
        }
        let group = &mut **place;
        if count == 2 {
            group.second = u8::try_from(ffi::sqlite3_value_int(*values.add(1))).unwrap_or(0);
        }
        match read(*values) {
            Read::Null => {}
            Read::Number(number) => {
                let added = catch_unwind(AssertUnwindSafe(|| match DEVIATES {
                    true => group.total.deviate(number),
                    false => group.total.add(number),
                }));
                group.failed |= !matches!(added, Ok(Some(())));
            }
            Read::Other => group.failed = true,
        }
    }
}

/// Takes the values out of a window again that were put into it first.
///
/// # Safety
/// SQLite calls it with the values of an earlier [`step`] of the same window.
unsafe extern "C" fn inverse(context: *mut ffi::sqlite3_context, _count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: the caller's promise: the place was written by `step`.
    unsafe {
        let place = ffi::sqlite3_aggregate_context(context, 0).cast::<*mut Group>();
        if place.is_null() || (*place).is_null() {
            return refuse(context);
        }
        let group = &mut **place;
        if let Read::Number(number) = read(*values) {
            let removed = catch_unwind(AssertUnwindSafe(|| group.total.remove(number)));
            group.failed |= !matches!(removed, Ok(Some(())));
        }
    }
}

/// # Safety
/// SQLite calls it for each row of a window.
unsafe extern "C" fn value_sum(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise.
    unsafe { value(context, |group| group.total.sum()) }
}

/// # Safety
/// As [`value_sum`].
unsafe extern "C" fn value_average(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise.
    unsafe { value(context, |group| group.total.average(group.second)) }
}

/// # Safety
/// As [`value_sum`].
unsafe fn value(context: *mut ffi::sqlite3_context, result: impl FnOnce(&Group) -> Option<Option<Number>>) {
    // SAFETY: the caller's promise; nothing is allocated for a window without rows so far.
    unsafe {
        let place = ffi::sqlite3_aggregate_context(context, 0).cast::<*mut Group>();
        match (!place.is_null()).then(|| (*place).as_ref()).flatten() {
            None => ffi::sqlite3_result_null(context),
            Some(group) if group.failed => refuse(context),
            Some(group) => give(context, || result(group)),
        }
    }
}

/// # Safety
/// SQLite calls it once a group, at its end, also when the statement is given up.
unsafe extern "C" fn end_sum(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise.
    unsafe { end(context, |group| group.total.sum()) }
}

/// # Safety
/// As [`end_sum`].
unsafe extern "C" fn end_average(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise.
    unsafe { end(context, |group| group.total.average(group.second)) }
}

/// # Safety
/// As [`end_sum`].
unsafe extern "C" fn end_deviation(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise.
    unsafe { end(context, |group| Some(group.total.deviation(group.second))) }
}

/// # Safety
/// As [`end_sum`].
unsafe fn end(context: *mut ffi::sqlite3_context, result: impl FnOnce(&Group) -> Option<Option<Number>>) {
    // SAFETY: the caller's promise; nothing is allocated for a group without rows, and the box is taken back once.
    unsafe {
        let place = ffi::sqlite3_aggregate_context(context, 0).cast::<*mut Group>();
        if place.is_null() || (*place).is_null() {
            return ffi::sqlite3_result_null(context);
        }
        let group = Box::from_raw(std::mem::replace(&mut *place, ptr::null_mut()));
        if group.failed {
            return refuse(context);
        }
        give(context, || result(&group));
    }
}

enum Read {
    Null,
    Number(Number),
    Other,
}

/// # Safety
/// `value` is a value of the running call.
unsafe fn read(value: *mut ffi::sqlite3_value) -> Read {
    // SAFETY: the caller's promise; the bytes are copied before any other call.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_NULL => Read::Null,
            ffi::SQLITE_INTEGER => Read::Number(Number::Int(ffi::sqlite3_value_int64(value))),
            ffi::SQLITE_FLOAT => Read::Number(Number::Float(ffi::sqlite3_value_double(value))),
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast::<u8>();
                let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
                if start.is_null() {
                    return Read::Other;
                }
                Number::of_bytes(std::slice::from_raw_parts(start, length)).map_or(Read::Other, Read::Number)
            }
            _ => Read::Other,
        }
    }
}

/// Gives the number; the inner None is null, the outer a number that there is not.
///
/// # Safety
/// `context` is that of the running call.
unsafe fn give(context: *mut ffi::sqlite3_context, number: impl FnOnce() -> Option<Option<Number>>) {
    // A panic must not unwind into C.
    let number = catch_unwind(AssertUnwindSafe(number)).unwrap_or(None);
    // SAFETY: the caller's promise; SQLite copies the bytes.
    unsafe {
        match number {
            None => refuse(context),
            Some(None) => ffi::sqlite3_result_null(context),
            Some(Some(Number::Int(value))) => ffi::sqlite3_result_int64(context, value),
            Some(Some(Number::Float(value))) => ffi::sqlite3_result_double(context, value),
            Some(Some(Number::Decimal(digits))) => {
                let bytes = Number::to_bytes(digits);
                let start = bytes.as_ptr().cast::<c_void>();
                ffi::sqlite3_result_blob(context, start, 16, ffi::SQLITE_TRANSIENT());
            }
        }
    }
}

/// # Safety
/// `context` is that of the running call.
unsafe fn refuse(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise; SQLite copies the message.
    unsafe {
        ffi::sqlite3_result_error(context, c"a number of DataFlow's that does not fit".as_ptr(), -1);
        ffi::sqlite3_result_error_code(context, OVERFLOW);
    }
}
