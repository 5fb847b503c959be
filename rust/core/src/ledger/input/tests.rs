use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::*;
use crate::batch::{ColumnBuilder, Presence};
use crate::schema::{ColumnSchema, KeySource, Role};
use crate::types::lists;
use crate::value::Value;

fn column(name: &str, ty: LogicalType) -> ColumnSchema {
    ColumnSchema { name: name.to_owned(), ty, nullable: true, default: None, role: Role::Field }
}

fn table(columns: Vec<ColumnSchema>) -> TableSchema {
    let key = ColumnSchema { nullable: false, ..column("id", LogicalType::Int) };
    TableSchema {
        model: "Item".to_owned(),
        namespace: None,
        table: "item".to_owned(),
        columns: std::iter::once(key).chain(columns).collect(),
        key: vec![0],
        key_source: KeySource::Database,
        unique: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: false,
        append_only: false,
    }
    .checked()
    .unwrap()
}

fn array(ty: &LogicalType, values: &[Value<'_>]) -> ArrayRef {
    let mut builder = ColumnBuilder::new(ty, values.len());
    values.iter().for_each(|value| builder.append(value).unwrap());
    builder.finish()
}

/// Rows with a key that nobody gives, and one column.
fn rows(table: &TableSchema, array: ArrayRef, present: Presence) -> Given {
    let rows = array.len();
    let keys: ArrayRef = Arc::new(Int64Array::new_null(rows));
    Given::new(table, vec![keys, array], vec![Presence::None, present], rows).unwrap()
}

fn hash(table: &TableSchema, parts: &[Given]) -> String {
    let every: Vec<usize> = (0..table.columns.len()).collect();
    let mut hash = InputHash::new(table, "append", &every);
    parts.iter().for_each(|part| hash.rows(part).unwrap());
    hash.finish(table)
}

fn ints(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Int64Array>())
}

/// A generator of numbers that need only differ (xorshift, fixed seed).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// A column of every type and of lists of it, with nulls among the values.
fn columns() -> Vec<(LogicalType, Vec<Value<'static>>)> {
    let mut columns = vec![(
        LogicalType::Json,
        vec![Value::Json("{}".into()), Value::Null, Value::Json("[1,2]".into()), Value::Json("\"ä\"".into())],
    )];
    for (item, values, _) in lists() {
        let mut scalars = values.clone();
        scalars.insert(values.len() / 2, Value::Null);
        scalars.extend(values.iter().cloned());
        let list = LogicalType::List { item: Box::new(item.clone()) };
        let all = Value::List(values.clone());
        columns.push((item, scalars));
        columns.push((list, vec![all.clone(), Value::Null, Value::List(vec![]), Value::List(values), all]));
    }
    columns
}

#[test]
fn the_edges_of_batches_and_slices_leave_no_trace() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let columns = columns();
    assert!(columns.len() > 20);
    for (ty, values) in &columns {
        let table = table(vec![column("x", ty.clone())]);
        let long: Vec<Value<'_>> = values.iter().cycle().take(values.len() * 40).cloned().collect();
        let bits: BooleanBuffer = (0..long.len()).map(|_| numbers.below(5) > 0).collect();
        let whole = rows(&table, array(ty, &long), Presence::Rows(bits));
        let wanted = hash(&table, std::slice::from_ref(&whole));
        for _ in 0..20 {
            let (mut parts, mut at) = (Vec::new(), 0);
            while at < whole.rows() {
                let size = numbers.below(50).min(whole.rows() - at);
                parts.push(whole.slice(at, size));
                at += size;
            }
            assert_eq!(hash(&table, &parts), wanted, "{}", ty.name());
        }
        let some: Vec<usize> = (3..whole.rows()).collect();
        assert_eq!(hash(&table, &[whole.slice(3, whole.rows() - 3)]), hash(&table, &[whole.take(&some).unwrap()]));
    }
}

#[test]
fn a_clone_has_the_hash_of_the_rows_so_far() {
    let table = table(vec![column("x", LogicalType::Int)]);
    let whole = rows(&table, ints(&[Some(1), None, Some(3), Some(3), None]), Presence::All);
    let mut running = InputHash::new(&table, "append", &[0, 1]);
    for row in 0..=whole.rows() {
        let prefix = if row == 0 { Vec::new() } else { vec![whole.slice(0, row)] };
        assert_eq!(running.clone().finish(&table), hash(&table, &prefix));
        if row < whole.rows() {
            running.rows(&whole.slice(row, 1)).unwrap();
        }
    }
}

#[test]
fn every_changed_value_and_every_changed_order_shows() {
    for (ty, values) in &columns() {
        let table = table(vec![column("x", ty.clone())]);
        let of = |values: &[Value<'_>]| hash(&table, &[rows(&table, array(ty, values), Presence::All)]);
        let wanted = of(values);
        for row in 0..values.len() {
            for other in values.iter().filter(|other| !other.same(&values[row])) {
                let mut changed = values.clone();
                changed[row] = other.clone();
                assert_ne!(of(&changed), wanted, "{}", ty.name());
            }
            let mut turned = values.clone();
            turned.rotate_left(row);
            let same = turned.iter().zip(values).all(|(a, b)| a.same(b));
            assert_eq!(of(&turned) == wanted, same, "{} {row}", ty.name());
        }
        assert_ne!(of(&values[1..]), wanted);
    }
}

#[test]
fn what_lies_under_a_null_is_not_looked_at() {
    let table = table(vec![column("x", LogicalType::Int)]);
    let nulls = || Some(NullBuffer::from(vec![true, false, true]));
    let of = |garbage| {
        let array: PrimitiveArray<Int64Type> = Int64Array::new(vec![1, garbage, 3].into(), nulls());
        hash(&table, &[rows(&table, Arc::new(array), Presence::All)])
    };
    assert_eq!(of(7), of(8));
    let texts = self::table(vec![column("x", LogicalType::Text { max_length: None })]);
    let of = |text: &str| {
        let full = StringArray::from(vec!["a", text, "b"]);
        let (offsets, values, _) = full.into_parts();
        let array = StringArray::new(offsets, values, nulls());
        hash(&texts, &[rows(&texts, Arc::new(array), Presence::All)])
    };
    assert_eq!(of("garbage"), of(""));
}

#[test]
fn absent_is_not_null_and_a_default_is_not_given() {
    let table = table(vec![column("x", LogicalType::Int)]);
    let of = |values: &[Option<i64>], present| hash(&table, &[rows(&table, ints(values), present)]);
    let first_only = || Presence::Rows(BooleanBuffer::from(vec![true, false]));
    assert_ne!(of(&[Some(1), None], Presence::All), of(&[Some(1), None], first_only()));
    assert_eq!(of(&[Some(1), Some(5)], first_only()), of(&[Some(1), Some(6)], first_only()));
    let (all, none) = (BooleanBuffer::new_set(2), BooleanBuffer::new_unset(2));
    assert_eq!(of(&[Some(1), None], Presence::Rows(all)), of(&[Some(1), None], Presence::All));
    assert_eq!(of(&[None, None], Presence::Rows(none)), of(&[None, None], Presence::None));
    assert_ne!(of(&[None, None], Presence::All), of(&[None, None], Presence::None));
    assert_ne!(of(&[None], Presence::None), of(&[None, None], Presence::None));
}

#[test]
fn lengths_keep_neighbours_apart() {
    let table = table(vec![column("x", LogicalType::Text { max_length: None })]);
    let of = |texts: &[&str]| {
        let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        hash(&table, &[rows(&table, array, Presence::All)])
    };
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_ne!(of(&["", "abc"]), of(&["abc", ""]));
}

#[test]
fn floats_that_are_the_same_to_a_database_are_the_same() {
    let table = table(vec![column("x", LogicalType::Float)]);
    let of = |float: f64| {
        let values = array(&LogicalType::Float, &[Value::Float(float)]);
        hash(&table, &[rows(&table, values, Presence::All)])
    };
    assert_eq!(of(0.0), of(-0.0));
    assert_eq!(of(f64::NAN), of(-f64::NAN));
    assert_ne!(of(0.0), of(f64::MIN_POSITIVE));
    assert_ne!(of(f64::INFINITY), of(f64::NEG_INFINITY));
}

#[test]
fn the_type_of_a_column_counts_and_its_bounds_do_not() {
    let text = |length| LogicalType::Text { max_length: length };
    let of = |ty: LogicalType| {
        let table = table(vec![column("x", ty.clone())]);
        let value = match &ty {
            LogicalType::Text { .. } => Value::Text("7".into()),
            LogicalType::Json => Value::Json("7".into()),
            _ => Value::Decimal(7),
        };
        hash(&table, &[rows(&table, array(&ty, &[value]), Presence::All)])
    };
    let decimal = |precision, scale| LogicalType::Decimal { precision, scale };
    assert_eq!(of(text(Some(3))), of(text(None)));
    assert_ne!(of(text(None)), of(LogicalType::Json));
    assert_eq!(of(decimal(5, 2)), of(decimal(9, 2)));
    assert_ne!(of(decimal(5, 2)), of(decimal(5, 1)));
}

#[test]
fn new_columns_and_another_order_of_columns_change_nothing() {
    let (a, b) = (column("a", LogicalType::Int), column("b", LogicalType::Int));
    let small = hash(&table(vec![a.clone()]), &[rows(&table(vec![a.clone()]), ints(&[Some(1)]), Presence::All)]);
    let of = |columns: Vec<ColumnSchema>, values: [Option<i64>; 2], present: [Presence; 2]| {
        let table = table(columns);
        let arrays = vec![ints(&[None]), ints(&values[..1]), ints(&values[1..])];
        let [first, second] = present;
        let given = Given::new(&table, arrays, vec![Presence::None, first, second], 1).unwrap();
        hash(&table, &[given])
    };
    let [all, none] = [Presence::All, Presence::None];
    assert_eq!(of(vec![a.clone(), b.clone()], [Some(1), Some(9)], [all.clone(), none.clone()]), small);
    assert_eq!(of(vec![b.clone(), a.clone()], [Some(9), Some(1)], [none, all.clone()]), small);
    let both = of(vec![a.clone(), b.clone()], [Some(1), Some(2)], [all.clone(), all.clone()]);
    assert_eq!(of(vec![b.clone(), a.clone()], [Some(2), Some(1)], [all.clone(), all.clone()]), both);
    assert_ne!(of(vec![a, b], [Some(2), Some(1)], [all.clone(), all]), both);
}

#[test]
fn operation_settings_and_table_count() {
    let table = table(vec![column("x", LogicalType::Int)]);
    let of = |table: &TableSchema, operation: &str, settings: &[(&str, &str)]| {
        let mut hash = InputHash::new(table, operation, &[0, 1]);
        settings.iter().for_each(|(name, value)| hash.setting(name, value));
        hash.finish(table)
    };
    let wanted = of(&table, "upsert", &[("a", "b")]);
    assert_eq!(wanted.len(), InputHash::LENGTH as usize);
    assert_eq!(of(&table, "upsert", &[("a", "b")]), wanted);
    let dotted = TableSchema { table: "b.c".to_owned(), namespace: Some("a".to_owned()), ..table.clone() };
    let other = TableSchema { table: "c".to_owned(), namespace: Some("a.b".to_owned()), ..table.clone() };
    assert_eq!(dotted.full_name(), other.full_name());
    assert_ne!(of(&dotted, "upsert", &[]), of(&other, "upsert", &[]));
    for hash in [of(&table, "append", &[("a", "b")]), of(&table, "upsert", &[]), of(&table, "upsert", &[("ab", "")])] {
        assert_ne!(hash, wanted);
    }
}
