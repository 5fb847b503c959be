//! Rows that are refused are left out, and all others written as they would be without them.
//!
//! Rows are written as fast as ever, some thousands at a time behind a savepoint. Only where that fails is it asked which
//! of them are at fault: by what the model knows ([`classify`]), and where that tells nothing, by halves ([`settle`]).

mod classify;
mod rounds;
mod settle;
mod tally;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use dataflow_core::batch::{Given, Kept, Sifted};
use dataflow_core::merge::{Duplicates, Fate, Keys, OnMatch, same_key};
use dataflow_core::plan::{Scope, Selection};
use dataflow_core::reject::{Limit, Quarantine, Reject};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};

use self::rounds::Rounds;
use self::tally::Tally;
use super::append::Append;
use super::form::wide_schema;
use super::generated;
use super::load::Part;
use super::merge::check_target;
use super::returned::{Found, told_nothing};
use super::rows::SETTLED_ROWS;
use super::{Counts, Rows, Write, Writer, Written};
use crate::session::{Effect, Session};

/// That some rows may be refused.
#[derive(Clone, Debug, Default)]
pub struct Tolerance {
    /// Rows of the load that were refused before these.
    pub before: u64,
    /// None where any number may be.
    pub limit: Option<Limit>,
    /// None where they are only told.
    pub quarantine: Option<Quarantine>,
}

impl Tolerance {
    /// That of rows before which so many more were refused.
    pub(super) fn after(&self, rejected: u64) -> Self {
        Tolerance { before: self.before + rejected, ..self.clone() }
    }
}

/// A write of rows, some of which may be refused.
pub(super) struct Sieve {
    write: Write,
    sifted: Arc<Sifted>,
    tolerance: Tolerance,
    /// Where rows of the data may be the same: by which columns, and what happens to them then.
    same: Option<(Vec<usize>, Duplicates)>,
    part: Option<Part>,
}

impl Sieve {
    pub fn new(table: &TableSchema, mut write: Write, tolerance: Tolerance) -> Result<Self> {
        let same = match &write {
            Write::Append { .. } => None,
            Write::Upsert { conflict_on, duplicates, .. } => Some((conflict_on.clone(), *duplicates)),
            Write::UpdateRows { duplicates, .. } => Some((table.key.clone(), *duplicates)),
            Write::DeleteRows { .. } => Some((table.key.clone(), Duplicates::First)),
            _ => return Err(Error::internal("a write without rows is not sifted")),
        };
        let part = write.take_part();
        let Some(Rows::Sifted(sifted)) = write.rows_mut().map(|rows| rows.clone()) else {
            return Err(Error::internal("rows that were not sifted"));
        };
        Ok(Sieve { write, sifted, tolerance, same, part })
    }

    pub const fn only_appends(&self) -> bool {
        self.same.is_none()
    }

    fn returns_rows(&self) -> bool {
        match &self.write {
            Write::Append { return_rows, .. }
            | Write::Upsert { return_rows, .. }
            | Write::UpdateRows { return_rows, .. }
            | Write::DeleteRows { return_rows, .. } => *return_rows,
            _ => false,
        }
    }

    const fn deletes(&self) -> bool {
        matches!(self.write, Write::DeleteRows { .. })
    }

    /// What is written when no rows are given.
    pub fn without_rows(&self, table: &TableSchema) -> Result<Option<Written>> {
        match self.sifted.count() {
            0 => told_nothing(table, self.first(), self.returns_rows()).map(Some),
            _ => Ok(None),
        }
    }

    /// The same write of some of the rows.
    fn of(&self, given: Given) -> Write {
        let mut write = self.write.clone();
        if let Some(rows) = write.rows_mut() {
            *rows = Rows::Given(given);
        }
        write
    }

    /// The number of the first row in the load.
    fn first(&self) -> usize {
        self.part.as_ref().map_or(0, |part| part.first)
    }

    /// The rows that are left, but for those whose keys may be generated ones of an earlier piece.
    fn kept(&self, table: &TableSchema, tally: &mut Tally<'_>) -> Result<Vec<Kept>> {
        let inserts = matches!(self.write, Write::Append { .. } | Write::Upsert { .. });
        let Some(part) = self.part.as_ref().filter(|_| inserts) else {
            return Ok(self.sifted.kept.clone());
        };
        let mut kept = Vec::with_capacity(self.sifted.kept.len());
        for rows in &self.sifted.kept {
            let refused = generated::refused(table, &rows.given, part)?;
            for (at, error) in &refused {
                tally.refuse(rows, *at, error)?;
            }
            let left = (0..rows.numbers.len()).filter(|at| refused.iter().all(|(row, _)| row != at));
            kept.push(rows.take(&left.collect::<Vec<_>>())?);
        }
        Ok(kept)
    }
}

/// New rows in the order in which they are stored: those that give an automatic key first, because the database would
/// give it to another.
fn in_order(table: &TableSchema, kept: Vec<Kept>) -> Result<Vec<Kept>> {
    let Some(key) = table.automatic_key() else {
        return Ok(kept);
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for kept in &kept {
        let (keyed, others): (Vec<usize>, Vec<usize>) =
            (0..kept.given.rows()).partition(|&row| kept.given.is_given(key, row));
        for (rows, parts) in [(keyed, &mut first), (others, &mut second)] {
            if !rows.is_empty() {
                parts.push(kept.take(&rows)?);
            }
        }
    }
    first.append(&mut second);
    Ok(first)
}

/// All rows as one.
fn together(table: &TableSchema, kept: &[Kept]) -> Result<Kept> {
    let parts: Vec<Given> = kept.iter().map(|kept| kept.given.clone()).collect();
    let numbers = kept.iter().flat_map(|kept| kept.numbers.iter().copied()).collect();
    Ok(Kept { given: Given::concat(table, &parts)?, numbers })
}

impl Writer<'_> {
    pub(super) async fn sift(&self, session: &mut Session, sieve: &Sieve) -> Result<Written> {
        let mut tally = Tally::new(&self.table, sieve)?;
        let kept = sieve.kept(&self.table, &mut tally)?;
        tally.newly_refused();
        match &sieve.same {
            None => {
                for rows in in_order(&self.table, kept)? {
                    self.settle(session, sieve, rows, &mut tally, &|_| Ok(false)).await?;
                }
            }
            Some((columns, rule)) => {
                let whole = together(&self.table, &kept)?;
                self.sift_same(session, sieve, &whole, columns, *rule, &mut tally).await?;
            }
        }
        let written = tally.finish()?;
        let rejects = written.rejects.as_deref().unwrap_or_default();
        if let Some(quarantine) = sieve.tolerance.quarantine.as_ref().filter(|_| !rejects.is_empty()) {
            self.keep(session, quarantine, rejects).await?;
        }
        Ok(written)
    }

    /// Rows of which several may be the same: the one that goes is the first or last that is not refused.
    async fn sift_same(
        &self,
        session: &mut Session,
        sieve: &Sieve,
        whole: &Kept,
        columns: &[usize],
        rule: Duplicates,
        tally: &mut Tally<'_>,
    ) -> Result<()> {
        let finds = matches!(sieve.write, Write::Upsert { on_match, .. } if on_match != OnMatch::Refuse);
        // A piece, or what is left of the data, may well be without.
        if finds && sieve.part.is_none() && sieve.sifted.rejects.is_empty() {
            check_target(&self.table, &whole.given, columns)?;
        }
        let keys = Keys::of(&self.table, columns, &whole.given.batch)?;
        let before = sieve.part.as_ref().map_or_else(|| vec![None; keys.rows()], |part| part.before(&keys));
        let mut rounds = Rounds::new(keys.iter(), &before, rule);
        // Numbers are in the order of the rows.
        let place = |number: usize| {
            whole.numbers.binary_search(&number).map_err(|_| Error::internal("a row that was not given"))
        };
        let mut waiting: BTreeSet<usize> = rounds.first().into_iter().collect();
        while !waiting.is_empty() {
            let rows: Vec<usize> = waiting.iter().take(SETTLED_ROWS).copied().collect();
            waiting.retain(|row| rows.binary_search(row).is_err());
            let taken = whole.take(&rows)?;
            // The next of the same key goes before the rows behind it; one before them is too late anyway.
            let stops = |number| {
                let row = place(number)?;
                Ok(rounds.successor(row).is_some_and(|next| next > row))
            };
            for number in self.settle(session, sieve, taken, tally, &stops).await? {
                waiting.insert(place(number)?);
            }
            for number in tally.newly_refused() {
                waiting.extend(rounds.advance(place(number)?));
            }
        }
        let first = sieve.first();
        let (here, mut left) = (|(_, of): &(usize, Option<usize>)| of.is_some(), rounds.left());
        if sieve.returns_rows() && rule != Duplicates::Refuse {
            let earlier: Vec<usize> = left.iter().filter(|left| !here(left)).map(|(row, _)| *row).collect();
            self.give_earlier(session, sieve, whole, columns, &earlier, &before, tally).await?;
            left.retain(here);
        }
        for (row, of) in left {
            let of = of.map(|of| first + whole.numbers[of]).or(before[row]);
            let of = of.ok_or_else(|| Error::internal("a repeated row without the one that went"))?;
            match rule {
                Duplicates::First | Duplicates::Last => tally.duplicate(whole.numbers[row], of),
                Duplicates::Refuse => tally.refuse(whole, row, &same_key(of, first + whole.numbers[row]))?,
            }
        }
        if let Some(part) = &sieve.part {
            part.settle(&whole.numbers, &keys, |number| tally.is_refused(number))?;
        }
        Ok(())
    }

    /// Tells rows whose keys an earlier piece had, each with the stored row.
    #[expect(clippy::too_many_arguments, reason = "where the rows are, which of them, and what is known of them")]
    async fn give_earlier(
        &self,
        session: &mut Session,
        sieve: &Sieve,
        whole: &Kept,
        columns: &[usize],
        rows: &[usize],
        before: &[Option<usize>],
        tally: &mut Tally<'_>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let again = whole.take(rows)?;
        let mut found = vec![RecordBatch::new_empty(wide_schema(&self.table))];
        let all: Vec<usize> = (0..self.table.columns.len()).collect();
        let places: Vec<usize> = if sieve.deletes() { Vec::new() } else { (0..rows.len()).collect() };
        for places in places.chunks(self.most_keys()) {
            let keys = again.given.take(places)?.batch.project(columns);
            let keys = keys.map_err(|error| Error::internal(error.to_string()))?;
            let selection = Selection::Keyed { columns: columns.to_vec(), keys };
            found.push(self.find_columns(session, &all, selection, false).await?);
        }
        let stored = concat_batches(&found[0].schema(), &found).map_err(|error| Error::internal(error.to_string()))?;
        let keys = Keys::of(&self.table, columns, &again.given.batch)?;
        let at = keys.find_in(&Keys::of(&self.table, columns, &stored)?);
        let fate = |(row, stored): (&usize, &Option<usize>)| match before[*row] {
            Some(of) => Ok(Fate::Repeated { of, stored: *stored }),
            None => Err(Error::internal("a repeated row without the one that went")),
        };
        let fates = rows.iter().zip(&at).map(fate).collect::<Result<Vec<_>>>()?;
        let (given, none) = (Some(&again.given), stored.slice(0, 0));
        let found = Found { table: &self.table, given, stored: &stored, changed: &none, added: &none, order: &[] };
        let written = Written { counts: Counts::of(&fates), ..Written::default() };
        let written = found.told(written, &fates, sieve.first())?;
        let there = again.numbers.iter().zip(&at).filter(|(_, stored)| stored.is_some());
        tally.repeat(again.numbers.clone(), there.map(|(number, _)| *number).collect(), written);
        Ok(())
    }

    /// Writes the rejects into the quarantine, in the transaction of the data.
    async fn keep(&self, session: &mut Session, quarantine: &Quarantine, rejects: &[Reject]) -> Result<()> {
        let tenant = self.scope.tenant_of(&self.table)?;
        let table = Arc::clone(&self.db.quarantine().schema);
        let rows = quarantine.rows(&table, tenant, &self.table.full_name(), rejects)?;
        // The tenant is in the rows, not in the scope: the table belongs to us.
        let scope = Scope { tenant: None, labels: self.scope.labels.clone() };
        let writer = Writer {
            table,
            scope,
            dialect: Arc::clone(&self.dialect),
            limits: self.limits.clone(),
            step: None,
            part: None,
            ..*self
        };
        let mut append = Append::new(&writer.table, &writer.scope, Rows::Given(rows), false, self.now, None)?;
        Box::pin(writer.append(session, &mut append, Effect::Nothing)).await.map(drop)
    }
}
