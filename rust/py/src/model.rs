//! A model as Python describes it: the core's table, and what its values pass through on their way in and out.

use std::sync::Arc;

use dataflow_core::filter::{Filter, parse};
use dataflow_core::pipeline::{Column, Origin, Pair, Pipeline, Shape};
use dataflow_core::plan::Order;
use dataflow_core::schema::{Check, ColumnSchema, Index, KeySource, OnDelete, Reference, Role, TableSchema};
use dataflow_core::types::{FloatRules, LogicalType};
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{OrRaise, to_py};
use crate::include::Included;
use crate::raw;
use crate::types::read_type;

pub struct Model {
    pub schema: Arc<TableSchema>,
    /// Whose instances are rows; None for a table of our own.
    pub class: Option<Py<PyAny>>,
    /// What a column's values are passed through on their way to Python (an Enum's class).
    pub decoders: Vec<Option<Py<PyAny>>>,
    /// What values of a column are passed through before they are read (typed JSON).
    pub encoders: Vec<Option<Py<PyAny>>>,
    /// What makes a column's default, once a row.
    pub factories: Vec<Option<Py<PyAny>>>,
    /// Whether instances have no `__dict__`.
    pub slots: bool,
    /// Whether instances are made by `model_construct` of their class (pydantic).
    pub construct: bool,
    /// What comes with each row.
    pub included: Vec<Included>,
}

impl Model {
    /// A table of our own, which has no class.
    pub fn plain(schema: Arc<TableSchema>) -> Self {
        let none = || schema.columns.iter().map(|_| None).collect();
        let (decoders, encoders, factories) = (none(), none(), none());
        Model {
            schema,
            class: None,
            decoders,
            encoders,
            factories,
            slots: false,
            construct: false,
            included: Vec::new(),
        }
    }

    /// The same rows, with which others come.
    pub fn including(&self, py: Python<'_>, included: Vec<Included>) -> Self {
        let known = |all: &[Option<Py<PyAny>>]| {
            all.iter().map(|one| one.as_ref().map(|one| one.clone_ref(py))).collect::<Vec<_>>()
        };
        Model {
            schema: Arc::clone(&self.schema),
            class: self.class.as_ref().map(|class| class.clone_ref(py)),
            decoders: known(&self.decoders),
            encoders: known(&self.encoders),
            factories: known(&self.factories),
            slots: self.slots,
            construct: self.construct,
            included,
        }
    }

    /// The rows of a pipeline, which have no class; a column with values of a model's own has its decoder. `others` are
    /// the models that it looks into.
    ///
    /// # Errors
    /// `InvalidPipeline` where columns that became one are of different classes in Python.
    pub fn of_pipeline(self: &Arc<Self>, py: Python<'_>, pipeline: &Pipeline, others: &[Arc<Self>]) -> Result<Self> {
        let models: Vec<_> = std::iter::once(self).chain(others).map(Arc::as_ref).collect();
        for Pair { name, sides } in &pipeline.pairs {
            let [own, other] = sides.map(|side| side.and_then(|side| models.get(side.lookup)?.decoder(py, side)));
            if !decode_alike(py, own.as_ref(), other.as_ref()) {
                let message = format!("`{name}` is of different classes on the two sides of a $unionWith");
                return Err(Error::new(ErrorKind::InvalidPipeline, message)
                    .path("pipeline")
                    .hint("give one of them another name by a $project before it, or leave it out"));
            }
        }
        Ok(Self::of_shapes(py, &models, &pipeline.shapes()))
    }

    /// The recursion is as deep as the pipeline's lookups.
    fn of_shapes(py: Python<'_>, models: &[&Self], shapes: &[Shape<'_>]) -> Self {
        let (columns, decoders): (Vec<_>, Vec<_>) = shapes
            .iter()
            .map(|Shape { column: Column { name, ty, nullable, origin }, .. }| {
                let (name, ty) = (name.clone(), ty.clone());
                let column = ColumnSchema { name, ty, nullable: *nullable, default: None, role: Role::Field };
                (column, origin.and_then(|origin| models.get(origin.lookup)?.decoder(py, origin)))
            })
            .unzip();
        let inner = shapes.iter().filter(|shape| !shape.inner.is_empty());
        let inner = inner.map(|shape| (shape, Self::of_shapes(py, models, &shape.inner)));
        let inner = inner.filter(|(_, model)| model.decodes()).map(|(shape, model)| Included {
            name: shape.column.name.clone(),
            model: Arc::new(model),
            class: py.None(),
            many: true,
        });
        let included = inner.collect();
        let schema = TableSchema { columns, key: Vec::new(), ..TableSchema::clone(&models[0].schema) };
        Model { decoders, included, ..Model::plain(Arc::new(schema)) }
    }

    /// Whether values are anything else than what their types are in Python.
    fn decodes(&self) -> bool {
        self.decoders.iter().any(Option::is_some) || !self.included.is_empty()
    }
}

impl Model {
    /// What a list's values pass through has what its items do as `item`.
    fn decoder(&self, py: Python<'_>, origin: Origin) -> Option<Py<PyAny>> {
        let decoder = self.decoders.get(origin.column)?.as_ref()?;
        let decoder = if origin.is_item { decoder.getattr(py, "item").ok()? } else { decoder.clone_ref(py) };
        if !origin.is_listed {
            return Some(decoder);
        }
        Py::new(py, Each { item: decoder }).ok().map(Py::into_any)
    }
}

/// Whether values become the same, also those of lists that were declared twice.
fn decode_alike(py: Python<'_>, own: Option<&Py<PyAny>>, other: Option<&Py<PyAny>>) -> bool {
    let (Some(own), Some(other)) = (own, other) else { return own.is_none() && other.is_none() };
    let item = |decoder: &Py<PyAny>| decoder.getattr(py, "item").ok();
    own.is(other) || item(own).zip(item(other)).is_some_and(|(own, other)| own.is(&other))
}

/// What the items of a list pass through that a pipeline made of a column's values.
#[pyclass(frozen)]
struct Each {
    #[pyo3(get)]
    item: Py<PyAny>,
}

#[pymethods]
impl Each {
    fn __call__(&self, py: Python<'_>, items: Vec<Py<PyAny>>) -> PyResult<Vec<Py<PyAny>>> {
        items.into_iter().map(|item| self.item.call1(py, (item,))).collect()
    }
}

/// Reads the description that `dataflow.model.description` writes.
///
/// # Errors
/// `InvalidModel` and the refusals of filters and defaults; `ValueError` for a description of another form.
pub fn read(given: &Bound<'_, PyDict>, floats: FloatRules) -> PyResult<Model> {
    let py = given.py();
    let mut columns = Vec::new();
    let (mut decoders, mut encoders, mut factories) = (Vec::new(), Vec::new(), Vec::new());
    let model: String = part(given, "model")?;
    for column in part::<Vec<Bound<'_, PyDict>>>(given, "columns")? {
        columns.push(read_column(&column, &model, floats)?);
        decoders.push(given_part(&column, "decode")?);
        encoders.push(given_part(&column, "encode")?);
        factories.push(given_part(&column, "factory")?);
    }
    let key_source = match given_part::<String>(given, "automatic")?.as_deref() {
        None => KeySource::Caller,
        Some("database") => KeySource::Database,
        Some("uuid7") => KeySource::Uuid7,
        Some(_) => return Err(PyValueError::new_err("automatic")),
    };
    let mut schema = TableSchema {
        model,
        namespace: given_part(given, "schema")?,
        table: part(given, "table")?,
        columns,
        key: Vec::new(),
        key_source,
        unique: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: part(given, "multi_tenant")?,
        append_only: part(given, "append_only")?,
    };
    let resolve = |schema: &TableSchema, names: Vec<String>| {
        names.iter().map(|name| schema.resolve(name)).collect::<Result<Vec<_>>>().or_raise(py)
    };
    schema.key = resolve(&schema, part(given, "key")?)?;
    let unique = part::<Vec<Vec<String>>>(given, "unique")?.into_iter().map(|set| resolve(&schema, set));
    schema.unique = unique.collect::<PyResult<_>>()?;
    let indexes = part::<Vec<Bound<'_, PyDict>>>(given, "indexes")?;
    schema.indexes = indexes.iter().map(|index| read_index(&schema, index, floats)).collect::<PyResult<_>>()?;
    schema.checks = read_checks(&schema, &part(given, "checks")?, floats)?;
    let references = part::<Vec<Bound<'_, PyDict>>>(given, "references")?;
    schema.references = references.iter().map(|given| read_reference(&schema, given)).collect::<PyResult<_>>()?;
    let slots = given_part(given, "slots")?.unwrap_or(false);
    let construct = given_part::<Bound<'_, PyAny>>(given, "construct")?.is_some();
    let (schema, class) = (Arc::new(schema.checked().or_raise(py)?), given_part(given, "class")?);
    Ok(Model { schema, class, decoders, encoders, factories, slots, construct, included: Vec::new() })
}

fn part<'py, T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>>(
    given: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<T> {
    let value = given.get_item(name)?.ok_or_else(|| PyValueError::new_err(format!("a model lacks `{name}`")))?;
    value.extract().map_err(Into::into)
}

/// None where the part is None or not there.
fn given_part<'py, T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>>(
    given: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<Option<T>> {
    match given.get_item(name)? {
        Some(value) if !value.is_none() => value.extract().map(Some).map_err(Into::into),
        _ => Ok(None),
    }
}

fn read_column(given: &Bound<'_, PyDict>, model: &str, floats: FloatRules) -> PyResult<ColumnSchema> {
    let name: String = part(given, "name")?;
    let ty = read_type(&part(given, "type")?)?;
    let nullable: bool = part(given, "nullable")?;
    let role = match part::<String>(given, "role")?.as_str() {
        "field" => Role::Field,
        "version" => Role::Version,
        "created_at" => Role::CreatedAt,
        "updated_at" => Role::UpdatedAt,
        "deleted_at" => Role::DeletedAt,
        _ => return Err(PyValueError::new_err("role")),
    };
    let default = match given.get_item("default")? {
        Some(default) => Some(read_default(&format!("{model}.{name}"), &ty, nullable, &default, floats)?),
        None => None,
    };
    Ok(ColumnSchema { name, ty, nullable, default, role })
}

fn read_default(
    path: &str,
    ty: &LogicalType,
    nullable: bool,
    given: &Bound<'_, PyAny>,
    floats: FloatRules,
) -> PyResult<Value<'static>> {
    let py = given.py();
    let value = ty.accept(raw::read(given)?, floats);
    let value = value.map(Value::into_owned).map_err(|error| error.within(path)).or_raise(py)?;
    if value == Value::Null && !nullable {
        let error =
            Error::new(ErrorKind::InvalidModel, format!("the default of `{path}` is None and the field takes none"))
                .hint(format!("declare `{path}` as `… | None`"));
        return Err(to_py(py, &error));
    }
    Ok(value)
}

fn read_filter(schema: &TableSchema, given: &Bound<'_, PyAny>, floats: FloatRules, place: &str) -> PyResult<Filter> {
    let filter = parse(schema, raw::read(given)?, floats);
    filter.map_err(|error| error.within(&format!("{}.{place}", schema.model))).or_raise(given.py())
}

fn read_index(schema: &TableSchema, given: &Bound<'_, PyDict>, floats: FloatRules) -> PyResult<Index> {
    let mut columns = Vec::new();
    for name in part::<Vec<String>>(given, "fields")? {
        let (descending, name) = name.strip_prefix('-').map_or((false, name.as_str()), |name| (true, name));
        columns.push(Order { column: schema.resolve(name).or_raise(given.py())?, descending });
    }
    let unique: bool = part(given, "unique")?;
    let filter = match given.get_item("where")? {
        Some(filter) if !filter.is_none() => Some(read_filter(schema, &filter, floats, "indexes")?),
        _ => None,
    };
    let fields: Vec<usize> = columns.iter().map(|order| order.column).collect();
    let name = match given_part(given, "name")? {
        Some(name) => name,
        None => schema.constraint_name(if unique { "uq" } else { "ix" }, &schema.names(&fields)),
    };
    Ok(Index { name, columns, unique, filter })
}

fn read_checks(schema: &TableSchema, given: &Bound<'_, PyDict>, floats: FloatRules) -> PyResult<Vec<Check>> {
    let check = |(name, filter): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let name: String = name.extract()?;
        let filter = read_filter(schema, &filter, floats, &format!("checks.{name}"))?;
        Ok(Check { name, filter })
    };
    given.iter().map(check).collect()
}

fn read_reference(schema: &TableSchema, given: &Bound<'_, PyDict>) -> PyResult<Reference> {
    let column = schema.resolve(&part::<String>(given, "field")?).or_raise(given.py())?;
    let on_delete = OnDelete::parse(&part::<String>(given, "on_delete")?);
    let on_delete = on_delete.ok_or_else(|| PyValueError::new_err("on_delete"))?;
    let (relation, related) = (given_part(given, "relation")?, given_part(given, "related")?);
    Ok(Reference { column, model: part(given, "model")?, on_delete, relation, related })
}
