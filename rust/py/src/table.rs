//! The operations of one table: Python's arguments become a plan, and a plan an [`Operation`](crate::operation).

mod arguments;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dataflow_core::batch::Reading;
use dataflow_core::ledger::EntryKey;
use dataflow_core::plan::{ReadPlan, parse_fields, parse_order};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};
use dataflow_db::{Begin, Context, Database, LoadPiece, StreamPlan, Table, Transaction, Write};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio_util::sync::CancellationToken;

use crate::caller::{Caller, CallerTuple, Naming, renumbered, shifted};
use crate::cut::Most;
use crate::error::OrRaise;
use crate::event::{LabelsTuple, read_labels};
use crate::explain::PyExplainer;
use crate::indexes::PyIndexes;
use crate::input::{Input, RowForm};
use crate::load::{PyLoad, SharedLoad};
use crate::model::Model;
use crate::operation::{Output, Promise, PyOperation};
use crate::page;
use crate::public::Audience;
use crate::ranges::{Cut, PyRanges};
use crate::raw;
use crate::reject::{ToleranceTuple, read_tolerance};
use crate::row::belong_together;
use crate::runtime::Owned;
use crate::settings::{check_update, read_duplicates, read_load_id, read_on_match, read_on_missing};
use crate::source::{PyBuffer, PyStream};
use crate::stream::PyRowStream;
use crate::update::{Updates, read_operators, read_updates};

use arguments::WithinTuple;

#[pyclass(frozen, name = "Table", module = "dataflow._core")]
pub struct PyTable {
    database: Owned<Arc<Database>>,
    table: Arc<Table>,
    pub model: Arc<Model>,
    audience: Audience,
}

impl PyTable {
    pub fn new(database: Arc<Database>, model: Model) -> Self {
        let table = Arc::new(Table::new(Arc::clone(&model.schema)));
        database.add_model(&table);
        PyTable { database: Owned::new(database), table, model: Arc::new(model), audience: Audience::default() }
    }

    /// A table of our own.
    pub fn of(database: Arc<Database>, table: Arc<Table>) -> Self {
        let model = Arc::new(Model::plain(Arc::clone(&table.schema)));
        PyTable { database: Owned::new(database), table, model, audience: Audience::default() }
    }

    fn schema(&self) -> &Arc<TableSchema> {
        &self.model.schema
    }

    fn reading(&self) -> Reading {
        self.database.reading(false)
    }

    fn form(&self, naming: Naming, defaults: bool, tolerates: Option<bool>) -> RowForm {
        RowForm { reading: self.reading(), naming, defaults, tolerates }
    }

    /// A write that needs nothing but what is here already.
    fn write(&self, py: Python<'_>, write: Write, load_id: Option<EntryKey>, caller: Caller) -> PyResult<PyOperation> {
        self.write_input(py, None, Naming::Lone, |_| Ok(write), load_id, None, caller)
    }

    /// A write that takes data.
    #[expect(clippy::too_many_arguments, reason = "one argument a thing that every write of rows has")]
    fn write_input(
        &self,
        py: Python<'_>,
        input: Option<Input>,
        naming: Naming,
        make: impl FnOnce(Option<dataflow_db::Rows>) -> Result<Write> + Send + 'static,
        load_id: Option<EntryKey>,
        tolerance: Option<ToleranceTuple>,
        caller: Caller,
    ) -> PyResult<PyOperation> {
        self.audience.check_writes().or_raise(py)?;
        let tolerance = read_tolerance(py, tolerance)?;
        let (database, table, model) = (Arc::clone(&self.database), Arc::clone(&self.table), Arc::clone(&self.model));
        let load = load_id.map(|key| match input.as_ref().and_then(|input| input.load.clone()) {
            Some((SharedLoad { run, .. }, last)) => LoadPiece { key, last, run },
            None => LoadPiece::whole(key),
        });
        let first = input.as_ref().and_then(|input| input.part.as_ref()).map_or(0, |part| part.first);
        let numbers = input.as_ref().and_then(Input::numbers);
        let brief = input.as_ref().is_none_or(Input::is_brief);
        let operation = PyOperation::new(py, caller.promise(), |cancel| {
            Box::pin(async move {
                let named = |error| match &numbers {
                    None => shifted(naming.apply(error), first),
                    Some(numbers) => renumbered(naming.apply(error), |row| numbers.get(row).copied().unwrap_or(row)),
                };
                let tolerates = tolerance.as_ref().map(|tolerance| tolerance.quarantine.is_some());
                let rows = match input {
                    Some(input) => Some(input.into_rows(&model, tolerates, &cancel).await.map_err(named)?),
                    None => None,
                };
                let written = database.write(&table, make(rows)?, load, tolerance, &caller.context(cancel)).await;
                Ok(Output::Written(Box::new(written.map_err(named)?), model))
            })
        })?;
        Ok(if brief { operation.brief() } else { operation })
    }
}

fn rows_of(rows: Option<dataflow_db::Rows>) -> Result<dataflow_db::Rows> {
    rows.ok_or_else(|| Error::internal("a write of rows without rows"))
}

/// None where no row may be refused, else whether such rows are kept.
fn keeps(tolerance: Option<&ToleranceTuple>) -> Option<bool> {
    tolerance.map(|(_, _, _, quarantine)| quarantine.is_some())
}

#[pymethods]
impl PyTable {
    /// The model that each relation leads to, and whether there may be several of its rows.
    fn relations(&self) -> BTreeMap<String, (String, bool)> {
        self.database.models().relations(self.schema())
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn append(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        return_rows: bool,
        single: bool,
        load_id: Option<&str>,
        tolerance: Option<ToleranceTuple>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let input = Input::read(&self.model, data, self.form(Naming::of(single), true, keeps(tolerance.as_ref())))?;
        let part = input.part.clone();
        let make = move |rows| Ok(Write::Append { rows: rows_of(rows)?, return_rows, part });
        self.write_input(py, Some(input), Naming::of(single), make, read_load_id(py, load_id)?, tolerance, caller)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn upsert(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        conflict_on: Option<Vec<String>>,
        on_conflict: &str,
        duplicates: &str,
        update_fields: Option<Vec<String>>,
        updates: Option<&Bound<'_, PyDict>>,
        return_rows: bool,
        single: bool,
        within: Option<WithinTuple<'_>>,
        load_id: Option<&str>,
        tolerance: Option<ToleranceTuple>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let within = within.map(|within| self.within(&within)).transpose()?;
        let input = Input::read(&self.model, data, self.form(Naming::of(single), true, keeps(tolerance.as_ref())))?;
        let conflict_on = self.target(py, conflict_on)?;
        let update = update_fields.map(|names| self.columns(py, &names, "update_fields")).transpose()?;
        check_update(self.schema(), &conflict_on, update.as_deref()).or_raise(py)?;
        let operators = match (updates, input.given()) {
            (Some(updates), Some(row)) => {
                Some(read_operators(&self.model, updates, self.reading(), row, &conflict_on)?)
            }
            _ => None,
        };
        let on_match = read_on_match(on_conflict)?;
        let duplicates = read_duplicates(duplicates)?;
        let part = input.part.clone();
        let make = move |rows| {
            let rows = rows_of(rows)?;
            Ok(Write::Upsert { rows, conflict_on, on_match, duplicates, update, operators, return_rows, part, within })
        };
        self.write_input(py, Some(input), Naming::of(single), make, read_load_id(py, load_id)?, tolerance, caller)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn update_rows(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        on_missing: &str,
        duplicates: &str,
        return_rows: bool,
        load_id: Option<&str>,
        tolerance: Option<ToleranceTuple>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let input = Input::read(&self.model, data, self.form(Naming::Data, false, keeps(tolerance.as_ref())))?;
        let (on_missing, duplicates) = (read_on_missing(on_missing)?, read_duplicates(duplicates)?);
        let part = input.part.clone();
        let make =
            move |rows| Ok(Write::UpdateRows { rows: rows_of(rows)?, on_missing, duplicates, return_rows, part });
        self.write_input(py, Some(input), Naming::Data, make, read_load_id(py, load_id)?, tolerance, caller)
    }

    fn update_one(
        &self,
        py: Python<'_>,
        filter: &Bound<'_, PyAny>,
        updates: &Bound<'_, PyDict>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let Updates { values, update } = read_updates(&self.model, updates, self.reading())?;
        let filter = self.bounded(filter, false, "filter")?;
        self.write(py, Write::UpdateOne { filter, values, update }, None, Caller::read(py, caller)?)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn update_matching(
        &self,
        py: Python<'_>,
        filter: &Bound<'_, PyAny>,
        updates: &Bound<'_, PyDict>,
        max_affected: Option<u64>,
        all_rows: bool,
        return_rows: bool,
        load_id: Option<&str>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let Updates { values, update } = read_updates(&self.model, updates, self.reading())?;
        let filter = self.bounded(filter, all_rows, "filter")?;
        let write = Write::UpdateMatching { filter, values, update, max_affected, return_rows };
        self.write(py, write, read_load_id(py, load_id)?, Caller::read(py, caller)?)
    }

    fn delete_one(
        &self,
        py: Python<'_>,
        filter: &Bound<'_, PyAny>,
        version: Option<i64>,
        hard: bool,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let filter = self.bounded(filter, false, "filter")?;
        self.write(py, Write::DeleteOne { filter, version, hard }, None, Caller::read(py, caller)?)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn delete_matching(
        &self,
        py: Python<'_>,
        filter: &Bound<'_, PyAny>,
        max_affected: Option<u64>,
        hard: bool,
        all_rows: bool,
        return_rows: bool,
        load_id: Option<&str>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let filter = self.bounded(filter, all_rows, "filter")?;
        let write = Write::DeleteMatching { filter, max_affected, hard, return_rows };
        self.write(py, write, read_load_id(py, load_id)?, Caller::read(py, caller)?)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn delete_rows(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        hard: bool,
        return_rows: bool,
        load_id: Option<&str>,
        tolerance: Option<ToleranceTuple>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let input = Input::read(&self.model, data, self.form(Naming::Keys, false, keeps(tolerance.as_ref())))?;
        let part = input.part.clone();
        let make = move |rows| Ok(Write::DeleteRows { rows: rows_of(rows)?, hard, return_rows, part });
        self.write_input(py, Some(input), Naming::Keys, make, read_load_id(py, load_id)?, tolerance, caller)
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn read(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        order_by: Vec<String>,
        limit: Option<u64>,
        include_deleted: bool,
        include: Vec<Bound<'_, PyAny>>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let fields = self.audience.fields(&order_by, None).or_raise(py)?;
        let (include, model) = self.including(py, &include)?;
        let plan = ReadPlan {
            columns: fields.map(|names| parse_fields(self.schema(), &names)).transpose().or_raise(py)?,
            order: parse_order(self.schema(), &order_by).or_raise(py)?,
            limit,
            include_deleted,
            include,
            ..self.selected(py, filter)?
        };
        let plan = self.audience.plan(plan).or_raise(py)?;
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let audience = self.audience.clone();
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = audience.within(caller.context(cancel));
            Box::pin(async move {
                let batch = database.read(&table, plan, &context).await.map_err(|error| audience.told(error))?;
                Ok(Output::Batch(batch, model))
            })
        })
        .map(PyOperation::brief)
    }

    /// `place` is a cursor and `after` or `before`; `total` is `none`, `estimate` or `exact`.
    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn page(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        order_by: Vec<String>,
        limit: Option<u64>,
        offset: u64,
        place: Option<(String, String)>,
        fields: Option<Vec<String>>,
        distinct: bool,
        include_deleted: bool,
        total: &str,
        include: Vec<Bound<'_, PyAny>>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        self.audience.check_limit(limit).or_raise(py)?;
        let fields = self.audience.fields(&order_by, fields).or_raise(py)?;
        let (include, model) = self.including(py, &include)?;
        let selected = ReadPlan { limit, offset, distinct, include_deleted, include, ..self.selected(py, filter)? };
        let plan = page::plan(self.audience.plan(selected).or_raise(py)?, &order_by, fields.as_deref()).or_raise(py)?;
        let options = page::options(place, total)?;
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let audience = self.audience.clone();
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = audience.within(caller.context(cancel));
            Box::pin(async move {
                let page = database.page(&table, plan, options, &context).await;
                let page = page.map_err(|error| audience.told(error))?;
                Ok(Output::Page(Box::new(page), model))
            })
        })
        .map(PyOperation::brief)
    }

    /// Nothing is read before its first chunk.
    fn rows(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        order_by: Vec<String>,
        fields: Option<Vec<String>>,
        include_deleted: bool,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyRowStream> {
        let fields = self.audience.fields(&order_by, fields).or_raise(py)?;
        let selected = ReadPlan { include_deleted, ..self.selected(py, filter)? };
        let plan = page::plan(self.audience.plan(selected).or_raise(py)?, &order_by, fields.as_deref()).or_raise(py)?;
        let context = self.audience.within(Caller::read(py, caller)?.context(CancellationToken::new()));
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let read = StreamPlan { database, table, plan, context };
        Ok(PyRowStream::new(read, Arc::clone(&self.model), self.audience.clone()))
    }

    fn count(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        include_deleted: bool,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        self.audience.check_deleted(include_deleted).or_raise(py)?;
        let filter = self.filter(py, filter)?;
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let audience = self.audience.clone();
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = audience.within(caller.context(cancel));
            Box::pin(async move {
                let count = database.count(&table, filter, include_deleted, &context).await;
                Ok(Output::Count(count.map_err(|error| audience.told(error))?))
            })
        })
        .map(PyOperation::brief)
    }

    fn aggregate(
        &self,
        py: Python<'_>,
        pipeline: &Bound<'_, PyAny>,
        include_deleted: bool,
        table_of: &Bound<'_, PyAny>,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        self.audience.check_deleted(include_deleted).or_raise(py)?;
        let (models, floats) = (self.database.models(), self.database.floats());
        let pipeline = self.audience.pipeline(self.schema(), &models, raw::read(pipeline)?, floats).or_raise(py)?;
        let other = |other: &Arc<TableSchema>| {
            let table = table_of.call1((&other.model,))?;
            Ok(Arc::clone(&table.cast::<Self>()?.get().model))
        };
        let others: Vec<_> = pipeline.lookups.iter().map(other).collect::<PyResult<_>>()?;
        let model = Arc::new(self.model.of_pipeline(py, &pipeline, &others).or_raise(py)?);
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let audience = self.audience.clone();
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = audience.within(caller.context(cancel));
            Box::pin(async move {
                let batch = database.aggregate(&table, pipeline, include_deleted, &context).await;
                let batch = batch.map_err(|error| audience.told(error))?;
                audience.check_rows(batch.num_rows())?;
                Ok(Output::Batch(batch, model))
            })
        })
        .map(PyOperation::brief)
    }

    /// The table to callers who are not trusted.
    fn public(
        &self,
        py: Python<'_>,
        fields: Vec<(String, Option<Vec<String>>)>,
        pipelines: bool,
        max_rows: u64,
        timeout_s: f64,
    ) -> PyResult<Self> {
        let timeout =
            Duration::try_from_secs_f64(timeout_s).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let audience = Audience::public(self.schema(), &fields, pipelines, max_rows, timeout).or_raise(py)?;
        let (table, model) = (Arc::clone(&self.table), Arc::clone(&self.model));
        Ok(PyTable { database: Owned::new(Arc::clone(&self.database)), table, model, audience })
    }

    /// Whether rows are found by their key.
    #[getter]
    fn shows_key(&self) -> bool {
        self.audience.shows(&self.schema().key)
    }

    /// `convert` makes a dict, or data with an Arrow capsule, of an item that is no dict; `defaults` says whether
    /// absent fields get theirs.
    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn buffer(
        &self,
        convert: Py<PyAny>,
        rows: usize,
        bytes: usize,
        keys: bool,
        defaults: bool,
        tolerates: Option<bool>,
        load: Option<&Bound<'_, PyLoad>>,
    ) -> PyBuffer {
        let form = self.form(Naming::of_items(keys), defaults, tolerates);
        let load = load.map(|load| load.get().shared());
        PyBuffer::new(Arc::clone(&self.model), form, Most { rows, bytes }, convert, load)
    }

    fn stream(
        &self,
        data: &Bound<'_, PyAny>,
        rows: usize,
        bytes: usize,
        keys: bool,
        defaults: bool,
        load: Option<&Bound<'_, PyLoad>>,
    ) -> PyResult<PyStream> {
        let (form, load) = (self.form(Naming::of_items(keys), defaults, None), load.map(|load| load.get().shared()));
        PyStream::open(&self.model, data, form, Most { rows, bytes }, load)
    }

    /// All rows of the data, cut by the columns that say which are the same: the key, unless others are named. `found`
    /// says whether every row needs them, `keys` whether the data is called so.
    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn ranges(
        &self,
        data: &Bound<'_, PyAny>,
        conflict_on: Option<Vec<String>>,
        duplicates: &str,
        found: bool,
        keys: bool,
        defaults: bool,
        rows: usize,
    ) -> PyResult<PyRanges> {
        let py = data.py();
        let naming = Naming::of_items(keys);
        let input = Input::read(&self.model, data, self.form(naming, defaults, None))?;
        let target = self.target(py, conflict_on)?;
        let cut = Cut { target, duplicates: read_duplicates(duplicates)?, found, rows };
        Ok(PyRanges::new(Arc::clone(&self.model), input, naming, cut))
    }

    fn explainer(&self) -> PyExplainer {
        PyExplainer::new(Arc::clone(&self.database), Arc::clone(&self.table))
    }

    fn indexes(&self) -> PyIndexes {
        PyIndexes::new(Arc::clone(&self.database), Arc::clone(&self.table))
    }

    /// Connections that may write at the same time, and those that may read.
    #[getter]
    fn connections(&self) -> (usize, usize) {
        self.database.connections()
    }

    fn belong_together(&self, rows: &Bound<'_, PyAny>) -> PyResult<bool> {
        belong_together(&self.model, rows)
    }

    /// The transaction of a load; `changes` says whether it reads rows to change them.
    fn begin(&self, py: Python<'_>, changes: bool, labels: LabelsTuple) -> PyResult<PyOperation> {
        let (database, labels) = (Arc::clone(&self.database), read_labels(labels));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let begin = Begin { changes, ..Begin::default() };
                Ok(Output::Transaction(Transaction::begin(&database, begin, cancel, labels).await?))
            })
        })
    }

    /// Makes the table, and the ledger where `named`.
    fn ensure(&self, py: Python<'_>, named: bool) -> PyResult<PyOperation> {
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = Context { cancel, ..Context::default() };
            Box::pin(async move {
                database.make_ready(&table, &context).await?;
                if named {
                    database.make_ready(database.ledger(), &context).await?;
                }
                Ok(Output::Nothing)
            })
        })
    }
}
