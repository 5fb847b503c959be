//! A model as the core sees it: a table with typed columns, a key, and what its rows must meet.

mod check;
mod models;

pub use models::{Models, Relation};

use std::fmt::Write as _;

use arrow_schema::{Field, Schema};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::filter::Filter;
use crate::plan::Order;
use crate::types::LogicalType;
use crate::value::Value;

/// The column that holds the tenant in row mode. It belongs to us: no model may declare it.
pub const TENANT_COLUMN: &str = "tenant_id";
/// Longest tenant, in characters: the width of its column on MariaDB.
pub const TENANT_LENGTH: u32 = 64;
/// PostgreSQL cuts longer identifiers silently, so that two names can become one.
pub const MAX_IDENTIFIER_BYTES: usize = 63;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Field,
    /// Counts the writes of a row from 1; a version that is given must equal the stored one.
    Version,
    CreatedAt,
    UpdatedAt,
    /// Null in a live row.
    DeletedAt,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSchema {
    pub name: String,
    pub ty: LogicalType,
    pub nullable: bool,
    /// What an absent value becomes; None with `nullable` means null, without it the field is required.
    pub default: Option<Value<'static>>,
    pub role: Role,
}

/// Where the key of a new row comes from when the caller gives none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Nowhere: it must be given.
    Caller,
    /// The database counts.
    Database,
    /// A new UUID of version 7 (RFC 9562): in the order of time, and made here.
    Uuid7,
}

/// An index; a unique one is a constraint too.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub name: String,
    pub columns: Vec<Order>,
    pub unique: bool,
    /// Only rows that match are in it.
    pub filter: Option<Filter>,
}

impl Index {
    /// Whether it is about a column of these.
    pub fn names_one_of(&self, table: &TableSchema, columns: &[ColumnSchema]) -> bool {
        let filtered = self.filter.iter().flat_map(Filter::columns);
        let mut named = self.columns.iter().map(|order| order.column).chain(filtered);
        named.any(|at| columns.iter().any(|column| column.name == table.columns[at].name))
    }
}

/// A condition every row meets: the filter finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// As the model calls it.
    pub name: String,
    pub filter: Filter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    Restrict,
    Cascade,
    SetNull,
    NoAction,
}

impl OnDelete {
    pub const fn sql(self) -> &'static str {
        match self {
            OnDelete::Restrict => "RESTRICT",
            OnDelete::Cascade => "CASCADE",
            OnDelete::SetNull => "SET NULL",
            OnDelete::NoAction => "NO ACTION",
        }
    }

    /// As a model writes it: `set_null`.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [OnDelete::Restrict, OnDelete::Cascade, OnDelete::SetNull, OnDelete::NoAction];
        all.into_iter().find(|action| action.sql().replace(' ', "_").eq_ignore_ascii_case(text))
    }
}

/// A foreign key to the key of another model, which may be declared later.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub column: usize,
    pub model: String,
    pub on_delete: OnDelete,
    /// What the other row is called, seen from this one.
    pub relation: Option<String>,
    /// What the rows that refer to another are called, seen from it.
    pub related: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TableSchema {
    /// Name of the model class, for messages and events.
    pub model: String,
    /// Schema (PostgreSQL) or database (MariaDB); None for that of the connection.
    pub namespace: Option<String>,
    pub table: String,
    pub columns: Vec<ColumnSchema>,
    /// Indexes of the key columns, in order.
    pub key: Vec<usize>,
    pub key_source: KeySource,
    /// Sets of columns that no two live rows share.
    pub unique: Vec<Vec<usize>>,
    pub indexes: Vec<Index>,
    pub checks: Vec<Check>,
    pub references: Vec<Reference>,
    pub multi_tenant: bool,
    /// Rows are never changed or removed.
    pub append_only: bool,
}

impl TableSchema {
    /// Checks what the parts must have in common; the only way a table comes to be.
    pub fn checked(self) -> Result<Self> {
        check::check(&self)?;
        Ok(self)
    }

    /// The key of a table whose key is one column.
    pub fn sole_key(&self) -> Option<&ColumnSchema> {
        match self.key[..] {
            [key] => self.columns.get(key),
            _ => None,
        }
    }

    /// Whether the caller may leave out the key.
    pub fn has_automatic_key(&self) -> bool {
        self.key_source != KeySource::Caller
    }

    /// The key that the caller may leave out.
    pub fn automatic_key(&self) -> Option<usize> {
        self.has_automatic_key().then(|| self.key[0])
    }

    /// The column with a role.
    pub fn role(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|column| column.role == role)
    }

    /// Whether DataFlow gives the column a value where the caller gives none.
    pub fn is_filled(&self, at: usize) -> bool {
        (self.has_automatic_key() && self.key.contains(&at)) || self.columns[at].role != Role::Field
    }

    pub fn names(&self, columns: &[usize]) -> Vec<&str> {
        columns.iter().map(|&at| self.columns[at].name.as_str()).collect()
    }

    /// The columns of the primary key in order: the tenant leads where there is one.
    pub fn physical_key(&self) -> Vec<&str> {
        self.within_tenant(&self.key)
    }

    /// The columns of an index or constraint: unique means unique for a tenant.
    pub fn within_tenant(&self, columns: &[usize]) -> Vec<&str> {
        let tenant = self.multi_tenant.then_some(TENANT_COLUMN);
        tenant.into_iter().chain(self.names(columns)).collect()
    }

    /// Every unique index beside the key: declared by field, by set, or as an index.
    pub fn unique_indexes(&self) -> impl Iterator<Item = Index> + '_ {
        let live = self.role(Role::DeletedAt).map(|column| Filter::IsNull { column });
        let sets = self.unique.iter().map(move |columns| Index {
            name: self.constraint_name("uq", &self.names(columns)),
            columns: columns.iter().map(|&column| Order { column, descending: false }).collect(),
            unique: true,
            filter: live.clone(),
        });
        sets.chain(self.indexes.iter().filter(|index| index.unique).cloned())
    }

    /// `prefix_table_columns`, with a digest in place of the end where it would be cut.
    pub fn constraint_name(&self, prefix: &str, columns: &[&str]) -> String {
        constraint_name(prefix, &self.table, &columns.join("_"))
    }

    /// The table's name in messages and in what we keep about it.
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.{}", self.table),
            None => self.table.clone(),
        }
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
        let mut text = format!(
            "v3 {:?} {:?} tenant={} key={:?}/{:?} unique={:?}",
            self.namespace, self.table, self.multi_tenant, self.key, self.key_source, self.unique
        );
        for column in &self.columns {
            let _ = write!(text, "\n{:?} {} {} {:?}", column.name, column.ty.name(), column.nullable, column.role);
        }
        let _ = write!(text, "\n{:?}\n{:?}", self.indexes, self.checks);
        for Reference { column, model, on_delete, .. } in &self.references {
            let _ = write!(text, "\n{column} {model:?} {on_delete:?}");
        }
        hex(&Sha256::digest(text.as_bytes())[..16])
    }
}

/// The Arrow field of a column.
pub fn arrow_field(column: &ColumnSchema) -> Field {
    column.ty.field(&column.name, column.nullable)
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

pub(crate) fn hex(bytes: &[u8]) -> String {
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
        let column = |name: &str, ty, nullable| ColumnSchema {
            name: name.to_owned(),
            ty,
            nullable,
            default: None,
            role: Role::Field,
        };
        TableSchema {
            model: "Product".to_owned(),
            namespace: None,
            table: "product".to_owned(),
            columns: vec![
                column("id", LogicalType::Int, false),
                column("name", LogicalType::Text { max_length: None }, false),
                column("price", LogicalType::Decimal { precision: 10, scale: 2 }, true),
                column("qty", LogicalType::Int, true),
                column("made", LogicalType::Instant, true),
            ],
            key: vec![0],
            key_source: KeySource::Database,
            unique: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            references: Vec::new(),
            multi_tenant,
            append_only: false,
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
        table.key = vec![1];
        table.key_source = KeySource::Caller;
        let error = table.checked().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidModel);
        assert!(error.detail().hint.as_deref().unwrap().contains("MaxLength"));
    }
}
