//! `$regex`: the part of regular expressions that means the same everywhere, and its one meaning.
//!
//! It is read into a tree and written anew for each database, so that no engine's own extensions, flags or
//! character tables decide what matches. A match may begin and end anywhere in the text.

mod ambiguity;
mod class;
mod parse;
mod plain;

use std::sync::OnceLock;

pub use class::Class;

use crate::error::{Error, ErrorKind, Result};

/// Longest pattern, in characters.
pub const MAX_LENGTH: usize = 1_000;
/// Deepest nesting of groups.
pub const MAX_GROUPS: usize = 32;
/// Largest count in braces; PostgreSQL's own limit.
pub const MAX_COUNT: usize = 255;
/// Most characters and ranges once counts are written out: MariaDB's compiled patterns end at 64 KiB.
pub const MAX_SIZE: usize = 1_000;

/// A pattern as it was given with its options in front, and what it means. Two are equal when their texts are.
#[derive(Clone, Debug)]
pub struct Regex {
    source: String,
    tree: Node,
    compiled: OnceLock<::regex::Regex>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    One(Class),
    Start,
    End,
    LineStart,
    LineEnd,
    /// Empty: the empty text.
    Sequence(Vec<Node>),
    Alternatives(Vec<Node>),
    /// `max` None: without end.
    Repeat {
        node: Box<Node>,
        min: usize,
        max: Option<usize>,
    },
}

/// How an engine writes the ends of the whole text and of a line. A line ends before a newline and at the text's end.
pub struct Anchors {
    pub start: &'static str,
    pub end: &'static str,
    pub line_start: &'static str,
    pub line_end: &'static str,
}

const RUST: Anchors = Anchors { start: "\\A", end: "\\z", line_start: "(?m:^)", line_end: "(?m:$)" };

/// What changes the meaning of the signs that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_is_any: bool,
    blanks: bool,
}

impl Flags {
    fn parse(options: &str) -> Result<Self> {
        let mut flags = Flags::default();
        match options.chars().find(|letter| !flags.set(*letter, true)) {
            None => Ok(flags),
            Some(_) => Err(Error::new(ErrorKind::InvalidFilter, "the options of a $regex are letters of `imsx`")),
        }
    }

    /// Whether there is such an option.
    fn set(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'i' => self.fold = on,
            'm' => self.lines = on,
            's' => self.dot_is_any = on,
            'x' => self.blanks = on,
            _ => return false,
        }
        true
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Regex {
    /// # Errors
    /// `InvalidFilter` with the place of what is not in the portable part, `LimitExceeded`.
    pub fn parse(source: &str) -> Result<Self> {
        Regex::with_options(source, "")
    }

    /// `options` are letters of `imsx`: `i` without case (Unicode's simple lower-case forms), `m` lines have ends of
    /// their own, `s` a dot is a newline too, `x` blanks and comments are left out.
    ///
    /// # Errors
    /// Those of [`Regex::parse`], and `InvalidFilter` for any other option.
    pub fn with_options(source: &str, options: &str) -> Result<Self> {
        if source.chars().count() > MAX_LENGTH {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a $regex has at most {MAX_LENGTH} characters")));
        }
        let tree = parse::parse(source, Flags::parse(options)?)?;
        let source = if options.is_empty() { source.to_owned() } else { format!("(?{options}){source}") };
        Ok(Regex { source, tree, compiled: OnceLock::new() })
    }

    /// Refuses what could take long to match in some engine.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn check_plain(&self) -> Result<()> {
        plain::check(&self.tree)
    }

    /// Reads what [`Regex::source`] gives.
    ///
    /// # Errors
    /// Those of [`Regex::parse`].
    pub fn read(source: &str) -> Result<Self> {
        let tree = parse::parse(source, Flags::default())?;
        Ok(Regex { source: source.to_owned(), tree, compiled: OnceLock::new() })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The pattern with explicit classes and the engine's own anchors.
    pub fn render(&self, anchors: &Anchors) -> String {
        let mut text = String::new();
        self.tree.render(anchors, &mut text);
        text
    }

    /// Whether it asks for the ends of lines.
    pub fn has_lines(&self) -> bool {
        self.tree.any(&|node| matches!(node, Node::LineStart | Node::LineEnd))
    }

    /// Whether every match begins at the start of the text.
    pub fn is_anchored(&self) -> bool {
        match &self.tree {
            Node::Start => true,
            Node::Sequence(nodes) => nodes.first() == Some(&Node::Start),
            _ => false,
        }
    }

    /// # Errors
    /// `Internal` when the pattern cannot be compiled, which its limits rule out.
    pub fn is_match(&self, text: &str) -> Result<bool> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled.is_match(text));
        }
        let compiled = ::regex::Regex::new(&self.render(&RUST));
        let compiled = compiled.map_err(|_| Error::internal("a $regex could not be compiled"))?;
        Ok(self.compiled.get_or_init(|| compiled).is_match(text))
    }
}

impl Node {
    /// Characters and ranges once counts are written out.
    fn size(&self) -> usize {
        match self {
            Node::One(class) => class.size(),
            Node::Start | Node::End | Node::LineStart | Node::LineEnd => 1,
            Node::Sequence(nodes) | Node::Alternatives(nodes) => {
                nodes.iter().fold(0_usize, |sum, node| sum.saturating_add(node.size())).max(1)
            }
            Node::Repeat { node, min, max } => node.size().saturating_mul(max.unwrap_or(*min).max(1)),
        }
    }

    fn any(&self, is: &dyn Fn(&Node) -> bool) -> bool {
        is(self)
            || match self {
                Node::Sequence(nodes) | Node::Alternatives(nodes) => nodes.iter().any(|node| node.any(is)),
                Node::Repeat { node, .. } => node.any(is),
                _ => false,
            }
    }

    fn render(&self, anchors: &Anchors, out: &mut String) {
        match self {
            Node::One(class) => class.render(out),
            Node::Start => out.push_str(anchors.start),
            Node::End => out.push_str(anchors.end),
            Node::LineStart => out.push_str(anchors.line_start),
            Node::LineEnd => out.push_str(anchors.line_end),
            Node::Sequence(nodes) => {
                for node in nodes {
                    node.render_part(matches!(node, Node::Alternatives(_)), anchors, out);
                }
            }
            Node::Alternatives(nodes) => {
                for (at, node) in nodes.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "|" });
                    node.render(anchors, out);
                }
            }
            Node::Repeat { node, min, max } => {
                node.render_part(!matches!(**node, Node::One(_)), anchors, out);
                out.push_str(&quantifier(*min, *max));
            }
        }
    }

    fn render_part(&self, group: bool, anchors: &Anchors, out: &mut String) {
        out.push_str(if group { "(?:" } else { "" });
        self.render(anchors, out);
        out.push_str(if group { ")" } else { "" });
    }
}

fn quantifier(min: usize, max: Option<usize>) -> String {
    match (min, max) {
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (0, Some(1)) => "?".to_owned(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}

#[cfg(test)]
mod tests;
