//! Patterns with `%` (any run of characters) and `_` (any one), and the literal forms made of them.

use super::fold::{fold, variants};
use crate::error::{Error, ErrorKind, Result};

/// Longest pattern, in characters: SQLite takes 50,000 bytes, and escaping triples some of them.
pub const MAX_PATTERN: usize = 10_000;
/// Most runs in one pattern: MariaDB's matcher calls itself for each, and its stack ends at some 1,700.
pub const MAX_RUNS: usize = 100;
/// Most characters with forms outside Latin-1 in a pattern without case: MariaDB's compiled patterns end at 64 KiB.
pub const MAX_WIDE: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Char(char),
    AnyOne,
    AnyRun,
}

impl Token {
    pub fn char(&self) -> Option<char> {
        match self {
            Token::Char(c) => Some(*c),
            Token::AnyOne | Token::AnyRun => None,
        }
    }
}

/// What a whole text must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    tokens: Vec<Token>,
    fold: bool,
}

impl Like {
    /// Reads SQL's pattern form; a backslash takes the next character as it is. With `fold` case does not matter.
    ///
    /// # Errors
    /// `InvalidFilter` for a backslash with nothing behind it, `LimitExceeded`.
    pub fn parse(pattern: &str, fold: bool) -> Result<Self> {
        check_length(pattern)?;
        let mut tokens = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars();
        while let Some(next) = chars.next() {
            let token = match next {
                '%' => Token::AnyRun,
                '_' => Token::AnyOne,
                '\\' => Token::Char(chars.next().ok_or_else(lone_backslash)?),
                other => Token::Char(other),
            };
            if token != Token::AnyRun || tokens.last() != Some(&Token::AnyRun) {
                tokens.push(token);
            }
        }
        if tokens.iter().filter(|token| **token == Token::AnyRun).count() > MAX_RUNS {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a pattern has at most {MAX_RUNS} `%`")));
        }
        Like { tokens, fold }.folded()
    }

    /// `text` itself, with anything before or behind it where that is open.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn literal(text: &str, open_before: bool, open_behind: bool, fold: bool) -> Result<Self> {
        check_length(text)?;
        let run = |open: bool| open.then_some(Token::AnyRun);
        let mut tokens: Vec<_> =
            run(open_before).into_iter().chain(text.chars().map(Token::Char)).chain(run(open_behind)).collect();
        tokens.dedup_by(|a, b| *a == Token::AnyRun && *b == Token::AnyRun);
        Like { tokens, fold }.folded()
    }

    /// With every character in the form that case does not matter to.
    fn folded(mut self) -> Result<Self> {
        if !self.fold {
            return Ok(self);
        }
        let mut wide = 0;
        for token in &mut self.tokens {
            if let Token::Char(c) = token {
                *c = fold(*c);
                wide += usize::from(variants(*c).iter().skip(1).any(|other| *other > '\u{ff}'));
            }
        }
        if wide > MAX_WIDE {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("a text to look for without case has at most {MAX_WIDE} letters with forms outside Latin-1"),
            )
            .hint("`i` and `k` are such: U+0130 and U+212A are other forms of them"));
        }
        Ok(self)
    }

    /// No run stands beside another.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Whether case does not matter; its characters are folded then.
    pub fn folds(&self) -> bool {
        self.fold
    }

    /// The pattern with `any_one`, `any_run` and every character as `char` writes it.
    pub fn render(&self, any_one: &str, any_run: &str, mut char: impl FnMut(&mut String, char)) -> String {
        let mut text = String::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::AnyOne => text.push_str(any_one),
                Token::AnyRun => text.push_str(any_run),
                Token::Char(c) => char(&mut text, *c),
            }
        }
        text
    }

    /// SQL's own form again, with a backslash before `%`, `_` and itself.
    pub fn render_escaped(&self) -> String {
        self.render("_", "%", |text, c| {
            if matches!(c, '%' | '_' | '\\') {
                text.push('\\');
            }
            text.push(c);
        })
    }

    /// Takes up only the last run when it fails: the earliest place for what stands between two runs is never worse.
    pub fn is_match(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text.chars());
        let mut last_run = None;
        loop {
            let token = self.tokens.get(at);
            if token == Some(&Token::AnyRun) {
                at += 1;
                last_run = Some((at, rest.clone()));
                continue;
            }
            match (token, rest.next()) {
                (None, None) => return true,
                (Some(_), None) => return false,
                (Some(token), Some(c)) if self.meets(*token, c) => at += 1,
                _ => {
                    let Some((behind, from)) = &mut last_run else { return false };
                    from.next();
                    (at, rest) = (*behind, from.clone());
                }
            }
        }
    }

    fn meets(&self, token: Token, c: char) -> bool {
        match token {
            Token::Char(wanted) if self.fold => wanted == fold(c),
            Token::Char(wanted) => wanted == c,
            Token::AnyOne | Token::AnyRun => true,
        }
    }
}

fn check_length(pattern: &str) -> Result<()> {
    if pattern.len() > MAX_PATTERN && pattern.chars().count() > MAX_PATTERN {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("a text to look for has at most {MAX_PATTERN} characters"),
        ));
    }
    Ok(())
}

fn lone_backslash() -> Error {
    Error::new(ErrorKind::InvalidFilter, "the pattern ends with a lone backslash")
        .hint("write two backslashes for a backslash itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(pattern: &str, text: &str) -> bool {
        Like::parse(pattern, false).unwrap().is_match(text)
    }

    #[test]
    fn runs_and_single_characters_are_found() {
        for (pattern, text) in [
            ("", ""),
            ("%", ""),
            ("%%", "abc"),
            ("a%c", "abcbc"),
            ("%b_", "abcbc"),
            ("_", "\u{1f600}"),
            ("a\\%b", "a%b"),
            ("\\a\\\\", "a\\"),
            ("%a%b%a%", "xabbay"),
            ("%\n", "a\n"),
        ] {
            assert!(like(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in
            [("", "a"), ("_", ""), ("a%c", "abcb"), ("a\\%b", "axb"), ("A", "a"), ("%ab%ab", "ab"), ("a", "a ")]
        {
            assert!(!like(pattern, text), "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn letters_are_folded_by_their_simple_lower_case() {
        let folded = |pattern: &str, text: &str| Like::parse(pattern, true).unwrap().is_match(text);
        for (pattern, text) in [("a%Z", "A-z"), ("k", "\u{212a}"), ("\u{212a}", "K"), ("ä", "Ä"), ("Σ", "σ")] {
            assert!(folded(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in [("i", "\u{131}"), ("s", "\u{17f}"), ("[", "{"), ("ß", "ss"), ("ς", "σ")] {
            assert!(!folded(pattern, text), "{pattern:?} {text:?}");
        }
        assert!(Like::literal("ÄB", true, true, true).unwrap().is_match("xäbx"));
    }

    #[test]
    fn literals_take_signs_as_they_are() {
        assert!(Like::literal("a%_\\", true, true, false).unwrap().is_match("xa%_\\y"));
        assert!(!Like::literal("%", true, true, false).unwrap().is_match("a"));
        assert_eq!(Like::literal("", true, true, false).unwrap().tokens(), [Token::AnyRun]);
        assert!(!Like::literal("a", false, true, false).unwrap().is_match("ba"));
        assert!(!Like::literal("a", true, false, false).unwrap().is_match("ab"));
    }

    #[test]
    fn a_long_search_stays_short() {
        let pattern = "%a".repeat(MAX_RUNS - 1) + "%b";
        assert!(!like(&pattern, &"a".repeat(100_000)));
    }

    #[test]
    fn limits_and_a_lone_backslash_are_refused() {
        let kind = |pattern: &str| Like::parse(pattern, false).unwrap_err().kind();
        assert_eq!(kind("a\\"), ErrorKind::InvalidFilter);
        assert_eq!(kind(&"a".repeat(MAX_PATTERN + 1)), ErrorKind::LimitExceeded);
        assert_eq!(kind(&"%a".repeat(MAX_RUNS + 1)), ErrorKind::LimitExceeded);
        assert!(Like::parse(&"%".repeat(MAX_PATTERN), false).is_ok());
        assert!(Like::parse(&"ä".repeat(MAX_PATTERN), false).is_ok());
        assert!(Like::parse(&"a".repeat(MAX_PATTERN), true).is_ok());
        assert_eq!(Like::parse(&"K".repeat(MAX_WIDE + 1), true).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
}
