//! Refreshing: no token is ever lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use juncture_tests::{Person, TestStack, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::{Class, Fault, GateSpec, Refusal, Rule, When};
use serde_json::json;

/// Asserts the invariant: the stored refresh token is the newest one, and valid.
pub(crate) async fn assert_nothing_is_lost(stack: &TestStack, person: &Person<'_>) -> Result<()> {
    let credentials = person.info("get-connection-credentials").await?.json(200);
    let stored = credentials["refresh_token"].as_str().context("a token")?;
    ensure!(stack.atlassian().accepts_refresh_token(stored), "the stored refresh token is dead");
    ensure!(credentials["is_invalid"] == false, "the connection is marked invalid");
    Ok(())
}

#[test]
fn fifty_callers_with_an_empty_cache_cause_one_refresh() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let before = stack.token_requests(&person.account);
        let answers = try_join_all((0..50).map(|_| person.access_token())).await?;
        let tokens: std::collections::BTreeSet<_> =
            answers.iter().map(|answer| answer.json(200)["access_token"].to_string()).collect();
        assert_eq!(tokens.len(), 1, "callers got different tokens");
        assert_eq!(stack.token_requests(&person.account) - before, 1);
        assert_nothing_is_lost(stack, &person).await
    });
}

#[test]
fn a_token_is_refreshed_before_it_expires() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.access_token_lifetime = Duration::from_secs(50);
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        // It expires within a minute, so it is neither returned nor cached.
        let mut settings = stack.atlassian().settings(None);
        settings.access_token_lifetime = Duration::from_secs(600);
        stack.atlassian().set_settings(Some(&person.account), settings);
        let before = stack.token_requests(&person.account);
        person.access_token().await?.json(200);
        person.access_token().await?.json(200);
        assert_eq!(stack.token_requests(&person.account) - before, 1);
        Ok(())
    });
}

#[test]
fn a_process_that_dies_while_it_refreshes_costs_nothing() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        for when in [When::Before, When::After] {
            let person = stack.person(&["harbour"])?;
            person.connect("harbour").await?;
            person.forget_access_token().await?;
            let gate = stack.atlassian().hold(GateSpec {
                class: Class::Token,
                account: Some(person.account.clone()),
                when,
            });
            let killed = async {
                gate.arrived().await;
                let busy = stack.gateway().instances().into_iter().find(|instance| instance.busy);
                let pid = busy.context("nobody refreshes")?.pid;
                kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
                gate.release();
                anyhow::Ok(())
            };
            let (answer, killed) = tokio::join!(person.access_token(), killed);
            killed?;
            assert_eq!(answer?.status, 502, "{when:?}");
            let answer = person.access_token().await?;
            assert_eq!(answer.status, 200, "{when:?}: {}", answer.body);
            assert_nothing_is_lost(&stack, &person).await?;
        }
        stack.stop().await
    });
}

#[test]
fn a_project_that_is_selected_during_a_refresh_stays_selected() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        person.forget_access_token().await?;
        let spec = GateSpec { class: Class::Token, account: Some(person.account.clone()), when: When::After };
        let gate = stack.atlassian().hold(spec);
        let select = async {
            gate.arrived().await;
            let body = person.body(json!({ "jira_project_id": "10002" }));
            stack.backend_post("jira/select-project", &body).await?.json(200);
            gate.release();
            anyhow::Ok(())
        };
        let (token, selected) = tokio::join!(person.access_token(), select);
        selected?;
        token?.json(200);
        // From the cache, which the refresh has filled.
        assert_eq!(person.projects().await?.json(200)["selected_project_id"], "10002");
        Ok(())
    });
}

#[test]
fn a_lost_answer_is_asked_for_again_at_once() {
    run(async {
        let stack = TestStack::shared().await?;
        for fault in [Fault::Drop, Fault::TruncatedBody, Fault::Status { status: 503, body: None }] {
            let person = stack.person(&["harbour"])?;
            person.connect("harbour").await?;
            person.forget_access_token().await?;
            stack
                .atlassian()
                .inject(Rule::new(Class::Token, fault).after().account(&person.account).times(1));
            person.access_token().await?.json(200);
            assert_nothing_is_lost(stack, &person).await?;
        }
        Ok(())
    });
}

#[test]
fn an_outage_marks_nothing() {
    run(async {
        let stack = TestStack::shared().await?;
        let in_a_while = [("retry-after".to_owned(), "6.5".to_owned())].into();
        for (fault, status) in [
            (Fault::Status { status: 500, body: None }, 502),
            (Fault::Status { status: 403, body: None }, 502),
            (Fault::MalformedJson, 502),
            (Fault::Drop, 502),
            (Fault::RateLimited { retry_after: Some(7), reason: None }, 429),
            (Fault::Reply { status: 429, headers: in_a_while, body: String::new() }, 429),
            (Fault::Status { status: 401, body: Some(json!({ "error": "access_denied" })) }, 500),
            (Fault::Status { status: 400, body: Some(json!({ "error": "invalid_request" })) }, 500),
        ] {
            let person = stack.person(&["harbour"])?;
            person.connect("harbour").await?;
            person.forget_access_token().await?;
            stack.atlassian().inject(Rule::new(Class::Token, fault.clone()).account(&person.account));
            let answer = person.access_token().await?;
            answer.refusal(status);
            if status == 429 {
                assert_eq!(answer.header("retry-after"), "7", "{fault:?}");
            }
            assert_eq!(person.validity().await?["is_invalid"], false, "{fault:?}");
            stack.atlassian().clear_faults_of(&person.account);
            person.access_token().await?.json(200);
        }
        Ok(())
    });
}

#[test]
fn a_hanging_token_endpoint_is_reported_in_time() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        person.forget_access_token().await?;
        stack.atlassian().inject(Rule::new(Class::Token, Fault::Hang).account(&person.account));
        assert!(person.access_token().await?.refusal(504).contains("not affected"));
        stack.atlassian().clear_faults_of(&person.account);
        person.access_token().await?.json(200);
        Ok(())
    });
}

#[test]
fn a_rejected_refresh_token_is_marked_once_and_not_sent_again() {
    run(async {
        let stack = TestStack::shared().await?;
        for refusal in [Refusal::InvalidGrant, Refusal::UnauthorizedClient] {
            let person = stack.person(&["harbour"])?;
            person.connect("harbour").await?;
            let mut settings = stack.atlassian().settings(None);
            settings.refusal = refusal;
            stack.atlassian().set_settings(Some(&person.account), settings);
            assert!(stack.atlassian().revoke_grant(&person.account));
            person.forget_access_token().await?;
            let before = stack.token_requests(&person.account);
            for answer in join_all((0..10).map(|_| person.access_token())).await {
                assert_eq!(answer?.json(403)["needs_reauthorization"], true);
            }
            person.access_token().await?.refusal(403);
            assert_eq!(stack.token_requests(&person.account) - before, 1);
            assert_eq!(person.validity().await?["is_invalid"], true);
            assert_eq!(person.info("get-connection-credentials").await?.json(200)["is_invalid"], true);
            person.projects().await?.refusal(403);
            person.connect("harbour").await?;
            person.access_token().await?.json(200);
        }
        Ok(())
    });
}

/// Makes the token endpoint respond to a person's refresh with this error.
fn refuse(stack: &TestStack, person: &Person<'_>, description: &serde_json::Value) {
    let body = json!({ "error": "unauthorized_client", "error_description": description });
    let fault = Fault::Status { status: 403, body: Some(body) };
    stack.atlassian().inject(Rule::new(Class::Token, fault).account(&person.account));
}

/// Moves the timestamps in the connection's row into the past.
async fn pass(stack: &TestStack, person: &Person<'_>, minutes: i32) -> Result<()> {
    const EARLIER: &str = r#"update "juncture-core".connection set
        refreshed_at = refreshed_at - make_interval(mins => $2), doubted_at = doubted_at - make_interval(mins => $2)
        where connection_id = $1"#;
    stack.database().await?.execute(EARLIER, &[&person.connection_id().await?, &minutes]).await?;
    Ok(())
}

#[test]
fn a_suspended_app_invalidates_a_connection_only_after_two_rejections() {
    run(async {
        let stack = TestStack::shared().await?;
        for said in [json!("The app is suspended"), json!(null), json!("Refresh_token is invalid")] {
            let person = stack.strict_person().await?;
            person.forget_access_token().await?;
            refuse(stack, &person, &said);
            for answer in join_all((0..5).map(|_| person.access_token())).await {
                let refused = answer?.json(502);
                assert_eq!(refused["code"], "provider_failed");
                assert_eq!(refused.get("needs_reauthorization"), None);
            }
            pass(stack, &person, 4).await?;
            person.projects().await?.refusal(502);
            assert_eq!(person.validity().await?["is_invalid"], false);
            pass(stack, &person, 1).await?;
            assert_eq!(person.access_token().await?.json(403)["needs_reauthorization"], true);
            assert_eq!(person.validity().await?["is_invalid"], true);
            stack.atlassian().clear_faults_of(&person.account);
            // A new consent clears `doubted_at`.
            person.connect("harbour").await?;
            person.forget_access_token().await?;
            refuse(stack, &person, &said);
            person.access_token().await?.refusal(502);
            stack.atlassian().clear_faults_of(&person.account);
            person.access_token().await?.json(200);
            assert_nothing_is_lost(stack, &person).await?;
        }
        Ok(())
    });
}

#[test]
fn a_successful_refresh_clears_the_doubt() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        let suspended = json!("The app is suspended");
        for refreshed_by_former in [false, true] {
            person.forget_access_token().await?;
            refuse(stack, &person, &suspended);
            person.access_token().await?.refusal(502);
            stack.atlassian().clear_faults_of(&person.account);
            if refreshed_by_former {
                // The previous version updates refreshed_at and does not know doubted_at.
                const FORMER: &str =
                    r#"update "juncture-core".connection set refreshed_at = now() where connection_id = $1"#;
                stack.database().await?.execute(FORMER, &[&person.connection_id().await?]).await?;
            } else {
                person.access_token().await?.json(200);
            }
            pass(stack, &person, 60).await?;
            person.forget_access_token().await?;
            refuse(stack, &person, &suspended);
            person.access_token().await?.refusal(502);
            stack.atlassian().clear_faults_of(&person.account);
            person.access_token().await?.json(200);
        }
        assert_nothing_is_lost(stack, &person).await
    });
}

#[test]
fn new_tokens_are_accepted_whatever_their_stated_lifetime() {
    run(async {
        let stack = TestStack::shared().await?;
        for (number, lifetime) in
            [json!("3600"), json!(3599.5), json!("3599.5"), json!(null), json!([])].iter().enumerate()
        {
            let person = stack.person(&["harbour"])?;
            person.connect("harbour").await?;
            person.forget_access_token().await?;
            let (access, refresh) = (format!("odd-access-{number}"), format!("odd-refresh-{number}"));
            let body = json!({ "access_token": access, "refresh_token": refresh, "expires_in": lifetime, "scope": null });
            let fault = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(Rule::new(Class::Token, fault).account(&person.account).times(1));
            assert_eq!(person.access_token().await?.json(200)["access_token"], access, "{lifetime}");
            let stored = person.info("get-connection-credentials").await?.json(200);
            assert_eq!(stored["refresh_token"], refresh, "{lifetime}");
        }
        Ok(())
    });
}

#[test]
fn a_provider_that_does_not_rotate_tokens_works_too() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.rotation = false;
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        for _ in 0..2 {
            person.forget_access_token().await?;
            person.access_token().await?.json(200);
            assert_nothing_is_lost(stack, &person).await?;
        }
        Ok(())
    });
}
