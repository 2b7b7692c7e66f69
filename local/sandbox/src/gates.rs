//! Gates: hold a request at a known point until a test has done what it wants to do meanwhile.

use std::sync::Arc;

use tokio::sync::watch;

use super::traffic::{Class, When};

/// Which request to hold: the next one that fits.
#[derive(Clone, Debug)]
pub struct GateSpec {
    /// The endpoints that are concerned.
    pub class: Class,
    /// Only a request of this account (its key).
    pub account: Option<String>,
    /// Before the work, or when it is done and only the answer is missing.
    pub when: When,
}

/// Holds one request. Once held, the request is carried out to its end even if its client goes away. Dropping
/// the gate opens it.
#[derive(Debug)]
pub struct Gate(pub(super) Arc<Cell>);

impl Gate {
    /// Waits until a request stands at the gate; at once if one stood there before.
    pub async fn arrived(&self) {
        self.0.wait_for_arrival().await;
    }

    /// Lets the request pass, and any later one.
    pub fn release(&self) {
        self.0.release();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.release();
    }
}

#[derive(Debug)]
pub(super) struct Cell {
    spec: GateSpec,
    stage: watch::Sender<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    Waiting,
    Arrived,
    Released,
}

impl Cell {
    pub(super) fn new(spec: GateSpec) -> Arc<Self> {
        Arc::new(Self { spec, stage: watch::Sender::new(Stage::Waiting) })
    }

    /// Claims the gate for a request, if it fits and none came before it.
    pub(super) fn claim(&self, class: Class, account: Option<&str>, when: When) -> bool {
        let fits = self.spec.class == class
            && self.spec.when == when
            && self.spec.account.as_deref().is_none_or(|wanted| account == Some(wanted));
        fits && self.stage.send_if_modified(|stage| {
            let free = *stage == Stage::Waiting;
            if free {
                *stage = Stage::Arrived;
            }
            free
        })
    }

    pub(super) async fn wait_for_arrival(&self) {
        self.reach(Stage::Arrived).await;
    }

    pub(super) async fn wait_for_release(&self) {
        self.reach(Stage::Released).await;
    }

    pub(super) fn release(&self) {
        self.stage.send_replace(Stage::Released);
    }

    async fn reach(&self, wanted: Stage) {
        // The sender lives in `self`, so the channel can't close meanwhile.
        let _ = self.stage.subscribe().wait_for(|stage| *stage >= wanted).await;
    }
}
