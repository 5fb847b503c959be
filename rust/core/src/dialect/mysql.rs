//! MariaDB 10.11 and MySQL 8.

use super::{BeginSteps, Dialect, Isolation, KeyGenerator, KeyIndex, SchemaLock};
use crate::schema::ColumnSchema;
use crate::types::{FloatRules, LogicalType};

#[derive(Clone, Debug)]
pub struct Mysql {
    pub database: String,
    pub mariadb: bool,
}

impl Dialect for Mysql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn namespace(&self) -> &str {
        &self.database
    }

    fn floats(&self) -> FloatRules {
        FloatRules { nan: false, infinity: false }
    }

    fn max_parameters(&self) -> usize {
        65_535
    }

    fn quote(&self, identifier: &str) -> String {
        format!("`{}`", identifier.replace('`', "``"))
    }

    fn placeholder(&self, _number: usize, ty: &LogicalType) -> String {
        match ty {
            // A decimal travels as text, and a decimal is compared with text as two doubles.
            LogicalType::Decimal { precision, scale } => format!("CAST(? AS DECIMAL({precision},{scale}))"),
            _ => "?".to_owned(),
        }
    }

    fn array_parameters(&self) -> bool {
        false
    }

    fn null_is_smallest(&self, _descending: bool) -> &'static str {
        ""
    }

    fn column_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool => "boolean".to_owned(),
            ty => self.reported_type(ty),
        }
    }

    fn reported_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool => "tinyint(1)".to_owned(),
            LogicalType::Int => "bigint".to_owned(),
            LogicalType::Float => "double".to_owned(),
            LogicalType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            LogicalType::Text { max_length: None } => "longtext".to_owned(),
            LogicalType::Text { max_length: Some(length) } => format!("varchar({length})"),
            LogicalType::Bytes => "longblob".to_owned(),
            LogicalType::Uuid => "binary(16)".to_owned(),
            LogicalType::Instant | LogicalType::WallTime => "datetime(6)".to_owned(),
        }
    }

    fn normalise_reported(&self, reported: &str) -> String {
        // MariaDB reports a display width that MySQL 8 has dropped.
        reported.to_ascii_lowercase().replace("bigint(20)", "bigint")
    }

    fn column_check(&self, column: &ColumnSchema) -> Option<String> {
        match column.ty {
            LogicalType::Bool => Some(format!("{} IN (0, 1)", self.quote(&column.name))),
            _ => None,
        }
    }

    fn automatic_key(&self) -> &'static str {
        " AUTO_INCREMENT"
    }

    fn key_generator(&self) -> KeyGenerator {
        KeyGenerator::Column
    }

    fn automatic_key_index(&self) -> KeyIndex {
        KeyIndex::Inside
    }

    /// A binary no-pad collation: every other one takes `acme` for `ACME` or for `acme `.
    fn table_options(&self) -> &'static str {
        if self.mariadb {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
        } else {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin"
        }
    }

    /// A level set for the next transaction only cannot be read back: it is set for the session.
    fn begin(&self, isolation: Option<Isolation>, read_only: bool) -> BeginSteps {
        let variable = if self.mariadb { "tx_isolation" } else { "transaction_isolation" };
        let reset = if self.mariadb {
            "SET SESSION tx_isolation = DEFAULT"
        } else {
            "SET SESSION transaction_isolation = DEFAULT"
        };
        BeginSteps {
            session_isolation: isolation
                .map(|level| (format!("SET SESSION TRANSACTION ISOLATION LEVEL {}", level.sql()), reset)),
            begin: format!("START TRANSACTION{}", if read_only { " READ ONLY" } else { "" }),
            report: Some(format!("SELECT @@session.{variable}")),
        }
    }

    fn schema_lock(&self) -> SchemaLock {
        SchemaLock {
            in_transaction: false,
            acquire: Some("SELECT coalesce(GET_LOCK('dataflow_schema', 1), 0)".to_owned()),
            release: Some("SELECT coalesce(RELEASE_LOCK('dataflow_schema'), 0)".to_owned()),
        }
    }

    fn put_meta(&self, name: &str) -> String {
        format!("INSERT INTO {name} (`key`, `value`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)")
    }

    fn columns_query(&self) -> String {
        format!(
            "SELECT column_name, column_type, is_nullable = 'YES' FROM information_schema.columns \
             WHERE table_schema = '{}' AND table_name = ? ORDER BY ordinal_position",
            self.database.replace('\\', "\\\\").replace('\'', "''")
        )
    }
}
