//! The rows of another model behind those of a level.

use std::fmt::Write as _;

use super::{Series, Source, Writer};
use crate::error::Result;
use crate::pipeline::{Level, Union};
use crate::schema::{ColumnSchema, Role, TENANT_COLUMN, TableSchema};

impl Writer<'_> {
    /// Writes both as one query: the rows that a level reads, and those of the other model, live ones of the tenant.
    ///
    /// Each row has the tenant that it was read of; where one side has none, its rows carry that of the one who asks.
    pub(super) fn united(
        &mut self,
        source: &Source,
        (level, union): (&Level, &Union),
        series: &Series,
        at: usize,
    ) -> Result<Source> {
        let inner = self.other(&union.table, &union.levels)?;
        let aliases: Vec<String> = (0..union.columns.len()).map(|n| format!("{}{at}u{n}", series.prefix)).collect();
        let name = self.dialect.quote(&format!("{}{at}u", series.name));
        let has_tenant = source.tenant.is_some() || inner.tenant.is_some();
        let _ = write!(self.sql, ", {name} AS (");
        self.side(source, (level, union), &aliases, has_tenant, false)?;
        self.sql.push_str(" UNION ALL ");
        self.side(&inner, (level, union), &aliases, has_tenant, true)?;
        self.sql.push(')');
        let columns = level.input.iter().zip(&aliases).map(|(column, alias)| ColumnSchema {
            name: alias.clone(),
            ty: column.ty.clone(),
            nullable: column.nullable,
            default: None,
            role: Role::Field,
        });
        Ok(Source {
            table: TableSchema { columns: columns.collect(), ..source.table.clone() },
            columns: aliases.iter().map(|alias| self.dialect.quote(alias)).collect(),
            tenant: has_tenant.then(|| self.dialect.quote(TENANT_COLUMN)),
            text: name,
            is_ordered: source.is_ordered || inner.is_ordered,
        })
    }

    fn side(
        &mut self,
        source: &Source,
        (level, union): (&Level, &Union),
        aliases: &[String],
        has_tenant: bool,
        is_other: bool,
    ) -> Result<()> {
        let mut cells = Vec::new();
        match &source.tenant {
            Some(tenant) => cells.push(tenant.clone()),
            None if has_tenant => {
                cells.push(format!("{} AS {}", self.own_tenant()?, self.dialect.quote(TENANT_COLUMN)));
            }
            None => {}
        }
        let columns = union.columns.iter().zip(&level.input).zip(aliases).filter(|((united, _), _)| united.used);
        for ((united, column), alias) in columns {
            let value = match (if is_other { united.theirs } else { united.ours }, united.is_side()) {
                (Some(at), _) => source.columns[at].clone(),
                (None, true) => u8::from(is_other).to_string(),
                (None, false) => self.dialect.null(&column.ty),
            };
            cells.push(format!("{value} AS {}", self.dialect.quote(alias)));
        }
        if cells.is_empty() {
            cells.push("1".to_owned());
        }
        let _ = write!(self.sql, "SELECT {} FROM {}", cells.join(", "), source.text);
        Ok(())
    }
}
