//! A model as the core sees it: a table with typed columns and one key.

use std::fmt::Write as _;

use arrow_schema::{Field, Schema};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::types::LogicalType;
use crate::value::Value;

/// The column that holds the tenant in row mode. It belongs to us: no model may declare it.
pub const TENANT_COLUMN: &str = "tenant_id";
/// Longest tenant, in characters: the width of its column on MariaDB.
pub const TENANT_LENGTH: u32 = 64;
/// PostgreSQL cuts longer identifiers silently, so that two names can become one.
pub const MAX_IDENTIFIER_BYTES: usize = 63;

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSchema {
    pub name: String,
    pub ty: LogicalType,
    pub nullable: bool,
    /// What an absent value becomes; None with `nullable` means null, without it the field is required.
    pub default: Option<Value<'static>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TableSchema {
    /// Name of the model class, for messages and events.
    pub model: String,
    pub table: String,
    pub columns: Vec<ColumnSchema>,
    /// Index of the key column.
    pub key: usize,
    /// Whether the database gives the key where the caller does not.
    pub automatic_key: bool,
    pub multi_tenant: bool,
}

impl TableSchema {
    /// Checks what the parts must have in common; the only way a table comes to be.
    pub fn checked(self) -> Result<Self> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidModel, message).path(self.model.clone()));
        if self.table.is_empty() || self.table.contains('\0') || self.table.len() > MAX_IDENTIFIER_BYTES {
            return invalid(format!("a table name has 1 to {MAX_IDENTIFIER_BYTES} bytes and no NUL"));
        }
        for (at, column) in self.columns.iter().enumerate() {
            if column.name.is_empty() || column.name.contains('\0') || column.name.len() > MAX_IDENTIFIER_BYTES {
                return invalid(format!("a field name has 1 to {MAX_IDENTIFIER_BYTES} bytes and no NUL"));
            }
            if self.columns[..at].iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
                return invalid(format!("two fields are called `{}` (databases ignore case)", column.name));
            }
            if self.multi_tenant && column.name.eq_ignore_ascii_case(TENANT_COLUMN) {
                return invalid(format!("`{TENANT_COLUMN}` is the column DataFlow keeps the tenant in"));
            }
            if let LogicalType::Decimal { precision, scale } = column.ty
                && (precision == 0 || precision > 38 || scale > precision)
            {
                return invalid(format!(
                    "`{}`: a Precision has 1 to 38 digits, at most as many after the point",
                    column.name
                ));
            }
        }
        let Some(key) = self.columns.get(self.key) else {
            return invalid("a model needs a key".to_owned());
        };
        match key.ty {
            _ if key.nullable => return invalid(format!("the key `{}` cannot be optional", key.name)),
            LogicalType::Text { max_length: None } => {
                return Err(Error::new(
                    ErrorKind::InvalidModel,
                    format!("the key `{}` is a str without MaxLength", key.name),
                )
                .path(self.model.clone())
                .hint(format!(
                    "declare it as `{}: Annotated[str, MaxLength(100)]`: MariaDB cannot index unbounded text",
                    key.name
                )));
            }
            LogicalType::Bytes | LogicalType::Float => {
                return invalid(format!("the key `{}` cannot be {}", key.name, key.ty.name()));
            }
            _ if self.automatic_key && key.ty != LogicalType::Int => {
                return invalid(format!("only an int key can be automatic, `{}` is {}", key.name, key.ty.name()));
            }
            _ => {}
        }
        Ok(self)
    }

    pub fn key_column(&self) -> &ColumnSchema {
        &self.columns[self.key]
    }

    /// The columns of the primary key in order: the tenant leads where there is one.
    pub fn physical_key(&self) -> Vec<&str> {
        let tenant = self.multi_tenant.then_some(TENANT_COLUMN);
        tenant.into_iter().chain([self.key_column().name.as_str()]).collect()
    }

    /// The index of a field, or an error that names the closest one.
    pub fn resolve(&self, name: &str) -> Result<usize> {
        if let Some(at) = self.columns.iter().position(|column| column.name == name) {
            return Ok(at);
        }
        let error = Error::new(ErrorKind::UnknownField, format!("{} has no field `{name}`", self.model));
        Err(match did_you_mean(name, self.columns.iter().map(|column| column.name.as_str())) {
            Some(known) => error.hint(format!("did you mean `{known}`?")),
            None => error.hint(format!(
                "its fields are {}",
                self.columns.iter().map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ")
            )),
        })
    }

    /// The Arrow schema of `columns`, by index.
    pub fn arrow(&self, columns: &[usize]) -> Schema {
        Schema::new(columns.iter().map(|&at| arrow_field(&self.columns[at])).collect::<Vec<_>>())
    }

    /// A digest of everything that decides the table's form; equal models have equal fingerprints in every version.
    pub fn fingerprint(&self) -> String {
        let mut text =
            format!("v1 {:?} tenant={} key={}/{}", self.table, self.multi_tenant, self.key, self.automatic_key);
        for column in &self.columns {
            let _ = write!(text, "\n{:?} {} {}", column.name, column.ty.name(), column.nullable);
        }
        hex(&Sha256::digest(text.as_bytes())[..16])
    }
}

/// The Arrow field of a column; a UUID carries its extension name.
/// <https://arrow.apache.org/docs/format/CanonicalExtensions.html#uuid>
pub fn arrow_field(column: &ColumnSchema) -> Field {
    let field = Field::new(&column.name, column.ty.arrow(), column.nullable);
    if column.ty == LogicalType::Uuid {
        return field.with_metadata([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into());
    }
    field
}

/// `prefix_table_column`, with a digest in place of the end where it would be cut.
pub fn constraint_name(prefix: &str, table: &str, column: &str) -> String {
    let name = format!("{prefix}_{table}_{column}");
    if name.len() <= MAX_IDENTIFIER_BYTES {
        return name;
    }
    let digest = hex(&Sha256::digest(name.as_bytes())[..4]);
    let mut end = MAX_IDENTIFIER_BYTES - digest.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{digest}", &name[..end])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A table with one column of most types, for tests of the modules around this one.
    pub(crate) fn product(multi_tenant: bool) -> TableSchema {
        let column = |name: &str, ty, nullable| ColumnSchema { name: name.to_owned(), ty, nullable, default: None };
        TableSchema {
            model: "Product".to_owned(),
            table: "product".to_owned(),
            columns: vec![
                column("id", LogicalType::Int, false),
                column("name", LogicalType::Text { max_length: None }, false),
                column("price", LogicalType::Decimal { precision: 10, scale: 2 }, true),
                column("qty", LogicalType::Int, true),
                column("made", LogicalType::Instant, true),
            ],
            key: 0,
            automatic_key: true,
            multi_tenant,
        }
        .checked()
        .unwrap()
    }

    #[test]
    fn the_tenant_leads_the_key() {
        assert_eq!(product(false).physical_key(), ["id"]);
        assert_eq!(product(true).physical_key(), [TENANT_COLUMN, "id"]);
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_one() {
        let error = product(false).resolve("nmae").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownField);
        assert_eq!(error.detail().hint.as_deref(), Some("did you mean `name`?"));
    }

    #[test]
    fn the_fingerprint_is_stable_and_tells_models_apart() {
        assert_eq!(product(false).fingerprint(), product(false).fingerprint());
        assert_ne!(product(false).fingerprint(), product(true).fingerprint());
    }

    #[test]
    fn long_names_stay_distinct() {
        let long = "x".repeat(60);
        let (a, b) = (constraint_name("ck", &long, "a"), constraint_name("ck", &long, "b"));
        assert_ne!(a, b);
        assert!(a.len() <= MAX_IDENTIFIER_BYTES && b.len() <= MAX_IDENTIFIER_BYTES);
    }

    #[test]
    fn an_unbounded_text_key_is_refused_with_the_fix() {
        let mut table = product(false);
        table.key = 1;
        table.automatic_key = false;
        let error = table.checked().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidModel);
        assert!(error.detail().hint.as_deref().unwrap().contains("MaxLength"));
    }
}
