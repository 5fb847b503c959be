//! Text without case: two characters are one when Unicode's simple lower-case form of both is the same.
//!
//! Servers fold by tables of their own, which differ with their versions and collations. None of them is asked: every
//! condition names the characters it means.

use std::collections::HashMap;
use std::sync::OnceLock;

/// No character beyond has a case; a test asks them all.
const LAST_CASED: u32 = 0x1_ffff;

/// The simple lower-case form. Only U+0130 has a full one of two characters; its simple one is the first of them.
pub fn fold(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// Every character that folds to what `c` folds to, `c` among them, in order.
pub fn variants(c: char) -> Vec<char> {
    groups().get(&fold(c)).cloned().unwrap_or_else(|| vec![c])
}

/// Folded characters and, in order, all that fold to them; characters alone are left out.
pub fn groups() -> &'static HashMap<char, Vec<char>> {
    static GROUPS: OnceLock<HashMap<char, Vec<char>>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let mut groups: HashMap<char, Vec<char>> = HashMap::new();
        for c in (0..=LAST_CASED).filter_map(char::from_u32) {
            let folded = fold(c);
            if folded != c {
                groups.entry(folded).or_insert_with(|| vec![folded]).push(c);
            }
        }
        groups.values_mut().for_each(|group| group.sort_unstable());
        groups
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_fold_to_one_character() {
        for (c, folded) in
            [('A', 'a'), ('\u{c4}', '\u{e4}'), ('\u{212a}', 'k'), ('\u{130}', 'i'), ('\u{3a3}', '\u{3c3}')]
        {
            assert_eq!(fold(c), folded);
        }
        for alone in ['\u{131}', '\u{17f}', '\u{df}', '\u{3c2}', '1', '\u{1f600}'] {
            assert_eq!(fold(alone), alone);
        }
    }

    #[test]
    fn a_folded_character_is_folded() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let folded = fold(c);
            assert_eq!(fold(folded), folded, "{c:?}");
            assert!(folded == c || u32::from(c) <= LAST_CASED, "{c:?}");
        }
    }

    #[test]
    fn variants_are_all_that_fold_alike() {
        assert_eq!(variants('K'), ['K', 'k', '\u{212a}']);
        assert_eq!(variants('\u{e5}'), ['\u{c5}', '\u{e5}', '\u{212b}']);
        assert_eq!(variants('1'), ['1']);
    }
}
