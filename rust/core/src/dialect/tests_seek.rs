//! Golden SQL of pages: one place in an order, three dialects.

use std::sync::Arc;

use super::tests::dialects;
use super::{ParamValue, Statement};
use crate::plan::{Order, Plan, ReadPlan, Scope, ScopedPlan, Seek, Selection, TenantId};
use crate::schema::tests::product;
use crate::value::Value;

/// The condition of each dialect: what stands between `WHERE` and `ORDER BY`.
fn conditions(order: &[(usize, bool)], values: Vec<Value<'static>>, inclusive: bool) -> [String; 3] {
    let order = order.iter().map(|&(column, descending)| Order { column, descending }).collect();
    let seek = Some(Seek { values, inclusive });
    let read =
        ReadPlan { order, seek, limit: Some(11), ..ReadPlan::of(Arc::new(product(false)), Selection::everything()) };
    let scoped = ScopedPlan::new(Plan::Read(read), &Scope::default()).unwrap();
    dialects().map(|dialect| {
        let sql = Statement::query(dialect.as_ref(), &scoped).unwrap().sql;
        let (_, condition) = sql.split_once(" WHERE ").unwrap();
        condition.split_once(" ORDER BY ").unwrap().0.to_owned()
    })
}

fn text() -> Value<'static> {
    Value::Text("a".into())
}

#[test]
fn one_column_that_is_never_null_is_compared() {
    let expected = ["\"id\" > $1", "`id` > ?", "\"id\" > ?1"];
    assert_eq!(conditions(&[(0, false)], vec![Value::Int(7)], false), expected);
    assert_eq!(
        conditions(&[(0, true)], vec![Value::Int(7)], true),
        [
            "(\"id\" <= $1 AND (\"id\" < $2 OR \"id\" = $3))",
            "(`id` <= ? AND (`id` < ? OR `id` = ?))",
            "(\"id\" <= ?1 AND (\"id\" < ?2 OR \"id\" = ?3))",
        ]
    );
}

#[test]
fn one_direction_without_nulls_is_a_row_where_the_index_knows_it() {
    assert_eq!(
        conditions(&[(1, false), (0, false)], vec![text(), Value::Int(7)], false),
        [
            "(\"name\", \"id\") > ($1, $2)",
            "(`name` >= ? AND (`name` > ? OR (`name` = ? AND `id` > ?)))",
            "(\"name\", \"id\") > (?1, ?2)",
        ]
    );
    assert_eq!(
        conditions(&[(1, true), (0, true)], vec![text(), Value::Int(7)], true),
        [
            "(\"name\", \"id\") <= ($1, $2)",
            "(`name` <= ? AND (`name` < ? OR (`name` = ? AND `id` < ?) OR (`name` = ? AND `id` = ?)))",
            "(\"name\", \"id\") <= (?1, ?2)",
        ]
    );
}

#[test]
fn mixed_directions_are_written_out() {
    assert_eq!(
        conditions(&[(1, true), (0, false)], vec![text(), Value::Int(7)], false),
        [
            "(\"name\" <= $1 AND (\"name\" < $2 OR (\"name\" = $3 AND \"id\" > $4)))",
            "(`name` <= ? AND (`name` < ? OR (`name` = ? AND `id` > ?)))",
            "(\"name\" <= ?1 AND (\"name\" < ?2 OR (\"name\" = ?3 AND \"id\" > ?4)))",
        ]
    );
}

#[test]
fn null_is_the_smallest_value_in_both_directions() {
    let [postgres, mysql, _] = conditions(&[(3, true), (0, false)], vec![Value::Int(5), Value::Int(7)], false);
    assert_eq!(
        postgres,
        "((\"qty\" <= $1 OR \"qty\" IS NULL) AND ((\"qty\" < $2 OR \"qty\" IS NULL) OR (\"qty\" = $3 AND \"id\" > $4)))"
    );
    assert_eq!(mysql, "((`qty` <= ? OR `qty` IS NULL) AND ((`qty` < ? OR `qty` IS NULL) OR (`qty` = ? AND `id` > ?)))");
    let [postgres, mysql, _] = conditions(&[(2, false), (0, false)], vec![Value::Decimal(500), Value::Int(7)], false);
    assert_eq!(postgres, "(\"price\" >= $1 AND (\"price\" > $2 OR (\"price\" = $3 AND \"id\" > $4)))");
    let cast = "CAST(? AS DECIMAL(10,2))";
    assert_eq!(mysql, format!("(`price` >= {cast} AND (`price` > {cast} OR (`price` = {cast} AND `id` > ?)))"));
    let [postgres, _, sqlite] = conditions(&[(3, false), (0, false)], vec![Value::Null, Value::Int(7)], false);
    assert_eq!(postgres, "((\"qty\" IS NULL) IS NOT TRUE OR (\"qty\" IS NULL AND \"id\" > $1))");
    assert_eq!(sqlite, "((\"qty\" IS NULL) IS NOT TRUE OR (\"qty\" IS NULL AND \"id\" > ?1))");
    let [postgres, ..] = conditions(&[(3, true), (0, false)], vec![Value::Null, Value::Int(7)], false);
    assert_eq!(postgres, "(\"qty\" IS NULL AND \"id\" > $1)");
}

#[test]
fn the_total_is_counted_in_the_statement_of_the_page_and_within_the_tenant() {
    let order = vec![Order { column: 0, descending: false }];
    let seek = Some(Seek { values: vec![Value::Int(7)], inclusive: false });
    let all = ReadPlan::of(Arc::new(product(true)), Selection::everything());
    let read = ReadPlan { columns: Some(vec![0]), order, seek, limit: Some(11), total: true, ..all };
    let scope = Scope { tenant: Some(TenantId::new("acme").unwrap()), labels: None };
    let scoped = ScopedPlan::new(Plan::Read(read.clone()), &scope).unwrap();
    let [_, mysql, _] = dialects().map(|dialect| Statement::query(dialect.as_ref(), &scoped).unwrap());
    assert_eq!(
        mysql.sql,
        "/* Product.read */ SELECT `tenant_id`, `id`, (SELECT count(*) FROM `shop`.`product` WHERE `tenant_id` = ?) \
         AS `dataflow_total` FROM `shop`.`product` WHERE `tenant_id` = ? AND `id` > ? ORDER BY `id` LIMIT 11"
    );
    assert_eq!(mysql.params.len(), 3);
    assert_eq!(mysql.params[2].value, ParamValue::One(Value::Int(7)));
    let distinct = ReadPlan { columns: Some(vec![3]), seek: None, distinct: true, ..read };
    let distinct = ReadPlan { order: vec![Order { column: 3, descending: false }], ..distinct };
    let scoped = ScopedPlan::new(Plan::Read(distinct), &scope).unwrap();
    let [postgres, ..] = dialects().map(|dialect| Statement::query(dialect.as_ref(), &scoped).unwrap().sql);
    assert_eq!(
        postgres,
        "/* Product.read */ SELECT DISTINCT \"tenant_id\", \"qty\", (SELECT count(*) FROM (SELECT DISTINCT \
         \"tenant_id\", \"qty\" FROM \"public\".\"product\" WHERE \"tenant_id\" = $1) AS all_rows) AS \
         \"dataflow_total\" FROM \"public\".\"product\" WHERE \"tenant_id\" = $2 ORDER BY \"qty\" NULLS FIRST LIMIT 11"
    );
}
