//! Connect tokens: who may start a flow.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use juncture_tests::{Answer, Person, TestStack, run};
use sandbox::Decision;
use serde_json::{Value, json};

const BEGIN: &str = "/api/frontend/oauth/initiate-oauth-flow";

async fn issue(stack: &TestStack, body: &Value) -> Result<Answer> {
    stack.backend_post("connect-token", body).await
}

/// Issues a connect token for a person, with additional fields.
async fn token(person: &Person<'_>, stack: &TestStack, mut body: Value) -> Result<String> {
    body["external_id"] = person.external_id.clone().into();
    body["provider"] = "jira".into();
    let answer = issue(stack, &body).await?.json(200);
    Ok(answer["connect_token"].as_str().context("no token")?.to_owned())
}

/// A stack that requires connect tokens, which is the default of a deployment.
async fn strict_stack() -> Result<TestStack> {
    TestStack::start(|options| options.settings.set("REQUIRE_CONNECT_TOKEN", "")).await
}

#[test]
fn a_token_starts_one_flow_for_its_external_id() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let token = token(&person, stack, json!({})).await?;
        let body = json!({ "connect_token": token });
        let begun = stack.post(BEGIN, &body).await?.json(200);
        let callback =
            person.decide(begun["authorization_uri"].as_str().context("no address")?, Decision::Accept)?;
        let page = stack.get(&callback).await?;
        let code = page.header("location").rsplit('/').next().context("no code")?.to_owned();
        person.create_connection(&code, "harbour").await?.json(200);
        assert_eq!(person.validity().await?["exists"], true);

        let again = stack.post(BEGIN, &body).await?.json(410);
        assert_eq!(again["code"], "connect_token_expired");
        Ok(())
    });
}

#[test]
fn of_many_who_come_with_one_token_one_begins() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let body = json!({ "connect_token": token(&person, stack, json!({})).await? });
        let answers = try_join_all((0..10).map(|_| stack.post(BEGIN, &body))).await?;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 410, 410, 410, 410, 410, 410, 410, 410, 410]);
        Ok(())
    });
}

#[test]
fn a_deployment_that_says_nothing_lets_nobody_in_without_a_token() {
    run(async {
        let stack = strict_stack().await?;
        let person = stack.person(&["harbour"])?;
        let plain = json!({ "provider": "jira", "external_id": person.external_id });
        for path in [BEGIN, "/api/frontend/oauth/get-authorization-uri"] {
            let refused = stack.post(path, &plain).await?.json(401);
            assert_eq!(refused["code"], "connect_token_required", "{path}");
        }
        let token = token(&person, &stack, json!({})).await?;
        // The browser cannot override what the backend decided.
        for (name, value) in [("external_id", "somebody-else"), ("provider", "github")] {
            let mut body = json!({ "connect_token": token });
            body[name] = value.into();
            let refusal = stack.post(BEGIN, &body).await?.refusal(400);
            assert!(refusal.contains(name), "{refusal}");
        }
        let mut body = plain.clone();
        body["connect_token"] = token.into();
        stack.post(BEGIN, &body).await?.json(200);
        stack.stop().await
    });
}

#[test]
fn forged_and_late_tokens_begin_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let good = token(&person, stack, json!({})).await?;
        let changed = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { "B" } else { "A" });
        let cut = good[..good.len() - 4].to_owned();
        for forged in ["x", "ct_", "ct_AAAA", &good[3..], &changed, &cut] {
            let refused = stack.post(BEGIN, &json!({ "connect_token": forged })).await?.json(401);
            assert_eq!(refused["code"], "invalid_connect_token", "{forged}");
        }
        let short = token(&person, stack, json!({ "expires_in": 1 })).await?;
        let body = json!({ "connect_token": short });
        // The first call uses it up; after its last second it is expired for everyone.
        loop {
            let answer = stack.post(BEGIN, &body).await?;
            if answer.status == 410 && answer.refusal(410).contains("has expired") {
                break;
            }
            assert!(answer.status == 200 || answer.refusal(410).contains("used already"), "{answer:?}");
        }
        stack.post(BEGIN, &json!({ "connect_token": good })).await?.json(200);
        Ok(())
    });
}

#[test]
fn a_person_lands_where_the_token_says_if_that_is_allowed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let home = format!("{}/settings?tab=jira", stack.demo_url());
        let flow = async |decision| {
            let token = token(&person, stack, json!({ "return_url": home })).await?;
            let begun = stack.post(BEGIN, &json!({ "connect_token": token })).await?.json(200);
            let uri = begun["authorization_uri"].as_str().context("no address")?.to_owned();
            stack.get(&person.decide(&uri, decision)?).await
        };
        let declined = flow(Decision::Decline).await?;
        assert!(declined.page(403).contains(&home), "{}", declined.body);
        let accepted = flow(Decision::Accept).await?;
        assert_eq!(accepted.status, 303, "{accepted:?}");
        let page = stack.get(accepted.header("location")).await?;
        assert!(page.page(200).contains(&home), "{}", page.body);

        for elsewhere in
            ["https://evil.example/", "javascript:alert(1)", "//evil.example", "x", "http://localhost:1/"]
        {
            let body = json!({ "external_id": "x", "provider": "jira", "return_url": elsewhere });
            let refusal = issue(stack, &body).await?.refusal(400);
            assert!(refusal.contains("ALLOWED_RETURN_URLS"), "{elsewhere}: {refusal}");
        }
        Ok(())
    });
}

#[test]
fn the_page_says_for_whom_the_connection_is_made() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let code = async |fields: Value| {
            let token = token(&person, stack, fields).await?;
            let begun = stack.post(BEGIN, &json!({ "connect_token": token })).await?.json(200);
            let uri = begun["authorization_uri"].as_str().context("no address")?.to_owned();
            let page = stack.get(&person.decide(&uri, Decision::Accept)?).await?;
            anyhow::Ok(page.header("location").rsplit('/').next().context("no code")?.to_owned())
        };
        let sites = "/api/frontend/finalize-connection/jira/fetch-available-sites?connection_code=";
        for (name, shown) in [
            ("Acme, ada@acme.example", "Acme, ada@acme.example"),
            ("<img src=x> & \"Söns\"", "&#60;img src=x&#62; &#38; &#34;Söns&#34;"),
            ("株式会社", "株式会社"),
        ] {
            let code = code(json!({ "display_name": name })).await?;
            let page = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
            let line = format!("Connect Jira to <b><bdi>{shown}</bdi></b>");
            assert!(page.page(200).contains(&line), "{name}: {}", page.body);
            assert_eq!(stack.get(&format!("{sites}{code}")).await?.json(200)["display_name"], name);
        }
        for nothing in [json!({}), json!({ "display_name": null }), json!({ "display_name": " " })] {
            let code = code(nothing).await?;
            let page = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
            assert!(!page.page(200).contains("Connect Jira to"), "{}", page.body);
            assert!(stack.get(&format!("{sites}{code}")).await?.json(200)["display_name"].is_null());
        }
        for bad in [
            json!("a\nb"),
            json!("\u{202e}emca"),
            json!("\u{2067}x"),
            json!("x".repeat(301)),
            json!(7),
            json!([]),
        ] {
            let body = json!({ "external_id": "x", "provider": "jira", "display_name": bad });
            let refusal = issue(stack, &body).await?.refusal(400);
            assert!(
                refusal.contains("display_name") || refusal.contains("control characters"),
                "{bad}: {refusal}"
            );
        }
        Ok(())
    });
}

#[test]
fn a_backend_may_want_the_same_browser_whatever_headers_say() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let begin = async |fields: Value, site: Option<&str>| {
            let body = json!({ "connect_token": token(&person, stack, fields).await? });
            let request = stack.request(reqwest::Method::POST, BEGIN).json(&body);
            stack
                .send(site.into_iter().fold(request, |request, site| request.header("sec-fetch-site", site)))
                .await
        };
        let returns = async |begun: &Answer, cookie: Option<&str>| {
            let begun = begun.json(200);
            let uri = begun["authorization_uri"].as_str().context("no address")?;
            let request = stack.request(reqwest::Method::GET, &person.decide(uri, Decision::Accept)?);
            stack
                .send(cookie.into_iter().fold(request, |request, cookie| request.header("cookie", cookie)))
                .await
        };
        for site in [None, Some("none"), Some("same-site"), Some("same-origin")] {
            // Starting a flow without a browser and sending its consent page to somebody yields nothing.
            let begun = begin(json!({ "same_browser": true }), site).await?;
            let tokens = stack.token_requests(&person.account);
            let page = returns(&begun, None).await?;
            assert!(page.page(403).contains("Started in another browser"), "{site:?}");
            assert_eq!(stack.token_requests(&person.account), tokens);
            let begun = begin(json!({ "same_browser": true }), site).await?;
            let cookie = begun.header("set-cookie").split(';').next().context("no cookie")?;
            assert_eq!(returns(&begun, Some(cookie)).await?.status, 303, "{site:?}");
        }
        let refused = begin(json!({ "same_browser": true }), Some("cross-site")).await?;
        assert!(refused.refusal(400).contains("same_browser"), "{}", refused.body);
        assert_eq!(refused.json(400)["code"], "cross_site");
        // Without it, a cross-site flow is not bound to its browser.
        for fields in [json!({}), json!({ "same_browser": false }), json!({ "same_browser": null })] {
            let begun = begin(fields, Some("cross-site")).await?;
            assert_eq!(returns(&begun, None).await?.status, 303);
        }
        for bad in [json!("true"), json!(1)] {
            let body = json!({ "external_id": "x", "provider": "jira", "same_browser": bad });
            assert!(issue(stack, &body).await?.refusal(400).contains("same_browser"), "{bad}");
        }
        Ok(())
    });
}

#[test]
fn a_token_lives_for_half_an_hour_at_most() {
    run(async {
        let stack = TestStack::shared().await?;
        for bad in [json!(0), json!(1801), json!(-1), json!(1.5), json!("60"), json!(true), json!([])] {
            let body = json!({ "external_id": "x", "provider": "jira", "expires_in": bad });
            assert!(issue(stack, &body).await?.refusal(400).contains("1 to 1800"), "{bad}");
        }
        let body = json!({ "external_id": "x", "provider": "jira", "expires_in": 1800 });
        issue(stack, &body).await?.json(200);
        let stranger = stack.post("/api/backend/connect-token", &body).await?;
        assert_eq!(stranger.refusal(401), "Invalid secret key");
        Ok(())
    });
}
