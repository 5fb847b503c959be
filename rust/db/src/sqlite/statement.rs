//! A prepared statement and one execution of it.

use std::ffi::{c_char, c_int, c_uchar};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use dataflow_core::{Error, ErrorKind, Result};
use libsqlite3_sys as ffi;

use super::handle::Db;

/// The widest value that is rendered on the way in: an instant's text.
const SLOT: usize = 27;

/// A value as SQLite stores it.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Null,
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

pub(super) struct Prepared<'d> {
    raw: NonNull<ffi::sqlite3_stmt>,
    db: &'d Db<'d>,
}

impl<'d> Prepared<'d> {
    /// Compiles `sql`, which is one statement; `keep` tells SQLite that it will be used again.
    pub fn new(db: &'d Db<'d>, sql: &str, keep: bool) -> Result<Self> {
        let length = c_int::try_from(sql.len())
            .map_err(|_| Error::new(ErrorKind::LimitExceeded, "a statement's text is longer than 2 GiB"))?;
        if memchr::memchr(0, sql.as_bytes()).is_some() {
            return Err(Error::new(ErrorKind::NulCharacter, "a statement's text holds a NUL character (\\0)"));
        }
        let flags = if keep { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 };
        let start = sql.as_ptr().cast::<c_char>();
        let (mut raw, mut tail) = (ptr::null_mut(), ptr::null());
        let code = patiently(db, || {
            // SAFETY: `start` has `length` bytes; the handle is open and used by this thread only.
            unsafe { ffi::sqlite3_prepare_v3(db.raw(), start, length, flags, &raw mut raw, &raw mut tail) }
        });
        if code != ffi::SQLITE_OK {
            return Err(db.error(code));
        }
        let raw = NonNull::new(raw).ok_or_else(|| Error::internal("a statement without a command"))?;
        let prepared = Prepared { raw, db };
        let read = (tail as usize).saturating_sub(start as usize).min(sql.len());
        if sql.as_bytes()[read..].iter().any(|byte| !byte.is_ascii_whitespace() && *byte != b';') {
            return Err(Error::internal("two commands in one statement"));
        }
        Ok(prepared)
    }

    pub fn parameters(&self) -> usize {
        // SAFETY: `raw` is a statement until `drop`.
        usize::try_from(unsafe { ffi::sqlite3_bind_parameter_count(self.raw.as_ptr()) }).unwrap_or(0)
    }

    /// Whether it tells a plan.
    pub fn is_explanation(&self) -> bool {
        // SAFETY: `raw` is a statement until `drop`.
        unsafe { ffi::sqlite3_stmt_isexplain(self.raw.as_ptr()) != 0 }
    }

    pub fn start<'v>(&mut self) -> Execution<'_, 'd, 'v> {
        let slots = vec![[0; SLOT]; self.parameters()];
        Execution { statement: self, slots, values: PhantomData }
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // SAFETY: `raw` is a statement of an open connection: `db` is borrowed.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

/// One use of a statement. Values are bound without a copy and live for `'v`; parameters count from 0.
pub(super) struct Execution<'s, 'd, 'v> {
    statement: &'s mut Prepared<'d>,
    /// Rendered values, one place a parameter. Never grows: SQLite holds pointers into it.
    slots: Vec<[u8; SLOT]>,
    values: PhantomData<&'v [u8]>,
}

impl<'v> Execution<'_, '_, 'v> {
    pub fn bind_null(&mut self, parameter: usize) -> Result<()> {
        // SAFETY: `raw()` is a statement; SQLite checks the number. So in the next two.
        self.check(unsafe { ffi::sqlite3_bind_null(self.raw(), number(parameter)) })
    }

    pub fn bind_int(&mut self, parameter: usize, value: i64) -> Result<()> {
        // SAFETY: as above.
        self.check(unsafe { ffi::sqlite3_bind_int64(self.raw(), number(parameter), value) })
    }

    pub fn bind_float(&mut self, parameter: usize, value: f64) -> Result<()> {
        // SAFETY: as above.
        self.check(unsafe { ffi::sqlite3_bind_double(self.raw(), number(parameter), value) })
    }

    pub fn bind_text(&mut self, parameter: usize, value: &'v str) -> Result<()> {
        // SAFETY: `value` lives for `'v`. So in the next.
        unsafe { self.bind_bytes(parameter, value.as_bytes(), true) }
    }

    pub fn bind_blob(&mut self, parameter: usize, value: &'v [u8]) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.bind_bytes(parameter, value, false) }
    }

    /// Binds a text that does not live as long as the statement: SQLite copies it.
    pub fn bind_made_text(&mut self, parameter: usize, value: &str) -> Result<()> {
        let (raw, number, length) = (self.raw(), number(parameter), value.len() as u64);
        // SAFETY: `raw` is a statement; SQLite checks the number and copies the bytes before it returns.
        self.check(unsafe {
            let encoding = ffi::SQLITE_UTF8 as c_uchar;
            ffi::sqlite3_bind_text64(raw, number, value.as_ptr().cast(), length, ffi::SQLITE_TRANSIENT(), encoding)
        })
    }

    /// Copies `value`, which is ASCII and at most an instant's text, into its parameter's place.
    pub fn bind_short_text(&mut self, parameter: usize, value: &[u8]) -> Result<()> {
        self.bind_short(parameter, value, true)
    }

    pub fn bind_short_blob(&mut self, parameter: usize, value: &[u8]) -> Result<()> {
        self.bind_short(parameter, value, false)
    }

    fn bind_short(&mut self, parameter: usize, value: &[u8], text: bool) -> Result<()> {
        let slot = self.slots.get_mut(parameter).and_then(|slot| slot.get_mut(..value.len()));
        let slot = slot.ok_or_else(|| Error::internal("a rendered value without a place"))?;
        slot.copy_from_slice(value);
        let slot: *const [u8] = slot;
        // SAFETY: `slots` never grows and outlives the binding, which `drop` clears.
        unsafe { self.bind_bytes(parameter, &*slot, text) }
    }

    /// # Safety
    /// `value` lives for `'v` or in `slots`: both beyond `drop`, which clears the binding.
    unsafe fn bind_bytes(&mut self, parameter: usize, value: &[u8], text: bool) -> Result<()> {
        let (raw, number, length) = (self.raw(), number(parameter), value.len() as u64);
        // SAFETY: the caller's promise. An empty slice's pointer is not null, so that it is not bound as NULL.
        self.check(unsafe {
            if text {
                let encoding = ffi::SQLITE_UTF8 as c_uchar;
                ffi::sqlite3_bind_text64(raw, number, value.as_ptr().cast(), length, ffi::SQLITE_STATIC(), encoding)
            } else {
                ffi::sqlite3_bind_blob64(raw, number, value.as_ptr().cast(), length, ffi::SQLITE_STATIC())
            }
        })
    }

    /// Makes the statement ready for its next row of parameters.
    pub fn rearm(&mut self) {
        // SAFETY: `raw()` is a statement. The code is that of the last step, already told.
        unsafe { ffi::sqlite3_reset(self.raw()) };
    }

    /// Runs up to the next row; false at the end.
    pub fn step(&mut self) -> Result<bool> {
        let raw = self.raw();
        // SAFETY: `raw` is a statement, bound values are alive (see `bind_bytes`).
        let code = patiently(self.statement.db, || unsafe {
            let code = ffi::sqlite3_step(raw);
            if code == ffi::SQLITE_LOCKED_SHAREDCACHE {
                ffi::sqlite3_reset(raw);
            }
            code
        });
        match code {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(self.statement.db.error(code)),
        }
    }

    /// Columns of the row the statement stands on.
    pub fn width(&self) -> usize {
        // SAFETY: `raw()` is a statement.
        usize::try_from(unsafe { ffi::sqlite3_data_count(self.raw()) }).unwrap_or(0)
    }

    /// The value in a column of the row the statement stands on.
    pub fn cell(&mut self, column: usize) -> Result<Cell<'_>> {
        let (raw, column) = (self.raw(), c_int::try_from(column).unwrap_or(c_int::MAX));
        // SAFETY: `raw` is a statement and SQLite checks the column. The bytes stay until the next call, which
        // `&mut self` keeps away; text is fetched before its length, as SQLite asks.
        unsafe {
            let bytes = |start: *const u8| match usize::try_from(ffi::sqlite3_column_bytes(raw, column)) {
                Ok(length) if length > 0 && !start.is_null() => std::slice::from_raw_parts(start, length),
                _ => &[],
            };
            let cell = match ffi::sqlite3_column_type(raw, column) {
                ffi::SQLITE_INTEGER => Cell::Int(ffi::sqlite3_column_int64(raw, column)),
                ffi::SQLITE_FLOAT => Cell::Float(ffi::sqlite3_column_double(raw, column)),
                ffi::SQLITE_TEXT => Cell::Text(bytes(ffi::sqlite3_column_text(raw, column))),
                ffi::SQLITE_BLOB => Cell::Blob(bytes(ffi::sqlite3_column_blob(raw, column).cast())),
                _ => Cell::Null,
            };
            // A value that could not be fetched looks empty.
            let empty = matches!(cell, Cell::Text([]) | Cell::Blob([]));
            if empty && ffi::sqlite3_errcode(self.statement.db.raw()) == ffi::SQLITE_NOMEM {
                return Err(self.statement.db.error(ffi::SQLITE_NOMEM));
            }
            Ok(cell)
        }
    }

    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.statement.raw.as_ptr()
    }

    fn check(&self, code: c_int) -> Result<()> {
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.statement.db.error(code)) }
    }
}

impl Drop for Execution<'_, '_, '_> {
    fn drop(&mut self) {
        // SAFETY: `raw()` is a statement. Left unreset it would keep its read lock and stop a COMMIT.
        unsafe {
            ffi::sqlite3_reset(self.raw());
            ffi::sqlite3_clear_bindings(self.raw());
        }
    }
}

/// SQLite counts parameters from 1.
fn number(parameter: usize) -> c_int {
    c_int::try_from(parameter + 1).unwrap_or(c_int::MAX)
}

/// Asks again while another connection to the same memory database holds the table: SQLite does not ask the busy
/// handler then. It happens while a connection that was given up is still closing.
fn patiently(db: &Db<'_>, mut call: impl FnMut() -> c_int) -> c_int {
    let mut attempt = 0;
    loop {
        let code = call();
        if code != ffi::SQLITE_LOCKED_SHAREDCACHE || !db.patience().wait(attempt) {
            return code;
        }
        attempt = attempt.saturating_add(1);
    }
}
