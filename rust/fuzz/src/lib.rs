//! What the targets share: a table of every type, and values of any shape out of random bytes.

use std::sync::Arc;

use dataflow_core::dialect::{Dialect, Mysql, Postgres, Sqlite, Statement};
use dataflow_core::plan::{Plan, Scope, ScopedPlan};
use dataflow_core::schema::{ColumnSchema, KeySource, Role, TableSchema};
use dataflow_core::types::{FloatRules, LogicalType};
use dataflow_core::value::Raw;

pub const FLOATS: FloatRules = FloatRules { nan: false, infinity: false };

/// Deeper than what is allowed, and not as deep as the stack.
const DEPTH: usize = 40;

/// What parsers ask for; other texts come from the bytes.
const WORDS: &[&str] = &[
    "id", "text", "short", "whole", "flag", "real", "price", "bytes", "uuid", "instant", "wall", "date", "time",
    "span", "choice", "texts", "numbers", "json", "json.a", "json.a.0", "$and", "$or", "$nor", "$not", "$expr", "$eq",
    "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$between", "$like", "$ilike", "$regex", "$options",
    "$contains", "$icontains", "$startsWith", "$endsWith", "$null", "$exists", "$type", "$all", "$size", "$elemMatch",
    "$mod", "$any", "$none", "$match", "$group", "$project", "$sort", "$limit", "$skip", "$count", "$set",
    "$addFields", "$unset", "$unwind", "$bucket", "$sortByCount", "$sample", "_id", "$sum", "$avg", "$min", "$max",
    "$first", "$last", "$push", "$addToSet", "$cond", "$ifNull", "$concat", "$add", "$subtract", "$multiply",
    "$divide", "$abs", "$round", "$floor", "$ceil", "$toLower", "$toUpper", "$substr", "$year", "$month", "$dateTrunc",
    "$switch", "branches", "case", "then", "default", "groupBy", "boundaries", "output", "path",
    "$lookup", "from", "localField", "foreignField", "as", "pipeline", "Thing", "$a", "$a.id", "a.id", "$setWindowFields",
    "partitionBy", "sortBy", "window", "documents", "unbounded", "current", "$rank", "$documentNumber", "$shift", "by",
    "$replaceRoot", "newRoot", "$replaceWith", "$trunc", "$toUpper", "$trim", "input", "$size",
    "preserveNullAndEmptyArrays", "includeArrayIndex", "$whole", "$price", "$text", "$texts", "$instant", "$$ROOT",
    "a", "b", "", "(a|b)*c", "^[a-z]+$", "%_\\", "2024-01-31", "2024-01-31T23:59:59Z", "-1.50", "1e999", "\u{0}",
    "\u{1f600}",
];

pub fn table() -> Arc<TableSchema> {
    let text = || LogicalType::Text { max_length: None };
    let list = |item| LogicalType::List { item: Box::new(item) };
    let types = [
        ("id", LogicalType::Int),
        ("text", text()),
        ("short", LogicalType::Text { max_length: Some(5) }),
        ("whole", LogicalType::Int),
        ("flag", LogicalType::Bool),
        ("real", LogicalType::Float),
        ("price", LogicalType::Decimal { precision: 10, scale: 2 }),
        ("bytes", LogicalType::Bytes),
        ("uuid", LogicalType::Uuid),
        ("instant", LogicalType::Instant),
        ("wall", LogicalType::WallTime),
        ("date", LogicalType::Date),
        ("time", LogicalType::Time),
        ("span", LogicalType::Duration),
        ("choice", LogicalType::Choice { values: ["a".into(), "b".into()].into() }),
        ("texts", list(text())),
        ("numbers", list(LogicalType::Int)),
        ("json", LogicalType::Json),
    ];
    let columns = types.into_iter().map(|(name, ty)| ColumnSchema {
        name: name.to_owned(),
        ty,
        nullable: name != "id",
        default: None,
        role: Role::Field,
    });
    let table = TableSchema {
        model: "Thing".to_owned(),
        namespace: None,
        table: "thing".to_owned(),
        columns: columns.collect(),
        key: vec![0],
        key_source: KeySource::Caller,
        unique: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: false,
        append_only: false,
    };
    Arc::new(table.checked().expect("the table is a right one"))
}

/// Values out of bytes: each is told by a byte, and what it holds by those behind.
pub struct Tree<'b>(&'b [u8]);

impl<'b> Tree<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Tree(bytes)
    }

    pub fn value(&mut self) -> Raw<'b> {
        self.within(0)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn eight(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte().unwrap_or(0))
    }

    fn text(&mut self) -> &'b str {
        let at = usize::from(self.byte().unwrap_or(0));
        if let Some(word) = WORDS.get(at) {
            return word;
        }
        let (text, rest) = self.0.split_at((at - WORDS.len()).min(self.0.len()));
        self.0 = rest;
        str::from_utf8(text).unwrap_or("\u{fffd}")
    }

    fn within(&mut self, depth: usize) -> Raw<'b> {
        let Some(kind) = self.byte() else { return Raw::Null };
        let many = depth < DEPTH;
        match kind % 24 {
            0..=5 if many => {
                let entries = 0..1 + kind / 24 % 4;
                Raw::Map(entries.map(|_| (self.text().into(), self.within(depth + 1))).collect())
            }
            6..=9 if many => Raw::List((0..kind / 24).map(|_| self.within(depth + 1)).collect()),
            10 => Raw::Bool(kind > 99),
            11 => Raw::Int(self.byte().unwrap_or(0).into()),
            12 => Raw::Int(i64::from_be_bytes(self.eight())),
            13 => Raw::BigInt(self.text().into()),
            14 => Raw::Float(f64::from_be_bytes(self.eight())),
            15 => Raw::Decimal(self.text().into()),
            16 => Raw::Bytes(self.text().as_bytes().into()),
            17 => Raw::Instant(i64::from_be_bytes(self.eight())),
            18 => Raw::WallTime(i64::from_be_bytes(self.eight())),
            19 => Raw::Date(i64::from_be_bytes(self.eight()) as i32),
            20 => Raw::Time(i64::from_be_bytes(self.eight())),
            21 => Raw::Duration(i64::from_be_bytes(self.eight())),
            22 => Raw::Null,
            _ => Raw::Text(self.text().into()),
        }
    }
}

/// SQL for each database, or a refusal: never a panic.
pub fn compile(plan: &Plan) {
    let mysql = Mysql {
        database: "test".to_owned(),
        mariadb: true,
        statement_log: false,
        snapshot_isolation: true,
        infile: "rows".to_owned(),
    };
    let dialects: [&dyn Dialect; 3] = [&Postgres { schema: "public".to_owned() }, &mysql, &Sqlite];
    let scoped = ScopedPlan::new(plan.clone(), &Scope::default()).expect("nothing is asked of the scope");
    for dialect in dialects {
        let _ = Statement::query(dialect, &scoped);
    }
}
