//! The rows of other models, beside those of a level.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Series, Source, Writer, prefix};
use crate::dialect::condition::TEXT;
use crate::dialect::{NestedRows, tenant_column};
use crate::error::{Error, Result};
use crate::pipeline::{Cell, Join, Level, Lookup, Nested, Output};
use crate::plan::{Order, TenantId};
use crate::schema::{Role, TENANT_COLUMN, TableSchema};
use crate::types::{LogicalType, Returned, RowsType};
use crate::value::Value;

impl Writer<'_> {
    /// A level's source with the rows that are looked up, which are live and of the tenant.
    ///
    /// Where both have tenants they are the same, so that what proves one proves the other; rows without one carry that
    /// of the others from here on.
    pub(super) fn joined(&mut self, source: &Source, join: &Join) -> Result<Source> {
        let inner = self.looked_up(&join.lookup)?;
        let columns: Vec<String> = source.columns.iter().chain(&inner.columns).cloned().collect();
        let mut on = format!("{} = {}", inner.columns[join.lookup.theirs], source.columns[join.own]);
        let kind = if join.keeps_empty { "LEFT JOIN" } else { "JOIN" };
        let tenant_of = |source: &Source| source.tenant.as_ref().map(|tenant| format!("{}.{tenant}", source.text));
        let tenant = match (tenant_of(source), tenant_of(&inner)) {
            (Some(own), Some(theirs)) => {
                on = format!("{on} AND {theirs} = {own}");
                Some(own)
            }
            (None, Some(theirs)) if join.keeps_empty => Some(self.own_tenant_or(&theirs)?),
            (own, theirs) => own.or(theirs),
        };
        let text = format!("{} {kind} {} ON {on}", source.text, inner.text);
        let mut table = source.table.clone();
        table.columns.extend(inner.table.columns);
        Ok(Source { columns, text, tenant, table, is_ordered: source.is_ordered })
    }

    /// Each output that is rows of another model: the query of its value, and its type with the tenant they are of.
    pub(super) fn all_nested(&mut self, source: &Source, level: &Level) -> Result<Vec<Option<(String, LogicalType)>>> {
        let nested = |output: &Output| match &output.cell {
            Cell::Rows(nested) if output.used => self.nested(source, nested).map(Some),
            _ => Ok(None),
        };
        level.outputs.iter().map(nested).collect()
    }

    fn nested(&mut self, source: &Source, nested: &Nested) -> Result<(String, LogicalType)> {
        let Nested { lookup, own, order } = nested;
        let inner = self.looked_up(lookup)?;
        let outputs = lookup.levels.last().into_iter().flat_map(|level| &level.outputs);
        let shown = outputs.zip(inner.columns.iter().zip(&inner.table.columns)).filter(|(output, _)| !output.hidden);
        let shown = shown.map(|(output, (sql, column))| {
            (sql.clone(), Returned { ty: column.ty.clone(), ..output.column.returned() })
        });
        let tenant = inner.tenant.as_ref().map(|tenant| format!("{}.{tenant}", inner.text));
        let proof = tenant.iter().map(|tenant| {
            let column = tenant_column();
            (tenant.clone(), Returned { name: column.name, ty: column.ty, nullable: false })
        });
        let columns: Vec<_> = proof.chain(shown).collect();
        let (theirs, own) = (&inner.columns[lookup.theirs], &source.columns[*own]);
        // A field of the row around may be called as a column of the rows is.
        let mut from = format!(" FROM {0} WHERE {0}.{theirs} = {1}.{own}", inner.text, source.text);
        if let (Some(tenant), Some(own)) = (&tenant, &source.tenant) {
            let _ = write!(from, " AND {tenant} = {}.{own}", source.text);
        }
        let order = self.ordered_rows(&inner, order);
        let rows = NestedRows {
            columns: &columns,
            from: &from,
            alias: &inner.text,
            order: &order,
            limit: None,
            is_indexed: false,
        };
        let sql = self.dialect.nested(&rows);
        let of_tenant = usize::from(tenant.is_some());
        let scope = self.scope.and_then(|scope| scope.tenant.as_ref()).filter(|_| tenant.is_some());
        let ty = RowsType {
            columns: columns.into_iter().skip(of_tenant).map(|(_, column)| column).collect(),
            many: true,
            tenant: scope.map(TenantId::shared),
        };
        Ok((sql, LogicalType::Rows(Arc::new(ty))))
    }

    fn ordered_rows(&mut self, source: &Source, order: &[Order]) -> String {
        let outer = std::mem::take(&mut self.sql);
        self.ordered_in(source, order);
        format!(" {}", std::mem::replace(&mut self.sql, outer))
    }

    /// Where no row was found the tenant is the one who asks.
    fn own_tenant_or(&mut self, theirs: &str) -> Result<String> {
        let own = self.own_tenant()?;
        Ok(format!("coalesce({theirs}, {own}) AS {}", self.dialect.quote(TENANT_COLUMN)))
    }

    /// The tenant who asks.
    pub(super) fn own_tenant(&mut self) -> Result<String> {
        let tenant = self.scope.and_then(|scope| scope.tenant.as_ref());
        let tenant = tenant.ok_or_else(|| Error::internal("rows of a tenant that nobody has"))?;
        let own = self.placeholder(&TEXT, Value::Text(tenant.as_str().to_owned().into()));
        Ok(self.dialect.typed(own, &TEXT))
    }

    /// Writes the levels of a lookup, and gives what reads the last one.
    fn looked_up(&mut self, lookup: &Lookup) -> Result<Source> {
        self.other(&lookup.table, &lookup.levels)
    }

    /// Writes levels that read a table beside the pipeline's own.
    pub(super) fn other(&mut self, table: &TableSchema, levels: &[Level]) -> Result<Source> {
        let Some(scope) = self.scope else {
            return Err(Error::internal("rows are looked up in nobody's name"));
        };
        let outer = (self.tenant, self.live);
        (self.tenant, self.live) = (scope.tenant_of(table)?, table.role(Role::DeletedAt));
        self.lookups += 1;
        let series =
            Series { name: format!("l{}_", self.lookups), prefix: format!("{}{}_", prefix(table), self.lookups) };
        let mut source = self.whole(table);
        for (at, level) in levels.iter().enumerate() {
            source = self.step(&source, level, &series, at, false)?;
        }
        (self.tenant, self.live) = outer;
        Ok(source)
    }
}
