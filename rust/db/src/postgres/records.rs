//! An array of records, as `array_send` and `record_send` write it: each field is as it would be in a column.

use dataflow_core::dialect::Returned;
use tokio_postgres::types::Type;

use super::wire_type::wire_type;

type Result<T> = std::result::Result<T, String>;

/// The fields of the records, one after the other.
pub(super) struct Records<'a> {
    pub count: usize,
    rest: &'a [u8],
    /// Fields of the current record that are still to come.
    fields: i32,
}

impl<'a> Records<'a> {
    /// One dimension counted from 1, or none.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut records = Records { count: 0, rest: bytes, fields: 0 };
        let (dimensions, _flags, oid) = (records.word()?, records.word()?, records.word()?);
        if oid.cast_unsigned() != Type::RECORD.oid() {
            return Err("an array of other items than records".to_owned());
        }
        match dimensions {
            0 => Ok(records),
            1 => {
                records.count = usize::try_from(records.word()?).map_err(|_| short())?;
                let _lower = records.word()?;
                Ok(records)
            }
            _ => Err("an array of several dimensions".to_owned()),
        }
    }

    /// The next field, which is of the column's type.
    pub fn next(&mut self, column: &Returned) -> Result<Option<&'a [u8]>> {
        if self.fields == 0 {
            if self.word()? < 0 {
                return Err("an array with a null".to_owned());
            }
            self.fields = self.word()?;
        }
        if self.word()?.cast_unsigned() != wire_type(&column.ty).oid() {
            return Err(format!("a record's field of another type than {}", column.ty.name()));
        }
        self.fields -= 1;
        let Ok(size) = usize::try_from(self.word()?) else { return Ok(None) };
        let (field, behind) = self.rest.split_at_checked(size).ok_or_else(short)?;
        self.rest = behind;
        Ok(Some(field))
    }

    /// Whether all of it was read.
    pub fn end(&self) -> Result<()> {
        if self.rest.is_empty() && self.fields == 0 { Ok(()) } else { Err("records of more fields".to_owned()) }
    }

    fn word(&mut self) -> Result<i32> {
        let (word, behind) = self.rest.split_first_chunk::<4>().ok_or_else(short)?;
        self.rest = behind;
        Ok(i32::from_be_bytes(*word))
    }
}

fn short() -> String {
    "a short array".to_owned()
}
