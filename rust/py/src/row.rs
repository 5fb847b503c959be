//! One row after the other, as dicts and instances of the model: their values go to a builder.

use std::sync::Arc;

use dataflow_core::Error;
use dataflow_core::batch::RowsBuilder;
use dataflow_core::reject::{Reject, is_whole, payload};
use dataflow_core::schema::TableSchema;
use dataflow_core::value::Raw;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{from_py, to_py};
use crate::model::Model;
use crate::raw;

/// A row as Python has it.
pub enum Row<'a, 'py> {
    Dict(&'a Bound<'py, PyDict>),
    /// Of the model's class: its attributes are the fields.
    Instance(&'a Bound<'py, PyAny>),
}

impl<'a, 'py> Row<'a, 'py> {
    /// None where it is neither; a class derived from `dict` may be made of anything.
    pub fn of(model: &Model, row: &'a Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        if let Ok(fields) = row.cast_exact::<PyDict>() {
            return Ok(Some(Row::Dict(fields)));
        }
        let Some(class) = &model.class else { return Ok(None) };
        let class = class.bind(row.py());
        // The frequent case by a comparison of pointers.
        let ours = row.get_type().is(class) || row.is_instance(class)?;
        Ok(ours.then_some(Row::Instance(row)))
    }

    fn get(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self {
            Row::Dict(fields) => fields.get_item(name),
            Row::Instance(instance) => instance.getattr_opt(name),
        }
    }

    /// The fields by name; those of an instance are the model's.
    fn fields(&self, py: Python<'py>, names: &[Bound<'py, PyString>]) -> PyResult<Bound<'py, PyDict>> {
        match self {
            Row::Dict(fields) => Ok((*fields).clone()),
            Row::Instance(_) => {
                let fields = PyDict::new(py);
                for name in names {
                    if let Some(value) = self.get(name)? {
                        fields.set_item(name, value)?;
                    }
                }
                Ok(fields)
            }
        }
    }
}

/// Whether rows may need others that come after them: those they refer to, or those whose keys are not to be generated.
pub fn belong_together(model: &Model, rows: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = rows.py();
    if model.schema.references.iter().any(|reference| reference.model == model.schema.model) {
        return Ok(true);
    }
    let Some(key) = model.schema.automatic_key() else { return Ok(false) };
    let (name, unset) = (PyString::intern(py, &model.schema.columns[key].name), &raw::known(py)?.unset);
    let mut first = None;
    for row in rows.try_iter()? {
        let row = row?;
        // What is converted first does not show its key.
        let Some(row) = Row::of(model, &row)? else { return Ok(true) };
        let given = row.get(&name)?.is_some_and(|key| !key.is_none() && !key.is(unset));
        if *first.get_or_insert(given) != given {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds rows to a builder.
pub struct RowReader<'py, 'm> {
    model: &'m Model,
    names: Vec<Bound<'py, PyString>>,
    pub builder: RowsBuilder,
    /// None where a row that is refused is an error, else whether such rows are kept.
    pub tolerates: Option<bool>,
    /// The rows that were refused; the builder has a place for them too.
    pub rejects: Vec<Reject>,
    /// The number of the builder's first row.
    pub first: usize,
}

/// Why a row is not taken.
enum Refusal {
    /// In this column, or behind all of them.
    Row(usize, Error),
    /// It is no fault of the row.
    Failure(PyErr),
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Refusal::Failure(error)
    }
}

impl<'py, 'm> RowReader<'py, 'm> {
    pub fn new(py: Python<'py>, model: &'m Model, builder: RowsBuilder) -> Self {
        let names = model.schema.columns.iter().map(|column| PyString::intern(py, &column.name)).collect();
        RowReader { model, names, builder, tolerates: None, rejects: Vec::new(), first: 0 }
    }

    /// Adds one row; `defaults` says whether absent fields get theirs.
    pub fn read(
        &mut self,
        py: Python<'py>,
        row: &Row<'_, 'py>,
        defaults: bool,
        place: impl Fn(Error) -> Error,
    ) -> PyResult<()> {
        match (self.push(py, row, defaults, &place), self.tolerates) {
            (Ok(()), _) => {
                self.builder.end_row();
                Ok(())
            }
            (Err(Refusal::Row(at, error)), Some(keeps)) => {
                let payload = if keeps { Some(shown(&row.fields(py, &self.names)?)?) } else { None };
                self.rejects.push(Reject::new(self.first + self.builder.rows(), &error, payload));
                self.builder.spoil_row(at);
                Ok(())
            }
            (Err(Refusal::Row(_, error)), None) => Err(to_py(py, &place(error))),
            (Err(Refusal::Failure(error)), _) => Err(error),
        }
    }

    /// Adds the values of a row.
    fn push(
        &mut self,
        py: Python<'py>,
        row: &Row<'_, 'py>,
        defaults: bool,
        place: &impl Fn(Error) -> Error,
    ) -> Result<(), Refusal> {
        let unset = &raw::known(py)?.unset;
        let mut known = 0;
        for (column, name) in self.names.iter().enumerate() {
            let found = row.get(name)?;
            known += usize::from(found.is_some());
            let given = found.filter(|value| !value.is(unset));
            if let (None, true, Some(factory)) = (&given, defaults, &self.model.factories[column]) {
                let default = factory.bind(py).call0()?;
                let pushed = self.builder.push_default(column, raw::read(&default)?);
                pushed.map_err(|error| Refusal::Row(column, error))?;
                continue;
            }
            let given = match (given, &self.model.encoders[column]) {
                (Some(given), Some(encode)) => {
                    let encoded = encode.bind(py).call1((given,));
                    Some(encoded.map_err(|error| self.refused(py, error, column, place))?)
                }
                (given, _) => given,
            };
            let value = given.as_ref().map(raw::read).transpose();
            let value = value.map_err(|error| self.refused(py, error, column, place))?;
            self.builder.push(column, value).map_err(|error| Refusal::Row(column, error))?;
        }
        match row {
            Row::Dict(fields) if known < fields.len() => {
                let (checked, at) = (check_names(&self.model.schema, fields), self.builder.rows());
                checked.map_err(|error| Refusal::Row(self.names.len(), error.within(&format!("[{at}]"))))
            }
            _ => Ok(()),
        }
    }

    /// What an encoder raised: its path begins at the value.
    fn refused(&self, py: Python<'_>, error: PyErr, column: usize, place: &impl Fn(Error) -> Error) -> Refusal {
        let name = &self.model.schema.columns[column].name;
        let row = self.builder.rows();
        match from_py(py, &error).filter(|_| self.tolerates.is_some()) {
            Some(read) => Refusal::Row(column, read.path(format!("[{row}].{name}"))),
            None => Refusal::Failure(placed(py, error, row, name, place)),
        }
    }
}

/// The row as it was given; what is no value of ours by its `repr`.
fn shown(fields: &Bound<'_, PyDict>) -> PyResult<String> {
    let unset = &raw::known(fields.py())?.unset;
    let shown =
        |value: &Bound<'_, PyAny>| value.repr().map_or_else(|_| value.get_type().to_string(), |text| text.to_string());
    let read = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let read = raw::read(&value).ok().filter(is_whole).map(Raw::into_owned);
        (key.to_string(), read.unwrap_or_else(|| Raw::Other(shown(&value).into())))
    };
    let given: Vec<_> = fields.iter().filter(|(_, value)| !value.is(unset)).map(read).collect();
    let fields: Vec<(&str, Raw<'_>)> = given.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    Ok(payload(&fields))
}

/// The error of an encoder, whose path begins at the value, with the path of the value.
fn placed(py: Python<'_>, error: PyErr, row: usize, column: &str, place: &impl Fn(Error) -> Error) -> PyErr {
    let value = error.value(py);
    if let Ok(inner) = value.getattr("path").and_then(|path| path.extract::<Option<String>>()) {
        let start = place(Error::internal("").path(format!("[{row}].{column}"))).detail().path.clone();
        let dot = if inner.as_deref().is_none_or(|inner| inner.starts_with('[')) { "" } else { "." };
        let path = format!("{}{dot}{}", start.unwrap_or_default(), inner.unwrap_or_default());
        value.setattr("path", path).ok();
    }
    error
}

fn check_names(schema: &Arc<TableSchema>, fields: &Bound<'_, PyDict>) -> dataflow_core::Result<()> {
    for name in fields.keys() {
        let name = name.to_string();
        schema.resolve(&name).map_err(|error| error.path(name.clone()))?;
    }
    Ok(())
}
