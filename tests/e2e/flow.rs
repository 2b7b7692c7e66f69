//! From "Connect Jira" to a connection.

use anyhow::{Context, Result};
use futures_util::future::{join_all, try_join_all};
use juncture_tests::{TestStack, run};
use reqwest::Method;
use sandbox::{Class, Decision, Fault, Rule};
use serde_json::json;

const INITIATE: &str = "/api/frontend/oauth/initiate-oauth-flow";
const CREATE: &str = "/api/frontend/finalize-connection/jira/create-connection";
const SITES: &str = "/api/frontend/finalize-connection/jira/fetch-available-sites";

#[test]
fn a_person_connects_and_the_backend_gets_a_token() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        assert_eq!(person.validity().await?["exists"], false);
        person.connect("harbour").await?;
        assert_eq!(
            person.validity().await?,
            json!({ "exists": true, "is_expired": false, "is_invalid": false, "site_id": stack.site_id("harbour")?,
                "site_name": "Harbour", "site_url": "https://harbour.atlassian.net", "missing_scopes": [] })
        );
        let token = person.access_token().await?.json(200);
        assert!(token["access_token"].as_str().is_some_and(|token| !token.is_empty()));
        Ok(())
    });
}

#[test]
fn a_flow_starts_on_every_name_of_the_route() {
    run(async {
        let stack = TestStack::shared().await?;
        for path in [
            INITIATE,
            "/api/frontend/oauth/initiate-oauth-flow/",
            "/api/frontend/oauth/get-authorization-uri",
        ] {
            let body = json!({ "provider": "jira", "external_id": "names" });
            let request =
                stack.request(Method::POST, path).header("x-juncture-public-key", "any").json(&body);
            let answer = stack.send(request).await?.json(200);
            let url = answer["authorization_uri"].as_str().context("no address")?;
            assert!(url.contains("/authorize?audience=api.atlassian.com"), "{url}");
            assert!(url.contains("offline_access"), "{url}");
        }
        Ok(())
    });
}

#[test]
fn a_trailing_slash_is_accepted_and_nothing_after_it() {
    run(async {
        let stack = TestStack::shared().await?;
        // As from a gateway that keeps the slash.
        let with_slash = |rest: &str| {
            json!({
                "version": "2.0",
                "routeKey": format!("POST {INITIATE}/{{slash+}}"),
                "rawPath": format!("{INITIATE}/{rest}"),
                "rawQueryString": "",
                "headers": { "content-type": "application/json" },
                "pathParameters": { "slash": rest },
                "requestContext": {
                    "routeKey": format!("POST {INITIATE}/{{slash+}}"),
                    "http": { "method": "POST", "path": format!("{INITIATE}/{rest}"), "sourceIp": "192.0.2.1" },
                },
                "body": json!({ "provider": "jira", "external_id": "slash" }).to_string(),
                "isBase64Encoded": false,
            })
        };
        for (rest, status) in [("", 200), ("/", 200), ("more", 404), ("more/", 404)] {
            let answer = stack.gateway().invoke("InitiateOAuthFlow", &with_slash(rest)).await?;
            assert_eq!(answer["statusCode"], status, "{rest}: {answer}");
        }
        let body = json!({ "provider": "jira", "external_id": "slash" });
        let answer = stack.post(&format!("{INITIATE}/more"), &body).await?;
        assert!(answer.refusal(404).contains("no endpoint"), "{}", answer.body);
        Ok(())
    });
}

#[test]
fn a_state_is_good_for_one_return() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let callback = person.consent().await?;
        let answers = join_all((0..6).map(|_| stack.get(&callback))).await;
        let answers: Vec<_> = answers.into_iter().collect::<Result<_>>()?;
        assert_eq!(answers.iter().filter(|answer| answer.status == 303).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 303) {
            assert!(answer.page(410).contains("expired"), "{}", answer.body);
        }
        stack.get(&callback).await?.page(410);
        assert_eq!(stack.token_requests(&person.account), 1, "a replay was sent to Atlassian");
        Ok(())
    });
}

#[test]
fn states_and_codes_end_by_themselves() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let begun = url::Url::parse(&person.begin().await?)?;
        let state = begun.query_pairs().find(|(name, _)| name == "state").context("a state")?.1.into_owned();
        let code = person.connection_code().await?;
        for (kind, secret, minutes) in [("state", state, 10), ("pending", code, 15)] {
            let key = format!("juncture:{kind}:{}", base::crypto::sha256_hex(secret.as_bytes()));
            // -1: no expiry; -2: no such key.
            let left = stack.redis(&["PTTL", &key]).await?;
            let is_short = matches!(left, redis::Value::Int(left) if (1..=minutes * 60_000).contains(&left));
            assert!(is_short, "{kind}: {left:?}");
        }
        Ok(())
    });
}

#[test]
fn a_return_without_a_flow_of_ours_reaches_nobody() {
    run(async {
        let stack = TestStack::shared().await?;
        let callback = "/api/frontend/oauth/authorization-callback";
        let unknown = format!("st_{}", "x".repeat(43));
        stack.get(&format!("{callback}/jira?code=c&state={unknown}")).await?.page(410);
        for query in ["", "?code=c", "?state=short&code=c", "?code=c&state=a&state=b", "?state=%ff"] {
            stack.get(&format!("{callback}/jira{query}")).await?.page(400);
        }
        stack.get(&format!("{callback}/github?code=c&state={unknown}")).await?.page(400);
        Ok(())
    });
}

#[test]
fn a_declined_consent_ends_on_a_page_that_leads_back() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let declined = person.decide(&person.begin().await?, Decision::Decline)?;
        let answer = stack.get(&declined).await?;
        let page = answer.page(403);
        assert!(page.contains("Jira was not connected"), "{page}");
        assert!(page.contains(&stack.demo_url()), "no way back: {page}");
        // The state is used up nevertheless.
        stack.get(&declined).await?.page(410);
        assert_eq!(stack.token_requests(&person.account), 0);
        Ok(())
    });
}

#[test]
fn a_failed_exchange_ends_on_a_page() {
    run(async {
        let stack = TestStack::shared().await?;
        for (fault, status) in [
            (Fault::Status { status: 503, body: None }, 502),
            (Fault::MalformedJson, 502),
            (Fault::Drop, 502),
            (Fault::Status { status: 403, body: Some(json!({ "error": "invalid_grant" })) }, 502),
            (Fault::Status { status: 403, body: Some(json!({ "error": "unauthorized_client" })) }, 502),
            (Fault::Status { status: 401, body: Some(json!({ "error": "access_denied" })) }, 500),
        ] {
            let person = stack.person(&["harbour"])?;
            let callback = person.consent().await?;
            stack
                .atlassian()
                .inject(Rule::new(Class::Token, fault.clone()).account(&person.account).times(9));
            stack.get(&callback).await?.page(status);
            assert_eq!(stack.token_requests(&person.account), 1, "a code is for one exchange: {fault:?}");
        }
        Ok(())
    });
}

#[test]
fn jira_sites_are_listed_once_and_others_not_at_all() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse", "library"])?;
        let code = person.connection_code().await?;
        let answer = stack.get(&format!("{SITES}?connection_code={code}")).await?.json(200);
        let sites = answer["sites"].as_array().context("sites")?;
        let mut names: Vec<_> = sites.iter().filter_map(|site| site["site_name"].as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["Harbour", "Lighthouse"]);
        for site in sites {
            assert!(site["site_id"].is_string() && site["url"].is_string(), "{site}");
        }
        Ok(())
    });
}

#[test]
fn a_connection_code_is_good_for_one_connection() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        // A rejected site does not use the code up, whether it is inaccessible or unknown.
        assert!(person.create_connection(&code, "lighthouse").await?.refusal(400).contains("site_id"));
        let foreign = json!({ "connection_code": code, "site_id": "11111111-1111-1111-1111-111111111111" });
        assert!(stack.post(CREATE, &foreign).await?.refusal(400).contains("site_id"));
        let answers = join_all((0..6).map(|_| person.create_connection(&code, "harbour"))).await;
        let statuses: Vec<_> =
            answers.into_iter().map(|answer| answer.map(|answer| answer.status)).collect::<Result<_>>()?;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 410).count(), 5, "{statuses:?}");
        person.create_connection(&code, "harbour").await?.refusal(410);
        stack.get(&format!("{SITES}?connection_code={code}")).await?.refusal(410);
        Ok(())
    });
}

#[test]
fn parallel_finalizations_leave_one_connection_and_no_orphan() {
    run(async {
        const ORPHANS: &str = r#"
            select count(*) from "juncture-core".connection c
            where not exists (select from "juncture-core".connection_external_map m
                              where m.connection_id = c.connection_id)
               or not exists (select from "juncture-core".jira_connection j
                              where j.connection_id = c.connection_id)"#;
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse"])?;
        let codes = try_join_all((0..6).map(|_| person.connection_code())).await?;
        let answers = try_join_all(
            codes
                .iter()
                .zip(["harbour", "lighthouse"].iter().cycle())
                .map(|(code, site)| person.create_connection(code, site)),
        )
        .await?;
        for answer in &answers {
            answer.json(200);
        }
        let database = stack.database().await?;
        let rows: i64 = database
            .query_one(
                r#"select count(*) from "juncture-core".connection_external_map where external_id = $1"#,
                &[&person.external_id],
            )
            .await?
            .get(0);
        assert_eq!(rows, 1);
        let orphans: i64 = database.query_one(ORPHANS, &[]).await?.get(0);
        assert_eq!(orphans, 0);
        person.access_token().await?.json(200);
        Ok(())
    });
}

#[test]
fn an_abandoned_or_foreign_consent_changes_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        let owner = stack.person(&["harbour"])?;
        owner.connect("harbour").await?;
        let before = owner.info("get-connection-credentials").await?.json(200);
        let token = owner.access_token().await?.json(200);
        let abandoned = owner.connection_code().await?;
        let stranger = stack.person(&["lighthouse"])?.with_external_id_of(&owner);
        stranger.connection_code().await?;
        assert_eq!(owner.info("get-connection-credentials").await?.json(200), before);
        assert_eq!(owner.access_token().await?.json(200), token);
        assert!(abandoned.starts_with("cc_"));
        Ok(())
    });
}

#[test]
fn connecting_again_keeps_the_connection_and_replaces_its_token() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse"])?;
        person.connect("harbour").await?;
        let id = person.connection_id().await?;
        let first = person.info("get-connection-credentials").await?.json(200);
        let select = json!({ "external_id": person.external_id, "jira_project_id": "10000" });
        stack.backend_post("jira/select-project", &select).await?.json(200);

        stack.database()
            .await?
            .execute(
                r#"update "juncture-core".connection set invalid_refresh_token = true where connection_id = $1"#,
                &[&id],
            )
            .await?;
        person.connect("harbour").await?;
        assert_eq!(person.connection_id().await?, id);
        assert_eq!(person.validity().await?["is_invalid"], false);
        let second = person.info("get-connection-credentials").await?.json(200);
        assert_ne!(second["refresh_token"], first["refresh_token"]);
        assert_eq!(selected(stack, &person.external_id).await?, json!("10000"), "same site, same project");

        person.connect("lighthouse").await?;
        assert_eq!(person.connection_id().await?, id);
        assert_eq!(selected(stack, &person.external_id).await?, json!(null), "another site, no project");
        // The next call uses the new site, not a cached token of the old consent.
        let projects = person.projects().await?.json(200);
        assert_eq!(projects["total"], 120);
        Ok(())
    });
}

async fn selected(stack: &TestStack, external_id: &str) -> Result<serde_json::Value> {
    let answer = stack.backend("jira/get-selected-project", &[("external_id", external_id)]).await?;
    Ok(answer.json(200)["jira_project_id"].clone())
}

#[test]
fn a_connection_code_survives_a_database_outage() {
    run(async {
        const REFUSE: &str = r#"
            create or replace function pg_temp_refuse() returns trigger language plpgsql as
                $$ begin raise exception 'the database is on strike'; end $$"#;
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let database = stack.database().await?;
        database.batch_execute(REFUSE).await?;
        database
            .batch_execute(
                r#"create trigger strike before insert on "juncture-core".connection
                   for each row execute function pg_temp_refuse()"#,
            )
            .await?;
        let refusal = person.create_connection(&code, "harbour").await?;
        assert!(refusal.refusal(503).contains("database"), "{refusal:?}");
        assert!(!refusal.body.contains("strike"), "the cause reached the caller");
        database.batch_execute(r#"drop trigger strike on "juncture-core".connection"#).await?;
        person.create_connection(&code, "harbour").await?.json(200);
        stack.stop().await
    });
}

#[test]
fn tokens_are_sealed_wherever_they_rest() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let pending = format!("juncture:pending:{}", base::crypto::sha256_hex(code.as_bytes()));
        let refresh = stack.atlassian().newest_refresh_token(&person.account).context("a token")?;
        let stored = format!("{:?}", stack.redis(&["GET", &pending]).await?);
        assert!(stored.contains("v1:") && !stored.contains(&refresh), "{stored}");
        person.create_connection(&code, "harbour").await?.json(200);
        let access = person.access_token().await?.json(200);
        let access = access["access_token"].as_str().context("a token")?;
        let cached = format!("{:?}", stack.redis(&["GET", &person.cache_key()]).await?);
        assert!(cached.contains("v1:") && !cached.contains(access), "{cached}");
        let row = stack
            .database()
            .await?
            .query_one(
                r#"select refresh_token, access_token from "juncture-core".connection where connection_id = $1"#,
                &[&person.connection_id().await?],
            )
            .await?;
        assert!(row.get::<_, String>(0).starts_with("v1:") && row.get::<_, String>(1).starts_with("v1:"));
        Ok(())
    });
}

#[test]
fn a_browser_is_never_allowed_to_send_the_secret_key() {
    run(async {
        let stack = TestStack::shared().await?;
        let preflight = stack
            .request(Method::OPTIONS, "/api/backend/jira/get-projects?external_id=x")
            .header("origin", stack.demo_url())
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let allowed = stack.send(preflight).await?.header("access-control-allow-headers").to_lowercase();
        assert!(allowed.contains("content-type"), "{allowed}");
        assert!(!allowed.contains("authorization") && !allowed.contains('*'), "{allowed}");
        Ok(())
    });
}

#[test]
fn the_frontend_api_answers_the_products_origin_only() {
    run(async {
        let stack = TestStack::shared().await?;
        let preflight = |origin: String| {
            stack
                .request(Method::OPTIONS, INITIATE)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "content-type")
        };
        let ours = stack.send(preflight(stack.demo_url())).await?;
        assert_eq!(ours.header("access-control-allow-origin"), stack.demo_url());
        assert_eq!(ours.header("access-control-allow-credentials"), "true");
        let theirs = stack.send(preflight("https://evil.example.com".to_owned())).await?;
        assert_eq!(theirs.header("access-control-allow-origin"), "");
        assert_eq!(theirs.header("access-control-allow-credentials"), "");
        Ok(())
    });
}
