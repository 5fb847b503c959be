//! Our SQL function for sums and products, with the outcome that they have in memory.

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use dataflow_core::dialect::{ARITHMETIC_FUNCTION, decode_decimal, encode_decimal};
use dataflow_core::types::LogicalType;
use dataflow_core::update::{multiply, sum};
use dataflow_core::value::Value;
use libsqlite3_sys as ffi;

use super::function::FLAGS;

/// What a statement says that SQLite gives back as its error.
pub(super) const OUT_OF_RANGE: &CStr = c"dataflow: out of range";
const NO_NUMBERS: &CStr = c"dataflow: arithmetic on something else than numbers";

/// Makes the function known to a connection.
///
/// # Safety
/// `db` is an open connection that only this thread uses.
pub(super) unsafe fn register(db: *mut ffi::sqlite3) {
    let Ok(name) = std::ffi::CString::new(ARITHMETIC_FUNCTION) else { return };
    // SAFETY: the caller's promise; `call` takes four values as it is told here, and SQLite copies the name.
    unsafe {
        ffi::sqlite3_create_function_v2(db, name.as_ptr(), 4, FLAGS, ptr::null_mut(), Some(call), None, None, None);
    }
}

/// # Safety
/// SQLite calls it with four values.
unsafe extern "C" fn call(context: *mut ffi::sqlite3_context, _count: c_int, values: *mut *mut ffi::sqlite3_value) {
    // A panic must not unwind into C.
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's promise; the values live until this function returns. So in the rest of it.
        let (sign, stored, operand) = unsafe { (text(*values), number(*values.add(1)), number(*values.add(2))) };
        // SAFETY: as above.
        let digits = unsafe { ffi::sqlite3_value_int(*values.add(3)) };
        result(sign, stored?, operand?, digits)
    }));
    // SAFETY: as above; SQLite copies bytes and messages.
    unsafe {
        match result {
            Ok(Some(Ok(Value::Int(value)))) => ffi::sqlite3_result_int64(context, value),
            Ok(Some(Ok(Value::Decimal(digits)))) => {
                let bytes = encode_decimal(digits);
                ffi::sqlite3_result_blob(context, bytes.as_ptr().cast(), 16, ffi::SQLITE_TRANSIENT());
            }
            Ok(Some(Err(_))) => ffi::sqlite3_result_error(context, OUT_OF_RANGE.as_ptr(), -1),
            Ok(None | Some(Ok(_))) | Err(_) => ffi::sqlite3_result_error(context, NO_NUMBERS.as_ptr(), -1),
        }
    }
}

/// None for something else than a sum or product of numbers.
fn result(
    sign: u8,
    stored: Value<'static>,
    operand: Value<'static>,
    digits: c_int,
) -> Option<dataflow_core::Result<Value<'static>>> {
    let ty = match u8::try_from(digits).ok()? {
        0 => LogicalType::Int,
        precision => LogicalType::Decimal { precision, scale: 0 },
    };
    match (sign, &operand) {
        (_, Value::Null) => None,
        (b'+', operand) => Some(sum(&ty, &stored, operand)),
        (b'*', operand) => Some(multiply(&ty, &stored, operand, 0)),
        _ => None,
    }
}

/// # Safety
/// `value` is a value of the running call.
unsafe fn text(value: *mut ffi::sqlite3_value) -> u8 {
    // SAFETY: the caller's promise; the text ends with a zero.
    unsafe {
        let start = ffi::sqlite3_value_text(value);
        if start.is_null() { 0 } else { *start }
    }
}

/// An int, the bytes of a decimal, or null.
///
/// # Safety
/// `value` is a value of the running call.
unsafe fn number(value: *mut ffi::sqlite3_value) -> Option<Value<'static>> {
    // SAFETY: the caller's promise; the bytes are read before anything else is asked of the value.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_NULL => Some(Value::Null),
            ffi::SQLITE_INTEGER => Some(Value::Int(ffi::sqlite3_value_int64(value))),
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast::<[u8; 16]>();
                let whole = ffi::sqlite3_value_bytes(value) == 16 && !start.is_null();
                whole.then(|| Value::Decimal(decode_decimal(*start)))
            }
            _ => None,
        }
    }
}
