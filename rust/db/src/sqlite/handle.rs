//! The open connection. With [`super::statement`] and [`super::function`] the only place that calls SQLite itself.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use dataflow_core::Error;
use libsqlite3_sys as ffi;
use sqlx::sqlite::LockedSqliteHandle;

use super::interrupt::{Control, Patience};
use super::{error, function};

/// Virtual machine steps between two looks at the interrupted flag: well under a millisecond.
const PROGRESS_STEPS: i32 = 5_000;

/// A connection's handle for the one call that other threads may make.
pub(super) struct Interruptible(NonNull<ffi::sqlite3>);

// SAFETY: `interrupt` is all that can be done with it, and SQLite allows that from any thread
// while the connection is open (<https://www.sqlite.org/c3ref/interrupt.html>).
unsafe impl Send for Interruptible {}

impl Interruptible {
    pub fn interrupt(&self) {
        // SAFETY: `Control` hands it out under its lock and forgets it before the connection is closed.
        unsafe { ffi::sqlite3_interrupt(self.0.as_ptr()) }
    }
}

/// A connection locked for this thread: sqlx's own worker waits for as long as it lives.
pub(super) struct Db<'c> {
    raw: NonNull<ffi::sqlite3>,
    patience: Rc<Patience>,
    control: Arc<Control>,
    _locked: LockedSqliteHandle<'c>,
}

impl<'c> Db<'c> {
    pub fn new(mut locked: LockedSqliteHandle<'c>, control: Arc<Control>, lock_wait: Duration) -> Self {
        let raw = locked.as_raw_handle();
        let flag = Arc::clone(&control);
        locked.set_progress_handler(PROGRESS_STEPS, move || !flag.is_interrupted());
        let patience = Rc::new(Patience::new(Arc::clone(&control), lock_wait));
        // SAFETY: `patience` lives as long as the handler, which `drop` takes off. The two settings take an
        // int and an optional int pointer (<https://www.sqlite.org/c3ref/c_dbconfig_defensive.html>).
        unsafe {
            let context = Rc::as_ptr(&patience).cast_mut().cast();
            ffi::sqlite3_busy_handler(raw.as_ptr(), Some(busy), context);
            // An unknown "name" is an error and never a string.
            let unset = ptr::null_mut::<c_int>();
            ffi::sqlite3_db_config(raw.as_ptr(), ffi::SQLITE_DBCONFIG_DQS_DML, 0 as c_int, unset);
            ffi::sqlite3_db_config(raw.as_ptr(), ffi::SQLITE_DBCONFIG_DQS_DDL, 0 as c_int, unset);
            function::register(raw.as_ptr());
        }
        control.opened(Interruptible(raw));
        Db { raw, patience, control, _locked: locked }
    }

    pub fn raw(&self) -> *mut ffi::sqlite3 {
        self.raw.as_ptr()
    }

    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    pub fn is_interrupted(&self) -> bool {
        self.control.is_interrupted()
    }

    /// Whether no transaction is open.
    pub fn is_autocommit(&self) -> bool {
        // SAFETY: the handle is open and only this thread uses it.
        unsafe { ffi::sqlite3_get_autocommit(self.raw()) != 0 }
    }

    /// Rows changed since the connection was opened, triggers' included.
    pub fn total_changes(&self) -> i64 {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_total_changes64(self.raw()) }
    }

    /// Rows changed by the last INSERT, UPDATE or DELETE itself.
    pub fn changes(&self) -> u64 {
        // SAFETY: as above.
        u64::try_from(unsafe { ffi::sqlite3_changes64(self.raw()) }).unwrap_or(0)
    }

    /// What the result code `code` of the last call means.
    pub fn error(&self, code: c_int) -> Error {
        if self.is_interrupted() && matches!(code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) {
            return error::cancelled();
        }
        // SAFETY: as above; the text is copied before any other call.
        let (text, offset) = unsafe {
            let text = CStr::from_ptr(ffi::sqlite3_errmsg(self.raw())).to_string_lossy().into_owned();
            (text, ffi::sqlite3_error_offset(self.raw()))
        };
        error::from_code(code, &text, usize::try_from(offset).ok())
    }
}

impl Drop for Db<'_> {
    fn drop(&mut self) {
        self.control.closing();
        // SAFETY: the handle is still open; sqlx closes it on its own thread, where `patience` must not be called.
        unsafe { ffi::sqlite3_busy_handler(self.raw(), None, ptr::null_mut()) };
    }
}

/// What SQLite calls when a lock is held by another connection; 0 gives up.
///
/// # Safety
/// `patience` points to a live `Patience` of this thread.
unsafe extern "C" fn busy(patience: *mut c_void, attempt: c_int) -> c_int {
    // SAFETY: the caller's promise; only shared access is made.
    let patience = unsafe { &*patience.cast::<Patience>().cast_const() };
    c_int::from(patience.wait(attempt))
}
