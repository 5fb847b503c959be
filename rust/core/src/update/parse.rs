//! `{"$inc": {"qty": 1}, "$push": {"tags": "a"}}` -> [`Update`]. Errors carry the path `updates.$inc.qty`.

mod list;
mod operator;
mod place;

pub use self::operator::OPERATORS;
use self::operator::{check, unknown};
use self::place::Place;
use super::{BitOperation, Change, Step, Update};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{MAX_NODES, check_depth, json_text};
use crate::schema::TableSchema;
use crate::types::{FloatRules, LogicalType, accept_item};
use crate::value::{Raw, Value};

/// Of arithmetic, and of what lists and documents hold.
const FINITE: FloatRules = FloatRules { nan: false, infinity: false };

/// Reads operators against a table. `set` are the columns that get a value beside them, `closed` those whose documents
/// are instances of a class: nobody but the class knows what may be in them. `floats` is what the columns keep.
///
/// # Errors
/// `InvalidUpdate`, `UnknownOperator`, `UnknownField`, `LimitExceeded`, `KeyMismatch`, and every refusal of a value.
pub fn parse(table: &TableSchema, raw: Raw<'_>, set: &[usize], closed: &[usize], floats: FloatRules) -> Result<Update> {
    let raw = check_depth(raw, "an update", "updates", usize::MAX)?;
    let mut parser = Parser { table, closed, floats, steps: Vec::new(), taken: Vec::new() };
    for &column in set {
        parser.taken.push(Place { column, keys: Vec::new() });
    }
    parser.document(raw).map_err(|error| error.within("updates"))?;
    Ok(Update { steps: parser.steps })
}

struct Parser<'t> {
    table: &'t TableSchema,
    closed: &'t [usize],
    floats: FloatRules,
    steps: Vec<Step>,
    /// The places that something is said about.
    taken: Vec<Place>,
}

impl Parser<'_> {
    fn document(&mut self, raw: Raw<'_>) -> Result<()> {
        for (operator, raw) in entries(raw)? {
            self.operator(&operator, raw).map_err(|error| error.within(&operator))?;
        }
        Ok(())
    }

    fn operator(&mut self, operator: &str, raw: Raw<'_>) -> Result<()> {
        if !OPERATORS.contains(&operator) {
            return Err(unknown(operator));
        }
        let entries = entries(raw)?;
        if entries.is_empty() {
            return Err(invalid(format!("{operator} names no field")));
        }
        for (name, raw) in entries {
            if self.steps.len() == MAX_NODES {
                let message = format!("an update has at most {MAX_NODES} operators on fields");
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
            self.step(operator, &name, raw).map_err(|error| error.within(&name))?;
        }
        Ok(())
    }

    fn step(&mut self, operator: &str, name: &str, raw: Raw<'_>) -> Result<()> {
        let place = self.place(name)?;
        let column = &self.table.columns[place.column];
        self.check_writable(&place)?;
        check(operator, &column.ty, !place.keys.is_empty())?;
        let change = match operator {
            "$unset" if place.keys.is_empty() && !column.nullable => {
                return Err(Error::new(ErrorKind::NullValue, format!("`{}` takes no None", column.name))
                    .hint("$set it to a value, or declare the field optional"));
            }
            "$unset" => Change::Unset,
            "$rename" => self.rename(&place, raw)?,
            operator if !place.keys.is_empty() || column.ty == LogicalType::Json => of_json(self.table, operator, raw)?,
            operator => self.of_column(&column.ty, operator, raw)?,
        };
        self.take(&place)?;
        let path = format!("updates.{operator}.{name}");
        self.steps.push(Step { column: place.column, keys: place.keys, change, path });
        Ok(())
    }

    /// A value moves to a place in the same document.
    fn rename(&mut self, place: &Place, raw: Raw<'_>) -> Result<Change> {
        let Raw::Text(target) = raw else {
            return Err(invalid(format!("$rename takes the new path as str, got {}", raw.type_name())));
        };
        let target = self.place(&target)?;
        if target.column != place.column || target.keys.is_empty() {
            let column = &self.table.columns[place.column].name;
            return Err(invalid(format!("$rename moves a value within `{column}`"))
                .hint(format!("give the new path as `{column}.…`; the names of fields are those of the model")));
        }
        self.take(&target)?;
        Ok(Change::Rename(target.keys))
    }

    /// An operator on a column that is no JSON.
    fn of_column(&self, ty: &LogicalType, operator: &str, raw: Raw<'_>) -> Result<Change> {
        let value = |raw: Raw<'_>, floats| match ty.accept(raw, floats)? {
            Value::Null => Err(no_null(operator)),
            value => Ok(value.into_owned()),
        };
        match operator {
            "$inc" => value(finite(raw)?, FINITE).map(Change::Add),
            "$mul" => factor(ty, finite(raw)?),
            "$min" => value(raw, self.floats).map(Change::Least),
            "$max" => value(raw, self.floats).map(Change::Greatest),
            "$bit" => bits(raw),
            "$currentDate" => current_date(&raw),
            operator => match ty {
                LogicalType::List { item } => {
                    // What leaves a list may be longer than what it holds.
                    let longest = LogicalType::Text { max_length: None };
                    let item = match (operator, &**item) {
                        ("$pullAll", LogicalType::Text { .. }) => &longest,
                        (_, item) => item,
                    };
                    let accept = |raw: Raw<'_>| accept_item(item, raw).map(Value::into_owned);
                    list::change(self.table, item, &accept, operator, raw)
                }
                _ => Err(Error::internal("a list operator on a column without lists")),
            },
        }
    }
}

/// No arithmetic makes a number of one that is none.
fn finite(raw: Raw<'_>) -> Result<Raw<'_>> {
    match raw {
        Raw::Float(value) if !value.is_finite() => {
            Err(Error::new(ErrorKind::NotFinite, "arithmetic takes no NaN and no infinity"))
        }
        raw => Ok(raw),
    }
}

/// An operator on a place in JSON, or on a list that is a whole JSON column.
fn of_json(table: &TableSchema, operator: &str, raw: Raw<'_>) -> Result<Change> {
    let value = |raw: Raw<'_>| json_text(raw.into_owned()).map(|text| Value::Json(text.into()));
    match operator {
        "$set" => value(raw).map(Change::Set),
        "$inc" => number(raw).map(Change::Add),
        "$mul" => number(raw).map(|factor| Change::Multiply { factor, scale: 0 }),
        "$min" | "$max" if matches!(raw, Raw::Null) => Err(no_null(operator)),
        "$min" => value(raw).map(Change::Least),
        "$max" => value(raw).map(Change::Greatest),
        "$bit" => bits(raw),
        operator => list::change(table, &LogicalType::Json, &value, operator, raw),
    }
}

/// A number as JSON has it.
fn number(raw: Raw<'_>) -> Result<Value<'static>> {
    match raw {
        Raw::Int(_) | Raw::Float(_) => json_text(raw.into_owned()).map(|text| Value::Json(text.into())),
        Raw::BigInt(_) => Err(Error::new(ErrorKind::OutOfRange, "arithmetic in JSON is on ints of 64 bits and floats")),
        raw => Err(Error::new(ErrorKind::WrongType, format!("expected int or float, got {}", raw.type_name()))),
    }
}

/// The factor of a decimal has as few places as it can.
fn factor(ty: &LogicalType, raw: Raw<'_>) -> Result<Change> {
    let LogicalType::Decimal { .. } = ty else {
        return match ty.accept(raw, FINITE)? {
            Value::Null => Err(no_null("$mul")),
            factor => Ok(Change::Multiply { factor: factor.into_owned(), scale: 0 }),
        };
    };
    let raw = raw.into_owned();
    let at_scale = |scale| LogicalType::Decimal { precision: 38, scale }.accept(raw.clone(), FINITE);
    for scale in 0..=38 {
        match at_scale(scale) {
            Err(error) if error.kind() == ErrorKind::TooManyDigits && scale < 38 => {}
            Ok(Value::Null) => return Err(no_null("$mul")),
            Ok(factor) => return Ok(Change::Multiply { factor: factor.into_owned(), scale }),
            Err(error) => return Err(error),
        }
    }
    Err(Error::internal("a factor without its places"))
}

fn bits(raw: Raw<'_>) -> Result<Change> {
    let form = || invalid("$bit takes one of {\"and\": int}, {\"or\": int}, {\"xor\": int}");
    let Raw::Map(entries) = raw else { return Err(form()) };
    let Ok([(name, raw)]) = <[_; 1]>::try_from(entries) else { return Err(form()) };
    let operation = match &*name {
        "and" => BitOperation::And,
        "or" => BitOperation::Or,
        "xor" => BitOperation::Xor,
        _ => return Err(form()),
    };
    match LogicalType::Int.accept(raw, FINITE).map_err(|error| error.within(&name))? {
        Value::Int(mask) => Ok(Change::Bits(operation, mask)),
        _ => Err(no_null("$bit")),
    }
}

/// MongoDB tells a date from a timestamp by the operand; here the field does.
fn current_date(raw: &Raw<'_>) -> Result<Change> {
    match raw {
        Raw::Bool(true) => Ok(Change::CurrentDate),
        raw => Err(invalid(format!("$currentDate takes True, got {}", raw.type_name()))),
    }
}

fn entries<'a>(raw: Raw<'a>) -> Result<Vec<(std::borrow::Cow<'a, str>, Raw<'a>)>> {
    match raw {
        Raw::Map(entries) => Ok(entries),
        raw => Err(invalid(format!("expected a dict of fields, got {}", raw.type_name()))),
    }
}

fn no_null(operator: &str) -> Error {
    Error::new(ErrorKind::NullValue, format!("{operator} takes no None")).hint("use $unset to write null")
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidUpdate, message.into())
}
