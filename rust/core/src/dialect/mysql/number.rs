//! Numbers in JSON, compared exactly.

use super::Mysql;
use crate::dialect::Piece;
use crate::filter::{Comparison, NumberTest};
use crate::types::LogicalType;
use crate::value::Value;

impl Mysql {
    /// MySQL compares JSON numbers as numbers. MariaDB knows doubles only, and its decimals are too short: there the
    /// digits are compared. Only a number begins with a digit or with `-`.
    pub(super) fn number(&self, test: &NumberTest) -> Vec<Piece> {
        let (larger, or_equal) = match test.comparison {
            Comparison::Greater => (true, ""),
            Comparison::GreaterOrEqual => (true, "="),
            Comparison::Less => (false, ""),
            Comparison::LessOrEqual | Comparison::Equal => (false, "="),
        };
        let plain = if test.quoted { "JSON_UNQUOTE(\u{1})" } else { "CONCAT(\u{1}, '')" };
        // Beside literals the collation of what JSON functions give is left open.
        let text = format!("{plain} COLLATE {}", self.collation());
        if !self.mariadb && !test.quoted {
            let sign = test.comparison.sql();
            return pieces(
                &format!("(JSON_TYPE(\u{1}) REGEXP 'INTEGER|DOUBLE|DECIMAL' AND \u{1} {sign} CAST(\u{2} AS JSON))"),
                test,
            );
        }
        let negative = test.number.starts_with('-');
        let (own, other) = match negative {
            true => ("LIKE '-%'", "BETWEEN '0' AND '9~'"),
            false => ("BETWEEN '0' AND '9~'", "LIKE '-%'"),
        };
        // All numbers of the other sign lie on one side.
        let others = if larger == negative { format!("{text} {other} OR ") } else { String::new() };
        // Of two negative numbers the one with the larger digits is the smaller; longer whole parts are larger.
        let sign = if larger == negative { "<" } else { ">" };
        let whole = test.number.split('.').next().unwrap_or_default().len();
        let length = format!("LENGTH(SUBSTRING_INDEX({text}, '.', 1))");
        let digits = format!("{length} {sign} {whole} OR {length} = {whole} AND {text} {sign}{or_equal} \u{2}");
        pieces(&format!("({others}{text} {own} AND ({digits}))"), test)
    }
}

/// A condition in which `\u{1}` stands for the value and `\u{2}` for the number.
fn pieces(condition: &str, test: &NumberTest) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in condition.split_inclusive(['\u{1}', '\u{2}']) {
        pieces.push(Piece::Sql(part.trim_end_matches(['\u{1}', '\u{2}']).to_owned()));
        let text = || Value::Text(test.number.clone().into());
        match part.chars().last() {
            Some('\u{1}') => pieces.push(Piece::Value),
            Some('\u{2}') => pieces.push(Piece::Operand(LogicalType::Text { max_length: None }, text())),
            _ => {}
        }
    }
    pieces
}
