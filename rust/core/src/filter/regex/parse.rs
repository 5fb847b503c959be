//! Text -> tree. What one database reads differently from another is refused here, with its place.

use super::ambiguity::is_ambiguous;
use super::class::Class;
use super::{Flags, MAX_COUNT, MAX_GROUPS, MAX_SIZE, Node};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn parse(source: &str, flags: Flags) -> Result<Node> {
    let chars: Vec<char> = source.chars().collect();
    if let Some(at) = chars.iter().position(|c| *c == '\0') {
        return Err(refused_at(at, "a NUL character, which no text holds"));
    }
    let mut parser = Parser { chars, at: 0, flags };
    parser.leading_flags();
    let tree = parser.alternatives(0)?;
    if parser.at < parser.chars.len() {
        return Err(parser.refused("a `)` without its `(`"));
    }
    if tree.size() > MAX_SIZE {
        return Err(limit(format!("a $regex has at most {MAX_SIZE} characters once its counts are written out")));
    }
    Ok(tree)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    flags: Flags,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// `(?im)` at the very beginning, any number of times: anywhere else engines differ in how far it reaches.
    fn leading_flags(&mut self) {
        let (mut at, mut flags) = (self.at, self.flags);
        while let ['(', '?', rest @ ..] = &self.chars[at..] {
            let letters = rest.iter().take_while(|letter| flags.set(**letter, true)).count();
            if letters == 0 || rest.get(letters) != Some(&')') {
                return;
            }
            at += letters + 3;
            (self.at, self.flags) = (at, flags);
        }
    }

    /// The flags of `(?i-m:`, whose `(?` is behind us; None where it is something else.
    fn group_flags(&mut self) -> Option<Flags> {
        let (mut flags, mut on) = (self.flags, true);
        for (at, letter) in self.chars[self.at..].iter().enumerate() {
            match letter {
                ':' => {
                    self.at += at + 1;
                    return Some(flags);
                }
                '-' if on => on = false,
                letter if !flags.set(*letter, on) => return None,
                _ => {}
            }
        }
        None
    }

    /// With the option `x`: blanks, and what stands behind a `#` in its line.
    fn skip_blanks(&mut self) {
        while self.flags.blanks && self.peek().is_some_and(|c| c.is_ascii_whitespace() || matches!(c, '#' | '\u{b}')) {
            let comment = self.eat('#');
            self.at += usize::from(!comment);
            while comment && self.peek().is_some_and(|c| c != '\n') {
                self.at += 1;
            }
        }
    }

    /// `depth` is the number of open groups.
    fn alternatives(&mut self, depth: usize) -> Result<Node> {
        let mut all = vec![self.sequence(depth)?];
        while self.eat('|') {
            all.push(self.sequence(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Alternatives(all) })
    }

    fn sequence(&mut self, depth: usize) -> Result<Node> {
        let mut nodes = Vec::new();
        self.skip_blanks();
        while let Some(next) = self.peek().filter(|next| !matches!(next, '|' | ')')) {
            let start = self.at;
            self.at += 1;
            let node = self.atom(next, depth)?;
            nodes.push(self.repeated(node, start)?);
            self.skip_blanks();
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Sequence(nodes) })
    }

    /// What begins with `first`, which is behind us.
    fn atom(&mut self, first: char, depth: usize) -> Result<Node> {
        match first {
            '^' => Ok(if self.flags.lines { Node::LineStart } else { Node::Start }),
            '$' => Ok(if self.flags.lines { Node::LineEnd } else { Node::End }),
            '.' if self.flags.dot_is_any => Ok(Node::One(Class::except(Vec::new()))),
            '.' => Ok(Node::One(Class::except(vec![('\n', '\n')]))),
            '(' => self.group(depth + 1),
            '[' => self.class().map(Node::One),
            '\\' => self.escape().map(|class| Node::One(self.cased_one(class))),
            '*' | '+' | '?' => Err(self.refused_before("a quantifier with nothing to repeat")),
            '{' => Err(self.refused_before("a `{` with nothing to repeat; write `\\{` for the character")),
            other => Ok(Node::One(self.cased(Class::one(other)))),
        }
    }

    fn group(&mut self, depth: usize) -> Result<Node> {
        if depth > MAX_GROUPS {
            return Err(limit(format!("a $regex nests at most {MAX_GROUPS} groups")));
        }
        let outer = self.flags;
        if self.eat('?') {
            self.flags = self.group_flags().ok_or_else(|| {
                self.refused("look-around, named and atomic groups and flags behind the beginning are not portable")
            })?;
        }
        let inner = self.alternatives(depth)?;
        self.flags = outer;
        if !self.eat(')') {
            return Err(self.refused("a `(` without its `)`"));
        }
        Ok(inner)
    }

    /// `node`, which began at `start`, with the quantifier behind it.
    fn repeated(&mut self, node: Node, start: usize) -> Result<Node> {
        self.skip_blanks();
        let Some((min, max)) = self.quantifier()? else { return Ok(node) };
        self.skip_blanks();
        if matches!(self.peek(), Some('?' | '+' | '*' | '{')) {
            return Err(self.refused("a second quantifier: lazy and possessive ones are not portable"));
        }
        if matches!(node, Node::Start | Node::End | Node::LineStart | Node::LineEnd) {
            return Err(refused_at(start, "a repeated anchor"));
        }
        let node = Node::Repeat { node: Box::new(node), min, max };
        if node.size() > MAX_SIZE {
            return Err(limit(format!("a $regex has at most {MAX_SIZE} characters once its counts are written out")));
        }
        if is_ambiguous(&node) {
            return Err(refused_at(start, "repeats what can match the same text in more than one way").hint(
                "some databases take exponential time for it: let each repetition begin or end with its own sign",
            ));
        }
        Ok(node)
    }

    fn quantifier(&mut self) -> Result<Option<(usize, Option<usize>)>> {
        let found = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                return self.counts().map(Some);
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(found))
    }

    /// `m}`, `m,}` or `m,n}`.
    fn counts(&mut self) -> Result<(usize, Option<usize>)> {
        let min = self.count()?;
        let max = match self.eat(',') {
            false => Some(min),
            true if self.peek() == Some('}') => None,
            true => Some(self.count()?),
        };
        if !self.eat('}') {
            return Err(self.refused("a count is written {m}, {m,} or {m,n}; write `\\{` for the character"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.refused_before("a count whose end lies before its beginning"));
        }
        Ok((min, max))
    }

    fn count(&mut self) -> Result<usize> {
        let start = self.at;
        let mut count = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            count = count * 10 + digit as usize;
            self.at += 1;
            if count > MAX_COUNT {
                return Err(limit(format!("a count in a $regex is at most {MAX_COUNT}")));
            }
        }
        if self.at == start {
            return Err(self.refused("a count is written {m}, {m,} or {m,n}; write `\\{` for the character"));
        }
        Ok(count)
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<Class> {
        let Some(next) = self.peek() else {
            return Err(self.refused_before("a backslash with nothing behind it"));
        };
        let class = match next {
            'n' => Class::one('\n'),
            't' => Class::one('\t'),
            'r' => Class::one('\r'),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Class::one(c),
            c => Class::short(c).ok_or_else(|| {
                self.refused("an escape that is not portable")
                    .hint("portable are \\d \\w \\s \\D \\W \\S \\n \\t \\r and a backslash before a sign")
            })?,
        };
        self.at += 1;
        Ok(class)
    }

    /// What stands behind a `[`.
    fn class(&mut self) -> Result<Class> {
        let start = self.at - 1;
        let negated = self.eat('^');
        let first = self.at;
        let mut ranges = Vec::new();
        while !(self.at > first && self.eat(']')) {
            let low = self.member(first)?;
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|next| *next != ']');
            if !is_range {
                ranges.extend_from_slice(self.cased_one(low).ranges());
                continue;
            }
            self.at += 1;
            let high = self.member(first)?;
            match (single(&low), single(&high)) {
                (Some(low), Some(high)) if low <= high => {
                    ranges.extend_from_slice(self.cased(Class::new(vec![(low, high)])).ranges());
                }
                (Some(_), Some(_)) => return Err(self.refused_before("a range whose end lies before its beginning")),
                _ => return Err(self.refused_before("a range between classes; write `\\-` for the character")),
            }
        }
        let class = if negated { Class::except(ranges) } else { Class::new(ranges) };
        if class.ranges().is_empty() {
            return Err(refused_at(start, "a class that no character is in"));
        }
        Ok(class)
    }

    /// One character or short class between brackets, whose first place is `first`.
    fn member(&mut self, first: usize) -> Result<Class> {
        let Some(next) = self.peek() else {
            return Err(self.refused("a `[` without its `]`"));
        };
        self.at += 1;
        match next {
            '\\' => self.escape(),
            '[' => Err(self.refused_before("a `[` inside a class; write `\\[` for the character")),
            ']' => Err(self.refused_before("an empty class; write `\\]` for the character")),
            '-' if self.at - 1 != first && self.peek() != Some(']') => {
                Err(self.refused_before("a `-` between two ranges; write `\\-` for the character"))
            }
            c => Ok(Class::one(c)),
        }
    }

    fn cased(&self, class: Class) -> Class {
        if self.flags.fold { class.folded() } else { class }
    }

    /// A short class is itself in either case.
    fn cased_one(&self, class: Class) -> Class {
        if single(&class).is_some() { self.cased(class) } else { class }
    }

    fn refused(&self, what: &str) -> Error {
        refused_at(self.at, what)
    }

    fn refused_before(&self, what: &str) -> Error {
        refused_at(self.at - 1, what)
    }
}

fn single(class: &Class) -> Option<char> {
    match class.ranges() {
        [(low, high)] if low == high => Some(*low),
        _ => None,
    }
}

/// `at` counts characters from 0.
fn refused_at(at: usize, what: &str) -> Error {
    Error::new(ErrorKind::InvalidFilter, format!("character {} of the $regex: {what}", at + 1))
}

fn limit(message: String) -> Error {
    Error::new(ErrorKind::LimitExceeded, message)
}
