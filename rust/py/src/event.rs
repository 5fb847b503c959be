//! Events of one engine on their way to Python, which calls the observers itself.
//!
//! They are called from a Python thread and not from one of ours: an observer that waits for the GIL while the
//! interpreter ends would be unwound through our frames, which aborts the process.

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dataflow_core::event::{Event, Labels};
use dataflow_db::EventReceiver;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::runtime::process;

/// The run, the node, the user and the trace, as Python hands them over; None outside of workflows.
pub type LabelsTuple = Option<(String, String, Option<String>, Option<String>)>;

/// How often a waiting thread looks for the end of the interpreter.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Events handed over at a time.
const BATCH: usize = 256;

/// An iterator over lists of events; it ends with its engine.
#[pyclass(frozen, name = "Events", module = "dataflow._core")]
pub struct PyEvents {
    receiver: Mutex<EventReceiver>,
}

impl PyEvents {
    pub fn new(receiver: EventReceiver) -> Self {
        PyEvents { receiver: Mutex::new(receiver) }
    }

    /// Waits a moment; None when nothing came.
    fn receive(&self) -> Result<Vec<Event>, RecvTimeoutError> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        let first = receiver.recv_timeout(LOOK_INTERVAL)?;
        Ok(std::iter::once(first).chain(receiver.try_iter().take(BATCH - 1)).collect())
    }
}

#[pymethods]
impl PyEvents {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        loop {
            let received = py.detach(|| self.receive());
            process(py)?;
            match received {
                Ok(events) => {
                    let events = events.iter().map(|event| as_dict(py, event)).collect::<PyResult<Vec<_>>>()?;
                    return PyList::new(py, events).map(Some);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }
}

/// Sends a warning to Python's `logging`, from a thread of its own: the caller may not wait for the GIL.
pub fn warn(message: String) {
    let log = move || {
        Python::try_attach(|py| {
            let logger = py.import("logging").and_then(|logging| logging.call_method1("getLogger", ("dataflow",)));
            logger.and_then(|logger| logger.call_method1("warning", (message,))).ok();
        });
    };
    // Without a thread the warning is lost, and nothing else.
    std::thread::Builder::new().name("dataflow-log".to_owned()).spawn(log).ok();
}

pub fn read_labels(labels: LabelsTuple) -> Option<Arc<Labels>> {
    labels.map(|(run, node, user, trace)| Arc::new(Labels { run, node, user, trace }))
}

fn as_dict<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("kind", event.kind())?;
    match event {
        Event::Statement { model, operation, sql, rows, duration_us, error, .. } => {
            dict.set_item("model", &**model)?;
            dict.set_item("operation", operation)?;
            dict.set_item("sql", &**sql)?;
            dict.set_item("rows", rows)?;
            dict.set_item("duration_us", duration_us)?;
            dict.set_item("error", error)?;
        }
        Event::Transaction { action, duration_us, .. } => {
            dict.set_item("action", action)?;
            dict.set_item("duration_us", duration_us)?;
        }
        Event::RowsChanged { model, table, operation, tenant, rows, keys, .. } => {
            dict.set_item("model", &**model)?;
            dict.set_item("table", &**table)?;
            dict.set_item("operation", operation)?;
            dict.set_item("tenant", tenant.as_deref())?;
            dict.set_item("rows", rows)?;
            dict.set_item("keys", keys)?;
        }
        Event::Pool { action, reason } => {
            dict.set_item("action", action)?;
            dict.set_item("reason", reason)?;
        }
        Event::Span { name, duration_us, .. } => {
            dict.set_item("name", name)?;
            dict.set_item("duration_us", duration_us)?;
        }
    }
    if let Some(labels) = event.labels() {
        set_labels(&dict, labels)?;
    }
    Ok(dict)
}

/// Adds what is known: an event outside of workflows has none of these keys.
fn set_labels(dict: &Bound<'_, PyDict>, labels: &Labels) -> PyResult<()> {
    dict.set_item("run_id", &labels.run)?;
    let node = Some(&labels.node).filter(|node| !node.is_empty());
    for (key, value) in [("node_id", node), ("user", labels.user.as_ref()), ("trace_id", labels.trace.as_ref())] {
        if let Some(value) = value {
            dict.set_item(key, value)?;
        }
    }
    Ok(())
}
