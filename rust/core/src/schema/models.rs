//! The models of one database, and how their rows are tied.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Reference, TableSchema};
use crate::error::{Error, ErrorKind, Result, did_you_mean};

/// Every model by name: references find their targets here, and relations the other side.
#[derive(Clone, Debug, Default)]
pub struct Models(HashMap<String, Arc<TableSchema>>);

/// A way from the rows of one model to those of another: the other row's `theirs` equals the own row's `own`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    pub own: usize,
    pub table: Arc<TableSchema>,
    pub theirs: usize,
    /// Whether there may be several other rows: those that refer to this one.
    pub many: bool,
}

impl Models {
    pub fn insert(&mut self, table: Arc<TableSchema>) {
        self.0.insert(table.model.clone(), table);
    }

    /// # Errors
    /// `UnknownModel` for one that was never declared.
    pub fn named(&self, model: &str) -> Result<Arc<TableSchema>> {
        self.0.get(model).map(Arc::clone).ok_or_else(|| {
            let known = did_you_mean(model, self.0.keys().map(String::as_str));
            let hint = known.map(|known| format!("did you mean `{known}`?"));
            Error::new(ErrorKind::UnknownModel, format!("{model} is no model of this DataFlow"))
                .hint(hint.unwrap_or_else(|| "declare it with `@db.model` too".to_owned()))
        })
    }

    /// The model that a reference of `table` leads to.
    ///
    /// # Errors
    /// `UnknownModel` for one that was never declared.
    pub fn target(&self, table: &TableSchema, reference: &Reference) -> Result<Arc<TableSchema>> {
        let path = || format!("{}.{}", table.model, table.columns[reference.column].name);
        self.named(&reference.model).map_err(|error| error.path(path()))
    }

    /// The relation of a model by its name: the row that a reference leads to, or the rows that refer to this one.
    ///
    /// # Errors
    /// As [`Self::target`].
    pub fn relation(&self, table: &TableSchema, name: &str) -> Result<Option<Relation>> {
        if let Some(reference) = table.references.iter().find(|reference| reference.relation.as_deref() == Some(name)) {
            let target = self.target(table, reference)?;
            return Ok(Some(Relation { own: reference.column, theirs: target.key[0], table: target, many: false }));
        }
        let is_back =
            |reference: &&Reference| reference.model == table.model && reference.related.as_deref() == Some(name);
        Ok(self.0.values().find_map(|other| {
            let reference = other.references.iter().find(is_back)?;
            Some(Relation { own: table.key[0], table: Arc::clone(other), theirs: reference.column, many: true })
        }))
    }

    /// The relations of a model by name, each with the model it leads to and whether that may be several of its rows.
    pub fn relations(&self, table: &TableSchema) -> BTreeMap<String, (String, bool)> {
        let forward = table.references.iter();
        let forward = forward.filter_map(|to| Some((to.relation.clone()?, (to.model.clone(), false))));
        let back = self.0.values().flat_map(|other| {
            let to_table = other.references.iter().filter(|to| to.model == table.model);
            to_table.filter_map(|to| Some((to.related.clone()?, (other.model.clone(), true))))
        });
        forward.chain(back).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::OnDelete;
    use crate::schema::tests::product;

    fn models() -> (Models, TableSchema, TableSchema) {
        let customer = TableSchema { model: "Customer".to_owned(), ..product(false) };
        let reference = Reference {
            column: 3,
            model: "Customer".to_owned(),
            on_delete: OnDelete::Restrict,
            relation: Some("customer".to_owned()),
            related: Some("orders".to_owned()),
        };
        let order = TableSchema { model: "Order".to_owned(), references: vec![reference], ..product(false) };
        let mut models = Models::default();
        models.insert(Arc::new(customer.clone()));
        models.insert(Arc::new(order.clone()));
        (models, customer, order)
    }

    #[test]
    fn a_reference_is_a_way_in_both_directions() {
        let (models, customer, order) = models();
        let there = models.relation(&order, "customer").unwrap().unwrap();
        assert_eq!((there.own, there.theirs, there.many, &*there.table.model), (3, 0, false, "Customer"));
        let back = models.relation(&customer, "orders").unwrap().unwrap();
        assert_eq!((back.own, back.theirs, back.many, &*back.table.model), (0, 3, true, "Order"));
        assert_eq!(models.relation(&order, "orders").unwrap(), None);
        let names = |table| models.relations(table).into_iter().collect::<Vec<_>>();
        assert_eq!(names(&order), [("customer".to_owned(), ("Customer".to_owned(), false))]);
        assert_eq!(names(&customer), [("orders".to_owned(), ("Order".to_owned(), true))]);
    }

    #[test]
    fn a_model_that_is_not_declared_is_named() {
        let (_, _, order) = models();
        let error = Models::default().relation(&order, "customer").unwrap_err();
        assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::UnknownModel, Some("Order.qty")));
    }
}
