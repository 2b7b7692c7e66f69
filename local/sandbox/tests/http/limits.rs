use reqwest::Response;
use sandbox::RateLimits;
use serde_json::{Value, json};

use crate::support::{App, HARBOUR, LIGHTHOUSE, READ_WRITE, Tokens};

async fn send(app: &App, tokens: &Tokens, method: &str, site: &str, path: &str, body: Value) -> Response {
    let url = app.url(&format!("/ex/jira/{site}/rest/api/3/{path}"));
    let request = app.http.request(method.parse().unwrap(), url).bearer_auth(&tokens.access);
    let request = if body.is_null() { request } else { request.json(&body) };
    request.send().await.unwrap()
}

async fn get(app: &App, tokens: &Tokens, site: &str, path: &str) -> Response {
    send(app, tokens, "GET", site, path, Value::Null).await
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn refused(response: &Response) -> (u16, &str) {
    (response.status().as_u16(), header(response, "ratelimit-reason"))
}

async fn limited(limits: RateLimits) -> (App, Tokens) {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour", "lighthouse"], READ_WRITE).await;
    app.handle().set_rate_limits(limits);
    (app, tokens)
}

#[tokio::test]
async fn a_call_costs_one_point_and_one_for_each_object_that_it_reads() {
    let (app, tokens) = limited(RateLimits { app_points: Some(1000), ..RateLimits::default() }).await;
    let spent = || app.handle().points().values().sum::<u64>();
    let summary = json!({ "fields": { "summary": "Paid for" } });
    let search = json!({ "jql": "project = SHIP", "fields": ["summary"], "maxResults": 3 });
    let fetch = json!({ "issueIdsOrKeys": ["SHIP-1", "SHIP-2"], "fields": ["summary"] });
    for (method, path, body, points) in [
        ("GET", "issue/SHIP-1", Value::Null, 2),
        ("GET", "issue/SHIP-404", Value::Null, 1),
        ("PUT", "issue/SHIP-1", summary, 1),
        ("GET", "project/search", Value::Null, 4),
        ("GET", "myself", Value::Null, 3),
        ("POST", "search/jql", search, 4),
        ("POST", "issue/bulkfetch", fetch, 3),
        ("GET", "issue/SHIP-1/transitions", Value::Null, 1),
    ] {
        let before = spent();
        send(&app, &tokens, method, HARBOUR, path, body).await;
        assert_eq!(spent() - before, points, "{method} {path}");
    }
    app.get(&format!("/ex/jira/{HARBOUR}/rest/api/3/issue/SHIP-1"), "not a token").await;
    assert_eq!(spent(), 19, "a request without a valid token costs nothing");
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn the_apps_quota_is_shared_by_all_sites_until_the_window_ends() {
    let (app, tokens) = limited(RateLimits { app_points: Some(10), ..RateLimits::default() }).await;
    for left in ["", "", "", "", ";r=0"] {
        let response = get(&app, &tokens, HARBOUR, "issue/SHIP-1").await;
        assert_eq!(header(&response, "ratelimit-policy"), "\"global-app-quota\";q=10;w=3600");
        let level = header(&response, "ratelimit");
        assert!(level.starts_with(&format!("\"global-app-quota\"{left};t=3")), "{level}");
        assert_eq!(header(&response, "x-ratelimit-nearlimit") == "true", !left.is_empty());
    }
    for site in [HARBOUR, LIGHTHOUSE] {
        let response = get(&app, &tokens, site, "project/search").await;
        assert_eq!(refused(&response), (429, "jira-quota-global-based"));
        let wait: u64 = header(&response, "retry-after").parse().unwrap();
        assert!((3500..=3600).contains(&wait), "{wait}");
    }
    assert_eq!(app.handle().points()[HARBOUR], 10, "a refused request costs nothing");
    app.handle().reset_quotas();
    assert_eq!(get(&app, &tokens, HARBOUR, "issue/SHIP-1").await.status(), 200);
    app.handle().set_rate_limits(RateLimits::default());
    let response = get(&app, &tokens, HARBOUR, "issue/SHIP-1").await;
    assert_eq!(header(&response, "ratelimit"), "", "off");
}

#[tokio::test]
async fn a_quota_of_its_own_limits_only_that_site() {
    let (app, tokens) = limited(RateLimits { site_points: Some(2), ..RateLimits::default() }).await;
    get(&app, &tokens, HARBOUR, "issue/SHIP-1").await;
    let response = get(&app, &tokens, HARBOUR, "issue/SHIP-1").await;
    assert_eq!(refused(&response), (429, "jira-quota-tenant-based"));
    assert_eq!(header(&response, "ratelimit").split(';').nth(1), Some("r=0"));
    assert_eq!(get(&app, &tokens, LIGHTHOUSE, "project/LH001").await.status(), 200);
}

#[tokio::test]
async fn a_quota_that_is_not_enforced_is_announced_with_jiras_mistakes() {
    let limits = RateLimits { app_points: Some(2), enforced: false, ..RateLimits::default() };
    let (app, tokens) = limited(limits).await;
    for _ in 0..3 {
        let response = get(&app, &tokens, HARBOUR, "issue/SHIP-1").await;
        assert_eq!(response.status(), 200);
        let level = header(&response, "beta-ratelimit");
        assert!(level.starts_with("\"global-app-quota\";r=0;t=4"), "{level}");
        assert_eq!(header(&response, "beta-ratelimit-policy"), "");
        assert_eq!(header(&response, "x-beta-ratelimit-reason"), "jira-quota-global-based");
        assert_eq!(header(&response, "ratelimit"), "");
    }
}

#[tokio::test]
async fn twenty_writes_to_an_issue_in_two_seconds_are_the_most() {
    let (app, tokens) = limited(RateLimits { issue_writes: true, ..RateLimits::default() }).await;
    // The clock of the sandbox counts, and a write takes some milliseconds.
    let edit = json!({ "fields": { "summary": "Again" } });
    let mut statuses = Vec::new();
    for _ in 0..25 {
        let response = send(&app, &tokens, "PUT", HARBOUR, "issue/SHIP-1", edit.clone()).await;
        statuses.push(response.status().as_u16());
        if response.status() == 429 {
            assert_eq!(refused(&response), (429, "jira-per-issue-on-write"));
            break;
        }
    }
    assert_eq!(statuses.len(), 21, "{statuses:?}");
    for (method, path, body) in [("PUT", "issue/SHIP-2", edit.clone()), ("GET", "issue/SHIP-1", Value::Null)]
    {
        let response = send(&app, &tokens, method, HARBOUR, path, body).await;
        assert!(response.status().is_success(), "{method} {path}");
    }
    app.handle().advance_clock(std::time::Duration::from_secs(2));
    assert!(send(&app, &tokens, "PUT", HARBOUR, "issue/SHIP-1", edit).await.status().is_success());
}

#[tokio::test]
async fn a_burst_limits_one_endpoint_of_one_site() {
    let (app, tokens) = limited(RateLimits { burst_percent: Some(1), ..RateLimits::default() }).await;
    let first = get(&app, &tokens, HARBOUR, "project/search").await;
    assert_eq!((header(&first, "x-ratelimit-limit"), header(&first, "x-ratelimit-remaining")), ("100", "0"));
    let second = get(&app, &tokens, HARBOUR, "project/search").await;
    assert_eq!(refused(&second), (429, "jira-burst-based"));
    assert_eq!(header(&second, "retry-after"), "1");
    for (site, path) in [(HARBOUR, "issue/SHIP-1"), (LIGHTHOUSE, "project/search")] {
        assert_eq!(get(&app, &tokens, site, path).await.status(), 200, "{path}");
    }
    app.handle().advance_clock(std::time::Duration::from_secs(1));
    assert_eq!(get(&app, &tokens, HARBOUR, "project/search").await.status(), 200);
}
