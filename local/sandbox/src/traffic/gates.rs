//! Gates: hold a request at a known point while a test does something else.

use std::sync::Arc;

use tokio::sync::watch;

use super::point::{Class, When};

/// The next request that matches is held.
#[derive(Clone, Debug)]
pub struct GateSpec {
    /// The group of endpoints.
    pub class: Class,
    /// Only a request of this account, by key.
    pub account: Option<String>,
    /// Before the request is processed, or after, when only the response is pending.
    pub when: When,
}

/// Holds one request. A held request is completed even if its client disconnects. Dropping the gate opens it.
#[derive(Debug)]
pub struct Gate(pub(crate) Arc<GateState>);

impl Gate {
    /// Waits until a request is held; returns at once if one already was.
    pub async fn arrived(&self) {
        self.0.wait_for_arrival().await;
    }

    /// Lets the held request and all later ones through.
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
pub(crate) struct GateState {
    spec: GateSpec,
    stage: watch::Sender<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    Waiting,
    Arrived,
    Released,
}

impl GateState {
    pub(crate) fn new(spec: GateSpec) -> Arc<Self> {
        Arc::new(Self { spec, stage: watch::Sender::new(Stage::Waiting) })
    }

    /// Claims the gate for a request if it matches and is the first to do so.
    pub(crate) fn claim(&self, class: Class, account: Option<&str>, when: When) -> bool {
        let matches = self.spec.class == class
            && self.spec.when == when
            && self.spec.account.as_deref().is_none_or(|wanted| account == Some(wanted));
        matches
            && self.stage.send_if_modified(|stage| {
                let free = *stage == Stage::Waiting;
                if free {
                    *stage = Stage::Arrived;
                }
                free
            })
    }

    pub(crate) async fn wait_for_arrival(&self) {
        self.wait_for(Stage::Arrived).await;
    }

    pub(crate) async fn wait_for_release(&self) {
        self.wait_for(Stage::Released).await;
    }

    pub(crate) fn release(&self) {
        self.stage.send_replace(Stage::Released);
    }

    async fn wait_for(&self, wanted: Stage) {
        // The sender lives in `self`, so the channel cannot close.
        let _ = self.stage.subscribe().wait_for(|stage| *stage >= wanted).await;
    }
}
