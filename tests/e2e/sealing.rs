//! Sealed values: each opens only where it belongs, in either format, and clear text is accepted only where the
//! TypeScript Juncture left it.

use anyhow::{Context, Result};
use juncture_tests::{Person, TestStack, run};
use serde_json::{Value, json};

const FORMAT: &str = "TOKEN_SEAL_FORMAT";

/// The two sealed columns of a connection's row: refresh token and access token.
async fn columns(person: &Person<'_>, stack: &TestStack) -> Result<[String; 2]> {
    const COLUMNS: &str =
        r#"select refresh_token, access_token from "juncture-core".connection where connection_id = $1"#;
    let row = stack.database().await?.query_one(COLUMNS, &[&person.connection_id().await?]).await?;
    Ok([row.get(0), row.get(1)])
}

/// Puts these values into the row, and makes sure that it is read.
async fn store(person: &Person<'_>, stack: &TestStack, [refresh, access]: [&str; 2]) -> Result<()> {
    const STORE: &str = r#"update "juncture-core".connection
        set refresh_token = $2, access_token = $3 where connection_id = $1"#;
    let id = person.connection_id().await?;
    stack.database().await?.execute(STORE, &[&id, &refresh, &access]).await?;
    stack.redis(&["DEL", &person.cache_key()]).await?;
    Ok(())
}

async fn cached(person: &Person<'_>, stack: &TestStack) -> Result<String> {
    match stack.redis(&["GET", &person.cache_key()]).await? {
        redis::Value::BulkString(bytes) => Ok(String::from_utf8(bytes)?),
        other => anyhow::bail!("nothing is cached: {other:?}"),
    }
}

async fn token(person: &Person<'_>) -> Result<String> {
    let answer = person.access_token().await?.json(200);
    Ok(answer["access_token"].as_str().context("a token")?.to_owned())
}

/// A connection whose refresh token does not open fails, without asking Atlassian, and stays valid.
async fn assert_unusable(person: &Person<'_>, stack: &TestStack) -> Result<()> {
    let before = stack.token_requests(&person.account);
    assert_eq!(person.access_token().await?.json(500)["code"], "internal");
    assert_eq!(stack.token_requests(&person.account), before, "something was sent to Atlassian");
    assert_eq!(person.validity().await?["is_invalid"], false);
    Ok(())
}

#[test]
fn a_sealed_value_opens_in_its_own_row_column_and_key_only() {
    run(async {
        let stack = TestStack::start(|options| options.settings.set(FORMAT, "v2")).await?;
        let (one, other) = (stack.strict_person().await?, stack.strict_person().await?);
        let (token_of_one, token_of_other) = (token(&one).await?, token(&other).await?);
        let [refresh, access] = columns(&one, &stack).await?;
        let [foreign, _] = columns(&other, &stack).await?;
        assert!([&refresh, &access, &foreign].iter().all(|sealed| sealed.starts_with("v2:")));
        // Another row's.
        store(&one, &stack, [&foreign, ""]).await?;
        assert_unusable(&one, &stack).await?;
        // Another column's: never sent as a refresh token, never handed out as an access token.
        store(&one, &stack, [&access, ""]).await?;
        assert_unusable(&one, &stack).await?;
        store(&one, &stack, [&refresh, &refresh]).await?;
        let before = stack.token_requests(&one.account);
        let refreshed = token(&one).await?;
        assert!(refreshed != token_of_one && stack.token_requests(&one.account) == before + 1);
        // Another key's.
        let entry = cached(&one, &stack).await?;
        let mut shown: Value = serde_json::from_str(&entry)?;
        for name in ["v", "sealed"] {
            shown.as_object_mut().and_then(|shown| shown.remove(name)).context("a sealed entry")?;
        }
        assert_eq!(shown, json!({}));
        assert_eq!(token(&one).await?, refreshed, "the entry is used where it belongs");
        stack.redis(&["SET", &other.cache_key(), &entry]).await?;
        assert_eq!(token(&other).await?, token_of_other);
        // Another version's.
        let mut newer: Value = serde_json::from_str(&cached(&one, &stack).await?)?;
        newer["v"] = json!(newer["v"].as_i64().context("a version")? + 1);
        let statements = stack.completion(&one.access_token().await?).await?["postgres_statements"].clone();
        assert_eq!(statements, 0);
        stack.redis(&["SET", &one.cache_key(), &newer.to_string()]).await?;
        let answer = one.access_token().await?;
        assert_eq!(answer.json(200)["access_token"], refreshed);
        assert_ne!(stack.completion(&answer).await?["postgres_statements"], 0, "the entry was used");
        stack.stop().await
    });
}

#[test]
fn a_format_of_a_newer_version_is_never_sent_as_a_token() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.strict_person().await?;
        let [refresh, access] = columns(&person, stack).await?;
        assert!(
            refresh.starts_with("v1:") && access.starts_with("v1:"),
            "this release seals as the one before"
        );
        for unknown in [refresh.replacen("v1:", "v3:", 1).as_str(), "v1:malformed", "v2:"] {
            store(&person, stack, [unknown, ""]).await?;
            assert_unusable(&person, stack).await?;
        }
        store(&person, stack, [&refresh, &access]).await?;
        token(&person).await?;
        Ok(())
    });
}

#[test]
fn clear_text_is_a_refresh_token_in_the_database_and_nothing_else() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.strict_person().await?;
        // Not in the other column, and not in Redis.
        store(&person, &stack, [&columns(&person, &stack).await?[0], "clear text"]).await?;
        assert_ne!(token(&person).await?, "clear text");
        let mut entry: Value = serde_json::from_str(&cached(&person, &stack).await?)?;
        entry["access_token"]["sealed"] = "clear text".into();
        stack.redis(&["SET", &person.cache_key(), &entry.to_string()]).await?;
        assert_ne!(token(&person).await?, "clear text");
        let clear = stack.atlassian().newest_refresh_token(&person.account).context("a token")?;
        store(&person, &stack, [&clear, ""]).await?;
        token(&person).await?;
        assert!(columns(&person, &stack).await?[0].starts_with("v1:"), "the next write seals it");
        stack.stop().await?;

        let stack =
            TestStack::start(|options| options.settings.set("ACCEPT_CLEAR_TEXT_TOKENS", "false")).await?;
        let person = stack.strict_person().await?;
        let clear = stack.atlassian().newest_refresh_token(&person.account).context("a token")?;
        store(&person, &stack, [&clear, ""]).await?;
        assert_unusable(&person, &stack).await?;
        stack.stop().await
    });
}
