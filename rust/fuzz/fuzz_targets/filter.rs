//! A filter of any shape is read or refused, and what was read becomes SQL on each database.
#![no_main]

use std::sync::{Arc, LazyLock};

use dataflow_core::filter::parse;
use dataflow_core::plan::{Plan, ReadPlan, Selection};
use dataflow_core::schema::TableSchema;
use dataflow_fuzz::{FLOATS, Tree, compile, table};
use libfuzzer_sys::fuzz_target;

static TABLE: LazyLock<Arc<TableSchema>> = LazyLock::new(table);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(filter) = parse(&TABLE, Tree::new(bytes).value(), FLOATS) {
        compile(&Plan::Read(ReadPlan::of(Arc::clone(&TABLE), Selection::Matching(filter))));
    }
});
