//! The comment each statement starts with.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::tests::dialects;
use super::{Dialect, Statement};
use crate::event::Labels;
use crate::plan::{Assignment, Plan, Scope, ScopedPlan, Selection};
use crate::schema::TableSchema;
use crate::schema::tests::product;
use crate::value::Value;

fn in_node(node: &str) -> Scope {
    let [user, trace] = ["a-user", "a-trace"].map(|text| Some(text.to_owned()));
    let labels = Labels { run: "a-run".to_owned(), node: node.to_owned(), user, trace };
    Scope { tenant: None, labels: Some(Arc::new(labels)) }
}

fn count(table: &Arc<TableSchema>) -> Plan {
    Plan::Count { table: Arc::clone(table), selection: Selection::everything(), include_deleted: false, lock: false }
}

/// The comment of a count in the scope, without what follows it.
fn comment(scope: &Scope) -> String {
    let scoped = ScopedPlan::new(count(&Arc::new(product(false))), scope).unwrap();
    let sql = Statement::query(dialects()[0].as_ref(), &scoped).unwrap().sql;
    sql.strip_suffix("SELECT count(*) FROM \"public\".\"product\"").unwrap().to_owned()
}

/// A statement of every kind.
fn statements(dialect: &dyn Dialect, scope: &Scope) -> [Statement; 6] {
    let table = Arc::new(product(false));
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
        ("name", Arc::new(StringArray::from(vec!["a"]))),
    ])
    .unwrap();
    let (selection, include_deleted) = (Selection::everything(), false);
    let assignments = vec![(1, Assignment::Value(Value::Text("b".into())))];
    let scoped = |plan| ScopedPlan::new(plan, scope).unwrap();
    let append = scoped(Plan::Append { table: Arc::clone(&table), batch: batch.clone() });
    let put = scoped(Plan::Put { table: Arc::clone(&table), batch: batch.clone(), set: vec![1] });
    let remove = Plan::Remove { table: Arc::clone(&table), selection: selection.clone(), include_deleted };
    let change = Plan::Change { table: Arc::clone(&table), selection, assignments, include_deleted };
    [
        Statement::query(dialect, &scoped(count(&table))).unwrap(),
        Statement::insert(dialect, &append, &batch, 1, false),
        Statement::copy(dialect, &append, &batch),
        Statement::put(dialect, &put, &batch, 1).unwrap(),
        Statement::change(dialect, &scoped(change)).unwrap(),
        Statement::remove(dialect, &scoped(remove)).unwrap(),
    ]
}

#[test]
fn every_statement_starts_with_model_operation_and_node() {
    let operations = ["count", "append", "append", "update", "update", "delete"];
    for dialect in dialects() {
        let plain = statements(dialect.as_ref(), &Scope::default());
        let labelled = statements(dialect.as_ref(), &in_node("load_orders"));
        for ((operation, plain), labelled) in operations.iter().zip(plain).zip(labelled) {
            let rest = plain.sql.strip_prefix(&format!("/* Product.{operation} */ ")).unwrap();
            assert_eq!(labelled.sql, format!("/* Product.{operation} load_orders */ {rest}"));
        }
    }
}

#[test]
fn a_node_cannot_close_the_comment() {
    for node in ["*/ DROP TABLE x; /*", "*/DROP TABLEx", "/**/DROP\nTABLE\0x", "DROP*/*/TABLE\u{202e}x`'\"$1?%;"] {
        let comment = comment(&in_node(node));
        assert_eq!((comment.matches("/*").count(), comment.matches("*/").count()), (1, 1), "{comment}");
    }
    assert_eq!(comment(&in_node("*/ DROP TABLE x; /*")), "/* Product.count DROPTABLEx */ ");
}

#[test]
fn of_a_node_letters_digits_underscore_and_hyphen_are_kept() {
    for (node, kept) in [("Load-orders_2", " Load-orders_2"), ("über.laden", " berladen"), ("日本", ""), ("", "")] {
        assert_eq!(comment(&in_node(node)), format!("/* Product.count{kept} */ "));
    }
}

#[test]
fn a_long_node_is_cut_after_what_is_kept() {
    let kept = "n".repeat(63);
    assert_eq!(comment(&in_node(&kept)), format!("/* Product.count {kept} */ "));
    assert_eq!(comment(&in_node(&format!("ä.{kept}x"))), format!("/* Product.count {kept} */ "));
}

#[test]
fn only_the_node_of_the_labels_is_in_the_text() {
    for dialect in dialects() {
        for statement in statements(dialect.as_ref(), &in_node("load")) {
            assert!(!["a-run", "a-user", "a-trace"].iter().any(|label| statement.sql.contains(label)));
        }
    }
}
