//! The tenant enters here and nowhere else: SQL can only be made from a [`ScopedPlan`].

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

use super::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Labels;
use crate::schema::{Role, TENANT_COLUMN, TENANT_LENGTH, TableSchema};
use crate::types::check_text;

/// A checked tenant value. Equality of tenants is equality of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantId(Arc<str>);

impl TenantId {
    pub fn new(text: &str) -> Result<Self> {
        let valid = !text.is_empty() && check_text(text, Some(TENANT_LENGTH)).is_ok();
        if !valid {
            return Err(Error::new(
                ErrorKind::InvalidTenant,
                format!("a tenant is a text of 1 to {TENANT_LENGTH} characters without NUL"),
            ));
        }
        Ok(TenantId(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// In whose name an operation runs.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub tenant: Option<TenantId>,
    pub labels: Option<Arc<Labels>>,
}

impl Scope {
    /// The tenant whose rows an operation on the table may see; None where the table has no tenants.
    ///
    /// # Errors
    /// `MissingTenant` for a multi-tenant table without a tenant in the scope.
    pub fn tenant_of(&self, table: &TableSchema) -> Result<Option<&TenantId>> {
        match &self.tenant {
            _ if !table.multi_tenant => Ok(None),
            Some(tenant) => Ok(Some(tenant)),
            None => Err(Error::new(
                ErrorKind::MissingTenant,
                format!("{} is multi-tenant and no tenant is set", table.model),
            )
            .hint("run the operation inside `with db.tenant(\"…\"):`")),
        }
    }
}

/// A plan that may become SQL.
#[derive(Clone, Debug)]
pub struct ScopedPlan {
    plan: Plan,
    tenant: Option<TenantId>,
    /// The column that is null in the rows the plan may see; None where it may see all.
    live: Option<usize>,
    scope: Scope,
}

impl ScopedPlan {
    /// Applies the scope: a multi-tenant table gets its predicate, written rows get their stamp; deleted rows are hidden.
    ///
    /// # Errors
    /// `MissingTenant` for a multi-tenant table without a tenant in the scope.
    pub fn new(plan: Plan, scope: &Scope) -> Result<Self> {
        for table in plan.related() {
            scope.tenant_of(table)?;
        }
        let live = if plan.includes_deleted() { None } else { plan.table().role(Role::DeletedAt) };
        let Some(tenant) = scope.tenant_of(plan.table())? else {
            return Ok(ScopedPlan { plan, tenant: None, live, scope: scope.clone() });
        };
        let plan = match plan {
            Plan::Append { table, batch } => Plan::Append { table, batch: stamp(&batch, tenant)? },
            Plan::Upsert { table, batch, target, set } => {
                Plan::Upsert { table, batch: stamp(&batch, tenant)?, target, set }
            }
            Plan::Put { table, batch, set } => Plan::Put { table, batch: stamp(&batch, tenant)?, set },
            plan => plan,
        };
        Ok(ScopedPlan { plan, tenant: Some(tenant.clone()), live, scope: scope.clone() })
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    pub fn live(&self) -> Option<usize> {
        self.live
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

/// Puts the tenant before the other columns.
fn stamp(batch: &RecordBatch, tenant: &TenantId) -> Result<RecordBatch> {
    let tenants: ArrayRef =
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(tenant.as_str(), batch.num_rows())));
    let field = Arc::new(Field::new(TENANT_COLUMN, DataType::Utf8, false));
    let fields: Vec<_> = std::iter::once(field).chain(batch.schema_ref().fields().iter().map(Arc::clone)).collect();
    let columns = std::iter::once(tenants).chain(batch.columns().iter().map(Arc::clone)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Selection;
    use crate::schema::tests::product;

    fn count(multi_tenant: bool) -> Plan {
        Plan::Count {
            table: Arc::new(product(multi_tenant)),
            selection: Selection::everything(),
            include_deleted: false,
            lock: false,
        }
    }

    #[test]
    fn a_multi_tenant_plan_without_tenant_is_refused() {
        let error = ScopedPlan::new(count(true), &Scope::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingTenant);
        assert!(ScopedPlan::new(count(false), &Scope::default()).is_ok());
    }

    #[test]
    fn a_tenant_is_bounded_text() {
        for text in ["", "a\0b", &"x".repeat(65)] {
            assert_eq!(TenantId::new(text).unwrap_err().kind(), ErrorKind::InvalidTenant);
        }
        assert!(TenantId::new(&"ä".repeat(64)).is_ok());
    }
}
