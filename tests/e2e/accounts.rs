//! Reconnecting with another Atlassian account needs a confirmation before the account is replaced, whatever scopes the
//! person consents to.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::{Class, Decision, Fault, Rule};
use serde_json::{Value, json};

const CREATE: &str = "/api/frontend/finalize-connection/jira/create-connection";
const SITES: &str = "/api/frontend/finalize-connection/jira/fetch-available-sites";
const NOTICE: &str = "Another Atlassian account is connected";

async fn sites(stack: &TestStack, code: &str) -> Result<Value> {
    Ok(stack.get(&format!("{SITES}?connection_code={code}")).await?.json(200))
}

/// Finalizes like Juncture's own page, with or without the person's confirmation.
async fn create(stack: &TestStack, code: &str, replace_account: impl Into<Value>) -> Result<Answer> {
    let site = stack.site_id("harbour")?;
    let body = json!({ "connection_code": code, "site_id": site, "replace_account": replace_account.into() });
    stack.post(CREATE, &body).await
}

async fn submit(stack: &TestStack, code: &str, form: &str) -> Result<Answer> {
    let request = stack.request(Method::POST, &format!("/finalize-connection/jira/{code}"));
    let form = format!("site_id={}{form}", stack.site_id("harbour")?);
    stack.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

async fn digest(stack: &TestStack, person: &Person<'_>) -> Result<Option<String>> {
    const DIGEST: &str = r#"select account_digest from "juncture-core".connection where connection_id = $1"#;
    let id = person.connection_id().await?;
    Ok(stack.database().await?.query_one(DIGEST, &[&id]).await?.get(0))
}

/// Consents with one scope removed from the URL of the consent page. Returns the callback's response.
async fn consent_without(stack: &TestStack, person: &Person<'_>, scope: &str) -> Result<Answer> {
    let mut uri = url::Url::parse(&person.begin().await?)?;
    let pairs: Vec<(String, String)> = uri.query_pairs().into_owned().collect();
    let without = |scopes: &str| scopes.split(' ').filter(|it| *it != scope).collect::<Vec<_>>().join(" ");
    uri.query_pairs_mut().clear().extend_pairs(
        pairs.iter().map(|(name, value)| {
            (name.as_str(), if name == "scope" { without(value) } else { value.clone() })
        }),
    );
    stack.get(&person.decide(uri.as_str(), Decision::Accept)?).await
}

/// A connection, and a consent from another account for the same external id.
async fn two_accounts(stack: &TestStack) -> Result<(Person<'_>, Person<'_>, String)> {
    let first = stack.person(&["harbour"])?;
    first.connect("harbour").await?;
    let second = stack.person(&["harbour"])?.with_external_id_of(&first);
    let code = second.connection_code().await?;
    Ok((first, second, code))
}

#[test]
fn the_same_account_reconnects_without_confirmation() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        for _ in 0..2 {
            let code = person.connection_code().await?;
            let answer = sites(stack, &code).await?;
            assert_eq!(answer["replaces_account"], false, "{answer}");
            assert!(answer["account"]["email"].as_str().is_some_and(|email| email.contains('@')), "{answer}");
            assert_eq!(answer["account"].as_object().map(serde_json::Map::len), Some(2), "{answer}");
            let page = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
            assert!(!page.page(200).contains(NOTICE) && !page.body.contains("replace_account"));
            create(stack, &code, false).await?.json(200);
        }
        // A digest, which does not identify anybody.
        let digest = digest(stack, &person).await?.unwrap_or_default();
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
        Ok(())
    });
}

#[test]
fn another_account_is_shown_and_confirmed_before_it_replaces_one() {
    run(async {
        let stack = TestStack::shared().await?;
        let (first, _, code) = two_accounts(stack).await?;
        let before = digest(stack, &first).await?;
        let answer = sites(stack, &code).await?;
        assert_eq!(answer["replaces_account"], true, "{answer}");
        let page = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
        assert!(page.page(200).contains(NOTICE), "{}", page.body);
        let email = answer["account"]["email"].as_str().unwrap_or_default();
        assert!(!email.is_empty() && page.body.contains(email), "{}", page.body);

        // Without confirmation nothing changes, and the code stays valid.
        let refused = create(stack, &code, false).await?;
        assert!(refused.refusal(409).contains("another Atlassian account"), "{}", refused.body);
        assert_eq!(refused.json(409)["code"], "other_account");
        create(stack, &code, Value::Null).await?.refusal(409);
        let refused = submit(stack, &code, "").await?;
        assert!(refused.page(409).contains(NOTICE) && refused.body.contains("role=\"alert\""));
        create(stack, &code, "yes").await?.refusal(400);
        assert_eq!(digest(stack, &first).await?, before);
        first.access_token().await?.json(200);

        submit(stack, &code, "&replace_account=true").await?.page(200);
        assert_ne!(digest(stack, &first).await?, before);
        Ok(())
    });
}

#[test]
fn a_page_of_the_product_that_does_not_ask_connects_as_before() {
    run(async {
        let stack = TestStack::shared().await?;
        let (first, second, code) = two_accounts(stack).await?;
        let before = digest(stack, &first).await?;
        second.create_connection(&code, "harbour").await?.json(200);
        assert_ne!(digest(stack, &first).await?, before);
        Ok(())
    });
}

#[test]
fn a_deployment_may_require_confirmation_on_the_products_pages() {
    run(async {
        let stack =
            TestStack::start(|options| options.settings.set("REQUIRE_ACCOUNT_CONFIRMATION", "true")).await?;
        let (first, second, code) = two_accounts(&stack).await?;
        let before = digest(&stack, &first).await?;
        let refused = second.create_connection(&code, "harbour").await?;
        assert_eq!(refused.json(409)["code"], "other_account");
        assert_eq!(digest(&stack, &first).await?, before);
        // The connected account needs no confirmation.
        first.connect("harbour").await?;
        create(&stack, &code, true).await?.json(200);
        assert_ne!(digest(&stack, &first).await?, before);
        stack.stop().await
    });
}

#[test]
fn a_consent_whose_account_cannot_be_told_makes_no_connection() {
    run(async {
        let stack = TestStack::shared().await?;
        let mismatch = json!({ "code": 401, "message": "scope does not match" });
        for (fault, status, code, said) in [
            (Fault::Status { status: 401, body: Some(mismatch) }, 403, "account_unknown", "whose account"),
            (Fault::Status { status: 403, body: None }, 502, "account_unavailable", "whose account"),
            (Fault::Status { status: 503, body: None }, 502, "account_unavailable", "whose account"),
            (
                Fault::Status { status: 200, body: Some(json!({})) },
                502,
                "account_unavailable",
                "whose account",
            ),
            (Fault::MalformedJson, 502, "account_unavailable", "whose account"),
            (Fault::Drop, 502, "account_unavailable", "whose account"),
        ] {
            let (first, second, connection_code) = two_accounts(stack).await?;
            let before = digest(stack, &first).await?;
            let rule = Rule::new(Class::Profile, fault.clone()).account(&second.account);
            stack.atlassian().inject(rule);
            let path = format!("/finalize-connection/jira/{connection_code}");
            let page = stack.get(&path).await?;
            assert!(page.page(status).contains(said), "{fault:?}: {}", page.body);
            assert!(!page.body.contains("name=\"site_id\""), "{fault:?}: {}", page.body);
            // The contract's endpoint still lists sites.
            let answer = sites(stack, &connection_code).await?;
            assert!(answer["account"].is_null() && answer["replaces_account"] == false, "{answer}");
            for word in [json!(true), json!(false)] {
                let refused = create(stack, &connection_code, word).await?;
                assert_eq!(refused.json(status)["code"], code, "{fault:?}");
            }
            let refused = second.create_connection(&connection_code, "harbour").await?;
            assert_eq!(refused.json(status)["code"], code, "{fault:?}");
            submit(stack, &connection_code, "&replace_account=true").await?.page(status);
            assert_eq!(digest(stack, &first).await?, before, "{fault:?}");
            // A first connection is not created either.
            let nobody = stack.person(&["harbour"])?;
            stack.atlassian().inject(Rule::new(Class::Profile, fault.clone()).account(&nobody.account));
            let first_code = nobody.connection_code().await?;
            create(stack, &first_code, false).await?.refusal(status);
            assert_eq!(nobody.validity().await?["exists"], false, "{fault:?}");
            // The code is still valid once Atlassian works again.
            stack.atlassian().clear_faults_of(&second.account);
            stack.get(&path).await?.page(200);
            create(stack, &connection_code, true).await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn one_lost_response_of_atlassian_fails_no_connection() {
    run(async {
        let stack = TestStack::shared().await?;
        for fault in [Fault::Drop, Fault::Status { status: 503, body: None }] {
            let person = stack.person(&["harbour"])?;
            let code = person.connection_code().await?;
            stack.atlassian().inject(Rule::new(Class::Profile, fault).account(&person.account).times(1));
            create(stack, &code, false).await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn whoever_takes_a_scope_out_of_the_consent_address_connects_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        for (scope, said) in [("read:me", "profile"), ("offline_access", "when you are not there")] {
            let first = stack.person(&["harbour"])?;
            first.connect("harbour").await?;
            let before = digest(stack, &first).await?;
            let second = stack.person(&["harbour"])?.with_external_id_of(&first);
            let page = consent_without(stack, &second, scope).await?;
            assert!(page.page(403).contains("Jira was not connected"), "{scope}: {}", page.body);
            assert!(page.body.contains(said), "{scope}: {}", page.body);
            assert!(page.body.contains(&stack.demo_url()), "no way to start again: {}", page.body);
            assert!(page.header("location").is_empty());
            assert_eq!(digest(stack, &first).await?, before);
            first.access_token().await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn a_connection_without_an_account_learns_it_from_the_next_consent() {
    run(async {
        let stack =
            TestStack::start(|options| options.settings.set("REQUIRE_ACCOUNT_CONFIRMATION", "true")).await?;
        let first = stack.person(&["harbour"])?;
        first.connect("harbour").await?;
        // As in a database adopted from the TypeScript version.
        const FORGET: &str =
            r#"update "juncture-core".connection set account_digest = null where connection_id = $1"#;
        let id = first.connection_id().await?;
        stack.database().await?.execute(FORGET, &[&id]).await?;
        let second = stack.person(&["harbour"])?.with_external_id_of(&first);
        let code = second.connection_code().await?;
        assert_eq!(sites(&stack, &code).await?["replaces_account"], false);
        let page = stack.get(&format!("/finalize-connection/jira/{code}")).await?;
        assert!(!page.page(200).contains("replace_account"), "{}", page.body);
        second.create_connection(&code, "harbour").await?.json(200);
        assert!(digest(&stack, &first).await?.is_some());
        // From now on the account is known.
        let third = stack.person(&["harbour"])?.with_external_id_of(&first);
        let code = third.connection_code().await?;
        third.create_connection(&code, "harbour").await?.refusal(409);
        stack.stop().await
    });
}

#[test]
fn without_the_account_scope_no_account_is_recorded() {
    run(async {
        let stack =
            TestStack::start(|options| options.settings.set("DEFAULT_JIRA_SCOPES", "read:jira-work")).await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let answer = sites(&stack, &code).await?;
        assert!(answer["account"].is_null() && answer["replaces_account"] == false, "{answer}");
        stack.get(&format!("/finalize-connection/jira/{code}")).await?.page(200);
        create(&stack, &code, false).await?.json(200);
        assert_eq!(digest(&stack, &person).await?, None);
        let page = consent_without(&stack, &person, "offline_access").await?;
        assert!(page.page(403).contains("when you are not there"), "{}", page.body);
        stack.stop().await
    });
}

#[test]
fn granted_scopes_are_stored_and_follow_the_tokens() {
    run(async {
        let stack = TestStack::start(|options| options.settings.set("JIRA_SCOPE_GROUPS", "people")).await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        let kept = async || {
            let list = stack.backend("connection-info/list-connections", &[]).await?.json(200);
            anyhow::Ok(list["connections"][0]["granted_scopes"].clone())
        };
        let scopes = kept().await?;
        let names: Vec<&str> =
            scopes.as_array().context("no scopes")?.iter().filter_map(Value::as_str).collect();
        assert_eq!(names.len(), 8, "{names:?}");
        assert!(names.is_sorted() && names.contains(&"read:me") && names.contains(&"offline_access"));
        assert!(names.contains(&"read:jira-user"), "the scope of a group: {names:?}");
        // A later consent of the same account replaces its scopes at Atlassian, as the next refresh shows.
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes.insert("write:jira-work".to_owned());
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.consent().await?;
        person.forget_access_token().await?;
        person.access_token().await?.json(200);
        let narrower = kept().await?;
        assert_eq!(narrower.as_array().map(Vec::len), Some(7), "{narrower}");
        assert!(!narrower.to_string().contains("write:jira-work"), "{narrower}");
        stack.stop().await
    });
}

#[test]
fn of_two_concurrent_accounts_one_needs_confirmation() {
    run(async {
        let stack = TestStack::shared().await?;
        let first = stack.person(&["harbour"])?;
        let mut codes = vec![first.connection_code().await?];
        let second = stack.person(&["harbour"])?.with_external_id_of(&first);
        codes.push(second.connection_code().await?);
        for code in &codes {
            assert_eq!(sites(stack, code).await?["replaces_account"], false);
        }
        let answers = try_join_all(codes.iter().map(|code| create(stack, code, false))).await?;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        for (code, answer) in codes.iter().zip(answers) {
            if answer.status == 409 {
                assert_eq!(sites(stack, code).await?["replaces_account"], true);
                create(stack, code, true).await?.json(200);
            }
        }
        Ok(())
    });
}
