//! The former version and this one work with what the other one stored: rows, cached connections, records of idempotent
//! requests, flows that are under way, connect tokens and cursors. During a deployment both run, and after a rollback
//! the former one continues with what this one left.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use juncture_tests::{Answer, Person, TestStack, binaries, run};
use sandbox::Decision;
use serde_json::{Value, json};

/// Set by `make test`, which builds the former version (`scripts/former-version.sh`).
const BUILT: &str = "JUNCTURE_TEST_FORMER";

/// The functions of a stack, each of which can be exchanged for that of the other version.
struct Versions {
    folder: PathBuf,
    functions: Vec<String>,
}

impl Versions {
    /// A folder with links to the present functions.
    fn new(functions: Vec<String>) -> Result<Self> {
        let folder = binaries().join("juncture-test").join(format!("versions-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&folder)?;
        let versions = Self { folder, functions };
        for function in &versions.functions {
            versions.link(function, &binaries().join(function))?;
        }
        Ok(versions)
    }

    /// Replaces all running functions by those of the former version, as far as it was built.
    async fn former(&self, stack: &TestStack) -> Result<()> {
        let former = |function: &String| binaries().join(format!("former-{function}"));
        let built = self.functions.iter().filter(|function| former(function).exists());
        let mut count = 0;
        for function in built {
            self.link(function, &former(function))?;
            count += 1;
        }
        ensure!(count > 10, "the former version is not built: scripts/former-version.sh");
        replace(stack).await
    }

    /// Replaces all running functions by those of this version.
    async fn present(&self, stack: &TestStack) -> Result<()> {
        for function in &self.functions {
            self.link(function, &binaries().join(function))?;
        }
        replace(stack).await
    }

    fn link(&self, function: &str, program: &Path) -> Result<()> {
        let link = self.folder.join(function);
        if link.is_symlink() {
            fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(program, link).with_context(|| function.to_owned())
    }
}

async fn replace(stack: &TestStack) -> Result<()> {
    for function in stack.functions() {
        stack.gateway().replace(&function.name).await?;
    }
    Ok(())
}

/// What one version leaves to the other.
struct Left<'a> {
    person: Person<'a>,
    access_token: Value,
    project: String,
    ticket: Value,
    cursor: String,
    list_cursor: String,
    /// A connect token, the URL of a consent page, and a connection code, of flows that are under way.
    beginning: (Person<'a>, String),
    consenting: (Person<'a>, String),
    choosing: (Person<'a>, String),
}

async fn connect_token(stack: &TestStack, person: &Person<'_>) -> Result<String> {
    let body = json!({ "provider": "jira", "external_id": person.external_id });
    let answer = stack.backend_post("connect-token", &body).await?.json(200);
    Ok(answer["connect_token"].as_str().context("a token")?.to_owned())
}

fn ticket(project: &str) -> Value {
    json!({ "jira_project_id": project, "summary": "Left", "issue_type_id": "10001" })
}

async fn page(person: &Person<'_>, stack: &TestStack, project: &str, more: (&str, &str)) -> Result<Answer> {
    let query = [("external_id", person.external_id.as_str()), ("jira_project_id", project), more];
    stack.backend("jira/get-tickets-for-project", &query).await
}

async fn leave<'a>(stack: &'a TestStack, key: &str) -> Result<Left<'a>> {
    // Another connection, so that lists have a second page.
    stack.connected_user().await?;
    let person = stack.strict_person().await?;
    let access_token = person.access_token().await?.json(200);
    let project = stack.project(key, 3)?;
    let select = person.body(json!({ "jira_project_id": project }));
    stack.backend_post("jira/select-project", &select).await?.json(200);
    let ticket = person.create_once("left", ticket(&project)).await?.json(201);
    let first = page(&person, stack, &project, ("limit", "2")).await?.json(200);
    let list = stack.backend("connection-info/list-connections", &[("limit", "1")]).await?.json(200);
    let beginning = stack.person(&["harbour"])?;
    let token = connect_token(stack, &beginning).await?;
    let (consenting, choosing) = (stack.person(&["harbour"])?, stack.person(&["harbour"])?);
    let (consent, code) = (consenting.begin().await?, choosing.connection_code().await?);
    Ok(Left {
        person,
        access_token,
        project,
        ticket,
        cursor: first["next_cursor"].as_str().context("a cursor")?.to_owned(),
        list_cursor: list["next_cursor"].as_str().context("a cursor")?.to_owned(),
        beginning: (beginning, token),
        consenting: (consenting, consent),
        choosing: (choosing, code),
    })
}

async fn continue_with(left: &Left<'_>, stack: &TestStack) -> Result<()> {
    let Left { person, access_token, project, .. } = left;
    // Cached, without asking Atlassian; then refreshed.
    let before = stack.token_requests(&person.account);
    let answer = person.access_token().await?;
    assert_eq!((&answer.json(200), stack.token_requests(&person.account)), (access_token, before));
    person.forget_access_token().await?;
    person.access_token().await?.json(200);
    assert_eq!(stack.token_requests(&person.account), before + 1);
    crate::refresh::assert_nothing_is_lost(stack, person).await?;
    assert_eq!(person.projects().await?.json(200)["selected_project_id"], project.as_str());
    // A request is repeated, and a list continued.
    assert_eq!(person.create_once("left", ticket(project)).await?.json(201), left.ticket);
    let rest = page(person, stack, project, ("cursor", &left.cursor)).await?.json(200);
    assert_eq!(rest["tickets"].as_array().map(Vec::len), Some(2), "{rest}");
    stack.backend("connection-info/list-connections", &[("cursor", &left.list_cursor)]).await?.json(200);
    // Flows are finished, from wherever they are.
    let (beginning, token) = &left.beginning;
    let body = json!({ "provider": "jira", "external_id": beginning.external_id, "connect_token": token });
    let begun = stack.post("/api/frontend/oauth/initiate-oauth-flow", &body).await?.json(200);
    let consent = begun["authorization_uri"].as_str().context("a URL")?.to_owned();
    for (person, consent) in [(beginning, &consent), (&left.consenting.0, &left.consenting.1)] {
        let returned = stack.get(&person.decide(consent, Decision::Accept)?).await?;
        ensure!(returned.status == 303, "{returned:?}");
        let location = returned.header("location");
        let code = location.rsplit('/').next().context("a code")?;
        person.create_connection(code, "harbour").await?.json(200);
        person.access_token().await?.json(200);
    }
    let (choosing, code) = &left.choosing;
    choosing.create_connection(code, "harbour").await?.json(200);
    choosing.access_token().await?.json(200);
    // A connection that was made by the other version is removed.
    person.disconnect().await?.json(200);
    assert_eq!(person.access_token().await?.status, 401);
    Ok(())
}

#[test]
fn both_versions_continue_with_what_the_other_one_left() {
    if std::env::var_os(BUILT).is_none() {
        eprintln!("not run: {BUILT} is not set; make test builds the former version and sets it");
        return;
    }
    run(async {
        let functions = TestStack::shared().await?.functions();
        let versions = Versions::new(functions.iter().map(|function| function.binary.clone()).collect())?;
        let stack = TestStack::start(|options| options.binaries = versions.folder.clone()).await?;
        versions.former(&stack).await?;
        let of_former = leave(&stack, "FORMER").await?;
        versions.present(&stack).await?;
        continue_with(&of_former, &stack).await?;
        let of_present = leave(&stack, "PRESENT").await?;
        versions.former(&stack).await?;
        continue_with(&of_present, &stack).await?;
        fs::remove_dir_all(&versions.folder)?;
        stack.stop().await
    });
}
