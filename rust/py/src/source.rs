//! The rows of a load, one piece at a time: out of an Arrow stream, or out of Python's objects.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, RecordBatch};
use dataflow_core::batch::{Given, Reading, RowsBuilder};
use dataflow_core::{Error, Result};
use dataflow_db::{Part, SeenKeys};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio_util::sync::CancellationToken;

use crate::arrow::{self, Reader, cancelled, next_batch};
use crate::error::{OrRaise, to_py};
use crate::input::{RowReader, fill_made, made_of};
use crate::load::SharedLoad;
use crate::model::Model;
use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::process;
use crate::table::{Naming, shifted};

/// Rows read between two looks for Ctrl-C: about a millisecond.
const SIGNAL_ROWS: usize = 4_096;
/// Room for the rows of a first piece, whose number is not known.
const FIRST_ROWS: usize = 1_024;

/// How large a piece grows: it ends with the row or batch that reaches one of them.
#[derive(Clone, Copy)]
pub struct Most {
    pub rows: usize,
    pub bytes: usize,
}

/// Rows of a piece, as they came.
#[derive(Clone)]
pub enum PieceRows {
    Given(Given),
    Arrow { batches: Vec<RecordBatch>, reading: Reading, made: Vec<usize> },
}

#[pyclass(frozen, name = "Piece", module = "dataflow._core")]
pub struct PyPiece {
    pub rows: PieceRows,
    part: Part,
    #[pyo3(get)]
    ended: bool,
    load: Option<SharedLoad>,
}

impl PyPiece {
    /// Its place in the load; None for a piece that is all of it, and will be written as a whole.
    pub fn part(&self) -> Option<Part> {
        let cut = self.load.as_ref().is_some_and(|load| load.resumable);
        (self.part.first > 0 || !self.ended || cut).then(|| self.part.clone())
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
            PieceRows::Given(given) => given.rows(),
            PieceRows::Arrow { batches, .. } => batches.iter().map(RecordBatch::num_rows).sum(),
        }
    }
}

fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().filter_map(|array| array.to_data().get_slice_memory_size().ok()).sum()
}

/// Batches out of a reader, cut where a piece is full.
struct Cutter {
    reader: Reader,
    /// What is left of a batch that was cut.
    rest: Option<RecordBatch>,
    /// A stream that has ended is not asked again.
    ended: bool,
}

impl Cutter {
    fn new(reader: Reader) -> Self {
        Cutter { reader, rest: None, ended: false }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.rest.is_some() || self.ended {
            return Ok(self.rest.take());
        }
        let batch = next_batch(&mut self.reader)?;
        self.ended = batch.is_none();
        Ok(batch)
    }

    /// As much of the batch as there is room for, and at least a row; the rest comes next.
    fn cut(&mut self, batch: RecordBatch, room: Most) -> RecordBatch {
        let (rows, bytes) = (batch.num_rows(), bytes_of(&batch));
        let by_bytes = if bytes <= room.bytes { rows } else { rows * room.bytes / bytes };
        let taken = room.rows.min(by_bytes).max(1);
        if taken >= rows {
            return batch;
        }
        self.rest = Some(batch.slice(taken, rows - taken));
        batch.slice(0, taken)
    }
}

/// What a piece has taken of what it may.
#[derive(Clone, Copy, Default)]
struct Taken {
    rows: usize,
    bytes: usize,
}

impl Taken {
    fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += bytes_of(batch);
    }

    fn is_full(self, most: Most) -> bool {
        self.rows >= most.rows || self.bytes >= most.bytes
    }

    fn room(self, most: Most) -> Most {
        Most { rows: most.rows.saturating_sub(self.rows), bytes: most.bytes.saturating_sub(self.bytes) }
    }
}

/// An Arrow stream that is read by operations: its producer may block, or be Python.
#[pyclass(frozen, name = "Stream", module = "dataflow._core")]
pub struct PyStream {
    state: Arc<Mutex<StreamState>>,
}

struct StreamState {
    cutter: Cutter,
    reading: Reading,
    made: Vec<usize>,
    most: Most,
    part: Part,
    load: Option<SharedLoad>,
}

impl PyStream {
    pub fn open(
        model: &Model,
        data: &Bound<'_, PyAny>,
        reading: Reading,
        most: Most,
        load: Option<SharedLoad>,
    ) -> PyResult<Self> {
        let (capsule, nan_is_null): (Bound<'_, PyAny>, bool) = data.extract()?;
        let reader = arrow::reader(&capsule)?;
        let made = made_of(model, &reader.schema());
        let state = StreamState {
            cutter: Cutter::new(reader),
            reading: Reading { nan_is_null, ..reading },
            made,
            most,
            part: Part { first: 0, seen: Arc::new(Mutex::new(SeenKeys::default())) },
            load,
        };
        Ok(PyStream { state: Arc::new(Mutex::new(state)) })
    }
}

impl StreamState {
    fn next(&mut self, cancel: &CancellationToken) -> Result<PyPiece> {
        let (mut batches, mut taken, mut ended) = (Vec::new(), Taken::default(), false);
        while !taken.is_full(self.most) {
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            let Some(batch) = self.cutter.next()? else {
                ended = true;
                break;
            };
            let batch = self.cutter.cut(batch, taken.room(self.most));
            taken.add(&batch);
            batches.push(batch);
        }
        if batches.is_empty() {
            // The columns of an empty stream are checked too.
            batches.push(RecordBatch::new_empty(self.cutter.reader.schema()));
        }
        let part = self.part.clone();
        self.part.first += taken.rows;
        let rows = PieceRows::Arrow { batches, reading: self.reading, made: self.made.clone() };
        Ok(PyPiece { rows, part, ended, load: self.load.clone() })
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
                let read = tokio::task::spawn_blocking(move || {
                    let _running = running;
                    state.lock().unwrap_or_else(PoisonError::into_inner).next(&seen)
                });
                tokio::select! {
                    piece = read => Ok(Output::Piece(piece.map_err(|error| Error::internal(error.to_string()))??)),
                    () = cancel.cancelled() => Err(cancelled()),
                }
            })
        })
    }
}

/// Rows out of dicts, and out of whatever frames come between them.
#[pyclass(frozen, name = "Buffer", module = "dataflow._core")]
pub struct PyBuffer {
    model: Arc<Model>,
    reading: Reading,
    naming: Naming,
    most: Most,
    /// Makes a dict, or data with an Arrow capsule, of an item that is no dict; gets its number too.
    convert: Py<PyAny>,
    load: Option<SharedLoad>,
    state: Mutex<BufferState>,
}

struct BufferState {
    parts: Vec<Given>,
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

/// Why reading items came to a stop.
enum Stop {
    Full,
    Ended,
    Frame(Frame),
}

impl PyBuffer {
    pub fn new(
        model: Arc<Model>,
        reading: Reading,
        naming: Naming,
        most: Most,
        convert: Py<PyAny>,
        load: Option<SharedLoad>,
    ) -> Self {
        let state = BufferState {
            parts: Vec::new(),
            taken: Taken::default(),
            builder: RowsBuilder::new(&model.schema, reading, FIRST_ROWS.min(most.rows)),
            frame: None,
            part: Part { first: 0, seen: Arc::new(Mutex::new(SeenKeys::default())) },
        };
        PyBuffer { model, reading, naming, most, convert, load, state: Mutex::new(state) }
    }

    fn read_items(&self, state: &mut BufferState, items: &Bound<'_, PyAny>) -> PyResult<Stop> {
        let py = items.py();
        let base = state.part.first + state.taken.rows;
        let place = |error: Error| shifted(self.naming.apply(error.within("data")), base);
        let empty = RowsBuilder::new(&self.model.schema, self.reading, 0);
        let mut reader = RowReader::new(py, &self.model, std::mem::replace(&mut state.builder, empty));
        let mut stop = Stop::Ended;
        for item in items.try_iter()? {
            let (item, rows) = (item?, reader.builder.rows());
            if rows % SIGNAL_ROWS == SIGNAL_ROWS - 1 {
                py.check_signals()?;
            }
            if let Ok(row) = item.cast_exact::<PyDict>() {
                reader.read(row, true, place)?;
            } else {
                let converted = self.convert.bind(py).call1((base + rows, item))?;
                match converted.cast::<PyDict>() {
                    Ok(row) => reader.read(row, true, place)?,
                    Err(_) => {
                        stop = Stop::Frame(self.open(&converted)?);
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
        state.builder = reader.builder;
        Ok(stop)
    }

    fn open(&self, data: &Bound<'_, PyAny>) -> PyResult<Frame> {
        let (capsule, nan_is_null): (Bound<'_, PyAny>, bool) = data.extract()?;
        let reader = arrow::reader(&capsule)?;
        let made = made_of(&self.model, &reader.schema());
        let cutter = Cutter::new(reader);
        Ok(Frame { cutter, reading: Reading { nan_is_null, ..self.reading }, made })
    }

    /// Reads the frame until the piece is full, or the frame is at its end.
    fn read_frame(&self, state: &mut BufferState) -> Result<()> {
        let Some(mut frame) = state.frame.take() else { return Ok(()) };
        state.flush(&self.model, self.reading, 0)?;
        while !state.taken.is_full(self.most) {
            let Some(batch) = frame.cutter.next()? else { return Ok(()) };
            let batch = frame.cutter.cut(batch, state.taken.room(self.most));
            let base = state.part.first + state.taken.rows;
            let given = fill_made(&self.model, std::slice::from_ref(&batch), frame.reading, &frame.made);
            state.parts.push(given.map_err(|error| shifted(self.naming.apply(error), base))?);
            state.taken.add(&batch);
        }
        state.frame = Some(frame);
        Ok(())
    }
}

impl BufferState {
    /// Makes a part of the rows that are not one yet; the next one has room for `rows`.
    fn flush(&mut self, model: &Model, reading: Reading, rows: usize) -> Result<()> {
        let builder = std::mem::replace(&mut self.builder, RowsBuilder::new(&model.schema, reading, rows));
        if builder.rows() > 0 || (self.parts.is_empty() && self.frame.is_none()) {
            self.taken.rows += builder.rows();
            self.taken.bytes += builder.bytes();
            self.parts.push(builder.finish()?);
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
            self.read_frame(&mut state).or_raise(py)?;
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
        state.flush(&self.model, self.reading, room).or_raise(py)?;
        let parts = std::mem::take(&mut state.parts);
        let taken = std::mem::take(&mut state.taken);
        let part = state.part.clone();
        state.part.first += taken.rows;
        let given = Given::concat(&self.model.schema, &parts).or_raise(py)?;
        Ok(PyPiece { rows: PieceRows::Given(given), part, ended, load: self.load.clone() })
    }
}
