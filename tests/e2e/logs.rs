//! Each request has one completion line that explains it, and no line contains a secret.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use juncture_tests::{TestStack, leak_in, run};
use reqwest::Method;
use sandbox::{Class, Decision, Fault, Rule};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The completion lines of a route.
fn completions(stack: &TestStack, route: &str) -> Result<Vec<Value>> {
    let lines = stack.logs();
    let parsed = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line.split_once(' ')?.1).ok());
    Ok(parsed.filter(|line| line["route"] == route && !line["status"].is_null()).collect())
}

#[test]
fn every_request_ends_with_one_line_that_explains_it() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        let token = person.access_token().await?;
        token.json(200);
        let nobody = stack.person(&["harbour"])?;
        let refusal = nobody.access_token().await?;
        for answer in [&token, &refusal] {
            stack.completion(answer).await?;
        }
        let refusal = refusal.json(401);
        let lines = completions(&stack, "GET /api/backend/connection-info/get-access-token")?;
        assert_eq!(lines.len(), 2, "{lines:?}");
        for line in &lines {
            let timestamp = line["timestamp"].as_str().context("a timestamp")?;
            OffsetDateTime::parse(timestamp, &Rfc3339)?;
            assert_eq!((&line["level"], &line["function"]), (&json!("INFO"), &json!("GetAccessToken")));
            assert!(line["duration_ms"].is_f64() && line["request_id"].is_string(), "{line}");
        }
        assert_eq!((&lines[0]["status"], &lines[0]["cold_start"]), (&json!(200), &json!(true)));
        assert_eq!((&lines[1]["status"], &lines[1]["cold_start"]), (&json!(401), &json!(false)));
        assert_eq!(lines[1]["request_id"], refusal["request_id"], "the caller can quote it");
        assert_eq!(lines[1]["error"], "Connection not found");
        stack.stop().await
    });
}

#[test]
fn a_line_carries_the_id_of_the_gateway() {
    run(async {
        let stack = TestStack::shared().await?;
        let answer = stack.person(&["harbour"])?.access_token().await?;
        let id = answer.header("apigw-requestid");
        let line = stack.completion(&answer).await?;
        assert!(!id.is_empty() && line["gateway_request_id"] == id, "{line}");
        assert_eq!(line["request_id"], answer.json(401)["request_id"]);
        Ok(())
    });
}

#[test]
fn a_wrong_key_is_in_the_log() {
    run(async {
        let stack = TestStack::shared().await?;
        let path = "/api/backend/connection-info/check-connection-validity?external_id=x&provider=jira";
        for (key, code) in [("wrong", json!("invalid_secret_key")), (stack.secret_key(), Value::Null)] {
            let answer = stack.send(stack.request(Method::GET, path).bearer_auth(key)).await?;
            let line = stack.completion(&answer).await?;
            assert_eq!((&line["status"], line["status"] == 401), (&json!(answer.status), !code.is_null()));
            assert!(code.is_null() || line["code"] == code, "{line}");
        }
        Ok(())
    });
}

#[test]
fn what_becomes_of_a_connection_is_in_the_log() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut id = String::new();
        for what in ["a connection was made", "a connection was replaced", "connection removed"] {
            let answer = if what.ends_with("removed") {
                person.disconnect().await?
            } else {
                person.create_connection(&person.connection_code().await?, "harbour").await?
            };
            answer.json(200);
            // Other lines of a request come before its completion line.
            let line = stack.completion(&answer).await?;
            if id.is_empty() {
                id = person.connection_id().await?.to_string();
            }
            let is_it = |other: &String| {
                other.contains(what)
                    && other.contains(&id)
                    && line["request_id"].as_str().is_some_and(|request| other.contains(request))
            };
            assert!(stack.logs().iter().any(is_it), "not in the log: {what}");
        }
        Ok(())
    });
}

#[test]
fn a_request_cannot_write_a_line_of_its_own() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let state = |url: &str| -> Result<String> {
            let pairs: BTreeMap<_, _> = url::Url::parse(url)?.query_pairs().into_owned().collect();
            Ok(pairs["state"].clone())
        };
        let path = "/api/frontend/oauth/authorization-callback/jira";
        // The provider's reason is logged.
        let mark = uuid::Uuid::new_v4();
        let begun = state(&person.begin().await?)?;
        let forged = format!("%22%7D%7B%22forged%22%3A%22{mark}");
        let answer = stack.get(&format!("{path}?state={begun}&error={forged}")).await?;
        stack.completion(&answer).await?;
        let mark = mark.to_string();
        let lines: Vec<String> = stack.logs().into_iter().filter(|line| line.contains(&mark)).collect();
        assert!(!lines.is_empty(), "what was sent is not logged at all, so this proves nothing");
        for line in lines {
            let line: Value = serde_json::from_str(line.split_once(' ').context("a line")?.1)?;
            assert!(line["forged"].is_null() && line["level"] == "WARN", "{line}");
        }
        stack.get(&format!("{path}?state={begun}&error=a%0Aline")).await?.page(400);
        Ok(())
    });
}

/// After every test, `tests/support/leaks.rs` searches the whole log. It would find these.
#[test]
fn the_search_of_every_test_knows_a_secret_when_it_sees_one() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        let callback = url::Url::parse(&person.consent().await?)?;
        let pairs: BTreeMap<_, _> = callback.query_pairs().into_owned().collect();
        let stored: String = stack
            .database()
            .await?
            .query_one(
                r#"select refresh_token from "juncture-core".connection where connection_id = $1"#,
                &[&person.connection_id().await?],
            )
            .await?
            .get(0);
        let access = person.access_token().await?.json(200);
        let accounts = stack.atlassian().accounts();
        let secrets = [
            ("state", pairs["state"].clone()),
            ("authorization code", pairs["code"].clone()),
            ("connection code", person.connection_code().await?),
            ("access token", access["access_token"].as_str().context("a token")?.to_owned()),
            ("refresh token", stack.atlassian().newest_refresh_token(&person.account).context("a token")?),
            ("sealed token", stored),
            ("e-mail", accounts.first().context("an account")?.email()),
        ];
        for (name, secret) in secrets {
            assert!(leak_in(&format!("{{\"cause\":\"it is {secret} now\"}}")).is_some(), "{name}: {secret}");
        }
        Ok(())
    });
}

#[test]
fn no_text_of_a_ticket_is_ever_logged() {
    run(async {
        const SECRET: &str = "The merger with Lighthouse and Sons";
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let fields = json!({ "jira_project_id": stack.project("SECRECY", 0)?, "issue_type_id": "10001",
            "summary": SECRET, "description": "Ask **somebody@example.com** about the merger." });
        let created = person.create(fields.clone()).await?.json(201);
        let key = created["ticket"]["key"].as_str().context("a key")?.to_owned();
        // Jira's errors quote the input.
        let echo = json!({ "errorMessages": [format!("The value '{SECRET}' is not valid.")],
            "errors": { "assignee": format!("somebody@example.com is not in {SECRET}") } });
        let refusal = Fault::Status { status: 400, body: Some(echo) };
        let mut failed = 0;
        for fault in [refusal, Fault::MalformedJson, Fault::Drop] {
            stack.atlassian().inject(Rule::new(Class::Jira, fault).account(&person.account).times(3));
            let edited = person.edit(&key, json!({ "summary": format!("{SECRET} is off") })).await?;
            let created = person.create(fields.clone()).await?;
            failed += [edited, created].iter().filter(|answer| answer.status >= 400).count();
            stack.atlassian().clear_faults_of(&person.account);
        }
        // `run` searches the log for it.
        assert!(failed >= 3, "only {failed} calls failed");
        Ok(())
    });
}

#[test]
fn no_secret_is_ever_logged() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.person(&["harbour", "lighthouse"])?;
        let authorize = person.begin().await?;
        let callback = person.decide(&authorize, Decision::Accept)?;
        let answer = stack.get(&callback).await?;
        let code = answer.header("location").rsplit('/').next().context("a code")?.to_owned();
        stack.get(&format!("/finalize-connection/jira/{code}")).await?.page(200);
        person.create_connection(&code, "harbour").await?.json(200);
        let refresh = stack.atlassian().newest_refresh_token(&person.account).context("a token")?;
        let access = person.access_token().await?.json(200)["access_token"].as_str().context("a")?.to_owned();
        // The same with faults.
        for fault in [Fault::Drop, Fault::MalformedJson, Fault::TruncatedBody, Fault::Hang] {
            person.forget_access_token().await?;
            stack.atlassian().inject(Rule::new(Class::Token, fault).account(&person.account).times(2));
            person.access_token().await?;
        }
        stack.front().faults().set(Some(juncture_local::upstash::Fault::Refuse));
        person.access_token().await?.json(200);
        let last = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
        stack.completion(&last).await?;
        let logs = stack.logs().join("\n");
        let pairs: BTreeMap<_, _> = url::Url::parse(&callback)?.query_pairs().into_owned().collect();
        let secrets = stack.environment();
        for (name, secret) in [
            ("state", pairs["state"].as_str()),
            ("authorization code", pairs["code"].as_str()),
            ("connection code", code.as_str()),
            ("refresh token", refresh.as_str()),
            ("newest refresh token", &stack.atlassian().newest_refresh_token(&person.account).context("a")?),
            ("access token", access.as_str()),
            ("secret key", stack.secret_key()),
            ("client secret", &secrets["DEFAULT_JIRA_CLIENT_SECRET"]),
            ("encryption key", &secrets["TOKEN_ENCRYPTION_KEY"]),
            ("Upstash token", &secrets["UPSTASH_REDIS_REST_TOKEN"]),
            ("database", &secrets["DATABASE_URL"]),
            ("external id", person.external_id.as_str()),
        ] {
            assert!(!secret.is_empty() && !logs.contains(secret), "the {name} was logged");
        }
        assert!(logs.contains("request failed"), "nothing went wrong, so this proves nothing");
        stack.stop().await
    });
}
