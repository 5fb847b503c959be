//! Changes and removals of the one row that a filter or a key names.

use arrow_array::RecordBatch;
use dataflow_core::batch::{Given, cell, check_rows};
use dataflow_core::filter::Filter;
use dataflow_core::merge::{Duplicates, OnMatch, OnMissing, Rules, changed_columns, meet, merged, stale};
use dataflow_core::plan::Selection;
use dataflow_core::schema::Role;
use dataflow_core::update::Update;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::counts::Changed;
use super::{Counts, Writer, Written};
use crate::session::Session;

impl Writer<'_> {
    /// The one row that matches, locked.
    async fn find_one(&self, session: &mut Session, filter: &Filter, include_deleted: bool) -> Result<RecordBatch> {
        let found = self.find(session, Selection::Matching(filter.clone()), Some(2), include_deleted).await?;
        match found.num_rows() {
            1 => Ok(found),
            0 => Err(Error::new(ErrorKind::NotFound, format!("no {} matches; nothing was written", self.table.model))),
            _ => Err(Error::new(
                ErrorKind::MultipleRows,
                format!("more than one {} matches; nothing was written", self.table.model),
            )
            .hint("name the row by its key, or change many with bulk_update or bulk_delete")),
        }
    }

    pub(super) async fn update_one(
        &self,
        session: &mut Session,
        filter: &Filter,
        values: &Given,
        update: &Update,
    ) -> Result<Written> {
        let stored = self.find_one(session, filter, false).await?;
        let values = &update.resolve(&self.table, values, &stored, self.now)?;
        let rules = self.update_rules();
        let fates = [meet(&self.table, values, 0, &stored, 0, &rules)?];
        let changed = merged(&self.table, values, &stored, &fates, &rules)?;
        check_rows(&self.table, &changed)?;
        self.put(session, &changed, &changed_columns(&self.table, values, &stored, &fates, &rules)).await?;
        let counts = Counts::of(&fates);
        let events = vec![Changed::new("update", counts.updated, &self.table, Some(&changed))?];
        let rows = if changed.num_rows() == 1 { changed } else { stored };
        Ok(Written { counts, rows: Some(rows), changed: events, ..Written::default() })
    }

    /// The rules for rows that were found.
    pub(super) fn update_rules(&self) -> Rules {
        let (on_match, on_missing, duplicates) = (OnMatch::Update, OnMissing::Refuse, Duplicates::Refuse);
        Rules { target: self.table.key.clone(), on_match, on_missing, duplicates, update: None, now: self.now }
    }

    pub(super) async fn delete_one(
        &self,
        session: &mut Session,
        filter: &Filter,
        version: Option<i64>,
        hard: bool,
    ) -> Result<Written> {
        let stored = self.find_one(session, filter, hard).await?;
        if let (Some(at), Some(version)) = (self.table.role(Role::Version), version)
            && !cell(&self.table.columns[at].ty, stored.column(at), 0)?.same(&Value::Int(version))
        {
            return Err(stale(&self.table).path(self.table.columns[at].name.clone()));
        }
        let deleted = self.remove_found(session, &stored, hard).await?;
        self.deleted(Counts { deleted, ..Counts::default() }, Some(&stored))
    }
}
