//! Tells an event loop what has settled, without the GIL: by a byte on a socket that the loop reads.

#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::os::{fd::AsRawFd, unix::net::UnixStream};
use std::sync::Arc;
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};

#[cfg(not(unix))]
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;

/// What threads of ours have to tell an event loop.
///
/// The loop's own thread calls it, as much as there is at a time. `call_soon_threadsafe` would have to wait for the
/// GIL, which that thread holds when it has much to do.
#[cfg(unix)]
pub struct Bell {
    rung: UnixStream,
    heard: UnixStream,
    told: Mutex<Vec<Py<PyAny>>>,
}

#[cfg(not(unix))]
pub enum Bell {}

#[pyclass(frozen, name = "Bell", module = "dataflow._core")]
pub struct PyBell(pub Arc<Bell>);

#[cfg(unix)]
#[pymethods]
impl PyBell {
    #[new]
    fn new() -> PyResult<Self> {
        let (rung, heard) = UnixStream::pair()?;
        rung.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        Ok(PyBell(Arc::new(Bell { rung, heard, told: Mutex::default() })))
    }

    fn fileno(&self) -> i32 {
        self.0.heard.as_raw_fd()
    }

    fn answer(&self, py: Python<'_>) -> PyResult<()> {
        // Before what was told is taken: who tells more after that rings again.
        let mut bytes = [0; 64];
        while (&self.0.heard).read(&mut bytes).is_ok_and(|read| read == bytes.len()) {}
        let told = std::mem::take(&mut *self.0.told.lock().unwrap_or_else(PoisonError::into_inner));
        // Nobody is forgotten for what another has raised, as Ctrl-C may.
        told.into_iter().map(|tell| tell.call0(py).map(drop)).fold(Ok(()), Result::and)
    }
}

#[cfg(not(unix))]
#[pymethods]
impl PyBell {
    #[new]
    fn new() -> PyResult<Self> {
        Err(PyNotImplementedError::new_err("there are no pairs of sockets"))
    }
}

impl Bell {
    /// Has `tell` called in the loop.
    #[cfg(unix)]
    pub fn ring(&self, tell: Py<PyAny>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(tell);
        if told.len() == 1 {
            // Where it is full, there are bytes for the loop to read.
            (&self.rung).write_all(&[0]).ok();
        }
    }

    #[cfg(not(unix))]
    pub fn ring(&self, _tell: Py<PyAny>) {
        match *self {}
    }
}
