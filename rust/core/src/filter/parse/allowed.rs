//! What a filter may ask beside what it can: see [`Rules`](crate::filter::Rules).

use super::Parser;
use crate::error::{Error, ErrorKind, Result};

impl Parser<'_> {
    /// One condition more.
    pub(super) fn leaf(&mut self) -> Result<()> {
        self.leaves += 1;
        if self.leaves > self.rules.max_leaves {
            let message = format!("a filter has at most {} conditions", self.rules.max_leaves);
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    }

    /// Refuses an operator as one that there is not.
    pub(super) fn check_allowed(&self, column: usize, operator: &str) -> Result<()> {
        let Some(operators) = self.rules.operators.as_ref().and_then(|all| all.get(self.of.unwrap_or(column))) else {
            return Ok(());
        };
        if operators.iter().any(|allowed| allowed == operator) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::UnknownOperator, format!("there is no operator `{operator}` here"));
        Err(match operators.is_empty() {
            true => error.hint("rows are not filtered by this field"),
            false => error.hint(format!("the operators are {}", operators.join(", "))),
        })
    }
}
