//! Events of one engine to its Python observers, from one thread.

use std::sync::{Arc, Mutex, PoisonError};

use dataflow_core::event::Event;
use dataflow_db::EventReceiver;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// (kind, observer), in the order they were added.
pub type Observers = Arc<Mutex<Vec<(String, Py<PyAny>)>>>;

/// Starts the thread that calls observers; it ends with the engine or the interpreter.
pub fn dispatch(receiver: EventReceiver, observers: Observers) -> std::io::Result<()> {
    let run = move || {
        while let Ok(first) = receiver.recv() {
            let told = Python::try_attach(|py| {
                for event in std::iter::once(first).chain(receiver.try_iter()) {
                    tell(py, &event, &observers);
                }
            });
            if told.is_none() {
                return; // the interpreter is gone
            }
        }
    };
    std::thread::Builder::new().name("dataflow-events".to_owned()).spawn(run).map(drop)
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

fn tell(py: Python<'_>, event: &Event, observers: &Observers) {
    let kind = event.kind();
    let called: Vec<Py<PyAny>> = observers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .filter(|(wanted, _)| wanted == kind)
        .map(|(_, observer)| observer.clone_ref(py))
        .collect();
    for observer in called {
        let result = as_dict(py, event).and_then(|dict| observer.call1(py, (dict,)));
        if let Err(error) = result {
            error.write_unraisable(py, Some(observer.bind(py)));
        }
    }
}

fn as_dict<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("kind", event.kind())?;
    match event {
        Event::Statement { model, operation, sql, rows, duration_us, error } => {
            dict.set_item("model", &**model)?;
            dict.set_item("operation", operation)?;
            dict.set_item("sql", &**sql)?;
            dict.set_item("rows", rows)?;
            dict.set_item("duration_us", duration_us)?;
            dict.set_item("error", error)?;
        }
        Event::Transaction { action, duration_us } => {
            dict.set_item("action", action)?;
            dict.set_item("duration_us", duration_us)?;
        }
        Event::RowsChanged { model, table, operation, tenant, rows, keys } => {
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
        Event::Span { name, duration_us } => {
            dict.set_item("name", name)?;
            dict.set_item("duration_us", duration_us)?;
        }
    }
    Ok(dict)
}
