//! `$bucket`: groups by where a value lies between boundaries.

use std::cmp::Ordering;

use super::build::{Builder, Projected};
use super::expression::Operand;
use super::group::Total;
use super::literal::Mixing;
use super::{invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Comparison, MAX_NODES, compare_values};
use crate::pipeline::{Expression, Function, Node};
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::Raw;

const OPTIONS: &[&str] = &["groupBy", "boundaries", "default", "output"];

impl Builder<'_> {
    /// `{"groupBy": …, "boundaries": […], "default": …, "output": {…}}`.
    pub(super) fn read_bucket(&mut self, raw: Raw<'_>) -> Result<()> {
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("expected a dict of {}, got {}", OPTIONS.join(", "), raw.type_name())));
        };
        let (mut of, mut boundaries, mut default, mut output) = (None, None, None, None);
        for (name, raw) in entries {
            *match &*name {
                "groupBy" => &mut of,
                "boundaries" => &mut boundaries,
                "default" => &mut default,
                "output" => &mut output,
                name => {
                    let error = Error::new(ErrorKind::UnknownOperator, format!("$bucket has no `{name}`"));
                    let hint = meant(name, OPTIONS).unwrap_or_else(|| format!("it has {}", OPTIONS.join(", ")));
                    return Err(error.hint(hint).within(name));
                }
            } = Some(raw);
        }
        let (Some(of), Some(boundaries)) = (of, boundaries) else {
            return Err(invalid("a $bucket needs `groupBy` and `boundaries`"));
        };
        let default = default.ok_or_else(|| {
            invalid("a $bucket needs a `default`, the `_id` of what lies in no bucket")
                .hint("write \"default\": None, and a $match before it where there is nothing else")
        })?;
        let row = self.row();
        let of = self.read_key(&row, of).map_err(|error| error.within("groupBy"))?;
        let of = self.as_column(&row, of)?;
        let key = self.read_boundaries(&row, of, boundaries, default)?;
        let totals = match output {
            None => vec![("count".to_owned(), Total::Count)],
            Some(Raw::Map(entries)) => {
                self.read_totals(&row, entries, &["_id"]).map_err(|error| error.within("output"))?
            }
            Some(raw) => {
                return Err(invalid(format!("expected a dict of totals, got {}", raw.type_name())).within("output"));
            }
        };
        self.group(vec![("_id".to_owned(), key)], totals)
    }

    /// What is compared with every boundary is calculated once, as a column behind those of the row.
    fn as_column(&mut self, row: &TableSchema, of: Expression) -> Result<Expression> {
        if of.as_column().is_some() {
            return Ok(of);
        }
        let count = row.columns.len();
        let column = Expression::column(count, of.ty.clone(), of.nullable);
        let kept = row.columns.iter().enumerate().map(|(at, column)| (column.name.clone(), Projected::Kept(at)));
        self.project(kept.chain([(String::new(), Projected::Computed(of))]).collect())?;
        Ok(column)
    }

    fn read_boundaries(
        &mut self,
        row: &TableSchema,
        of: Expression,
        boundaries: Raw<'_>,
        default: Raw<'_>,
    ) -> Result<Expression> {
        let boundaries = match boundaries {
            Raw::List(items) if items.len() >= 2 => items,
            Raw::List(_) => return Err(invalid("there are two boundaries at least").within("boundaries")),
            raw => {
                let error = invalid(format!("expected a list of values, got {}", raw.type_name()));
                return Err(error.within("boundaries"));
            }
        };
        self.nodes += boundaries.len();
        if self.nodes > MAX_NODES {
            let error = Error::new(ErrorKind::LimitExceeded, format!("a pipeline has at most {MAX_NODES} expressions"));
            return Err(error.within("boundaries"));
        }
        let expressions = Self::expressions(&mut self.nodes, row, self.floats);
        // One after the other, so that an error tells which; then all of them, with the scale of the longest.
        for (place, raw) in boundaries.iter().enumerate().map(|(at, raw)| (format!("boundaries[{at}]"), raw)) {
            if *raw == Raw::Null {
                return Err(invalid("None is no boundary").within(&place));
            }
            let pair = vec![Operand::Typed(of.clone()), Operand::Literal(raw.clone())];
            expressions.unify(pair, Mixing::Exact).map_err(|error| error.path(place))?;
        }
        let pair = vec![Operand::Typed(of.clone()), Operand::Literal(default.clone())];
        expressions
            .unify(pair, Mixing::Exact)
            .map_err(|error| error.path("default").hint("the default is None, or a value of the type of `groupBy`"))?;
        let mut operands = vec![Operand::Typed(of), Operand::Literal(default)];
        operands.extend(boundaries.into_iter().map(Operand::Literal));
        let mut operands = expressions.unify(operands, Mixing::Exact)?.into_iter();
        let (Some(of), Some(default)) = (operands.next(), operands.next()) else {
            return Err(Error::internal("operands that are lost"));
        };
        bucket(of, default, operands.collect())
    }
}

/// The boundary below a value, or the default.
fn bucket(of: Expression, default: Expression, boundaries: Vec<Expression>) -> Result<Expression> {
    for (at, pair) in boundaries.windows(2).enumerate() {
        if order(&pair[0], &pair[1])? != Some(Ordering::Less) {
            return Err(invalid("boundaries ascend").within(&format!("boundaries[{}]", at + 1)));
        }
    }
    if let [first, .., last] = &boundaries[..]
        && order(&default, first)?.is_some_and(Ordering::is_ge)
        && order(&default, last)?.is_some_and(Ordering::is_lt)
    {
        return Err(invalid("the default lies in one of the buckets").within("default"));
    }
    let (ty, nullable) = (of.ty.clone(), default.nullable);
    let reaches = |boundary: Expression| {
        let sides = vec![of.clone(), boundary];
        Expression::call(Function::Compare(Comparison::GreaterOrEqual), sides, LogicalType::Bool, false)
    };
    let mut branches = Vec::with_capacity(boundaries.len());
    for boundary in boundaries.into_iter().rev() {
        let value = if branches.is_empty() { default.clone() } else { boundary.clone() };
        branches.push((reaches(boundary), value));
    }
    Ok(Expression { node: Node::Case(branches, Box::new(default)), ty, nullable })
}

/// None beside null.
fn order(a: &Expression, b: &Expression) -> Result<Option<Ordering>> {
    match (&a.node, &b.node) {
        (Node::Literal(a), Node::Literal(b)) => compare_values(a, b),
        _ => Err(Error::new(ErrorKind::TooManyDigits, "with the digits of the others a value has more than 38")),
    }
}
