//! Merges lists, pairing their items as blocks are paired.

use std::hash::Hash;
use std::ops::Range;

use serde_json::{Value, json};

use super::kept::{likeness, matches, pairs};
use super::node::{inlines, set_attr, with_content};
use super::shape::shown;
use super::units::Unit;
use super::{Merger, line};
use crate::links::linked;
use crate::model::{Block, Inline, Item, List};
use crate::normalize::Place;
use crate::read_inline::{content, kind};
use crate::write::Writer;

impl Merger {
    /// Merges the new items into a list; `None` if the node is not a list that can be read item by item.
    pub(super) fn list(&mut self, node: &Value, unit: &Unit, new: &List) -> Option<Value> {
        let [Block::List(old)] = unit.blocks.as_slice() else { return None };
        let groups = groups(content(node))?;
        if groups.len() != old.items.len() {
            return None;
        }
        let partners = partners(&old.items, &new.items, |item| shown(&item.blocks));
        let mut children = Vec::new();
        for (item, partner) in new.items.iter().zip(partners) {
            match partner.and_then(|at| Some((groups.get(at)?, old.items.get(at)?))) {
                Some((group, old)) if old == item => children.extend(group.iter().cloned()),
                Some((group, _)) => children.extend(self.item(group, item)),
                None => children.extend(self.writer.items(vec![item.clone()])),
            }
        }
        let mut merged = with_content(node, children);
        if let Some(start) = new.start.filter(|start| old.start != Some(*start)) {
            set_attr(&mut merged, "order", start.into());
        }
        Some(merged)
    }

    fn item(&mut self, group: &[Value], item: &Item) -> Vec<Value> {
        let Some((node, below)) = group.split_first() else { return self.writer.items(vec![item.clone()]) };
        let Some(done) = item.task else {
            let children = self.blocks(content(node), &item.blocks, Place::Item);
            return vec![with_content(node, children)];
        };
        let (text, rest) = match item.blocks.split_first() {
            Some((Block::Paragraph(text), rest)) => (text.as_slice(), rest),
            _ => ([].as_slice(), item.blocks.as_slice()),
        };
        let mut task = with_content(node, line::merge(content(node), text));
        set_attr(&mut task, "state", if done { "DONE" } else { "TODO" }.into());
        let mut nodes = vec![task];
        nodes.extend(self.blocks(below, rest, Place::Item));
        nodes
    }

    /// Merges new decisions into a decision list.
    pub(super) fn decisions(&mut self, node: &Value, new: &[Vec<Inline>]) -> Option<Value> {
        let old = content(node);
        if old.iter().any(|child| kind(child) != "decisionItem") {
            return None;
        }
        let read = |node: &Value| linked(content(node).iter().flat_map(inlines));
        let lines: Vec<Vec<Inline>> = old.iter().map(read).collect();
        let children = new
            .iter()
            .zip(partners(&lines, new, |line| shown(&[Block::Paragraph(line.clone())])))
            .map(|(new, partner)| match partner.and_then(|at| old.get(at)) {
                Some(node) => with_content(node, line::merge(content(node), new)),
                None => self.writer.decision(new.clone()),
            });
        let children: Vec<Value> = children.collect();
        Some(with_content(node, children))
    }
}

/// Groups the children of a list by item: the lists below a task follow it. `None` for other kinds of children.
fn groups(children: &[Value]) -> Option<Vec<&[Value]>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, child) in children.iter().enumerate() {
        match (kind(child), groups.last_mut()) {
            ("listItem" | "taskItem", _) => groups.push(at..at + 1),
            ("taskList", Some(group)) => group.end = at + 1,
            _ => return None,
        }
    }
    groups.into_iter().map(|group| children.get(group)).collect()
}

/// Finds the old item for each new one: an equal one, or else the most similar one between the same two equal ones.
pub(super) fn partners<T: Eq + Hash>(
    old: &[T],
    new: &[T],
    shown: impl Fn(&T) -> String,
) -> Vec<Option<usize>> {
    let same = matches(&old.iter().collect::<Vec<_>>(), &new.iter().collect::<Vec<_>>());
    let mut partners = vec![None; new.len()];
    let (mut old_from, mut new_from) = (0, 0);
    let ends = (0..old.len()).filter_map(|at| Some((at, same.of(at)?))).chain([(old.len(), new.len())]);
    for (old_end, new_end) in ends {
        let texts =
            |items: Option<&[T]>| -> Vec<String> { items.unwrap_or_default().iter().map(&shown).collect() };
        let (old_texts, new_texts) = (texts(old.get(old_from..old_end)), texts(new.get(new_from..new_end)));
        let between = pairs(&old_texts, &new_texts, |old, new| likeness(old, new));
        for (at, partner) in between.into_iter().enumerate() {
            partners[new_from + at] = partner.map(|partner| old_from + partner);
        }
        if let Some(partner) = partners.get_mut(new_end) {
            *partner = Some(old_end);
        }
        (old_from, new_from) = (old_end + 1, new_end + 1);
    }
    partners
}

impl Writer {
    /// Returns the nodes of list items.
    pub(super) fn items(&mut self, items: Vec<Item>) -> Vec<Value> {
        let list = self.block(Block::List(List { start: None, items }));
        content(&list).to_vec()
    }

    pub(super) fn decision(&mut self, line: Vec<Inline>) -> Value {
        let list = self.block(Block::Decisions(vec![line]));
        content(&list).first().cloned().unwrap_or_else(|| json!({}))
    }
}
