//! The thread of one connection: it opens, serves and closes it.
//!
//! sqlx's own worker would hand the raw handle over and take it back for each statement. Here the handle is locked once,
//! so that a statement costs one message, and compiled statements never leave their thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use dataflow_core::dialect::Statement;
use dataflow_core::{Error, ErrorKind, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::from_code;
use super::foreign::{Hold, open_holding};
use super::handle::Db;
use super::interrupt::Control;
use super::session::Session;
use crate::driver::{Access, Reply};
use crate::fetch::Outlet;

/// How long a statement waits while another process writes.
const LOCK_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Job {
    pub statement: Statement,
    /// Where the rows go while they come.
    pub outlet: Option<Outlet>,
    pub answer: oneshot::Sender<Result<Reply>>,
}

/// What a new thread needs.
pub(super) struct Opening {
    pub options: SqliteConnectOptions,
    /// None in memory.
    pub file: Option<PathBuf>,
    pub access: Access,
    /// Whether to look for strangers that have the file open.
    pub first: bool,
    pub timeout: Duration,
    pub control: Arc<Control>,
    pub jobs: mpsc::Receiver<Job>,
    pub ready: oneshot::Sender<Result<()>>,
}

/// Starts the thread; it ends when the sender of `jobs` is dropped.
pub(super) fn spawn(opening: Opening) -> Result<()> {
    let runtime = Handle::current();
    let thread = std::thread::Builder::new().name("dataflow-sqlite".to_owned());
    let started = thread.spawn(move || serve(&runtime, opening));
    started.map(drop).map_err(|error| {
        Error::new(ErrorKind::ConnectionRefused, format!("no thread for an SQLite connection: {}", error.kind()))
    })
}

fn serve(runtime: &Handle, opening: Opening) {
    let Opening { options, file, access, first, timeout, control, jobs, ready } = opening;
    let open = || runtime.block_on(options.connect());
    let opened = match &file {
        Some(path) => open_holding(path, first, open).map(|(connection, hold)| (connection, Some(hold))),
        None => open().map(|connection| (connection, None)),
    };
    // `_hold` is dropped last: until then the file's descriptor is ours.
    let (mut connection, _hold): (SqliteConnection, Option<Hold>) = match opened {
        Ok(opened) => opened,
        Err(error) => return drop(ready.send(Err(refused(file.as_deref(), &error)))),
    };
    match runtime.block_on(connection.lock_handle()) {
        Ok(locked) => {
            let db = Db::new(locked, Arc::clone(&control), timeout);
            let mut session = Session::new(&db);
            let settled = match &file {
                Some(path) => session.settle_file(access).map_err(|error| unusable(path, &error)),
                None => Ok(()),
            };
            db.patience().set_limit(LOCK_WAIT);
            let usable = settled.is_ok();
            if ready.send(settled).is_ok() && usable {
                answer(&mut session, &control, &jobs);
            }
        }
        Err(_) => {
            drop(ready.send(Err(Error::new(ErrorKind::ConnectionRefused, "the SQLite connection ended at once"))))
        }
    }
    let _ = runtime.block_on(connection.close());
}

fn answer(session: &mut Session<'_>, control: &Control, jobs: &mpsc::Receiver<Job>) {
    while let Ok(Job { statement, outlet, answer }) = jobs.recv() {
        let reply = session.run_into(&statement, outlet.as_ref());
        drop(outlet);
        control.end();
        // Nobody waits any more: the driver was given up and the connection goes.
        if answer.send(reply).is_err() {
            return;
        }
    }
}

/// Why a file could not be opened. The file itself is never opened here: see [`super::foreign`].
fn refused(file: Option<&Path>, error: &sqlx::Error) -> Error {
    let Some(path) = file else {
        return Error::new(ErrorKind::ConnectionRefused, "no memory database could be opened");
    };
    let name = path.display();
    let refused = |why: &str| Error::new(ErrorKind::ConnectionRefused, format!("the SQLite file `{name}` {why}"));
    let denied = |why: &str| Error::new(ErrorKind::PermissionDenied, format!("the SQLite file `{name}` {why}"));
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
    match code {
        Some(code) if code & 0xff != libsqlite3_sys::SQLITE_CANTOPEN => {
            return unusable(path, &from_code(code, "", None));
        }
        None => return refused("cannot be opened: its name must be UTF-8 without NUL"),
        Some(_) => {}
    }
    match (path.metadata(), path.parent().map(Path::metadata)) {
        (Ok(found), _) if found.is_dir() => refused("is a directory"),
        (Ok(_), _) => denied("cannot be opened: the process may not read it"),
        (Err(error), _) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            denied("lies where the process may not look")
        }
        (Err(_), Some(Ok(parent))) if parent.is_dir() => {
            denied("cannot be created: the process may not write its directory")
        }
        _ => refused("cannot be created: its directory does not exist")
            .hint("make the directory, or check the path in the URL"),
    }
}

/// The same error with the file's name.
fn unusable(path: &Path, error: &Error) -> Error {
    let detail = error.detail();
    let named = Error::new(detail.kind, format!("the SQLite file `{}`: {}", path.display(), detail.message));
    match &detail.hint {
        Some(hint) => named.hint(hint.as_str()),
        None => named,
    }
}
