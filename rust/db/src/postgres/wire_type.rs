//! Which of PostgreSQL's types a value travels as.

use dataflow_core::types::LogicalType;
use tokio_postgres::types::{Kind, Type};

pub(super) fn wire_type(ty: &LogicalType) -> Type {
    match ty {
        LogicalType::Bool => Type::BOOL,
        LogicalType::Int => Type::INT8,
        LogicalType::Float => Type::FLOAT8,
        LogicalType::Decimal { .. } => Type::NUMERIC,
        LogicalType::Text { .. } | LogicalType::Choice { .. } => Type::TEXT,
        LogicalType::Bytes => Type::BYTEA,
        LogicalType::Uuid => Type::UUID,
        LogicalType::Instant => Type::TIMESTAMPTZ,
        LogicalType::WallTime => Type::TIMESTAMP,
        LogicalType::Date => Type::DATE,
        LogicalType::Time => Type::TIME,
        LogicalType::Duration => Type::INTERVAL,
        LogicalType::List { item } => array_type(&wire_type(item)),
        LogicalType::Json => Type::JSONB,
        LogicalType::Rows(_) => Type::RECORD_ARRAY,
    }
}

/// `UNKNOWN` for an array of arrays, which PostgreSQL does not have.
pub(super) fn array_type(scalar: &Type) -> Type {
    let arrays = [
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
        Type::FLOAT8_ARRAY,
        Type::NUMERIC_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
        Type::UUID_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMP_ARRAY,
        Type::DATE_ARRAY,
        Type::TIME_ARRAY,
        Type::INTERVAL_ARRAY,
        Type::JSONB_ARRAY,
    ];
    let of_scalar = |array: &Type| matches!(array.kind(), Kind::Array(element) if element == scalar);
    arrays.into_iter().find(of_scalar).unwrap_or(Type::UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scalar_has_an_array() {
        let mut seen = 0;
        for ty in [
            LogicalType::Bool,
            LogicalType::Int,
            LogicalType::Float,
            LogicalType::Decimal { precision: 3, scale: 1 },
            LogicalType::Text { max_length: None },
            LogicalType::Choice { values: ["a".into()].into() },
            LogicalType::Bytes,
            LogicalType::Uuid,
            LogicalType::Instant,
            LogicalType::WallTime,
            LogicalType::Date,
            LogicalType::Time,
            LogicalType::Duration,
            LogicalType::Json,
        ] {
            assert_ne!(array_type(&wire_type(&ty)), Type::UNKNOWN);
            assert_ne!(wire_type(&LogicalType::List { item: Box::new(ty) }), Type::UNKNOWN);
            seen += 1;
        }
        assert_eq!(seen, 14);
    }
}
