//! Golden lookups: rows of other models in each dialect, in a file; the test prints the new text where it differs.

use std::fmt::Write as _;
use std::sync::Arc;

use super::Statement;
use super::tests::dialects;
use crate::error::ErrorKind;
use crate::pipeline::{self, MAX_LEVELS, MAX_LOOKUPS, Pipeline};
use crate::plan::{Plan, Scope, ScopedPlan, TenantId};
use crate::schema::tests::product;
use crate::schema::{Models, Role, TableSchema};
use crate::types::{FloatRules, parse_json};

const GOLDEN: &str = include_str!("lookups.golden");
const MAKER: &str = r#""from":"Maker","localField":"qty","foreignField":"id","as":"maker""#;

/// Products, and makers that may be deleted.
fn models(of_tenants: [bool; 2]) -> (Arc<TableSchema>, Models) {
    let [products, makers] = of_tenants.map(product);
    let products = Arc::new(products);
    let mut makers = TableSchema { model: "Maker".to_owned(), table: "maker".to_owned(), ..makers };
    makers.columns[4].role = Role::DeletedAt;
    let mut models = Models::default();
    models.insert(Arc::new(makers));
    models.insert(Arc::clone(&products));
    (products, models)
}

fn parse(table: &TableSchema, models: &Models, text: &str) -> crate::Result<Pipeline> {
    pipeline::parse(table, models, parse_json(text).unwrap(), FloatRules { nan: false, infinity: false })
}

fn statements(of_tenants: [bool; 2], text: &str) -> Vec<(&'static str, Statement)> {
    let (table, models) = models(of_tenants);
    let pipeline = parse(&table, &models, text).unwrap();
    let tenant = of_tenants.contains(&true).then(|| TenantId::new("acme").unwrap());
    let plan = Plan::Aggregate { table, pipeline, include_deleted: false };
    let scoped = ScopedPlan::new(plan, &Scope { tenant, labels: None }).unwrap();
    let dialects = dialects().into_iter();
    dialects.map(|dialect| (dialect.name(), Statement::query(dialect.as_ref(), &scoped).unwrap())).collect()
}

fn pipelines() -> [String; 4] {
    let within = r#""pipeline":[{"$match":{"qty":1}},{"$sort":{"price":-1}},{"$limit":2},{"$project":{"name":1}}]"#;
    let again = r#""pipeline":[{"$lookup":{"from":"Product","localField":"id","foreignField":"qty","as":"products"}},{"$unwind":"$products"}]"#;
    let union = r#"{"$unionWith":{"coll":"Maker","pipeline":[{"$limit":2},{"$project":{"name":1,"price":1}}]}}"#;
    [
        format!(r#"[{{"$match":{{"qty":1}}}},{{"$project":{{"name":1,"qty":1}}}},{union},{{"$sort":{{"name":1}}}}]"#),
        format!(r#"[{{"$lookup":{{{MAKER}}}}},{{"$unwind":"$maker"}},{{"$project":{{"name":1,"maker.name":1}}}}]"#),
        format!(
            r#"[{{"$lookup":{{{MAKER},{within}}}}},{{"$unwind":{{"path":"$maker","preserveNullAndEmptyArrays":true}}}}]"#
        ),
        format!(
            r#"[{{"$lookup":{{{MAKER},{again}}}}},{{"$unwind":"$maker"}},{{"$group":{{"_id":"$maker.products.name","n":{{"$sum":1}}}}}}]"#
        ),
    ]
}

#[test]
fn every_lookup_has_its_statement_in_each_dialect() {
    let mut found = String::new();
    for text in pipelines() {
        let _ = writeln!(found, "{text}");
        for of_tenants in [[false, false], [true, true]] {
            for (name, statement) in statements(of_tenants, &text) {
                let params: Vec<_> = statement.params.iter().map(|param| &param.value).collect();
                let _ = writeln!(found, "    {name}: {}\n        {params:?}", statement.sql);
            }
        }
    }
    assert!(found == GOLDEN, "lookups.golden is no longer what is written, which is:\n{found}");
}

#[test]
fn every_table_is_asked_for_live_rows_of_the_tenant_who_is_proved() {
    for of_tenants in [[true, true], [false, true], [true, false]] {
        for text in pipelines() {
            for (name, statement) in statements(of_tenants, &text) {
                let sql = statement.sql.replace('`', "\"");
                for (table, has_tenant) in ["\"product\"", "\"maker\""].into_iter().zip(of_tenants) {
                    let scoped = format!(".{table} WHERE \"tenant_id\" = ");
                    let expected = if has_tenant { sql.matches(&format!(".{table}")).count() } else { 0 };
                    assert_eq!(sql.matches(&scoped).count(), expected, "{sql}");
                }
                let makers = sql.matches(".\"maker\"").count();
                assert_eq!(sql.matches("\"made\" IS NULL").count(), makers, "{sql}");
                assert_eq!(statement.returns[0].name, "tenant_id", "{name}");
                assert_eq!(statement.tenant.as_ref().map(TenantId::as_str), Some("acme"));
                if name == "mysql" {
                    assert_eq!(sql.matches('?').count(), statement.params.len(), "{sql}");
                }
            }
        }
    }
}

#[test]
fn there_are_so_many_lookups_in_all() {
    let (table, models) = models([false, false]);
    let pair = format!(r#"{{"$lookup":{{{MAKER}}}}},{{"$unwind":"$maker"}}"#);
    let asked = |count| parse(&table, &models, &format!("[{}]", vec![pair.as_str(); count].join(",")));
    asked(MAX_LOOKUPS).unwrap();
    let united = |count| parse(&table, &models, &format!("[{}]", vec![r#"{"$unionWith":"Maker"}"#; count].join(",")));
    // Each is three queries.
    united(MAX_LEVELS / 3).unwrap();
    assert_eq!(united(MAX_LEVELS / 3 + 1).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(asked(MAX_LOOKUPS + 1).unwrap_err().kind(), ErrorKind::LimitExceeded);
}
