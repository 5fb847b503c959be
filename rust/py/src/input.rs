//! Data on its way in: a list of dicts is read here value by value, Arrow when the operation runs.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use dataflow_core::batch::{ColumnBuilder, Given, Kept, Reading, RowsBuilder, Sifted, normalise, sift};
use dataflow_core::reject::{Reject, is_whole, payload};
use dataflow_core::schema::TableSchema;
use dataflow_core::value::{Raw, Value};
use dataflow_core::{Error, ErrorKind};
use dataflow_db::{Part, Rows};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use tokio_util::sync::CancellationToken;

use crate::arrow::{Reader, read_aside};
use crate::error::{OrRaise, from_py, to_py};
use crate::load::SharedLoad;
use crate::model::Model;
use crate::raw;
use crate::runtime::{Running, process};
use crate::source::{PieceRows, PyPiece};
use crate::table::Naming;

/// Rows read between two looks for Ctrl-C: about a millisecond.
const SIGNAL_ROWS: usize = 4_096;

/// What rows are for, and how they are read.
#[derive(Clone, Copy)]
pub struct RowForm {
    pub reading: Reading,
    /// Gives errors the path that the caller knows the rows by.
    pub naming: Naming,
    /// Whether absent fields get their defaults: only an insert needs them, and a factory may have side effects.
    pub defaults: bool,
    /// None where a row that is refused is an error, else whether such rows are to be kept with their values.
    pub tolerates: Option<bool>,
}

impl RowForm {
    /// A stream, and the columns that it lacks and whose defaults are made once a row.
    pub fn open(self, model: &Model, capsule: &Bound<'_, PyAny>) -> PyResult<(Reader, Vec<usize>)> {
        let reader = Reader::open(capsule).map_err(|error| self.naming.apply(error)).or_raise(capsule.py())?;
        let made = if self.defaults { made_of(model, &reader.schema()) } else { Vec::new() };
        Ok((reader, made))
    }
}

/// Data that an operation takes with it.
pub struct Input {
    form: Form,
    /// Where it is only some of what a load brings.
    pub part: Option<Part>,
    /// The load whose piece it is, and whether it is the last one.
    pub load: Option<(SharedLoad, bool)>,
}

enum Form {
    Piece(PieceRows),
    Stream {
        reader: Reader,
        reading: Reading,
        running: Running,
        /// Columns that the data lacks and whose defaults are made once a row.
        made: Vec<usize>,
    },
}

impl Input {
    /// `data` is a list of dicts, a piece of a load, or a pair: an object with an Arrow capsule, and whether NaN means
    /// null in it.
    pub fn read(model: &Model, data: &Bound<'_, PyAny>, form: RowForm) -> PyResult<Self> {
        let py = data.py();
        if let Ok(rows) = data.cast::<PyList>() {
            let rows = read_rows(model, rows, form)?;
            return Ok(Input { form: Form::Piece(rows), part: None, load: None });
        }
        if let Ok(piece) = data.cast::<PyPiece>() {
            let piece = piece.get();
            return Ok(Input { form: Form::Piece(piece.rows.clone()), part: piece.part(), load: piece.load() });
        }
        let (capsule, nan_is_null): (Bound<'_, PyAny>, bool) = data.extract()?;
        let (reader, made) = form.open(model, &capsule)?;
        let reading = Reading { nan_is_null, ..form.reading };
        let form = Form::Stream { reader, reading, running: process(py)?.running(), made };
        Ok(Input { form, part: None, load: None })
    }

    /// The rows, once an Arrow stream has come to its end.
    pub async fn into_rows(
        self,
        model: &Arc<Model>,
        tolerates: Option<bool>,
        cancel: &CancellationToken,
    ) -> dataflow_core::Result<Rows> {
        let (batches, reading, made) = match self.form {
            Form::Piece(PieceRows::Given(given)) => return Ok(Rows::Given(given)),
            Form::Piece(PieceRows::Sifted(sifted)) => return Ok(Rows::Sifted(sifted)),
            Form::Piece(PieceRows::Arrow { batches, reading, made }) => (batches, reading, made),
            Form::Stream { reader, reading, running, made } => {
                (read_aside(reader, running, cancel).await?, reading, made)
            }
        };
        if made.is_empty() {
            return Ok(Rows::Arrow { batches, reading });
        }
        let model = Arc::clone(model);
        let filled = tokio::task::spawn_blocking(move || match tolerates {
            None => fill_made(&model, &batches, reading, &made).map(Rows::Given),
            Some(keeps) => sift_made(&model, &batches, reading, &made, keeps).map(|rows| Rows::Sifted(Arc::new(rows))),
        });
        filled.await.map_err(|error| Error::internal(error.to_string()))?
    }
}

/// The columns that the data lacks and whose defaults are made once a row.
fn made_of(model: &Model, schema: &Schema) -> Vec<usize> {
    let lacks = |at: &usize| schema.column_with_name(&model.schema.columns[*at].name).is_none();
    (0..model.factories.len()).filter(|&at| model.factories[at].is_some()).filter(lacks).collect()
}

/// The rows with the defaults that Python makes for each of them.
pub fn fill_made(
    model: &Model,
    batches: &[RecordBatch],
    reading: Reading,
    made: &[usize],
) -> dataflow_core::Result<Given> {
    let (mut parts, mut first) = (Vec::with_capacity(batches.len()), 0);
    for batch in batches {
        let given = normalise(&model.schema, batch, reading, first).map_err(|error| error.within("data"))?;
        first += batch.num_rows();
        parts.push(given);
    }
    fill(model, Given::concat(&model.schema, &parts)?, reading, made)
}

/// As [`fill_made`], but rows that are refused are left out; `keeps` says whether they are told with their values.
pub fn sift_made(
    model: &Model,
    batches: &[RecordBatch],
    reading: Reading,
    made: &[usize],
    keeps: bool,
) -> dataflow_core::Result<Sifted> {
    let (mut sifted, mut first) = (Sifted::default(), 0);
    for batch in batches {
        let found = sift(&model.schema, batch, reading, first, keeps);
        let (kept, rejects) = found.map_err(|error| error.within("data"))?;
        first += batch.num_rows();
        let given = fill(model, kept.given, reading, made)?;
        sifted.kept.push(Kept { given, numbers: kept.numbers });
        sifted.rejects.extend(rejects);
    }
    Ok(sifted)
}

fn fill(model: &Model, mut given: Given, reading: Reading, made: &[usize]) -> dataflow_core::Result<Given> {
    for &at in made {
        let column = &model.schema.columns[at];
        let mut builder = ColumnBuilder::new(&column.ty, given.rows());
        for row in 0..given.rows() {
            let placed = |error: Error| error.within(&format!("data[{row}].{}", column.name));
            Python::attach(|py| make_default(py, model, at, reading).and_then(|value| builder.append(&value)))
                .map_err(placed)?;
        }
        given = given.with_defaults(&model.schema, at, builder.finish())?;
    }
    Ok(given)
}

fn make_default(py: Python<'_>, model: &Model, at: usize, reading: Reading) -> dataflow_core::Result<Value<'static>> {
    let failed = |error: PyErr| {
        let name = error.get_type(py).name().map_or_else(|_| "an error".to_owned(), |name| name.to_string());
        Error::new(ErrorKind::UnsupportedData, format!("the default_factory of the field raised {name}"))
    };
    let Some(factory) = &model.factories[at] else {
        return Err(Error::internal("a default without its factory"));
    };
    let default = factory.bind(py).call0().map_err(failed)?;
    model.schema.columns[at].ty.accept(raw::read(&default).map_err(failed)?, reading.floats).map(Value::into_owned)
}

/// One row of values for an update; errors carry the path `updates.field`.
pub fn read_values(model: &Model, values: &Bound<'_, PyDict>, reading: Reading) -> PyResult<Given> {
    let mut reader = RowReader::new(values.py(), model, RowsBuilder::new(&model.schema, reading, 1));
    reader.read(values, false, |error| error.without_row().within("updates"))?;
    reader.builder.finish().or_raise(values.py())
}

/// Every dict is checked value by value while the GIL is held; nothing is sent yet.
fn read_rows(model: &Model, rows: &Bound<'_, PyList>, form: RowForm) -> PyResult<PieceRows> {
    let py = rows.py();
    let mut reader = RowReader::new(py, model, RowsBuilder::new(&model.schema, form.reading, rows.len()));
    reader.tolerates = form.tolerates;
    let place = |error: Error| form.naming.apply(error.within("data"));
    for (at, row) in rows.iter().enumerate() {
        // A long list is read with the GIL held: Ctrl-C is looked for here.
        if at % SIGNAL_ROWS == SIGNAL_ROWS - 1 {
            py.check_signals()?;
        }
        // `query/input.py` has made a dict of everything.
        reader.read(row.cast::<PyDict>().map_err(PyErr::from)?, form.defaults, place)?;
    }
    let RowReader { builder, rejects, .. } = reader;
    let given = builder.finish().or_raise(py)?;
    if form.tolerates.is_none() {
        return Ok(PieceRows::Given(given));
    }
    let kept = without(given, 0, &rejects).or_raise(py)?;
    Ok(PieceRows::Sifted(Arc::new(Sifted { kept: vec![kept], rejects })))
}

/// The rows without those that were refused; `first` is the number of the first.
pub fn without(given: Given, first: usize, rejects: &[Reject]) -> dataflow_core::Result<Kept> {
    let refused: HashSet<usize> = rejects.iter().map(|reject| reject.row).collect();
    let rows = 0..given.rows();
    let kept: Vec<usize> = rows.filter(|row| refused.is_empty() || !refused.contains(&(first + row))).collect();
    let numbers = kept.iter().map(|row| first + row).collect();
    Ok(Kept { given: if kept.len() == given.rows() { given } else { given.take(&kept)? }, numbers })
}

/// Adds dicts to a builder.
pub struct RowReader<'py, 'm> {
    model: &'m Model,
    names: Vec<Bound<'py, PyString>>,
    pub builder: RowsBuilder,
    /// None where a row that is refused is an error, else whether such rows are kept.
    pub tolerates: Option<bool>,
    /// The rows that were refused; the builder has a place for them too.
    pub rejects: Vec<Reject>,
    /// The number of the builder's first row.
    pub first: usize,
}

/// Why a row is not taken.
enum Refusal {
    /// In this column, or behind all of them.
    Row(usize, Error),
    /// It is no fault of the row.
    Failure(PyErr),
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Refusal::Failure(error)
    }
}

impl<'py, 'm> RowReader<'py, 'm> {
    pub fn new(py: Python<'py>, model: &'m Model, builder: RowsBuilder) -> Self {
        let names = model.schema.columns.iter().map(|column| PyString::intern(py, &column.name)).collect();
        RowReader { model, names, builder, tolerates: None, rejects: Vec::new(), first: 0 }
    }

    /// Adds one row; `defaults` says whether absent fields get theirs.
    pub fn read(
        &mut self,
        fields: &Bound<'py, PyDict>,
        defaults: bool,
        place: impl Fn(Error) -> Error,
    ) -> PyResult<()> {
        match (self.push(fields, defaults, &place), self.tolerates) {
            (Ok(()), _) => {
                self.builder.end_row();
                Ok(())
            }
            (Err(Refusal::Row(at, error)), Some(keeps)) => {
                let payload = if keeps { Some(self.payload(fields)?) } else { None };
                self.rejects.push(Reject::new(self.first + self.builder.rows(), &error, payload));
                self.builder.spoil_row(at);
                Ok(())
            }
            (Err(Refusal::Row(_, error)), None) => Err(to_py(fields.py(), &place(error))),
            (Err(Refusal::Failure(error)), _) => Err(error),
        }
    }

    /// Adds the values of a row.
    fn push(
        &mut self,
        fields: &Bound<'py, PyDict>,
        defaults: bool,
        place: &impl Fn(Error) -> Error,
    ) -> Result<(), Refusal> {
        let py = fields.py();
        let unset = &raw::known(py)?.unset;
        let at = self.builder.rows();
        let mut known = 0;
        for (column, name) in self.names.iter().enumerate() {
            let given = fields.get_item(name)?.filter(|value| !value.is(unset));
            known += usize::from(given.is_some());
            let factory = self.model.factories[column].as_ref().filter(|_| defaults && given.is_none());
            if let Some(factory) = factory {
                let default = factory.bind(py).call0()?;
                let pushed = self.builder.push_default(column, raw::read(&default)?);
                pushed.map_err(|error| Refusal::Row(column, error))?;
                continue;
            }
            let given = match (given, &self.model.encoders[column]) {
                (Some(given), Some(encode)) => {
                    let encoded = encode.bind(py).call1((given,));
                    Some(encoded.map_err(|error| self.refused(py, error, column, place))?)
                }
                (given, _) => given,
            };
            let value = given.as_ref().map(raw::read).transpose();
            let value = value.map_err(|error| self.refused(py, error, column, place))?;
            self.builder.push(column, value).map_err(|error| Refusal::Row(column, error))?;
        }
        if known < fields.len() {
            let checked = check_names(&self.model.schema, fields);
            checked.map_err(|error| Refusal::Row(self.names.len(), error.within(&format!("[{at}]"))))?;
        }
        Ok(())
    }

    /// What an encoder raised: its path begins at the value.
    fn refused(&self, py: Python<'_>, error: PyErr, column: usize, place: &impl Fn(Error) -> Error) -> Refusal {
        let name = &self.model.schema.columns[column].name;
        let row = self.builder.rows();
        match from_py(py, &error).filter(|_| self.tolerates.is_some()) {
            Some(read) => Refusal::Row(column, read.path(format!("[{row}].{name}"))),
            None => Refusal::Failure(placed(py, error, row, name, place)),
        }
    }

    /// The row as it was given; what is no value of ours by its `repr`.
    fn payload(&self, fields: &Bound<'py, PyDict>) -> PyResult<String> {
        let unset = &raw::known(fields.py())?.unset;
        let shown = |value: &Bound<'_, PyAny>| {
            value.repr().map_or_else(|_| value.get_type().to_string(), |text| text.to_string())
        };
        let read = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let read = raw::read(&value).ok().filter(is_whole).map(Raw::into_owned);
            (key.to_string(), read.unwrap_or_else(|| Raw::Other(shown(&value).into())))
        };
        let given: Vec<_> = fields.iter().filter(|(_, value)| !value.is(unset)).map(read).collect();
        let fields: Vec<(&str, Raw<'_>)> = given.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        Ok(payload(&fields))
    }
}

/// The error of an encoder, whose path begins at the value, with the path of the value.
fn placed(py: Python<'_>, error: PyErr, row: usize, column: &str, place: &impl Fn(Error) -> Error) -> PyErr {
    let value = error.value(py);
    if let Ok(inner) = value.getattr("path").and_then(|path| path.extract::<Option<String>>()) {
        let start = place(Error::internal("").path(format!("[{row}].{column}"))).detail().path.clone();
        let dot = if inner.as_deref().is_none_or(|inner| inner.starts_with('[')) { "" } else { "." };
        let path = format!("{}{dot}{}", start.unwrap_or_default(), inner.unwrap_or_default());
        value.setattr("path", path).ok();
    }
    error
}

fn check_names(schema: &Arc<TableSchema>, fields: &Bound<'_, PyDict>) -> dataflow_core::Result<()> {
    for name in fields.keys() {
        let name = name.to_string();
        schema.resolve(&name).map_err(|error| error.path(name.clone()))?;
    }
    Ok(())
}
