//! Patterns whose matching takes a time that their text alone bounds, in every engine.

use super::Node;
use crate::error::{Error, ErrorKind, Result};

/// Largest count of a repetition.
const MAX_REPEAT: usize = 50;
/// Most ways in which the repetitions of a pattern may be counted out together: an engine that goes back tries each.
const MAX_WAYS: usize = 10_000;

/// Refuses a repetition without end, one in another one, alternatives in one, and too many of them.
pub(super) fn check(tree: &Node) -> Result<()> {
    let mut ways = 1_usize;
    walk(tree, false, &mut ways)
}

/// The recursion is as deep as the groups of the pattern, which the parser bounds.
fn walk(node: &Node, repeated: bool, ways: &mut usize) -> Result<()> {
    match node {
        Node::One(_) | Node::Start | Node::End | Node::LineStart | Node::LineEnd => Ok(()),
        Node::Sequence(nodes) => nodes.iter().try_for_each(|node| walk(node, repeated, ways)),
        Node::Alternatives(_) if repeated => Err(refused("alternatives in a repetition")),
        Node::Alternatives(nodes) => nodes.iter().try_for_each(|node| walk(node, repeated, ways)),
        Node::Repeat { .. } if repeated => Err(refused("a repetition in another one")),
        Node::Repeat { max: None, .. } => Err(refused("a repetition without end; write `{0,20}` in place of `*`")),
        Node::Repeat { max: Some(max), .. } if *max > MAX_REPEAT => {
            Err(refused(&format!("a repetition of more than {MAX_REPEAT}")))
        }
        Node::Repeat { node, min, max: Some(max) } => {
            *ways = ways.saturating_mul(max - min + 1);
            if *ways > MAX_WAYS {
                return Err(refused("so many repetitions"));
            }
            walk(node, true, ways)
        }
    }
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("a $regex has not {what} here"))
        .hint("it is of characters, classes, anchors, alternatives and counted repetitions of these")
}
