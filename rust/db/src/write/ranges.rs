//! Rows of a write that are all there, cut by their keys: pieces with nothing in common can be written side by side.

use std::sync::Arc;

use dataflow_core::Result;
use dataflow_core::batch::Given;
use dataflow_core::merge::{Duplicates, Keys, deduplicate};
use dataflow_core::schema::TableSchema;

use super::Rows;
use super::merge::check_keys;

/// Rows in the order of their keys, each key once.
pub struct Ranges {
    given: Given,
    keyed: Vec<usize>,
    /// A key with a null in it equals no other: these rows go anywhere.
    keyless: Vec<usize>,
    pieces: usize,
    next: usize,
}

impl Ranges {
    /// `target` are the columns by which rows are the same; `found` says whether every row needs them; `most` are the
    /// rows of a piece.
    ///
    /// # Errors
    /// `DuplicateRow` and `MissingValue`, with the path `data[row]`.
    pub fn new(
        table: &Arc<TableSchema>,
        rows: &Rows,
        target: &[usize],
        duplicates: Duplicates,
        found: bool,
        most: usize,
    ) -> Result<Self> {
        let given = rows.whole(table)?;
        if found {
            check_keys(table, &given)?;
        }
        let keys = Keys::of(table, target, &given.batch)?;
        let goes = deduplicate(&keys, duplicates, 0).map_err(|error| error.within("data"))?;
        let keyed: Vec<usize> = keys.order().iter().copied().filter(|&row| goes[row] == row).collect();
        let keyless: Vec<usize> = (0..given.rows()).filter(|&row| keys.get(row).is_none()).collect();
        // No piece without a key, unless there is none at all: such an upsert is refused.
        let pieces = (keyed.len() + keyless.len()).div_ceil(most.max(1)).clamp(1, keyed.len().max(1));
        Ok(Ranges { given, keyed, keyless, pieces, next: 0 })
    }

    /// Rows that are left out because another one has their key.
    pub fn duplicates(&self) -> usize {
        self.given.rows() - self.keyed.len() - self.keyless.len()
    }

    /// The next rows with their numbers in the data, in its order, and whether they are the last.
    ///
    /// # Errors
    /// None but `Internal`.
    pub fn piece(&mut self) -> Result<(Given, Arc<[usize]>, bool)> {
        let share = |rows: &[usize]| {
            let border = |piece: usize| (rows.len() * piece.min(self.pieces)).div_ceil(self.pieces);
            rows[border(self.next)..border(self.next + 1)].to_vec()
        };
        let mut rows = share(&self.keyed);
        rows.extend(share(&self.keyless));
        rows.sort_unstable();
        self.next += 1;
        Ok((self.given.take(&rows)?, rows.into(), self.next >= self.pieces))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use dataflow_core::batch::Presence;
    use dataflow_core::schema::{ColumnSchema, KeySource, Role};
    use dataflow_core::types::LogicalType;

    use super::*;

    fn table() -> Arc<TableSchema> {
        let column = |name: &str, ty| ColumnSchema {
            name: name.to_owned(),
            ty,
            nullable: true,
            default: None,
            role: Role::Field,
        };
        let mut id = column("id", LogicalType::Int);
        id.nullable = false;
        let table = TableSchema {
            model: "Item".to_owned(),
            namespace: None,
            table: "item".to_owned(),
            columns: vec![id, column("name", LogicalType::Text { max_length: None })],
            key: vec![0],
            key_source: KeySource::Database,
            unique: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            references: Vec::new(),
            multi_tenant: false,
            append_only: false,
        };
        Arc::new(table.checked().unwrap())
    }

    fn rows(table: &TableSchema, ids: &[Option<i64>]) -> Rows {
        let names: StringArray = (0..ids.len()).map(|row| Some(row.to_string())).collect();
        let arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(names)];
        Rows::Given(Given::new(table, arrays, vec![Presence::All, Presence::All], ids.len()).unwrap())
    }

    fn pieces(mut ranges: Ranges) -> Vec<Vec<(Option<i64>, usize)>> {
        let mut pieces = Vec::new();
        loop {
            let (given, numbers, last) = ranges.piece().unwrap();
            let ids = given.batch.column(0).as_primitive::<Int64Type>();
            pieces.push(ids.iter().zip(numbers.iter().copied()).collect());
            if last {
                return pieces;
            }
        }
    }

    #[test]
    fn pieces_are_ranges_of_the_key_and_rows_keep_their_numbers() {
        let table = table();
        let ids = [Some(9), None, Some(3), Some(7), Some(3), None, Some(1)];
        let cut = |rule| Ranges::new(&table, &rows(&table, &ids), &[0], rule, false, 3);
        let ranges = cut(Duplicates::Last).unwrap();
        assert_eq!(ranges.duplicates(), 1);
        let expected = [vec![(None, 1), (Some(3), 4), (Some(1), 6)], vec![(Some(9), 0), (Some(7), 3), (None, 5)]];
        assert_eq!(pieces(ranges), expected);
        let error = cut(Duplicates::Refuse).map(|_| ()).unwrap_err();
        assert_eq!(error.detail().path.as_deref(), Some("data[4]"));
    }

    #[test]
    fn no_rows_are_one_piece() {
        let table = table();
        let ranges = Ranges::new(&table, &rows(&table, &[]), &[0], Duplicates::Refuse, true, 5).unwrap();
        assert_eq!((ranges.duplicates(), pieces(ranges)), (0, vec![vec![]]));
    }
}
