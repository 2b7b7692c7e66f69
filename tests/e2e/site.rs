//! The name and URL of a connection's site, and links to its issues.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use juncture_local::upstash;
use juncture_tests::{Answer, Person, TestStack, run};
use sandbox::{Class, Fault, GateSpec, Rule, When};
use serde_json::{Value, json};

const HARBOUR: &str = "https://harbour.atlassian.net";
const LIGHTHOUSE: &str = "https://lighthouse.atlassian.net";

/// The row's columns about its site.
const NAMED: &str = r#"select jira_site_name, jira_site_url from "juncture-core".jira_connection
    where connection_id = $1 and jira_site_named = jira_site_id"#;

fn at(site: &str, key: &Value) -> Value {
    json!(format!("{site}/browse/{}", key.as_str().unwrap_or_default()))
}

async fn snapshot(stack: &TestStack, person: &Person<'_>) -> Result<Value> {
    match stack.redis(&["GET", &person.cache_key()]).await? {
        redis::Value::BulkString(bytes) => Ok(serde_json::from_slice(&bytes)?),
        other => anyhow::bail!("no snapshot: {other:?}"),
    }
}

/// Makes a connection look as if it was saved before the site's name and URL were stored.
async fn age(stack: &TestStack, person: &Person<'_>) -> Result<()> {
    const FORGET: &str = r#"update "juncture-core".jira_connection
        set jira_site_name = null, jira_site_url = null, jira_site_named = null where connection_id = $1"#;
    stack.database().await?.execute(FORGET, &[&person.connection_id().await?]).await?;
    person.forget_cached_connection().await
}

/// Reads the row's columns about its site.
async fn stored(stack: &TestStack, person: &Person<'_>) -> Result<Option<(Option<String>, Option<String>)>> {
    let row = stack.database().await?.query_opt(NAMED, &[&person.connection_id().await?]).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

fn harbour() -> Option<(Option<String>, Option<String>)> {
    Some((Some("Harbour".to_owned()), Some(HARBOUR.to_owned())))
}

/// The number of site list requests that Atlassian received for this person.
fn asked(stack: &TestStack, person: &Person<'_>) -> usize {
    let requests = stack.atlassian().requests();
    let is_its = |account: Option<&str>| account == Some(person.account.as_str());
    requests.iter().filter(|it| it.class == Class::Resources && is_its(it.account.as_deref())).count()
}

/// Makes this person's next site list request fail.
fn trouble(stack: &TestStack, person: &Person<'_>, fault: Fault) {
    stack.atlassian().inject(Rule::new(Class::Resources, fault).account(&person.account).times(1));
}

async fn call(stack: &TestStack, person: &Person<'_>, call: &str, more: &[(&str, &str)]) -> Result<Answer> {
    let query = [&[("external_id", person.external_id.as_str())], more].concat();
    stack.backend(&format!("jira/{call}"), &query).await
}

async fn details_url(person: &Person<'_>) -> Result<Value> {
    Ok(person.details("SHIP-1").await?.json(200)["issue"]["url"].take())
}

fn site_of(shown: &Value) -> [&Value; 3] {
    [&shown["site_id"], &shown["site_name"], &shown["site_url"]]
}

/// Chooses another site like a version that does not know the columns.
async fn choose_as_before(stack: &TestStack, person: &Person<'_>, site: &str) -> Result<()> {
    const CHOOSE: &str = r#"
        with chosen as (
            update "juncture-core".jira_connection
            set jira_site_id = $2, selected_jira_project_id = null, last_updated = now() where connection_id = $1
        )
        update "juncture-core".connection set version = nextval('"juncture-core".connection_version')
        where connection_id = $1"#;
    let (id, site) = (person.connection_id().await?, stack.site_id(site)?);
    stack.database().await?.execute(CHOOSE, &[&id, &site]).await?;
    person.forget_cached_connection().await
}

#[test]
fn every_response_links_to_what_it_shows() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = asked(stack, &person);

        let projects = person.projects().await?.json(200);
        let listed = projects["projects"].as_array().context("no projects")?;
        assert!(
            listed.len() > 2 && listed.iter().all(|it| it["url"] == at(HARBOUR, &it["key"])),
            "{projects}"
        );

        let id = stack.project("LINKED", 102)?;
        for part in [&[][..], &[("limit", "3")], &[("limit", "101")]] {
            let query = [&[("jira_project_id", id.as_str())], part].concat();
            let list = call(stack, &person, "get-tickets-for-project", &query).await?.json(200);
            let tickets = list["tickets"].as_array().context("no tickets")?;
            assert!(tickets.len() > 2, "{list}");
            for ticket in tickets {
                assert_eq!(ticket["url"], at(HARBOUR, &ticket["key"]));
            }
        }

        let sprint = call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502")]).await?.json(200);
        let tickets = sprint["tickets"].as_array().context("no tickets")?;
        assert!(tickets.iter().any(|ticket| !ticket["fields"]["parent"].is_null()), "{sprint}");
        for ticket in tickets {
            assert_eq!(ticket["url"], at(HARBOUR, &ticket["key"]));
            let parent = &ticket["fields"]["parent"];
            assert!(parent.is_null() || parent["url"] == at(HARBOUR, &parent["key"]), "{ticket}");
        }

        let answer = person.details("SHIP-2").await?;
        let issue = answer.json(200)["issue"].take();
        assert_eq!(issue["url"], format!("{HARBOUR}/browse/SHIP-2"));
        assert_eq!(issue["project"]["url"], format!("{HARBOUR}/browse/SHIP"));
        let line = stack.completion(&answer).await?;
        for (count, expected) in [("redis_requests", 1), ("postgres_statements", 0), ("jira_requests", 1)] {
            assert_eq!(line[count], expected, "{count}: {line}");
        }

        let fields = json!({ "jira_project_id": id, "summary": "New", "issue_type_id": "10001" });
        let created = person.create(fields.clone()).await?.json(201);
        assert_eq!(created["ticket"]["url"], format!("{HARBOUR}/browse/LINKED-103"));
        let once = person.create_once("linked", fields.clone()).await?.json(201);
        assert_eq!(once["ticket"]["url"], format!("{HARBOUR}/browse/LINKED-104"));
        assert_eq!(person.create_once("linked", fields).await?.json(201), once);
        let edited = person.edit("LINKED-103", json!({ "summary": "Newer" })).await?.json(200);
        assert_eq!(edited["issue"]["url"], format!("{HARBOUR}/browse/LINKED-103"));

        assert_eq!(asked(stack, &person), before, "Atlassian was asked for what the consent told");
        Ok(())
    });
}

#[test]
fn an_issue_without_a_key_has_no_link() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let body = json!({ "id": "1", "fields": { "project": { "id": "1", "key": null } } });
        let bare = Fault::Status { status: 200, body: Some(body) };
        stack.atlassian().inject(person.trouble("GET", bare).times(1));
        let issue = person.details("1").await?.json(200)["issue"].take();
        assert_eq!((&issue["url"], &issue["project"]["url"]), (&Value::Null, &Value::Null));
        Ok(())
    });
}

#[test]
fn a_connection_is_shown_with_its_site() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let nobody = stack.person(&["harbour"])?;
        assert_eq!(site_of(&nobody.validity().await?), [&Value::Null; 3]);
        // One account, connected by two customers of the product to different sites.
        let first = stack.person(&["harbour", "lighthouse"])?;
        first.connect("harbour").await?;
        let mut second = stack.person(&["lighthouse"])?;
        second.account.clone_from(&first.account);
        second.connect("lighthouse").await?;
        let expected = BTreeMap::from([
            (first.external_id.as_str(), ["harbour", "Harbour", HARBOUR]),
            (second.external_id.as_str(), ["lighthouse", "Lighthouse", LIGHTHOUSE]),
        ]);
        let list = stack.backend("connection-info/list-connections", &[]).await?.json(200);
        let list = list["connections"].as_array().context("no list")?;
        assert_eq!(list.len(), 2);
        for person in [&first, &second] {
            let [site, name, url] = expected[person.external_id.as_str()];
            let (id, name, site_url) = (json!(stack.site_id(site)?), json!(name), json!(url));
            assert_eq!(site_of(&person.validity().await?), [&id, &name, &site_url]);
            let entry = list.iter().find(|entry| entry["external_id"] == person.external_id);
            assert_eq!(site_of(entry.context("not listed")?), [&id, &name, &site_url]);
            let projects = person.projects().await?.json(200);
            assert_eq!(projects["projects"][0]["url"], at(url, &projects["projects"][0]["key"]));
        }
        // Choosing another site replaces all columns.
        first.connect("lighthouse").await?;
        assert_eq!(first.validity().await?["site_name"], "Lighthouse");
        let projects = first.projects().await?.json(200);
        assert_eq!(projects["projects"][0]["url"], at(LIGHTHOUSE, &projects["projects"][0]["key"]));
        stack.stop().await
    });
}

#[test]
fn an_old_connection_learns_its_sites_url_on_its_next_use() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        age(stack, &person).await?;
        let shown = person.validity().await?;
        assert_eq!(site_of(&shown), [&json!(stack.site_id("harbour")?), &Value::Null, &Value::Null]);
        let before = asked(stack, &person);
        // The token is cached, so the only extra request is the one for the site.
        person.access_token().await?.json(200);
        let answer = person.details("SHIP-1").await?;
        assert_eq!(answer.json(200)["issue"]["url"], format!("{HARBOUR}/browse/SHIP-1"));
        let line = stack.completion(&answer).await?;
        for (count, expected) in [("redis_requests", 2), ("postgres_statements", 2), ("jira_requests", 2)] {
            assert_eq!(line[count], expected, "{count}: {line}");
        }
        assert_eq!(stored(stack, &person).await?, harbour());
        assert_eq!(person.validity().await?["site_url"], HARBOUR);
        assert_eq!(
            snapshot(stack, &person).await?["jira_site"],
            json!({ "name": "Harbour", "url": HARBOUR })
        );
        // From now on it is in the cache and in the row.
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        person.forget_cached_connection().await?;
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        assert_eq!(asked(stack, &person) - before, 1);

        // Every route that returns links stores it.
        let fields = json!({ "jira_project_id": stack.project("LEARNED", 0)?, "summary": "a", "issue_type_id": "10001" });
        let ship = [("jira_project_id", "SHIP")];
        for route in 0..6 {
            age(stack, &person).await?;
            let url =
                match route {
                    0 => person.projects().await?.json(200)["projects"][0]["url"].take(),
                    1 => call(stack, &person, "get-tickets-for-project", &ship).await?.json(200)["tickets"]
                        [0]["url"]
                        .take(),
                    2 => call(stack, &person, "get-tickets-for-sprint", &[("sprint_id", "502")])
                        .await?
                        .json(200)["tickets"][0]["url"]
                        .take(),
                    3 => person.create(fields.clone()).await?.json(201)["ticket"]["url"].take(),
                    4 => {
                        person.create_once("learned", fields.clone()).await?.json(201)["ticket"]["url"].take()
                    }
                    _ => person.edit("LEARNED-1", json!({ "summary": "b" })).await?.json(200)["issue"]["url"]
                        .take(),
                };
            assert!(
                url.as_str().is_some_and(|url| url.starts_with(&format!("{HARBOUR}/browse/"))),
                "{route}: {url}"
            );
            assert_eq!(stored(stack, &person).await?, harbour(), "{route}");
        }
        assert_eq!(person.creates(), 2);
        Ok(())
    });
}

#[test]
fn a_request_succeeds_without_the_sites_url() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let listed = |body: Value| Fault::Status { status: 200, body: Some(body) };
        let faults = [
            Fault::Hang,
            Fault::Drop,
            Fault::Status { status: 500, body: None },
            Fault::Status { status: 401, body: Some(json!({ "code": 401, "message": "Unauthorized" })) },
            Fault::RateLimited { retry_after: Some(30), reason: None },
            Fault::MalformedJson,
            listed(json!({ "sites": [] })),
        ];
        for fault in faults {
            age(stack, &person).await?;
            let before = asked(stack, &person);
            trouble(stack, &person, fault.clone());
            let answer = person.details("SHIP-1").await?;
            let issue = answer.json(200)["issue"].take();
            assert_eq!((&issue["key"], &issue["url"]), (&json!("SHIP-1"), &Value::Null), "{fault:?}");
            assert_eq!(asked(stack, &person) - before, 1, "{fault:?}");
            let took = stack.completion(&answer).await?["duration_ms"].as_f64().context("no duration")?;
            assert!(took < 4000.0, "{fault:?}: {took} ms");
            assert_eq!(person.validity().await?["site_url"], Value::Null);
            assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"), "{fault:?}");
            assert_eq!(stored(stack, &person).await?, harbour());
        }
        // If the call itself fails, its error is the usual one.
        age(stack, &person).await?;
        assert_eq!(person.details("SHIP-99999").await?.refusal(404), "Issue not found");
        Ok(())
    });
}

#[test]
fn a_site_that_atlassian_does_not_list_is_asked_for_once() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let harbour_id = stack.site_id("harbour")?;
        let entry =
            |id: &str, url: &str| json!({ "id": id, "name": "A", "url": url, "scopes": ["read:jira-work"] });
        let lists = [
            json!([]),
            json!([entry("another", LIGHTHOUSE)]),
            json!([entry(&harbour_id, "http://harbour.atlassian.net")]),
            json!([entry(&harbour_id, "https://ada:secret@harbour.atlassian.net")]),
            json!([entry(&harbour_id, "javascript:alert(1)")]),
        ];
        for list in lists {
            age(stack, &person).await?;
            let before = asked(stack, &person);
            trouble(stack, &person, Fault::Status { status: 200, body: Some(list.clone()) });
            for _ in 0..3 {
                assert_eq!(details_url(&person).await?, Value::Null, "{list}");
                assert_eq!(person.projects().await?.json(200)["projects"][0]["url"], Value::Null);
            }
            assert_eq!(asked(stack, &person) - before, 1, "{list}");
            assert_eq!(stored(stack, &person).await?, None);
        }
        // Only for the lifetime of the cache entry.
        person.forget_access_token().await?;
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        assert_eq!(stored(stack, &person).await?, harbour());
        Ok(())
    });
}

#[test]
fn a_cache_entry_of_the_previous_version_is_completed_from_the_row() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = asked(stack, &person);
        let mut old = snapshot(stack, &person).await?;
        let site = old.as_object_mut().and_then(|old| old.remove("jira_site")).context("no site")?;
        assert_eq!(site, json!({ "name": "Harbour", "url": HARBOUR }));
        stack.redis(&["SET", &person.cache_key(), &old.to_string(), "PX", "600000"]).await?;
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        assert_eq!(asked(stack, &person), before, "the row knows it");
        assert_eq!(snapshot(stack, &person).await?["jira_site"], site);
        Ok(())
    });
}

#[test]
fn a_site_that_the_former_version_chose_is_not_taken_for_the_one_before() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse"])?;
        person.connect("harbour").await?;
        choose_as_before(stack, &person, "lighthouse").await?;
        let lighthouse = stack.site_id("lighthouse")?;
        let unknown = [&json!(lighthouse), &Value::Null, &Value::Null];
        assert_eq!(site_of(&person.validity().await?), unknown);
        let list = stack.backend("connection-info/list-connections", &[("limit", "1000")]).await?.json(200);
        let list = list["connections"].as_array().context("no list")?;
        let entry = list.iter().find(|entry| entry["external_id"] == person.external_id);
        assert_eq!(site_of(entry.context("not listed")?), unknown);
        let projects = person.projects().await?.json(200);
        assert_eq!(projects["projects"][0]["url"], at(LIGHTHOUSE, &projects["projects"][0]["key"]));
        assert_eq!(person.validity().await?["site_name"], "Lighthouse");
        Ok(())
    });
}

#[test]
fn a_learned_site_replaces_nothing_newer() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour", "lighthouse"])?;
        person.connect("harbour").await?;
        let hold = |when| {
            stack.atlassian().hold(GateSpec {
                class: Class::Resources,
                account: Some(person.account.clone()),
                when,
            })
        };
        // During the request to Atlassian, the connection gets new tokens and another project.
        age(stack, &person).await?;
        let refreshes = stack.token_requests(&person.account);
        let gate = hold(When::After);
        let meanwhile = async {
            gate.arrived().await;
            person.forget_access_token().await?;
            person.access_token().await?.json(200);
            let selection = person.body(json!({ "jira_project_id": "10001" }));
            stack.backend_post("jira/select-project", &selection).await?.json(200);
            gate.release();
            anyhow::Ok(())
        };
        let (answer, done) = tokio::join!(person.details("SHIP-1"), meanwhile);
        done?;
        answer?.json(200);
        assert_eq!(stack.token_requests(&person.account) - refreshes, 1);
        assert_eq!(person.projects().await?.json(200)["selected_project_id"], "10001");
        let row = r#"select version from "juncture-core".connection where connection_id = $1"#;
        let version: i64 =
            stack.database().await?.query_one(row, &[&person.connection_id().await?]).await?.get(0);
        assert_eq!(snapshot(stack, &person).await?["v"], version);
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));

        // During the request to Atlassian, another site is chosen.
        age(stack, &person).await?;
        let code = person.connection_code().await?;
        let gate = hold(When::After);
        let meanwhile = async {
            gate.arrived().await;
            person.create_connection(&code, "lighthouse").await?.json(200);
            gate.release();
            anyhow::Ok(())
        };
        let (answer, done) = tokio::join!(person.details("SHIP-1"), meanwhile);
        done?;
        let url = answer?.json(200)["issue"]["url"].take();
        assert!(url.is_null() || url == format!("{HARBOUR}/browse/SHIP-1"), "{url}");
        let shown = person.validity().await?;
        let lighthouse = [&json!(stack.site_id("lighthouse")?), &json!("Lighthouse"), &json!(LIGHTHOUSE)];
        assert_eq!(site_of(&shown), lighthouse);
        assert_eq!(snapshot(stack, &person).await?["jira_site"]["url"], LIGHTHOUSE);

        // The same with a version that does not know the columns.
        choose_as_before(stack, &person, "harbour").await?;
        age(stack, &person).await?;
        let gate = hold(When::After);
        let meanwhile = async {
            gate.arrived().await;
            choose_as_before(stack, &person, "lighthouse").await?;
            gate.release();
            anyhow::Ok(())
        };
        let (answer, done) = tokio::join!(person.details("SHIP-1"), meanwhile);
        done?;
        answer?.json(200);
        assert_eq!(site_of(&person.validity().await?), [lighthouse[0], &Value::Null, &Value::Null]);
        Ok(())
    });
}

#[test]
fn a_stored_response_gets_its_link_when_returned() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let fields = json!({ "jira_project_id": stack.project("LINKKEPT", 0)?, "summary": "a", "issue_type_id": "10001" });
        age(stack, &person).await?;
        trouble(stack, &person, Fault::Status { status: 500, body: None });
        let first = person.create_once("kept", fields.clone()).await?.json(201);
        assert_eq!((&first["ticket"]["key"], &first["ticket"]["url"]), (&json!("LINKKEPT-1"), &Value::Null));
        let second = person.create_once("kept", fields).await?.json(201);
        assert_eq!(second["ticket"]["url"], format!("{HARBOUR}/browse/LINKKEPT-1"));
        assert_eq!(person.creates(), 1);
        Ok(())
    });
}

#[test]
fn a_store_outage_fails_no_request() {
    run(async {
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        // Without Redis it is still stored in the row.
        age(&stack, &person).await?;
        let front = stack.front();
        front.faults().set(Some(upstash::Fault::Refuse));
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        front.faults().set(None);
        assert_eq!(stored(&stack, &person).await?, harbour());

        // If the row cannot be written, the response is unaffected, and a later call stores it.
        age(&stack, &person).await?;
        let database = stack.database().await?;
        database
            .batch_execute(
                r#"create function strike() returns trigger language plpgsql as
                       $$ begin raise exception 'on strike'; end $$;
                   create trigger strike before update on "juncture-core".jira_connection
                       for each row execute function strike()"#,
            )
            .await?;
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        assert_eq!(stored(&stack, &person).await?, None);
        stack.logged(&["site name and URL not stored"]).await?;
        database.batch_execute(r#"drop trigger strike on "juncture-core".jira_connection"#).await?;
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        assert_eq!(stored(&stack, &person).await?, harbour());

        // A locked table does not delay the response.
        age(&stack, &person).await?;
        person.access_token().await?.json(200);
        database.batch_execute(r#"begin; lock table "juncture-core".jira_connection"#).await?;
        let answer = tokio::time::timeout(Duration::from_secs(20), person.details("SHIP-1")).await??;
        assert_eq!(answer.json(200)["issue"]["url"], Value::Null);
        database.batch_execute("rollback").await?;
        assert_eq!(details_url(&person).await?, format!("{HARBOUR}/browse/SHIP-1"));
        stack.stop().await
    });
}
