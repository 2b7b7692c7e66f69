//! Merges a line: the unchanged start and end keep their nodes, with colours, comments and everything else that
//! Markdown cannot express.

use serde_json::{Value, json};

use super::node::inlines;
use crate::links::linked;
use crate::model::{Inline, Marks, Text};
use crate::node::Node;
use crate::read_inline::kind;
use crate::write;

/// Returns the nodes of a line after an edit to this content.
pub(super) fn merge(nodes: &[Value], new: &[Inline]) -> Vec<Value> {
    let old = Old::read(nodes);
    let new = atoms(new);
    let same = |(old, new): &(&Atom, &Atom)| old == new;
    let start = old.atoms.iter().zip(&new).take_while(same).count();
    let start = old.whole_before(start);
    let most = (old.atoms.len() - start).min(new.len() - start);
    let end = old.atoms.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    let end = old.atoms.len() - old.whole_after(old.atoms.len() - end);
    let middle = new.get(start..new.len() - end).unwrap_or_default();
    let mut out = old.nodes_before(start);
    let mut unused: Vec<&Value> = old.leaves_between(start, old.atoms.len() - end);
    for node in write::line(pieces(middle)) {
        // A node that moved, or that text was inserted next to, keeps its attributes.
        let like = unused.iter().position(|known| kind(&node) != "text" && inlines(known) == inlines(&node));
        push(like.map_or(node, |at| unused.remove(at).clone()), &mut out);
    }
    for node in old.nodes_after(old.atoms.len() - end) {
        push(node, &mut out);
    }
    out
}

/// Appends a node; adjacent texts with the same marks are joined.
fn push(node: Value, out: &mut Vec<Value>) {
    let marks = |node: &Value| node.get("marks").filter(|marks| **marks != json!([])).cloned();
    if let Some(last) = out.last_mut()
        && kind(last) == "text"
        && kind(&node) == "text"
        && marks(last) == marks(&node)
    {
        let joined = [&*last, &node].map(|node| node["text"].as_str().unwrap_or_default()).concat();
        last["text"] = joined.into();
        return;
    }
    out.push(node);
}

/// The smallest unit that is compared.
#[derive(Clone, PartialEq)]
enum Atom {
    Letter(char, Marks),
    Break,
    Node(Node),
}

fn atoms(line: &[Inline]) -> Vec<Atom> {
    let mut atoms = Vec::new();
    for inline in line {
        match inline {
            Inline::Text(Text { text, marks }) => {
                atoms.extend(text.chars().map(|letter| Atom::Letter(letter, marks.clone())));
            }
            Inline::Break => atoms.push(Atom::Break),
            Inline::Node(node) => atoms.push(Atom::Node(node.clone())),
            // `normalize` leaves no images in a line.
            Inline::Image(_) => {}
        }
    }
    atoms
}

fn pieces(atoms: &[Atom]) -> Vec<Inline> {
    let mut pieces: Vec<Inline> = Vec::new();
    for atom in atoms {
        match (pieces.last_mut(), atom) {
            (Some(Inline::Text(text)), Atom::Letter(letter, marks)) if text.marks == *marks => {
                text.text.push(*letter);
            }
            (_, Atom::Letter(letter, marks)) => pieces.push(Inline::marked(*letter, marks.clone())),
            (_, Atom::Break) => pieces.push(Inline::Break),
            (_, Atom::Node(node)) => pieces.push(Inline::Node(node.clone())),
        }
    }
    pieces
}

/// The content of a stored line, and where each part comes from.
struct Old<'a> {
    nodes: &'a [Value],
    atoms: Vec<Atom>,
    /// The node of each atom, and its offset in that node's text.
    places: Vec<(usize, usize)>,
}

impl<'a> Old<'a> {
    fn read(nodes: &'a [Value]) -> Self {
        let mut raw = Vec::new();
        let mut raw_places = Vec::new();
        let mut pieces = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let read = inlines(node);
            let mut at = 0;
            for atom in atoms(&read) {
                raw_places.push((number, at));
                at += match &atom {
                    Atom::Letter(letter, _) => letter.len_utf8(),
                    // A line end within a text takes one byte.
                    Atom::Break | Atom::Node(_) => 1,
                };
                raw.push(atom);
            }
            pieces.extend(read);
        }
        // `linked` drops whitespace and characters that cannot be stored, but adds nothing.
        let atoms = atoms(&linked(pieces));
        let mut places = Vec::with_capacity(atoms.len());
        let mut from = 0;
        for atom in &atoms {
            let same = |raw: &Atom| match (raw, atom) {
                (Atom::Letter(raw, _), Atom::Letter(letter, _)) => raw == letter,
                (raw, atom) => raw == atom,
            };
            let Some(found) = raw.get(from..).and_then(|raw| raw.iter().position(same)) else { break };
            places.extend(raw_places.get(from + found));
            from += found + 1;
        }
        if places.len() < atoms.len() {
            return Self { nodes, atoms: Vec::new(), places: Vec::new() };
        }
        Self { nodes, atoms, places }
    }

    fn is_text(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| kind(node) == "text")
    }

    /// Whether a position is inside a node that cannot be split.
    fn is_within(&self, atom: usize) -> bool {
        let node = |atom: usize| self.places.get(atom).map(|(node, _)| *node);
        match (atom.checked_sub(1).and_then(node), node(atom)) {
            (Some(before), Some(behind)) => before == behind && !self.is_text(before),
            _ => false,
        }
    }

    fn whole_before(&self, mut atom: usize) -> usize {
        while self.is_within(atom) {
            atom -= 1;
        }
        atom
    }

    fn whole_after(&self, mut atom: usize) -> usize {
        while self.is_within(atom) {
            atom += 1;
        }
        atom
    }

    /// Returns the nodes before an atom.
    fn nodes_before(&self, atom: usize) -> Vec<Value> {
        let (node, at) = match atom.checked_sub(1).and_then(|last| self.places.get(last)) {
            Some((node, at)) => (*node, at + self.length(atom - 1)),
            None => return Vec::new(),
        };
        let mut nodes = self.nodes.get(..node).unwrap_or_default().to_vec();
        nodes.extend(self.part(node, 0, at));
        nodes
    }

    fn nodes_after(&self, atom: usize) -> Vec<Value> {
        let Some((node, at)) = self.places.get(atom) else { return Vec::new() };
        let mut nodes: Vec<Value> = self.part(*node, *at, usize::MAX).into_iter().collect();
        nodes.extend(self.nodes.get(node + 1..).unwrap_or_default().iter().cloned());
        nodes
    }

    fn length(&self, atom: usize) -> usize {
        match self.atoms.get(atom) {
            Some(Atom::Letter(letter, _)) => letter.len_utf8(),
            _ => 1,
        }
    }

    /// Returns a node, or part of its text.
    fn part(&self, node: usize, from: usize, to: usize) -> Option<Value> {
        let whole = self.nodes.get(node)?;
        if !self.is_text(node) {
            return (from == 0).then(|| whole.clone());
        }
        let text = whole["text"].as_str()?;
        let part = text.get(from..to.min(text.len())).filter(|part| !part.is_empty())?;
        let mut node = whole.clone();
        node["text"] = part.into();
        Some(node)
    }

    /// Returns the nodes between two atoms that are not text.
    fn leaves_between(&self, from: usize, to: usize) -> Vec<&'a Value> {
        let mut numbers: Vec<usize> =
            self.places.get(from..to).unwrap_or_default().iter().map(|(node, _)| *node).collect();
        numbers.dedup();
        numbers
            .into_iter()
            .filter(|node| !self.is_text(*node))
            .filter_map(|node| self.nodes.get(node))
            .collect()
    }
}
