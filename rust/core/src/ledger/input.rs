//! The hash of what a write was given, whatever form it came in.
//!
//! Each column is a stream of its own, so that whole buffers are hashed at once and the edges of batches leave no trace:
//! which rows have a value (in runs), the lengths of its values, and their bytes. Only values that are given and not
//! null are looked at: a default is made anew with each run, and under a null lies anything.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use sha2::{Digest, Sha256};

use crate::batch::{Given, Presence};
use crate::error::{Error, Result};
use crate::reject::Reject;
use crate::schema::{TableSchema, hex};
use crate::types::LogicalType;

/// Bytes collected before they are hashed.
const BUFFER: usize = 1_024;

/// SHA-256 over an operation, its settings and its rows. A clone that is finished is the hash of the rows so far.
#[derive(Clone)]
pub struct InputHash {
    head: Sha256,
    /// The columns that are looked at, by index.
    columns: Vec<(usize, Column)>,
    /// Of the rows that are not taken, where there are some.
    refused: Option<Sha256>,
    rows: u64,
}

impl InputHash {
    /// Characters of a hash.
    pub const LENGTH: u32 = 64;

    /// `columns` are those of the rows that matter, by index.
    pub fn new(table: &TableSchema, operation: &str, columns: &[usize]) -> Self {
        let columns = columns.iter().map(|&at| (at, Column::new(&table.columns[at].ty))).collect();
        let mut hash = InputHash { head: Sha256::new(), columns, refused: None, rows: 0 };
        hash.setting("version", "1");
        // A dot in a name must not make two tables one.
        hash.setting("table", &format!("{:?} {:?}", table.namespace, table.table));
        hash.setting("operation", operation);
        hash
    }

    /// Adds an option that decides what is done.
    pub fn setting(&mut self, name: &str, value: &str) {
        add_text(&mut self.head, name);
        add_text(&mut self.head, value);
    }

    /// Adds the next rows.
    ///
    /// # Errors
    /// `Internal` when they are not of the table's types.
    pub fn rows(&mut self, given: &Given) -> Result<()> {
        for (at, column) in &mut self.columns {
            column.add(given, *at)?;
        }
        self.rows += given.rows() as u64;
        Ok(())
    }

    /// Adds a row that is not taken as it is. It has no values of the table's types: it is known by its number in the
    /// load, and by what is wrong with it.
    pub fn refused(&mut self, row: usize, reject: &Reject) {
        let refused = self.refused.get_or_insert_default();
        refused.update((row as u64).to_le_bytes());
        add_text(refused, reject.kind.name());
        add_text(refused, reject.column.as_deref().unwrap_or_default());
        self.rows += 1;
    }

    pub fn count(&self) -> u64 {
        self.rows
    }

    /// The hash in hexadecimal digits. A column that no row gives is as good as none: the model may get new ones.
    pub fn finish(self, table: &TableSchema) -> String {
        let mut whole = Sha256::new();
        whole.update(self.head.finalize());
        whole.update(self.rows.to_le_bytes());
        let mut columns: Vec<_> = self.columns.into_iter().map(|(at, column)| (&table.columns[at], column)).collect();
        columns.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        for (schema, column) in columns {
            if let Some(digest) = column.finish() {
                add_text(&mut whole, &schema.name);
                add_text(&mut whole, &tag(&schema.ty));
                whole.update(digest);
            }
        }
        if let Some(refused) = self.refused {
            add_text(&mut whole, "refused");
            whole.update(refused.finalize());
        }
        hex(&whole.finalize())
    }
}

/// What decides how values become bytes; bounds that a model may change are not in it.
fn tag(ty: &LogicalType) -> String {
    match ty {
        LogicalType::Decimal { scale, .. } => format!("decimal {scale}"),
        LogicalType::Text { .. } | LogicalType::Choice { .. } => "text".to_owned(),
        LogicalType::List { item } => format!("list of {}", tag(item)),
        ty => ty.name().into_owned(),
    }
}

/// A length before the text: two texts in a row are not another two.
fn add_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

/// What a row has in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Absent,
    Null,
    Value,
}

/// The rows of one column so far.
#[derive(Clone)]
struct Column {
    ty: LogicalType,
    marks: Sha256,
    /// Rows in a row with the same mark.
    run: (Mark, u64),
    /// Whether a row gives it.
    given: bool,
    values: Values,
}

impl Column {
    fn new(ty: &LogicalType) -> Self {
        let (marks, values) = (Sha256::new(), Values::new(ty));
        Column { ty: ty.clone(), marks, run: (Mark::Absent, 0), given: false, values }
    }

    fn add(&mut self, given: &Given, at: usize) -> Result<()> {
        let array = given.batch.column(at).as_ref();
        if array.data_type() != &self.ty.arrow() {
            return Err(Error::internal(format!(
                "a column of Arrow {} where {} is",
                array.data_type(),
                self.ty.name()
            )));
        }
        let mark = |row: usize| match (given.is_given(at, row), array.is_null(row)) {
            (false, _) => Mark::Absent,
            (true, true) => Mark::Null,
            (true, false) => Mark::Value,
        };
        let uniform =
            given.present[at] == Presence::None || (given.present[at] == Presence::All && array.null_count() == 0);
        let mut start = 0;
        while start < array.len() {
            let same = mark(start);
            let other = |&row: &usize| mark(row) != same;
            let end = if uniform { None } else { (start + 1..array.len()).find(other) }.unwrap_or(array.len());
            self.mark(same, (end - start) as u64);
            if same == Mark::Value {
                self.values.add(&self.ty, array, start, end)?;
            }
            start = end;
        }
        Ok(())
    }

    fn mark(&mut self, mark: Mark, rows: u64) {
        self.given |= mark != Mark::Absent;
        if self.run.0 == mark {
            self.run.1 += rows;
            return;
        }
        self.end_run();
        self.run = (mark, rows);
    }

    fn end_run(&mut self) {
        let (mark, rows) = self.run;
        if rows > 0 {
            self.marks.update([mark as u8]);
            self.marks.update(rows.to_le_bytes());
        }
    }

    fn finish(mut self) -> Option<[u8; 32]> {
        self.end_run();
        let mut whole = Sha256::new();
        whole.update(self.marks.finalize());
        whole.update(self.values.finish());
        self.given.then(|| whole.finalize().into())
    }
}

/// Values of one type, none of them null.
#[derive(Clone)]
struct Values {
    lengths: Sha256,
    bytes: Sha256,
    items: Option<Box<Values>>,
}

impl Values {
    fn new(ty: &LogicalType) -> Self {
        let items = match ty {
            LogicalType::List { item } => Some(Box::new(Values::new(item))),
            _ => None,
        };
        Values { lengths: Sha256::new(), bytes: Sha256::new(), items }
    }

    /// The recursion is one level deep: the items of a list are scalars.
    fn add(&mut self, ty: &LogicalType, array: &dyn Array, start: usize, end: usize) -> Result<()> {
        match ty {
            LogicalType::Bool => {
                let bits = array.as_boolean();
                update(&mut self.bytes, (start..end).map(|row| [u8::from(bits.value(row))]));
            }
            LogicalType::Float => {
                let floats = &array.as_primitive::<Float64Type>().values()[start..end];
                update(&mut self.bytes, floats.iter().map(|&float| canonical(float).to_le_bytes()));
            }
            LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => {
                let texts = array.as_string::<i32>();
                let (first, last) = self.add_lengths(texts.value_offsets(), start, end);
                self.bytes.update(&texts.value_data()[first..last]);
            }
            LogicalType::Bytes => {
                let bytes = array.as_binary::<i32>();
                let (first, last) = self.add_lengths(bytes.value_offsets(), start, end);
                self.bytes.update(&bytes.value_data()[first..last]);
            }
            LogicalType::List { item } => {
                let lists = array.as_list::<i32>();
                let (first, last) = self.add_lengths(lists.value_offsets(), start, end);
                let items = self.items.as_mut().ok_or_else(|| Error::internal("a list without its items"))?;
                items.add(item, lists.values().as_ref(), first, last)?;
            }
            LogicalType::Rows(_) => return Err(Error::internal("rows are no data of a table")),
            LogicalType::Uuid => self.add_fixed(array, 16, start, end),
            LogicalType::Decimal { .. } => self.add_fixed(array, 16, start, end),
            LogicalType::Date => self.add_fixed(array, 4, start, end),
            LogicalType::Int
            | LogicalType::Instant
            | LogicalType::WallTime
            | LogicalType::Time
            | LogicalType::Duration => self.add_fixed(array, 8, start, end),
        }
        Ok(())
    }

    /// Values of `width` bytes, as they lie in memory: every machine that DataFlow is built for is little-endian.
    fn add_fixed(&mut self, array: &dyn Array, width: usize, start: usize, end: usize) {
        let data = array.to_data();
        let (first, last) = ((data.offset() + start) * width, (data.offset() + end) * width);
        if let Some(buffer) = data.buffers().first() {
            self.bytes.update(&buffer.as_slice()[first..last]);
        }
    }

    /// The lengths of the values, and where they begin and end.
    fn add_lengths(&mut self, offsets: &[i32], start: usize, end: usize) -> (usize, usize) {
        let offsets = &offsets[start..=end];
        update(&mut self.lengths, offsets.windows(2).map(|pair| (pair[1] - pair[0]).to_le_bytes()));
        let at = |offset: Option<&i32>| offset.map_or(0, |offset| offset.cast_unsigned() as usize);
        (at(offsets.first()), at(offsets.last()))
    }

    fn finish(self) -> [u8; 32] {
        let mut whole = Sha256::new();
        whole.update(self.lengths.finalize());
        whole.update(self.bytes.finalize());
        if let Some(items) = self.items {
            whole.update(items.finish());
        }
        whole.finalize().into()
    }
}

/// One NaN, and zero without a sign: floats that are the same to a database.
fn canonical(float: f64) -> f64 {
    match float {
        _ if float.is_nan() => f64::NAN,
        0.0 => 0.0,
        float => float,
    }
}

fn update<const N: usize>(hash: &mut Sha256, values: impl Iterator<Item = [u8; N]>) {
    let mut buffer = Vec::with_capacity(BUFFER);
    for value in values {
        buffer.extend_from_slice(&value);
        if buffer.len() + N > BUFFER {
            hash.update(&buffer);
            buffer.clear();
        }
    }
    hash.update(&buffer);
}

#[cfg(test)]
mod tests;
