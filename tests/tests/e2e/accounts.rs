//! Who connects again with another Atlassian account is shown so, and asked, before the account is replaced.

use anyhow::Result;
use futures_util::future::try_join_all;
use juncture_local::atlassian::{Class, Fault, Rule};
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
fn nothing_is_claimed_of_an_account_that_atlassian_does_not_tell() {
    run(async {
        let bed = Bed::shared().await?;
        for fault in [
            Fault::Status {
                status: 401,
                body: Some(json!({ "code": 401, "message": "scope does not match" })),
            },
            Fault::Status { status: 503, body: None },
            Fault::MalformedJson,
            Fault::Drop,
        ] {
            let refused = |person: &Person<'_>| {
                let rule = Rule::new(Class::Profile, fault.clone()).account(&person.account).times(9);
                bed.atlassian().inject(rule);
            };
            // Unknown before, known now.
            let first = bed.person(&["harbour"])?;
            refused(&first);
            first.connect("harbour").await?;
            assert_eq!(digest(bed, &first).await?, None);
            let second = bed.person(&["harbour"])?.with_external_id_of(&first);
            let code = second.connection_code().await?;
            assert_eq!(sites(bed, &code).await?["replaces_account"], false);
            create(bed, &code, false).await?.json(200);
            assert!(digest(bed, &first).await?.is_some());
            // Known before, unknown now.
            let third = bed.person(&["harbour"])?.with_external_id_of(&first);
            refused(&third);
            let code = third.connection_code().await?;
            let answer = sites(bed, &code).await?;
            assert!(answer["account"].is_null() && answer["replaces_account"] == false, "{answer}");
            create(bed, &code, false).await?.json(200);
            assert_eq!(digest(bed, &first).await?, None);
        }
        Ok(())
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
