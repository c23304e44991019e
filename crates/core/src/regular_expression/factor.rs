//! What alternatives have in common, written once: `web-1.example.org|web-2.example.org` becomes `web-[12].example.org`,
//! as Go's own parser factors them. Two thousand names then are a few hundred states instead of fifty thousand, and
//! few of them at a time are possible while a text is read.
//!
//! The texts that match stay the same; which of several alternatives it was, and where its groups begin and end, does
//! not. So this serves the question whether a text matches, and no other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use regex_syntax::hir::{
    Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Literal, Look, Repetition,
};

/// Alternatives within alternatives that factoring makes of one list at most: each level is a call of the compiler
/// within another, and reads what is left of the names once more. Names of hosts take three to ten.
const LEVELS: usize = 64;

/// A pattern whose alternatives are factored.
pub(super) struct Factored {
    pub(super) hir: Hir,
    /// The most parts within one another.
    pub(super) height: usize,
}

/// Factors all alternatives of a pattern; none if it holds bytes that are no text.
pub(super) fn factor(hir: &Hir) -> Option<Factored> {
    let mut nodes = Nodes::default();
    let mut whole = Vec::new();
    nodes.read(hir, &mut whole)?;
    Some(Factored {
        height: nodes.height(&whole),
        hir: nodes.written(&whole),
    })
}

/// The number of a node.
type Id = u32;

/// A part of a pattern. Equal parts are one node, so that numbers are compared instead of parts.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Node {
    Character(char),
    Class(Box<[(char, char)]>),
    /// A condition on the place, in the library's number for it.
    Look(u32),
    Repeated(u32, Option<u32>, Box<[Id]>),
    Choice(Box<[Box<[Id]>]>),
}

#[derive(Default)]
struct Nodes {
    all: Vec<(Node, usize)>,
    known: HashMap<Node, Id>,
}

impl Nodes {
    fn add(&mut self, node: Node) -> Id {
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        let height = match &node {
            Node::Character(_) | Node::Class(_) | Node::Look(_) => 0,
            Node::Repeated(_, _, inner) => self.height(inner),
            Node::Choice(choices) => choices
                .iter()
                .map(|one| self.height(one))
                .max()
                .unwrap_or(0),
        };
        let id = self.all.len() as Id;
        self.all.push((node.clone(), height + 1));
        self.known.insert(node, id);
        id
    }

    fn height(&self, sequence: &[Id]) -> usize {
        let heights = sequence.iter().map(|id| self.all[*id as usize].1);
        heights.max().unwrap_or(0)
    }

    /// Appends the nodes of a part, factored.
    fn read(&mut self, hir: &Hir, out: &mut Vec<Id>) -> Option<()> {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(Literal(bytes)) => {
                let text = std::str::from_utf8(bytes).ok()?;
                out.extend(text.chars().map(|char| self.add(Node::Character(char))));
            }
            HirKind::Class(Class::Unicode(class)) => {
                out.push(self.add(Node::Class(ranges_of(class))));
            }
            HirKind::Class(Class::Bytes(class)) => {
                let class = class.to_unicode_class()?;
                out.push(self.add(Node::Class(ranges_of(&class))));
            }
            HirKind::Look(look) => out.push(self.add(Node::Look(look.as_repr()))),
            HirKind::Repetition(repetition) => {
                let mut inner = Vec::new();
                self.read(&repetition.sub, &mut inner)?;
                let (min, max) = (repetition.min, repetition.max);
                out.push(self.add(Node::Repeated(min, max, inner.into())));
            }
            HirKind::Capture(capture) => self.read(&capture.sub, out)?,
            HirKind::Concat(parts) => {
                for part in parts {
                    self.read(part, out)?;
                }
            }
            HirKind::Alternation(parts) => {
                let mut alternatives = Vec::with_capacity(parts.len());
                for part in parts {
                    let mut sequence = Vec::new();
                    self.read(part, &mut sequence)?;
                    alternatives.push(sequence);
                }
                let alternatives = alternatives.iter().map(Vec::as_slice).collect();
                out.extend(self.choice(alternatives, 0));
            }
        }
        Some(())
    }

    /// One sequence for all of the alternatives: what all of them begin with, a choice of the rests, and what all of them
    /// end with.
    fn choice(&mut self, mut alternatives: Vec<&[Id]>, level: usize) -> Vec<Id> {
        let before = common(alternatives.iter().map(|one| one.iter()));
        let (prefix, _) = alternatives[0].split_at(before);
        alternatives
            .iter_mut()
            .for_each(|one| *one = &one[before..]);
        let after = common(alternatives.iter().map(|one| one.iter().rev()));
        let (_, suffix) = alternatives[0].split_at(alternatives[0].len() - after);
        for one in &mut alternatives {
            *one = &one[..one.len() - after];
        }
        let mut sequence = prefix.to_vec();
        let mut choices = match level {
            LEVELS => alternatives.into_iter().map(Box::from).collect(),
            _ => self.branches(alternatives, level),
        };
        match choices.len() {
            1 => sequence.extend(choices.remove(0)),
            _ => sequence.push(self.add(Node::Choice(choices.into()))),
        }
        sequence.extend(suffix);
        sequence
    }

    /// The alternatives by what they begin with, and what goes on alike put together; an empty one comes last.
    fn branches(&mut self, alternatives: Vec<&[Id]>, level: usize) -> Vec<Box<[Id]>> {
        let mut by_first: Grouped<Id, &[Id]> = Grouped::default();
        let mut has_empty = false;
        for alternative in alternatives {
            match alternative.split_first() {
                Some((first, rest)) => by_first.add(*first, rest),
                None => has_empty = true,
            }
        }
        let mut by_rest: Grouped<Vec<Id>, Id> = Grouped::default();
        for (first, rests) in by_first.groups {
            let rest = match rests[..] {
                [only] => only.to_vec(),
                _ => self.choice(rests, level + 1),
            };
            by_rest.add(rest, first);
        }
        let mut branches = Vec::with_capacity(by_rest.groups.len() + 1);
        for (rest, firsts) in by_rest.groups {
            let mut branch = vec![self.any_of(firsts)];
            branch.extend(rest);
            branches.push(branch.into());
        }
        if has_empty {
            branches.push(Box::default());
        }
        branches
    }

    /// One node for several: characters and classes are one class.
    fn any_of(&mut self, nodes: Vec<Id>) -> Id {
        if let [only] = nodes[..] {
            return only;
        }
        let mut members = Vec::new();
        let mut others: Vec<Box<[Id]>> = Vec::new();
        for id in nodes {
            match &self.all[id as usize].0 {
                Node::Character(char) => members.push((*char, *char)),
                Node::Class(ranges) => members.extend(ranges),
                _ => others.push([id].into()),
            }
        }
        if !members.is_empty() {
            let class = self.add(Node::Class(ranges_of(&class_of(&members))));
            if others.is_empty() {
                return class;
            }
            others.push([class].into());
        }
        self.add(Node::Choice(others.into()))
    }

    fn written(&self, sequence: &[Id]) -> Hir {
        Hir::concat(sequence.iter().map(|id| self.part(*id)).collect())
    }

    fn part(&self, id: Id) -> Hir {
        match &self.all[id as usize].0 {
            Node::Character(char) => Hir::literal(char.encode_utf8(&mut [0; 4]).as_bytes()),
            Node::Class(ranges) => Hir::class(Class::Unicode(class_of(ranges))),
            Node::Look(number) => Look::from_repr(*number).map_or_else(Hir::fail, Hir::look),
            Node::Repeated(min, max, inner) => Hir::repetition(Repetition {
                min: *min,
                max: *max,
                greedy: true,
                sub: Box::new(self.written(inner)),
            }),
            Node::Choice(choices) => {
                Hir::alternation(choices.iter().map(|one| self.written(one)).collect())
            }
        }
    }
}

fn class_of(ranges: &[(char, char)]) -> ClassUnicode {
    let range = |(start, end): &(char, char)| ClassUnicodeRange::new(*start, *end);
    ClassUnicode::new(ranges.iter().map(range))
}

fn ranges_of(class: &ClassUnicode) -> Box<[(char, char)]> {
    let ranges = class.iter().map(|range| (range.start(), range.end()));
    ranges.collect()
}

/// How many items all of the sequences begin with alike.
fn common<'a>(mut sequences: impl Iterator<Item = impl Iterator<Item = &'a Id> + Clone>) -> usize {
    let Some(first) = sequences.next() else {
        return 0;
    };
    let alike = |common: usize, one| {
        let pairs = first.clone().take(common).zip(one);
        pairs.take_while(|(ours, theirs)| ours == theirs).count()
    };
    let length = first.clone().count();
    sequences.fold(length, alike)
}

/// Items by their key, in the order in which the keys were first seen.
struct Grouped<K, V> {
    places: HashMap<K, usize>,
    groups: Vec<(K, Vec<V>)>,
}

impl<K, V> Default for Grouped<K, V> {
    fn default() -> Self {
        Grouped {
            places: HashMap::new(),
            groups: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Grouped<K, V> {
    fn add(&mut self, key: K, value: V) {
        match self.places.entry(key) {
            Entry::Occupied(place) => self.groups[*place.get()].1.push(value),
            Entry::Vacant(place) => {
                self.groups.push((place.key().clone(), vec![value]));
                place.insert(self.groups.len() - 1);
            }
        }
    }
}
