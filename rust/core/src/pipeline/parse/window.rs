//! `$setWindowFields`: columns that are told by the rows around each row.

use std::borrow::Cow;

use super::build::{Builder, Projected};
use super::expression::read_names;
use super::group::{Total, total};
use super::lookup::is_inside;
use super::{check_name, invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Bound, Cell, Column, Expression, Frame, Output, Window};
use crate::plan::Order;
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::Raw;

const OPTIONS: &[&str] = &["partitionBy", "sortBy", "output"];
const FUNCTIONS: &[&str] =
    &["$avg", "$count", "$denseRank", "$documentNumber", "$first", "$last", "$max", "$min", "$rank", "$shift", "$sum"];
const LATER_FUNCTIONS: &[&str] = &[
    "$addToSet",
    "$covariancePop",
    "$covarianceSamp",
    "$derivative",
    "$expMovingAvg",
    "$integral",
    "$linearFill",
    "$locf",
    "$push",
    "$stdDevPop",
    "$stdDevSamp",
];
/// Farthest row that a frame or a `$shift` reaches.
const MAX_ROWS: i64 = 1_000_000;

type Entries<'r> = Vec<(Cow<'r, str>, Raw<'r>)>;

/// What an output asks for, on the visible columns.
struct Asked {
    name: String,
    window: Window,
    frame: Option<Frame>,
}

impl Builder<'_> {
    /// `{"partitionBy": …, "sortBy": {…}, "output": {…}}`.
    pub(super) fn read_window_fields(&mut self, raw: Raw<'_>) -> Result<()> {
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("expected a dict of {}, got {}", OPTIONS.join(", "), raw.type_name())));
        };
        let (mut partition, mut order, mut output) = (Raw::Null, None, None);
        for (name, raw) in entries {
            match &*name {
                "partitionBy" => partition = raw,
                "sortBy" => order = Some(raw),
                "output" => output = Some(raw),
                name => {
                    let error = Error::new(ErrorKind::UnknownOperator, format!("$setWindowFields has no `{name}`"));
                    let hint = meant(name, OPTIONS).unwrap_or_else(|| format!("it has {}", OPTIONS.join(", ")));
                    return Err(error.hint(hint).within(name));
                }
            }
        }
        let row = self.row();
        let partition = match partition {
            Raw::Null => None,
            raw => Some(self.read_key(&row, raw).map_err(|error| error.within("partitionBy"))?),
        };
        let order = match order {
            None => Vec::new(),
            Some(raw) => Self::read_order(&row, raw).map_err(|error| error.within("sortBy"))?,
        };
        let asked = match output {
            Some(Raw::Map(entries)) if !entries.is_empty() => {
                self.read_outputs(&row, entries, !order.is_empty()).map_err(|error| error.within("output"))?
            }
            _ => return Err(invalid("a $setWindowFields needs an `output`, a dict of columns").within("output")),
        };
        self.window(partition, &order, asked)
    }

    fn read_outputs(&mut self, row: &TableSchema, entries: Entries<'_>, sorted: bool) -> Result<Vec<Asked>> {
        let mut asked = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let read = check_name(&name).and_then(|()| self.read_output(row, raw, sorted));
            let (window, frame) = read.map_err(|error| error.within(&name))?;
            asked.push(Asked { name: name.into_owned(), window, frame });
        }
        Ok(asked)
    }

    /// `{"$sum": …, "window": {…}}`.
    fn read_output(&mut self, row: &TableSchema, raw: Raw<'_>, sorted: bool) -> Result<(Window, Option<Frame>)> {
        let Raw::Map(mut entries) = raw else {
            return Err(invalid(format!("expected a dict with a function, got {}", raw.type_name())).hint(all()));
        };
        let frame = entries.iter().position(|(name, _)| name == "window").map(|at| entries.remove(at).1);
        let Ok([(name, raw)]) = <[_; 1]>::try_from(entries) else {
            return Err(invalid("a column has one function, and a `window` beside it").hint(all()));
        };
        if !FUNCTIONS.contains(&&*name) {
            return Err(unknown(&name));
        }
        let window = self.read_function(row, &name, raw).map_err(|error| error.within(&name))?;
        let has_frame = !matches!(window, Window::Rank | Window::DenseRank | Window::Number | Window::Shift { .. });
        if !sorted && (!has_frame || frame.is_some() || matches!(window, Window::First(_) | Window::Last(_))) {
            return Err(invalid("which rows are before and behind is told by a `sortBy`")
                .hint("write \"sortBy\": {\"field\": 1} beside \"output\"")
                .within(&name));
        }
        let frame = match frame {
            None => None,
            Some(_) if !has_frame => return Err(invalid(format!("{name} takes no window")).within("window")),
            Some(raw) => Some(read_frame(raw).map_err(|error| error.within("window"))?),
        };
        let moves = frame.is_some_and(|frame| frame.from != Bound::Unbounded);
        if let Window::Sum(of) | Window::Average(of) = &window
            && of.ty == LogicalType::Float
            && moves
        {
            return Err(invalid(format!("{name} of float is not of a window that moves"))
                .hint("what a sum of floats is without its first one depends on the database; begin at \"unbounded\"")
                .within("window"));
        }
        Ok((window, frame))
    }

    fn read_function(&mut self, row: &TableSchema, name: &str, raw: Raw<'_>) -> Result<Window> {
        if let "$rank" | "$denseRank" | "$documentNumber" | "$count" = name {
            self.nodes += 1;
            if raw != Raw::Map(Vec::new()) {
                return Err(invalid(format!("{name} takes an empty dict")));
            }
            return Ok(match name {
                "$rank" => Window::Rank,
                "$denseRank" => Window::DenseRank,
                "$documentNumber" => Window::Number,
                _ => Window::Count,
            });
        }
        if name == "$shift" {
            return self.read_shift(row, raw);
        }
        let of = Self::expressions(&mut self.nodes, row, self.floats).whole(raw)?;
        Ok(match total(name, of)? {
            Total::Sum(of) => Window::Sum(of),
            Total::Average(of) => Window::Average(of),
            Total::Smallest(of) => Window::Smallest(of),
            Total::Largest(of) => Window::Largest(of),
            Total::First(of) => Window::First(of),
            Total::Last(of) => Window::Last(of),
            _ => return Err(Error::internal("a total that is of no window")),
        })
    }

    /// `{"output": …, "by": -1}`.
    fn read_shift(&mut self, row: &TableSchema, raw: Raw<'_>) -> Result<Window> {
        let Raw::Map(mut entries) = raw else {
            return Err(invalid(format!("$shift takes a dict of `output` and `by`, got {}", raw.type_name())));
        };
        if let Some(at) = entries.iter().position(|(name, _)| name == "default")
            && entries.remove(at).1 != Raw::Null
        {
            let error = Error::new(ErrorKind::NotBuilt, "a default of $shift is not built yet");
            return Err(error.hint("put {\"$ifNull\": [\"$field\", …]} into a $set behind it").within("default"));
        }
        let Some([output, by]) = read_names(entries, ["output", "by"]) else {
            return Err(invalid("$shift takes a dict of `output` and `by`"));
        };
        let by = read_rows(&by).map_err(|error| error.within("by"))?;
        let of = Self::expressions(&mut self.nodes, row, self.floats).whole(output);
        let of = of.map_err(|error| error.within("output"))?;
        if matches!(of.ty, LogicalType::List { .. } | LogicalType::Json | LogicalType::Rows(_)) {
            return Err(invalid(format!("$shift is not of {}", of.ty.name())).within("output"));
        }
        Ok(Window::Shift { of, by })
    }

    /// Adds the columns to those of the row, in the place of one that has its name.
    fn window(&mut self, partition: Option<Expression>, order: &[Order], mut asked: Vec<Asked>) -> Result<()> {
        self.make_plain()?;
        if asked.len() > 1 {
            // Columns keep their places from here on.
            self.wrap()?;
        }
        let visible = self.visible();
        let computed = partition.iter().chain(asked.iter().filter_map(|asked| asked.window.operand()));
        let computed: Vec<Expression> = computed.cloned().collect();
        let columns = self.as_columns(&computed)?;
        let mut inputs = columns.into_iter();
        let lost = || Error::internal("an operand that is lost");
        let partition = partition.map(|_| inputs.next().ok_or_else(lost)).transpose()?;
        for operand in asked.iter_mut().filter_map(|asked| asked.window.operand_mut()) {
            let column = inputs.next().ok_or_else(lost)?;
            *operand = Expression::column(column, operand.ty.clone(), operand.nullable);
        }
        let sorted = order.iter().map(|order| Ok(Order { column: self.input(visible[order.column])?, ..*order }));
        let sorted = sorted.collect::<Result<Vec<_>>>()?;
        let mut whole = sorted.clone();
        for at in self.level.identity.clone() {
            let column = self.input(at)?;
            if !whole.iter().any(|order| order.column == column) {
                whole.push(Order { column, descending: false });
            }
        }
        let row = self.row();
        let kept = row.columns.into_iter().enumerate().map(|(at, column)| (column.name, Projected::Kept(at)));
        let mut fields: Vec<_> = kept.collect();
        for (at, Asked { name, window, frame }) in asked.into_iter().enumerate() {
            let column = Column { name, ..self.column_of(&window) };
            let added = Projected::Kept(visible.len() + at);
            fields.retain(|(field, _)| !is_inside(field, &column.name));
            match fields.iter_mut().find(|(field, _)| *field == column.name) {
                Some((_, field)) => *field = added,
                None => fields.push((column.name.clone(), added)),
            }
            let order = match (&window, frame) {
                // Rows that the order leaves alike have one rank.
                (Window::Rank | Window::DenseRank, _) => sorted.clone(),
                // Those of a whole partition have no order.
                (Window::First(_) | Window::Last(_) | Window::Number | Window::Shift { .. }, _) | (_, Some(_)) => {
                    whole.clone()
                }
                (_, None) => Vec::new(),
            };
            let cell = Cell::Windowed { window, partition: partition.into_iter().collect(), order, frame };
            self.level.outputs.push(Output::new(column, cell));
            // Each in a level of its own: MariaDB looks at a sum before it is there, and warns, where another window
            // comes first; and it takes a column of a window for another one than that in the order of its rows.
            self.wrap()?;
        }
        self.project(fields)
    }

    /// The inputs that expressions on visible columns are; those that are none become some.
    fn as_columns(&mut self, expressions: &[Expression]) -> Result<Vec<usize>> {
        let (visible, inputs) = (self.visible(), self.inputs()?);
        let mut outputs = Vec::with_capacity(expressions.len());
        let before = self.level.outputs.len();
        for expression in expressions {
            outputs.push(match expression.as_column() {
                Some(at) => visible[at],
                None => {
                    let mut expression = expression.clone();
                    expression.rename(&inputs);
                    let (ty, nullable) = (expression.ty.clone(), expression.nullable);
                    let column = Column { name: String::new(), ty, nullable, origin: None };
                    self.level.outputs.push(Output::hidden(column, Cell::Value(expression)));
                    self.level.outputs.len() - 1
                }
            });
        }
        if self.level.outputs.len() > before {
            self.wrap()?;
        }
        outputs.into_iter().map(|at| self.input(at)).collect()
    }

    fn column_of(&self, window: &Window) -> Column {
        let picked = |of: &Expression| {
            let origin = of.as_column().and_then(|at| self.level.input[at].origin);
            Column { origin, ..Total::First(of.clone()).column() }
        };
        match window {
            Window::Rank | Window::DenseRank | Window::Number | Window::Count => Total::Count.column(),
            Window::Sum(of) => Total::Sum(of.clone()).column(),
            Window::Average(of) => Total::Average(of.clone()).column(),
            Window::Smallest(of) | Window::Largest(of) | Window::First(of) | Window::Last(of) => picked(of),
            Window::Shift { of, .. } => picked(of),
        }
    }
}

/// `{"documents": ["unbounded", "current"]}`.
fn read_frame(raw: Raw<'_>) -> Result<Frame> {
    let Raw::Map(entries) = raw else {
        return Err(invalid(format!("expected a dict of `documents`, got {}", raw.type_name())));
    };
    if let Some((name, _)) = entries.iter().find(|(name, _)| matches!(&**name, "range" | "unit")) {
        let error = Error::new(ErrorKind::NotBuilt, format!("`{name}` of a window is not built yet"));
        return Err(error.hint("count rows: {\"documents\": [-2, \"current\"]}"));
    }
    let bounds = match read_names(entries, ["documents"]) {
        Some([Raw::List(items)]) => <[Raw<'_>; 2]>::try_from(items).ok(),
        _ => None,
    };
    let Some([from, to]) = bounds else {
        return Err(invalid("a window is a dict of `documents`, a list of two bounds")
            .hint("write {\"documents\": [\"unbounded\", \"current\"]}, or rows from this one on: [-2, 0]"));
    };
    let bound = |raw: Raw<'_>, place: &str| match &raw {
        Raw::Text(text) if text == "unbounded" => Ok(Bound::Unbounded),
        Raw::Text(text) if text == "current" => Ok(Bound::Row(0)),
        Raw::Text(_) => Err(invalid("a bound is \"unbounded\", \"current\" or an int").within(place)),
        raw => {
            let hint = "a bound is \"unbounded\", \"current\" or an int";
            read_rows(raw).map(Bound::Row).map_err(|error| error.hint(hint).within(place))
        }
    };
    let frame = Frame { from: bound(from, "documents[0]")?, to: bound(to, "documents[1]")? };
    match (frame.from, frame.to) {
        (Bound::Row(from), Bound::Row(to)) if from > to => {
            Err(invalid("the first bound must not lie behind the second").within("documents"))
        }
        _ => Ok(frame),
    }
}

fn read_rows(raw: &Raw<'_>) -> Result<i64> {
    match raw {
        Raw::Int(rows) if (-MAX_ROWS..=MAX_ROWS).contains(rows) => Ok(*rows),
        Raw::Int(_) => Err(Error::new(ErrorKind::LimitExceeded, format!("a row is at most {MAX_ROWS} rows away"))),
        raw => Err(invalid(format!("expected a number of rows, got {}", raw.type_name()))),
    }
}

fn all() -> String {
    format!("the functions are {}", FUNCTIONS.join(", "))
}

fn unknown(name: &str) -> Error {
    if LATER_FUNCTIONS.contains(&name) {
        return Error::new(ErrorKind::NotBuilt, format!("the function `{name}` is not built yet")).hint(all());
    }
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no function `{name}` of windows"));
    error.hint(meant(name, FUNCTIONS).unwrap_or_else(all))
}
