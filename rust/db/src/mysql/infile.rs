//! What the server gets when it asks for a file: the rows of the `LOAD DATA LOCAL` under way, and never a file.
//!
//! The server names the file, and a hostile one may name any, at any time. A name that is not ours, and a question
//! that no statement has led to, get no answer: the driver then ends the connection.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::RecordBatch;
use bytes::Bytes;
use dataflow_core::{Error, Result};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use mysql_async::prelude::GlobalHandler;
use mysql_async::{InfileData, LocalInfileError};

use super::error::too_large;
use super::text::{fields, put_row};
use crate::driver::Chunks;

/// Bytes encoded and sent at a time: a row that is larger goes as it is.
const MESSAGE_BYTES: usize = 256 * 1024;

/// Most bytes of a message: the protocol cuts packets of 16 MiB.
const LARGEST_MESSAGE: usize = 8 * 1024 * 1024;

/// One connection's answer to the server.
#[derive(Clone)]
pub(super) struct Infile {
    name: Arc<str>,
    rows: Arc<Mutex<Option<Rows>>>,
}

/// What became of the rows.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub rows: u64,
    /// Why the stream ended before its time.
    pub refused: Option<Error>,
}

impl Infile {
    /// `name`: the file that our own statements name.
    pub fn new(name: &Arc<str>) -> Self {
        Infile { name: Arc::clone(name), rows: Arc::default() }
    }

    /// Lets the server ask for these rows, once; it takes rows and packets of fewer than `max_packet` bytes.
    pub fn offer(&self, chunks: Chunks, max_packet: u64) -> Arc<Mutex<Sent>> {
        let max_packet = usize::try_from(max_packet).unwrap_or(usize::MAX);
        let sent = Arc::<Mutex<Sent>>::default();
        let rows = Rows { chunks, batch: None, next: 0, encoded: Bytes::new(), max_packet, sent: Arc::clone(&sent) };
        *lock(&self.rows) = Some(rows);
        sent
    }

    pub fn withdraw(&self) {
        *lock(&self.rows) = None;
    }
}

impl GlobalHandler for Infile {
    fn handle(&self, name: &[u8]) -> BoxFuture<'static, std::result::Result<InfileData, LocalInfileError>> {
        let rows = lock(&self.rows).take().filter(|_| name == self.name.as_bytes());
        let answer = rows.map(|rows| stream::iter(rows).boxed()).ok_or(LocalInfileError::NoHandler);
        Box::pin(std::future::ready(answer))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rows in messages of about [`MESSAGE_BYTES`].
struct Rows {
    chunks: Chunks,
    batch: Option<RecordBatch>,
    /// Next row of `batch`.
    next: usize,
    /// What is not sent yet.
    encoded: Bytes,
    max_packet: usize,
    sent: Arc<Mutex<Sent>>,
}

impl Rows {
    /// The text of the next rows; empty when they have ended.
    fn encode(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(MESSAGE_BYTES + MESSAGE_BYTES / 8);
        while out.len() < MESSAGE_BYTES {
            if self.batch.is_none() {
                self.batch = self.chunks.next().transpose()?;
                self.next = 0;
            }
            let Some(batch) = self.batch.take() else {
                break;
            };
            let (fields, first) = (fields(&batch)?, self.next);
            while self.next < batch.num_rows() && out.len() < MESSAGE_BYTES {
                let start = out.len();
                put_row(&mut out, &fields, self.next)?;
                if out.len() - start >= self.max_packet {
                    return Err(too_large("a row has more bytes than the server takes"));
                }
                self.next += 1;
            }
            lock(&self.sent).rows += (self.next - first) as u64;
            drop(fields);
            self.batch = (self.next < batch.num_rows()).then_some(batch);
        }
        Ok(out)
    }
}

impl Iterator for Rows {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.encoded.is_empty() {
            match self.encode() {
                Ok(encoded) => self.encoded = encoded.into(),
                Err(error) => {
                    // The file ends here as any other: an error would make `mysql_async` give the connection up.
                    lock(&self.sent).refused = Some(error);
                    return None;
                }
            }
        }
        let most = (self.max_packet / 2).min(LARGEST_MESSAGE);
        let message = self.encoded.split_to(self.encoded.len().min(most));
        (!message.is_empty()).then_some(Ok(message))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use futures_util::FutureExt as _;

    use super::*;

    fn batch(text: &str, rows: i64) -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|_| text)));
        RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap()
    }

    fn asked(infile: &Infile, name: &[u8]) -> Option<Vec<io::Result<Bytes>>> {
        let answer = infile.handle(name).now_or_never().unwrap().ok()?;
        Some(answer.collect::<Vec<_>>().now_or_never().unwrap())
    }

    fn chunks(batches: Vec<Result<RecordBatch>>) -> Chunks {
        Box::new(batches.into_iter())
    }

    #[test]
    fn only_the_rows_of_the_statement_are_given_and_only_once() {
        let infile = Infile::new(&Arc::from("rows"));
        assert!(asked(&infile, b"rows").is_none());
        infile.offer(chunks(vec![Ok(batch("a", 2))]), 1 << 24);
        assert!(asked(&infile, b"/etc/passwd").is_none());
        // The question has used the offer up.
        assert!(asked(&infile, b"rows").is_none());
        let sent = infile.offer(chunks(vec![Ok(batch("a", 2)), Ok(batch("b", 1))]), 1 << 24);
        let messages: Vec<Bytes> =
            asked(&infile, b"rows").unwrap().into_iter().map(|message| message.unwrap()).collect();
        assert_eq!(messages, ["0\ta\n1\ta\n0\tb\n"]);
        assert_eq!(lock(&sent).rows, 3);
        infile.offer(chunks(vec![]), 1 << 24);
        infile.withdraw();
        assert!(asked(&infile, b"rows").is_none());
    }

    #[test]
    fn no_message_is_larger_than_the_server_takes() {
        let infile = Infile::new(&Arc::from("rows"));
        for max_packet in [1024, 1 << 24] {
            let sent = infile.offer(chunks(vec![Ok(batch(&"x".repeat(900), 1_000))]), max_packet);
            let messages = asked(&infile, b"rows").unwrap();
            let sizes = messages.iter().map(|message| message.as_ref().unwrap().len());
            assert!(sizes.clone().all(|size| size > 0 && size < max_packet as usize));
            assert_eq!(sizes.sum::<usize>(), (900 + 2) * 1_000 + 10 + 90 * 2 + 900 * 3);
            assert_eq!(lock(&sent).rows, 1_000);
        }
    }

    #[test]
    fn a_refusal_ends_the_stream_and_is_told() {
        let infile = Infile::new(&Arc::from("rows"));
        let refusals = [
            (chunks(vec![Ok(batch("a", 2)), Err(Error::internal("no more"))]), 1 << 24),
            (chunks(vec![Ok(batch("a", 2)), Ok(batch(&"x".repeat(1024), 1))]), 1024),
        ];
        for (chunks, max_packet) in refusals {
            let sent = infile.offer(chunks, max_packet);
            assert!(asked(&infile, b"rows").unwrap().is_empty());
            assert!(lock(&sent).refused.is_some());
        }
    }
}
