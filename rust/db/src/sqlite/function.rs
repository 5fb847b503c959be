//! SQL functions of ours, which SQLite calls on every connection's own thread.
//!
//! Beside those of [`calculation`] each takes a pattern of some kind, mostly one for the whole statement, and a text: 1 or 0, null when one is null.

use std::ffi::{CString, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use dataflow_core::dialect::{HAS_ANY_FUNCTION, LIKE_FUNCTION, NUMBER_FUNCTION, REGEXP_FUNCTION};
use dataflow_core::filter::{Items, Like, NumberTest, Regex};
use libsqlite3_sys as ffi;

use super::{calculation, rows};

/// Deterministic: an index may be built on it. Innocuous: a schema may call it in a file whose schema is not trusted.
pub(super) const FLAGS: c_int = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;

/// What a function makes of its first value, and asks of its second.
trait Pattern: Sized {
    fn read(text: &str) -> Option<Self>;
    fn is_met(&self, text: &str) -> Option<bool>;
}

impl Pattern for Regex {
    fn read(text: &str) -> Option<Self> {
        Regex::read(text).ok()
    }

    fn is_met(&self, text: &str) -> Option<bool> {
        self.is_match(text).ok()
    }
}

impl Pattern for Items {
    fn read(text: &str) -> Option<Self> {
        Some(Items::of(text))
    }

    fn is_met(&self, text: &str) -> Option<bool> {
        Some(self.any_in(text))
    }
}

impl Pattern for Like {
    fn read(text: &str) -> Option<Self> {
        Like::parse(text, true).ok()
    }

    fn is_met(&self, text: &str) -> Option<bool> {
        Some(self.is_match(text))
    }
}

impl Pattern for NumberTest {
    fn read(text: &str) -> Option<Self> {
        NumberTest::parse(text)
    }

    fn is_met(&self, text: &str) -> Option<bool> {
        Some(NumberTest::is_met(self, text))
    }
}

/// Makes our functions known to a connection. Without memory for that, statements that call them are refused by name.
///
/// # Safety
/// `db` is an open connection that only this thread uses.
pub(super) unsafe fn register(db: *mut ffi::sqlite3) {
    // SAFETY: the caller's promise.
    unsafe {
        make::<Regex>(db, REGEXP_FUNCTION);
        make::<Items>(db, HAS_ANY_FUNCTION);
        make::<Like>(db, LIKE_FUNCTION);
        make::<NumberTest>(db, NUMBER_FUNCTION);
        calculation::register(db);
        rows::register(db);
    }
}

/// # Safety
/// As [`register`].
unsafe fn make<P: Pattern>(db: *mut ffi::sqlite3, name: &str) {
    let Ok(name) = CString::new(name) else { return };
    let (none, call) = (ptr::null_mut(), Some(call::<P> as unsafe extern "C" fn(_, _, _)));
    // SAFETY: the caller's promise; `call` takes two values as it is told here, and SQLite copies the name.
    unsafe { ffi::sqlite3_create_function_v2(db, name.as_ptr(), 2, FLAGS, none, call, None, None, None) };
}

/// # Safety
/// SQLite calls it with two values.
unsafe extern "C" fn call<P: Pattern>(
    context: *mut ffi::sqlite3_context,
    _count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: the caller's promise; the values live until this function returns. So in the rest of it.
    let (pattern, text) = unsafe { (bytes(*values), bytes(*values.add(1))) };
    let (Some(pattern), Some(text)) = (pattern, text) else {
        // SAFETY: as above.
        return unsafe { ffi::sqlite3_result_null(context) };
    };
    // A panic must not unwind into C.
    let met = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as above.
        unsafe { is_met::<P>(context, pattern, text) }
    }));
    // SAFETY: as above; SQLite copies the message.
    unsafe {
        match met {
            Ok(Some(met)) => ffi::sqlite3_result_int(context, c_int::from(met)),
            Ok(None) | Err(_) => {
                ffi::sqlite3_result_error(context, c"a pattern of DataFlow's that cannot be read".as_ptr(), -1);
            }
        }
    }
}

/// The bytes of a value as text; None for null.
///
/// # Safety
/// `value` is a value of the running call.
pub(super) unsafe fn bytes<'v>(value: *mut ffi::sqlite3_value) -> Option<&'v [u8]> {
    // SAFETY: the caller's promise; the text is fetched before its length, as SQLite asks.
    unsafe {
        let start = ffi::sqlite3_value_text(value);
        let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
        (!start.is_null()).then(|| std::slice::from_raw_parts(start, length))
    }
}

/// Keeps the pattern for as long as its text stays the same in the statement.
///
/// # Safety
/// `context` is that of the running call, whose first value is `pattern`.
unsafe fn is_met<P: Pattern>(context: *mut ffi::sqlite3_context, pattern: &[u8], text: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(text).ok()?;
    // SAFETY: the caller's promise; only this function keeps data for the first value, always a `P`.
    let kept = unsafe { ffi::sqlite3_get_auxdata(context, 0).cast::<P>().as_ref() };
    if let Some(pattern) = kept {
        return pattern.is_met(text);
    }
    let pattern = P::read(std::str::from_utf8(pattern).ok()?)?;
    let met = pattern.is_met(text);
    let kept = Box::into_raw(Box::new(pattern)).cast::<c_void>();
    // SAFETY: SQLite takes the pattern over and gives it to `free`, perhaps at once: it is not used here any more.
    unsafe { ffi::sqlite3_set_auxdata(context, 0, kept, Some(free::<P>)) };
    met
}

/// # Safety
/// `pattern` comes from `is_met`, and nobody uses it any more.
unsafe extern "C" fn free<P>(pattern: *mut c_void) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(pattern.cast::<P>()) });
}
