//! Lists in JSON, as we write them, of the values of a group.

use super::Mysql;
use crate::types::LogicalType;

impl Mysql {
    /// A list that is longer than a packet is none and warns: the statement is an error.
    pub(super) fn list_of(&self, value: &str, item: &LogicalType, place: &str, once: Option<&str>) -> String {
        // Beside literals the collation of what JSON functions give is left open.
        let text = format!("CONVERT({} USING utf8mb4) COLLATE {}", item_text(value, item), self.collation());
        let text = once.map_or(text.clone(), |once| format!("CASE WHEN {once} = 1 THEN {text} END"));
        let items = format!("GROUP_CONCAT({text} ORDER BY {place} SEPARATOR ',')");
        format!("CONCAT('[', COALESCE({items}, ''), ']') COLLATE {}", self.collation())
    }
}

/// A sign, a zero, a point and 38 digits: MariaDB by itself counts no zero, and cuts the last digit.
const DECIMAL_WIDTH: u8 = 41;

/// `JSON_QUOTE` writes the codes of characters in upper case.
fn escaped(value: &str) -> String {
    let mut text = value.to_owned();
    for (code, escape) in [(0x5c, "5c5c".to_owned()), (0x22, "5c22".to_owned())].into_iter().chain(controls()) {
        text = format!("REPLACE({text}, _utf8mb4 x'{code:02x}', _utf8mb4 x'{escape}')");
    }
    text
}

/// Control characters, and what stands for them in hexadecimal digits.
fn controls() -> impl Iterator<Item = (u8, String)> {
    (1..0x20).map(|code: u8| {
        let escape = match code {
            0x08 => "\\b".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'\n' => "\\n".to_owned(),
            0x0c => "\\f".to_owned(),
            b'\r' => "\\r".to_owned(),
            code => format!("\\u{code:04x}"),
        };
        (code, escape.bytes().map(|byte| format!("{byte:02x}")).collect())
    })
}

/// A value as a list has it; null of null.
fn item_text(value: &str, item: &LogicalType) -> String {
    let quoted = |text: &str| format!("CONCAT('\"', {text}, '\"')");
    match item {
        LogicalType::Bool => format!("CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        LogicalType::Text { .. } | LogicalType::Choice { .. } => quoted(&escaped(value)),
        LogicalType::Decimal { precision, scale } => {
            quoted(&format!("CAST(CAST({value} AS DECIMAL({precision},{scale})) AS CHAR({DECIMAL_WIDTH}))"))
        }
        LogicalType::Bytes => quoted(&format!("LOWER(HEX({value}))")),
        LogicalType::Uuid => {
            let part = |start, width| format!("SUBSTR(LOWER(HEX({value})), {start}, {width})");
            let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(", '-', ");
            quoted(&parts)
        }
        LogicalType::Instant => quoted(&format!("DATE_FORMAT({value}, '%Y-%m-%dT%H:%i:%s.%fZ')")),
        LogicalType::WallTime => quoted(&format!("DATE_FORMAT({value}, '%Y-%m-%dT%H:%i:%s.%f')")),
        LogicalType::Date => quoted(&format!("DATE_FORMAT({value}, '%Y-%m-%d')")),
        LogicalType::Time => quoted(&format!("TIME_FORMAT({value}, '%H:%i:%s.%f')")),
        _ => format!("CAST({value} AS CHAR)"),
    }
}
