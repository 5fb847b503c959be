//! What a write was asked to do and given, as one hash.

use std::sync::Arc;

use dataflow_core::filter::Filter;
use dataflow_core::ledger::InputHash;
use dataflow_core::merge::{Duplicates, OnMatch, OnMissing};
use dataflow_core::schema::{Role, TableSchema};
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use tokio_util::sync::CancellationToken;

use super::{Rows, Write};

impl Write {
    /// The hash of what is to be done, without the rows.
    pub(super) fn hash(&self, table: &TableSchema) -> Result<InputHash> {
        let operation = self.operation().ok_or_else(|| Error::internal("a write of one row has no load id"))?;
        let mut hash = InputHash::new(table, operation, &self.columns(table));
        self.settings(table, &mut hash);
        if let Some(Rows::Sifted(_)) = self.rows() {
            hash.setting("on_error", "reject");
        }
        Ok(hash)
    }

    /// Adds what is given to the hash.
    ///
    /// # Errors
    /// Every refusal of a value (path `data[row].field`), and `Cancelled`.
    pub(super) async fn add_to(
        &self,
        hash: &mut InputHash,
        table: &Arc<TableSchema>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        if let Some(rows) = self.rows() {
            add_rows(hash, table, rows, cancel).await?;
            if let Rows::Sifted(sifted) = rows {
                let first = self.part().map_or(0, |part| part.first);
                sifted.rejects.iter().for_each(|reject| hash.refused(first + reject.row, reject));
            }
        }
        match self {
            Write::UpdateMatching { values, .. } => hash.rows(values),
            _ => Ok(()),
        }
    }

    /// None for the writes of one row, which have no load id.
    const fn operation(&self) -> Option<&'static str> {
        match self {
            Write::Append { .. } => Some("append"),
            Write::Upsert { .. } => Some("upsert"),
            Write::UpdateRows { .. } => Some("update rows"),
            Write::UpdateMatching { .. } => Some("update matching"),
            Write::DeleteMatching { .. } => Some("delete matching"),
            Write::DeleteRows { .. } => Some("delete rows"),
            Write::UpdateOne { .. } | Write::DeleteOne { .. } => None,
        }
    }

    /// The columns of the given rows that are looked at.
    fn columns(&self, table: &TableSchema) -> Vec<usize> {
        match self {
            Write::DeleteRows { .. } => table.key.iter().copied().chain(table.role(Role::Version)).collect(),
            _ => (0..table.columns.len()).collect(),
        }
    }

    /// What decides the outcome beside the rows; not what only bounds it, nor in which form it is told.
    fn settings(&self, table: &TableSchema, hash: &mut InputHash) {
        match self {
            Write::Upsert { conflict_on, on_match, duplicates, update, within, .. } => {
                hash.setting("conflict_on", &names(table, conflict_on));
                hash.setting("on_conflict", match_word(*on_match));
                hash.setting("duplicates", duplicates_word(*duplicates));
                hash.setting("update_fields", &update.as_ref().map_or_else(String::new, |update| names(table, update)));
                if let Some(within) = within {
                    add_filter(hash, &within.filter);
                    hash.setting("hard", &within.hard.to_string());
                }
            }
            Write::UpdateRows { on_missing, duplicates, .. } => {
                hash.setting("on_missing", missing_word(*on_missing));
                hash.setting("duplicates", duplicates_word(*duplicates));
            }
            Write::UpdateMatching { filter, update, .. } => {
                add_filter(hash, filter);
                // What is set alone has the hash that it had before there were operators.
                if !update.is_empty() {
                    hash.setting("operators", &format!("{:?}", update.steps));
                }
            }
            Write::DeleteMatching { filter, hard, .. } => {
                add_filter(hash, filter);
                hash.setting("hard", &hard.to_string());
            }
            Write::DeleteRows { hard, .. } => hash.setting("hard", &hard.to_string()),
            Write::Append { .. } | Write::UpdateOne { .. } | Write::DeleteOne { .. } => {}
        }
    }
}

/// Piece by piece: a cancel is heard between two of them, and other tasks get their turn.
async fn add_rows(
    hash: &mut InputHash,
    table: &Arc<TableSchema>,
    rows: &Rows,
    cancel: &CancellationToken,
) -> Result<()> {
    for piece in rows.pieces(table) {
        hash.rows(&piece?.1)?;
        if cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled").outcome(Outcome::RolledBack));
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn add_filter(hash: &mut InputHash, filter: &Filter) {
    hash.setting("filter", &format!("{filter:?}"));
}

/// The names as a list of texts, in one order.
fn names(table: &TableSchema, columns: &[usize]) -> String {
    let mut names = table.names(columns);
    names.sort_unstable();
    format!("{names:?}")
}

const fn match_word(on_match: OnMatch) -> &'static str {
    match on_match {
        OnMatch::Update => "update",
        OnMatch::Ignore => "ignore",
        OnMatch::Refuse => "error",
    }
}

const fn missing_word(on_missing: OnMissing) -> &'static str {
    match on_missing {
        OnMissing::Insert => "insert",
        OnMissing::Skip => "skip",
        OnMissing::Refuse => "error",
    }
}

const fn duplicates_word(duplicates: Duplicates) -> &'static str {
    match duplicates {
        Duplicates::Refuse => "error",
        Duplicates::First => "first",
        Duplicates::Last => "last",
    }
}
