//! Batches out of a stream, cut where a piece of a load is full.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use dataflow_core::Result;
use dataflow_core::batch::batch_bytes;
use tokio_util::sync::CancellationToken;

use crate::arrow::{Reader, cancelled};

/// How large a piece grows: it ends with the row or batch that reaches one of them.
#[derive(Clone, Copy)]
pub struct Most {
    pub rows: usize,
    pub bytes: usize,
}

/// What a piece has taken of what it may.
#[derive(Clone, Copy, Default)]
pub struct Taken {
    pub rows: usize,
    pub bytes: usize,
}

impl Taken {
    pub fn is_full(self, most: Most) -> bool {
        self.rows >= most.rows || self.bytes >= most.bytes
    }

    fn room(self, most: Most) -> Most {
        Most { rows: most.rows.saturating_sub(self.rows), bytes: most.bytes.saturating_sub(self.bytes) }
    }
}

/// What was read for a piece.
pub struct Cut {
    pub batches: Vec<RecordBatch>,
    /// Of the piece, with what it had before.
    pub taken: Taken,
    /// Whether the stream is at its end.
    pub ended: bool,
}

/// Batches out of a reader.
pub struct Cutter {
    reader: Reader,
    /// What is left of a batch that was cut.
    rest: Option<RecordBatch>,
    /// A stream that has ended is not asked again.
    ended: bool,
}

impl Cutter {
    pub fn new(reader: Reader) -> Self {
        Cutter { reader, rest: None, ended: false }
    }

    pub fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }

    /// Reads until the piece is full or the stream is at its end; it may block.
    pub fn take(&mut self, mut taken: Taken, most: Most, cancel: &CancellationToken) -> Result<Cut> {
        let mut batches = Vec::new();
        while !taken.is_full(most) {
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            let Some(batch) = self.next()? else {
                return Ok(Cut { batches, taken, ended: true });
            };
            let (batch, bytes) = self.cut(batch, taken.room(most));
            taken = Taken { rows: taken.rows + batch.num_rows(), bytes: taken.bytes.saturating_add(bytes) };
            batches.push(batch);
        }
        Ok(Cut { batches, taken, ended: false })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.rest.is_some() || self.ended {
            return Ok(self.rest.take());
        }
        let batch = self.reader.next()?;
        self.ended = batch.is_none();
        Ok(batch)
    }

    /// As much of the batch as there is room for, and at least a row; the rest comes next.
    fn cut(&mut self, batch: RecordBatch, room: Most) -> (RecordBatch, usize) {
        let rows = batch.num_rows();
        // Only what may be taken is measured: a large batch is cut many times.
        let most = rows.min(room.rows.max(1));
        let bytes = batch_bytes(&batch.slice(0, most));
        let by_bytes = if bytes <= room.bytes { most } else { share(most, room.bytes, bytes) };
        let taken = by_bytes.max(1);
        if taken >= rows {
            return (batch, bytes);
        }
        self.rest = Some(batch.slice(taken, rows - taken));
        let cut = batch.slice(0, taken);
        let bytes = if taken == most { bytes } else { batch_bytes(&cut) };
        (cut, bytes)
    }
}

/// `rows * part / whole` without overflow.
fn share(rows: usize, part: usize, whole: usize) -> usize {
    usize::try_from(rows as u128 * part as u128 / (whole as u128).max(1)).unwrap_or(rows)
}
