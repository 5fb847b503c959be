//! `dataflow._core`: the only crate that knows Python. One file per thing it exposes.

use pyo3::prelude::*;

mod arrow;
mod batch;
mod bell;
mod caller;
mod clock;
mod cut;
mod engine;
mod error;
mod event;
mod explain;
mod include;
mod indexes;
mod input;
mod load;
mod model;
mod operation;
mod options;
mod outcomes;
mod page;
mod public;
mod ranges;
mod raw;
mod reject;
mod row;
mod runtime;
mod settings;
mod source;
mod stream;
mod table;
mod transaction;
mod types;
mod update;

/// The export list.
#[pymodule]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::batch::PyBatch;
    #[pymodule_export]
    use super::bell::PyBell;
    #[pymodule_export]
    use super::engine::PyEngine;
    #[pymodule_export]
    use super::error::{did_you_mean, error_kinds};
    #[pymodule_export]
    use super::event::PyEvents;
    #[pymodule_export]
    use super::explain::PyExplainer;
    #[pymodule_export]
    use super::indexes::PyIndexes;
    #[pymodule_export]
    use super::load::PyLoad;
    #[pymodule_export]
    use super::operation::PyOperation;
    #[pymodule_export]
    use super::outcomes::PyOutcomes;
    #[pymodule_export]
    use super::ranges::PyRanges;
    #[pymodule_export]
    use super::raw::register_class;
    #[pymodule_export]
    use super::reject::{check_rejects, new_load_id, no_rejects, renumbered};
    #[pymodule_export]
    use super::runtime::shutdown;
    #[pymodule_export]
    use super::source::{PyBuffer, PyPiece, PyStream};
    #[pymodule_export]
    use super::stream::PyRowStream;
    #[pymodule_export]
    use super::table::PyTable;
    #[pymodule_export]
    use super::transaction::PyTransaction;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("DEBUG_BUILD", cfg!(debug_assertions))?;
        module.add("EVENT_KINDS", dataflow_core::event::Event::KINDS.to_vec())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
