//! Jira's hourly quotas and its limits on single issues, and what happens before they are reached.

use std::time::Duration;

use anyhow::{Context, Result};
use juncture_local::upstash;
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::{Fault, RateLimits};
use serde_json::{Value, json};

fn limited(seconds: u64, reason: &str) -> Fault {
    Fault::RateLimited { retry_after: Some(seconds), reason: Some(reason.into()) }
}

/// A person on a site, connected.
async fn person<'a>(stack: &'a TestStack, site: &str) -> Result<Person<'a>> {
    let person = stack.person(&[site])?;
    person.connect(site).await?;
    Ok(person)
}

/// Checks that a call was refused because of a limit, without a request to Jira. Returns the time to wait.
async fn withheld(
    person: &Person<'_>,
    sentence: &str,
    call: impl Future<Output = Result<Answer>>,
) -> Result<u64> {
    let before = person.jira_requests().len();
    let answer = call.await?;
    assert_eq!(person.jira_requests().len(), before, "Jira was asked: {}", answer.body);
    let body = answer.json(429);
    assert_eq!(body["code"], "jira_rate_limited");
    let error = body["error"].as_str().unwrap_or_default();
    assert!(error.contains(sentence) && error.contains("Retry-After"), "{error}");
    Ok(answer.header("retry-after").parse()?)
}

async fn stored(stack: &TestStack) -> Result<Vec<String>> {
    Ok(redis::from_redis_value(stack.redis(&["KEYS", "juncture:jira-quota:*"]).await?)?)
}

#[test]
fn an_exhausted_quota_of_the_app_stops_every_site() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let (one, other) = (person(&stack, "harbour").await?, person(&stack, "lighthouse").await?);
        let key = one.task("10000", "Created in time").await?;
        let fields = json!({ "jira_project_id": "10000", "issue_type_id": "10001", "summary": "Once" });
        let created = one.create_once("before", fields.clone()).await?.json(201);

        stack.atlassian().inject(one.trouble("/issue/", limited(1800, "jira-quota-global-based")).times(1));
        let before = one.jira_requests().len();
        let found = one.details(&key).await?;
        assert_eq!(
            found.refusal(429),
            "Jira is rate limiting requests. Try again after the time in Retry-After."
        );
        assert_eq!(found.header("retry-after"), "1800");
        assert_eq!(one.jira_requests().len() - before, 1, "an exhausted quota is not retried");

        // Jira would answer all of these, if it were asked.
        let shared = "hourly quota of Jira requests, which all customers share, is used up";
        let told = withheld(&other, shared, other.projects()).await?;
        assert!((1790..=1801).contains(&told), "{told}");
        withheld(&one, shared, one.details(&key)).await?;
        withheld(&one, shared, one.edit(&key, json!({ "summary": "Too late" }))).await?;
        withheld(&one, shared, one.create(fields.clone())).await?;
        let refused = one.write(Method::POST, "search-tickets", json!({ "jql": "project = SHIP" }));
        withheld(&one, shared, refused).await?;

        // What needs no call of Jira goes on.
        assert_eq!(one.create_once("before", fields.clone()).await?.json(201), created);
        assert_eq!(other.validity().await?["is_invalid"], false);
        other.access_token().await?.json(200);

        // A create that was not sent can be repeated with its key.
        let unsent = one.create_once("after", fields.clone());
        withheld(&one, shared, unsent).await?;
        let [name] = &stored(&stack).await?[..] else { anyhow::bail!("one key for the app") };
        let left: u64 = redis::from_redis_value(stack.redis(&["TTL", name]).await?)?;
        assert!((1700..=1801).contains(&left), "{left}");
        stack.redis(&["DEL", name]).await?;
        let line = stack.completion(&other.projects().await?).await?;
        assert_eq!((&line["status"], &line["jira_calls_withheld"]), (&json!(200), &Value::Null));
        stack.stop().await
    });
}

#[test]
fn an_exhausted_quota_of_a_site_stops_that_site() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let (one, colleague) = (person(&stack, "harbour").await?, person(&stack, "harbour").await?);
        let other = person(&stack, "lighthouse").await?;
        stack.atlassian().inject(one.trouble("/issue/", limited(900, "jira-quota-tenant-based")).times(1));
        assert_eq!(one.details("SHIP-1").await?.header("retry-after"), "900");

        let sentence = "hourly quota of Jira requests for this site is used up";
        assert!(withheld(&colleague, sentence, colleague.projects()).await? <= 901);
        withheld(&colleague, sentence, colleague.details("SHIP-1")).await?;
        let line = stack.completion(&colleague.projects().await?).await?;
        let counts = ["jira_requests", "redis_requests", "jira_calls_withheld", "jira_quota_exhausted"];
        assert_eq!(counts.map(|name| &line[name]), [&json!(0), &json!(1), &json!(1), &Value::Null]);
        other.projects().await?.json(200);

        // The quotas of other sites and of the app are added to the same key.
        stack.atlassian().inject(other.trouble("/issue/", limited(1800, "jira-quota-tenant-based")).times(1));
        other.details("LH001-1").await?.refusal(429);
        withheld(&other, sentence, other.projects()).await?;
        withheld(&colleague, sentence, colleague.projects()).await?;
        let [name] = &stored(&stack).await?[..] else { anyhow::bail!("one key for the app") };
        let value: String = redis::from_redis_value(stack.redis(&["GET", name]).await?)?;
        let value: Value = serde_json::from_str(&value)?;
        let sites = ["harbour", "lighthouse"].map(|site| stack.site_id(site));
        for site in sites {
            let site = format!("site:{}", site?);
            assert!(value[&site].is_u64(), "{value}");
        }
        let left: u64 = redis::from_redis_value(stack.redis(&["TTL", name]).await?)?;
        assert!((1700..=1801).contains(&left), "until the last of them resets: {left}");
        stack.stop().await
    });
}

#[test]
fn a_quota_that_resets_is_used_again() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        let window = Duration::from_secs(4);
        stack.atlassian().set_rate_limits(RateLimits {
            app_points: Some(0),
            window,
            ..RateLimits::default()
        });
        let begun = std::time::Instant::now();
        let found = person.details("SHIP-1").await?;
        let wait: u64 = found.header("retry-after").parse()?;
        assert_eq!((found.status, (1..=4).contains(&wait)), (429, true), "{wait}");
        stack.atlassian().set_rate_limits(RateLimits::default());
        let before = person.jira_requests().len();
        for call in ["get-projects", "get-issue-details"] {
            let answer = loop {
                let answer = person.read(call, &[("issue_id_or_key", "SHIP-1")]).await?;
                if answer.status == 200 || begun.elapsed() > Duration::from_secs(20) {
                    break answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            answer.json(200);
            assert!(begun.elapsed() > Duration::from_secs(wait - 1), "{call} came too early");
        }
        assert_eq!(person.jira_requests().len() - before, 2, "Jira was not asked in the meantime");
        stack.stop().await
    });
}

#[test]
fn too_many_writes_hold_back_one_issue() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        let (busy, other) = (person.task("10000", "Busy").await?, person.task("10000", "Other").await?);
        let changed = json!({ "summary": "Changed" });
        let edit = async |key: &str| person.edit(key, changed.clone()).await;
        edit(&busy).await?.json(200);
        stack.atlassian().inject(person.trouble("PUT", limited(50, "jira-per-issue-on-write")).times(1));
        let found = edit(&busy).await?;
        assert_eq!((found.status, found.header("retry-after")), (429, "50"));
        let wait = withheld(&person, "rate limiting writes to this issue", edit(&busy)).await?;
        assert!((40..=50).contains(&wait), "{wait}");
        edit(&other).await?.json(200);
        person.details(&busy).await?.json(200);
        assert_eq!(stored(&stack).await?, Vec::<String>::new(), "only quotas are told to other instances");
        stack.stop().await
    });
}

#[test]
fn a_burst_holds_back_one_endpoint_of_one_site() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let (one, other) = (person(&stack, "harbour").await?, person(&stack, "lighthouse").await?);
        stack.atlassian().inject(one.trouble("project/search", limited(50, "jira-burst-based")).times(1));
        one.projects().await?.refusal(429);
        withheld(&one, "Jira is rate limiting requests", one.projects()).await?;
        other.projects().await?.json(200);
        one.details("SHIP-1").await?.json(200);
        stack.stop().await
    });
}

#[test]
fn without_redis_answers_are_the_same() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        stack.front().faults().set(Some(upstash::Fault::Refuse));
        stack.atlassian().inject(person.trouble("/issue/", limited(900, "jira-quota-global-based")).times(1));
        let found = person.details("SHIP-1").await?;
        assert_eq!(
            (found.refusal(429).contains("Jira is rate limiting"), found.header("retry-after")),
            (true, "900")
        );
        stack.logged(&["exhausted quota not told to other instances"]).await?;
        withheld(&person, "which all customers share", person.details("SHIP-1")).await?;
        person.projects().await?.json(200);
        stack.stop().await
    });
}

#[test]
fn an_unreadable_note_of_quotas_is_ignored_and_replaced() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        stack.atlassian().inject(person.trouble("/issue/", limited(900, "jira-quota-global-based")).times(1));
        person.details("SHIP-1").await?.refusal(429);
        let [name] = &stored(&stack).await?[..] else { anyhow::bail!("one key for the app") };
        for value in ["", "not JSON", "[7]", "{\"app\":\"soon\"}"] {
            stack.redis(&["SET", name, value]).await?;
            person.projects().await?.json(200);
        }
        stack.redis(&["SET", name, "[7]"]).await?;
        stack
            .atlassian()
            .inject(person.trouble("project/search", limited(900, "jira-quota-global-based")).times(1));
        person.projects().await?.refusal(429);
        withheld(&person, "which all customers share", person.edit("SHIP-1", json!({ "summary": "No" })))
            .await?;
        stack.stop().await
    });
}

#[test]
fn reads_are_refused_before_writes() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        let key = person.task("10000", "Near the limit").await?;
        stack.atlassian().set_rate_limits(RateLimits { app_points: Some(60), ..RateLimits::default() });
        let spent = || stack.atlassian().points().values().sum::<u64>();
        // A read costs two points, and a tenth is six.
        for points in (2..=56).step_by(2) {
            person.details(&key).await?.json(200);
            assert_eq!(spent(), points);
        }
        let kept = "all customers share, and it is kept for writes";
        let wait = withheld(&person, kept, person.details(&key)).await?;
        assert!((3500..=3600).contains(&wait), "{wait}");
        person.edit(&key, json!({ "summary": "Still possible" })).await?.json(200);
        assert!(spent() < 60, "there is something left: {}", spent());
        // Reads that a write needs are writes: here the transitions of the issue.
        let transitions = person.read("get-transitions", &[("issue_id_or_key", key.as_str())]).await?;
        transitions.json(200);
        assert_eq!(stored(&stack).await?, Vec::<String>::new());
        stack.stop().await
    });
}

#[test]
fn with_nothing_kept_for_writes_reads_use_up_a_quota() {
    run(async {
        let stack = TestStack::start(|options| options.settings.set("JIRA_QUOTA_FOR_WRITES", "0")).await?;
        let person = person(&stack, "harbour").await?;
        stack.atlassian().set_rate_limits(RateLimits { app_points: Some(40), ..RateLimits::default() });
        // By default, the last one would be refused: it costs two points, and a tenth is four.
        for _ in 0..20 {
            person.details("SHIP-1").await?.json(200);
        }
        assert_eq!(stack.atlassian().points().values().sum::<u64>(), 40);
        let before = person.jira_requests().len();
        person.details("SHIP-1").await?.refusal(429);
        assert_eq!(person.jira_requests().len(), before + 1, "it was Jira that refused");
        stack.stop().await
    });
}

#[test]
fn a_quota_that_is_not_enforced_refuses_nothing() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        stack.atlassian().set_rate_limits(RateLimits {
            app_points: Some(4),
            enforced: false,
            ..RateLimits::default()
        });
        for _ in 0..4 {
            person.details("SHIP-1").await?.json(200);
        }
        assert_eq!(stack.atlassian().points().values().sum::<u64>(), 8);
        stack.stop().await
    });
}

#[test]
fn a_quota_without_a_time_lasts_until_the_full_hour() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        let until_the_hour = || 3600 - time::OffsetDateTime::now_utc().unix_timestamp() % 3600;
        let headers = [("ratelimit-reason".to_owned(), "jira-quota-tenant-based".to_owned())];
        let fault = Fault::Reply { status: 429, headers: headers.into(), body: String::new() };
        stack.atlassian().inject(person.trouble("GET", fault).times(1));
        let before = until_the_hour();
        let answer = person.details("SHIP-1").await?;
        answer.refusal(429);
        let (told, after): (i64, _) = (answer.header("retry-after").parse()?, until_the_hour());
        let is_between = (after..=before).contains(&told);
        assert!(is_between || after > before, "{told} s is not from {after} to {before}");
        Ok(())
    });
}

#[test]
fn a_burst_and_an_exhausted_quota_are_counted_apart() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = person(&stack, "harbour").await?;
        stack.atlassian().inject(person.trouble("GET", limited(1, "jira-burst-based")).times(1));
        let line = stack.completion(&person.projects().await?).await?;
        let counts = |line: &Value| {
            ["status", "jira_rate_limited", "jira_quota_exhausted", "jira_requests"]
                .map(|name| line[name].clone())
        };
        assert_eq!(counts(&line), [json!(200), json!(1), Value::Null, json!(2)]);
        stack.atlassian().inject(person.trouble("GET", limited(60, "jira-quota-tenant-based")).times(1));
        let line = stack.completion(&person.projects().await?).await?;
        assert_eq!(counts(&line), [json!(429), Value::Null, json!(1), json!(1)]);
        assert_eq!(line["code"], "jira_rate_limited");
        let cause = line["cause"].as_str().context("a cause")?;
        assert!(cause.starts_with("Jira answered 429"), "{cause}");
        let line = stack.completion(&person.projects().await?).await?;
        let cause = line["cause"].as_str().context("a cause")?;
        assert!(
            cause.starts_with("no call to Jira for") && cause.ends_with("the site's quota is exhausted"),
            "{cause}"
        );
        stack.stop().await
    });
}
