//! `$regex`: the part of regular expressions that means the same everywhere, and its one meaning.
//!
//! It is read into a tree and written anew for each database, so that no engine's own extensions, flags or
//! character tables decide what matches. A match may begin and end anywhere in the text.

mod ambiguity;
mod class;
mod parse;

use std::sync::OnceLock;

pub use class::Class;

use crate::error::{Error, Result};

/// Longest pattern, in characters.
pub const MAX_LENGTH: usize = 1_000;
/// Deepest nesting of groups.
pub const MAX_GROUPS: usize = 32;
/// Largest count in braces; PostgreSQL's own limit.
pub const MAX_COUNT: usize = 255;
/// Most characters and ranges once counts are written out: MariaDB's compiled patterns end at 64 KiB.
pub const MAX_SIZE: usize = 1_000;

/// A pattern as it was given, and what it means. Two are equal when their texts are.
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

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Regex {
    /// # Errors
    /// `InvalidFilter` with the place of what is not in the portable part, `LimitExceeded`.
    pub fn parse(source: &str) -> Result<Self> {
        Ok(Regex { source: source.to_owned(), tree: parse::parse(source)?, compiled: OnceLock::new() })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The pattern with explicit classes, where `start` and `end` are the engine's anchors of the whole text.
    pub fn render(&self, start: &str, end: &str) -> String {
        let mut text = String::new();
        self.tree.render(start, end, &mut text);
        text
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
        let compiled = ::regex::Regex::new(&self.render("\\A", "\\z"));
        let compiled = compiled.map_err(|_| Error::internal("a $regex could not be compiled"))?;
        Ok(self.compiled.get_or_init(|| compiled).is_match(text))
    }
}

impl Node {
    /// Characters and ranges once counts are written out.
    fn size(&self) -> usize {
        match self {
            Node::One(class) => class.size(),
            Node::Start | Node::End => 1,
            Node::Sequence(nodes) | Node::Alternatives(nodes) => {
                nodes.iter().fold(0_usize, |sum, node| sum.saturating_add(node.size())).max(1)
            }
            Node::Repeat { node, min, max } => node.size().saturating_mul(max.unwrap_or(*min).max(1)),
        }
    }

    fn render(&self, start: &str, end: &str, out: &mut String) {
        match self {
            Node::One(class) => class.render(out),
            Node::Start => out.push_str(start),
            Node::End => out.push_str(end),
            Node::Sequence(nodes) => {
                for node in nodes {
                    node.render_part(matches!(node, Node::Alternatives(_)), start, end, out);
                }
            }
            Node::Alternatives(nodes) => {
                for (at, node) in nodes.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "|" });
                    node.render(start, end, out);
                }
            }
            Node::Repeat { node, min, max } => {
                node.render_part(!matches!(**node, Node::One(_)), start, end, out);
                out.push_str(&quantifier(*min, *max));
            }
        }
    }

    fn render_part(&self, group: bool, start: &str, end: &str, out: &mut String) {
        out.push_str(if group { "(?:" } else { "" });
        self.render(start, end, out);
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
