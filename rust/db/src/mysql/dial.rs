//! Opening a connection, and letting go of one at once.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use mysql_async::{Conn, Opts};

/// Drops `value` where no tokio runtime is current; it is gone when this returns.
///
/// `Drop for Conn` otherwise spawns a task that reads a pending result to its end before the socket closes.
/// Without a runtime it only closes the socket (`mysql_async`, `conn/mod.rs`, `disconnect`).
pub(super) fn drop_outside_runtime<T: Send + 'static>(value: T) {
    // A thread each: closing hard is rare, and a long-lived thread would not be there after a fork.
    let closer = std::thread::Builder::new().name("dataflow-close".to_owned()).spawn(move || drop(value));
    if let Ok(closer) = closer {
        let _ = closer.join();
    }
}

/// The time an idle connection has to say goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Sends `COM_QUIT` in the background; without it the server counts an aborted client. (`Drop for Conn` sends none.)
pub(super) fn say_goodbye(conn: Conn) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(tokio::time::timeout(GOODBYE_LIMIT, conn.disconnect()))),
        Err(_) => drop(conn),
    }
}

/// `Conn::new` that closes its socket at once when it is dropped halfway.
pub(super) struct Dial(Option<BoxFuture<'static, mysql_async::Result<Conn>>>);

impl Dial {
    pub fn new(opts: Opts) -> Self {
        Dial(Some(Conn::new(opts)))
    }
}

impl Future for Dial {
    type Output = mysql_async::Result<Conn>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.0.as_mut() else {
            return Poll::Ready(Err(mysql_async::DriverError::ConnectionClosed.into()));
        };
        let outcome = future.as_mut().poll(context);
        if outcome.is_ready() {
            self.0 = None;
        }
        outcome
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            drop_outside_runtime(future);
        }
    }
}
