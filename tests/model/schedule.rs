//! The workers' operations, determined by the seed.

use fastrand::Rng;

use super::issues::{Kind, STATUSES};

/// Two sites that differ in their number of projects.
pub(crate) const SITES: [&str; 2] = ["harbour", "meadow"];

/// A step of a worker. Which of several pending codes it uses depends on the interleaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A person returns from the consent page but does not choose a site yet.
    Consent { account: usize },
    /// A person chooses a site, once or with a double click.
    Finalize { account: usize, site: usize, twice: bool },
    /// `select-project`.
    Select { project: u32 },
    /// `DELETE connection`.
    Disconnect,
    /// `get-access-token`.
    Token,
    /// `get-projects`.
    Projects,
    /// `check-connection-validity`.
    Validity,
    /// `get-connection-credentials`.
    Credentials,
    /// `get-selected-project`.
    Selected,
    /// Evicts the cached access token.
    Evict,
    /// Atlassian expires an account's access tokens early.
    Expire { account: usize },
    /// A person revokes the grant at Atlassian.
    Revoke { account: usize },
    /// `add-comment`, `add-worklog`, `create-ticket` or `add-attachment` with a new `Idempotency-Key`, once or twice at the same time.
    Create { kind: Kind, twice: bool },
    /// The same again with an earlier `Idempotency-Key`.
    Repeat { which: usize },
    /// `transition-issue`.
    Move { status: usize },
    /// `get-comments` and `get-worklogs`.
    Look,
}

/// The number of accounts that take turns connecting an external id.
pub(crate) const ACCOUNTS: usize = 2;

/// The endless steps of one worker, each with the number of its external id. Those that concern the worker's issue have
/// the number after the last one.
pub(crate) struct Schedule {
    random: Rng,
    external_ids: usize,
}

impl Schedule {
    pub(crate) fn new(seed: u64, worker: usize, external_ids: usize) -> Self {
        // Similar seeds produce similar sequences; the multiplier spreads them.
        let own = (worker as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { random: Rng::with_seed(seed.rotate_left(32) ^ own), external_ids }
    }

    fn on_issue(&mut self) -> Operation {
        let kind = match self.random.u32(..100) {
            0..22 => Kind::Comment,
            22..38 => Kind::Worklog,
            38..46 => Kind::Ticket,
            46..54 => Kind::File,
            54..76 => return Operation::Move { status: self.random.usize(..STATUSES.len()) },
            76..87 => return Operation::Repeat { which: self.random.usize(..) },
            87..93 => return Operation::Look,
            93..96 => return Operation::Evict,
            _ => return Operation::Expire { account: 0 },
        };
        Operation::Create { kind, twice: self.random.u32(..4) == 0 }
    }
}

impl Iterator for Schedule {
    type Item = (usize, Operation);

    fn next(&mut self) -> Option<Self::Item> {
        let external_id = self.random.usize(..self.external_ids);
        let account = self.random.usize(..ACCOUNTS);
        let operation = match self.random.u32(..128) {
            0..28 => Operation::Token,
            28..38 => Operation::Projects,
            38..46 => Operation::Validity,
            46..50 => Operation::Credentials,
            50..58 => Operation::Selected,
            58..66 => Operation::Select { project: 10_000 + self.random.u32(..1_000) },
            66..72 => Operation::Consent { account },
            72..81 => Operation::Finalize {
                account,
                site: self.random.usize(..SITES.len()),
                twice: self.random.u32(..4) == 0,
            },
            81..87 => Operation::Evict,
            87..89 => Operation::Disconnect,
            89..96 => Operation::Expire { account },
            96..100 => Operation::Revoke { account },
            _ => return Some((self.external_ids, self.on_issue())),
        };
        Some((external_id, operation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_schedule_and_another_seed_another() {
        let of = |seed, worker| Schedule::new(seed, worker, 3).take(200).collect::<Vec<_>>();
        assert_eq!(of(7, 0), of(7, 0));
        assert_ne!(of(7, 0), of(7, 1));
        assert_ne!(of(7, 0), of(8, 0));
    }
}
