//! Arithmetic: operands are brought to one kind of number, and decimals keep all their digits.

use super::expression::{Expressions, Operand, only};
use super::invalid;
use super::literal::{Mixing, convert, decimal_of, digits};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Expression, Function};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

/// Most numbers in one sum or product: each is a level of the SQL.
const MAX_OPERANDS: usize = 8;

impl Expressions<'_> {
    pub(super) fn arithmetic(&mut self, name: &str, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let (least, most) = if matches!(name, "$add" | "$multiply") { (1, MAX_OPERANDS) } else { (2, 2) };
        let operands = self.list(raw, least, most, depth)?;
        if name == "$multiply" {
            return self.multiply(operands);
        }
        let operands = self.numbers(operands)?;
        let ty = operands[0].ty.clone();
        let nullable = operands.iter().any(|operand| operand.nullable);
        let function = match (name, &ty) {
            ("$add", _) => Function::Add,
            ("$subtract", _) => Function::Subtract,
            ("$divide", LogicalType::Int | LogicalType::Float) => {
                let floats = operands.into_iter().map(|operand| convert(operand, &LogicalType::Float));
                return Ok(Expression::call(Function::Divide, floats.collect(), LogicalType::Float, true));
            }
            ("$mod", LogicalType::Int) => {
                return Ok(Expression::call(Function::Remainder, operands, LogicalType::Int, true));
            }
            (name, ty) => {
                let error = invalid(format!("{name} is not of {}", ty.name()));
                return Err(error.hint("the databases give quotients of decimals different digits"));
            }
        };
        Ok(folded(function, operands, sum_type, nullable))
    }

    fn numbers(&self, operands: Vec<Operand<'_>>) -> Result<Vec<Expression>> {
        let operands = self.unify(operands, Mixing::Numbers)?;
        match &operands[0].ty {
            LogicalType::Int | LogicalType::Float | LogicalType::Decimal { .. } => Ok(operands),
            ty => Err(invalid(format!("expected numbers, got {}", ty.name()))),
        }
    }

    /// Decimals keep their scales, which are added.
    fn multiply(&mut self, operands: Vec<Operand<'_>>) -> Result<Expression> {
        let mut single = Vec::with_capacity(operands.len());
        let is_decimal = |operand: &Operand<'_>| match operand {
            Operand::Typed(expression) => matches!(expression.ty, LogicalType::Decimal { .. }),
            Operand::Literal(raw) => matches!(raw, Raw::Decimal(_)),
        };
        if !operands.iter().any(is_decimal) {
            let operands = self.numbers(operands)?;
            let (ty, nullable) = (operands[0].ty.clone(), operands.iter().any(|operand| operand.nullable));
            return Ok(folded(Function::Multiply, operands, |_, _| ty.clone(), nullable));
        }
        for operand in operands {
            // Each beside a decimal of no digits: ints become decimals, and floats that are no literals are refused.
            let anchor = Operand::Typed(Expression::literal(Value::Decimal(0), decimal_of(0, 0)));
            single.extend(self.unify(vec![operand, anchor], Mixing::Numbers)?.into_iter().next());
        }
        let nullable = single.iter().any(|operand| operand.nullable);
        let total: usize = single.iter().map(|operand| usize::from(digits(&operand.ty).1)).sum();
        if total > 38 {
            return Err(Error::new(ErrorKind::TooManyDigits, "the product has more than 38 digits after the point"));
        }
        let ty = |a: &LogicalType, b: &LogicalType| {
            let ((a, a_scale), (b, b_scale)) = (digits(a), digits(b));
            decimal_of(a + b, a_scale + b_scale)
        };
        Ok(folded(Function::Multiply, single, ty, nullable))
    }

    pub(super) fn rounded(&mut self, name: &str, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        let operand = self.operand(only(raw), depth)?;
        let operand = self.numbers(vec![operand])?.remove(0);
        let nullable = operand.nullable;
        let (function, ty) = match (name, &operand.ty) {
            ("$abs", ty) => (Function::Absolute, ty.clone()),
            (_, LogicalType::Int) => return Ok(operand),
            (name, ty) => {
                let whole =
                    if *ty == LogicalType::Float { LogicalType::Float } else { decimal_of(digits(ty).0 + 1, 0) };
                (if name == "$ceil" { Function::Ceiling } else { Function::Floor }, whole)
            }
        };
        Ok(Expression::call(function, vec![operand], ty, nullable))
    }
}

/// A sum or a difference of decimals may have a digit more.
fn sum_type(a: &LogicalType, b: &LogicalType) -> LogicalType {
    match a {
        LogicalType::Decimal { scale, .. } => decimal_of(digits(a).0.max(digits(b).0) + 1, *scale),
        ty => ty.clone(),
    }
}

/// `a + b + c` as `(a + b) + c`.
fn folded(
    function: Function,
    operands: Vec<Expression>,
    ty: impl Fn(&LogicalType, &LogicalType) -> LogicalType,
    nullable: bool,
) -> Expression {
    let mut operands = operands.into_iter();
    let first = operands.next().unwrap_or_else(|| Expression::literal(Value::Int(0), LogicalType::Int));
    operands.fold(first, |sum, next| {
        let ty = ty(&sum.ty, &next.ty);
        Expression::call(function, vec![sum, next], ty, nullable)
    })
}
