//! Window functions.

use std::fmt::Write as _;

use super::Source;
use crate::dialect::statement::Writer;
use crate::error::Result;
use crate::pipeline::{Bound, Frame, Window};
use crate::plan::Order;
use crate::schema::ColumnSchema;
use crate::types::LogicalType;

impl Writer<'_> {
    pub(super) fn window(&mut self, source: &Source, window: &Window, over: &str, ty: &LogicalType) -> Result<String> {
        let of = window.operand().map(|of| self.expression(source, of)).transpose()?.unwrap_or_default();
        Ok(match window {
            Window::Rank => format!("rank(){over}"),
            Window::DenseRank => format!("dense_rank(){over}"),
            Window::Number => format!("row_number(){over}"),
            Window::Shift { by, .. } if *by < 0 => format!("lag({of}, {}){over}", by.unsigned_abs()),
            Window::Shift { by, .. } => format!("lead({of}, {by}){over}"),
            Window::Count => format!("count(*){over}"),
            Window::Sum(_) => self.dialect.sum(&of, over, ty),
            Window::Average(operand) => self.dialect.average(&of, over, &operand.ty, ty),
            Window::Smallest(_) => format!("min({of}){over}"),
            Window::Largest(_) => format!("max({of}){over}"),
            Window::First(_) => format!("first_value({of}){over}"),
            Window::Last(_) => format!("last_value({of}){over}"),
        })
    }

    /// ` OVER (…)`. The rows of a tenant are a partition always.
    pub(super) fn over(
        &mut self,
        source: &Source,
        partition: &[usize],
        order: &[Order],
        frame: Option<Frame>,
    ) -> String {
        let outer = std::mem::take(&mut self.sql);
        self.sql.push_str(" OVER (");
        let tenant = source.tenant.clone();
        let columns = partition.iter().map(|&at| {
            let ty = &source.table.columns[at].ty;
            self.dialect.parted(&source.columns[at], ty)
        });
        let parts: Vec<String> = tenant.into_iter().chain(columns).collect();
        if !parts.is_empty() {
            let _ = write!(self.sql, "PARTITION BY {}", parts.join(", "));
        }
        if !order.is_empty() {
            self.sql.push_str(if parts.is_empty() { "" } else { " " });
            self.ordered_in(source, order);
        }
        if let Some(Frame { from, to }) = frame {
            let _ = write!(self.sql, " ROWS BETWEEN {} AND {}", bound(from, "PRECEDING"), bound(to, "FOLLOWING"));
        }
        self.sql.push(')');
        std::mem::replace(&mut self.sql, outer)
    }

    /// `ORDER BY` columns of the source; nothing where there are none.
    pub(super) fn ordered_in(&mut self, source: &Source, order: &[Order]) {
        let mut separator = "ORDER BY ";
        for Order { column, descending } in order {
            let (name, ColumnSchema { ty, nullable, .. }) = (&source.columns[*column], &source.table.columns[*column]);
            let guard = self.dialect.sort_guard(name, ty).map_or_else(String::new, |guard| format!("{guard}, "));
            let _ = write!(self.sql, "{separator}{guard}{name}");
            self.direction(*descending, *nullable);
            separator = ", ";
        }
    }
}

/// `side`: where rows lie that are not counted.
fn bound(bound: Bound, side: &str) -> String {
    match bound {
        Bound::Unbounded => format!("UNBOUNDED {side}"),
        Bound::Row(0) => "CURRENT ROW".to_owned(),
        Bound::Row(rows) if rows < 0 => format!("{} PRECEDING", rows.unsigned_abs()),
        Bound::Row(rows) => format!("{rows} FOLLOWING"),
    }
}
