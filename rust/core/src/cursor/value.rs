//! Values in as few bytes as tell them apart, by the type of their column.

use crate::error::{Error, Result};
use crate::types::LogicalType;
use crate::value::Value;

const NULL: u8 = 0;
const GIVEN: u8 = 1;

/// # Errors
/// `Internal` for a value that is not of the type.
pub(super) fn write_value(bytes: &mut Vec<u8>, ty: &LogicalType, value: &Value<'_>) -> Result<()> {
    bytes.push(if *value == Value::Null { NULL } else { GIVEN });
    match (ty, value) {
        (_, Value::Null) => {}
        (LogicalType::Bool, Value::Bool(value)) => bytes.push(u8::from(*value)),
        (LogicalType::Int, Value::Int(value))
        | (LogicalType::Instant, Value::Instant(value))
        | (LogicalType::WallTime, Value::WallTime(value))
        | (LogicalType::Time, Value::Time(value))
        | (LogicalType::Duration, Value::Duration(value)) => write_signed(bytes, i128::from(*value)),
        (LogicalType::Date, Value::Date(days)) => write_signed(bytes, i128::from(*days)),
        (LogicalType::Decimal { .. }, Value::Decimal(digits)) => write_signed(bytes, *digits),
        (LogicalType::Float, Value::Float(value)) => bytes.extend(value.to_le_bytes()),
        (LogicalType::Text { .. } | LogicalType::Choice { .. }, Value::Text(text)) => {
            write_bytes(bytes, text.as_bytes());
        }
        (LogicalType::Bytes, Value::Bytes(value)) => write_bytes(bytes, value),
        (LogicalType::Uuid, Value::Uuid(uuid)) => bytes.extend(uuid),
        (ty, _) => return Err(Error::internal(format!("a cursor with another value than {}", ty.name()))),
    }
    Ok(())
}

fn write_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    write_number(bytes, value.len() as u128);
    bytes.extend(value);
}

/// Small numbers of either sign are short: 0, -1, 1, -2, … are 0, 1, 2, 3, ….
fn write_signed(bytes: &mut Vec<u8>, value: i128) {
    write_number(bytes, (value << 1 ^ value >> 127).cast_unsigned());
}

/// Seven bits a byte, the lowest first; the eighth says that more follow (LEB128).
fn write_number(bytes: &mut Vec<u8>, mut value: u128) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

/// Reads what was written; None where it was not.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn new(rest: &'b [u8]) -> Self {
        Reader { rest }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub fn value(&mut self, ty: &LogicalType, nullable: bool) -> Option<Value<'static>> {
        match self.byte()? {
            NULL if nullable => return Some(Value::Null),
            GIVEN => {}
            _ => return None,
        }
        Some(match ty {
            LogicalType::Bool => Value::Bool(match self.byte()? {
                0 => false,
                1 => true,
                _ => return None,
            }),
            LogicalType::Int => Value::Int(self.int()?),
            LogicalType::Instant => Value::Instant(self.int()?),
            LogicalType::WallTime => Value::WallTime(self.int()?),
            LogicalType::Time => Value::Time(self.int()?),
            LogicalType::Duration => Value::Duration(self.int()?),
            LogicalType::Date => Value::Date(i32::try_from(self.signed()?).ok()?),
            LogicalType::Decimal { .. } => Value::Decimal(self.signed()?),
            LogicalType::Float => Value::Float(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            LogicalType::Text { .. } | LogicalType::Choice { .. } => {
                Value::Text(String::from_utf8(self.bytes()?.to_vec()).ok()?.into())
            }
            LogicalType::Bytes => Value::Bytes(self.bytes()?.to_vec().into()),
            LogicalType::Uuid => Value::Uuid(self.take(16)?.try_into().ok()?),
            LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_) => return None,
        })
    }

    fn int(&mut self) -> Option<i64> {
        i64::try_from(self.signed()?).ok()
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn signed(&mut self) -> Option<i128> {
        let value = self.number()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn number(&mut self) -> Option<u128> {
        let mut value = 0u128;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            let low = u128::from(byte & 0x7f);
            if low << shift >> shift != low {
                return None;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                // A last byte that adds nothing was never written.
                return (low > 0 || shift == 0).then_some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::lists;

    #[test]
    fn a_number_has_one_form() {
        let read = |bytes: &[u8]| Reader::new(bytes).value(&LogicalType::Int, false);
        assert_eq!(read(&[GIVEN, 0]), Some(Value::Int(0)));
        assert_eq!(read(&[GIVEN, 0x80, 1]), Some(Value::Int(64)));
        assert_eq!([read(&[GIVEN, 0x80, 0]), read(&[GIVEN, 0x9c, 0x9c, 0])], [None, None]);
    }

    fn round_trip(ty: &LogicalType, value: &Value<'static>) -> (Value<'static>, usize) {
        let mut bytes = Vec::new();
        write_value(&mut bytes, ty, value).unwrap();
        let mut reader = Reader::new(&bytes);
        let read = reader.value(ty, true).unwrap();
        assert!(reader.is_at_end());
        for end in 0..bytes.len() {
            assert!(Reader::new(&bytes[..end]).value(ty, true).is_none(), "{ty:?} cut at {end}");
        }
        (read, bytes.len())
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        let mut looked = 0;
        for (ty, values, _) in lists() {
            for value in values.into_iter().chain([Value::Null]) {
                assert_eq!(round_trip(&ty, &value).0, value);
                looked += 1;
            }
        }
        assert!(looked > 20);
        for number in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(round_trip(&LogicalType::Int, &Value::Int(number)).0, Value::Int(number));
        }
        let decimal = LogicalType::Decimal { precision: 38, scale: 2 };
        for digits in [i128::MIN, -1, 0, i128::MAX] {
            assert_eq!(round_trip(&decimal, &Value::Decimal(digits)).0, Value::Decimal(digits));
        }
        assert_eq!(round_trip(&LogicalType::Int, &Value::Int(-64)).1, 2);
    }

    #[test]
    fn the_bits_of_a_float_stay() {
        for value in [f64::NAN, -0.0, f64::NEG_INFINITY, f64::MIN_POSITIVE] {
            let (Value::Float(read), _) = round_trip(&LogicalType::Float, &Value::Float(value)) else { panic!() };
            assert_eq!(read.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn bytes_that_nobody_wrote_are_no_value() {
        let long = [GIVEN, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2];
        for ty in [LogicalType::Text { max_length: None }, LogicalType::Bytes, LogicalType::Int, LogicalType::Date] {
            assert!(Reader::new(&long).value(&ty, true).is_none(), "{ty:?}");
            assert!(Reader::new(&[GIVEN; 1]).value(&ty, true).is_none());
            assert!(Reader::new(&[2, 0]).value(&ty, true).is_none());
        }
        let wide = [&[GIVEN][..], &[0xff; 18], &[0x7f]].concat();
        assert!(Reader::new(&wide).value(&LogicalType::Decimal { precision: 38, scale: 0 }, true).is_none());
        assert!(Reader::new(&[GIVEN, 1, 0xff]).value(&LogicalType::Text { max_length: None }, true).is_none());
        assert!(Reader::new(&[NULL]).value(&LogicalType::Int, false).is_none());
        assert!(write_value(&mut Vec::new(), &LogicalType::Int, &Value::Bool(true)).is_err());
    }
}
