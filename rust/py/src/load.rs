//! A load that comes in pieces under a load id: what its pieces have in common.

use std::sync::Arc;

use dataflow_db::LoadRun;
use pyo3::prelude::*;
use tokio::sync::Mutex;

#[pyclass(frozen, name = "Load", module = "dataflow._core")]
pub struct PyLoad {
    run: Arc<Mutex<LoadRun>>,
    resumable: bool,
}

impl PyLoad {
    pub fn shared(&self) -> SharedLoad {
        SharedLoad { run: Arc::clone(&self.run), resumable: self.resumable }
    }

    /// None while a piece is on its way.
    fn look<T>(&self, look: impl FnOnce(&LoadRun) -> Option<T>) -> Option<T> {
        self.run.try_lock().ok().and_then(|run| look(&run))
    }
}

#[pymethods]
impl PyLoad {
    #[new]
    fn new(resumable: bool) -> Self {
        PyLoad { run: Arc::new(Mutex::new(LoadRun::new(resumable))), resumable }
    }

    #[getter]
    fn resumed_at(&self) -> Option<u64> {
        self.look(LoadRun::resumed_at)
    }

    #[getter]
    fn committed(&self) -> Option<u64> {
        self.look(LoadRun::committed)
    }
}

/// The load as each of its pieces has it.
#[derive(Clone)]
pub struct SharedLoad {
    pub run: Arc<Mutex<LoadRun>>,
    pub resumable: bool,
}
