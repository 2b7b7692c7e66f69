//! Migrations, and adopting a database of the TypeScript version.

use std::process::{Command, Output};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use juncture_local::services::postgres::FUNCTIONS_ROLE;
use juncture_tests::{TestStack, run};

fn migrate(stack: &TestStack) -> Result<Output> {
    let url = stack.postgres().url().to_owned();
    Ok(Command::new(juncture_tests::binaries().join("migrate"))
        .env_clear()
        .env("DATABASE_URL", url)
        .env("DATABASE_FUNCTIONS_ROLE", FUNCTIONS_ROLE)
        .output()?)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_database_of_the_typescript_version_is_adopted() {
    run(async {
        // The three tables and the enum of the contract.
        const LEGACY: &str = r#"
            drop schema "juncture-core" cascade;
            create schema "juncture-core";
            create type "juncture-core"."provider" as enum ('jira');
            create table "juncture-core"."connection" (
                "connection_id" uuid primary key not null,
                "refresh_token" text not null,
                "expires_at" timestamp with time zone not null,
                "created_at" timestamp with time zone default now() not null,
                "last_updated" timestamp with time zone default now() not null,
                "invalid_refresh_token" boolean default false not null
            );
            create table "juncture-core"."connection_external_map" (
                "external_id" text not null,
                "provider" "juncture-core"."provider" not null,
                "connection_id" uuid not null
                    references "juncture-core"."connection" ("connection_id") on delete cascade,
                primary key ("external_id", "provider")
            );
            create table "juncture-core"."jira_connection" (
                "connection_id" uuid primary key not null
                    references "juncture-core"."connection" ("connection_id") on delete cascade,
                "selected_jira_project_id" text,
                "jira_site_id" text not null,
                "created_at" timestamp with time zone default now() not null,
                "last_updated" timestamp with time zone default now() not null
            );"#;
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        let refresh_token =
            stack.atlassian().newest_refresh_token(&person.account).context("a refresh token")?;
        let id = uuid::Uuid::new_v4();
        let database = stack.database().await?;
        stack.redis(&["FLUSHDB"]).await?;
        database.batch_execute(LEGACY).await?;
        database
            .execute(
                r#"insert into "juncture-core".connection (connection_id, refresh_token, expires_at)
                   values ($1, $2, now() + interval '100 days')"#,
                &[&id, &refresh_token],
            )
            .await?;
        database
            .execute(
                r#"insert into "juncture-core".connection_external_map values ($1, 'jira', $2)"#,
                &[&person.external_id, &id],
            )
            .await?;
        database
            .execute(
                r#"insert into "juncture-core".jira_connection (connection_id, selected_jira_project_id, jira_site_id)
                   values ($1, '10001', $2)"#,
                &[&id, &stack.site_id("harbour")?],
            )
            .await?;

        let output = migrate(&stack)?;
        assert!(output.status.success(), "{}", said(&output));
        let credentials = person.info("get-connection-credentials").await?.json(200);
        assert_eq!(credentials["refresh_token"].as_str(), Some(refresh_token.as_str()), "clear text is read");
        person.access_token().await?.json(200);
        assert_eq!(person.projects().await?.json(200)["selected_project_id"], "10001");
        let row = database
            .query_one(
                r#"select refresh_token from "juncture-core".connection where connection_id = $1"#,
                &[&id],
            )
            .await?;
        assert!(row.get::<_, String>(0).starts_with("v1:"), "sealed at its next write");
        person.connect("harbour").await?;
        assert_eq!(person.connection_id().await?, id);
        stack.stop().await
    });
}

#[test]
fn migrations_are_applied_once_and_in_order() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let output = migrate(&stack)?;
        assert!(output.status.success() && said(&output).contains("up to date"), "{}", said(&output));
        let database = stack.database().await?;
        database.batch_execute(r#"drop schema "juncture-core" cascade"#).await?;
        // Four at once: one applies them, the others find nothing to do.
        let outputs = try_join_all((0..4).map(|_| {
            let url = stack.postgres().url().to_owned();
            tokio::task::spawn_blocking(move || {
                Command::new(juncture_tests::binaries().join("migrate"))
                    .env_clear()
                    .env("DATABASE_URL", url)
                    .output()
            })
        }))
        .await?;
        let mut applied = 0;
        for output in outputs {
            let output = output?;
            assert!(output.status.success(), "{}", said(&output));
            applied += usize::from(said(&output).contains("0001_core, 0002"));
        }
        assert_eq!(applied, 1);
        database
            .batch_execute(
                r#"update "juncture-core".migration set checksum = 'other' where name like '0001%'"#,
            )
            .await?;
        let output = migrate(&stack)?;
        assert!(!output.status.success());
        assert!(
            said(&output).contains("0001_core was changed after it had been applied"),
            "{}",
            said(&output)
        );
        stack.stop().await
    });
}
