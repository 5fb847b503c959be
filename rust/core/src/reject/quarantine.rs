//! `dataflow_rejects`: the refused rows of loads, kept until they are mended or deleted.

use std::sync::Arc;

use crate::batch::{Given, Reading, RowsBuilder};
use crate::error::Result;
use crate::ledger::{EntryKey, KEY_LENGTH, KIND_LENGTH, SCOPE_LENGTH};
use crate::plan::{Order, TenantId};
use crate::reject::Reject;
use crate::schema::{ColumnSchema, Index, KeySource, Role, TENANT_LENGTH, TableSchema};
use crate::types::{FloatRules, LogicalType};
use crate::value::Raw;

pub const TENANT: usize = 1;
const SCOPE: usize = 2;
pub const LOAD_ID: usize = 3;
const ROW: usize = 4;
const OPERATION: usize = 5;
const PAYLOAD: usize = 6;
const REASON: usize = 7;

/// The table. Its tenant is `''` where there is none.
///
/// # Errors
/// None but `Internal`: the table is always the same.
pub fn quarantine_table() -> Result<TableSchema> {
    let text = LogicalType::Text { max_length: None };
    let bounded = |length| LogicalType::Text { max_length: Some(length) };
    let column =
        |name: &str, ty, nullable, role| ColumnSchema { name: name.to_owned(), ty, nullable, default: None, role };
    let columns = vec![
        column("id", LogicalType::Uuid, false, Role::Field),
        column("tenant", bounded(TENANT_LENGTH), false, Role::Field),
        column("scope", bounded(SCOPE_LENGTH), false, Role::Field),
        column("load_id", bounded(KEY_LENGTH), false, Role::Field),
        column("row", LogicalType::Int, false, Role::Field),
        column("operation", text.clone(), false, Role::Field),
        column("payload", text.clone(), false, Role::Field),
        column("kind", bounded(KIND_LENGTH), false, Role::Field),
        column("sqlstate", text.clone(), true, Role::Field),
        column("constraint", text.clone(), true, Role::Field),
        column("column", text.clone(), true, Role::Field),
        column("message", text, false, Role::Field),
        column("created_at", LogicalType::Instant, false, Role::CreatedAt),
    ];
    let by_load = [LOAD_ID, TENANT].map(|column| Order { column, descending: false });
    let index =
        Index { name: "ix_dataflow_rejects_load_id".to_owned(), columns: by_load.into(), unique: false, filter: None };
    let table = TableSchema {
        model: "dataflow_rejects".to_owned(),
        namespace: None,
        table: "dataflow_rejects".to_owned(),
        columns,
        key: vec![0],
        key_source: KeySource::Uuid7,
        unique: Vec::new(),
        indexes: vec![index],
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: false,
        append_only: false,
    };
    table.checked()
}

/// Under which name refused rows are kept, and how they were to be written.
#[derive(Clone, Debug)]
pub struct Quarantine {
    pub load_id: EntryKey,
    /// The operation and its options, as the caller wants them back when the rows are written again.
    pub operation: Arc<str>,
}

impl Quarantine {
    /// The rejects as rows of the table; `scope` is the table that they were to be in.
    pub fn rows(
        &self,
        table: &Arc<TableSchema>,
        tenant: Option<&TenantId>,
        scope: &str,
        rejects: &[Reject],
    ) -> Result<Given> {
        let reading = Reading { floats: FloatRules { nan: false, infinity: false }, nan_is_null: false };
        let mut rows = RowsBuilder::new(table, reading, rejects.len());
        let tenant = tenant.map_or("", TenantId::as_str);
        for reject in rejects {
            let reason = [
                Some(reject.kind.name()),
                reject.sqlstate.as_deref(),
                reject.constraint.as_deref(),
                reject.column.as_deref(),
                Some(reject.message.as_str()),
            ];
            for at in 0..table.columns.len() {
                let value = match at {
                    TENANT => Some(Raw::Text(tenant.into())),
                    SCOPE => Some(Raw::Text(scope.into())),
                    LOAD_ID => Some(Raw::Text(self.load_id.as_str().into())),
                    ROW => Some(Raw::Int(i64::try_from(reject.row).unwrap_or(i64::MAX))),
                    OPERATION => Some(Raw::Text((&*self.operation).into())),
                    PAYLOAD => Some(Raw::Text(reject.payload.as_deref().unwrap_or("{}").into())),
                    at => at
                        .checked_sub(REASON)
                        .and_then(|at| reason.get(at))
                        .map(|part| part.map_or(Raw::Null, |text| Raw::Text(text.into()))),
                };
                rows.push(at, value)?;
            }
            rows.end_row();
        }
        rows.finish()
    }
}
