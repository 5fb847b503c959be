//! How many rows a plan in JSON expects.

/// The rows of the first table that a plan names: ours, since all others are inside its conditions.
///
/// MariaDB tells the rows it looks at and the percentage of them that it takes, MySQL their product too.
pub(super) fn expected_rows(plan: &str) -> Option<i64> {
    if let Some(rows) = number(plan, "rows_produced_per_join") {
        return whole(rows);
    }
    match number(plan, "rows") {
        Some(rows) => whole(rows * number(plan, "filtered").unwrap_or(100.0) / 100.0),
        // `Impossible WHERE`: no table is looked at.
        None => plan.contains("\"message\"").then_some(0),
    }
}

fn number(plan: &str, name: &str) -> Option<f64> {
    let (_, rest) = plan.split_once(&format!("\"{name}\":"))?;
    let rest = rest.trim_start();
    let end = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn whole(rows: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "an estimate; a float beyond the range becomes its end")]
    let rows = rows.ceil() as i64;
    (rows >= 0).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_first_table_are_read() {
        let mariadb = r#"{"query_block": {"table": {"table_name": "p", "rows": 1000, "filtered": 12.5, "x": 1}}}"#;
        assert_eq!(expected_rows(mariadb), Some(125));
        let mysql = r#"{"query_block": {"table": {"rows_examined_per_scan": 9, "rows_produced_per_join": 4}}}"#;
        assert_eq!(expected_rows(mysql), Some(4));
        assert_eq!(expected_rows(r#"{"query_block": {"table": {"message": "Impossible WHERE"}}}"#), Some(0));
        assert_eq!(expected_rows("{}"), None);
    }
}
