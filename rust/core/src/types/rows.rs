//! Rows inside of a row: those that it is tied to, as one value of a result.

use std::sync::Arc;

use arrow_schema::{DataType, Fields};

use super::LogicalType;

/// A column of a result, or of the rows in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Returned {
    pub name: String,
    pub ty: LogicalType,
    pub nullable: bool,
}

/// What rows in a value are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowsType {
    pub columns: Vec<Returned>,
    /// Whether there may be several, in a list; else one row or null.
    pub many: bool,
    /// The tenant that each row tells before its columns. It is compared there, and no column of the value.
    pub tenant: Option<Arc<str>>,
}

impl RowsType {
    /// A struct, or a list of structs.
    pub(super) fn arrow(&self) -> DataType {
        let row = DataType::Struct(self.fields());
        if self.many { DataType::new_list(row, false) } else { row }
    }

    pub fn fields(&self) -> Fields {
        self.columns.iter().map(Returned::field).collect()
    }
}

impl Returned {
    pub fn field(&self) -> arrow_schema::Field {
        self.ty.field(&self.name, self.nullable)
    }
}
