//! Whether a repetition can read the same text in more than one way.
//!
//! An engine that goes back and tries again (MariaDB's) then takes time exponential in the length of the text, and
//! gives up without an answer. Refused is every repetition in which, at some point, two ways on begin with the same
//! character: strong 1-unambiguity (Brüggemann-Klein and Wood, 1998; Hovland, 2009). That is more than is exponential,
//! and never less.

use super::{Class, Node};

pub(super) fn is_ambiguous(repeat: &Node) -> bool {
    let Node::Repeat { node, max, .. } = repeat else { return false };
    if max.is_some_and(|max| max < 2) || matches!(**node, Node::One(_)) {
        return false;
    }
    let mut places = Places::default();
    let body = places.add(node);
    places.connect(&body.last, &body.first);
    let is_forked = |next: &Vec<usize>| !places.is_distinct(next);
    body.nullable || places.empty_twice || is_forked(&body.first) || places.follow.iter().any(is_forked)
}

/// Glushkov's automaton: a state for each character of the pattern. An edge that two repetitions make is there twice.
#[derive(Default)]
struct Places<'n> {
    classes: Vec<&'n Class>,
    follow: Vec<Vec<usize>>,
    /// Some part reads the empty text in more than one way.
    empty_twice: bool,
}

struct Part {
    nullable: bool,
    first: Vec<usize>,
    last: Vec<usize>,
}

impl<'n> Places<'n> {
    fn add(&mut self, node: &'n Node) -> Part {
        match node {
            Node::One(class) => {
                let place = self.classes.len();
                self.classes.push(class);
                self.follow.push(Vec::new());
                Part { nullable: false, first: vec![place], last: vec![place] }
            }
            Node::Start | Node::End | Node::LineStart | Node::LineEnd => {
                Part { nullable: true, first: Vec::new(), last: Vec::new() }
            }
            Node::Sequence(nodes) => self.sequence(nodes.iter()),
            Node::Alternatives(nodes) => {
                let mut all = Part { nullable: false, first: Vec::new(), last: Vec::new() };
                for part in nodes {
                    let part = self.add(part);
                    self.empty_twice |= all.nullable && part.nullable;
                    all.nullable |= part.nullable;
                    all.first.extend(part.first);
                    all.last.extend(part.last);
                }
                all
            }
            Node::Repeat { node, min, max } if Some(*min) == *max => {
                self.sequence(std::iter::repeat_n(node.as_ref(), *min))
            }
            // Counts are read as a repetition without end, which has every way the counted one has.
            Node::Repeat { node, min, max } => {
                let mut part = self.add(node);
                self.empty_twice |= part.nullable;
                if *max != Some(1) {
                    self.connect(&part.last, &part.first);
                }
                part.nullable |= *min == 0;
                part
            }
        }
    }

    fn sequence(&mut self, nodes: impl Iterator<Item = &'n Node>) -> Part {
        let mut all = Part { nullable: true, first: Vec::new(), last: Vec::new() };
        for node in nodes {
            let part = self.add(node);
            self.connect(&all.last, &part.first);
            if all.nullable {
                all.first.extend(&part.first);
            }
            if !part.nullable {
                all.last.clear();
            }
            all.last.extend(part.last);
            all.nullable &= part.nullable;
        }
        all
    }

    fn connect(&mut self, from: &[usize], to: &[usize]) {
        for place in from {
            self.follow[*place].extend(to);
        }
    }

    /// Whether no character is in the classes of two of these places.
    fn is_distinct(&self, places: &[usize]) -> bool {
        let mut ranges: Vec<(char, char)> =
            places.iter().flat_map(|place| self.classes[*place].ranges()).copied().collect();
        ranges.sort_unstable();
        ranges.windows(2).all(|pair| pair[0].1 < pair[1].0)
    }
}
