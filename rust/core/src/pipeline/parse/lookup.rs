//! `$lookup`: the rows of another model whose value equals one of this row's.

use std::sync::Arc;

use super::build::Builder;
use super::{STAGES, check_name, invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Comparison, Filter};
use crate::pipeline::{Cell, Column, Expression, Join, Lookup, MAX_LOOKUPS, Nested, Output};
use crate::plan::Order;
use crate::schema::TableSchema;
use crate::types::{LogicalType, RowsType};
use crate::value::{Raw, Value};

const OPTIONS: &[&str] = &["from", "localField", "foreignField", "as", "pipeline"];
const FORM: &str = "write {\"$lookup\": {\"from\": \"Author\", \"localField\": \"author_id\", \"foreignField\": \"id\", \"as\": \"author\"}}";
/// What does the same to each row, whatever rows there are beside it, or is done to those of one row by their places.
const WITHIN: &[&str] = &[
    "$addFields",
    "$limit",
    "$lookup",
    "$match",
    "$project",
    "$replaceRoot",
    "$replaceWith",
    "$set",
    "$skip",
    "$sort",
    "$unset",
    "$unwind",
];

/// The rows that are looked up for one row are those with the same value in an output.
#[derive(Clone, Copy)]
pub(super) struct Within {
    theirs: usize,
}

/// Rows that were looked up, and are not yet asked for.
pub(super) struct Pending {
    name: String,
    /// The output whose value they have.
    own: usize,
    lookup: Lookup,
    order: Vec<Order>,
    identity: Vec<usize>,
}

#[derive(Default)]
struct Given<'r> {
    from: Option<String>,
    own: Option<String>,
    theirs: Option<String>,
    name: Option<String>,
    stages: Option<Raw<'r>>,
}

impl Builder<'_> {
    pub(super) fn read_lookup(&mut self, raw: Raw<'_>) -> Result<()> {
        let Given { from: Some(from), own: Some(own), theirs: Some(theirs), name: Some(name), stages } = given(raw)?
        else {
            return Err(invalid("it needs `from`, `localField`, `foreignField` and `as`").hint(FORM));
        };
        check_name(&name).map_err(|error| error.within("as"))?;
        let table = self.look_into(&from, |error| error.within("from"))?;
        let row = self.row();
        let own = row.resolve(&own).map_err(|error| error.within("localField"))?;
        let theirs = table.resolve(&theirs).map_err(|error| error.within("foreignField"))?;
        check_comparable(&row, own, &table, theirs).map_err(|error| error.within("localField"))?;
        let mut inner = Builder::new(&table, self.models, self.floats, self.rules, &[]);
        (inner.within, inner.nodes, inner.levels) = (Some(Within { theirs }), self.nodes, self.levels + 1);
        inner.set_lookup(self.lookups.len());
        inner.lookups = std::mem::take(&mut self.lookups);
        if let Some(stages) = stages {
            inner.stages(stages).map_err(|error| error.within("pipeline"))?;
        }
        (self.nodes, self.lookups) = (inner.nodes, std::mem::take(&mut inner.lookups));
        let (order, identity) = (inner.level.order.clone(), inner.level.identity.clone());
        self.levels = inner.levels;
        let levels = inner.into_levels();
        let (lookup, own) = (Lookup { table, levels, theirs }, self.visible()[own]);
        self.pending.retain(|pending| pending.name != name);
        self.hide_named(&name);
        self.pending.push(Pending { name, own, lookup, order, identity });
        Ok(())
    }

    /// The table of another model, whose rows come into the pipeline; `named` puts the place of the name into errors.
    pub(super) fn look_into(&mut self, model: &str, named: impl Fn(Error) -> Error) -> Result<Arc<TableSchema>> {
        let Some(models) = self.models else {
            let error = invalid("no other model is public").hint("read its rows by a table of their own");
            return Err(named(error));
        };
        if self.lookups.len() >= MAX_LOOKUPS {
            let message = format!("a pipeline looks into at most {MAX_LOOKUPS} models");
            let error = Error::new(ErrorKind::LimitExceeded, message);
            return Err(error.hint("ask for the others in a pipeline of their own"));
        }
        let table = models.named(model).map_err(named)?;
        self.lookups.push(Arc::clone(&table));
        Ok(table)
    }

    /// Refuses a stage that the rows of a `$lookup` cannot have; before any but two of them those of one are settled.
    pub(super) fn allows(&mut self, stage: &str) -> Result<()> {
        if self.within.is_some() && STAGES.contains(&stage) && !WITHIN.contains(&stage) {
            let message = format!("`{stage}` is not built for the rows of one $lookup");
            return Err(Error::new(ErrorKind::NotBuilt, message).hint(format!("there are {}", WITHIN.join(", "))));
        }
        match stage {
            "$lookup" | "$unwind" => Ok(()),
            _ => self.settle(),
        }
    }

    /// What was looked up and not taken apart becomes a list of rows.
    pub(super) fn settle(&mut self) -> Result<()> {
        for pending in std::mem::take(&mut self.pending) {
            self.nest(pending)?;
        }
        Ok(())
    }

    /// Gives each row those that were looked up for it, in a column.
    fn nest(&mut self, Pending { name, own, lookup, mut order, identity }: Pending) -> Result<()> {
        self.make_plain()?;
        let last = lookup.levels.last().ok_or_else(|| Error::internal("a lookup without a level"))?;
        let columns = last.outputs.iter().filter(|output| !output.hidden).map(|output| output.column.returned());
        let ty = RowsType { columns: columns.collect(), many: true, tenant: None };
        let missing = |at: &usize| !order.iter().any(|order| order.column == *at);
        let rest: Vec<usize> = identity.into_iter().filter(missing).collect();
        order.extend(rest.into_iter().map(|column| Order { column, descending: false }));
        let column = Column { name, ty: LogicalType::Rows(Arc::new(ty)), nullable: false, origin: None };
        let nested = Nested { lookup, own: self.input(own)?, order };
        self.level.outputs.push(Output::new(column, Cell::Rows(Box::new(nested))));
        self.untouched = false;
        Ok(())
    }

    /// Another column of the name, and what it has inside, is no longer there.
    pub(super) fn hide_named(&mut self, name: &str) {
        let named = self.level.outputs.iter_mut().filter(|output| is_or_inside(&output.column.name, name));
        named.for_each(|output| output.hidden = true);
        self.untouched = false;
    }

    /// The rows that a name was given to; each is taken once.
    pub(super) fn take_pending(&mut self, name: &str) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.name == name)?;
        Some(self.pending.remove(at))
    }

    /// Puts each row beside those that were looked up for it, whose columns are called `author.name`.
    pub(super) fn join(&mut self, pending: Pending, keeps_empty: bool) -> Result<()> {
        let Pending { name, own, lookup, order, identity } = pending;
        let joined = lookup.levels.last().ok_or_else(|| Error::internal("a lookup without a level"))?.outputs.clone();
        let rows = joined.iter().find(|output| !output.hidden && matches!(output.column.ty, LogicalType::Rows(_)));
        if let Some(rows) = rows.filter(|_| keeps_empty) {
            let message = format!("`{}` of no row is no list, which is not built", rows.column.name);
            return Err(Error::new(ErrorKind::NotBuilt, message).hint("$unwind it within the $lookup, or leave it out"));
        }
        self.level.complete_order();
        self.wrap()?;
        let level = &mut self.level;
        let first = level.input.len();
        for (at, Output { column, hidden, .. }) in joined.into_iter().enumerate() {
            let nullable = column.nullable || keeps_empty;
            let column = Column { name: format!("{name}.{}", column.name), nullable, ..column };
            let value = Expression::column(first + at, column.ty.clone(), nullable);
            level.input.push(column.clone());
            level.outputs.push(Output { hidden, ..Output::new(column, Cell::Value(value)) });
        }
        level.order.extend(order.into_iter().map(|order| Order { column: first + order.column, ..order }));
        level.identity.extend(identity.into_iter().map(|at| first + at));
        level.join = Some(Join { lookup, own, keeps_empty });
        self.untouched = false;
        Ok(())
    }

    /// Leaves some of the rows that are looked up for one row, as they are ordered.
    pub(super) fn cut_within(&mut self, Within { theirs }: Within, skip: u64, limit: Option<u64>) -> Result<()> {
        self.make_plain()?;
        self.level.complete_order();
        let order = |order: &Order| Ok(Order { column: self.input(order.column)?, ..*order });
        let order = self.level.order.iter().map(order).collect::<Result<Vec<_>>>()?;
        let cell = Cell::Place { partition: vec![self.input(theirs)?], order };
        let column = Column { name: String::new(), ty: LogicalType::Int, nullable: false, origin: None };
        let place = self.level.outputs.len();
        self.level.outputs.push(Output::hidden(column, cell));
        self.wrap()?;
        let bound = |comparison, count: u64| Filter::Compare {
            column: place,
            comparison,
            value: Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
        };
        if skip > 0 {
            self.level.filters.push(bound(Comparison::Greater, skip));
        }
        if let Some(limit) = limit {
            self.level.filters.push(bound(Comparison::LessOrEqual, limit));
        }
        Ok(())
    }
}

/// Whether a column is the one of the name, or inside it.
pub(super) fn is_or_inside(column: &str, name: &str) -> bool {
    column == name || is_inside(column, name)
}

/// Whether a column is inside a name: `author.name` of `author`.
pub(super) fn is_inside(column: &str, name: &str) -> bool {
    column.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

fn given(raw: Raw<'_>) -> Result<Given<'_>> {
    let Raw::Map(entries) = raw else {
        return Err(invalid(format!("expected a dict, got {}", raw.type_name())).hint(FORM));
    };
    let mut given = Given::default();
    for (option, raw) in entries {
        let text = match (&*option, raw) {
            ("pipeline", stages) => {
                given.stages = Some(stages);
                continue;
            }
            ("let", _) => {
                let error = Error::new(ErrorKind::NotBuilt, "variables, `let`, are not built yet");
                return Err(error.within("let").hint("the rows are found by `localField` and `foreignField`"));
            }
            (option, Raw::Text(text)) if OPTIONS.contains(&option) => Some(text.into_owned()),
            (name, raw) if OPTIONS.contains(&name) => {
                return Err(invalid(format!("expected a str, got {}", raw.type_name())).within(&option));
            }
            (name, _) => {
                let error = Error::new(ErrorKind::UnknownOperator, format!("$lookup has no `{name}`"));
                let hint = meant(name, OPTIONS).unwrap_or_else(|| format!("it has {}", OPTIONS.join(", ")));
                return Err(error.hint(hint).within(&option));
            }
        };
        match &*option {
            "from" => given.from = text,
            "localField" => given.own = text,
            "foreignField" => given.theirs = text,
            _ => given.name = text,
        }
    }
    Ok(given)
}

/// Values of both columns are the same in SQL where they are the same.
fn check_comparable(row: &TableSchema, own: usize, table: &Arc<TableSchema>, theirs: usize) -> Result<()> {
    let (own, theirs) = (&row.columns[own], &table.columns[theirs]);
    let same = match (&own.ty, &theirs.ty) {
        (LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_), _) => false,
        (LogicalType::Decimal { scale: own, .. }, LogicalType::Decimal { scale: theirs, .. }) => own == theirs,
        (own, theirs) => own == theirs || own.is_text() && theirs.is_text(),
    };
    if same {
        return Ok(());
    }
    let (own, theirs) = ((&own.name, own.ty.name()), (&theirs.name, theirs.ty.name()));
    Err(invalid(format!("`{}` is {}, and `{}` of {} {}", own.0, own.1, theirs.0, table.model, theirs.1))
        .hint("rows are looked up by fields of one type, which are no lists and no JSON"))
}
