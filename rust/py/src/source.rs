//! The rows of a load, one piece at a time: out of an Arrow stream, or out of Python's objects.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use dataflow_core::batch::{Given, Kept, Reading, RowsBuilder, Sifted, batch_bytes};
use dataflow_core::reject::Reject;
use dataflow_core::{Error, Result};
use dataflow_db::{Part, SeenKeys};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio_util::sync::CancellationToken;

use crate::arrow::aside;
use crate::caller::{Naming, shifted};
use crate::cut::{Cut, Cutter, Most, Taken};
use crate::error::{OrRaise, to_py};
use crate::input::{RowForm, fill_made, sift_made, without};
use crate::load::SharedLoad;
use crate::model::Model;
use crate::operation::{Output, Promise, PyOperation};
use crate::row::{Row, RowReader};
use crate::runtime::process;

/// Rows read between two looks for Ctrl-C: about a millisecond.
const SIGNAL_ROWS: usize = 4_096;
/// Room for the rows of a first piece, whose number is not known.
const FIRST_ROWS: usize = 1_024;

/// Rows of a piece, as they came.
#[derive(Clone)]
pub enum PieceRows {
    Given(Given),
    Arrow {
        batches: Vec<RecordBatch>,
        reading: Reading,
        made: Vec<usize>,
    },
    Sifted(Arc<Sifted>),
    /// Some of the rows, with their numbers in the data.
    Picked {
        given: Given,
        numbers: Arc<[usize]>,
    },
}

#[pyclass(frozen, name = "Piece", module = "dataflow._core")]
pub struct PyPiece {
    pub rows: PieceRows,
    part: Part,
    #[pyo3(get)]
    ended: bool,
    /// Of its rows as they lie in Arrow, by which pieces are cut.
    #[pyo3(get)]
    nbytes: usize,
    load: Option<SharedLoad>,
}

impl PyPiece {
    /// Some rows of data that is all there.
    pub fn picked(given: Given, numbers: Arc<[usize]>, ended: bool) -> Self {
        let part = Part { first: 0, seen: Arc::default() };
        let nbytes = batch_bytes(&given.batch);
        PyPiece { rows: PieceRows::Picked { given, numbers }, part, ended, nbytes, load: None }
    }

    /// Whether it may be all there is, or says nothing of the pieces before it.
    fn stands_alone(&self) -> bool {
        matches!(self.rows, PieceRows::Picked { .. })
    }

    /// Its place in the load; None for a piece that is all of it, and will be written as a whole.
    pub fn part(&self) -> Option<Part> {
        let cut = self.load.as_ref().is_some_and(|load| load.resumable);
        ((self.part.first > 0 || !self.ended || cut) && !self.stands_alone()).then(|| self.part.clone())
    }

    /// The load with a name that it belongs to, and whether it is the last piece.
    pub fn load(&self) -> Option<(SharedLoad, bool)> {
        self.load.clone().map(|load| (load, self.ended))
    }
}

#[pymethods]
impl PyPiece {
    fn __len__(&self) -> usize {
        match &self.rows {
            PieceRows::Given(given) | PieceRows::Picked { given, .. } => given.rows(),
            PieceRows::Arrow { batches, .. } => batches.iter().map(RecordBatch::num_rows).sum(),
            PieceRows::Sifted(sifted) => sifted.count(),
        }
    }
}

/// An Arrow stream that is read by operations: its producer may block, or be Python.
#[pyclass(frozen, name = "Stream", module = "dataflow._core")]
pub struct PyStream {
    state: Arc<Mutex<StreamState>>,
}

struct StreamState {
    frame: Frame,
    naming: Naming,
    most: Most,
    part: Part,
    load: Option<SharedLoad>,
}

impl PyStream {
    pub fn open(
        model: &Model,
        data: &Bound<'_, PyAny>,
        form: RowForm,
        most: Most,
        load: Option<SharedLoad>,
    ) -> PyResult<Self> {
        let state = StreamState {
            frame: Frame::open(model, data, form)?,
            naming: form.naming,
            most,
            part: Part { first: 0, seen: Arc::new(Mutex::new(SeenKeys::default())) },
            load,
        };
        Ok(PyStream { state: Arc::new(Mutex::new(state)) })
    }
}

impl StreamState {
    fn next(&mut self, cancel: &CancellationToken) -> Result<PyPiece> {
        let cut = self.frame.cutter.take(Taken::default(), self.most, cancel);
        let Cut { mut batches, taken, ended } = cut.map_err(|error| self.naming.apply(error))?;
        if batches.is_empty() {
            // The columns of an empty stream are checked too.
            batches.push(RecordBatch::new_empty(self.frame.cutter.schema()));
        }
        let part = self.part.clone();
        self.part.first += taken.rows;
        let rows = PieceRows::Arrow { batches, reading: self.frame.reading, made: self.frame.made.clone() };
        Ok(PyPiece { rows, part, ended, nbytes: taken.bytes, load: self.load.clone() })
    }
}

#[pymethods]
impl PyStream {
    /// The next piece, read on a thread that nothing else waits for.
    fn next(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let (state, running) = (Arc::clone(&self.state), process(py)?.running());
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let seen = cancel.clone();
                let next = move || state.lock().unwrap_or_else(PoisonError::into_inner).next(&seen);
                Ok(Output::Piece(aside(running, &cancel, next).await??))
            })
        })
    }
}

/// Rows out of dicts, and out of whatever frames come between them.
#[pyclass(frozen, name = "Buffer", module = "dataflow._core")]
pub struct PyBuffer {
    model: Arc<Model>,
    form: RowForm,
    most: Most,
    /// Makes a dict, or data with an Arrow capsule, of an item that is no dict; gets its number too.
    convert: Py<PyAny>,
    load: Option<SharedLoad>,
    state: Mutex<BufferState>,
}

struct BufferState {
    parts: Vec<Kept>,
    /// By their numbers in the piece; those of the builder's rows have a place there too.
    rejects: Vec<Reject>,
    /// Of the parts.
    taken: Taken,
    /// Rows that are not yet a part.
    builder: RowsBuilder,
    /// A frame that is not yet read to its end.
    frame: Option<Frame>,
    part: Part,
}

struct Frame {
    cutter: Cutter,
    reading: Reading,
    made: Vec<usize>,
}

impl Frame {
    /// `data` is a pair: an object with an Arrow capsule, and whether NaN means null in it.
    fn open(model: &Model, data: &Bound<'_, PyAny>, form: RowForm) -> PyResult<Self> {
        let (capsule, nan_is_null): (Bound<'_, PyAny>, bool) = data.extract()?;
        let (reader, made) = form.open(model, &capsule)?;
        Ok(Frame { cutter: Cutter::new(reader), reading: Reading { nan_is_null, ..form.reading }, made })
    }

    /// Batches up to what a piece may take, read on a thread of their own: the producer may block, or need Python in
    /// another thread. Ctrl-C ends the wait.
    fn take_apart(mut self, py: Python<'_>, taken: Taken, most: Most) -> PyResult<(Self, Result<Cut>)> {
        let process = process(py)?;
        let (token, running) = (process.token(), process.running());
        let (seen, cancel) = (token.clone(), token.clone());
        let take = move || {
            let cut = self.cutter.take(taken, most, &seen);
            (self, cut)
        };
        let read = Box::pin(async move { aside(running, &cancel, take).await });
        let (read, interrupted) = process.wait(py, read, &token);
        interrupted.map_or_else(|| read.or_raise(py), Err)
    }
}

/// Why reading items came to a stop.
enum Stop {
    Full,
    Ended,
    Frame(Frame),
}

impl PyBuffer {
    pub fn new(model: Arc<Model>, form: RowForm, most: Most, convert: Py<PyAny>, load: Option<SharedLoad>) -> Self {
        let state = BufferState {
            parts: Vec::new(),
            rejects: Vec::new(),
            taken: Taken::default(),
            builder: RowsBuilder::new(&model.schema, form.reading, FIRST_ROWS.min(most.rows)),
            frame: None,
            part: Part { first: 0, seen: Arc::new(Mutex::new(SeenKeys::default())) },
        };
        PyBuffer { model, form, most, convert, load, state: Mutex::new(state) }
    }

    fn read_items(&self, state: &mut BufferState, items: &Bound<'_, PyAny>) -> PyResult<Stop> {
        let py = items.py();
        let base = state.part.first + state.taken.rows;
        let place = |error: Error| shifted(self.form.naming.apply(error.within("data")), base);
        let empty = RowsBuilder::new(&self.model.schema, self.form.reading, 0);
        let mut reader = RowReader::new(py, &self.model, std::mem::replace(&mut state.builder, empty));
        (reader.tolerates, reader.first) = (self.form.tolerates, state.taken.rows);
        let keys = matches!(self.form.naming, Naming::Keys);
        let mut stop = Stop::Ended;
        for item in items.try_iter()? {
            let (item, rows) = (item?, reader.builder.rows());
            if rows % SIGNAL_ROWS == SIGNAL_ROWS - 1 {
                py.check_signals()?;
            }
            // Of an instance that stands for a key, not every field counts.
            let row = Row::of(&self.model, &item)?.filter(|row| !(keys && matches!(row, Row::Instance(_))));
            if let Some(row) = row {
                reader.read(py, &row, self.form.defaults, place)?;
            } else {
                let converted = self.convert.bind(py).call1((base + rows, item))?;
                match converted.cast::<PyDict>() {
                    Ok(row) => reader.read(py, &Row::Dict(row), self.form.defaults, place)?,
                    Err(_) => {
                        stop = Stop::Frame(Frame::open(&self.model, &converted, self.form)?);
                        break;
                    }
                }
            }
            let taken = Taken {
                rows: state.taken.rows + reader.builder.rows(),
                bytes: state.taken.bytes + reader.builder.bytes(),
            };
            if taken.is_full(self.most) {
                stop = Stop::Full;
                break;
            }
        }
        state.rejects.append(&mut reader.rejects);
        state.builder = reader.builder;
        Ok(stop)
    }

    /// Reads the frame until the piece is full, or the frame is at its end.
    fn read_frame(&self, py: Python<'_>, state: &mut BufferState) -> PyResult<()> {
        let Some(frame) = state.frame.take() else { return Ok(()) };
        state.flush(&self.model, self.form.reading, 0).or_raise(py)?;
        let base = state.part.first + state.taken.rows;
        let named = |error| shifted(self.form.naming.apply(error), base);
        let (frame, cut) = frame.take_apart(py, state.taken, self.most)?;
        let cut = cut.map_err(named).or_raise(py)?;
        if !cut.batches.is_empty() {
            let first = state.taken.rows;
            let read = || self.read_batches(&cut.batches, frame.reading, &frame.made);
            let sifted = py.detach(read).map_err(named).or_raise(py)?;
            let of_piece = |reject: Reject| Reject { row: first + reject.row, ..reject };
            state.rejects.extend(sifted.rejects.into_iter().map(of_piece));
            for Kept { given, numbers } in sifted.kept {
                state.parts.push(Kept { given, numbers: numbers.into_iter().map(|row| first + row).collect() });
            }
        }
        state.taken = cut.taken;
        if !cut.ended {
            state.frame = Some(frame);
        }
        Ok(())
    }
}

impl PyBuffer {
    fn read_batches(&self, batches: &[RecordBatch], reading: Reading, made: &[usize]) -> Result<Sifted> {
        if let Some(keeps) = self.form.tolerates {
            return sift_made(&self.model, batches, reading, made, keeps);
        }
        let given = fill_made(&self.model, batches, reading, made)?;
        let numbers = (0..given.rows()).collect();
        Ok(Sifted { kept: vec![Kept { given, numbers }], rejects: Vec::new() })
    }
}

impl BufferState {
    /// Makes a part of the rows that are not one yet; the next one has room for `rows`.
    fn flush(&mut self, model: &Model, reading: Reading, rows: usize) -> Result<()> {
        let builder = std::mem::replace(&mut self.builder, RowsBuilder::new(&model.schema, reading, rows));
        if builder.rows() > 0 || (self.parts.is_empty() && self.frame.is_none()) {
            let first = self.taken.rows;
            self.taken.rows += builder.rows();
            self.taken.bytes += builder.bytes();
            self.parts.push(without(builder.finish()?, first, &self.rejects)?);
        }
        Ok(())
    }
}

#[pymethods]
impl PyBuffer {
    /// Takes from an iterator until the piece is full (False), or the iterator is at its end (True).
    fn fill(&self, py: Python<'_>, items: &Bound<'_, PyAny>) -> PyResult<bool> {
        let busy = |_| to_py(py, &Error::internal("a buffer is filled by what it reads"));
        let mut state = self.state.try_lock().map_err(busy)?;
        loop {
            self.read_frame(py, &mut state)?;
            if state.taken.is_full(self.most) {
                return Ok(false);
            }
            match self.read_items(&mut state, items)? {
                Stop::Full => return Ok(false),
                Stop::Ended => return Ok(true),
                Stop::Frame(frame) => state.frame = Some(frame),
            }
        }
    }

    /// Rows that it still takes.
    #[getter]
    fn room(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.most.rows.saturating_sub(state.taken.rows + state.builder.rows())
    }

    /// The piece, as far as it is filled.
    fn take(&self, py: Python<'_>, ended: bool) -> PyResult<PyPiece> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let room = state.builder.rows();
        state.flush(&self.model, self.form.reading, room).or_raise(py)?;
        let parts = std::mem::take(&mut state.parts);
        let taken = std::mem::take(&mut state.taken);
        let part = state.part.clone();
        state.part.first += taken.rows;
        let rejects = std::mem::take(&mut state.rejects);
        let rows = match self.form.tolerates {
            Some(_) => PieceRows::Sifted(Arc::new(Sifted { kept: parts, rejects })),
            None => {
                let parts: Vec<Given> = parts.into_iter().map(|part| part.given).collect();
                PieceRows::Given(Given::concat(&self.model.schema, &parts).or_raise(py)?)
            }
        };
        Ok(PyPiece { rows, part, ended, nbytes: taken.bytes, load: self.load.clone() })
    }
}
