//! `{"price": {"$lt": 10}, "$or": […]}` -> [`Filter`]. Errors carry the path `filter.price.$lt`.

use std::borrow::Cow;

use super::{Comparison, Filter, MAX_DEPTH, MAX_LIST, MAX_NODES};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::schema::{ColumnSchema, TableSchema};
use crate::types::{FloatRules, LogicalType};
use crate::value::{Raw, Value};

/// Every operator there is; a new one gets its line here and its arm in `condition` or `combination`.
const FIELD_OPERATORS: &[&str] = &["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$not"];
const LOGIC_OPERATORS: &[&str] = &["$and", "$or", "$not"];

/// Reads a filter against a table.
///
/// # Errors
/// `InvalidFilter`, `UnknownOperator`, `UnknownField`, `LimitExceeded`, and every refusal of a value.
pub fn parse(table: &TableSchema, raw: Raw<'_>, floats: FloatRules) -> Result<Filter> {
    let mut parser = Parser { table, floats, nodes: 0 };
    parser.document(raw, 1).map_err(|error| error.within("filter"))
}

struct Parser<'t> {
    table: &'t TableSchema,
    floats: FloatRules,
    nodes: usize,
}

impl Parser<'_> {
    fn count(&mut self, depth: usize) -> Result<()> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a filter nests at most {MAX_DEPTH} levels")));
        }
        if self.nodes > MAX_NODES {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a filter has at most {MAX_NODES} conditions"))
                .hint("many values of one field belong in one $in list"));
        }
        Ok(())
    }

    /// A dict of fields and logic operators: all of them must hold.
    fn document(&mut self, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("expected a dict, got {}", raw.type_name())));
        };
        let mut all = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let filter = if name.starts_with('$') {
                self.combination(&name, raw, depth + 1)
            } else {
                self.table.resolve(&name).and_then(|column| self.field(column, raw, depth + 1))
            };
            all.push(filter.map_err(|error| error.within(&name))?);
        }
        Ok(flatten(all))
    }

    fn combination(&mut self, operator: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        match operator {
            "$not" => Ok(Filter::Not(Box::new(self.document(raw, depth)?))),
            "$and" => self.documents(raw, depth).map(Filter::And),
            "$or" => self.documents(raw, depth).map(Filter::Or),
            _ => Err(unknown_operator(operator, LOGIC_OPERATORS)),
        }
    }

    fn documents(&mut self, raw: Raw<'_>, depth: usize) -> Result<Vec<Filter>> {
        let Raw::List(items) = raw else {
            return Err(invalid(format!("expected a list of dicts, got {}", raw.type_name())));
        };
        let each = |(at, item)| self.document(item, depth).map_err(|error: Error| error.within(&format!("[{at}]")));
        items.into_iter().enumerate().map(each).collect()
    }

    /// What one field must meet: a value, or a dict of operators.
    fn field(&mut self, column: usize, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let Raw::Map(entries) = raw else {
            return self.condition(column, "$eq", raw, depth);
        };
        if entries.is_empty() {
            return Err(invalid("an empty dict of operators"));
        }
        let mut all = Vec::with_capacity(entries.len());
        for (operator, raw) in entries {
            all.push(self.condition(column, &operator, raw, depth).map_err(|error| error.within(&operator))?);
        }
        Ok(flatten(all))
    }

    fn condition(&mut self, column: usize, operator: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        let not = |filter| Filter::Not(Box::new(filter));
        match operator {
            "$eq" => self.equal(column, raw),
            "$ne" => self.equal(column, raw).map(not),
            "$in" => self.list(column, raw),
            "$nin" => self.list(column, raw).map(not),
            "$gt" => self.compare(column, Comparison::Greater, raw),
            "$gte" => self.compare(column, Comparison::GreaterOrEqual, raw),
            "$lt" => self.compare(column, Comparison::Less, raw),
            "$lte" => self.compare(column, Comparison::LessOrEqual, raw),
            "$not" if matches!(raw, Raw::Map(_)) => self.field(column, raw, depth + 1).map(not),
            "$not" => Err(invalid("$not of a field takes a dict of operators; use $ne for a value")),
            _ => Err(unknown_operator(operator, FIELD_OPERATORS)),
        }
    }

    fn equal(&self, column: usize, raw: Raw<'_>) -> Result<Filter> {
        match self.value(column, raw)? {
            Value::Null => Ok(Filter::IsNull { column }),
            value => Ok(Filter::Compare { column, comparison: Comparison::Equal, value }),
        }
    }

    fn compare(&self, column: usize, comparison: Comparison, raw: Raw<'_>) -> Result<Filter> {
        match self.value(column, raw)? {
            Value::Null => Err(invalid("None has no order").hint("use $eq or $ne with None")),
            value => Ok(Filter::Compare { column, comparison, value }),
        }
    }

    fn list(&self, column: usize, raw: Raw<'_>) -> Result<Filter> {
        let Raw::List(items) = raw else {
            return Err(invalid(format!("expected a list, got {}", raw.type_name())));
        };
        if items.len() > MAX_LIST {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a list has at most {MAX_LIST} values")));
        }
        let (mut values, mut null) = (Vec::with_capacity(items.len()), false);
        for (at, item) in items.into_iter().enumerate() {
            match self.value(column, item).map_err(|error| error.within(&format!("[{at}]")))? {
                Value::Null => null = true,
                value => values.push(value),
            }
        }
        Ok(Filter::In { column, values, null })
    }

    /// A value to compare with. Its length does not matter: a longer text just equals nothing.
    fn value(&self, column: usize, raw: Raw<'_>) -> Result<Value<'static>> {
        let ColumnSchema { ty, .. } = &self.table.columns[column];
        let ty = match ty {
            LogicalType::Text { .. } => &LogicalType::Text { max_length: None },
            ty => ty,
        };
        ty.accept(raw, self.floats).map(Value::into_owned)
    }
}

fn flatten(mut all: Vec<Filter>) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            Filter::And(all)
        }
        None => Filter::And(all),
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidFilter, message.into())
}

fn unknown_operator(operator: &str, known: &[&'static str]) -> Error {
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no operator `{operator}` here"));
    match did_you_mean(operator, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!("the operators are {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::product;

    const FLOATS: FloatRules = FloatRules { nan: true, infinity: true };

    fn map(entries: Vec<(&'static str, Raw<'static>)>) -> Raw<'static> {
        Raw::Map(entries.into_iter().map(|(name, raw)| (name.into(), raw)).collect())
    }

    fn refused(raw: Raw<'_>) -> (ErrorKind, String) {
        let error = parse(&product(false), raw, FLOATS).unwrap_err();
        (error.kind(), error.detail().path.clone().unwrap_or_default())
    }

    #[test]
    fn an_empty_filter_matches_every_row() {
        assert_eq!(parse(&product(false), map(vec![]), FLOATS).unwrap(), Filter::And(vec![]));
    }

    #[test]
    fn errors_say_where() {
        let less = |raw| map(vec![("price", map(vec![("$lt", raw)]))]);
        assert_eq!(
            refused(less(Raw::Bytes(b"x".as_slice().into()))),
            (ErrorKind::WrongType, "filter.price.$lt".into())
        );
        assert_eq!(refused(less(Raw::Null)), (ErrorKind::InvalidFilter, "filter.price.$lt".into()));
        assert_eq!(refused(map(vec![("nmae", Raw::Null)])).0, ErrorKind::UnknownField);
        let nested = map(vec![("$or", Raw::List(vec![map(vec![("qty", map(vec![("$gtt", Raw::Int(1))]))])]))]);
        assert_eq!(refused(nested), (ErrorKind::UnknownOperator, "filter.$or[0].qty.$gtt".into()));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = (0..40).fold(map(vec![]), |inner, _| map(vec![("$not", inner)]));
        assert_eq!(refused(deep).0, ErrorKind::LimitExceeded);
        let wide = Raw::List((0..1_001).map(|_| map(vec![("qty", Raw::Int(1))])).collect());
        assert_eq!(refused(map(vec![("$or", wide)])).0, ErrorKind::LimitExceeded);
        let long = Raw::List((0..10_001).map(Raw::Int).collect());
        assert_eq!(refused(map(vec![("qty", map(vec![("$in", long)]))])).0, ErrorKind::LimitExceeded);
    }

    #[test]
    fn null_in_a_list_is_kept_apart() {
        let list = Raw::List(vec![Raw::Int(1), Raw::Null]);
        let filter = parse(&product(false), map(vec![("qty", map(vec![("$in", list)]))]), FLOATS).unwrap();
        assert_eq!(filter, Filter::In { column: 3, values: vec![Value::Int(1)], null: true });
    }
}
