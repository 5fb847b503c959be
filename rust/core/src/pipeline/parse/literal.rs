//! Values in expressions, and operands brought to one type.

use super::expression::{Expressions, Operand};
use super::invalid;
use crate::error::Result;
use crate::pipeline::{Expression, Function, Node};
use crate::types::{LogicalType, pow10};
use crate::value::{Raw, Value};

/// Digits of an int of 64 bits.
const INT_DIGITS: u8 = 19;

pub(super) const fn decimal(scale: u8) -> LogicalType {
    LogicalType::Decimal { precision: 38, scale }
}

/// As many digits before the point, where there is room, and `scale` behind it.
pub(super) fn decimal_of(whole: u8, scale: u8) -> LogicalType {
    LogicalType::Decimal { precision: whole.saturating_add(scale).clamp(1, 38), scale }
}

/// The digits of a number before and behind the point.
pub(super) const fn digits(ty: &LogicalType) -> (u8, u8) {
    match ty {
        LogicalType::Decimal { precision, scale } => (precision.saturating_sub(*scale), *scale),
        _ => (INT_DIGITS, 0),
    }
}

const TEXT: LogicalType = LogicalType::Text { max_length: None };

/// Whether literals beside a field are read by its type, and ints and floats kept apart: they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mixing {
    Exact,
    Numbers,
}

impl Expressions<'_> {
    /// A value on its own.
    pub fn natural(&self, raw: Raw<'_>) -> Result<Expression> {
        let ty = match &raw {
            Raw::Bool(_) => LogicalType::Bool,
            Raw::Int(_) | Raw::BigInt(_) => LogicalType::Int,
            Raw::Float(_) => LogicalType::Float,
            Raw::Decimal(_) => return self.decimal_literal(raw),
            Raw::Text(_) => TEXT,
            Raw::Bytes(_) => LogicalType::Bytes,
            Raw::Uuid(_) => LogicalType::Uuid,
            Raw::Instant(_) => LogicalType::Instant,
            Raw::WallTime(_) => LogicalType::WallTime,
            Raw::Date(_) => LogicalType::Date,
            Raw::Time(_) => LogicalType::Time,
            Raw::Duration(_) => LogicalType::Duration,
            Raw::Null => return Err(invalid("None has no type here")),
            raw => return Err(invalid(format!("a value in an expression is a scalar, got {}", raw.type_name()))),
        };
        self.accept(&ty, raw)
    }

    fn accept(&self, ty: &LogicalType, raw: Raw<'_>) -> Result<Expression> {
        let value = ty.accept(raw, self.floats)?.into_owned();
        Ok(Expression::literal(value, ty.clone()))
    }

    /// With as many places as it is written with.
    fn decimal_literal(&self, raw: Raw<'_>) -> Result<Expression> {
        let raw = raw.into_owned();
        let exact = (0..38).find_map(|scale| self.accept(&decimal(scale), raw.clone()).ok());
        let exact = exact.map_or_else(|| self.accept(&decimal(38), raw), Ok)?;
        let whole = match exact.node {
            Node::Literal(Value::Decimal(value)) => value.unsigned_abs() / pow10(digits(&exact.ty).1).unsigned_abs(),
            _ => 0,
        };
        let count = u8::try_from(whole.checked_ilog10().map_or(0, |log| log + 1)).unwrap_or(38);
        Ok(Expression { ty: decimal_of(count, digits(&exact.ty).1), ..exact })
    }

    /// A value beside expressions of a type.
    fn literal(&self, raw: Raw<'_>, ty: &LogicalType, mixing: Mixing) -> Result<Expression> {
        match (ty, raw) {
            (ty, Raw::Null) => Ok(Expression::literal(Value::Null, ty.clone())),
            (LogicalType::Decimal { scale, .. }, raw @ Raw::Text(_)) => self.accept(&decimal(*scale), raw),
            (LogicalType::Decimal { .. } | LogicalType::Int, raw @ Raw::Decimal(_)) => self.decimal_literal(raw),
            (LogicalType::Decimal { .. }, raw @ (Raw::Int(_) | Raw::Float(_))) => self.decimal_literal(raw),
            (LogicalType::Int, Raw::Float(value)) if mixing == Mixing::Numbers && value.fract() != 0.0 => {
                self.accept(&LogicalType::Float, Raw::Float(value))
            }
            (LogicalType::Text { .. }, raw) => self.accept(&TEXT, raw),
            (LogicalType::Choice { .. }, raw) if mixing == Mixing::Numbers => self.accept(&TEXT, raw),
            (ty, raw) => self.accept(ty, raw),
        }
    }

    /// Operands of one type.
    pub fn unify(&self, operands: Vec<Operand<'_>>, mixing: Mixing) -> Result<Vec<Expression>> {
        let mut ty: Option<LogicalType> = None;
        let mut widen = |next: &LogicalType| -> Result<()> {
            ty = Some(match ty.take() {
                Some(ty) => wider(&ty, next, mixing)?,
                None => next.clone(),
            });
            Ok(())
        };
        for operand in &operands {
            match operand {
                Operand::Typed(expression) => widen(&expression.ty)?,
                Operand::Literal(_) => {}
            }
        }
        if ty.is_none() {
            // Literals only: the first with a type decides.
            let first = operands.iter().find_map(|operand| match operand {
                Operand::Literal(raw) if *raw != Raw::Null => Some(raw.clone()),
                _ => None,
            });
            ty = Some(self.natural(first.unwrap_or(Raw::Null))?.ty);
        }
        let base = ty.clone().unwrap_or(TEXT);
        let read = |(at, operand)| match operand {
            Operand::Typed(expression) => Ok(expression),
            Operand::Literal(raw) => self.literal(raw, &base, mixing).map_err(|error| error.within(&format!("[{at}]"))),
        };
        let read = operands.into_iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
        let mut ty = base;
        for expression in read.iter().filter(|expression| !is_null(expression)) {
            ty = wider(&ty, &expression.ty, mixing)?;
        }
        Ok(read.into_iter().map(|expression| convert(expression, &ty)).collect())
    }
}

fn is_null(expression: &Expression) -> bool {
    expression.node == Node::Literal(Value::Null)
}

/// The type that values of both have.
fn wider(a: &LogicalType, b: &LogicalType, mixing: Mixing) -> Result<LogicalType> {
    use LogicalType::{Decimal, Float, Int};
    Ok(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Int | Decimal { .. }, Int | Decimal { .. }) => {
            let ((a, a_scale), (b, b_scale)) = (digits(a), digits(b));
            decimal_of(a.max(b), a_scale.max(b_scale))
        }
        (Int, Float) | (Float, Int) if mixing == Mixing::Numbers => Float,
        (a, b) if a.is_text() && b.is_text() => TEXT,
        (a, b) => {
            return Err(invalid(format!("{} and {} are not of one type", a.name(), b.name()))
                .hint("floats are no decimals, and are not compared with ints: the databases would round them"));
        }
    })
}

/// The expression with values of a type that [`wider`] gave.
pub(super) fn convert(expression: Expression, ty: &LogicalType) -> Expression {
    let nullable = expression.nullable;
    if is_null(&expression) {
        return Expression { ty: ty.clone(), ..expression };
    }
    match (&expression.ty, ty) {
        (LogicalType::Int | LogicalType::Decimal { .. }, LogicalType::Float) => {
            Expression::call(Function::ToFloat, vec![expression], LogicalType::Float, nullable)
        }
        (LogicalType::Int, LogicalType::Decimal { scale, .. }) => scaled(expression, *scale, ty),
        (LogicalType::Decimal { scale: from, .. }, LogicalType::Decimal { scale, .. }) if from < scale => {
            let zeros = scale - from;
            scaled(expression, zeros, ty)
        }
        _ => Expression { ty: ty.clone(), ..expression },
    }
}

/// An int or a decimal with more zeros; a literal gets them at once where there is room for them.
fn scaled(expression: Expression, zeros: u8, ty: &LogicalType) -> Expression {
    let digits = match expression.node {
        Node::Literal(Value::Int(value)) => Some(i128::from(value)),
        Node::Literal(Value::Decimal(digits)) => Some(digits),
        _ => None,
    };
    let digits = digits.and_then(|digits| digits.checked_mul(pow10(zeros)));
    match digits.filter(|digits| digits.unsigned_abs() < pow10(38).unsigned_abs()) {
        Some(digits) => Expression::literal(Value::Decimal(digits), ty.clone()),
        None => {
            let nullable = expression.nullable;
            Expression::call(Function::Scale(zeros), vec![expression], ty.clone(), nullable)
        }
    }
}
