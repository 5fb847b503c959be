//! The operations of one table: Python's arguments become a plan, and a plan an [`Operation`](crate::operation).

use std::sync::Arc;

use dataflow_core::batch::Reading;
use dataflow_core::event::Labels;
use dataflow_core::filter::{Filter, parse};
use dataflow_core::ledger::EntryKey;
use dataflow_core::merge::{Duplicates, OnMatch, OnMissing};
use dataflow_core::plan::{ReadPlan, Selection, TenantId, parse_fields, parse_order};
use dataflow_core::schema::{Role, TableSchema};
use dataflow_core::{Error, ErrorKind, Result};
use dataflow_db::{Begin, Context, Database, LoadPiece, Table, Transaction, Within, Write};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio_util::sync::CancellationToken;

use crate::cut::Most;
use crate::error::OrRaise;
use crate::event::{LabelsTuple, read_labels};
use crate::input::{Input, RowForm, read_values};
use crate::load::{PyLoad, SharedLoad};
use crate::model::Model;
use crate::operation::{Output, Promise, PyOperation};
use crate::raw;
use crate::reject::{ToleranceTuple, read_tolerance};
use crate::runtime::Owned;
use crate::source::{PyBuffer, PyStream};
use crate::transaction::PyTransaction;

#[pyclass(frozen, name = "Table", module = "dataflow._core")]
pub struct PyTable {
    database: Owned<Arc<Database>>,
    table: Arc<Table>,
    model: Arc<Model>,
}

impl PyTable {
    pub fn new(database: Arc<Database>, model: Model) -> Self {
        let table = Arc::new(Table::new(Arc::clone(&model.schema)));
        PyTable { database: Owned::new(database), table, model: Arc::new(model) }
    }

    /// A table of our own.
    pub fn of(database: Arc<Database>, table: Arc<Table>) -> Self {
        let model = Arc::new(Model::plain(Arc::clone(&table.schema)));
        PyTable { database: Owned::new(database), table, model }
    }

    fn schema(&self) -> &Arc<TableSchema> {
        &self.model.schema
    }

    fn reading(&self) -> Reading {
        self.database.reading(false)
    }

    fn filter(&self, py: Python<'_>, filter: Option<&Bound<'_, PyAny>>) -> PyResult<Filter> {
        match filter {
            None => Ok(Filter::And(Vec::new())),
            Some(filter) => parse(self.schema(), raw::read(filter)?, self.database.floats()).or_raise(py),
        }
    }

    /// The filter of a change, which names some rows unless `all_rows` says that every one is meant; the caller calls it
    /// `path`.
    fn bounded(&self, filter: &Bound<'_, PyAny>, all_rows: bool, path: &str) -> PyResult<Filter> {
        let parsed = parse(self.schema(), raw::read(filter)?, self.database.floats());
        let parsed = parsed.map_err(|error| called(error, path)).or_raise(filter.py())?;
        if parsed.is_everything() && !all_rows {
            let error = Error::new(ErrorKind::UnfilteredWrite, "the filter matches every row; nothing was written")
                .path(path)
                .hint("say all_rows=True in the bulk operation if every row is meant");
            return Err(error).or_raise(filter.py());
        }
        Ok(parsed)
    }

    fn within(&self, (filter, all_rows, hard, max_affected): &WithinTuple<'_>) -> PyResult<Within> {
        let filter = self.bounded(filter, *all_rows, "within")?;
        Ok(Within { filter, hard: *hard, max_affected: *max_affected })
    }

    fn columns(&self, py: Python<'_>, names: &[String], path: &str) -> PyResult<Vec<usize>> {
        let resolve = |(at, name): (usize, &String)| {
            self.schema().resolve(name).map_err(|error| error.path(format!("{path}[{at}]")))
        };
        names.iter().enumerate().map(resolve).collect::<Result<_>>().or_raise(py)
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
        let tolerance = read_tolerance(py, tolerance)?;
        let (database, table, model) = (Arc::clone(&self.database), Arc::clone(&self.table), Arc::clone(&self.model));
        let load = load_id.map(|key| match input.as_ref().and_then(|input| input.load.clone()) {
            Some((SharedLoad { run, .. }, last)) => LoadPiece { key, last, run },
            None => LoadPiece::whole(key),
        });
        let first = input.as_ref().and_then(|input| input.part.as_ref()).map_or(0, |part| part.first);
        PyOperation::new(py, caller.promise(), |cancel| {
            Box::pin(async move {
                let named = |error| shifted(naming.apply(error), first);
                let tolerates = tolerance.as_ref().map(|tolerance| tolerance.quarantine.is_some());
                let rows = match input {
                    Some(input) => Some(input.into_rows(&model, tolerates, &cancel).await.map_err(named)?),
                    None => None,
                };
                let written = database.write(&table, make(rows)?, load, tolerance, &caller.context(cancel)).await;
                Ok(Output::Written(Box::new(written.map_err(named)?), model))
            })
        })
    }
}

/// The error about a filter that the caller calls otherwise.
fn called(error: Error, name: &str) -> Error {
    match error.detail().path.as_deref().and_then(|path| path.strip_prefix("filter")) {
        Some(rest) => {
            let path = format!("{name}{rest}");
            error.path(path)
        }
        None => error,
    }
}

/// What errors call the data.
#[derive(Clone, Copy)]
pub enum Naming {
    /// `data[3].name`.
    Data,
    /// `name`: the row was given alone.
    Lone,
    /// `keys[3].name`.
    Keys,
}

impl Naming {
    fn of(single: bool) -> Self {
        if single { Naming::Lone } else { Naming::Data }
    }

    fn of_items(keys: bool) -> Self {
        if keys { Naming::Keys } else { Naming::Data }
    }

    pub fn apply(self, error: Error) -> Error {
        match (self, error.detail().path.as_deref().and_then(|path| path.strip_prefix("data"))) {
            (Naming::Data, _) => error,
            (Naming::Lone, _) => error.without_row(),
            (Naming::Keys, Some(rest)) => {
                let path = format!("keys{rest}");
                error.path(path)
            }
            (Naming::Keys, None) => error,
        }
    }
}

/// The error with the row of its path counted from the begin of a load, of which `first` rows came before.
pub fn shifted(error: Error, first: usize) -> Error {
    let placed = ["data", "keys"].into_iter().find_map(|name| {
        let row = error.detail().path.as_deref()?.strip_prefix(name)?;
        Some((name, row.to_owned()))
    });
    match placed {
        Some((name, row)) if first > 0 && row.starts_with('[') => {
            error.path(row).renumbered(|row| first + row).within(name)
        }
        _ => error,
    }
}

/// In whose name an operation was called: the transaction, the tenant, the time where it is not the system's, and the
/// labels of a workflow.
pub struct Caller {
    transaction: Option<Arc<dataflow_db::Transaction>>,
    tenant: Option<TenantId>,
    now_us: Option<i64>,
    labels: Option<Arc<Labels>>,
}

/// The stored rows that data stands for: a filter, whether it may find every row, whether a soft delete is none, and the
/// most rows that may go.
type WithinTuple<'py> = (Bound<'py, PyAny>, bool, bool, Option<u64>);

/// As `dataflow.query.handle` hands it over.
pub type CallerTuple<'py> = (Option<Bound<'py, PyTransaction>>, Option<String>, Option<i64>, LabelsTuple);

impl Caller {
    pub fn read(py: Python<'_>, (transaction, tenant, now_us, labels): CallerTuple<'_>) -> PyResult<Self> {
        let tenant = tenant.as_deref().map(TenantId::new).transpose().or_raise(py)?;
        let transaction = transaction.map(|transaction| transaction.get().shared());
        Ok(Caller { transaction, tenant, now_us, labels: read_labels(labels) })
    }

    /// What the success of a write means for the data.
    pub fn promise(&self) -> Promise {
        if self.transaction.is_some() { Promise::Reads } else { Promise::Commits }
    }

    pub fn context(self, cancel: CancellationToken) -> Context {
        let Caller { transaction, tenant, now_us, labels } = self;
        Context { transaction, tenant, cancel, now_us, labels }
    }
}

fn rows_of(rows: Option<dataflow_db::Rows>) -> Result<dataflow_db::Rows> {
    rows.ok_or_else(|| Error::internal("a write of rows without rows"))
}

/// None where no row may be refused, else whether such rows are kept.
fn keeps(tolerance: Option<&ToleranceTuple>) -> Option<bool> {
    tolerance.map(|(_, _, _, quarantine)| quarantine.is_some())
}

fn read_load_id(py: Python<'_>, load_id: Option<&str>) -> PyResult<Option<EntryKey>> {
    load_id.map(EntryKey::new).transpose().map_err(|error| error.path("load_id")).or_raise(py)
}

fn read_duplicates(text: &str) -> PyResult<Duplicates> {
    Ok(match text {
        "error" => Duplicates::Refuse,
        "first" => Duplicates::First,
        "last" => Duplicates::Last,
        _ => return Err(PyValueError::new_err("duplicates")),
    })
}

#[pymethods]
impl PyTable {
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
        let conflict_on = match conflict_on {
            None => self.schema().key.clone(),
            Some(names) => {
                let columns = self.columns(py, &names, "conflict_on")?;
                conflict_target(self.schema(), columns).or_raise(py)?
            }
        };
        let update = update_fields.map(|names| self.columns(py, &names, "update_fields")).transpose()?;
        check_update(self.schema(), &conflict_on, update.as_deref()).or_raise(py)?;
        let on_match = match on_conflict {
            "update" => OnMatch::Update,
            "ignore" => OnMatch::Ignore,
            "error" => OnMatch::Refuse,
            _ => return Err(PyValueError::new_err("on_conflict")),
        };
        let duplicates = read_duplicates(duplicates)?;
        let part = input.part.clone();
        let make = move |rows| {
            let rows = rows_of(rows)?;
            Ok(Write::Upsert { rows, conflict_on, on_match, duplicates, update, return_rows, part, within })
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
        let on_missing = match on_missing {
            "skip" => OnMissing::Skip,
            "error" => OnMissing::Refuse,
            _ => return Err(PyValueError::new_err("on_missing")),
        };
        let duplicates = read_duplicates(duplicates)?;
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
        let values = read_values(&self.model, updates, self.reading())?;
        let filter = self.bounded(filter, false, "filter")?;
        self.write(py, Write::UpdateOne { filter, values }, None, Caller::read(py, caller)?)
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
        let values = read_values(&self.model, updates, self.reading())?;
        let filter = self.bounded(filter, all_rows, "filter")?;
        let write = Write::UpdateMatching { filter, values, max_affected, return_rows };
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
        offset: u64,
        fields: Option<Vec<String>>,
        include_deleted: bool,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let plan = ReadPlan {
            table: Arc::clone(self.schema()),
            columns: fields.map(|names| parse_fields(self.schema(), &names)).transpose().or_raise(py)?,
            selection: Selection::Matching(self.filter(py, filter)?),
            order: parse_order(self.schema(), &order_by).or_raise(py)?,
            limit,
            offset,
            include_deleted,
            lock: false,
        };
        let caller = Caller::read(py, caller)?;
        let (database, table, model) = (Arc::clone(&self.database), Arc::clone(&self.table), Arc::clone(&self.model));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let batch = database.read(&table, plan, &caller.context(cancel)).await?;
                Ok(Output::Batch(batch, model))
            })
        })
    }

    fn count(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        include_deleted: bool,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let filter = self.filter(py, filter)?;
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let count = database.count(&table, filter, include_deleted, &caller.context(cancel)).await?;
                Ok(Output::Count(count))
            })
        })
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

/// Fields that find a row, its key and its version are never changed by an upsert.
fn check_update(table: &TableSchema, conflict_on: &[usize], update: Option<&[usize]>) -> Result<()> {
    let kept =
        |at: &usize| table.key.contains(at) || conflict_on.contains(at) || table.columns[*at].role == Role::Version;
    match update {
        Some(update) if update.iter().all(kept) => {
            Err(Error::new(ErrorKind::InvalidOption, "update_fields names no field that an upsert could change")
                .path("update_fields")
                .hint(
                    "key, version and the fields of conflict_on stay as they are; on_conflict=\"ignore\" changes none",
                ))
        }
        _ => Ok(()),
    }
}

/// Only the key and the unique sets of the model can say that two rows are the same.
fn conflict_target(table: &TableSchema, columns: Vec<usize>) -> Result<Vec<usize>> {
    let same = |set: &&Vec<usize>| set.len() == columns.len() && set.iter().all(|at| columns.contains(at));
    let known = std::iter::once(&table.key).chain(&table.unique);
    match known.into_iter().find(same) {
        Some(set) => Ok(set.clone()),
        None => {
            let sets = std::iter::once(&table.key).chain(&table.unique);
            let sets: Vec<_> = sets.map(|set| format!("({})", table.names(set).join(", "))).collect();
            Err(Error::new(ErrorKind::InvalidOption, format!("{} has no unique set of these fields", table.model))
                .path("conflict_on")
                .hint(format!("the sets are {}", sets.join(", "))))
        }
    }
}
