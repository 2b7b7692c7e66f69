//! The backend API about connections.

use anyhow::{Context, Result};
use juncture_tests::{TestStack, run};
use reqwest::Method;
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

const CALLS: [&str; 4] =
    ["check-connection-validity", "get-connection-credentials", "get-access-token", "list-connections"];

#[test]
fn strangers_learn_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        for call in CALLS {
            let path = format!(
                "/api/backend/connection-info/{call}?provider=jira&external_id={}",
                person.external_id
            );
            for key in [None, Some("wrong"), Some("")] {
                let mut request = stack.request(Method::GET, &path);
                if let Some(key) = key {
                    request = request.bearer_auth(key);
                }
                assert_eq!(stack.send(request).await?.refusal(401), "Invalid secret key", "{call}");
            }
        }
        Ok(())
    });
}

#[test]
fn two_keys_open_while_one_replaces_the_other() {
    run(async {
        let stack = TestStack::start(|options| {
            options.settings.set("JUNCTURE_SECRET_KEY", "the-new-key, the-old-key");
        })
        .await?;
        for (key, status) in [("the-new-key", 200), ("the-old-key", 200), ("the-new-key, the-old-key", 401)] {
            let path = "/api/backend/connection-info/check-connection-validity?provider=jira&external_id=x";
            let answer = stack.send(stack.request(Method::GET, path).bearer_auth(key)).await?;
            assert_eq!(answer.status, status, "{key}");
        }
        stack.stop().await
    });
}

#[test]
fn an_unknown_connection_is_reported_as_in_the_contract() {
    run(async {
        let stack = TestStack::shared().await?;
        let nobody = stack.person(&["harbour"])?;
        assert_eq!(
            nobody.validity().await?,
            json!({ "exists": false, "is_expired": false, "is_invalid": false, "site_id": null, "site_name": null,
                "site_url": null, "missing_scopes": null })
        );
        assert_eq!(nobody.info("get-connection-credentials").await?.refusal(404), "Connection not found");
        assert_eq!(nobody.access_token().await?.refusal(401), "Connection not found");
        assert_eq!(nobody.projects().await?.refusal(404), "Connection not found");
        Ok(())
    });
}

#[test]
fn credentials_are_the_newest_refresh_token() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        for _ in 0..2 {
            let credentials = person.info("get-connection-credentials").await?.json(200);
            let newest = stack.atlassian().newest_refresh_token(&person.account);
            assert_eq!(credentials["refresh_token"].as_str(), newest.as_deref());
            assert_eq!(credentials["is_invalid"], false);
            person.forget_access_token().await?;
            person.access_token().await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn a_consent_lasts_365_days_however_often_it_is_refreshed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        let before = expires_at(&person.info("get-connection-credentials").await?.json(200))?;
        let lifetime = before - OffsetDateTime::now_utc();
        assert!(lifetime > Duration::days(364) && lifetime <= Duration::days(365), "{lifetime}");
        person.forget_access_token().await?;
        person.access_token().await?.json(200);
        let after = expires_at(&person.info("get-connection-credentials").await?.json(200))?;
        assert_eq!(after, before);
        Ok(())
    });
}

#[test]
fn an_expired_consent_has_to_be_renewed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        stack
            .database()
            .await?
            .execute(
                r#"update "juncture-core".connection set expires_at = now() - interval '1 second'
                   where connection_id = $1"#,
                &[&person.connection_id().await?],
            )
            .await?;
        person.forget_access_token().await?;
        let before = stack.token_requests(&person.account);
        assert_eq!(
            person.validity().await?,
            json!({ "exists": true, "is_expired": true, "is_invalid": false, "site_id": stack.site_id("harbour")?,
                "site_name": "Harbour", "site_url": "https://harbour.atlassian.net", "missing_scopes": [] })
        );
        let refusal = person.access_token().await?.json(403);
        assert_eq!(refusal["error"], "Connection is invalid or expired. Please reauthorize the connection.");
        assert_eq!(refusal["needs_reauthorization"], true);
        assert_eq!(stack.token_requests(&person.account), before, "Atlassian was asked in vain");
        Ok(())
    });
}

fn expires_at(answer: &serde_json::Value) -> Result<OffsetDateTime> {
    let text = answer["expires_at"].as_str().context("expires_at")?;
    Ok(OffsetDateTime::parse(text, &Rfc3339)?)
}
