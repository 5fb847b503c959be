//! `$unionWith`: the rows so far, and behind them those of another model.

use std::borrow::Cow;

use super::build::Builder;
use super::lookup::is_or_inside;
use super::{invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Column, Level, Pair, Union, United};
use crate::plan::Order;
use crate::types::LogicalType;
use crate::value::Raw;

const OPTIONS: &[&str] = &["coll", "pipeline"];
const FORM: &str = "write {\"$unionWith\": \"Order\"} or {\"$unionWith\": {\"coll\": \"Order\", \"pipeline\": […]}}";

impl Builder<'_> {
    /// Fields go together by their names; one that a side does not have is null in its rows.
    pub(super) fn read_union(&mut self, raw: Raw<'_>) -> Result<()> {
        let is_text = matches!(raw, Raw::Text(_));
        let (model, stages) = given(raw)?;
        let table = self.look_into(&model, |error| if is_text { error } else { error.within("coll") })?;
        self.wrap()?;
        let mut inner = Builder::new(&table, self.models, self.floats, self.rules, &[]);
        // One more, in which both are put together.
        (inner.nodes, inner.levels) = (self.nodes, self.levels + 2);
        inner.check_levels()?;
        inner.set_lookup(self.lookups.len());
        inner.lookups = std::mem::take(&mut self.lookups);
        inner.pairs = std::mem::take(&mut self.pairs);
        if let Some(stages) = stages {
            inner.stages(stages).map_err(|error| error.within("pipeline"))?;
        }
        (self.nodes, self.levels) = (inner.nodes, inner.levels);
        (self.lookups, self.pairs) = (std::mem::take(&mut inner.lookups), std::mem::take(&mut inner.pairs));
        inner.level.complete_order();
        let theirs = inner.level.clone();
        if !theirs.is_cut() {
            inner.level.order.clear();
        }
        let levels = inner.into_levels();
        self.unite(&theirs, |columns| Union { table, levels, columns })
    }

    /// The rows of this side come first, each side in its order.
    fn unite(&mut self, theirs: &Level, union: impl FnOnce(Vec<United>) -> Union) -> Result<()> {
        self.level.complete_order();
        let (mut input, mut columns) = self.same_names(theirs)?;
        let shown = input.len();
        let mut order = vec![Order { column: shown, descending: false }];
        let mut identity = vec![shown];
        input.push(Column { name: String::new(), ty: LogicalType::Int, nullable: false, origin: None });
        columns.push(United::default());
        for (level, is_own) in [(&self.level, true), (theirs, false)] {
            for by in &level.order {
                order.push(Order { column: input.len(), ..*by });
                identity.extend(level.identity.contains(&by.column).then_some(input.len()));
                let column = level.outputs[by.column].column.clone();
                input.push(Column { name: String::new(), nullable: true, ..column });
                let [ours, theirs] = [is_own, !is_own].map(|is| is.then_some(by.column));
                columns.push(United { ours, theirs, ..United::default() });
            }
        }
        let hidden: Vec<bool> = (0..input.len()).map(|at| at >= shown).collect();
        self.level = Level { union: Some(union(columns)), ..Level::over(input, &hidden, order, identity) };
        self.forget_order();
        Ok(())
    }

    /// The columns of both, in the order of this side.
    fn same_names(&mut self, theirs: &Level) -> Result<(Vec<Column>, Vec<United>)> {
        let shown = |level: &Level| {
            let all = level.outputs.iter().enumerate().filter(|(_, output)| !output.hidden);
            all.map(|(at, output)| (at, output.column.clone())).collect::<Vec<_>>()
        };
        let (ours, mut theirs) = (shown(&self.level), shown(theirs));
        let (mut input, mut columns) = (Vec::new(), Vec::new());
        for (at, own) in ours {
            let found = theirs.iter().position(|(_, column)| column.name == own.name).map(|at| theirs.remove(at));
            columns.push(United { ours: Some(at), theirs: found.as_ref().map(|(at, _)| *at), ..United::default() });
            input.push(match found {
                Some((_, other)) => self.pair(own, &other)?,
                None => alone(own)?,
            });
        }
        for (at, column) in theirs {
            columns.push(United { theirs: Some(at), ..United::default() });
            input.push(alone(column)?);
        }
        for Column { name, .. } in &input {
            if let Some(inside) = input.iter().find(|other| other.name != *name && is_or_inside(&other.name, name)) {
                let message = format!("`{name}` is one field here, and has `{}` inside there", inside.name);
                return Err(invalid(message).hint("give one of them another name by a $project"));
            }
        }
        Ok((input, columns))
    }

    fn pair(&mut self, own: Column, other: &Column) -> Result<Column> {
        check_value(&own)?;
        let Some(ty) = common(&own.ty, &other.ty) else {
            let message = format!("`{}` is {} here, and {} there", own.name, own.ty.name(), other.ty.name());
            return Err(invalid(message).hint("give both one type, or one another name, by a $project before it"));
        };
        if own.origin != other.origin {
            self.pairs.push(Pair { name: own.name.clone(), sides: [own.origin, other.origin] });
        }
        Ok(Column { ty, nullable: own.nullable || other.nullable, origin: own.origin, ..own })
    }
}

fn alone(column: Column) -> Result<Column> {
    check_value(&column)?;
    Ok(Column { nullable: true, ..column })
}

fn check_value(column: &Column) -> Result<()> {
    if !matches!(column.ty, LogicalType::Rows(_)) {
        return Ok(());
    }
    let message = format!("a $unionWith of rows with lists of rows, `{}`, is not built", column.name);
    Err(Error::new(ErrorKind::NotBuilt, message).hint("put the $lookup behind it, or leave the list out by a $project"))
}

/// The type that has the values of both as they are.
fn common(own: &LogicalType, other: &LogicalType) -> Option<LogicalType> {
    Some(match (own, other) {
        (LogicalType::Text { max_length: own }, LogicalType::Text { max_length: other }) => {
            LogicalType::Text { max_length: own.zip(*other).map(|(own, other)| own.max(other)) }
        }
        (
            &LogicalType::Decimal { precision: own, scale },
            &LogicalType::Decimal { precision: other, scale: other_scale },
        ) if scale == other_scale => LogicalType::Decimal { precision: own.max(other), scale },
        (own, other) if own == other => own.clone(),
        _ => return None,
    })
}

fn given(raw: Raw<'_>) -> Result<(Cow<'_, str>, Option<Raw<'_>>)> {
    let entries = match raw {
        Raw::Text(model) => return Ok((model, None)),
        Raw::Map(entries) => entries,
        raw => return Err(invalid(format!("expected a str or a dict, got {}", raw.type_name())).hint(FORM)),
    };
    let (mut model, mut stages) = (None, None);
    for (option, raw) in entries {
        match (&*option, raw) {
            ("coll", Raw::Text(text)) => model = Some(text),
            ("coll", raw) => {
                return Err(invalid(format!("expected a str, got {}", raw.type_name())).within("coll"));
            }
            ("pipeline", raw) => stages = Some(raw),
            (name, _) => {
                let error = Error::new(ErrorKind::UnknownOperator, format!("$unionWith has no `{name}`"));
                let hint = meant(name, OPTIONS).unwrap_or_else(|| format!("it has {}", OPTIONS.join(", ")));
                return Err(error.hint(hint).within(&option));
            }
        }
    }
    Ok((model.ok_or_else(|| invalid("it needs `coll`").hint(FORM))?, stages))
}
