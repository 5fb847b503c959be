//! Arrow batches as a COPY BINARY stream.

use arrow_array::RecordBatch;
use bytes::{Bytes, BytesMut};
use dataflow_core::Result;

use crate::driver::Chunks;
use crate::postgres::encode::{copy_encoders, put_copy_header, put_copy_row, put_copy_trailer};

/// Bytes sent at a time: tokio-postgres' sink holds one message, and one of 4 KB costs a wake-up each.
const MESSAGE_BYTES: usize = 512 * 1024;

/// The stream of all batches in messages of about [`MESSAGE_BYTES`], from signature to trailer.
pub(crate) fn copy_stream(batches: Chunks) -> impl Iterator<Item = Result<Bytes>> + Send {
    let mut header = BytesMut::new();
    put_copy_header(&mut header);
    CopyStream { batches, batch: None, row: 0, out: header, done: false }
}

struct CopyStream {
    batches: Chunks,
    batch: Option<RecordBatch>,
    /// Next row of `batch`.
    row: usize,
    out: BytesMut,
    done: bool,
}

impl CopyStream {
    /// Fills the buffer until it is a message; false when the rows have ended.
    fn fill(&mut self) -> Result<bool> {
        loop {
            let Some(batch) = &self.batch else {
                match self.batches.next().transpose()? {
                    None => return Ok(false),
                    Some(batch) => {
                        self.batch = Some(batch);
                        self.row = 0;
                        continue;
                    }
                }
            };
            let fields = copy_encoders(batch)?;
            while self.row < batch.num_rows() {
                put_copy_row(&mut self.out, &fields, self.row)?;
                self.row += 1;
                if self.out.len() >= MESSAGE_BYTES {
                    return Ok(true);
                }
            }
            self.batch = None;
        }
    }

    fn message(&mut self) -> Result<Bytes> {
        if !self.fill()? {
            put_copy_trailer(&mut self.out);
            self.done = true;
        }
        let next = BytesMut::with_capacity(MESSAGE_BYTES + MESSAGE_BYTES / 8);
        Ok(std::mem::replace(&mut self.out, next).freeze())
    }
}

impl Iterator for CopyStream {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let message = self.message();
        self.done |= message.is_err();
        Some(message)
    }
}
