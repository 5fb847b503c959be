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

use dataflow_core::batch::{Given, Kept, Sifted};
use dataflow_core::merge::{Duplicates, Keys, OnMatch, same_key};
use dataflow_core::plan::Scope;
use dataflow_core::reject::{Limit, Quarantine, Reject};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};

use self::rounds::Rounds;
use self::tally::Tally;
use super::append::Append;
use super::generated;
use super::load::Part;
use super::merge::check_target;
use super::returned::told_nothing;
use super::rows::SETTLED_ROWS;
use super::{Rows, Write, Writer, Written};
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
                    self.settle(session, sieve, rows, &mut tally, &|_| false).await?;
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
        let place = |number: usize| whole.numbers.binary_search(&number).unwrap_or_default();
        let mut waiting: BTreeSet<usize> = rounds.first().into_iter().collect();
        while !waiting.is_empty() {
            let rows: Vec<usize> = waiting.iter().take(SETTLED_ROWS).copied().collect();
            waiting.retain(|row| rows.binary_search(row).is_err());
            let taken = whole.take(&rows)?;
            // The next of the same key goes before the rows behind it; one before them is too late anyway.
            let stops = |number| rounds.successor(place(number)).is_some_and(|next| next > place(number));
            let left = self.settle(session, sieve, taken, tally, &stops).await?;
            waiting.extend(left.into_iter().map(place));
            waiting.extend(tally.newly_refused().into_iter().filter_map(|number| rounds.advance(place(number))));
        }
        let first = sieve.first();
        for (row, of) in rounds.left() {
            let of = of.map_or_else(|| before[row].unwrap_or_default(), |of| first + whole.numbers[of]);
            match rule {
                Duplicates::First | Duplicates::Last => tally.duplicate(whole.numbers[row], of),
                Duplicates::Refuse => tally.refuse(whole, row, &same_key(of, first + whole.numbers[row]))?,
            }
        }
        if let Some(part) = &sieve.part {
            let numbered = whole.numbers.iter().copied().zip(keys.iter());
            let stored = numbered.filter(|(number, _)| !tally.is_refused(*number));
            part.note(stored.filter_map(|(number, key)| Some((number, key?))))?;
        }
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
