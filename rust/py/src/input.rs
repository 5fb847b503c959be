//! Data on its way in: a list of rows is read here value by value, Arrow when the operation runs.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use dataflow_core::batch::{ColumnBuilder, Given, Kept, Reading, RowsBuilder, Sifted, batch_bytes, normalise, sift};
use dataflow_core::reject::Reject;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind};
use dataflow_db::{Part, Rows};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tokio_util::sync::CancellationToken;

use crate::arrow::{Reader, read_all, read_aside};
use crate::caller::Naming;
use crate::error::OrRaise;
use crate::load::SharedLoad;
use crate::model::Model;
use crate::raw;
use crate::row::{Row, RowReader};
use crate::runtime::{Running, process};
use crate::source::{PieceRows, PyPiece};

/// Rows read between two looks for Ctrl-C: about a millisecond.
const SIGNAL_ROWS: usize = 4_096;

/// Rows, and their bytes, that are checked and encoded in about a millisecond.
const BRIEF_ROWS: usize = 1_000;
const BRIEF_BYTES: usize = 1 << 20;

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
    /// `data` is a list of dicts and instances, a piece of a load, or a pair: an object with an Arrow capsule, and
    /// whether NaN means null in it.
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
        let form = match is_small_table(&capsule)? {
            true => {
                let batches = read_all(reader, &CancellationToken::new()).map_err(|error| form.naming.apply(error));
                Form::Piece(PieceRows::Arrow { batches: batches.or_raise(py)?, reading, made })
            }
            false => Form::Stream { reader, reading, running: process(py)?.running(), made },
        };
        Ok(Input { form, part: None, load: None })
    }

    /// The rows, where they were given one by one and are read.
    pub fn given(&self) -> Option<&Given> {
        match &self.form {
            Form::Piece(PieceRows::Given(given)) => Some(given),
            _ => None,
        }
    }

    /// The numbers of the rows in the data, where they are picked out of it.
    pub fn numbers(&self) -> Option<Arc<[usize]>> {
        match &self.form {
            Form::Piece(PieceRows::Picked { numbers, .. }) => Some(Arc::clone(numbers)),
            _ => None,
        }
    }

    /// Whether checking and encoding the rows takes no longer than an event loop may be held up.
    pub fn is_brief(&self) -> bool {
        let batches = match &self.form {
            Form::Piece(PieceRows::Given(given)) => std::slice::from_ref(&given.batch),
            Form::Piece(PieceRows::Arrow { batches, .. }) => batches,
            _ => return false,
        };
        let sum = |size: fn(&RecordBatch) -> usize| batches.iter().map(size).sum::<usize>();
        sum(RecordBatch::num_rows) <= BRIEF_ROWS && sum(batch_bytes) <= BRIEF_BYTES
    }

    /// The rows, once an Arrow stream has come to its end.
    pub async fn into_rows(
        self,
        model: &Arc<Model>,
        tolerates: Option<bool>,
        cancel: &CancellationToken,
    ) -> dataflow_core::Result<Rows> {
        let (batches, reading, made) = match self.form {
            Form::Piece(PieceRows::Given(given) | PieceRows::Picked { given, .. }) => return Ok(Rows::Given(given)),
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

/// Whether it is a table of pyarrow's with few rows: it lies in memory, and its stream neither blocks nor is Python, so
/// that no other thread has to read it.
fn is_small_table(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    let class = data.get_type();
    if class.module()? != "pyarrow.lib" || !matches!(class.name()?.to_str()?, "Table" | "RecordBatch") {
        return Ok(false);
    }
    Ok(data.getattr(intern!(data.py(), "num_rows"))?.extract::<usize>()? <= BRIEF_ROWS)
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

/// One row of values for an update; errors carry the path `path.field`.
pub fn read_values(model: &Model, values: &Bound<'_, PyDict>, reading: Reading, path: &str) -> PyResult<Given> {
    let mut reader = RowReader::new(values.py(), model, RowsBuilder::new(&model.schema, reading, 1));
    reader.read(values.py(), &Row::Dict(values), false, |error| error.without_row().within(path))?;
    reader.builder.finish().or_raise(values.py())
}

/// Every row is checked value by value while the GIL is held; nothing is sent yet.
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
        // `query/input.py` has made a dict of everything else.
        let fields = match Row::of(model, &row)? {
            Some(fields) => fields,
            None => Row::Dict(row.cast()?),
        };
        reader.read(py, &fields, form.defaults, place)?;
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
