//! The settings that each function requires, and their sources.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use juncture_tests::{TestStack, binaries, run};

const KEY: &str = "JUNCTURE_SECRET_KEY";
const REDIS: [&str; 2] = ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"];
const CLIENT: &str = "DEFAULT_JIRA_CLIENT_ID";
const TOKENS: [&str; 2] = ["DEFAULT_JIRA_CLIENT_ID", "DEFAULT_JIRA_CLIENT_SECRET"];
const DATABASE: &str = "DATABASE_URL";
const SEALING: &str = "TOKEN_ENCRYPTION_KEY";

/// The settings that each function requires, and no others.
fn needs() -> BTreeMap<&'static str, Vec<&'static str>> {
    let all = |groups: &[&[&'static str]]| groups.concat();
    let sessions = all(&[&[KEY, DATABASE, SEALING], &REDIS, &TOKENS]);
    BTreeMap::from([
        ("initiate-oauth-flow", all(&[&REDIS, &[CLIENT, SEALING]])),
        ("connect-token", vec![KEY, SEALING]),
        ("authorization-callback", all(&[&REDIS, &TOKENS, &[SEALING]])),
        ("fetch-available-sites", all(&[&REDIS, &[SEALING, DATABASE]])),
        ("create-connection", all(&[&REDIS, &[SEALING, DATABASE]])),
        ("finalize-connection", all(&[&REDIS, &[SEALING, DATABASE]])),
        ("check-connection-validity", vec![KEY, DATABASE]),
        ("get-connection-credentials", vec![KEY, DATABASE, SEALING]),
        ("list-connections", vec![KEY, DATABASE, SEALING]),
        ("delete-connection", all(&[&REDIS, &[KEY, DATABASE, SEALING]])),
        ("refresh-idle-connections", all(&[&REDIS, &TOKENS, &[DATABASE, SEALING]])),
        ("get-access-token", sessions.clone()),
        ("get-projects", sessions.clone()),
        ("get-issue-details", sessions.clone()),
        ("get-transitions", sessions.clone()),
        ("transition-issue", sessions.clone()),
        ("get-issue-types", sessions.clone()),
        ("get-create-form", sessions.clone()),
        ("get-edit-form", sessions.clone()),
        ("edit-issue", sessions.clone()),
        ("link-issues", sessions.clone()),
        ("unlink-issues", sessions.clone()),
        ("get-changelog", sessions.clone()),
        ("search-users", sessions.clone()),
        ("get-connected-account", sessions.clone()),
        ("create-ticket", sessions.clone()),
        ("get-worklogs", sessions.clone()),
        ("add-worklog", sessions.clone()),
        ("delete-worklog", sessions.clone()),
        ("add-attachment", sessions.clone()),
        ("get-attachment", sessions.clone()),
        ("delete-attachment", sessions.clone()),
        ("delete-issue", sessions.clone()),
        ("get-comments", sessions.clone()),
        ("proxy", sessions.clone()),
        ("add-comment", sessions.clone()),
        ("edit-comment", sessions.clone()),
        ("delete-comment", sessions.clone()),
        ("get-tickets-for-project", sessions.clone()),
        ("search-tickets", sessions.clone()),
        ("count-tickets", sessions.clone()),
        ("get-boards-for-project", sessions.clone()),
        ("get-board", sessions.clone()),
        ("get-backlog", sessions.clone()),
        ("get-all-sprints-for-project", sessions.clone()),
        ("get-active-sprints-for-project", sessions.clone()),
        ("create-sprint", sessions.clone()),
        ("edit-sprint", sessions.clone()),
        ("move-issues", sessions.clone()),
        ("get-tickets-for-sprint", sessions),
        ("select-project", all(&[&REDIS, &[KEY, DATABASE, SEALING]])),
        ("get-selected-project", vec![KEY, DATABASE]),
        ("set-allowed-projects", all(&[&REDIS, &[KEY, DATABASE, SEALING]])),
        ("get-allowed-projects", vec![KEY, DATABASE]),
        ("health", Vec::new()),
        ("ready", all(&[&REDIS, &[KEY, DATABASE]])),
        ("migrate", vec![DATABASE]),
    ])
}

fn value(name: &str) -> &'static str {
    match name {
        "DATABASE_URL" => "postgresql://nobody:secret-password@127.0.0.1:1/none",
        "TOKEN_ENCRYPTION_KEY" => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        name if name.ends_with("_URL") || name.ends_with("_URI") => "http://localhost:1",
        _ => "secret-value",
    }
}

fn start(function: &str, settings: &[&str], more: &[(&str, &str)]) -> Result<(Output, String)> {
    let output = Command::new(binaries().join(function))
        .env_clear()
        .envs(settings.iter().map(|name| (*name, value(name))))
        .envs(more.iter().copied())
        .output()
        .with_context(|| function.to_owned())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output, said))
}

#[test]
fn a_missing_setting_fails_at_start_by_name() {
    run(async {
        for (function, needs) in needs() {
            for missing in &needs {
                let others: Vec<_> = needs.iter().copied().filter(|name| name != missing).collect();
                let (output, said) = start(function, &others, &[(missing, "")])?;
                assert!(!output.status.success(), "{function} started without {missing}");
                assert!(said.contains(&format!("the setting {missing} is missing")), "{function}: {said}");
                assert!(!said.contains("secret-"), "{function}: {said}");
            }
        }
        Ok(())
    });
}

#[test]
fn a_function_needs_only_what_it_uses() {
    run(async {
        for (function, needs) in needs() {
            // Outside Lambda, it reads its settings and then fails because there is no Runtime API.
            let (_, said) = start(function, &needs, &[])?;
            assert!(!said.contains("the setting"), "{function}: {said}");
        }
        let deployed: Vec<String> =
            TestStack::shared().await?.functions().iter().map(|function| function.binary.clone()).collect();
        for binary in deployed {
            assert!(needs().contains_key(binary.as_str()), "{binary} is not in this test");
        }
        Ok(())
    });
}

#[test]
fn cloud_mode_is_refused_with_a_reason() {
    run(async {
        for (mode, is_refused) in [("true", true), ("On", true), ("false", false), ("0", false), ("", false)]
        {
            let (_, said) = start("check-connection-validity", &[KEY, DATABASE], &[("CLOUD_MODE", mode)])?;
            assert_eq!(said.contains("CLOUD_MODE=true is not supported yet"), is_refused, "{mode}: {said}");
            assert!(!said.contains("the setting"), "{mode}: {said}");
        }
        Ok(())
    });
}

#[test]
fn flags_accept_the_same_values_and_invalid_ones_are_named() {
    run(async {
        let needs = [&REDIS[..], &[CLIENT, SEALING]].concat();
        for name in ["REQUIRE_CONNECT_TOKEN", "REQUIRE_SAME_BROWSER", "CLOUD_MODE"] {
            for (value, is_refused) in [("No", false), ("FALSE", false), ("secret-word", true)] {
                let (_, said) = start("initiate-oauth-flow", &needs, &[(name, value)])?;
                let refusal = format!("the setting {name} must be true or false");
                assert_eq!(said.contains(&refusal), is_refused, "{name}={value}: {said}");
                assert!(!said.contains("secret-"), "{said}");
            }
        }
        let name = "REQUIRE_ACCOUNT_CONFIRMATION";
        let needs = [&REDIS[..], &[SEALING, DATABASE]].concat();
        let (_, said) = start("create-connection", &needs, &[(name, "secret-word")])?;
        assert!(said.contains(&format!("the setting {name} must be true or false")), "{said}");
        let (_, said) = start("create-connection", &needs, &[("TOKEN_SEAL_FORMAT", "secret-word")])?;
        assert!(said.contains("the setting TOKEN_SEAL_FORMAT must be v1 or v2"), "{said}");
        let (_, said) = start("create-connection", &needs, &[("UNKNOWN_FIELDS", "secret-word")])?;
        assert!(said.contains("the setting UNKNOWN_FIELDS must be warn or refuse"), "{said}");
        assert!(!said.contains("secret-"), "{said}");
        let needs = [&REDIS[..], &[CLIENT, SEALING]].concat();
        let (_, said) = start("initiate-oauth-flow", &needs, &[("JIRA_SCOPE_GROUPS", "people,secret-word")])?;
        assert!(said.contains("the setting JIRA_SCOPE_GROUPS must be a list of these: people, "), "{said}");
        assert!(!said.contains("secret-"), "{said}");
        let needs = [&REDIS[..], &TOKENS, &[KEY, SEALING, DATABASE]].concat();
        for wrong in ["secret-word", "GET /rest/api/3/issue/*, POST /secret-word/**"] {
            let (output, said) = start("proxy", &needs, &[("JIRA_PROXY_ALLOW", wrong)])?;
            assert!(
                !output.status.success() && said.contains("the setting JIRA_PROXY_ALLOW must be off"),
                "{said}"
            );
            assert!(!said.contains("secret-"), "{said}");
        }
        let (output, said) = start("get-projects", &needs, &[("JIRA_QUOTA_FOR_WRITES", "secret-word")])?;
        let refusal = "the setting JIRA_QUOTA_FOR_WRITES must be a whole number from 0 to 90";
        assert!(!output.status.success() && said.contains(refusal), "{said}");
        assert!(!said.contains("secret-"), "{said}");
        let needs = [&REDIS[..], &[SEALING, DATABASE]].concat();
        for (name, value) in [
            ("PRODUCT_NAME", "secret-\u{202e}name"),
            ("PRODUCT_LOGO_URL", "http://secret-host.example/logo.svg"),
            ("PRODUCT_LOGO_URL", "https://*/secret-logo.svg"),
        ] {
            let (output, said) = start("finalize-connection", &needs, &[(name, value)])?;
            assert!(
                !output.status.success() && said.contains(&format!("the setting {name} must be")),
                "{said}"
            );
            assert!(!said.contains("secret-"), "{said}");
        }
        Ok(())
    });
}

#[test]
fn malformed_settings_are_named_and_not_shown() {
    run(async {
        let wrong = [
            ("DATABASE_URL", "mysql://secret-user:secret-password@h/d"),
            ("TOKEN_ENCRYPTION_KEY", "secret-but-too-short"),
        ];
        for (name, value) in wrong {
            let all = [KEY, DATABASE, SEALING];
            let (output, said) = start("get-connection-credentials", &all, &[(name, value)])?;
            assert!(!output.status.success() && said.contains(&format!("the setting {name} ")), "{said}");
            assert!(!said.contains("secret-"), "{said}");
        }
        Ok(())
    });
}
