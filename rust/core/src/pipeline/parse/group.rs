//! `$group` and `$sortByCount`.

use std::borrow::Cow;

use super::build::Builder;
use super::literal::convert;
use super::{check_name, invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Cell, Column, Expression};
use crate::plan::Order;
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::Raw;

const ACCUMULATORS: &[&str] =
    &["$addToSet", "$avg", "$count", "$first", "$last", "$max", "$min", "$push", "$stdDevPop", "$stdDevSamp", "$sum"];
const LATER_ACCUMULATORS: &[&str] = &[
    "$bottom",
    "$bottomN",
    "$firstN",
    "$lastN",
    "$maxN",
    "$median",
    "$mergeObjects",
    "$minN",
    "$percentile",
    "$top",
    "$topN",
];
/// Digits that an average of decimals has more behind the point, where there is room.
const AVERAGE_DIGITS: u8 = 4;

/// What becomes of the values of a group.
pub(super) enum Total {
    Count,
    Sum(Expression),
    /// Of a column.
    Average(Expression),
    /// Of floats; whether they are a sample.
    Deviation(Expression, bool),
    Smallest(Expression),
    Largest(Expression),
    First(Expression),
    Last(Expression),
    /// Those that are not null, as a list; of a column, as the next.
    Pushed(Expression),
    /// Each of them once, in their own order.
    Distinct(Expression),
}

/// The columns that have the places of rows for a total: by the order of the rows, and by that of its values.
#[derive(Default)]
pub(super) struct Placed {
    pub first: Option<usize>,
    pub last: Option<usize>,
    pub value: Option<usize>,
    /// 1 for one of the rows with the same value.
    pub once: Option<usize>,
}

impl Total {
    /// What a dialect writes more than once, and so has to be a column: parameters are sent once.
    pub(super) fn named_operand(&self) -> Option<&Expression> {
        match self {
            Total::Sum(of) => (of.ty == LogicalType::Float).then_some(of),
            Total::Average(of) | Total::Deviation(of, _) | Total::Pushed(of) | Total::Distinct(of) => Some(of),
            Total::Count | Total::Smallest(_) | Total::Largest(_) | Total::First(_) | Total::Last(_) => None,
        }
    }

    fn operand_mut(&mut self) -> Option<&mut Expression> {
        match self {
            Total::Count => None,
            Total::Sum(of) | Total::Average(of) | Total::Deviation(of, _) | Total::Smallest(of) => Some(of),
            Total::Largest(of) | Total::First(of) | Total::Last(of) => Some(of),
            Total::Pushed(of) | Total::Distinct(of) => Some(of),
        }
    }

    /// Has it read other columns. One that was computed first is no visible column: it stays.
    pub fn rename(&mut self, columns: &[usize]) {
        if let Some(of) = self.operand_mut()
            && of.as_column().is_none_or(|at| at < columns.len())
        {
            of.rename(columns);
        }
    }

    pub const fn is_list(&self) -> bool {
        matches!(self, Total::Pushed(_) | Total::Distinct(_))
    }

    /// Has the total be of an output that was computed first.
    pub fn set_hoisted(&mut self, output: usize) {
        if let Some(of) = self.operand_mut() {
            *of = Expression::column(output, of.ty.clone(), of.nullable);
        }
    }

    /// The column of which it is one of the values.
    pub fn picked(&self) -> Option<usize> {
        match self {
            Total::Smallest(of) | Total::Largest(of) | Total::First(of) | Total::Last(of) => of.as_column(),
            Total::Pushed(of) | Total::Distinct(of) => of.as_column(),
            Total::Count | Total::Sum(_) | Total::Average(_) | Total::Deviation(..) => None,
        }
    }

    pub fn column(&self) -> Column {
        let (ty, nullable) = match self {
            Total::Count => (LogicalType::Int, false),
            Total::Sum(of) => (sum_type(&of.ty), false),
            Total::Average(of) => (average_type(&of.ty), true),
            Total::Deviation(..) => (LogicalType::Float, true),
            Total::Smallest(of) | Total::Largest(of) | Total::First(of) | Total::Last(of) => (of.ty.clone(), true),
            Total::Pushed(of) | Total::Distinct(of) => (LogicalType::List { item: Box::new(of.ty.clone()) }, false),
        };
        Column { name: String::new(), ty, nullable, origin: None }
    }

    pub fn into_cell(self, placed: &Placed) -> Result<Cell> {
        let place = |place: Option<usize>| place.ok_or_else(|| Error::internal("a total by order without places"));
        Ok(match self {
            Total::Count => Cell::Count,
            Total::Sum(of) => Cell::Sum(of),
            Total::Average(of) => Cell::Average(of),
            Total::Deviation(of, is_sample) => Cell::Deviation { of, is_sample },
            Total::Smallest(of) => Cell::Smallest(of),
            Total::Largest(of) => Cell::Largest(of),
            Total::First(value) => Cell::At { place: place(placed.first)?, value },
            Total::Last(value) => Cell::At { place: place(placed.last)?, value },
            Total::Pushed(of) => Cell::Listed { of, place: place(placed.first)?, once: None },
            Total::Distinct(of) => Cell::Listed { of, place: place(placed.value)?, once: Some(place(placed.once)?) },
        })
    }
}

fn sum_type(ty: &LogicalType) -> LogicalType {
    match ty {
        LogicalType::Decimal { scale, .. } => LogicalType::Decimal { precision: 38, scale: *scale },
        ty => ty.clone(),
    }
}

/// An average is no larger than the largest value: it gets as many digits more as are left of 38.
fn average_type(ty: &LogicalType) -> LogicalType {
    match ty {
        LogicalType::Decimal { precision, scale } => {
            let most = (38 - precision.min(&38)) + scale;
            LogicalType::Decimal { precision: 38, scale: (scale + AVERAGE_DIGITS).min(most) }
        }
        _ => LogicalType::Float,
    }
}

impl Builder<'_> {
    pub(super) fn read_group(&mut self, raw: Raw<'_>) -> Result<()> {
        let Raw::Map(mut entries) = raw else {
            return Err(invalid(format!("expected a dict with `_id`, got {}", raw.type_name())));
        };
        let Some(at) = entries.iter().position(|(name, _)| name == "_id") else {
            return Err(invalid("a $group needs `_id`").hint("write \"_id\": \"$field\", or None for one group of all"));
        };
        let (row, (_, id)) = (self.row(), entries.remove(at));
        let keys = self.read_keys(&row, id).map_err(|error| error.within("_id"))?;
        let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
        let totals = self.read_totals(&row, entries, &names)?;
        if keys.is_empty() && totals.is_empty() {
            return Err(invalid("it has neither keys nor totals"));
        }
        self.group(keys, totals)
    }

    /// Totals by their names, which are none of `keys`.
    pub(super) fn read_totals(
        &mut self,
        row: &TableSchema,
        entries: Vec<(Cow<'_, str>, Raw<'_>)>,
        keys: &[&str],
    ) -> Result<Vec<(String, Total)>> {
        let mut totals = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let total = self.read_accumulator(row, raw).map_err(|error| error.within(&name))?;
            check_name(&name).map_err(|error| error.within(&name))?;
            if keys.contains(&&*name) {
                return Err(invalid("a part of `_id` has this name").within(&name));
            }
            totals.push((name.into_owned(), total));
        }
        Ok(totals)
    }

    /// None: no key. An expression: the column `_id`. A dict of names: a column each.
    fn read_keys(&mut self, row: &TableSchema, raw: Raw<'_>) -> Result<Vec<(String, Expression)>> {
        match raw {
            Raw::Null => Ok(Vec::new()),
            Raw::Map(entries) if !is_operator(&entries) => {
                let mut keys = Vec::with_capacity(entries.len());
                for (name, raw) in entries {
                    let key = check_name(&name).and_then(|()| self.read_key(row, raw));
                    keys.push((name.to_string(), key.map_err(|error| error.within(&name))?));
                }
                Ok(keys)
            }
            raw => Ok(vec![("_id".to_owned(), self.read_key(row, raw)?)]),
        }
    }

    pub(super) fn read_key(&mut self, row: &TableSchema, raw: Raw<'_>) -> Result<Expression> {
        let is_expression = matches!(&raw, Raw::Text(text) if text.starts_with('$')) || matches!(&raw, Raw::Map(_));
        if !is_expression {
            return Err(invalid(format!("a key is a field, `\"$name\"`, or an expression, got {}", raw.type_name()))
                .hint("None makes one group of all rows"));
        }
        let key = Self::expressions(&mut self.nodes, row, self.floats).whole(raw)?;
        if matches!(key.ty, LogicalType::List { .. } | LogicalType::Json) {
            return Err(invalid(format!("rows are not grouped by {}", key.ty.name())));
        }
        Ok(key)
    }

    fn read_accumulator(&mut self, row: &TableSchema, raw: Raw<'_>) -> Result<Total> {
        let entry = match raw {
            Raw::Map(entries) => <[_; 1]>::try_from(entries).ok(),
            _ => None,
        };
        let Some([(name, raw)]) = entry else {
            return Err(invalid("a total is a dict with one accumulator").hint(all()));
        };
        if !ACCUMULATORS.contains(&&*name) {
            return Err(unknown(&name));
        }
        let total = match &*name {
            "$push" | "$addToSet" if !self.rules.lists => {
                let error = Error::new(ErrorKind::LimitExceeded, "a pipeline makes no lists of all values here");
                Err(error.hint("ask for one of them, by $min, $max, $first or $last, or for their number"))
            }
            "$count" if raw == Raw::Map(Vec::new()) => Ok(Total::Count),
            "$count" => Err(invalid("$count takes an empty dict here").hint("write {\"$count\": {}}")),
            name => {
                let operand = Self::expressions(&mut self.nodes, row, self.floats).whole(raw);
                operand.and_then(|operand| total(name, operand))
            }
        };
        total.map_err(|error| error.within(&name))
    }

    pub(super) fn read_sort_by_count(&mut self, raw: Raw<'_>) -> Result<()> {
        let row = self.row();
        let key = self.read_key(&row, raw)?;
        self.group(vec![("_id".to_owned(), key)], vec![("count".to_owned(), Total::Count)])?;
        self.sort(&[Order { column: 1, descending: true }])
    }
}

pub(super) fn total(name: &str, of: Expression) -> Result<Total> {
    let is_number = matches!(of.ty, LogicalType::Int | LogicalType::Float | LogicalType::Decimal { .. });
    // PostgreSQL has neither of a bool, and before 18 neither of a UUID and bytes.
    let is_compared = !matches!(
        of.ty,
        LogicalType::Bool | LogicalType::Uuid | LogicalType::Bytes | LogicalType::List { .. } | LogicalType::Json
    );
    let refused = || Err(invalid(format!("{name} is not of {}", of.ty.name())));
    match name {
        "$sum" | "$avg" | "$stdDevPop" | "$stdDevSamp" if !is_number => refused(),
        "$min" | "$max" if !is_compared => refused(),
        "$push" | "$addToSet" if of.ty == LogicalType::Float => {
            Err(invalid(format!("{name} is not of float")).hint("the databases write floats differently in lists"))
        }
        "$first" | "$last" | "$push" | "$addToSet" if matches!(of.ty, LogicalType::List { .. } | LogicalType::Json) => {
            refused()
        }
        "$sum" => Ok(Total::Sum(of)),
        "$avg" => Ok(Total::Average(of)),
        "$stdDevPop" => Ok(Total::Deviation(convert(of, &LogicalType::Float), false)),
        "$stdDevSamp" => Ok(Total::Deviation(convert(of, &LogicalType::Float), true)),
        "$min" => Ok(Total::Smallest(of)),
        "$max" => Ok(Total::Largest(of)),
        "$first" => Ok(Total::First(of)),
        "$push" => Ok(Total::Pushed(of)),
        "$addToSet" => Ok(Total::Distinct(of)),
        _ => Ok(Total::Last(of)),
    }
}

/// `{"$year": …}`, and not a dict of names.
fn is_operator(entries: &[(Cow<'_, str>, Raw<'_>)]) -> bool {
    matches!(entries, [(name, _)] if name.starts_with('$'))
}

fn all() -> String {
    format!("the accumulators are {}", ACCUMULATORS.join(", "))
}

fn unknown(name: &str) -> Error {
    if LATER_ACCUMULATORS.contains(&name) {
        return Error::new(ErrorKind::NotBuilt, format!("the accumulator `{name}` is not built yet")).hint(all());
    }
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no accumulator `{name}`"));
    error.hint(meant(name, ACCUMULATORS).unwrap_or_else(all))
}
