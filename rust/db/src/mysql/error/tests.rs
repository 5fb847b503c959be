use super::*;

fn refusal(code: u16, message: &str) -> Error {
    translate(Failure::Server(ServerError { code, message: message.to_owned(), state: "HY000".to_owned() }))
}

#[test]
fn constraints_are_named_and_values_are_not() {
    for (code, message, kind, constraint) in [
        (1062, "Duplicate entry 'secret' for key 'uq_email'", ErrorKind::UniqueViolation, "uq_email"),
        (1062, "Duplicate entry 'secret' for key 'users.uq_email'", ErrorKind::UniqueViolation, "uq_email"),
        (1062, "Duplicate entry 'secret' for key 'x'' for key 'PRIMARY'", ErrorKind::UniqueViolation, "PRIMARY"),
        (
            1452,
            "Cannot add or update a child row: a foreign key constraint fails (`d`.`t`, CONSTRAINT `fk_a` FOREIGN KEY (`a`) REFERENCES `p` (`id`))",
            ErrorKind::ForeignKeyViolation,
            "fk_a",
        ),
        (1048, "Column 'name' cannot be null", ErrorKind::NotNullViolation, "name"),
        (1364, "Field 'name' doesn't have a default value", ErrorKind::NotNullViolation, "name"),
        (4025, "CONSTRAINT `ck_n` failed for `d`.`t`", ErrorKind::CheckViolation, "ck_n"),
        (3819, "Check constraint 'ck_n' is violated.", ErrorKind::CheckViolation, "ck_n"),
    ] {
        let error = refusal(code, message);
        assert_eq!((error.kind(), error.detail().constraint.as_deref()), (kind, Some(constraint)), "{message}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_column_is_named_only_where_the_server_named_it() {
    assert_eq!(column("Data too long for column 'a b' at row 12"), Some("a b"));
    assert_eq!(column("Incorrect integer value: 'secret' for column `d`.`t`.`n` at row 1"), Some("n"));
    assert_eq!(column("Truncated incorrect DOUBLE value: 'x for column 'secret' at row 1'"), None);
    let error = refusal(1366, "Incorrect integer value: 'secret' for column `d`.`t`.`n` at row 1");
    assert_eq!(error.detail().message, "a value is out of range for column `n`");
}

#[test]
fn a_full_disk_is_told() {
    let error = refusal(1114, "The table 'secret' is full");
    assert_eq!(error.detail().message, "the disk of the server is full (error 1114)");
    assert!(error.detail().hint.as_deref().is_some_and(|hint| hint.starts_with("make room")));
}

#[test]
fn an_unknown_refusal_shows_its_code_only() {
    let error = refusal(1105, "Something about 'secret'");
    assert_eq!(error.kind(), ErrorKind::DatabaseFailure);
    assert_eq!(error.detail().message, "the database refused the statement (error 1105)");
    let syntax = refusal(1064, "You have an error in your SQL syntax; … near 'secret' at line 2");
    assert_eq!(syntax.detail().message, "SQL syntax error at line 2 (error 1064)");
}

#[test]
fn a_note_about_a_decimal_is_a_failure_and_one_about_a_table_is_not() {
    let note = |code: u16, text: &str| (code, text.to_owned());
    assert!(check_warnings(&[note(1050, "Table 't' already exists")], false).is_ok());
    let error =
        check_warnings(&[note(1050, ""), note(1265, "Data truncated for column 'price' at row 1")], false).unwrap_err();
    assert!(error.detail().message.contains("`price`"), "{error}");
}

#[test]
fn a_regular_expression_that_gave_up_is_a_failure() {
    let error = check_warnings(&[(1139, "Regex error 'match limit exceeded'".to_owned())], false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn json_that_was_not_read_is_a_failure() {
    let text = "Syntax error in JSON text in argument 1 to function 'json_extract' at position 1".to_owned();
    assert_eq!(check_warnings(&[(4038, text)], false).unwrap_err().kind(), ErrorKind::DatabaseFailure);
}

#[test]
fn a_load_counts_only_when_every_row_was_taken_as_it_is() {
    let info = "Records: 3  Deleted: 0  Skipped: 0  Warnings: 0";
    assert_eq!(check_load(info, 3, 0, 3).unwrap(), 3);
    for (info, affected, warnings, sent) in [
        (info, 3, 0, 4),
        (info, 2, 0, 3),
        (info, 3, 1, 3),
        ("Records: 3  Deleted: 0  Skipped: 1  Warnings: 0", 3, 0, 3),
        ("Records: 3  Deleted: 1  Skipped: 0  Warnings: 0", 3, 0, 3),
        ("Records: 3  Deleted: 0  Skipped: 0  Warnings: 1", 3, 0, 3),
        ("", 3, 0, 3),
    ] {
        assert_eq!(check_load(info, affected, warnings, sent).unwrap_err().kind(), ErrorKind::DatabaseFailure);
    }
}

#[test]
fn a_server_that_asks_for_a_file_loses_the_connection() {
    let asked = Failure::Driver(DriverError::LocalInfile(LocalInfileError::NoHandler));
    assert_eq!(translate(asked).kind(), ErrorKind::ConnectionLost);
}

#[test]
fn a_number_that_a_query_cut_is_out_of_range() {
    let cut = [(1916, "Got overflow when converting '18446744073709551614' to INT. Value truncated".to_owned())];
    let error = check_warnings(&cut, true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
    assert!(!error.detail().message.contains("184467"));
    assert_eq!(check_warnings(&cut, false).unwrap_err().kind(), ErrorKind::DatabaseFailure);
}

#[test]
fn a_text_that_a_query_makes_too_long_is_beyond_a_limit() {
    let longer = [(1301, "Result of concat() was larger than max_allowed_packet (16777216) - truncated".to_owned())];
    assert_eq!(check_warnings(&longer, true).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(check_warnings(&longer, false).unwrap_err().kind(), ErrorKind::DatabaseFailure);
}
