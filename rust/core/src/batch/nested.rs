//! A growing column of rows in rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use super::ColumnBuilder;
use crate::dialect::tenant_column;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Returned, RowsType};

/// The rows of all values, one behind the other.
pub struct NestedBuilder {
    ty: Arc<RowsType>,
    columns: Vec<ColumnBuilder>,
    /// Where the rows of each list end.
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl NestedBuilder {
    pub(super) fn new(ty: &Arc<RowsType>, rows: usize) -> Self {
        NestedBuilder {
            ty: Arc::clone(ty),
            columns: ty.columns.iter().map(|column| ColumnBuilder::new(&column.ty, rows)).collect(),
            ends: vec![0],
            valid: NullBufferBuilder::new(rows),
        }
    }

    /// Adds a value of some rows; `read` brings each value of each row, column by column, the tenant first.
    ///
    /// # Errors
    /// Those of `read`; `TenantLeak` for a row of another tenant.
    pub fn append(
        &mut self,
        rows: usize,
        mut read: impl FnMut(&mut ColumnBuilder, &Returned) -> Result<()>,
    ) -> Result<()> {
        let last = self.ends.last().copied().unwrap_or(0);
        let end = i32::try_from(rows).ok().and_then(|rows| last.checked_add(rows)).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "the rows inside of rows are at most 2^31 - 1 together")
                .hint("read fewer rows at a time")
        })?;
        if !self.ty.many && rows > 1 {
            return Err(Error::internal("several rows where there is at most one"));
        }
        let mut tenants = self.ty.tenant.as_ref().map(|_| {
            let column = tenant_column();
            let tenant = Returned { name: column.name, ty: column.ty, nullable: false };
            (ColumnBuilder::new(&tenant.ty, rows), tenant)
        });
        for _ in 0..rows {
            if let Some((tenants, tenant)) = &mut tenants {
                read(tenants, tenant)?;
            }
            for (builder, column) in self.columns.iter_mut().zip(&self.ty.columns) {
                read(builder, column)?;
            }
        }
        if let Some((tenants, _)) = tenants {
            self.prove(&tenants.finish())?;
        }
        if !self.ty.many && rows == 0 {
            self.append_null();
            return Ok(());
        }
        self.ends.push(end);
        self.valid.append_non_null();
        Ok(())
    }

    /// Adds no row: it stands under a null row.
    pub(super) fn append_null(&mut self) {
        match self.ty.many {
            true => self.ends.push(self.ends.last().copied().unwrap_or(0)),
            false => self.columns.iter_mut().for_each(ColumnBuilder::append_null),
        }
        self.valid.append_null();
    }

    /// The predicate of the query already asked for this tenant only: a difference is a fault of ours, and no row leaves.
    fn prove(&self, tenants: &ArrayRef) -> Result<()> {
        let Some(tenant) = &self.ty.tenant else { return Ok(()) };
        let tenants = tenants.as_string::<i32>();
        if tenants.iter().all(|found| found == Some(&**tenant)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TenantLeak, "a row of another tenant was about to be returned; nothing was"))
    }

    /// The drivers refuse null where a column has none: what is null in one lies under a null row.
    pub(super) fn finish(mut self) -> ArrayRef {
        let fields = self.ty.fields();
        let columns = self.columns.into_iter().map(ColumnBuilder::finish).collect();
        let valid = self.valid.finish();
        if !self.ty.many {
            return Arc::new(StructArray::new(fields, columns, valid));
        }
        let item = Field::new_list_field(DataType::Struct(fields.clone()), false);
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        Arc::new(ListArray::new(Arc::new(item), ends, Arc::new(StructArray::new(fields, columns, None)), valid))
    }
}
