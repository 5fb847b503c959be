//! Conditions, and values chosen by them.

use super::expression::{Expressions, only, read_names};
use super::invalid;
use super::literal::Mixing;
use crate::error::{Error, Result};
use crate::filter::Comparison;
use crate::pipeline::{Expression, Function, Node};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

impl Expressions<'_> {
    /// A bool, with null as false.
    fn condition(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let condition = self.expression(raw, depth)?;
        if condition.ty != LogicalType::Bool {
            return Err(invalid(format!("expected a condition, got {}", condition.ty.name()))
                .hint("compare it: {\"$ne\": [\"$field\", None]}"));
        }
        Ok(match condition.nullable {
            false => condition,
            true => Expression::call(Function::IsTrue, vec![condition], LogicalType::Bool, false),
        })
    }

    pub(super) fn logic(&mut self, function: Function, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let Raw::List(items) = raw else {
            return Err(invalid(format!("expected a list of conditions, got {}", raw.type_name())));
        };
        let each = |(at, item)| self.condition(item, depth).map_err(|error: Error| error.within(&format!("[{at}]")));
        let conditions = items.into_iter().enumerate().map(each).collect::<Result<Vec<_>>>()?;
        if conditions.is_empty() {
            return Ok(Expression::literal(Value::Bool(function == Function::And), LogicalType::Bool));
        }
        Ok(Expression::call(function, conditions, LogicalType::Bool, false))
    }

    pub(super) fn compare(&mut self, comparison: Comparison, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let operands = self.list(raw, 2, 2, depth)?;
        let sides = self.unify(operands, Mixing::Exact)?;
        let ty = &sides[0].ty;
        if matches!(ty, LogicalType::List { .. } | LogicalType::Json) {
            return Err(invalid(format!("{} is not compared in expressions", ty.name())).hint("use $match"));
        }
        Ok(Expression::call(Function::Compare(comparison), sides, LogicalType::Bool, false))
    }

    pub(super) fn negation(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        self.condition(only(raw), depth).map(not)
    }

    /// `[value, [one, another]]`.
    pub(super) fn is_in(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let pair = match raw {
            Raw::List(items) => <[Raw<'_>; 2]>::try_from(items).ok(),
            _ => None,
        };
        let Some([value, Raw::List(items)]) = pair else {
            return Err(invalid("$in takes a list of two: a value, and the list it is looked for in"));
        };
        let value = value.into_owned();
        let each = |(at, item)| {
            let pair = Raw::List(vec![value.clone(), item]);
            self.compare(Comparison::Equal, pair, depth).map_err(|error: Error| error.path(format!("[1][{at}]")))
        };
        let equal = items.into_iter().enumerate().map(each).collect::<Result<Vec<_>>>()?;
        if equal.is_empty() {
            return Ok(Expression::literal(Value::Bool(false), LogicalType::Bool));
        }
        Ok(Expression::call(Function::Or, equal, LogicalType::Bool, false))
    }

    /// `{"if": …, "then": …, "else": …}`, or a list of these three.
    pub(super) fn cond(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let names = ["if", "then", "else"];
        let parts = match raw {
            Raw::List(items) => <[Raw<'_>; 3]>::try_from(items).ok(),
            Raw::Map(entries) => read_names(entries, names),
            _ => None,
        };
        let Some([condition, then, otherwise]) = parts else {
            return Err(invalid("$cond takes a dict of `if`, `then` and `else`, or a list of the three"));
        };
        self.case(vec![(condition, then)], otherwise, depth)
    }

    /// `{"branches": [{"case": …, "then": …}], "default": …}`; null where none is met and there is no default.
    pub(super) fn switch(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let Raw::Map(mut entries) = raw else {
            return Err(invalid(format!("$switch takes a dict, got {}", raw.type_name())));
        };
        let default = entries.iter().position(|(name, _)| name == "default");
        let default = default.map_or(Raw::Null, |at| entries.remove(at).1);
        let Some([Raw::List(items)]) = read_names(entries, ["branches"]) else {
            return Err(invalid("$switch takes a list of `branches`, and a `default`"));
        };
        let mut branches = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let parts = match item {
                Raw::Map(entries) => read_names(entries, ["case", "then"]),
                _ => None,
            };
            let Some([case, then]) = parts else {
                return Err(invalid("a branch is a dict of `case` and `then`").within(&format!("branches[{at}]")));
            };
            branches.push((case, then));
        }
        if branches.is_empty() {
            return Err(invalid("a $switch has a branch at least").within("branches"));
        }
        self.case(branches, default, depth)
    }

    fn case(&mut self, branches: Vec<(Raw<'_>, Raw<'_>)>, otherwise: Raw<'_>, depth: usize) -> Result<Expression> {
        let mut conditions = Vec::with_capacity(branches.len());
        let mut values = Vec::with_capacity(branches.len() + 1);
        for (condition, value) in branches {
            conditions.push(self.condition(condition, depth)?);
            values.push(self.operand(value, depth)?);
        }
        values.push(self.operand(otherwise, depth)?);
        let mut values = self.unify(values, Mixing::Numbers)?;
        let nullable = values.iter().any(|value| value.nullable);
        let ty = values[0].ty.clone();
        check_value(&ty)?;
        let otherwise = values.pop().ok_or_else(|| Error::internal("a choice without a value"))?;
        let node = Node::Case(conditions.into_iter().zip(values).collect(), Box::new(otherwise));
        Ok(Expression { node, ty, nullable })
    }

    pub(super) fn if_null(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let operands = self.list(raw, 2, usize::MAX, depth)?;
        let operands = self.unify(operands, Mixing::Numbers)?;
        let (ty, nullable) = (operands[0].ty.clone(), operands.iter().all(|operand| operand.nullable));
        check_value(&ty)?;
        Ok(Expression::call(Function::Coalesce, operands, ty, nullable))
    }
}

pub(super) fn not(condition: Expression) -> Expression {
    Expression::call(Function::Not, vec![condition], LogicalType::Bool, false)
}

fn check_value(ty: &LogicalType) -> Result<()> {
    if matches!(ty, LogicalType::List { .. } | LogicalType::Json) {
        return Err(invalid(format!("{} is not chosen in expressions", ty.name())));
    }
    Ok(())
}
