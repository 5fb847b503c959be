//! Statements run on the connection's thread.

use arrow_array::cast::AsArray;
use arrow_array::{Array as _, RecordBatch};
use dataflow_core::dialect::{Returned, Statement};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Outcome, Result};

use super::handle::Db;
use super::statement::{Execution, Prepared};
use super::{bind, decode, error};
use crate::driver::{Access, Reply};
use crate::event::warn;
use crate::fetch::{Chunks, Outlet, RowSink, unwanted};

/// Statements kept compiled on a connection.
const KEPT: usize = 32;
/// A longer text is a list of values that will not come again.
const LONGEST_KEPT: usize = 8192;

pub(super) struct Session<'d> {
    db: &'d Db<'d>,
    /// The last used at the end.
    kept: Vec<(String, Prepared<'d>)>,
    /// SQLite ended the caller's transaction by itself, and the caller has not rolled back yet.
    lost: bool,
}

impl<'d> Session<'d> {
    pub fn new(db: &'d Db<'d>) -> Self {
        Session { db, kept: Vec::new(), lost: false }
    }

    /// The settings of a connection to a file.
    ///
    /// FULL: in WAL mode NORMAL syncs at checkpoints only, so that a power cut takes back what was told
    /// to be committed (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
    pub fn settle_file(&mut self, access: Access) -> Result<()> {
        match self.use_wal() {
            // A file that cannot be written is read in the mode it has.
            Err(error) if error.kind() == ErrorKind::PermissionDenied && access == Access::Read => {}
            settled => settled?,
        }
        self.command("PRAGMA main.synchronous = FULL")?;
        if access == Access::Read {
            self.command("PRAGMA query_only = ON")?;
        }
        Ok(())
    }

    /// SQLite does not ask the busy handler for the lock that a change of the mode takes.
    fn use_wal(&mut self) -> Result<()> {
        let mut mode = self.journal_mode("PRAGMA main.journal_mode")?;
        let mut attempt = 0;
        while mode != "wal" {
            match self.journal_mode("PRAGMA main.journal_mode = WAL") {
                Ok(changed) if changed == "wal" => mode = changed,
                Ok(kept) => {
                    warn(format!(
                        "this file system keeps SQLite in journal mode {kept}: readers and the writer block each other"
                    ));
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::LockTimeout && self.db.patience().wait(attempt) => {
                    attempt += 1
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn journal_mode(&mut self, sql: &str) -> Result<String> {
        let statement = Statement::unscoped(sql, "session setting");
        let reply = self.run(&statement.returning(&[("journal_mode", LogicalType::Text { max_length: None })]))?;
        let mode = reply.rows.column(0).as_string::<i32>();
        Ok(if mode.is_empty() { String::new() } else { mode.value(0).to_owned() })
    }

    fn command(&mut self, sql: &str) -> Result<()> {
        self.run(&Statement::unscoped(sql, "session setting")).map(drop)
    }

    /// Runs a statement, unless SQLite has ended the transaction it belongs to.
    ///
    /// SQLite rolls back by itself when a write is interrupted or the disk is full; what follows would
    /// be committed statement by statement.
    pub fn run(&mut self, statement: &Statement) -> Result<Reply> {
        self.run_into(statement, None)
    }

    /// As [`Session::run`]; with an outlet the rows of a query go there while they come.
    pub fn run_into(&mut self, statement: &Statement, outlet: Option<&Outlet>) -> Result<Reply> {
        let word = statement.sql.trim().trim_end_matches(';');
        if word.eq_ignore_ascii_case("ROLLBACK") && self.db.is_autocommit() {
            self.lost = false;
            return Ok(Reply { rows: RowSink::new(&[]).finish()?, affected: 0 });
        }
        if self.lost {
            return Err(error::lost_transaction());
        }
        let inside = !self.db.is_autocommit();
        let result = self.execute(statement, outlet);
        match result {
            Err(error) if inside && self.db.is_autocommit() => {
                self.lost = true;
                // A commit record that could not be synced may still be found by the next recovery.
                let unknown = word.eq_ignore_ascii_case("COMMIT") && error.kind() == ErrorKind::DatabaseFailure;
                Err(error.outcome(if unknown { Outcome::Unknown } else { Outcome::RolledBack }))
            }
            result => result,
        }
    }

    fn execute(&mut self, statement: &Statement, outlet: Option<&Outlet>) -> Result<Reply> {
        let sql = &statement.sql;
        let mut kept = match self.kept.iter().position(|(text, _)| text == sql) {
            Some(at) => self.kept.remove(at),
            None => (sql.clone(), Prepared::new(self.db, sql, sql.len() <= LONGEST_KEPT)?),
        };
        let result = execute(self.db, &mut kept.1, statement, outlet);
        // A plan is that of the indexes there were when it was prepared: no later step looks at them.
        if sql.len() <= LONGEST_KEPT && !kept.1.is_explanation() {
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push(kept);
        }
        result
    }
}

fn execute(db: &Db<'_>, prepared: &mut Prepared<'_>, statement: &Statement, outlet: Option<&Outlet>) -> Result<Reply> {
    let given = statement.rows.as_ref().map_or(statement.params.len(), RecordBatch::num_columns);
    // SQLite would take a missing parameter for NULL.
    if prepared.parameters() != given {
        return Err(Error::internal(format!("{given} values for {} parameters", prepared.parameters())));
    }
    let mut chunks = Chunks::new(&statement.returns);
    let mut execution = prepared.start();
    let mut affected = 0;
    match &statement.rows {
        None => {
            bind::bind_params(&mut execution, &statement.params)?;
            affected += drain(db, &mut execution, &statement.returns, &mut chunks, outlet)?;
        }
        Some(batch) => {
            let columns = bind::columns(batch)?;
            let mut run_row = |row| {
                // Between two rows nothing runs that SQLite could interrupt.
                if db.is_interrupted() {
                    return Err(error::cancelled());
                }
                execution.rearm();
                for (at, column) in columns.iter().enumerate() {
                    column.bind(&mut execution, at, row)?;
                }
                drain(db, &mut execution, &statement.returns, &mut chunks, outlet)
            };
            for row in 0..batch.num_rows() {
                affected += run_row(row).map_err(|error| match error.kind() {
                    ErrorKind::Cancelled => error,
                    _ => error.within(&format!("[{row}]")),
                })?;
            }
        }
    }
    drop(execution);
    Ok(Reply { rows: chunks.sink.finish()?, affected })
}

/// Steps to the end; returns the rows written.
fn drain(
    db: &Db<'_>,
    execution: &mut Execution<'_, '_, '_>,
    returns: &[Returned],
    chunks: &mut Chunks<'_>,
    outlet: Option<&Outlet>,
) -> Result<u64> {
    let before = db.total_changes();
    while execution.step()? {
        if returns.is_empty() {
            continue;
        }
        if execution.width() != returns.len() {
            return Err(Error::internal(format!("{} columns where {} are read", execution.width(), returns.len())));
        }
        for (at, (builder, column)) in chunks.sink.columns.iter_mut().zip(returns).enumerate() {
            decode::append(builder, column, execution.cell(at)?)?;
        }
        chunks.sink.end_row();
        if let Some(outlet) = outlet
            && let Some(chunk) = chunks.take_full()?
        {
            outlet.0.blocking_send(chunk).map_err(|_| unwanted())?;
        }
    }
    // `changes` still tells of the last write when this statement wrote nothing.
    Ok(if db.total_changes() == before { 0 } else { db.changes() })
}
