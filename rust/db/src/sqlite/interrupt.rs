//! Ending a running statement from another thread.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::handle::Interruptible;

/// What the driver and its thread share: which statement runs, and whether it has been told to end.
///
/// A statement counts as running from the moment the driver sends it, so that an interrupt that comes before
/// the thread took it is not lost; one that comes after its end does not reach the next.
#[derive(Default)]
pub(super) struct Control {
    live: Mutex<Live>,
    interrupted: AtomicBool,
}

#[derive(Default)]
struct Live {
    handle: Option<Interruptible>,
    running: bool,
    gone: bool,
}

impl Control {
    pub fn begin(&self) {
        self.live().running = true;
    }

    pub fn end(&self) {
        let mut live = self.live();
        live.running = false;
        self.interrupted.store(false, Ordering::Relaxed);
    }

    pub fn interrupt(&self) {
        let live = self.live();
        if live.running {
            self.interrupted.store(true, Ordering::Relaxed);
            // The flag alone ends a statement at its next progress call; this also reaches a checkpoint.
            if let Some(handle) = &live.handle {
                handle.interrupt();
            }
        }
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    pub fn opened(&self, handle: Interruptible) {
        self.live().handle = Some(handle);
    }

    /// Must come before the handle is closed: waits for an interrupt that is under way.
    pub fn closing(&self) {
        let mut live = self.live();
        live.handle = None;
        live.gone = true;
    }

    pub fn is_gone(&self) -> bool {
        self.live().gone
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest a sleep for a lock lasts, and so the longest an interrupt waits for it.
const LONGEST_NAP: Duration = Duration::from_millis(10);

/// How long a statement waits for a lock that another connection holds. Used by the connection's thread alone.
pub(super) struct Patience {
    control: Arc<Control>,
    limit: Cell<Duration>,
    since: Cell<Option<Instant>>,
}

impl Patience {
    pub fn new(control: Arc<Control>, limit: Duration) -> Self {
        Patience { control, limit: Cell::new(limit), since: Cell::new(None) }
    }

    pub fn set_limit(&self, limit: Duration) {
        self.limit.set(limit);
    }

    /// Sleeps before attempt `attempt + 1`; false when it is time to give up.
    ///
    /// `sqlite3_busy_timeout` would sleep on through an interrupt.
    pub fn wait(&self, attempt: c_int) -> bool {
        if attempt == 0 {
            self.since.set(Some(Instant::now()));
        }
        let waited = self.since.get().map_or(Duration::ZERO, |since| since.elapsed());
        if self.control.is_interrupted() || waited >= self.limit.get() {
            return false;
        }
        let nap = Duration::from_millis(u64::try_from(attempt).unwrap_or(0) + 1).min(LONGEST_NAP);
        std::thread::sleep(nap);
        true
    }
}
