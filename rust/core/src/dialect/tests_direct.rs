//! Golden SQL of rows that meet stored rows in one statement.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::tests::dialects;
use super::{Statement, Told, compares};
use crate::plan::{Plan, Scope, ScopedPlan, TenantId};
use crate::schema::tests::product;
use crate::schema::{KeySource, Role, TableSchema};
use crate::types::LogicalType;

fn batch() -> RecordBatch {
    let columns: [ArrayRef; 3] = [
        Arc::new(Int64Array::from(vec![1, 9])),
        Arc::new(StringArray::from(vec!["a", "b"])),
        Arc::new(Int64Array::from(vec![5, 6])),
    ];
    RecordBatch::try_from_iter(["id", "name", "qty"].into_iter().zip(columns)).unwrap()
}

fn upsert(table: TableSchema, set: &[usize], largest: Option<i64>, told: Told) -> Statement {
    let tenant = table.multi_tenant.then(|| TenantId::new("acme").unwrap());
    let plan = Plan::Upsert { table: Arc::new(table), batch: batch(), target: vec![0], set: set.to_vec() };
    let scoped = ScopedPlan::new(plan, &Scope { tenant, labels: None }).unwrap();
    let Plan::Upsert { batch, .. } = scoped.plan() else { panic!("another plan") };
    Statement::upsert(dialects()[0].as_ref(), &scoped, batch, largest, told).unwrap()
}

fn by_caller(multi_tenant: bool) -> TableSchema {
    TableSchema { key_source: KeySource::Caller, ..product(multi_tenant) }
}

#[test]
fn an_upsert_writes_what_differs_and_tells_which_rows_are_new() {
    let statement = upsert(by_caller(false), &[1, 3], None, Told::Keys);
    assert_eq!(
        statement.sql,
        "/* Product.upsert */ INSERT INTO \"public\".\"product\" AS t (\"id\", \"name\", \"qty\") \
         SELECT v.* FROM unnest($1, $2, $3) AS v (\"id\", \"name\", \"qty\") ON CONFLICT (\"id\") \
         DO UPDATE SET \"name\" = excluded.\"name\", \"qty\" = excluded.\"qty\" \
         WHERE (t.\"name\"::text COLLATE \"C\" IS DISTINCT FROM excluded.\"name\" OR t.\"qty\" IS DISTINCT FROM excluded.\"qty\") \
         RETURNING t.\"id\", t.xmax = 0"
    );
    assert_eq!(
        statement.returns.iter().map(|column| &column.ty).collect::<Vec<_>>(),
        [&LogicalType::Int, &LogicalType::Bool]
    );
}

#[test]
fn an_upsert_of_many_rows_tells_numbers() {
    let statement = upsert(by_caller(false), &[], None, Told::Number);
    assert_eq!(
        statement.sql,
        "/* Product.upsert */ WITH written AS (INSERT INTO \"public\".\"product\" AS t (\"id\", \"name\", \"qty\") \
         SELECT v.* FROM unnest($1, $2, $3) AS v (\"id\", \"name\", \"qty\") ON CONFLICT (\"id\") DO NOTHING \
         RETURNING t.xmax = 0 AS new) SELECT count(*) FILTER (WHERE new), count(*) FROM written"
    );
    assert_eq!(statement.tenant, None);
}

#[test]
fn the_tenant_is_written_found_by_and_proven() {
    let statement = upsert(by_caller(true), &[3], None, Told::Keys);
    assert!(statement.sql.contains("(\"tenant_id\", \"id\", \"name\", \"qty\") SELECT v.*"), "{}", statement.sql);
    assert!(
        statement.sql.contains(" ON CONFLICT (\"tenant_id\" COLLATE \"C\", \"id\") DO UPDATE"),
        "{}",
        statement.sql
    );
    assert!(statement.sql.ends_with(" RETURNING t.\"tenant_id\", t.\"id\", t.xmax = 0"), "{}", statement.sql);
    assert_eq!(statement.tenant.as_ref().map(TenantId::as_str), Some("acme"));
}

#[test]
fn a_given_key_moves_the_sequence_before_the_rows_are_inserted() {
    for told in [Told::Keys, Told::Number] {
        let sql = upsert(product(false), &[3], Some(9), told).sql;
        let raised = "/* Product.upsert */ WITH raised AS MATERIALIZED (SELECT (SELECT CASE WHEN gap > 1000 ";
        assert!(sql.starts_with(raised), "{sql}");
        assert!(sql.contains("FROM raised CROSS JOIN unnest($4, $5, $6) AS v"), "{sql}");
    }
    assert_eq!(upsert(product(false), &[3], None, Told::Keys).params.len(), 3);
}

#[test]
fn new_rows_move_the_sequence_in_the_statement_that_inserts_them() {
    let batch = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1, 9])) as ArrayRef)]).unwrap();
    let plan = Plan::Append { table: Arc::new(product(false)), batch };
    let scoped = ScopedPlan::new(plan, &Scope { tenant: None, labels: None }).unwrap();
    let Plan::Append { batch, .. } = scoped.plan() else { panic!("another plan") };
    let [postgres, ..] = dialects();
    let sql = |largest| Statement::insert_arrays(postgres.as_ref(), &scoped, batch, largest).unwrap().sql;
    let insert = "INSERT INTO \"public\".\"product\" (\"id\") SELECT v.* FROM";
    let (plain, raised) = (sql(None), sql(Some(9)));
    assert!(plain.ends_with(&format!("{insert} unnest($1) AS v (\"id\")")), "{plain}");
    assert!(raised.contains("WITH raised AS MATERIALIZED ("), "{raised}");
    assert!(raised.ends_with(&format!(" {insert} raised CROSS JOIN unnest($4) AS v (\"id\")")), "{raised}");
}

#[test]
fn a_put_leaves_rows_alone_that_do_not_differ() {
    let mut table = product(true);
    table.columns[4].role = Role::UpdatedAt;
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ("qty", Arc::new(Int64Array::from(vec![5]))),
        ("made", Arc::new(Int64Array::from(vec![7]))),
    ]);
    let plan = Plan::Put { table: Arc::new(table), batch: batch.unwrap(), set: vec![3, 4] };
    let scope = Scope { tenant: Some(TenantId::new("acme").unwrap()), labels: None };
    let scoped = ScopedPlan::new(plan, &scope).unwrap();
    let Plan::Put { batch, .. } = scoped.plan() else { panic!("another plan") };
    let dialect = &dialects()[0];
    let sql = |told| Statement::put_differing(dialect.as_ref(), &scoped, batch, told).unwrap().sql;
    let update = "/* Product.update */ UPDATE \"public\".\"product\" AS t SET \"qty\" = v.\"qty\", \"made\" = v.\"made\" \
         FROM unnest($1, $2, $3, $4) AS v (\"tenant_id\", \"id\", \"qty\", \"made\") \
         WHERE t.\"tenant_id\" = v.\"tenant_id\" AND t.\"id\" = v.\"id\" AND (t.\"qty\" IS DISTINCT FROM v.\"qty\")";
    assert_eq!(sql(Told::Number), update);
    assert_eq!(sql(Told::Keys), format!("{update} RETURNING t.\"tenant_id\", t.\"id\""));
}

#[test]
fn only_postgres_decides_and_documents_are_not_compared() {
    assert_eq!(dialects().map(|dialect| dialect.decides_rows()), [true, false, false]);
    let list = LogicalType::List { item: Box::new(LogicalType::Int) };
    assert!(compares(&LogicalType::Float) && !compares(&LogicalType::Json) && !compares(&list));
}
