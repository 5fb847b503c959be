//! Events from the funnels to bounded observers: never blocks; what does not fit is dropped and counted.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use dataflow_core::event::Event;

/// Events an observer may be behind before new ones are dropped.
const CAPACITY: usize = 10_000;

pub type EventReceiver = Receiver<Event>;

/// The sending end, shared by everything of one `Database`.
#[derive(Clone)]
pub struct EventBus {
    sender: SyncSender<Event>,
    /// Nobody listens: events are not even made.
    active: Arc<AtomicBool>,
    dropped: Arc<AtomicU64>,
}

impl EventBus {
    pub fn new() -> (Self, EventReceiver) {
        let (sender, receiver) = sync_channel(CAPACITY);
        (EventBus { sender, active: Arc::default(), dropped: Arc::default() }, receiver)
    }

    pub fn activate(&self) {
        self.active.store(true, Ordering::Relaxed);
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A station on an operation's way: its span ends when the guard is dropped.
    ///
    /// Names are stable: `dataflow.acquire`, `dataflow.schema`, `dataflow.execute`, `dataflow.copy`.
    pub(crate) fn station(&self, name: &'static str) -> Station<'_> {
        Station { events: self, name, entered: Instant::now() }
    }

    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if !self.active.load(Ordering::Relaxed) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.sender.try_send(event()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// See [`EventBus::station`].
pub(crate) struct Station<'a> {
    events: &'a EventBus,
    name: &'static str,
    entered: Instant,
}

impl Drop for Station<'_> {
    fn drop(&mut self) {
        let duration_us = u64::try_from(self.entered.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.events.emit(|| Event::Span { name: self.name, duration_us });
    }
}

static WARN: OnceLock<fn(String)> = OnceLock::new();

/// Where warnings that belong to no operation go, e.g. Python's `logging`; the first call decides.
pub fn warn_through(hook: fn(String)) {
    WARN.get_or_init(|| hook);
}

pub(crate) fn warn(message: String) {
    if let Some(hook) = WARN.get() {
        hook(message);
    }
}
