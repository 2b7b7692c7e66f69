//! Matching the elements of two sequences.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::ops::Range;
use std::time::{Duration, Instant};

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// How long to search for the best match; a good one is found in any case.
const PATIENCE: Duration = Duration::from_millis(200);

/// Which elements of two sequences match, in the order of both.
pub(super) struct Matches {
    found: Vec<Option<usize>>,
    new: HashSet<usize>,
}

/// Finds as many matches as possible.
pub(super) fn matches<'a, T: Eq + Hash>(old: &[&'a T], new: &[&'a T]) -> Matches {
    // Comparing numbers is faster than comparing trees.
    let mut known: HashMap<&'a T, usize> = HashMap::new();
    let mut numbers = |elements: &[&'a T]| -> Vec<usize> {
        let number = |element: &&'a T| {
            let next = known.len();
            *known.entry(*element).or_insert(next)
        };
        elements.iter().map(number).collect()
    };
    let (old_numbers, new_numbers) = (numbers(old), numbers(new));
    let deadline = Instant::now() + PATIENCE;
    let mut found = vec![None; old.len()];
    for op in capture_diff_slices_deadline(Algorithm::Myers, &old_numbers, &new_numbers, Some(deadline)) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            for at in 0..len {
                found[old_index + at] = Some(new_index + at);
            }
        }
    }
    let new = found.iter().copied().flatten().collect();
    Matches { found, new }
}

impl Matches {
    /// Returns the new element that an old one matches.
    pub(super) fn of(&self, old: usize) -> Option<usize> {
        self.found.get(old).copied().flatten()
    }

    /// Whether a new element matches an old one.
    pub(super) fn has_new(&self, new: usize) -> bool {
        self.new.contains(&new)
    }

    /// Returns the new range that a whole old range matches without gaps; `None` for an empty one.
    pub(super) fn whole(&self, old: &Range<usize>) -> Option<Range<usize>> {
        let first = self.of(old.start).filter(|_| !old.is_empty())?;
        let is_whole = old.clone().enumerate().all(|(at, old)| self.of(old) == Some(first + at));
        is_whole.then(|| first..first + old.len())
    }
}

/// The maximum number of comparisons in [`pairs`]; beyond that, elements are paired by position.
const COMPARISONS: usize = 10_000;

/// Pairs elements in order, so that they are as similar as possible. Returns the partner of each new element; those
/// that are not similar at all (0) are never paired.
pub(super) fn pairs<T>(old: &[T], new: &[T], likeness: impl Fn(&T, &T) -> u32) -> Vec<Option<usize>> {
    let mut partners = vec![None; new.len()];
    let width = new.len() + 1;
    if old.len().saturating_mul(new.len()) > COMPARISONS {
        for (at, (old, new)) in old.iter().zip(new).enumerate() {
            partners[at] = (likeness(old, new) > 0).then_some(at);
        }
        return partners;
    }
    // The best total likeness of what follows two positions, by dynamic programming.
    let mut best = vec![0_u32; (old.len() + 1) * width];
    let mut alike = vec![0_u32; old.len() * new.len()];
    for (row, old) in old.iter().enumerate().rev() {
        for (column, new_one) in new.iter().enumerate().rev() {
            let likeness = likeness(old, new_one);
            alike[row * new.len() + column] = likeness;
            let paired = if likeness > 0 { likeness + best[(row + 1) * width + column + 1] } else { 0 };
            let skipped = best[(row + 1) * width + column].max(best[row * width + column + 1]);
            best[row * width + column] = paired.max(skipped);
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < old.len() && column < new.len() {
        let likeness = alike[row * new.len() + column];
        let here = best[row * width + column];
        if likeness > 0 && here == likeness + best[(row + 1) * width + column + 1] {
            partners[column] = Some(row);
            (row, column) = (row + 1, column + 1);
        } else if here == best[(row + 1) * width + column] {
            row += 1;
        } else {
            column += 1;
        }
    }
    partners
}

/// Returns how similar two texts are: from 1, with no common start or end, to 101.
pub(super) fn likeness(old: &str, new: &str) -> u32 {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let most = old.len().min(new.len());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end =
        old.iter().rev().zip(new.iter().rev()).take(most - start).take_while(|(old, new)| old == new).count();
    let longest = old.len().max(new.len()).max(1);
    1 + u32::try_from(100 * (start + end) / longest).unwrap_or_default()
}
