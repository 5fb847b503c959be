//! A set of characters. NUL is in none: no text holds it.

use crate::filter::fold::groups;

const FIRST: char = '\u{1}';
const LAST: char = char::MAX;

/// Ranges in order, with a gap between each two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class(Vec<(char, char)>);

impl Class {
    pub fn one(c: char) -> Self {
        Class(vec![(c, c)])
    }

    pub fn new(mut ranges: Vec<(char, char)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(char, char)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if before(low).is_none_or(|before| last.1 >= before) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Class(merged)
    }

    /// The class with every character that has the same lower-case form as one of its own.
    pub fn folded(self) -> Self {
        let has = |c: char| self.0.iter().any(|(low, high)| (*low..=*high).contains(&c));
        let others = groups().values().filter(|group| group.iter().any(|c| has(*c)));
        let others: Vec<_> = others.flatten().map(|c| (*c, *c)).collect();
        Class::new(self.0.into_iter().chain(others).collect())
    }

    /// Every character that is in none of `ranges`.
    pub fn except(ranges: Vec<(char, char)>) -> Self {
        let mut others = Vec::new();
        let mut next = Some(FIRST);
        for (low, high) in Class::new(ranges).0 {
            if let (Some(from), Some(to)) = (next, before(low))
                && from <= to
            {
                others.push((from, to));
            }
            next = after(high);
        }
        others.extend(next.map(|from| (from, LAST)));
        Class(others)
    }

    /// `\d`, `\w` and `\s` in ASCII, and their opposites in capitals.
    pub fn short(letter: char) -> Option<Self> {
        let ranges = match letter.to_ascii_lowercase() {
            'd' => vec![('0', '9')],
            'w' => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            's' => vec![('\t', '\r'), (' ', ' ')],
            _ => return None,
        };
        Some(if letter.is_ascii_uppercase() { Class::except(ranges) } else { Class::new(ranges) })
    }

    pub fn ranges(&self) -> &[(char, char)] {
        &self.0
    }

    /// One, and one more for each range beyond Latin-1: those MariaDB's compiled patterns list, the others are bits.
    pub fn size(&self) -> usize {
        let beyond = |ranges: &[(char, char)]| ranges.iter().filter(|(_, high)| *high > '\u{ff}').count();
        1 + self.complement().map_or_else(|| beyond(&self.0), |others| beyond(&others.0))
    }

    pub fn render(&self, out: &mut String) {
        match (self.0.as_slice(), self.complement()) {
            ([(low, high)], _) if low == high => {
                if "\\.+*?()|[]{}^$".contains(*low) {
                    out.push('\\');
                }
                out.push(*low);
            }
            (_, Some(others)) => brackets("[^", &others.0, out),
            (ranges, None) => brackets("[", ranges, out),
        }
    }

    /// What is not in it, where the class is written by that: it reaches to the last character.
    fn complement(&self) -> Option<Self> {
        let reaches = self.0.last().is_some_and(|(_, high)| *high == LAST);
        Some(Class::except(self.0.clone())).filter(|others| reaches && !others.0.is_empty())
    }
}

fn brackets(open: &str, ranges: &[(char, char)], out: &mut String) {
    out.push_str(open);
    for (low, high) in ranges {
        push_member(*low, out);
        if low != high {
            if after(*low) != Some(*high) {
                out.push('-');
            }
            push_member(*high, out);
        }
    }
    out.push(']');
}

/// A character with its own meaning inside brackets in some engine: `&&`, `--`, `~~` and `[:` are operators there.
fn push_member(c: char, out: &mut String) {
    if "\\[]^-&~".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

fn after(c: char) -> Option<char> {
    (c..=LAST).nth(1)
}

fn before(c: char) -> Option<char> {
    (FIRST..c).next_back()
}
