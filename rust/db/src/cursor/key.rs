//! The key of cursors: that of the caller, else one that the database keeps, else one of this process.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};
use tokio::time::Instant;

use super::no_random_bytes;
use crate::context::Context;
use crate::database::{Database, SchemaMode};
use crate::driver::Access;
use crate::event::warn;
use crate::execute::query;
use crate::fetch::text_cell;
use crate::schema::{META, add_meta, meta_exists};
use crate::session::{Limits, Session};

pub(super) const NONCE_BYTES: usize = NONCE_LEN;
/// Its place in `dataflow_meta`.
pub(crate) const KEY_ENTRY: &str = "cursor_key";
const KEY_BYTES: usize = 32;
/// Bound to the purpose: the caller's secret may serve for other things too.
const PURPOSE: &[u8] = b"dataflow cursor 1";

/// A secret of the caller's, which no message and no log shows.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    pub fn new(text: &str) -> Self {
        Secret(Arc::from(text.as_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where the key of a cursor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Secret,
    /// `dataflow_meta`: the same for all processes.
    Stored,
    /// Nowhere: other processes have another.
    Process,
}

impl Source {
    pub const fn byte(self) -> u8 {
        match self {
            Source::Secret => 1,
            Source::Stored => 2,
            Source::Process => 3,
        }
    }

    pub fn of(byte: u8) -> Option<Self> {
        [Source::Secret, Source::Stored, Source::Process].into_iter().find(|source| source.byte() == byte)
    }
}

/// A key that seals and opens.
#[derive(Clone)]
pub(super) struct Key(Arc<LessSafeKey>);

impl Key {
    pub fn derive(secret: &[u8]) -> Result<Self> {
        let pseudo_random = Salt::new(HKDF_SHA256, &[]).extract(secret);
        let key = pseudo_random.expand(&[PURPOSE], &AES_256_GCM_SIV);
        let key = key.map_err(|_| Error::internal("no key can be derived"))?;
        Ok(Key(Arc::new(LessSafeKey::new(UnboundKey::from(key)))))
    }

    /// Encrypts in place, and returns the nonce: a random one, which GCM-SIV forgives should it come twice.
    pub fn seal(&self, bound: &[u8], place: &mut Vec<u8>) -> Result<[u8; NONCE_BYTES]> {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(|_| no_random_bytes())?;
        let sealed = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), place);
        sealed.map_err(|_| Error::internal("a cursor cannot be sealed"))?;
        Ok(nonce)
    }

    pub fn open<'p>(&self, bound: &[u8], nonce: [u8; NONCE_BYTES], place: &'p mut [u8]) -> Option<&'p [u8]> {
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(bound), place);
        opened.ok().map(|place| &*place)
    }
}

/// How long it is taken for granted that the database keeps no key: each look costs statements, and whoever sends a
/// forged cursor would have one made.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a page waits at most for the key to be made: its rows are there already.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who looks for the key that the database keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Open,
    /// Where none can be made.
    Seal,
    Make,
}

/// The keys that are known so far.
pub(crate) struct Keys {
    secret: Option<Key>,
    stored: OnceLock<Key>,
    /// When each [`Look`] has last found none.
    missed: [Mutex<Option<Instant>>; 3],
    /// The database keeps none for us: told once.
    declined: AtomicBool,
}

impl Keys {
    pub fn new(secret: Option<&Secret>) -> Result<Self> {
        let secret = secret.map(|secret| Key::derive(&secret.0)).transpose()?;
        Ok(Keys { secret, stored: OnceLock::new(), missed: Default::default(), declined: AtomicBool::new(false) })
    }

    fn is_declined(&self) -> bool {
        self.declined.load(Ordering::Relaxed)
    }

    fn missed(&self, look: Look) -> MutexGuard<'_, Option<Instant>> {
        self.missed[look as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new key as `dataflow_meta` keeps it.
pub(crate) fn new_key_text() -> Result<String> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(|_| no_random_bytes())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn process_key() -> Result<Key> {
    static KEY: OnceLock<Key> = OnceLock::new();
    match KEY.get() {
        Some(key) => Ok(key.clone()),
        None => {
            let key = Key::derive(new_key_text()?.as_bytes())?;
            Ok(KEY.get_or_init(|| key).clone())
        }
    }
}

impl Database {
    pub(super) async fn sealing_key(&self, context: &Context) -> Result<(Source, Key)> {
        if let Some(key) = &self.cursor_keys().secret {
            return Ok((Source::Secret, key.clone()));
        }
        // A transaction of an embedded database has the only connection that writes.
        let inside = context.transaction.is_some() && self.embedded();
        let makes = !inside && self.schema_mode() == SchemaMode::Create && !self.cursor_keys().is_declined();
        match self.stored_key(if makes { Look::Make } else { Look::Seal }, context).await? {
            Some(key) => Ok((Source::Stored, key)),
            None => Ok((Source::Process, process_key()?)),
        }
    }

    pub(super) async fn opening_key(&self, source: Source, context: &Context) -> Result<Option<Key>> {
        match (source, &self.cursor_keys().secret) {
            (Source::Secret, secret) => Ok(secret.clone()),
            // Who gives a secret means it: nothing else opens a cursor.
            (_, Some(_)) => Ok(None),
            (Source::Stored, None) => self.stored_key(Look::Open, context).await,
            (Source::Process, None) => process_key().map(Some),
        }
    }

    /// The key that the database keeps; None where it keeps none at the moment.
    ///
    /// A transaction that is open may take back what it has written: what is found is what others see too.
    async fn stored_key(&self, look: Look, context: &Context) -> Result<Option<Key>> {
        let keys = self.cursor_keys();
        if let Some(key) = keys.stored.get() {
            return Ok(Some(key.clone()));
        }
        let waits = keys.missed(look).is_some_and(|missed| missed.elapsed() < PAUSE);
        if self.is_of_this_process() || waits {
            return Ok(None);
        }
        let found = match self.look_for_key(look, context).await {
            Err(error) if declines(error.kind()) => {
                if look == Look::Make && !keys.declined.swap(true, Ordering::Relaxed) {
                    warn("cursors of pages end with this process: the login may keep no key in dataflow_meta".into());
                }
                None
            }
            Err(error) if is_busy(error.kind()) => None,
            found => found?,
        };
        let Some(text) = found else {
            *keys.missed(look) = Some(Instant::now());
            return Ok(None);
        };
        let key = Key::derive(text.as_bytes())?;
        Ok(Some(keys.stored.get_or_init(|| key).clone()))
    }

    async fn look_for_key(&self, look: Look, context: &Context) -> Result<Option<String>> {
        let labels = context.labels.as_ref();
        let bound = Instant::now() + PATIENCE;
        let limits = context.limits();
        let limits = Limits { deadline: Some(limits.deadline.map_or(bound, |deadline| deadline.min(bound))), ..limits };
        let dialect = self.dialect(&limits, labels).await?;
        // One that only reads sees what is committed; it may have the only connection.
        if let Some(transaction) = &context.transaction
            && self.embedded()
            && transaction.read_only()
        {
            let mut held = transaction.hold(&limits).await?;
            return read_key(held.session()?, dialect.as_ref(), &limits).await;
        }
        let outside = context.transaction.is_some() && !self.embedded();
        let access = |access| if outside { Access::Schema } else { access };
        let mut session = self.session(access(Access::Read), &limits, labels).await?;
        let found = read_key(&mut session, dialect.as_ref(), &limits).await?;
        let makes = look == Look::Make && found.is_none();
        if !makes || !meta_exists(&mut session, dialect.as_ref(), &limits).await? {
            return Ok(found);
        }
        drop(session);
        let mut session = self.session(access(Access::Write), &limits, labels).await?;
        add_meta(&mut session, dialect.as_ref(), KEY_ENTRY, &new_key_text()?, &limits).await?;
        // Another process may have been first: its key is the one.
        read_key(&mut session, dialect.as_ref(), &limits).await
    }
}

/// Whether the database keeps no key for us, now and later.
fn declines(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::DatabaseFailure)
}

/// Whether somebody else is in the way, who may be gone the next time.
fn is_busy(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::LockTimeout | ErrorKind::PoolTimeout | ErrorKind::StatementTimeout)
}

async fn read_key(session: &mut Session, dialect: &dyn Dialect, limits: &Limits) -> Result<Option<String>> {
    if !meta_exists(session, dialect, limits).await? {
        return Ok(None);
    }
    let [key, value] = ["key", "value"].map(|name| dialect.quote(name));
    let sql = format!("SELECT {value} FROM {} WHERE {key} = '{KEY_ENTRY}'", dialect.qualified(META));
    let statement = Statement::unscoped(sql, "our own table");
    let text = LogicalType::Text { max_length: None };
    let rows = query(session, &statement.returning(&[("value", text)]), limits).await?;
    Ok((rows.num_rows() > 0).then(|| text_cell(&rows, 0)))
}
