//! Rows on their way in, whole or in pieces.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use dataflow_core::batch::{Given, Kept, Reading, Sifted, normalise, sift};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use tokio_util::sync::CancellationToken;

/// Rows normalised and encoded at a time: enough to fill the wire, little enough to stay in the cache.
const CHUNK_ROWS: usize = 16_384;
/// Rows behind one savepoint, where some may be refused: enough that their way over the wire hides the round trips
/// between two of them, and that a load has fewer of them than PostgreSQL keeps subtransactions in memory (64).
pub(super) const SETTLED_ROWS: usize = 8 * CHUNK_ROWS;

/// Rows as they were handed over.
#[derive(Clone)]
pub enum Rows {
    /// Already in the table's types.
    Given(Given),
    /// Any Arrow; at least one batch, which may be empty.
    Arrow { batches: Vec<RecordBatch>, reading: Reading },
    /// Those of the rows that the table takes, and what became of the others.
    Sifted(Arc<Sifted>),
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        match self {
            Rows::Given(given) => given.rows(),
            Rows::Arrow { batches, .. } => batches.iter().map(RecordBatch::num_rows).sum(),
            Rows::Sifted(sifted) => sifted.count(),
        }
    }

    /// The numbers of those that the table takes as they are, in their order.
    pub(super) fn numbers(&self) -> Vec<usize> {
        match self {
            Rows::Sifted(sifted) => sifted.kept.iter().flat_map(|kept| kept.numbers.iter().copied()).collect(),
            rows => (0..rows.count()).collect(),
        }
    }

    /// The first `rows` of them, and the others.
    ///
    /// # Errors
    /// None but `Internal`.
    pub(super) fn split(&self, rows: usize) -> Result<(Rows, Rows)> {
        Ok(match self {
            Rows::Sifted(sifted) => {
                let (first, rest) = sifted.split(rows)?;
                (Rows::Sifted(Arc::new(first)), Rows::Sifted(Arc::new(rest)))
            }
            Rows::Given(given) => {
                let rest = given.rows() - rows;
                (Rows::Given(given.slice(0, rows)), Rows::Given(given.slice(rows, rest)))
            }
            Rows::Arrow { batches, reading } => {
                let (mut first, mut rest, mut left) = (Vec::new(), Vec::new(), rows);
                for batch in batches {
                    let taken = left.min(batch.num_rows());
                    left -= taken;
                    // Also without rows: there is a batch on both sides.
                    first.push(batch.slice(0, taken));
                    rest.push(batch.slice(taken, batch.num_rows() - taken));
                }
                let reading = *reading;
                (Rows::Arrow { batches: first, reading }, Rows::Arrow { batches: rest, reading })
            }
        })
    }

    /// The rows, where every one of them gives its key.
    pub(super) fn with_keys(&self, table: &TableSchema) -> Option<&RecordBatch> {
        let Rows::Given(given) = self else { return None };
        let complete = table.key.iter().all(|&at| given.batch.column(at).null_count() == 0);
        complete.then_some(&given.batch)
    }

    /// The rows in the table's types, piece by piece, with the number of each piece's first row.
    pub(super) fn pieces(
        &self,
        table: &std::sync::Arc<TableSchema>,
    ) -> impl Iterator<Item = Result<(usize, Given)>> + Send + use<> {
        let (given, batches, reading) = match self {
            Rows::Given(given) => (vec![given.clone()], Vec::new(), None),
            Rows::Arrow { batches, reading } => (Vec::new(), batches.clone(), Some(*reading)),
            Rows::Sifted(sifted) => (sifted.kept.iter().map(|kept| kept.given.clone()).collect(), Vec::new(), None),
        };
        let table = std::sync::Arc::clone(table);
        let whole = given.into_iter().flat_map(|given| {
            steps(given.rows()).map(move |(at, rows)| Ok((at, given.slice(at, rows)))).collect::<Vec<_>>()
        });
        let mut first = 0;
        let pieces = batches.into_iter().flat_map(move |batch| {
            let start = first;
            first += batch.num_rows();
            steps(batch.num_rows()).map(move |(at, rows)| (start + at, batch.slice(at, rows))).collect::<Vec<_>>()
        });
        let read = pieces.map(move |(at, piece)| match reading {
            Some(reading) => {
                let given = normalise(&table, &piece, reading, at).map_err(|error| error.within("data"))?;
                Ok((at, given))
            }
            None => Err(Error::internal("Arrow rows without a way to read them")),
        });
        whole.chain(read)
    }

    /// The rows with those taken out that the table refuses as they are; their payloads are made where they are kept.
    ///
    /// Between two pieces a cancel is heard, and other tasks get their turn.
    pub(super) async fn sifted(
        self,
        table: &TableSchema,
        with_payload: bool,
        cancel: &CancellationToken,
    ) -> Result<Arc<Sifted>> {
        let (batches, reading) = match self {
            Rows::Sifted(sifted) => return Ok(sifted),
            Rows::Given(given) => {
                let numbers = (0..given.rows()).collect();
                return Ok(Arc::new(Sifted { kept: vec![Kept { given, numbers }], rejects: Vec::new() }));
            }
            Rows::Arrow { batches, reading } => (batches, reading),
        };
        let (mut sifted, mut first) = (Sifted::default(), 0);
        for batch in batches {
            for (at, rows) in steps_of(batch.num_rows(), SETTLED_ROWS) {
                let piece = batch.slice(at, rows);
                let found = sift(table, &piece, reading, first + at, with_payload);
                let (kept, rejects) = found.map_err(|error| error.within("data"))?;
                sifted.kept.push(kept);
                sifted.rejects.extend(rejects);
                if cancel.is_cancelled() {
                    let cancelled = Error::new(ErrorKind::Cancelled, "the operation was cancelled");
                    return Err(cancelled.outcome(Outcome::RolledBack));
                }
                tokio::task::yield_now().await;
            }
            first += batch.num_rows();
        }
        Ok(Arc::new(sifted))
    }

    /// All rows at once.
    pub(super) fn whole(&self, table: &std::sync::Arc<TableSchema>) -> Result<Given> {
        let parts = self.pieces(table).map(|piece| Ok(piece?.1)).collect::<Result<Vec<_>>>()?;
        Given::concat(table, &parts)
    }
}

/// An empty batch is still one piece: its columns are checked.
fn steps(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    steps_of(rows, CHUNK_ROWS)
}

fn steps_of(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows.max(1)).step_by(most).map(move |at| (at, most.min(rows - at)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use dataflow_core::types::FloatRules;

    use super::*;

    #[test]
    fn rows_are_split_anywhere_and_none_is_lost() {
        let batch = |values: Vec<i64>| {
            let column = Arc::new(Int64Array::from(values)) as arrow_array::ArrayRef;
            RecordBatch::try_from_iter([("x", column)]).unwrap()
        };
        let reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: false };
        let rows = Rows::Arrow { batches: vec![batch(vec![0, 1, 2]), batch(vec![]), batch(vec![3, 4])], reading };
        let values = |rows: &Rows| -> Vec<i64> {
            let Rows::Arrow { batches, .. } = rows else { panic!("no Arrow") };
            assert!(!batches.is_empty());
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
        };
        for at in 0..=5 {
            let (first, rest) = rows.split(at).unwrap();
            assert_eq!((first.count(), rest.count()), (at, 5 - at));
            assert_eq!([values(&first), values(&rest)].concat(), [0, 1, 2, 3, 4]);
        }
    }
}
