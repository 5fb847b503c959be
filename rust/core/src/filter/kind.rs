//! What `$type` asks for: the types of MongoDB's documents by their names.

use crate::types::LogicalType;

/// What a value in a JSON document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    Object,
    List,
    Text,
    Number,
    Bool,
    Null,
}

impl JsonKind {
    /// Of a value in canonical text.
    pub fn of(value: &str) -> Self {
        match value.as_bytes().first() {
            Some(b'{') => JsonKind::Object,
            Some(b'[') => JsonKind::List,
            Some(b'"') => JsonKind::Text,
            Some(b't' | b'f') => JsonKind::Bool,
            Some(b'n') => JsonKind::Null,
            _ => JsonKind::Number,
        }
    }

    /// Of its name in `$type`; numbers in JSON are all of one kind.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "object" => JsonKind::Object,
            "array" => JsonKind::List,
            "string" => JsonKind::Text,
            "number" => JsonKind::Number,
            "bool" => JsonKind::Bool,
            "null" => JsonKind::Null,
            _ => return None,
        })
    }
}

/// Every name: those of <https://www.mongodb.com/docs/manual/reference/bson-types/> that a field can be of.
pub const TYPE_NAMES: &[&str] =
    &["array", "binData", "bool", "date", "decimal", "double", "int", "long", "null", "number", "object", "string"];

/// The names of what a field that is not null holds; JSON is asked for what is in it.
pub const fn type_names(ty: &LogicalType) -> &'static [&'static str] {
    match ty {
        LogicalType::Bool => &["bool"],
        LogicalType::Int => &["int", "long", "number"],
        LogicalType::Float => &["double", "number"],
        LogicalType::Decimal { .. } => &["decimal", "number"],
        LogicalType::Text { .. } | LogicalType::Choice { .. } => &["string"],
        LogicalType::Date | LogicalType::Instant | LogicalType::WallTime => &["date"],
        LogicalType::Bytes | LogicalType::Uuid => &["binData"],
        LogicalType::List { .. } => &["array"],
        // MongoDB has none for these.
        LogicalType::Time | LogicalType::Duration | LogicalType::Json | LogicalType::Rows(_) => &[],
    }
}
