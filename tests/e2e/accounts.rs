//! Who connects again with another Atlassian account is shown so, and asked, before the account is replaced; and nobody
//! gets around it by what they consent to.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use juncture_local::atlassian::{Class, Decision, Fault, Rule};
use juncture_tests::{Answer, Bed, Person, run};
use reqwest::Method;
use serde_json::{Value, json};

const CREATE: &str = "/api/frontend/finalize-connection/jira/create-connection";
const SITES: &str = "/api/frontend/finalize-connection/jira/fetch-available-sites";
const NOTICE: &str = "Another Atlassian account is connected";

async fn sites(bed: &Bed, code: &str) -> Result<Value> {
    Ok(bed.get(&format!("{SITES}?connection_code={code}")).await?.json(200))
}

/// Finalizes as Juncture's own page does: it tells whether the person has confirmed.
async fn create(bed: &Bed, code: &str, replace_account: impl Into<Value>) -> Result<Answer> {
    let site = bed.site_id("harbour")?;
    let body = json!({ "connection_code": code, "site_id": site, "replace_account": replace_account.into() });
    bed.post(CREATE, &body).await
}

async fn submit(bed: &Bed, code: &str, form: &str) -> Result<Answer> {
    let request = bed.request(Method::POST, &format!("/finalize-connection/jira/{code}"));
    let form = format!("site_id={}{form}", bed.site_id("harbour")?);
    bed.send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
}

async fn digest(bed: &Bed, person: &Person<'_>) -> Result<Option<String>> {
    const DIGEST: &str = r#"select account_digest from "juncture-core".connection where connection_id = $1"#;
    let id = person.connection_id().await?;
    Ok(bed.database().await?.query_one(DIGEST, &[&id]).await?.get(0))
}

/// Consents on a page whose address lacks one of the scopes: the callback's answer.
async fn consent_without(bed: &Bed, person: &Person<'_>, scope: &str) -> Result<Answer> {
    let mut uri = url::Url::parse(&person.begin().await?)?;
    let pairs: Vec<(String, String)> = uri.query_pairs().into_owned().collect();
    let without = |scopes: &str| scopes.split(' ').filter(|it| *it != scope).collect::<Vec<_>>().join(" ");
    uri.query_pairs_mut().clear().extend_pairs(
        pairs.iter().map(|(name, value)| {
            (name.as_str(), if name == "scope" { without(value) } else { value.clone() })
        }),
    );
    bed.get(&person.decide(uri.as_str(), Decision::Accept)?).await
}

/// A connection, and a consent of another account for the same external id.
async fn two_accounts(bed: &Bed) -> Result<(Person<'_>, Person<'_>, String)> {
    let first = bed.person(&["harbour"])?;
    first.connect("harbour").await?;
    let second = bed.person(&["harbour"])?.with_external_id_of(&first);
    let code = second.connection_code().await?;
    Ok((first, second, code))
}

#[test]
fn the_same_account_connects_again_without_a_question() {
    run(async {
        let bed = Bed::shared().await?;
        let person = bed.person(&["harbour"])?;
        for _ in 0..2 {
            let code = person.connection_code().await?;
            let answer = sites(bed, &code).await?;
            assert_eq!(answer["replaces_account"], false, "{answer}");
            assert!(answer["account"]["email"].as_str().is_some_and(|email| email.contains('@')), "{answer}");
            assert_eq!(answer["account"].as_object().map(serde_json::Map::len), Some(2), "{answer}");
            let page = bed.get(&format!("/finalize-connection/jira/{code}")).await?;
            assert!(!page.page(200).contains(NOTICE) && !page.body.contains("replace_account"));
            create(bed, &code, false).await?.json(200);
        }
        // A digest, of which nobody is learned.
        let digest = digest(bed, &person).await?.unwrap_or_default();
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
        Ok(())
    });
}

#[test]
fn another_account_is_shown_and_confirmed_before_it_replaces_one() {
    run(async {
        let bed = Bed::shared().await?;
        let (first, _, code) = two_accounts(bed).await?;
        let before = digest(bed, &first).await?;
        let answer = sites(bed, &code).await?;
        assert_eq!(answer["replaces_account"], true, "{answer}");
        let page = bed.get(&format!("/finalize-connection/jira/{code}")).await?;
        assert!(page.page(200).contains(NOTICE), "{}", page.body);
        let email = answer["account"]["email"].as_str().unwrap_or_default();
        assert!(!email.is_empty() && page.body.contains(email), "{}", page.body);

        // Without the person's word everything stays as it is, and the code is good.
        let refused = create(bed, &code, false).await?;
        assert!(refused.refusal(409).contains("another Atlassian account"), "{}", refused.body);
        assert_eq!(refused.json(409)["code"], "other_account");
        create(bed, &code, Value::Null).await?.refusal(409);
        let refused = submit(bed, &code, "").await?;
        assert!(refused.page(409).contains(NOTICE) && refused.body.contains("role=\"alert\""));
        create(bed, &code, "yes").await?.refusal(400);
        assert_eq!(digest(bed, &first).await?, before);
        first.access_token().await?.json(200);

        submit(bed, &code, "&replace_account=true").await?.page(200);
        assert_ne!(digest(bed, &first).await?, before);
        Ok(())
    });
}

#[test]
fn a_page_of_the_product_that_does_not_ask_connects_as_before() {
    run(async {
        let bed = Bed::shared().await?;
        let (first, second, code) = two_accounts(bed).await?;
        let before = digest(bed, &first).await?;
        second.create_connection(&code, "harbour").await?.json(200);
        assert_ne!(digest(bed, &first).await?, before);
        Ok(())
    });
}

#[test]
fn a_deployment_may_require_that_pages_of_the_product_ask() {
    run(async {
        let bed = Bed::start(|options| options.settings.set("REQUIRE_ACCOUNT_CONFIRMATION", "true")).await?;
        let (first, second, code) = two_accounts(&bed).await?;
        let before = digest(&bed, &first).await?;
        let refused = second.create_connection(&code, "harbour").await?;
        assert_eq!(refused.json(409)["code"], "other_account");
        assert_eq!(digest(&bed, &first).await?, before);
        // There is nothing to confirm for the account that is connected.
        first.connect("harbour").await?;
        create(&bed, &code, true).await?.json(200);
        assert_ne!(digest(&bed, &first).await?, before);
        bed.stack.stop().await
    });
}

#[test]
fn a_consent_whose_account_cannot_be_told_makes_no_connection() {
    run(async {
        let bed = Bed::shared().await?;
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
            let (first, second, connection_code) = two_accounts(bed).await?;
            let before = digest(bed, &first).await?;
            let rule = Rule::new(Class::Profile, fault.clone()).account(&second.account);
            bed.atlassian().inject(rule);
            let path = format!("/finalize-connection/jira/{connection_code}");
            let page = bed.get(&path).await?;
            assert!(page.page(status).contains(said), "{fault:?}: {}", page.body);
            assert!(!page.body.contains("name=\"site_id\""), "{fault:?}: {}", page.body);
            // The contract's own call goes on listing sites.
            let answer = sites(bed, &connection_code).await?;
            assert!(answer["account"].is_null() && answer["replaces_account"] == false, "{answer}");
            for word in [json!(true), json!(false)] {
                let refused = create(bed, &connection_code, word).await?;
                assert_eq!(refused.json(status)["code"], code, "{fault:?}");
            }
            let refused = second.create_connection(&connection_code, "harbour").await?;
            assert_eq!(refused.json(status)["code"], code, "{fault:?}");
            submit(bed, &connection_code, "&replace_account=true").await?.page(status);
            assert_eq!(digest(bed, &first).await?, before, "{fault:?}");
            // Nor a first one.
            let nobody = bed.person(&["harbour"])?;
            bed.atlassian().inject(Rule::new(Class::Profile, fault.clone()).account(&nobody.account));
            let first_code = nobody.connection_code().await?;
            create(bed, &first_code, false).await?.refusal(status);
            assert_eq!(nobody.validity().await?["exists"], false, "{fault:?}");
            // The code is good when Atlassian tells again.
            bed.atlassian().clear_faults_of(&second.account);
            bed.get(&path).await?.page(200);
            create(bed, &connection_code, true).await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn one_lost_answer_of_atlassian_costs_nobody_a_connection() {
    run(async {
        let bed = Bed::shared().await?;
        for fault in [Fault::Drop, Fault::Status { status: 503, body: None }] {
            let person = bed.person(&["harbour"])?;
            let code = person.connection_code().await?;
            bed.atlassian().inject(Rule::new(Class::Profile, fault).account(&person.account).times(1));
            create(bed, &code, false).await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn whoever_takes_a_scope_out_of_the_consent_address_connects_nothing() {
    run(async {
        let bed = Bed::shared().await?;
        for (scope, said) in [("read:me", "profile"), ("offline_access", "when you are not there")] {
            let first = bed.person(&["harbour"])?;
            first.connect("harbour").await?;
            let before = digest(bed, &first).await?;
            let second = bed.person(&["harbour"])?.with_external_id_of(&first);
            let page = consent_without(bed, &second, scope).await?;
            assert!(page.page(403).contains("Jira was not connected"), "{scope}: {}", page.body);
            assert!(page.body.contains(said), "{scope}: {}", page.body);
            assert!(page.body.contains(&bed.stack.demo_url()), "no way to start again: {}", page.body);
            assert!(page.header("location").is_empty());
            assert_eq!(digest(bed, &first).await?, before);
            first.access_token().await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn a_connection_whose_account_is_not_known_learns_the_one_that_consents() {
    run(async {
        let bed = Bed::start(|options| options.settings.set("REQUIRE_ACCOUNT_CONFIRMATION", "true")).await?;
        let first = bed.person(&["harbour"])?;
        first.connect("harbour").await?;
        // As a database of the TypeScript version is adopted.
        const FORGET: &str =
            r#"update "juncture-core".connection set account_digest = null where connection_id = $1"#;
        let id = first.connection_id().await?;
        bed.database().await?.execute(FORGET, &[&id]).await?;
        let second = bed.person(&["harbour"])?.with_external_id_of(&first);
        let code = second.connection_code().await?;
        assert_eq!(sites(&bed, &code).await?["replaces_account"], false);
        let page = bed.get(&format!("/finalize-connection/jira/{code}")).await?;
        assert!(!page.page(200).contains("replace_account"), "{}", page.body);
        second.create_connection(&code, "harbour").await?.json(200);
        assert!(digest(&bed, &first).await?.is_some());
        // From now on it is known.
        let third = bed.person(&["harbour"])?.with_external_id_of(&first);
        let code = third.connection_code().await?;
        third.create_connection(&code, "harbour").await?.refusal(409);
        bed.stack.stop().await
    });
}

#[test]
fn where_nobody_is_asked_whose_account_it_is_nothing_is_claimed() {
    run(async {
        let bed = Bed::start(|options| options.settings.set("DEFAULT_JIRA_SCOPES", "read:jira-work")).await?;
        let person = bed.person(&["harbour"])?;
        let code = person.connection_code().await?;
        let answer = sites(&bed, &code).await?;
        assert!(answer["account"].is_null() && answer["replaces_account"] == false, "{answer}");
        bed.get(&format!("/finalize-connection/jira/{code}")).await?.page(200);
        create(&bed, &code, false).await?.json(200);
        assert_eq!(digest(&bed, &person).await?, None);
        let page = consent_without(&bed, &person, "offline_access").await?;
        assert!(page.page(403).contains("when you are not there"), "{}", page.body);
        bed.stack.stop().await
    });
}

#[test]
fn what_a_consent_allows_is_kept_and_follows_the_tokens() {
    run(async {
        let bed = Bed::start(|_| ()).await?;
        let person = bed.person(&["harbour"])?;
        person.connect("harbour").await?;
        let kept = async || {
            let list = bed.backend("connection-info/list-connections", &[]).await?.json(200);
            anyhow::Ok(list["connections"][0]["granted_scopes"].clone())
        };
        let scopes = kept().await?;
        let names: Vec<&str> =
            scopes.as_array().context("no scopes")?.iter().filter_map(Value::as_str).collect();
        assert_eq!(names.len(), 7, "{names:?}");
        assert!(names.is_sorted() && names.contains(&"read:me") && names.contains(&"offline_access"));
        // A later consent of the same account replaces the scopes of this one at Atlassian, and a refresh tells.
        let mut settings = bed.atlassian().settings(None);
        settings.withheld_scopes.insert("write:jira-work".to_owned());
        bed.atlassian().set_settings(Some(&person.account), settings);
        person.consent().await?;
        person.forget_access_token().await?;
        person.access_token().await?.json(200);
        let narrower = kept().await?;
        assert_eq!(narrower.as_array().map(Vec::len), Some(6), "{narrower}");
        assert!(!narrower.to_string().contains("write:jira-work"), "{narrower}");
        bed.stack.stop().await
    });
}

#[test]
fn of_two_accounts_at_once_one_waits_for_a_word() {
    run(async {
        let bed = Bed::shared().await?;
        let first = bed.person(&["harbour"])?;
        let mut codes = vec![first.connection_code().await?];
        let second = bed.person(&["harbour"])?.with_external_id_of(&first);
        codes.push(second.connection_code().await?);
        for code in &codes {
            assert_eq!(sites(bed, code).await?["replaces_account"], false);
        }
        let answers = try_join_all(codes.iter().map(|code| create(bed, code, false))).await?;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        for (code, answer) in codes.iter().zip(answers) {
            if answer.status == 409 {
                assert_eq!(sites(bed, code).await?["replaces_account"], true);
                create(bed, code, true).await?.json(200);
            }
        }
        Ok(())
    });
}
