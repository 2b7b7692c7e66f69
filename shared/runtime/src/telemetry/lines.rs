//! Log lines written while a request runs: one JSON object per event, with the request in `span`.
//!
//! The request comes from [`base::counters::scope`] rather than from a tracing span: formatting a span would cost
//! every request about as much as parsing its event, and most requests log nothing but the completion line.

use std::fmt::Debug;
use std::io::Write as _;

use base::counters::with_identity;
use serde::ser::{SerializeMap, Serializer as _};
use serde_json::Serializer;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// A layer that writes events to standard output.
pub(super) struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Ok(mut line) = render(event) else { return };
        line.push(b'\n');
        // If standard output is closed, there is nowhere to report it.
        let _ = std::io::stdout().lock().write_all(&line);
    }
}

fn render(event: &Event<'_>) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(512);
    let mut serializer = Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", &OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default())?;
    map.serialize_entry("level", event.metadata().level().as_str())?;
    let mut fields = Fields { map: &mut map, outcome: Ok(()) };
    event.record(&mut fields);
    fields.outcome?;
    with_identity(|identity| map.serialize_entry("span", identity)).transpose()?;
    map.end()?;
    Ok(line)
}

/// Serializes an event's fields into a map.
struct Fields<'a, M: SerializeMap> {
    map: &'a mut M,
    outcome: Result<(), M::Error>,
}

impl<M: SerializeMap> Fields<'_, M> {
    fn put(&mut self, field: &Field, value: &(impl serde::Serialize + ?Sized)) {
        if self.outcome.is_ok() {
            self.outcome = self.map.serialize_entry(field.name(), value);
        }
    }
}

impl<M: SerializeMap> Visit for Fields<'_, M> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, &format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use base::counters::{Identity, RequestMetrics, scope};
    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Collects lines instead of writing them.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Value>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let line = serde_json::from_slice(&render(event).unwrap()).unwrap();
            self.0.lock().unwrap().push(line);
        }
    }

    #[tokio::test]
    async fn a_line_has_its_fields_and_its_request() {
        let kept = Kept::default();
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(kept.clone()));
        tracing::warn!(cause = %"no \"route\"", after_ms = 12, retried = true, host = Some("x"), "slow");
        let identity =
            Identity { request: "r-1".to_owned(), route: "GET /x".to_owned(), ..Identity::default() };
        let work = async { tracing::info!("done") };
        scope(Arc::new(RequestMetrics::new(identity)), work).await;
        let mut lines = kept.0.lock().unwrap().clone();
        for line in &mut lines {
            let timestamp = line["timestamp"].take();
            assert!(OffsetDateTime::parse(timestamp.as_str().unwrap(), &Rfc3339).is_ok(), "{timestamp}");
        }
        let span =
            json!({ "request_id": "r-1", "gateway_request_id": "", "function": "", "route": "GET /x" });
        let slow = json!({ "timestamp": null, "level": "WARN", "message": "slow", "cause": "no \"route\"",
            "after_ms": 12, "retried": true, "host": "x" });
        assert_eq!(
            lines,
            [slow, json!({ "timestamp": null, "level": "INFO", "message": "done", "span": span })]
        );
    }
}
