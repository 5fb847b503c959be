//! A pipeline of any shape is read or refused, and what was read becomes SQL on each database.
#![no_main]

use std::sync::{Arc, LazyLock};

use dataflow_core::pipeline::parse;
use dataflow_core::plan::Plan;
use dataflow_core::schema::{Models, TableSchema};
use dataflow_core::value::Raw;
use dataflow_fuzz::{FLOATS, Tree, compile, table};
use libfuzzer_sys::fuzz_target;

static TABLE: LazyLock<Arc<TableSchema>> = LazyLock::new(table);
static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let mut models = Models::default();
    models.insert(Arc::clone(&TABLE));
    models
});

fuzz_target!(|bytes: &[u8]| {
    let Some((stages, rest)) = bytes.split_first() else { return };
    let mut tree = Tree::new(rest);
    let stages = Raw::List((0..stages % 6).map(|_| tree.value()).collect());
    if let Ok(pipeline) = parse(&TABLE, &MODELS, stages, FLOATS) {
        compile(&Plan::Aggregate { table: Arc::clone(&TABLE), pipeline, include_deleted: false });
    }
});
