//! The pages of `/rest/agile/1.0`: `values` and `isLast`, and a `total` that cannot be relied on.

use axum::Json;
use serde::Deserialize;
use serde_json::{Value, json};

/// Larger page sizes are silently reduced to this.
const MAX_PAGE: usize = 50;

/// The query parameters of every list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    #[serde(default)]
    start_at: usize,
    #[serde(default = "max_page")]
    max_results: usize,
}

fn max_page() -> usize {
    MAX_PAGE
}

/// Returns one page of a list. If the list has a total, only the first page includes it.
pub(super) fn page(paging: &Paging, values: Vec<Value>, with_total: bool) -> Json<Value> {
    let total = values.len();
    let max_results = paging.max_results.clamp(1, MAX_PAGE);
    let values: Vec<_> = values.into_iter().skip(paging.start_at).take(max_results).collect();
    let mut body = json!({
        "maxResults": max_results,
        "startAt": paging.start_at,
        "isLast": paging.start_at + values.len() >= total,
        "values": values,
    });
    if with_total && paging.start_at == 0 {
        body["total"] = total.into();
    }
    Json(body)
}
