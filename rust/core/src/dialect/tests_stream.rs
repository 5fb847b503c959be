//! Golden SQL of rows that come in a stream, and of the table where MariaDB lets them wait.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::tests::dialects;
use super::{Dialect, StagedPut, Statement};
use crate::plan::{Plan, ReadPlan, Scope, ScopedPlan, Selection, TenantId, staged_key};
use crate::schema::Role;
use crate::schema::tests::product;

fn batch(names: [&str; 2]) -> RecordBatch {
    let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["a"]))];
    RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap()
}

fn scoped(plan: Plan, tenant: Option<&str>) -> ScopedPlan {
    let tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
    ScopedPlan::new(plan, &Scope { tenant, labels: None }).unwrap()
}

#[test]
fn a_stream_of_rows_is_written_in_each_dialect() {
    let batch = batch(["id", "name"]);
    let append = scoped(Plan::Append { table: Arc::new(product(false)), batch: batch.clone() }, None);
    let expected = [
        "/* Product.append */ COPY \"public\".\"product\" (\"id\", \"name\") FROM STDIN (FORMAT binary)",
        "/* Product.append */ LOAD DATA LOCAL INFILE 'rows' INTO TABLE `shop`.`product` CHARACTER SET binary \
         FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES STARTING BY '' TERMINATED BY '\\n' (`id`, `name`)",
    ];
    for (dialect, expected) in dialects().iter().zip(expected) {
        assert_eq!(Statement::copy(dialect.as_ref(), &append, &batch).sql, expected);
    }
}

#[test]
fn rows_are_put_from_the_staging_table() {
    let [_, dialect, _] = dialects();
    let (table, batch) = (Arc::new(product(false)), batch(["id", "name"]));
    let put = scoped(Plan::Put { table, batch: batch.clone(), set: vec![1] }, None);
    let dialect: &dyn Dialect = dialect.as_ref();
    assert_eq!(
        Statement::stage(dialect, &put, &["id", "name"], &batch).sql,
        "/* Product.update */ CREATE TEMPORARY TABLE `shop`.`dataflow_staging` AS SELECT `id` AS `id`, `name` AS `name` \
         FROM `shop`.`product` LIMIT 0"
    );
    let copy = Statement::copy_staged(dialect, &put, &batch).sql;
    assert!(copy.contains("INTO TABLE `shop`.`dataflow_staging` CHARACTER SET binary"), "{copy}");
    let put_staged = |form| Statement::put_staged(dialect, &put, &batch, form).unwrap().sql;
    assert_eq!(
        put_staged(StagedPut::Update),
        "/* Product.update */ UPDATE `shop`.`dataflow_staging` AS v STRAIGHT_JOIN `shop`.`product` AS t \
         ON t.`id` = v.`id` SET t.`name` = v.`name`"
    );
    assert_eq!(
        put_staged(StagedPut::OnDuplicateKey),
        "/* Product.update */ INSERT INTO `shop`.`product` (`id`, `name`) SELECT t.`id`, v.`name` \
         FROM `shop`.`dataflow_staging` AS v STRAIGHT_JOIN `shop`.`product` AS t ON t.`id` = v.`id` \
         ON DUPLICATE KEY UPDATE `name` = VALUES(`name`)"
    );
    assert_eq!(Statement::staged_columns(&put).unwrap(), ["id", "name"]);
    assert_eq!(Statement::drop_staging(dialect).sql, "DROP TEMPORARY TABLE `shop`.`dataflow_staging`");
}

#[test]
fn an_upsert_from_the_staging_table_counts_the_rows_that_are_there() {
    let [_, dialect, _] = dialects();
    let (mut table, batch) = (product(false), batch(["id", "name"]));
    table.columns[4].role = Role::UpdatedAt;
    let sql = |set: &[usize]| {
        let table = Arc::new(table.clone());
        let plan = Plan::Upsert { table, batch: batch.clone(), target: vec![0], set: set.to_vec() };
        Statement::upsert_staged(dialect.as_ref(), &scoped(plan, None), &batch).unwrap().sql
    };
    let left_alone = "/* Product.upsert */ INSERT INTO `shop`.`product` (`id`, `name`) SELECT `id`, `name` \
                      FROM `shop`.`dataflow_staging` AS v ON DUPLICATE KEY UPDATE \
                      `id` = IF((@dataflow_found := @dataflow_found + 1) IS NULL \
                      OR NOT (`shop`.`product`.`id` <=> VALUES(`id`)), NULL, VALUES(`id`))";
    assert_eq!(sql(&[]), left_alone);
    assert_eq!(
        sql(&[1, 3, 4]),
        format!(
            "{left_alone}, `made` = IF(NOT (CAST(`shop`.`product`.`name` AS BINARY) <=> CAST(VALUES(`name`) AS BINARY)) \
             OR NOT (`shop`.`product`.`qty` <=> VALUES(`qty`)), VALUES(`made`), `shop`.`product`.`made`), \
             `name` = VALUES(`name`), `qty` = VALUES(`qty`)"
        )
    );
}

#[test]
fn rows_are_found_by_the_staged_keys_within_their_tenant() {
    let [_, dialect, _] = dialects();
    let read = ReadPlan {
        columns: Some(vec![0]),
        lock: true,
        ..ReadPlan::of(Arc::new(product(true)), Selection::Staged { columns: vec![0, 1] })
    };
    let scoped = scoped(Plan::Read(read), Some("acme"));
    let [id, name] = [staged_key(0), staged_key(1)];
    let staged = Statement::stage(dialect.as_ref(), &scoped, &["id", "name"], &batch([&id, &name])).sql;
    assert!(staged.contains("SELECT `id` AS `dataflow_0`, `name` AS `dataflow_1` FROM"), "{staged}");
    assert_eq!(
        Statement::query(dialect.as_ref(), &scoped).unwrap().sql,
        "/* Product.read */ SELECT `tenant_id`, `id` FROM `shop`.`dataflow_staging` STRAIGHT_JOIN `shop`.`product` \
         WHERE `tenant_id` = ? AND `id` = `dataflow_0` AND `name` = `dataflow_1` FOR UPDATE"
    );
}
