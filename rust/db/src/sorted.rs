//! Whether rows are in their order where the database has sorted them by the begins of their values only.
//!
//! Rows with the same begin stand side by side, in any order: neighbours tell.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use dataflow_core::batch::cell;
use dataflow_core::plan::Order;
use dataflow_core::schema::TableSchema;
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};

/// An order, and how many characters or bytes of a value it looks at.
pub(crate) struct SortedBy<'p> {
    pub table: &'p TableSchema,
    pub order: &'p [Order],
    pub longest: usize,
}

/// The values of a column that may be longer than what is looked at.
struct Long<'r> {
    values: Vec<&'r [u8]>,
    is_text: bool,
}

impl SortedBy<'_> {
    /// Refuses rows that stand behind `last` and each other in an order which is left open.
    ///
    /// # Errors
    /// `LimitExceeded` for neighbours that differ only where nothing has looked.
    pub fn prove(&self, last: Option<&RecordBatch>, rows: &RecordBatch) -> Result<()> {
        for (at, order) in self.order.iter().enumerate() {
            let Some(long) = self.long(order, rows) else { continue };
            let before = last.and_then(|last| Some((last, self.long(order, last)?.values.pop()?)));
            let values: Vec<&[u8]> = before.iter().map(|(_, value)| *value).chain(long.values).collect();
            let shift = values.len() - rows.num_rows();
            let place = |at: usize| match before {
                Some((last, _)) if at < shift => (last, last.num_rows() - 1),
                _ => (rows, at - shift),
            };
            for (row, pair) in values.windows(2).enumerate() {
                let is_open = self.is_open(long.is_text, pair[0], pair[1]);
                if is_open && self.is_equal(&self.order[..at], place(row), place(row + 1))? {
                    return Err(self.refuse(order));
                }
            }
        }
        Ok(())
    }

    /// Refuses rows with others before or behind them, which may have the same begins and are not here to tell.
    ///
    /// # Errors
    /// `LimitExceeded` where the first or the last row has a value of which not all was looked at.
    pub fn prove_ends(&self, rows: &RecordBatch, before: bool, behind: bool) -> Result<()> {
        for order in self.order {
            let Some(long) = self.long(order, rows) else { continue };
            let is_long =
                |value: Option<&&[u8]>| value.is_some_and(|value| self.size(long.is_text, value) > self.longest);
            if (before && is_long(long.values.first())) || (behind && is_long(long.values.last())) {
                return Err(self.refuse(order));
            }
        }
        Ok(())
    }

    /// None where all of a value is looked at, or the column is not read.
    fn long<'r>(&self, order: &Order, rows: &'r RecordBatch) -> Option<Long<'r>> {
        let column = &self.table.columns[order.column];
        let array = rows.column_by_name(&column.name)?;
        match &column.ty {
            LogicalType::Text { max_length } if max_length.is_none_or(|length| length as usize > self.longest) => {
                let texts = array.as_string::<i32>().iter();
                Some(Long { values: texts.map(|text| text.unwrap_or_default().as_bytes()).collect(), is_text: true })
            }
            LogicalType::Bytes => {
                let bytes = array.as_binary::<i32>().iter();
                Some(Long { values: bytes.map(Option::unwrap_or_default).collect(), is_text: false })
            }
            _ => None,
        }
    }

    /// Whether two values differ, and only where nothing has looked.
    fn is_open(&self, is_text: bool, a: &[u8], b: &[u8]) -> bool {
        if a == b || a.len().min(b.len()) < self.longest {
            return false;
        }
        let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        self.size(is_text, &a[..common]) >= self.longest
    }

    /// Whether two rows stand together as far as the columns of an order go that are read.
    fn is_equal(&self, order: &[Order], a: (&RecordBatch, usize), b: (&RecordBatch, usize)) -> Result<bool> {
        for order in order {
            let column = &self.table.columns[order.column];
            let arrays = a.0.column_by_name(&column.name).zip(b.0.column_by_name(&column.name));
            let Some((left, right)) = arrays else { continue };
            if cell(&column.ty, left, a.1)? != cell(&column.ty, right, b.1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Characters of a text, bytes of anything else.
    fn size(&self, is_text: bool, value: &[u8]) -> usize {
        match is_text {
            // A byte that begins no character continues one.
            true if value.len() > self.longest => value.iter().filter(|&&byte| byte & 0xc0 != 0x80).count(),
            _ => value.len(),
        }
    }

    fn refuse(&self, order: &Order) -> Error {
        let (name, longest) = (&self.table.columns[order.column].name, self.longest);
        let message = format!("values of `{name}` differ behind their first {longest} characters or bytes");
        Error::new(ErrorKind::LimitExceeded, message)
            .path("order_by")
            .hint("MariaDB looks no further when it sorts: order by another field")
    }
}
