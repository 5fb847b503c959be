//! What has become of the rows so far.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use dataflow_core::batch::Kept;
use dataflow_core::outcomes::{Outcomes, Status};
use dataflow_core::reject::{Reject, given_payload, too_many};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};

use super::super::append::whole_schema;
use super::{Sieve, Written};

fn no_rows(table: &TableSchema) -> RecordBatch {
    RecordBatch::new_empty(whole_schema(table).into())
}

pub(super) struct Tally<'s> {
    table: &'s Arc<TableSchema>,
    sieve: &'s Sieve,
    written: Written,
    rejects: Vec<Reject>,
    /// By their numbers here, and without those that were refused as they are.
    refused: HashSet<usize>,
    /// Those of them that nobody has asked for.
    newly: Vec<usize>,
    most: u64,
    /// Stored rows that are to be given back, with the numbers of the rows given.
    rows: Vec<(Vec<usize>, RecordBatch)>,
    /// How the rows ended that were written, with their numbers.
    outcomes: Vec<(Vec<usize>, Outcomes)>,
    /// Rows, each with the number in the load of the one that went instead.
    duplicates: Vec<(usize, usize)>,
}

impl<'s> Tally<'s> {
    /// # Errors
    /// `TooManyRejects`: those that were refused as they are may be too many already.
    pub fn new(table: &'s Arc<TableSchema>, sieve: &'s Sieve) -> Result<Self> {
        let most = sieve.tolerance.limit.map_or(u64::MAX, |limit| limit.of(sieve.sifted.count()));
        let first = sieve.first();
        let of_load = |reject: &Reject| Reject { row: first + reject.row, ..reject.clone() };
        let tally = Tally {
            table,
            sieve,
            written: Written::default(),
            refused: HashSet::new(),
            newly: Vec::new(),
            rejects: sieve.sifted.rejects.iter().map(of_load).collect(),
            most,
            rows: Vec::new(),
            outcomes: Vec::new(),
            duplicates: Vec::new(),
        };
        tally.check()?;
        Ok(tally)
    }

    fn check(&self) -> Result<()> {
        let refused = self.sieve.tolerance.before + self.rejects.len() as u64;
        if refused <= self.most {
            return Ok(());
        }
        let mut rejects = self.rejects.clone();
        rejects.sort_by_key(|reject| reject.row);
        Err(too_many(rejects, refused, self.most))
    }

    pub fn is_refused(&self, number: usize) -> bool {
        self.refused.contains(&number)
    }

    /// The rows that were refused since this was last asked.
    pub fn newly_refused(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.newly)
    }

    /// Notes that a row of `rows` was refused.
    pub fn refuse(&mut self, rows: &Kept, at: usize, error: &Error) -> Result<()> {
        let keeps = self.sieve.tolerance.quarantine.is_some();
        let payload = if keeps { Some(given_payload(self.table, &rows.given, at)?) } else { None };
        self.rejects.push(Reject::new(self.sieve.first() + rows.numbers[at], error, payload));
        self.refused.insert(rows.numbers[at]);
        self.newly.push(rows.numbers[at]);
        self.check()
    }

    /// Notes that row `of` of the load went instead of a row.
    pub fn duplicate(&mut self, number: usize, of: usize) {
        self.written.counts.duplicate += 1;
        self.duplicates.push((number, of));
    }

    /// Notes rows whose keys an earlier piece had, and those of them that are stored.
    pub fn repeat(&mut self, numbers: Vec<usize>, stored: Vec<usize>, written: Written) {
        self.written.counts = self.written.counts.and(written.counts);
        self.give_back(numbers, stored, written);
    }

    /// Notes what a write of `rows` did.
    pub fn store(&mut self, rows: &Kept, mut written: Written) {
        self.written.counts = self.written.counts.and(written.counts);
        self.written.changed.append(&mut written.changed);
        if let Some(outcomes) = &written.outcomes {
            let there = (0..outcomes.rows()).filter(|&at| outcomes.status(at) != Status::Missing);
            let there = there.map(|at| rows.numbers[at]).collect();
            self.give_back(rows.numbers.clone(), there, written);
        }
    }

    fn give_back(&mut self, numbers: Vec<usize>, there: Vec<usize>, written: Written) {
        if let (Some(stored), Some(outcomes)) = (written.rows, written.outcomes) {
            self.rows.push((there, stored));
            self.outcomes.push((numbers, outcomes));
        }
    }

    pub fn finish(mut self) -> Result<Written> {
        self.rejects.sort_by_key(|reject| reject.row);
        self.written.counts.rejected = self.rejects.len() as u64;
        if self.sieve.returns_rows() {
            self.written.rows = Some(self.in_order()?);
            let (first, rejects) = (self.sieve.first(), self.rejects.clone());
            let told = Outcomes::gathered(self.table, first, &self.outcomes, &self.duplicates, rejects)?;
            self.written.outcomes = Some(told);
        }
        Ok(Written { rejects: Some(self.rejects), ..self.written })
    }

    /// The numbers of rows, each with that of the row which went instead; one that is deleted is given back once.
    fn repeated(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let first = self.sieve.first();
        let deletes = self.sieve.deletes();
        let here = move |&(number, of): &(usize, usize)| Some((number, of.checked_sub(first)?));
        self.duplicates.iter().filter_map(here).filter(move |_| !deletes)
    }

    /// The stored rows in the order of those given.
    fn in_order(&self) -> Result<RecordBatch> {
        let internal = |error: arrow_schema::ArrowError| Error::internal(error.to_string());
        let Some((_, first)) = self.rows.first() else { return Ok(no_rows(self.table)) };
        let all = concat_batches(&first.schema(), self.rows.iter().map(|(_, stored)| stored)).map_err(internal)?;
        let numbers: Vec<usize> = self.rows.iter().flat_map(|(numbers, _)| numbers.iter().copied()).collect();
        if numbers.len() != all.num_rows() {
            return Err(Error::internal("a stored row without the one that was given"));
        }
        let mut order: Vec<(usize, u64)> = numbers.into_iter().zip(0..).collect();
        order.sort_unstable();
        let own = |number: usize| order.binary_search_by_key(&number, |(number, _)| *number).map(|at| order[at].1);
        let repeated: Vec<_> = self.repeated().filter_map(|(number, of)| Some((number, own(of).ok()?))).collect();
        order.extend(repeated);
        order.sort_unstable();
        let order: UInt64Array = order.into_iter().map(|(_, at)| at).collect();
        take_record_batch(&all, &order).map_err(internal)
    }
}
