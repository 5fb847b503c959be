//! Conditions on the rows of other tables.

use std::fmt::Write as _;

use super::{Place, TEXT};
use crate::dialect::statement::Writer;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::schema::{Relation, Role, TENANT_COLUMN};
use crate::value::Value;

impl Writer<'_> {
    /// A live row of the other table, of the same tenant, that meets the filter.
    pub(super) fn related(&mut self, place: Place<'_>, relation: &Relation, filter: &Filter) -> Result<()> {
        let Some(scope) = self.scope else {
            return Err(Error::internal("a check or an index cannot look at other rows"));
        };
        let table = &*relation.table;
        let own = self.outer_column(place, relation.own);
        let alias = self.next_alias(place);
        let column = |at: usize| format!("{alias}.{}", self.dialect.quote(&table.columns[at].name));
        let (theirs, live) = (column(relation.theirs), table.role(Role::DeletedAt).map(column));
        let from = self.dialect.qualified_table(table);
        let _ = write!(self.sql, "EXISTS (SELECT 1 FROM {from} AS {alias} WHERE {theirs} = {own}");
        if let Some(tenant) = scope.tenant_of(table)? {
            let _ = write!(self.sql, " AND {alias}.{} = ", self.dialect.quote(TENANT_COLUMN));
            self.param(&TEXT, Value::Text(tenant.as_str().to_owned().into()));
        }
        if let Some(deleted_at) = live {
            let _ = write!(self.sql, " AND {deleted_at} IS NULL");
        }
        if *filter != Filter::And(Vec::new()) {
            self.sql.push_str(" AND ");
            self.filter(Place::Related { table, alias: &alias }, filter)?;
        }
        self.sql.push(')');
        Ok(())
    }

    /// A name of its own for the other table: not that of the table around it, whose columns are named by it.
    pub(in crate::dialect) fn next_alias(&mut self, place: Place<'_>) -> String {
        loop {
            self.related += 1;
            let alias = format!("related_{}", self.related);
            match place {
                Place::Table(table) if self.dialect.table_name(table).eq_ignore_ascii_case(&alias) => {}
                _ => return alias,
            }
        }
    }

    /// A column as it is called where another table is nearer.
    pub(in crate::dialect) fn outer_column(&self, place: Place<'_>, column: usize) -> String {
        match place {
            Place::Table(table) => {
                format!("{}.{}", self.dialect.quote(&self.dialect.table_name(table)), self.column(place, column))
            }
            place => self.column(place, column),
        }
    }
}
