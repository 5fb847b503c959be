//! Conditions on what lies in JSON, and on the items of lists.

use std::fmt::Write as _;

use super::{Place, TEXT};
use crate::dialect::statement::Writer;
use crate::dialect::{Piece, RowsForm};
use crate::error::{Error, Result};
use crate::filter::{Filter, Found, JsonKey, JsonKind, NumberTest, on_json};
use crate::types::LogicalType;
use crate::value::Value;

impl Writer<'_> {
    /// What lies behind the keys, with parameters of its own each time.
    fn value(&mut self, column: &str, keys: &[JsonKey]) -> Result<String> {
        let path = self.dialect.json_path(keys).into_iter().map(|text| self.operand(&TEXT, Value::Text(text.into())));
        let path = path.collect::<Result<Vec<_>>>()?;
        Ok(self.dialect.json_at(column, &path))
    }

    pub(super) fn json(&mut self, column: &str, keys: &[JsonKey], found: &Found) -> Result<()> {
        if let Found::Number(test) = found {
            return self.number(column, keys, test);
        }
        let value = self.value(column, keys)?;
        let condition = match found {
            Found::Any => format!("{value} IS NOT NULL"),
            Found::Kind(kind) => self.dialect.json_is(&value, *kind),
            Found::OneOf(texts) => {
                let texts = texts.iter().map(|text| Value::Json(text.clone().into()));
                let operands = texts.map(|text| self.operand(&LogicalType::Json, text)).collect::<Result<Vec<_>>>()?;
                self.dialect.json_is_one_of(&value, &operands)
            }
            Found::Text(comparison, text) => {
                let is_text = self.dialect.json_is(&value, JsonKind::Text);
                let value = self.value(column, keys)?;
                let operand = self.operand(&TEXT, Value::Text(text.clone().into()))?;
                format!("({is_text} AND {} {} {operand})", self.dialect.json_text(&value), comparison.sql())
            }
            Found::Match(pattern) => {
                let is_text = self.dialect.json_is(&value, JsonKind::Text);
                let text = self.dialect.json_text(&self.value(column, keys)?);
                let operands = self.pattern(pattern)?;
                format!("({is_text} AND {})", self.dialect.matches(pattern, &text, &operands))
            }
            Found::Size(size) => {
                let is_list = self.dialect.json_is(&value, JsonKind::List);
                let length = self.dialect.json_size(&self.value(column, keys)?);
                let operand = self.operand(&LogicalType::Int, Value::Int(*size))?;
                format!("({is_list} AND {length} = {operand})")
            }
            Found::Number(_) => return Err(Error::internal("a number is written in pieces")),
        };
        self.sql.push_str(&condition);
        Ok(())
    }

    fn number(&mut self, column: &str, keys: &[JsonKey], test: &NumberTest) -> Result<()> {
        for piece in self.dialect.json_number(test) {
            let text = match piece {
                Piece::Sql(text) => text,
                Piece::Value => self.value(column, keys)?,
                Piece::Operand(ty, value) => self.operand(&ty, value)?,
            };
            self.sql.push_str(&text);
        }
        Ok(())
    }

    /// Where lists are arrays their items have a type; elsewhere, and in documents, they are JSON.
    pub(super) fn item(&mut self, place: Place<'_>, column: usize, keys: &[JsonKey], filter: &Filter) -> Result<()> {
        if self.literals {
            return Err(Error::internal("a check or an index cannot look at the items of a list one by one"));
        }
        self.items += 1;
        let number = self.items;
        let (name, ty) = (self.column(place, column), place.ty(column));
        let LogicalType::List { item } = ty else {
            let is_list = self.value(&name, keys).map(|value| self.dialect.json_is(&value, JsonKind::List))?;
            let (rows, sql) = self.dialect.items(&self.value(&name, keys)?, true, number);
            let _ = write!(self.sql, "({is_list} AND EXISTS (SELECT 1 FROM {rows} WHERE ");
            self.filter(Place::Item { sql: &sql, ty: &LogicalType::Json }, filter)?;
            self.sql.push_str("))");
            return Ok(());
        };
        let (rows, sql) = self.dialect.items(&name, false, number);
        let _ = write!(self.sql, "EXISTS (SELECT 1 FROM {rows} WHERE ");
        match self.dialect.rows_form() {
            RowsForm::Arrays => self.filter(Place::Item { sql: &sql, ty: item }, filter)?,
            RowsForm::Parameters => {
                self.filter(Place::Item { sql: &sql, ty: &LogicalType::Json }, &on_json(item, filter)?)?;
            }
        }
        self.sql.push(')');
        Ok(())
    }
}
