//! Conditions on the rows of other tables, in each dialect.

use std::sync::Arc;

use super::tests::dialects;
use super::{Param, ParamValue, Statement, condition_text};
use crate::error::ErrorKind;
use crate::filter::{Filter, TRUSTED, parse_within};
use crate::plan::{Plan, Scope, ScopedPlan, Selection, TenantId};
use crate::schema::tests::product;
use crate::schema::{Models, OnDelete, Reference, Role, TableSchema};
use crate::types::{FloatRules, parse_json};
use crate::value::Value;

/// Products of a maker, which may be deleted and belongs to a tenant.
fn filter(text: &str) -> (Arc<TableSchema>, Filter) {
    let mut maker = TableSchema { model: "Maker".to_owned(), table: "maker".to_owned(), ..product(true) };
    maker.columns[4].role = Role::DeletedAt;
    let reference = Reference {
        column: 3,
        model: "Maker".to_owned(),
        on_delete: OnDelete::Restrict,
        relation: Some("maker".to_owned()),
        related: Some("products".to_owned()),
    };
    let product = Arc::new(TableSchema { references: vec![reference], ..product(true) });
    let mut models = Models::default();
    models.insert(Arc::new(maker));
    models.insert(Arc::clone(&product));
    let floats = FloatRules { nan: false, infinity: false };
    let filter = parse_within(&product, Some(&models), parse_json(text).unwrap(), floats, &TRUSTED).unwrap();
    (product, filter)
}

fn conditions(text: &str) -> Vec<(String, Vec<Param>)> {
    let (table, filter) = filter(text);
    let plan = Plan::Count { table, selection: Selection::Matching(filter), include_deleted: false, lock: false };
    let scope = Scope { tenant: Some(TenantId::new("acme").unwrap()), ..Scope::default() };
    let scoped = ScopedPlan::new(plan, &scope).unwrap();
    let statements = dialects().into_iter().map(|dialect| Statement::query(dialect.as_ref(), &scoped).unwrap());
    statements.map(|found| (found.sql.split_once(" AND ").unwrap().1.to_owned(), found.params)).collect()
}

#[test]
fn a_field_of_the_other_row_is_asked_of_a_live_row_of_the_tenant() {
    let found = conditions(r#"{"maker.name":"a"}"#);
    let expected = [
        "EXISTS (SELECT 1 FROM \"public\".\"maker\" AS related_1 WHERE related_1.\"id\" = \"product\".\"qty\" \
         AND related_1.\"tenant_id\" = $2 AND related_1.\"made\" IS NULL AND related_1.\"name\" = $3)",
        "EXISTS (SELECT 1 FROM `shop`.`maker` AS related_1 WHERE related_1.`id` = `product`.`qty` \
         AND related_1.`tenant_id` = ? AND related_1.`made` IS NULL AND related_1.`name` = ?)",
        "EXISTS (SELECT 1 FROM \"main\".\"maker\" AS related_1 WHERE related_1.\"id\" = \"product\".\"qty\" \
         AND related_1.\"tenant_id\" = ?2 AND related_1.\"made\" IS NULL AND related_1.\"name\" = ?3)",
    ];
    assert_eq!(found.iter().map(|(sql, _)| sql.as_str()).collect::<Vec<_>>(), expected);
    for (_, params) in found {
        let texts = params.into_iter().map(|param| param.value);
        let text = |text: &'static str| ParamValue::One(Value::Text(text.into()));
        assert_eq!(texts.collect::<Vec<_>>(), [text("acme"), text("acme"), text("a")]);
    }
}

#[test]
fn rows_within_rows_have_names_of_their_own() {
    let (sql, _) = conditions(r#"{"maker.products":{"$every":{"maker.qty":null}}}"#).remove(0);
    for part in [
        "AS related_1 WHERE related_1.\"id\" = \"product\".\"qty\"",
        "AS related_2 WHERE related_2.\"qty\" = related_1.\"id\"",
        "AS related_3 WHERE related_3.\"id\" = related_2.\"qty\"",
    ] {
        assert!(sql.contains(part), "{part} is not in {sql}");
    }
}

#[test]
fn a_text_of_its_own_looks_at_no_other_row() {
    let (table, filter) = filter(r#"{"maker.name":"a"}"#);
    for dialect in dialects() {
        assert_eq!(condition_text(dialect.as_ref(), &table, &filter).unwrap_err().kind(), ErrorKind::Internal);
    }
}
