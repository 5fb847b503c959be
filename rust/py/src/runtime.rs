//! The one door between Python's threads and tokio: GIL, signals, fork and the end of the interpreter.
//!
//! One tokio runtime a process. Results for asyncio go through one thread that takes the GIL for many
//! at a time: a tokio worker that waits for the GIL would stall unrelated work (pyo3-async-runtimes#58).

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dataflow_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

/// How often a waiting main thread looks for Ctrl-C.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);
/// How long the end of the interpreter waits for work in flight.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

static PROCESS: OnceLock<Process> = OnceLock::new();

/// What belongs to this process alone; a forked child inherits the memory but none of the threads.
pub struct Process {
    pid: u32,
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
    /// Cancelled at the end; the parent of every operation's token.
    end: CancellationToken,
    running: AtomicUsize,
    settled: Sender<Settled>,
}

/// A future of an asyncio loop that is to be told.
struct Settled {
    event_loop: Py<PyAny>,
    done: Py<PyAny>,
}

/// The process's runtime, started by the first use.
///
/// # Errors
/// `Forked` in a child of a process that used it, `Closed` once the interpreter is ending.
pub fn process() -> Result<&'static Process> {
    let process = match PROCESS.get() {
        Some(process) => process,
        None => {
            let started = Process::start()?;
            PROCESS.get_or_init(|| started)
        }
    };
    let pid = std::process::id();
    if process.pid != pid {
        return Err(Error::new(
            ErrorKind::Forked,
            format!("DataFlow was started in process {} and cannot be used in its fork {pid}", process.pid),
        )
        .hint("use DataFlow first in the child, or start workers with the `spawn` method"));
    }
    if process.end.is_cancelled() {
        return Err(Error::new(ErrorKind::Closed, "the interpreter is ending"));
    }
    Ok(process)
}

/// Whether this is a fork of the process that started the runtime.
pub fn is_forked() -> bool {
    PROCESS.get().is_some_and(|process| process.pid != std::process::id())
}

impl Process {
    fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4)))
            .thread_name("dataflow")
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("no threads: {error}")))?;
        let (settled, receiver) = channel();
        std::thread::Builder::new()
            .name("dataflow-asyncio".to_owned())
            .spawn(move || tell_loops(&receiver))
            .map_err(|error| Error::internal(format!("no thread: {error}")))?;
        Ok(Process {
            pid: std::process::id(),
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
            end: CancellationToken::new(),
            running: AtomicUsize::new(0),
            settled,
        })
    }

    pub fn token(&self) -> CancellationToken {
        self.end.child_token()
    }

    /// Runs a future on this thread without the GIL. Ctrl-C cancels `token`, waits for the future to
    /// settle, and comes back as the second value.
    pub fn wait<T: Send + 'static>(
        &'static self,
        py: Python<'_>,
        future: BoxFuture<'static, Result<T>>,
        token: &CancellationToken,
    ) -> (Result<T>, Option<PyErr>) {
        let _running = Running::new(&self.running);
        let mut future = guarded(future);
        let mut interrupted = None;
        loop {
            let result =
                py.detach(|| self.handle.block_on(async { tokio::time::timeout(SIGNAL_INTERVAL, &mut future).await }));
            match result {
                Ok(result) => return (result, interrupted),
                Err(_elapsed) => {
                    if let Err(signal) = py.check_signals() {
                        token.cancel();
                        interrupted.get_or_insert(signal);
                    }
                }
            }
        }
    }

    /// Runs a future in the background; `finish` gets its result before `done` is told in its loop.
    pub fn start_for_loop<T: Send + 'static>(
        &'static self,
        future: BoxFuture<'static, Result<T>>,
        event_loop: Py<PyAny>,
        done: Py<PyAny>,
        finish: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let running = Running::new(&self.running);
        self.handle.spawn(async move {
            let _running = running;
            finish(guarded(future).await);
            // Fails only when the telling thread has ended with the interpreter.
            self.settled.send(Settled { event_loop, done }).ok();
        });
    }
}

/// A panic in the future is an error, not the end of the process.
fn guarded<T: Send + 'static>(future: BoxFuture<'static, Result<T>>) -> BoxFuture<'static, Result<T>> {
    let caught = AssertUnwindSafe(future).catch_unwind();
    Box::pin(caught.map(|ended| ended.unwrap_or_else(|_panic| Err(Error::internal("a panic in DataFlow's Rust code")))))
}

/// Counts an operation as long as it runs.
struct Running(&'static AtomicUsize);

impl Running {
    fn new(count: &'static AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Running(count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Tells futures in their loops, as many as are waiting at a time.
fn tell_loops(receiver: &Receiver<Settled>) {
    while let Ok(first) = receiver.recv() {
        let told = Python::try_attach(|py| {
            for settled in std::iter::once(first).chain(receiver.try_iter()) {
                tell(py, &settled);
            }
        });
        if told.is_none() {
            return; // the interpreter is gone
        }
    }
}

fn tell(py: Python<'_>, settled: &Settled) {
    let call = || -> PyResult<()> {
        let set = settled.done.getattr(py, "set_result")?;
        settled.event_loop.bind(py).call_method1("call_soon_threadsafe", (set, py.None()))?;
        Ok(())
    };
    // A closed loop has nobody left to tell (pyo3-async-runtimes#90).
    call().ok();
}

/// Ends all work in flight; called at interpreter exit.
#[pyfunction]
pub fn shutdown(py: Python<'_>) {
    let Some(process) = PROCESS.get().filter(|process| process.pid == std::process::id()) else {
        return;
    };
    py.detach(|| {
        process.end.cancel();
        let started = Instant::now();
        while process.running.load(Ordering::SeqCst) > 0 && started.elapsed() < SHUTDOWN_GRACE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let runtime = process.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
    });
}
