//! Rows that come with each row of a read: subqueries in its list of columns.

use std::fmt::Write as _;
use std::sync::Arc;

use super::condition::{Place, TEXT};
use super::statement::Writer;
use super::{NestedRows, Returned, tenant_column};
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::plan::{Include, Order};
use crate::schema::{Role, TENANT_COLUMN, TableSchema};
use crate::types::{LogicalType, RowsType};
use crate::value::Value;

impl Writer<'_> {
    /// The rows of a relation as one value, and the column it is. The recursion is as deep as `dataflow.query.include` lets it be.
    pub(super) fn include(&mut self, place: Place<'_>, include: &Include) -> Result<(String, Returned)> {
        let scope = self.scope.ok_or_else(|| Error::internal("rows of others without a scope"))?;
        let table = &*include.relation.table;
        let own = self.outer_column(place, include.relation.own);
        let alias = self.next_alias(place);
        let within = Place::Related { table, alias: &alias };
        let tenant = scope.tenant_of(table)?;
        let tenant_name = format!("{alias}.{}", self.dialect.quote(TENANT_COLUMN));
        let mut columns = Vec::with_capacity(include.columns.len() + include.include.len() + 1);
        if tenant.is_some() {
            let column = tenant_column();
            columns.push((tenant_name.clone(), Returned { name: column.name, ty: column.ty, nullable: false }));
        }
        for &at in &include.columns {
            let column = &table.columns[at];
            let (name, ty, nullable) = (column.name.clone(), column.ty.clone(), column.nullable);
            columns.push((self.column(within, at), Returned { name, ty, nullable }));
        }
        for inner in &include.include {
            columns.push(self.include(within, inner)?);
        }
        let around = std::mem::take(&mut self.sql);
        let theirs = self.column(within, include.relation.theirs);
        let _ = write!(self.sql, " FROM {} AS {alias} WHERE {theirs} = {own}", self.dialect.qualified_table(table));
        if let Some(tenant) = tenant {
            let _ = write!(self.sql, " AND {tenant_name} = ");
            self.param(&TEXT, Value::Text(tenant.as_str().to_owned().into()));
        }
        if let Some(deleted_at) = table.role(Role::DeletedAt) {
            let _ = write!(self.sql, " AND {} IS NULL", self.column(within, deleted_at));
        }
        if include.filter != Filter::And(Vec::new()) {
            self.sql.push_str(" AND ");
            self.filter(within, &include.filter)?;
        }
        let from = std::mem::take(&mut self.sql);
        for (at, Order { column, descending }) in include.order.iter().enumerate() {
            let (name, ty) = (self.column(within, *column), &table.columns[*column].ty);
            let guard = self.dialect.sort_guard(&name, ty).map_or_else(String::new, |guard| format!("{guard}, "));
            let _ = write!(self.sql, "{}{guard}{name}", if at == 0 { " ORDER BY " } else { ", " });
            self.direction(*descending, table.columns[*column].nullable);
        }
        let order = std::mem::replace(&mut self.sql, around);
        let is_indexed = is_indexed(table, include);
        let (limit, alias) = (include.limit, alias.as_str());
        let sql = self.dialect.nested(&NestedRows {
            columns: &columns,
            from: &from,
            alias,
            order: &order,
            limit,
            is_indexed,
        });
        let columns = columns.into_iter().map(|(_, column)| column).skip(usize::from(tenant.is_some())).collect();
        let many = include.relation.many;
        let ty = RowsType { columns, many, tenant: tenant.map(crate::plan::TenantId::shared) };
        Ok((sql, Returned { name: include.name.clone(), ty: LogicalType::Rows(Arc::new(ty)), nullable: !many }))
    }
}

/// Whether an index has the rows of one other row in their order.
fn is_indexed(table: &TableSchema, include: &Include) -> bool {
    let theirs = include.relation.theirs;
    table.indexes.iter().any(|index| {
        let mut columns = index.columns.iter();
        index.filter.is_none()
            && columns.next().is_some_and(|first| first.column == theirs)
            && include.order.iter().all(|order| columns.next() == Some(order))
    })
}
