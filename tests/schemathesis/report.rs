//! What a run of schemathesis did, from its report of events.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

#[derive(Default)]
pub(crate) struct Report {
    /// The links by which a call was made that used what the response gave.
    pub(crate) followed: BTreeSet<String>,
    /// The operations that responded with a 2xx.
    pub(crate) accepted: BTreeSet<String>,
}

impl Report {
    /// Adds the events of a run: one JSON object per line.
    pub(crate) fn add(&mut self, events: &str) -> Result<()> {
        for line in events.lines() {
            let event: Value = serde_json::from_str(line)?;
            let recorder = &event["ScenarioFinished"]["recorder"];
            for (id, case) in recorder["cases"].as_object().into_iter().flatten() {
                if case["is_transition_applied"] == true {
                    self.followed.insert(text(&case["transition"]["id"])?);
                }
                let status = recorder["interactions"][id]["response"]["status_code"].as_u64();
                if status.is_some_and(|status| (200..300).contains(&status)) {
                    let (method, path) = (&case["value"]["method"], &case["value"]["path"]);
                    self.accepted.insert(format!("{} {}", text(method)?, text(path)?));
                }
            }
        }
        Ok(())
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is no text"))
}
