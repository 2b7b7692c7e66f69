//! The instances of one function: one per concurrent request, reused, and stopped when idle.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use axum::body::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::instance::{Failure, Instance};
use super::options::{InstanceInfo, Options};
use super::template::Function;

/// What the pools of a gateway share.
pub(super) struct Shared {
    pub(super) options: Options,
    /// How many processes are running.
    pub(super) live: watch::Sender<usize>,
    /// True once the gateway shuts down.
    pub(super) closed: watch::Sender<bool>,
}

pub(super) struct Pool {
    pub(super) function: Function,
    shared: Arc<Shared>,
    slots: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often the executable was replaced; instances of an earlier generation are not reused.
    generation: u64,
    /// The most recently used last.
    idle: Vec<(Instance, Instant)>,
    busy: BTreeSet<u32>,
}

impl Pool {
    pub(super) fn new(function: Function, shared: Arc<Shared>) -> Self {
        let slots = Semaphore::new(shared.options.max_instances);
        Self { function, shared, slots, state: Mutex::default() }
    }

    /// Invokes the function on an idle instance, on a new one, or on the next that becomes free.
    pub(super) async fn invoke(
        &self,
        request_id: &str,
        trace_id: &str,
        payload: Bytes,
    ) -> Result<Bytes, Failure> {
        let mut closed = self.shared.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(Failure::Crashed),
            result = self.run(request_id, trace_id, payload) => result,
        }
    }

    async fn run(&self, request_id: &str, trace_id: &str, mut payload: Bytes) -> Result<Bytes, Failure> {
        let Ok(_slot) = timeout(self.function.timeout, self.slots.acquire()).await else {
            return Err(Failure::Busy);
        };
        loop {
            let (warm, generation) = self.take();
            let is_warm = warm.is_some();
            let mut instance = match warm {
                Some(instance) => instance,
                None => Instance::start(&self.function, &self.shared.options, &self.shared.live)
                    .await
                    .map_err(Failure::NotStarted)?,
            };
            let busy = Busy::new(self, instance.pid);
            match instance.invoke(&self.function, request_id, trace_id, payload).await {
                // The instance died while idle: retry on another one, so that the caller does not notice.
                Err(Failure::Untouched(untouched)) if is_warm => payload = untouched,
                result @ (Ok(_) | Err(Failure::Reported(_))) => {
                    drop(busy);
                    self.put_back(instance, generation);
                    return result;
                }
                result => return result,
            }
        }
    }

    /// Stops the idle instances now and the busy ones after their request, so that the next request starts the
    /// current executable.
    pub(super) async fn replace(&self) {
        let idle = {
            let mut state = self.state();
            state.generation += 1;
            std::mem::take(&mut state.idle)
        };
        for (mut instance, _) in idle {
            instance.stop().await;
        }
    }

    /// Stops instances that have exceeded the idle timeout, and drops dead ones.
    pub(super) fn reap(&self) {
        let limit = self.shared.options.idle_timeout;
        self.state().idle.retain(|(instance, since)| instance.is_alive() && since.elapsed() < limit);
    }

    /// Stops the idle instances.
    pub(super) fn close(&self) {
        self.state().idle.clear();
    }

    pub(super) fn instances(&self) -> Vec<InstanceInfo> {
        let info = |pid: u32, busy: bool| InstanceInfo { pid, function: self.function.name.clone(), busy };
        let state = self.state();
        let idle = state.idle.iter().filter(|(instance, _)| instance.is_alive());
        idle.map(|(instance, _)| info(instance.pid, false))
            .chain(state.busy.iter().map(|pid| info(*pid, true)))
            .collect()
    }

    fn take(&self) -> (Option<Instance>, u64) {
        let mut state = self.state();
        while let Some((instance, _)) = state.idle.pop() {
            if instance.is_alive() {
                return (Some(instance), state.generation);
            }
        }
        (None, state.generation)
    }

    fn put_back(&self, instance: Instance, generation: u64) {
        let mut state = self.state();
        if state.generation == generation && !*self.shared.closed.borrow() {
            state.idle.push((instance, Instant::now()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lists an instance as busy until dropped.
struct Busy<'a> {
    pool: &'a Pool,
    pid: u32,
}

impl<'a> Busy<'a> {
    fn new(pool: &'a Pool, pid: u32) -> Self {
        pool.state().busy.insert(pid);
        Self { pool, pid }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.pool.state().busy.remove(&self.pid);
    }
}
