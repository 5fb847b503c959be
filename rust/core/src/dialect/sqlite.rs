//! SQLite, the embedded default. Tables are STRICT: without it text goes into INTEGER columns.

use super::{BeginSteps, Dialect, Isolation, KeyGenerator, KeyIndex, SchemaLock};
use crate::schema::{ColumnSchema, TableSchema};
use crate::types::{FloatRules, LogicalType};

#[derive(Clone, Debug)]
pub struct Sqlite;

impl Dialect for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn namespace(&self) -> &'static str {
        "main"
    }

    fn floats(&self) -> FloatRules {
        // SQLite stores NaN as NULL without a word.
        FloatRules { nan: false, infinity: true }
    }

    fn max_parameters(&self) -> usize {
        32_766
    }

    fn quote(&self, identifier: &str) -> String {
        format!("\"{}\"", identifier.replace('"', "\"\""))
    }

    fn placeholder(&self, number: usize, _ty: &LogicalType) -> String {
        format!("?{number}")
    }

    fn array_parameters(&self) -> bool {
        false
    }

    fn null_is_smallest(&self, _descending: bool) -> &'static str {
        ""
    }

    fn column_type(&self, ty: &LogicalType) -> String {
        self.reported_type(ty)
    }

    fn reported_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool | LogicalType::Int => "INTEGER",
            LogicalType::Float => "REAL",
            LogicalType::Text { .. } | LogicalType::Instant | LogicalType::WallTime => "TEXT",
            LogicalType::Decimal { .. } | LogicalType::Bytes | LogicalType::Uuid => "BLOB",
        }
        .to_owned()
    }

    fn normalise_reported(&self, reported: &str) -> String {
        reported.to_ascii_uppercase()
    }

    fn column_check(&self, column: &ColumnSchema) -> Option<String> {
        let name = self.quote(&column.name);
        match column.ty {
            LogicalType::Bool => Some(format!("{name} IN (0, 1)")),
            LogicalType::Decimal { .. } | LogicalType::Uuid => Some(format!("length({name}) = 16")),
            LogicalType::Text { max_length: Some(length) } => Some(format!("length({name}) <= {length}")),
            // Fixed width is what makes the order of the text the order of time.
            LogicalType::Instant => Some(format!("length({name}) = 27 AND {name} LIKE '____-__-__T__:__:__.______Z'")),
            LogicalType::WallTime => Some(format!("length({name}) = 26 AND {name} LIKE '____-__-__T__:__:__.______'")),
            _ => None,
        }
    }

    fn automatic_key(&self) -> &'static str {
        ""
    }

    /// Only a sole INTEGER PRIMARY KEY generates; AUTOINCREMENT never gives a deleted row's id again.
    fn sole_automatic_key(&self, table: &TableSchema) -> Option<String> {
        (table.automatic_key && !table.multi_tenant)
            .then(|| format!("{} INTEGER PRIMARY KEY AUTOINCREMENT", self.quote(&table.key_column().name)))
    }

    fn key_generator(&self) -> KeyGenerator {
        KeyGenerator::SoleColumn
    }

    fn automatic_key_index(&self) -> KeyIndex {
        KeyIndex::Separate
    }

    fn table_options(&self) -> &'static str {
        " STRICT"
    }

    /// IMMEDIATE: a deferred transaction that reads and then writes fails at once when another wrote between.
    fn begin(&self, _isolation: Option<Isolation>, read_only: bool) -> BeginSteps {
        BeginSteps {
            session_isolation: None,
            begin: if read_only { "BEGIN" } else { "BEGIN IMMEDIATE" }.to_owned(),
            report: None,
        }
    }

    fn schema_lock(&self) -> SchemaLock {
        SchemaLock { in_transaction: true, acquire: None, release: None }
    }

    /// A rowid key is reported as nullable, which it never is.
    fn columns_query(&self) -> String {
        "SELECT name, type, (\"notnull\" = 0 AND pk = 0) FROM pragma_table_info(?1)".to_owned()
    }
}

/// A decimal's digits as 16 bytes whose order is the order of the numbers: big-endian with the sign bit flipped.
pub fn encode_decimal(digits: i128) -> [u8; 16] {
    (digits.cast_unsigned() ^ (1 << 127)).to_be_bytes()
}

pub fn decode_decimal(bytes: [u8; 16]) -> i128 {
    (u128::from_be_bytes(bytes) ^ (1 << 127)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_encoded_decimals_is_the_order_of_numbers() {
        let numbers = [i128::MIN, -(10_i128.pow(38)), -256, -1, 0, 1, 255, 256, 10_i128.pow(38), i128::MAX];
        let encoded: Vec<_> = numbers.iter().map(|&n| encode_decimal(n)).collect();
        assert!(encoded.is_sorted());
        assert!(numbers.iter().zip(&encoded).all(|(&n, &bytes)| decode_decimal(bytes) == n));
    }
}
