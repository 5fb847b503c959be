//! `[{"$match": {…}}, {"$group": {…}}]` -> [`Pipeline`]. Errors carry the path `pipeline[1].$group.total`.

mod arithmetic;
mod bucket;
mod build;
mod condition;
mod expression;
mod group;
mod literal;
mod lookup;
mod project;
mod replace;
mod shape;
mod text;
mod union;
mod unwind;
mod used;
mod window;
mod within;

use std::borrow::Cow;

use self::build::Builder;
use self::expression::{Expressions, check_value};
use super::{MAX_NAME_BYTES, MAX_STAGES, Pipeline};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::filter::{Filter, Rules, TRUSTED, check_depth, parse_checked};
use crate::plan::Order;
use crate::schema::{Models, TableSchema};
use crate::types::{FloatRules, LogicalType, check_text};
use crate::value::Raw;

const STAGES: &[&str] = &[
    "$addFields",
    "$bucket",
    "$count",
    "$group",
    "$limit",
    "$lookup",
    "$match",
    "$project",
    "$replaceRoot",
    "$replaceWith",
    "$sample",
    "$set",
    "$setWindowFields",
    "$skip",
    "$sort",
    "$sortByCount",
    "$unionWith",
    "$unset",
    "$unwind",
];
const LATER_STAGES: &[&str] = &["$bucketAuto", "$densify", "$facet", "$fill", "$graphLookup", "$merge", "$out"];

/// Reads a pipeline against a table, which may look into `models`.
///
/// # Errors
/// `InvalidPipeline`, `UnknownOperator`, `UnknownField`, `UnknownModel`, `LimitExceeded`, `NotBuilt`, those of a
/// filter, and every refusal of a value.
pub fn parse(table: &TableSchema, models: &Models, raw: Raw<'_>, floats: FloatRules) -> Result<Pipeline> {
    read(Builder::new(table, Some(models), floats, &TRUSTED, &[]), raw)
}

/// As [`parse`], for a caller who knows some columns only, and no other model.
///
/// # Errors
/// Those of [`parse`].
pub fn parse_within(
    table: &TableSchema,
    raw: Raw<'_>,
    floats: FloatRules,
    rules: &Rules,
    hidden: &[bool],
) -> Result<Pipeline> {
    read(Builder::new(table, None, floats, rules, hidden), raw)
}

fn read(mut builder: Builder<'_>, raw: Raw<'_>) -> Result<Pipeline> {
    let raw = check_depth(raw, "a pipeline", "pipeline", builder.rules.max_items)?;
    builder.stages(raw).map_err(|error| error.within("pipeline"))?;
    Ok(builder.finish())
}

impl Builder<'_> {
    fn stages(&mut self, raw: Raw<'_>) -> Result<()> {
        let stages = match raw {
            Raw::List(stages) => stages,
            raw => return Err(invalid(format!("expected a list of stages, got {}", raw.type_name()))),
        };
        if stages.len() > MAX_STAGES {
            let message = format!("a pipeline has at most {MAX_STAGES} stages");
            let error = Error::new(ErrorKind::LimitExceeded, message);
            return Err(error.hint("put stages of one kind together"));
        }
        for (at, raw) in stages.into_iter().enumerate() {
            let read = self.stage(raw).and_then(|()| self.check_size());
            read.map_err(|error| error.within(&format!("[{at}]")))?;
        }
        self.settle()
    }

    fn stage(&mut self, raw: Raw<'_>) -> Result<()> {
        let entry = match raw {
            Raw::Map(entries) => <[_; 1]>::try_from(entries).ok(),
            _ => None,
        };
        let Some([(name, raw)]) = entry else {
            return Err(
                invalid("a stage is a dict with one operator").hint(format!("the stages are {}", STAGES.join(", ")))
            );
        };
        let done = self.allows(&name).and_then(|()| match &*name {
            "$match" => self.keep(raw),
            "$group" => self.read_group(raw),
            "$sort" => self.read_sort(raw),
            "$limit" => self.read_count(raw, 1).and_then(|count| self.limit(count)),
            "$lookup" => self.read_lookup(raw),
            "$skip" => self.read_count(raw, 0).and_then(|count| self.skip(count)),
            "$count" => self.read_total(raw),
            "$project" => self.read_project(raw),
            "$addFields" | "$set" => self.read_added(raw),
            "$unset" => self.read_unset(raw),
            "$setWindowFields" => self.read_window_fields(raw),
            "$bucket" => self.read_bucket(raw),
            "$replaceRoot" => self.read_replaced_root(raw),
            "$replaceWith" => self.read_replaced(raw),
            "$sample" => self.read_sample(raw),
            "$unionWith" => self.read_union(raw),
            "$unwind" => self.read_unwind(raw),
            "$sortByCount" => self.read_sort_by_count(raw),
            name => Err(unknown_stage(name)),
        });
        done.map_err(|error| error.within(&name))
    }

    fn keep(&mut self, raw: Raw<'_>) -> Result<()> {
        let row = self.row();
        let mut filter = parse_checked(&row, raw, self.floats, &self.row_rules())?;
        for at in filter.columns() {
            check_value(&row.columns[at])?;
        }
        self.make_plain()?;
        filter.rename(&self.inputs()?);
        if filter != Filter::And(Vec::new()) {
            self.level.filters.push(filter);
        }
        Ok(())
    }

    fn read_sort(&mut self, raw: Raw<'_>) -> Result<()> {
        let row = self.row();
        let order = Self::read_order(&row, raw)?;
        self.sort(&order)
    }

    fn read_order(row: &TableSchema, raw: Raw<'_>) -> Result<Vec<Order>> {
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("expected a dict of fields, got {}", raw.type_name()))
                .hint("write {\"price\": -1, \"name\": 1}"));
        };
        if entries.is_empty() {
            return Err(invalid("it names no field"));
        }
        let mut order = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let column = row.resolve(&name).map_err(|error| error.within(&name))?;
            let descending = match raw {
                Raw::Int(1) => false,
                Raw::Int(-1) => true,
                _ => return Err(invalid("the order of a field is 1, ascending, or -1, descending").within(&name)),
            };
            let ty = &row.columns[column].ty;
            if matches!(ty, LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_)) {
                return Err(invalid(format!("{} has no order", ty.name())).within(&name));
            }
            order.push(Order { column, descending });
        }
        Ok(order)
    }

    fn read_count(&mut self, raw: Raw<'_>, least: i64) -> Result<u64> {
        match raw {
            Raw::Int(count) if count >= least => Ok(count.unsigned_abs()),
            raw => Err(invalid(format!("expected an int from {least}, got {}", wrong_int(&raw)))),
        }
    }

    /// `{"size": 3}`.
    fn read_sample(&mut self, raw: Raw<'_>) -> Result<()> {
        let size = match raw {
            Raw::Map(entries) => expression::read_names(entries, ["size"]),
            _ => None,
        };
        let Some([size]) = size else {
            return Err(invalid("$sample takes a dict of `size`").hint("write {\"$sample\": {\"size\": 3}}"));
        };
        let count = self.read_count(size, 1).map_err(|error| error.within("size"))?;
        self.sample(count)
    }

    /// `{"$count": "name"}`.
    fn read_total(&mut self, raw: Raw<'_>) -> Result<()> {
        let Raw::Text(name) = raw else {
            return Err(invalid(format!("$count takes the name of its column, got {}", raw.type_name())));
        };
        check_name(&name)?;
        self.group(Vec::new(), vec![(name.into_owned(), group::Total::Count)])
    }

    fn expressions<'e>(nodes: &'e mut usize, row: &'e TableSchema, floats: FloatRules) -> Expressions<'e> {
        Expressions { row, floats, nodes }
    }
}

fn wrong_int<'r>(raw: &'r Raw<'_>) -> &'r str {
    match raw {
        Raw::Int(_) => "a smaller one",
        raw => raw.type_name(),
    }
}

fn unknown_stage(name: &str) -> Error {
    let hint = format!("the stages are {}", STAGES.join(", "));
    if LATER_STAGES.contains(&name) {
        return Error::new(ErrorKind::NotBuilt, format!("the stage `{name}` is not built yet")).hint(hint);
    }
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no stage `{name}`"));
    error.hint(meant(name, STAGES).unwrap_or(hint))
}

fn meant(name: &str, known: &[&'static str]) -> Option<String> {
    did_you_mean(name, known.iter().copied()).map(|meant| format!("did you mean `{meant}`?"))
}

/// Refuses a name that no column of a result may have. It is no part of the SQL.
fn check_name(name: &str) -> Result<()> {
    check_text(name, None)?;
    if name.is_empty() || name.starts_with('$') || name.contains('.') {
        return Err(invalid("the name of a column is not empty, begins with no `$` and has no dot"));
    }
    if name.len() > MAX_NAME_BYTES {
        let message = format!("the name of a column has at most {MAX_NAME_BYTES} bytes");
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    Ok(())
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidPipeline, message.into())
}
