//! What a pipeline may ask of a row, where its caller may not ask everything.

use std::borrow::Cow;

use super::build::Builder;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Rules;

/// Of columns that are calculated.
const COMPARISONS: [&str; 6] = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"];

impl Builder<'_> {
    /// The rules for the row as it is now: a column of the table keeps its operators under every name.
    pub(super) fn row_rules(&self) -> Cow<'_, Rules> {
        let Some(operators) = &self.rules.operators else {
            return Cow::Borrowed(self.rules);
        };
        let of = |at: usize| match self.level.outputs[at].column.origin {
            Some(origin) => operators.get(origin.column).cloned().unwrap_or_default(),
            None => COMPARISONS.map(str::to_owned).to_vec(),
        };
        let operators = Some(self.visible().into_iter().map(of).collect());
        Cow::Owned(Rules { operators, ..self.rules.clone() })
    }

    /// Of all expressions together: texts that are put together can double with each.
    pub(super) fn check_size(&self) -> Result<()> {
        if self.nodes <= self.rules.max_expressions {
            return Ok(());
        }
        let message = format!("a pipeline has at most {} expressions", self.rules.max_expressions);
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }
}
