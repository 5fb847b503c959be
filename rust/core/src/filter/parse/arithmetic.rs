//! `$mod` and the bits of an int.

use super::{Parser, invalid};
use crate::error::Result;
use crate::filter::{Bits, Filter};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

impl Parser<'_> {
    /// `[divisor, remainder]`.
    pub(super) fn modulo(&self, column: usize, raw: Raw<'_>) -> Result<Filter> {
        let pair = match raw {
            Raw::List(items) => <[Raw<'_>; 2]>::try_from(items).ok(),
            _ => None,
        };
        let Some([divisor, remainder]) = pair else {
            return Err(invalid("$mod takes a list of two ints: the divisor and the remainder"));
        };
        let divisor = self.int(divisor).map_err(|error| error.within("[0]"))?;
        let remainder = self.int(remainder).map_err(|error| error.within("[1]"))?;
        if divisor == 0 {
            return Err(invalid("nothing is divided by 0").within("[0]"));
        }
        Ok(Filter::Modulo { column, divisor, remainder })
    }

    /// A mask that is not negative, or a list of positions from 0; 63 is the sign.
    pub(super) fn bits(&self, column: usize, operator: &str, raw: Raw<'_>) -> Result<Filter> {
        let bits = match operator {
            "$bitsAllSet" => Bits::AllSet,
            "$bitsAllClear" => Bits::AllClear,
            "$bitsAnySet" => Bits::AnySet,
            _ => Bits::AnyClear,
        };
        let mask = match raw {
            Raw::List(positions) => {
                let mut mask = 0;
                for (at, raw) in positions.into_iter().enumerate() {
                    let position = self.int(raw).map_err(|error| error.within(&format!("[{at}]")))?;
                    let Some(position) = u32::try_from(position).ok().filter(|position| *position < 64) else {
                        return Err(invalid("a position is 0 to 63").within(&format!("[{at}]")));
                    };
                    mask |= 1_i64 << position;
                }
                mask
            }
            raw => match self.int(raw)? {
                mask if mask < 0 => return Err(invalid("a mask is not negative; position 63 is the sign")),
                mask => mask,
            },
        };
        Ok(Filter::Bits { column, bits, mask })
    }

    fn int(&self, raw: Raw<'_>) -> Result<i64> {
        match self.accept(&LogicalType::Int, raw)? {
            Value::Int(value) => Ok(value),
            _ => Err(invalid("expected an int, got None")),
        }
    }
}
