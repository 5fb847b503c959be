//! Events from the funnels to bounded observers: never blocks; what does not fit is dropped and counted.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use dataflow_core::event::{Event, Labels};

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
    pub(crate) fn station<'a>(&'a self, name: &'static str, labels: Option<&'a Arc<Labels>>) -> Station<'a> {
        Station { events: self, name, labels, entered: Instant::now() }
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
    labels: Option<&'a Arc<Labels>>,
    entered: Instant,
}

impl Drop for Station<'_> {
    fn drop(&mut self) {
        let duration_us = u64::try_from(self.entered.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.events.emit(|| Event::Span { name: self.name, duration_us, labels: self.labels.cloned() });
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::database::{Database, Options, SchemaMode};
    use crate::execute::Begin;
    use crate::transaction::Transaction;

    fn labels() -> Arc<Labels> {
        Arc::new(Labels { run: "run".to_owned(), node: "load".to_owned(), user: None, trace: Some("trace".to_owned()) })
    }

    fn listened() -> (EventBus, EventReceiver) {
        let (events, receiver) = EventBus::new();
        events.activate();
        (events, receiver)
    }

    fn in_memory(events: &EventBus) -> Database {
        let options = Options {
            pool_size: 1,
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            statement_cache: true,
            pgbouncer: false,
            schema_mode: SchemaMode::Create,
            application_name: None,
            secret_key: None,
        };
        Database::open("sqlite:///:memory:", options, events.clone()).unwrap()
    }

    /// What is told of a transaction with a savepoint, but for the pool.
    async fn told_of_a_transaction(labels: Option<Arc<Labels>>) -> Vec<Event> {
        let (events, receiver) = listened();
        let db = in_memory(&events);
        let cancel = CancellationToken::new;
        let transaction = Transaction::begin(&db, Begin::default(), cancel(), labels).await.unwrap();
        let level = transaction.savepoint(cancel()).await.unwrap();
        transaction.release(level, cancel()).await.unwrap();
        transaction.commit(cancel()).await.unwrap();
        receiver.try_iter().filter(|event| event.kind() != "pool").collect()
    }

    #[test]
    fn a_span_tells_in_whose_name_it_was() {
        let (events, receiver) = listened();
        let labels = labels();
        drop(events.station("dataflow.execute", Some(&labels)));
        drop(events.station("dataflow.execute", None));
        let told: Vec<_> = receiver.try_iter().map(|event| event.labels().cloned()).collect();
        assert_eq!(told, [Some(Labels::clone(&labels)), None]);
    }

    #[tokio::test]
    async fn a_transaction_tells_the_labels_it_was_begun_with() {
        for given in [Some(labels()), None] {
            let told = told_of_a_transaction(given.clone()).await;
            let actions = told.iter().filter(|event| event.kind() == "transaction").count();
            assert_eq!((actions, told.len() > actions), (4, true), "begin, savepoint, release, commit, and spans");
            assert!(told.iter().all(|event| event.labels() == given.as_deref()), "{told:?}");
        }
    }
}
