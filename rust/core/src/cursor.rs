//! What a cursor holds and what it is bound to, before it is sealed: see `rust/db/src/cursor.rs`.

mod value;

use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use self::value::{Reader, write_value};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Order, ReadPlan, Seek, Selection, TenantId};
use crate::schema::TableSchema;

/// Which way a cursor leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the rows behind it.
    After,
    /// To the rows before it.
    Before,
}

impl Direction {
    /// The parameter that takes such a cursor.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::After => "after",
            Direction::Before => "before",
        }
    }
}

/// The one answer to every text that is no cursor of this list: what is wrong with it would help who forges one.
pub fn refused(direction: Direction) -> Error {
    let other = match direction {
        Direction::After => "`rows.next` is for after=, `rows.previous` for before=",
        Direction::Before => "`rows.previous` is for before=, `rows.next` for after=",
    };
    Error::new(ErrorKind::InvalidCursor, format!("`{}` is no cursor of this list", direction.name()))
        .path(direction.name())
        .hint(format!("{other}; filter, order and tenant stay those of the page it came from"))
}

/// A digest of all that a cursor belongs to: another list has another one.
///
/// `database` tells the databases apart that a program may reach with one key. Limit, fields (unless rows are distinct in
/// them) and total may change from page to page.
///
/// # Errors
/// `Internal` for a selection by keys, which has no pages.
pub fn binding(
    database: [&str; 2],
    plan: &ReadPlan,
    tenant: Option<&TenantId>,
    direction: Direction,
) -> Result<[u8; 32]> {
    let Selection::Matching(filter) = &plan.selection else {
        return Err(Error::internal("pages of rows by key"));
    };
    let table = &plan.table;
    let mut text = Hashed(Sha256::new());
    let distinct = plan.distinct.then_some(&plan.columns);
    let parts = (&table.model, table.fingerprint(), direction, &plan.order, distinct, plan.include_deleted, &plan.view);
    let written = write!(text, "{database:?} {parts:?} {:?} {filter:?}", tenant.map(TenantId::as_str));
    written.map_err(|_| Error::internal("a digest that cannot be written"))?;
    Ok(text.0.finalize().into())
}

/// The digest of a text as it is written: a list in a filter may have a million values.
struct Hashed(Sha256);

impl fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// A place as bytes.
///
/// # Errors
/// `Internal` for values that are not of the order's types.
pub fn encode_seek(table: &TableSchema, order: &[Order], seek: &Seek) -> Result<Vec<u8>> {
    if order.len() != seek.values.len() {
        return Err(Error::internal("a place that is not in its order"));
    }
    let mut bytes = vec![u8::from(seek.inclusive)];
    for (order, value) in order.iter().zip(&seek.values) {
        write_value(&mut bytes, &table.columns[order.column].ty, value)?;
    }
    Ok(bytes)
}

/// The place that [`encode_seek`] wrote; None for any other bytes.
pub fn decode_seek(table: &TableSchema, order: &[Order], bytes: &[u8]) -> Option<Seek> {
    let mut reader = Reader::new(bytes);
    let inclusive = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let values = order.iter().map(|order| {
        let column = &table.columns[order.column];
        reader.value(&column.ty, column.nullable)
    });
    let values = values.collect::<Option<Vec<_>>>()?;
    reader.is_at_end().then_some(Seek { values, inclusive })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::{Comparison, Filter};
    use crate::schema::tests::product;
    use crate::value::Value;

    fn plan() -> ReadPlan {
        let filter = Filter::Compare { column: 3, comparison: Comparison::Less, value: Value::Int(5) };
        let order = vec![Order { column: 2, descending: true }, Order { column: 0, descending: false }];
        ReadPlan { order, limit: Some(10), ..ReadPlan::of(Arc::new(product(false)), Selection::Matching(filter)) }
    }

    fn digest(plan: &ReadPlan, tenant: Option<&str>, direction: Direction) -> [u8; 32] {
        binding(["sqlite", "shop"], plan, tenant.map(|name| TenantId::new(name).unwrap()).as_ref(), direction).unwrap()
    }

    #[test]
    fn a_cursor_belongs_to_one_database() {
        let places = [["sqlite", "shop"], ["sqlite", "other"], ["mysql", "shop"], ["", "sqliteshop"]];
        let digests = places.map(|place| binding(place, &plan(), None, Direction::After).unwrap());
        assert_eq!(digests[0], digest(&plan(), None, Direction::After));
        assert!((1..4).all(|at| !digests[..at].contains(&digests[at])));
    }

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let one = digest(&plan(), None, Direction::After);
        let changed = |change: fn(&mut ReadPlan)| {
            let mut plan = plan();
            change(&mut plan);
            digest(&plan, None, Direction::After)
        };
        for same in [
            changed(|_| {}),
            changed(|plan| plan.limit = Some(11)),
            changed(|plan| plan.columns = Some(vec![1])),
            changed(|plan| plan.total = true),
        ] {
            assert_eq!(same, one);
        }
        let others = [
            digest(&plan(), None, Direction::Before),
            digest(&plan(), Some("acme"), Direction::After),
            digest(&plan(), Some("ACME"), Direction::After),
            changed(|plan| plan.selection = Selection::everything()),
            changed(|plan| plan.order[0].descending = false),
            changed(|plan| plan.order.truncate(1)),
            changed(|plan| plan.include_deleted = true),
            changed(|plan| plan.table = Arc::new(product(true))),
            changed(|plan| (plan.distinct, plan.columns) = (true, Some(vec![2, 0]))),
            changed(|plan| (plan.distinct, plan.columns) = (true, Some(vec![0]))),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, one, "{at}");
            assert!(!others[at + 1..].contains(other), "{at}");
        }
    }

    #[test]
    fn a_place_comes_back_and_other_bytes_do_not() {
        let (table, order) = (product(false), plan().order);
        for value in [Value::Null, Value::Decimal(-500)] {
            let seek = Seek { values: vec![value, Value::Int(i64::MIN)], inclusive: true };
            let bytes = encode_seek(&table, &order, &seek).unwrap();
            assert_eq!(decode_seek(&table, &order, &bytes), Some(seek));
            for end in 0..bytes.len() {
                assert_eq!(decode_seek(&table, &order, &bytes[..end]), None);
            }
            assert_eq!(decode_seek(&table, &order, &[&bytes[..], &[0]].concat()), None);
        }
        // Null where the column has none.
        assert_eq!(decode_seek(&table, &order, &[0, 0, 0]), None);
        assert!(encode_seek(&table, &order, &Seek { values: vec![Value::Null], inclusive: false }).is_err());
    }
}
