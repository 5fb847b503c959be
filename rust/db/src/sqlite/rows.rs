//! Rows as one BLOB: `dataflow_row` and `dataflow_rows` make it, a reader takes it apart again.
//!
//! A value is a byte that tells its storage class and its bytes, behind their number where that may differ. The number of
//! the rows comes first.

use std::ffi::{CString, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use dataflow_core::dialect::{ROW_FUNCTION, ROWS_FUNCTION};
use libsqlite3_sys as ffi;

use super::function::FLAGS;
use super::statement::Cell;

const NULL: u8 = 0;
const INT: u8 = 1;
const FLOAT: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// Makes the functions known to a connection.
///
/// # Safety
/// `db` is an open connection that only this thread uses.
pub(super) unsafe fn register(db: *mut ffi::sqlite3) {
    let (Ok(row), Ok(rows)) = (CString::new(ROW_FUNCTION), CString::new(ROWS_FUNCTION)) else { return };
    let none = ptr::null_mut();
    // SAFETY: the caller's promise; SQLite copies the names. -1 is any number of values.
    unsafe {
        ffi::sqlite3_create_function_v2(db, row.as_ptr(), -1, FLAGS, none, Some(make_row), None, None, None);
        ffi::sqlite3_create_function_v2(db, rows.as_ptr(), -1, FLAGS, none, None, Some(add_row), Some(end_rows), None);
    }
}

/// The values of a call.
///
/// # Safety
/// `value` is a value of the running call; text and BLOB are fetched before their length, as SQLite asks.
unsafe fn cell<'v>(value: *mut ffi::sqlite3_value) -> Cell<'v> {
    // SAFETY: the caller's promise; the bytes live until the call returns.
    unsafe {
        let bytes = |start: *const u8| match usize::try_from(ffi::sqlite3_value_bytes(value)) {
            Ok(length) if length > 0 && !start.is_null() => slice::from_raw_parts(start, length),
            _ => &[],
        };
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Cell::Int(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Cell::Float(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => Cell::Text(bytes(ffi::sqlite3_value_text(value))),
            ffi::SQLITE_BLOB => Cell::Blob(bytes(ffi::sqlite3_value_blob(value).cast())),
            _ => Cell::Null,
        }
    }
}

fn write(out: &mut Vec<u8>, cell: &Cell<'_>) {
    let mut put = |class: u8, length: Option<usize>, bytes: &[u8]| {
        out.push(class);
        if let Some(length) = length {
            out.extend_from_slice(&(length as u64).to_le_bytes());
        }
        out.extend_from_slice(bytes);
    };
    match cell {
        Cell::Null => put(NULL, None, &[]),
        Cell::Int(value) => put(INT, None, &value.to_le_bytes()),
        Cell::Float(value) => put(FLOAT, None, &value.to_le_bytes()),
        Cell::Text(bytes) => put(TEXT, Some(bytes.len()), bytes),
        Cell::Blob(bytes) => put(BLOB, Some(bytes.len()), bytes),
    }
}

/// # Safety
/// SQLite calls it with `count` values.
unsafe extern "C" fn make_row(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // A panic must not unwind into C.
    let row = catch_unwind(AssertUnwindSafe(|| {
        let mut row = Vec::new();
        for at in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: the caller's promise.
            write(&mut row, &unsafe { cell(*values.add(at)) });
        }
        row
    }));
    // SAFETY: the caller's promise.
    unsafe { give(context, row.ok().as_deref()) }
}

/// The rows so far, behind a place for their number.
struct Rows {
    count: u64,
    bytes: Vec<u8>,
    failed: bool,
}

/// # Safety
/// SQLite calls it with `count` values, in the context of a group.
unsafe extern "C" fn add_row(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // SAFETY: the caller's promise; the place is zeroed when it is new, and only these functions write it.
    unsafe {
        let size = c_int::try_from(size_of::<*mut Rows>()).unwrap_or(8);
        let place = ffi::sqlite3_aggregate_context(context, size).cast::<*mut Rows>();
        if place.is_null() {
            return ffi::sqlite3_result_error_nomem(context);
        }
        if (*place).is_null() {
            *place = Box::into_raw(Box::new(Rows { count: 0, bytes: vec![0; 8], failed: false }));
        }
        let rows = &mut **place;
        rows.count += 1;
        let added = catch_unwind(AssertUnwindSafe(|| {
            for at in 0..usize::try_from(count).unwrap_or(0) {
                match cell(*values.add(at)) {
                    Cell::Blob(row) => rows.bytes.extend_from_slice(row),
                    _ => rows.failed = true,
                }
            }
        }));
        rows.failed |= added.is_err();
    }
}

/// # Safety
/// SQLite calls it once a group, at its end, also when the statement is given up.
unsafe extern "C" fn end_rows(context: *mut ffi::sqlite3_context) {
    // SAFETY: the caller's promise; nothing is allocated for a group without rows, and the box is taken back once.
    unsafe {
        let place = ffi::sqlite3_aggregate_context(context, 0).cast::<*mut Rows>();
        if place.is_null() || (*place).is_null() {
            return give(context, Some(&[0; 8]));
        }
        let mut rows = Box::from_raw(std::mem::replace(&mut *place, ptr::null_mut()));
        rows.bytes[..8].copy_from_slice(&rows.count.to_le_bytes());
        give(context, (!rows.failed).then_some(&rows.bytes));
    }
}

/// # Safety
/// `context` is that of the running call.
unsafe fn give(context: *mut ffi::sqlite3_context, bytes: Option<&[u8]>) {
    // SAFETY: the caller's promise; SQLite copies the bytes and the message.
    unsafe {
        match bytes {
            Some(bytes) => {
                let start = bytes.as_ptr().cast::<c_void>();
                ffi::sqlite3_result_blob64(context, start, bytes.len() as u64, ffi::SQLITE_TRANSIENT());
            }
            None => ffi::sqlite3_result_error(context, c"rows that cannot be put together".as_ptr(), -1),
        }
    }
}

/// The values of a BLOB of rows, one after the other.
pub(super) struct Reader<'a> {
    pub rows: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// None where it is no such BLOB. So in the next.
    pub fn new(blob: &'a [u8]) -> Option<Self> {
        let mut reader = Reader { rows: 0, rest: blob };
        reader.rows = usize::try_from(u64::from_le_bytes(reader.word()?)).ok()?;
        Some(reader)
    }

    pub fn next(&mut self) -> Option<Cell<'a>> {
        let (class, behind) = self.rest.split_first()?;
        self.rest = behind;
        Some(match *class {
            NULL => Cell::Null,
            INT => Cell::Int(i64::from_le_bytes(self.word()?)),
            FLOAT => Cell::Float(f64::from_le_bytes(self.word()?)),
            TEXT => Cell::Text(self.bytes()?),
            BLOB => Cell::Blob(self.bytes()?),
            _ => return None,
        })
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn word(&mut self) -> Option<[u8; 8]> {
        let (word, behind) = self.rest.split_first_chunk::<8>()?;
        self.rest = behind;
        Some(*word)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(u64::from_le_bytes(self.word()?)).ok()?;
        let (bytes, behind) = self.rest.split_at_checked(length)?;
        self.rest = behind;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_storage_class_comes_back() {
        let cells = [Cell::Null, Cell::Int(i64::MIN), Cell::Float(-0.5), Cell::Text("ä".as_bytes()), Cell::Blob(&[0])];
        let mut blob = 1_u64.to_le_bytes().to_vec();
        cells.iter().for_each(|cell| write(&mut blob, cell));
        let mut reader = Reader::new(&blob).unwrap();
        for cell in &cells {
            assert_eq!(format!("{:?}", reader.next().unwrap()), format!("{cell:?}"));
        }
        assert!(reader.rows == 1 && reader.is_at_end() && reader.next().is_none());
    }

    #[test]
    fn a_blob_that_was_cut_is_not_read() {
        let mut blob = 1_u64.to_le_bytes().to_vec();
        write(&mut blob, &Cell::Text(b"abc"));
        for length in 0..blob.len() {
            let whole = Reader::new(&blob[..length]).and_then(|mut reader| reader.next().map(drop));
            assert!(whole.is_none(), "{length}");
        }
    }
}
