//! Events from the funnels to bounded observers: never blocks; what does not fit is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

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

    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if !self.active.load(Ordering::Relaxed) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.sender.try_send(event()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
