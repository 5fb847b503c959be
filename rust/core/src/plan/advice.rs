//! The index that would find the rows of a plan: columns that are compared with one value first, then their order or a
//! range, as every B-tree is searched.

use super::{Order, Plan, ReadPlan, Selection};
use crate::filter::{Comparison, Filter};
use crate::schema::{Index, TableSchema};
use crate::types::LogicalType;

/// None where an index of the model begins so already, or none can help. With it, whether no index but the tenant in
/// front of each has a place to look for: all rows of the tenant are read then, though a database calls that a search.
pub fn missing_index(plan: &Plan) -> Option<(Index, bool)> {
    let table = plan.table();
    let (filters, order): (Vec<&Filter>, &[Order]) = match plan {
        Plan::Read(ReadPlan { selection: Selection::Matching(filter), order, .. }) => (vec![filter], order),
        Plan::Count { selection: Selection::Matching(filter), .. } => (vec![filter], &[]),
        Plan::Aggregate { pipeline, .. } => (pipeline.levels.first()?.filters.iter().collect(), &[]),
        _ => return None,
    };
    let mut found = Columns::default();
    filters.iter().for_each(|filter| found.add(filter));
    let columns = found.in_order(table, without_key(table, order));
    let is_indexable = |order: &Order| is_indexable(&table.columns[order.column].ty);
    if columns.is_empty() || !columns.iter().all(is_indexable) || is_there(table, &columns) {
        return None;
    }
    let names: Vec<&str> = columns.iter().map(|order| table.columns[order.column].name.as_str()).collect();
    let name = table.constraint_name("ix", &names);
    let begins = |all: &[usize]| all.first().is_some_and(|first| columns.iter().any(|order| order.column == *first));
    let by_tenant = table.multi_tenant && !indexed(table).any(|all| begins(&all));
    Some((Index { name, columns, unique: false, filter: None }, by_tenant))
}

/// The columns of conditions all of which must hold.
#[derive(Default)]
struct Columns {
    equal: Vec<usize>,
    ranges: Vec<usize>,
}

impl Columns {
    /// The recursion is bounded by the parser.
    fn add(&mut self, filter: &Filter) {
        let (columns, column) = match filter {
            Filter::And(parts) => return parts.iter().for_each(|part| self.add(part)),
            Filter::IsNull { column } | Filter::In { column, .. } => (&mut self.equal, *column),
            Filter::Compare { column, comparison: Comparison::Equal, .. } => (&mut self.equal, *column),
            Filter::Compare { column, .. } => (&mut self.ranges, *column),
            _ => return,
        };
        if !columns.contains(&column) {
            columns.push(column);
        }
    }

    fn in_order(&self, table: &TableSchema, order: &[Order]) -> Vec<Order> {
        let ascending = |&column: &usize| Order { column, descending: false };
        let mut columns: Vec<Order> = self.equal.iter().map(ascending).collect();
        let is_new = |order: &&Order| !self.equal.contains(&order.column);
        let behind: Vec<Order> = order.iter().filter(is_new).copied().collect();
        match behind.is_empty() {
            true => columns.extend(self.ranges.iter().map(ascending).filter(|order| is_new(&order)).take(1)),
            false => columns.extend(behind),
        }
        let is_key = columns.iter().all(|order| table.key.contains(&order.column));
        if is_key { Vec::new() } else { columns }
    }
}

/// The order without the key that ends every one, which all have for nothing.
fn without_key<'o>(table: &TableSchema, order: &'o [Order]) -> &'o [Order] {
    let ends = order.iter().rev().take_while(|order| table.key.contains(&order.column) && !order.descending).count();
    &order[..order.len() - ends]
}

/// Whether every database takes it into an index.
fn is_indexable(ty: &LogicalType) -> bool {
    ty.is_indexable() && !matches!(ty, LogicalType::Text { max_length: None })
}

fn is_there(table: &TableSchema, columns: &[Order]) -> bool {
    let wanted: Vec<usize> = columns.iter().map(|order| order.column).collect();
    indexed(table).any(|columns| columns.starts_with(&wanted))
}

/// The columns of each index over all rows, and the key.
fn indexed(table: &TableSchema) -> impl Iterator<Item = Vec<usize>> {
    let indexes = table.indexes.iter().cloned().chain(table.unique_indexes());
    let all = indexes.filter(|index| index.filter.is_none());
    all.map(|index| index.columns.iter().map(|order| order.column).collect()).chain([table.key.clone()])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::schema::tests::product;
    use crate::value::Value;

    const PRICE: usize = 2;
    const QUANTITY: usize = 3;

    fn compare(column: usize, comparison: Comparison) -> Filter {
        let value = if column == PRICE { Value::Decimal(1) } else { Value::Int(1) };
        Filter::Compare { column, comparison, value }
    }

    fn advice(filter: Filter, order: &[(usize, bool)]) -> Option<Vec<(usize, bool)>> {
        let order = order.iter().map(|&(column, descending)| Order { column, descending }).collect();
        let table = Arc::new(product(false));
        let plan = Plan::Read(ReadPlan { order, ..ReadPlan::of(table, Selection::Matching(filter)) });
        missing_index(&plan)
            .map(|(index, _)| index.columns.iter().map(|order| (order.column, order.descending)).collect())
    }

    #[test]
    fn equal_columns_come_first_and_then_the_order_or_a_range() {
        use Comparison::{Equal, Less};
        let both = Filter::And(vec![compare(PRICE, Less), compare(QUANTITY, Equal)]);
        assert_eq!(advice(both.clone(), &[(0, false)]), Some(vec![(QUANTITY, false), (PRICE, false)]));
        assert_eq!(advice(both, &[(PRICE, true), (0, false)]), Some(vec![(QUANTITY, false), (PRICE, true)]));
        assert_eq!(advice(compare(PRICE, Less), &[]), Some(vec![(PRICE, false)]));
        assert_eq!(advice(Filter::And(Vec::new()), &[(PRICE, true), (0, true)]).map(|all| all.len()), Some(2));
    }

    #[test]
    fn an_index_that_begins_with_the_tenant_alone_finds_all_its_rows() {
        for multi_tenant in [false, true] {
            let filter = compare(QUANTITY, Comparison::Equal);
            let table = Arc::new(product(multi_tenant));
            let plan = Plan::Read(ReadPlan::of(table, Selection::Matching(filter)));
            assert_eq!(missing_index(&plan).map(|(_, by_tenant)| by_tenant), Some(multi_tenant));
        }
    }

    #[test]
    fn what_no_index_finds_has_no_advice() {
        assert_eq!(advice(compare(0, Comparison::Equal), &[(0, false)]), None);
        assert_eq!(advice(Filter::Not(Box::new(compare(PRICE, Comparison::Equal))), &[(0, false)]), None);
        assert_eq!(advice(Filter::Or(vec![compare(PRICE, Comparison::Equal)]), &[]), None);
    }
}
