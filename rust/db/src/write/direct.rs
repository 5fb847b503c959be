//! Rows that meet stored rows, written by statements that decide by themselves: nothing is read before.
//!
//! It is for writes whose rows all give the same columns and of which the server needs to know no more than it is told:
//! what it does is then what [`super::merge`] would have decided. Whatever it refuses is taken back and goes the other
//! way, which tells the row and why.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use dataflow_core::batch::check_rows;
use dataflow_core::dialect::{Statement, Told, takes_arrays};
use dataflow_core::merge::{Keys, OnMatch, OnMissing};
use dataflow_core::plan::{Plan, ScopedPlan};
use dataflow_core::schema::{KeySource, TableSchema};
use dataflow_core::{Error, ErrorKind, Outcome, Result};

use super::append::pieces;
use super::counts::{Changed, TOLD_KEYS};
use super::form::{ARRAY_BYTES, ARRAY_ROWS};
use super::keys::KeyWork;
use super::merge::Merge;
use super::stream::is_of_the_rows;
use super::{Counts, Writer, Written};
use crate::execute::{Label, run};
use crate::fetch::prove_tenant;
use crate::session::{Effect, Session};

const SAVEPOINT: &str = "dataflow_direct";

/// The rows of a merge in the order of their keys, as statements take them.
pub(super) struct Direct {
    scoped: ScopedPlan,
    pieces: Vec<RecordBatch>,
    /// Whether they go through the staging table, in one piece.
    staged: bool,
    /// Their numbers in the data, in the order of their keys.
    rows: Vec<usize>,
    /// Rows that are not written because others with the same key are.
    duplicate: u64,
    on_match: OnMatch,
    told: Told,
}

/// What statements wrote so far.
#[derive(Default)]
struct Tally {
    inserted: u64,
    updated: u64,
    /// Keys of new and of changed rows, where they are told.
    new: Vec<RecordBatch>,
    changed: Vec<RecordBatch>,
}

impl Direct {
    fn new(writer: &Writer<'_>, merge: &Merge) -> Result<Option<Self>> {
        let table = &writer.table;
        let (given, rules) = (&merge.given, &merge.rules);
        let inserts = rules.on_missing == OnMissing::Insert;
        let staged = inserts && rules.target == table.key && writer.upserts_staged(given.rows());
        if !(writer.decides() && (staged || writer.dialect.decides_rows())) || !merge.is_plain(table) {
            return Ok(None);
        }
        // Rows that are left as they are would be locked later than others: only a write of its own can be run again.
        if !inserts && writer.nested {
            return Ok(None);
        }
        let rows: Vec<usize> = merge.keyed().filter(|&row| merge.repeats[row].is_none()).collect();
        let sorted = given.take(&rows)?;
        if inserts && sorted.check_required(table, 0..sorted.rows()).is_err() {
            return Ok(None);
        }
        let batch = KeyWork::new(table, &[], 0, false).apply(table, sorted.to_stored(table, writer.now)?)?;
        let set = merge.set(table);
        if check_rows(table, &batch).is_err() || !(staged || takes_arrays(writer.dialect.as_ref(), &batch)) {
            return Ok(None);
        }
        let (shared, target) = (Arc::clone(table), rules.target.clone());
        let scoped = writer.scoped(match (inserts, set.is_empty()) {
            (true, _) => Plan::Upsert { table: shared, batch, target, set },
            (false, false) => Plan::Put { table: shared, batch, set },
            (false, true) => return Ok(None),
        })?;
        let (Plan::Upsert { batch, .. } | Plan::Put { batch, .. }) = scoped.plan() else {
            return Err(Error::internal("a merge became another plan"));
        };
        let pieces = if staged { vec![batch.clone()] } else { pieces(batch, ARRAY_ROWS, Some(ARRAY_BYTES)) };
        let told = if rows.len() <= TOLD_KEYS { Told::Keys } else { Told::Number };
        let duplicate = (given.rows() - rows.len()) as u64;
        Ok(Some(Direct { scoped, pieces, staged, rows, duplicate, on_match: rules.on_match, told }))
    }

    fn is_upsert(&self) -> bool {
        matches!(self.scoped.plan(), Plan::Upsert { .. })
    }

    /// What may have been written when the answer was lost to a cancel: nobody knows which rows were there.
    fn expected(&self) -> Written {
        let rows = self.rows.len() as u64;
        let changed = vec![Changed::unnamed("update", rows), Changed::unnamed("insert", rows)];
        Written { changed, ..Written::default() }
    }

    fn statement(&self, writer: &Writer<'_>, piece: &RecordBatch) -> Result<Statement> {
        let dialect = writer.dialect.as_ref();
        if !self.is_upsert() {
            return Statement::put_differing(dialect, &self.scoped, piece, self.told);
        }
        let key = writer.table.sole_key().filter(|_| writer.table.key_source == KeySource::Database);
        let keys = key.and_then(|key| piece.column_by_name(&key.name));
        let largest = keys.and_then(|keys| keys.as_primitive::<Int64Type>().iter().flatten().max());
        Statement::upsert(dialect, &self.scoped, piece, largest, self.told)
    }
}

impl Tally {
    /// What a statement tells of the rows of an upsert.
    fn add_upserted(&mut self, told: &RecordBatch, form: Told) -> Result<()> {
        if form == Told::Number {
            let number = |at: usize| told.column(at).as_primitive::<Int64Type>().value(0).cast_unsigned();
            self.inserted += number(0);
            self.updated += number(1) - number(0);
            return Ok(());
        }
        let is_new = told.column(told.num_columns() - 1).as_boolean();
        let keys: Vec<usize> = (0..told.num_columns() - 1).collect();
        let keys = told.project(&keys).map_err(internal)?;
        let is_old = BooleanArray::new(!is_new.values(), None);
        self.new.push(filter_record_batch(&keys, is_new).map_err(internal)?);
        self.changed.push(filter_record_batch(&keys, &is_old).map_err(internal)?);
        let new = is_new.true_count() as u64;
        self.inserted += new;
        self.updated += is_new.len() as u64 - new;
        Ok(())
    }

    /// As events tell it.
    fn changed(&self, table: &TableSchema, told: Told) -> Result<Vec<Changed>> {
        let mut changed = Vec::with_capacity(2);
        for (operation, rows, keys) in [("update", self.updated, &self.changed), ("insert", self.inserted, &self.new)] {
            let mut told_keys = Vec::new();
            for keys in keys.iter().filter(|_| told == Told::Keys) {
                told_keys.extend(Changed::new(operation, keys.num_rows() as u64, table, Some(keys))?.keys);
            }
            changed.push(Changed { operation, rows, keys: told_keys });
        }
        Ok(changed)
    }
}

impl Writer<'_> {
    /// The merge as one statement that commits by itself; None where it takes more, or the server refused a row.
    pub(super) async fn merge_alone(&self, session: &mut Session, merge: &mut Merge) -> Option<Result<Written>> {
        if self.step.is_some() || self.nested || merge.rows() > ARRAY_ROWS {
            return None;
        }
        let direct = match Direct::new(self, merge) {
            Ok(direct) => direct.filter(|direct| direct.is_upsert() && !direct.staged && direct.pieces.len() == 1)?,
            Err(error) => return Some(Err(error)),
        };
        match self.upsert_direct(session, &direct, Effect::Write).await {
            Err(error) if is_refused(session, &error) => {
                merge.direct = false;
                None
            }
            result => Some(self.told(result, || direct.expected())),
        }
    }

    /// The merge in statements that decide by themselves; None where it has to go the other way, and nothing is written.
    pub(super) async fn merge_direct(&self, session: &mut Session, merge: &Merge) -> Result<Option<Written>> {
        let Some(direct) = Direct::new(self, merge)? else {
            return Ok(None);
        };
        self.savepoint(session, "SAVEPOINT", SAVEPOINT).await?;
        let written = match direct.is_upsert() {
            true => self.upsert_direct(session, &direct, Effect::Nothing).await.map(Some),
            false => self.update_direct(session, merge, &direct).await,
        };
        match written {
            Ok(Some(written)) => {
                if self.nested {
                    self.savepoint(session, "RELEASE SAVEPOINT", SAVEPOINT).await?;
                }
                Ok(Some(written))
            }
            Err(error) if !is_refused(session, &error) => Err(error),
            Ok(None) | Err(_) => {
                self.savepoint(session, "ROLLBACK TO SAVEPOINT", SAVEPOINT).await?;
                Ok(None)
            }
        }
    }

    /// Sends the statement of a piece; returns how many rows it wrote, and what it tells.
    async fn send_piece(
        &self,
        session: &mut Session,
        direct: &Direct,
        piece: &RecordBatch,
        effect: Effect,
    ) -> Result<(u64, RecordBatch)> {
        let statement = direct.statement(self, piece)?;
        let label = Label { rows: Some(piece.num_rows() as u64), ..Label::new(&direct.scoped, self.db.events()) };
        let reply = run(session, &statement, effect, &self.limits, &label).await?;
        Ok((reply.affected, prove_tenant(reply.rows, statement.tenant.as_ref())?))
    }

    async fn upsert_direct(&self, session: &mut Session, direct: &Direct, effect: Effect) -> Result<Written> {
        let mut tally = Tally::default();
        for piece in &direct.pieces {
            if direct.staged {
                (tally.inserted, tally.updated) = self.upsert_staged(session, &direct.scoped, piece).await?;
            } else {
                let (_, told) = self.send_piece(session, direct, piece, effect).await?;
                tally.add_upserted(&told, direct.told)?;
            }
        }
        let Tally { inserted, updated, .. } = tally;
        let rest = direct.rows.len() as u64 - inserted - updated;
        let (unchanged, ignored) = if direct.on_match == OnMatch::Ignore { (0, rest) } else { (rest, 0) };
        let duplicate = direct.duplicate;
        let counts = Counts { inserted, updated, unchanged, ignored, duplicate, ..Counts::default() };
        Ok(Written { counts, changed: tally.changed(&self.table, direct.told)?, ..Written::default() })
    }

    /// A piece that changed fewer rows than it has goes the other way too: some are equal, or not there. Those it has
    /// changed are equal by then, and locked.
    async fn update_direct(&self, session: &mut Session, merge: &Merge, direct: &Direct) -> Result<Option<Written>> {
        let (mut tally, mut before, mut at) = (Tally::default(), 0, 0);
        let mut short = Vec::new();
        let mut pays = true;
        for piece in &direct.pieces {
            let rows = &direct.rows[at..at + piece.num_rows()];
            at += rows.len();
            let updated = match pays {
                false => 0,
                true => {
                    let (updated, keys) = self.send_piece(session, direct, piece, Effect::Nothing).await?;
                    tally.updated += updated;
                    tally.changed.push(keys);
                    updated
                }
            };
            if updated < rows.len() as u64 {
                // Where most are as they are to be, a look at them is enough.
                pays = updated * 2 > rows.len() as u64;
                before += updated;
                short.extend_from_slice(rows);
            }
        }
        let duplicate = direct.duplicate;
        let mut counts = Counts { updated: tally.updated, duplicate, ..Counts::default() };
        let mut changed = tally.changed(&self.table, direct.told)?;
        if !short.is_empty() {
            let rest = self.merge_some(session, merge, &short).await?;
            let Some(unchanged) = rest.counts.unchanged.checked_sub(before) else {
                return Ok(None);
            };
            counts = counts.and(Counts { unchanged, ..rest.counts });
            changed = together(changed, rest.changed);
        }
        Ok(Some(Written { counts, changed, ..Written::default() }))
    }

    /// The merge of some of the rows, each with a key of its own.
    async fn merge_some(&self, session: &mut Session, merge: &Merge, rows: &[usize]) -> Result<Written> {
        let given = merge.given.take(rows)?;
        let keys = Keys::of(&self.table, &merge.rules.target, &given.batch)?;
        let (goes, repeats) = ((0..rows.len()).collect(), vec![None; rows.len()]);
        let rules = merge.rules.clone();
        let some = Merge {
            given,
            rules,
            keys,
            goes,
            repeats,
            first: 0,
            return_rows: false,
            within: None,
            direct: false,
            operators: None,
        };
        Box::pin(self.merge(session, &some)).await
    }
}

/// Whether nothing was kept for a reason that the other way tells better, or does not have: of a lost answer nobody
/// knows, and nothing is written again.
pub(super) fn is_refused(session: &Session, error: &Error) -> bool {
    let nothing_kept = error.detail().outcome.is_none_or(|outcome| outcome == Outcome::RolledBack);
    session.is_open() && nothing_kept && error.kind() != ErrorKind::TenantLeak && is_of_the_rows(error)
}

/// Two reports of one write as one.
fn together(first: Vec<Changed>, second: Vec<Changed>) -> Vec<Changed> {
    let mut all = first;
    for more in second {
        match all.iter_mut().find(|changed| changed.operation == more.operation) {
            None => all.push(more),
            Some(changed) => {
                let named = [&*changed, &more].iter().all(|changed| changed.keys.len() as u64 == changed.rows);
                changed.rows += more.rows;
                changed.keys.extend(more.keys);
                if !named {
                    changed.keys.clear();
                }
            }
        }
    }
    all
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}
