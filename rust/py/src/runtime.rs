//! The one door between Python's threads and tokio: GIL, signals, fork and the end of the interpreter.
//!
//! One tokio runtime a process. Event loops hear of results by a [`Bell`]; where a loop can have none, through one
//! thread that takes the GIL for many at a time: a tokio worker that waits for the GIL would stall unrelated work
//! (pyo3-async-runtimes#58).

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use dataflow_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pyo3::intern;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::bell::{Bell, PyBell};
use crate::error::{OrRaise, to_py};

/// How often a waiting main thread looks for Ctrl-C.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);
/// How long the end of the interpreter waits for work in flight.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

static PROCESS: OnceLock<Process> = OnceLock::new();

/// What belongs to this process alone; a forked child inherits the memory but none of the threads.
pub struct Process {
    pid: u32,
    handle: Handle,
    /// Taken by `shutdown`.
    threads: Mutex<Option<(Runtime, JoinHandle<()>)>>,
    /// Cancelled at the end; the parent of every operation's token.
    end: CancellationToken,
    /// The thread that runs `shutdown`, once it does.
    ender: OnceLock<ThreadId>,
    running: AtomicUsize,
    settled: Sender<Telling>,
}

/// How something is called in an event loop.
pub enum Door {
    Bell(Arc<Bell>),
    /// By its method `call_soon_threadsafe`.
    Loop(Py<PyAny>),
}

impl Door {
    pub fn of(event_loop: &Bound<'_, PyAny>) -> Self {
        match event_loop.cast::<PyBell>() {
            Ok(bell) => Door::Bell(Arc::clone(&bell.get().0)),
            Err(_) => Door::Loop(event_loop.clone().unbind()),
        }
    }
}

/// What the thread between tokio and asyncio is to do.
enum Telling {
    /// Call something in its loop.
    Settled {
        event_loop: Py<PyAny>,
        tell: Py<PyAny>,
    },
    Stop,
}

/// The process's runtime, started by the first use.
///
/// # Errors
/// `Forked` in a child of a process that used it, `Closed` once the interpreter is ending.
pub fn process(py: Python<'_>) -> PyResult<&'static Process> {
    let process = match PROCESS.get() {
        Some(process) => process,
        None => {
            let started = Process::start().or_raise(py)?;
            PROCESS.get_or_init(|| started)
        }
    };
    let pid = std::process::id();
    if process.pid != pid {
        let message = format!("DataFlow was started in process {} and cannot be used in its fork {pid}", process.pid);
        let error = Error::new(ErrorKind::Forked, message)
            .hint("use DataFlow first in the child, or start workers with the `spawn` method");
        return Err(to_py(py, &error));
    }
    if process.end.is_cancelled() {
        process.park_at_the_end(py);
        return Err(to_py(py, &Error::new(ErrorKind::Closed, "the interpreter is ending")));
    }
    Ok(process)
}

/// Whether this is a fork of the process that started the runtime.
fn is_forked() -> bool {
    PROCESS.get().is_some_and(|process| process.pid != std::process::id())
}

/// Something that may hold connections. In a fork they belong to the parent: it is left alone there, not dropped,
/// since closing would speak on the parent's sockets and take the parent's locks.
pub struct Owned<T>(ManuallyDrop<T>);

impl<T> Owned<T> {
    pub fn new(value: T) -> Self {
        Owned(ManuallyDrop::new(value))
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !is_forked() {
            // SAFETY: this is the only place that drops the value, and it runs once.
            unsafe { ManuallyDrop::drop(&mut self.0) }
        }
    }
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
        let teller = std::thread::Builder::new()
            .name("dataflow-asyncio".to_owned())
            .spawn(move || tell_loops(&receiver))
            .map_err(|error| Error::internal(format!("no thread: {error}")))?;
        Ok(Process {
            pid: std::process::id(),
            handle: runtime.handle().clone(),
            threads: Mutex::new(Some((runtime, teller))),
            end: CancellationToken::new(),
            ender: OnceLock::new(),
            running: AtomicUsize::new(0),
            settled,
        })
    }

    pub fn token(&self) -> CancellationToken {
        self.end.child_token()
    }

    /// Keeps a daemon thread from going back to Python once the interpreter ends.
    ///
    /// Before Python 3.14 a thread that asks for the GIL then is ended by `pthread_exit`, whose unwinding aborts the
    /// process when it meets a Rust frame. The thread that ends the interpreter goes on.
    pub fn park_at_the_end(&self, py: Python<'_>) {
        if self.end.is_cancelled() && self.ender.get().is_some_and(|ender| *ender != std::thread::current().id()) {
            py.detach(|| {
                loop {
                    std::thread::park();
                }
            });
        }
    }

    /// Runs a future on this thread, without the GIL. Ctrl-C cancels `token`, waits for the future to settle, and comes
    /// back as the second value.
    pub fn wait<T: Send + 'static>(
        &'static self,
        py: Python<'_>,
        future: BoxFuture<'static, Result<T>>,
        token: &CancellationToken,
    ) -> (Result<T>, Option<PyErr>) {
        let _running = self.running();
        let mut future = guarded(future);
        let mut interrupted = None;
        loop {
            let ended = py.detach(|| self.poll_for(&mut future, SIGNAL_INTERVAL));
            self.park_at_the_end(py);
            if let Poll::Ready(result) = ended {
                return (result, interrupted);
            }
            if let Err(signal) = py.check_signals() {
                token.cancel();
                interrupted.get_or_insert(signal);
            }
        }
    }

    /// Runs a future in the background, for a thread that will wait for what comes back.
    pub fn launch<T: Send + 'static>(
        &'static self,
        future: BoxFuture<'static, Result<T>>,
    ) -> BoxFuture<'static, Result<T>> {
        let running = self.running();
        let task = self.handle.spawn(async move {
            let _running = running;
            guarded(future).await
        });
        Box::pin(task.map(|ended| ended.unwrap_or_else(|_| Err(Error::internal("an operation vanished")))))
    }

    /// Polls a future for about so long, each time it is woken.
    fn poll_for<T>(&self, future: &mut BoxFuture<'static, T>, time: Duration) -> Poll<T> {
        let _tokio = self.handle.enter();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let until = Instant::now() + time;
        loop {
            if let Poll::Ready(ended) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Poll::Pending;
            }
            std::thread::park_timeout(left);
        }
    }

    /// Runs a future in the background; `finish` gets its result before `tell` is called in its loop.
    ///
    /// One that is `brief` begins on this thread, which is the loop's: what it sends is on its way before a thread of
    /// ours has been woken.
    pub fn start_for_loop<T: Send + 'static>(
        &'static self,
        py: Python<'_>,
        future: BoxFuture<'static, Result<T>>,
        brief: bool,
        door: Door,
        tell: Py<PyAny>,
        finish: impl FnOnce(Result<T>) + Send + 'static,
    ) -> PyResult<()> {
        let mut future = guarded(future);
        if brief {
            let begun = py.detach(|| {
                let _tokio = self.handle.enter();
                // Whom it would wake polls it next in any case.
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            });
            if let Poll::Ready(result) = begun {
                finish(result);
                return tell.call0(py).map(drop);
            }
        }
        let running = self.running();
        self.handle.spawn(async move {
            let _running = running;
            finish(future.await);
            match door {
                Door::Bell(bell) => bell.ring(tell),
                // Fails only when the telling thread has ended with the interpreter.
                Door::Loop(event_loop) => drop(self.settled.send(Telling::Settled { event_loop, tell })),
            }
        });
        Ok(())
    }

    /// Counts work that `shutdown` waits for, as long as the guard lives.
    pub fn running(&'static self) -> Running {
        Running::new(&self.running)
    }
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A panic in the future is an error, not the end of the process.
fn guarded<T: Send + 'static>(future: BoxFuture<'static, Result<T>>) -> BoxFuture<'static, Result<T>> {
    let caught = AssertUnwindSafe(future).catch_unwind();
    Box::pin(caught.map(|ended| ended.unwrap_or_else(|_panic| Err(Error::internal("a panic in DataFlow's Rust code")))))
}

/// Counts an operation as long as it runs.
pub struct Running(&'static AtomicUsize);

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
fn tell_loops(receiver: &Receiver<Telling>) {
    while let Ok(first) = receiver.recv() {
        let stopped = Python::try_attach(|py| {
            let mut all = std::iter::once(first).chain(receiver.try_iter());
            all.any(|telling| match telling {
                Telling::Stop => true,
                Telling::Settled { event_loop, tell } => {
                    // A closed loop has nobody left to tell (pyo3-async-runtimes#90).
                    event_loop.bind(py).call_method1(intern!(py, "call_soon_threadsafe"), (tell,)).ok();
                    false
                }
            })
        });
        if stopped.unwrap_or(true) {
            return;
        }
    }
}

/// Ends all work in flight; called at interpreter exit.
#[pyfunction]
pub fn shutdown(py: Python<'_>) {
    let Some(process) = PROCESS.get().filter(|process| process.pid == std::process::id()) else {
        return;
    };
    process.ender.get_or_init(|| std::thread::current().id());
    process.end.cancel();
    py.detach(|| {
        let started = Instant::now();
        while process.running.load(Ordering::SeqCst) > 0 && started.elapsed() < SHUTDOWN_GRACE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let threads = process.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((runtime, teller)) = threads {
            runtime.shutdown_timeout(Duration::from_millis(100));
            // Joined: it calls Python, and must not be in it when the interpreter goes.
            process.settled.send(Telling::Stop).ok();
            teller.join().ok();
        }
    });
}
