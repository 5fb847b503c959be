//! Patterns as regular expressions of PCRE (MariaDB) and ICU (MySQL).

use super::Mysql;
use crate::filter::{Anchors, Like, Regex, Token, variants};

impl Mysql {
    /// Undoes every flag that the server may set for all patterns (`default_regex_flags`), and lets `.` match newlines.
    const fn flags(&self) -> &'static str {
        // U swaps greedy and lazy in PCRE; MySQL's ICU does not know it.
        if self.mariadb { "(?s-imxU)" } else { "(?s-imx)" }
    }

    /// The pattern as a regular expression: what LOWER and the collations without case fold depends on their version.
    ///
    /// What stands between two runs is looked for once (`(?>…)`): its earliest place is never worse than another, and
    /// an engine that tried them all would take time with a power of the number of runs.
    pub(super) fn folded(&self, like: &Like) -> String {
        let parts: Vec<&[Token]> = like.tokens().split(|token| *token == Token::AnyRun).collect();
        let mut text = format!("{}\\A", self.flags());
        for (at, part) in parts.iter().enumerate() {
            let (before, behind) = match at {
                0 => ("", ""),
                _ if at + 1 < parts.len() => ("(?>.*?", ")"),
                _ => (".*", ""),
            };
            text.push_str(before);
            part.iter().for_each(|token| push_folded(*token, &mut text));
            text.push_str(behind);
        }
        text + "\\z"
    }

    /// A run of white space is looked at from its start only: the time is that of the text's length.
    pub(super) fn trimmed(&self, text: String, start: bool, end: bool) -> String {
        let flags = self.flags();
        let mut trimmed = text;
        if start {
            let pattern = literal(&format!("{flags}\\A{WHITE_SPACE}+"));
            trimmed = format!("REGEXP_REPLACE({trimmed}, {pattern}, '')");
        }
        if end {
            let pattern = literal(&format!("{flags}(?<!{WHITE_SPACE}){WHITE_SPACE}+\\z"));
            trimmed = format!("REGEXP_REPLACE({trimmed}, {pattern}, '')");
        }
        format!("({trimmed} COLLATE {})", self.collation())
    }

    /// From the start of the text: PCRE counts its steps, and gives up with a warning, for each place it begins at.
    /// Without that a hopeless search takes time with the square of the text, and no KILL ends it.
    pub(super) fn searched(&self, regex: &Regex) -> String {
        let start = if regex.is_anchored() { "" } else { "\\A.*?" };
        format!("{}{start}(?:{})", self.flags(), regex.render(&ANCHORS))
    }
}

const WHITE_SPACE: &str = "[\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}]";

/// In hexadecimal digits: a `?` of a pattern is no place of a parameter.
fn literal(pattern: &str) -> String {
    format!("_utf8mb4 x'{}'", pattern.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// PCRE's `^` and `$` of lines do not know the line behind a last newline.
const ANCHORS: Anchors = Anchors { start: "\\A", end: "\\z", line_start: "(?<![^\n])", line_end: "(?![^\n])" };

fn push_folded(token: Token, text: &mut String) {
    match token {
        Token::Char(c) if c.is_ascii_punctuation() => text.extend(['\\', c]),
        Token::Char(c) => match variants(c).as_slice() {
            [c] => text.push(*c),
            forms => {
                text.push('[');
                text.extend(forms);
                text.push(']');
            }
        },
        Token::AnyOne | Token::AnyRun => text.push('.'),
    }
}
