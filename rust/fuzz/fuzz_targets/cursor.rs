//! The bytes in a cursor are a place or nothing, and a place has one form.
#![no_main]

use std::sync::{Arc, LazyLock};

use dataflow_core::cursor::{decode_seek, encode_seek};
use dataflow_core::plan::{Order, Plan, ReadPlan, Selection};
use dataflow_core::schema::TableSchema;
use dataflow_core::value::Raw;
use dataflow_fuzz::{FLOATS, compile, table};
use libfuzzer_sys::fuzz_target;

static TABLE: LazyLock<Arc<TableSchema>> = LazyLock::new(table);

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let column = usize::from(*first) % TABLE.columns.len();
    let order = vec![
        Order { column, descending: *first > 127 },
        Order { column: 0, descending: false },
    ];
    let Some(seek) = decode_seek(&TABLE, &order, rest) else { return };
    assert_eq!(encode_seek(&TABLE, &order, &seek).expect("it was decoded"), rest);
    let everything = dataflow_core::filter::parse(&TABLE, Raw::Map(Vec::new()), FLOATS).expect("no condition");
    let plan = ReadPlan::of(Arc::clone(&TABLE), Selection::Matching(everything));
    compile(&Plan::Read(ReadPlan { order, seek: Some(seek), ..plan }));
});
