use std::fs;
use std::path::PathBuf;

use reqwest::StatusCode;
use sandbox::{NewAccount, Settings};
use uuid::Uuid;

use crate::support::{ALL_SCOPES, App, HARBOUR};

/// A path for one test's state file, removed afterwards.
struct StateFile(PathBuf);

impl StateFile {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("sandbox-{}.json", Uuid::new_v4())))
    }

    async fn start(&self) -> anyhow::Result<App> {
        App::try_start(Settings::default(), Some(self.0.clone())).await
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn grants_tokens_and_added_accounts_survive_a_restart() {
    let file = StateFile::new();
    let app = file.start().await.unwrap();
    let new = NewAccount { key: "test-1".to_owned(), name: None, sites: ["harbour".to_owned()].into() };
    app.handle().create_account(new).unwrap();
    let first = app.connect("test-1", &["harbour"], ALL_SCOPES).await;
    let second = app.rotate(&first.refresh).await;
    drop(app);

    let app = file.start().await.unwrap();
    assert_eq!(app.jira(HARBOUR, "myself", &second.access).await.0, StatusCode::OK);
    let third = app.rotate(&second.refresh).await;
    assert_eq!(app.handle().newest_refresh_token("test-1").unwrap(), third.refresh);
}

#[tokio::test]
async fn a_file_that_is_something_else_is_named_and_left_alone() {
    let file = StateFile::new();
    fs::write(&file.0, "not a state").unwrap();
    let error = file.start().await.err().unwrap().to_string();
    assert!(error.contains(file.0.to_str().unwrap()), "{error}");
    assert_eq!(fs::read_to_string(&file.0).unwrap(), "not a state");
}
