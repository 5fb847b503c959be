//! Rows of other tables that come with each row, by its relations.

use std::sync::Arc;

use super::Order;
use crate::filter::Filter;
use crate::schema::{Relation, TableSchema};

#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    /// What the relation is called: a column of the result.
    pub name: String,
    pub relation: Relation,
    /// Columns of the other table by index.
    pub columns: Vec<usize>,
    pub filter: Filter,
    /// Ends with the key; empty where there is at most one row.
    pub order: Vec<Order>,
    pub limit: Option<u64>,
    pub include: Vec<Include>,
}

impl Include {
    /// The tables that are read, those of filters too. The recursion is as deep as `dataflow.query.include` lets it be.
    pub fn tables(&self) -> Vec<&Arc<TableSchema>> {
        let inner = self.include.iter().flat_map(Include::tables);
        std::iter::once(&self.relation.table).chain(self.filter.related()).chain(inner).collect()
    }
}
