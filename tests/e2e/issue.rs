//! `get-issue-details`.

use juncture_tests::{TestStack, run};
use reqwest::Method;
use sandbox::Fault;
use serde_json::{Value, json};

#[test]
fn the_details_of_an_issue_are_the_contracts() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let before = person.jira_requests().len();
        let issue = person.details("SHIP-2").await?.json(200)["issue"].take();
        assert_eq!(person.jira_requests().len() - before, 1);
        assert_eq!(issue["key"], "SHIP-2");
        assert_eq!(issue["summary"], "Load the grain");
        assert!(issue["description"].as_str().is_some_and(|text| !text.is_empty()), "{issue}");
        assert_eq!(issue["status"], json!({ "id": "3", "name": "In Progress", "category": "indeterminate" }));
        assert_eq!((&issue["priority"]["id"], &issue["priority"]["name"]), (&json!("1"), &json!("Highest")));
        assert!(issue["priority"]["iconUrl"].as_str().is_some_and(|url| url.starts_with("http")));
        assert_eq!(
            (&issue["issueType"]["id"], &issue["issueType"]["name"]),
            (&json!("10004"), &json!("Story"))
        );
        assert_eq!(issue["assignee"]["displayName"], "Sam Single-Site");
        assert!(issue["assignee"]["emailAddress"].is_string(), "{issue}");
        assert!(issue["assignee"]["avatarUrl"].as_str().is_some_and(|url| url.starts_with("http")));
        assert_eq!(issue["reporter"]["displayName"], "Ada Admin");
        assert_eq!(issue["reporter"]["emailAddress"], Value::Null);
        assert_eq!(
            issue["project"],
            json!({ "id": "10000", "key": "SHIP", "name": "Shipping", "url": "https://harbour.atlassian.net/browse/SHIP" })
        );
        for time in ["created", "updated"] {
            assert!(issue[time].as_str().is_some_and(|t| t.ends_with(".123Z") && t.len() == 24), "{issue}");
        }
        assert_eq!(issue["resolution"], Value::Null);
        for (names, ids, name, id) in [
            ("components", "componentIds", json!(["Hull"]), json!(["100000"])),
            ("fixVersions", "fixVersionIds", json!(["2.0"]), json!(["100001"])),
            ("affectedVersions", "affectedVersionIds", json!([]), json!([])),
        ] {
            assert_eq!((&issue[names], &issue[ids]), (&name, &id));
        }
        let times = json!({ "originalEstimate": "8h", "remainingEstimate": "6h", "timeSpent": "2h" });
        assert_eq!(issue["timeTracking"], times);
        let custom = &issue["customFields"];
        assert_eq!(custom["customfield_10016"], 5.0);
        assert_eq!(custom["customfield_10020"], json!(["Voyage 1", "Voyage 2"]));
        assert_eq!(custom["customfield_10030"], "North 3");
        assert_eq!(custom["customfield_10031"], "Major");
        assert!(custom.get("customfield_10032").is_none(), "{custom}");
        Ok(())
    });
}

#[test]
fn missing_details_are_null() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let key = person.task(&stack.project("BARE", 0)?, "Nothing but a summary").await?;
        let issue = person.details(&key).await?.json(200)["issue"].take();
        for field in ["description", "assignee", "resolution", "timeTracking"] {
            assert_eq!(issue.get(field), Some(&Value::Null), "{field}");
        }
        for field in ["labels", "components", "componentIds", "fixVersions", "affectedVersions"] {
            assert_eq!(issue[field], json!([]), "{field}");
        }
        assert_eq!(issue["status"]["category"], "new");
        Ok(())
    });
}

#[test]
fn an_issue_has_an_id_and_a_key_and_the_route_two_names() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let known = person.details("SHIP-1").await?.json(200);
        let id = known["issue"]["id"].as_str().unwrap_or_default().to_owned();
        for issue in [id.as_str(), "ship-1"] {
            assert_eq!(person.details(issue).await?.json(200), known, "{issue}");
        }
        for (name, issue) in [("issue_key", "SHIP-1"), ("issue_id_or_key", &id)] {
            let query = [("external_id", person.external_id.as_str()), (name, issue)];
            assert_eq!(stack.backend("jira/get-issue", &query).await?.json(200), known);
        }
        Ok(())
    });
}

#[test]
fn every_error_has_its_message() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let missing =
            stack.backend("jira/get-issue-details", &[("external_id", &person.external_id)]).await?;
        assert_eq!(missing.refusal(400), "Missing issue_id_or_key");
        for nonsense in ["SHIP", "../myself", "SHIP-1 OR 1=1", "1;2", "-1", "SHIP-", "🙂-1"] {
            let before = person.jira_requests().len();
            assert!(person.details(nonsense).await?.refusal(400).contains("issue_id_or_key"), "{nonsense}");
            assert_eq!(person.jira_requests().len(), before);
        }
        for unknown in ["SHIP-999999", "NONE-1", "987654321"] {
            assert_eq!(person.details(unknown).await?.refusal(404), "Issue not found");
        }
        let query = [("external_id", "nobody"), ("issue_id_or_key", "SHIP-1")];
        assert_eq!(
            stack.backend("jira/get-issue-details", &query).await?.refusal(404),
            "Connection not found"
        );
        let keyless = stack.request(Method::GET, "/api/backend/jira/get-issue-details").bearer_auth("wrong");
        assert_eq!(stack.send(keyless).await?.refusal(401), "Invalid secret key");

        for fault in [
            Fault::Status { status: 500, body: None },
            Fault::Status { status: 200, body: Some(json!({ "surprise": true })) },
            Fault::Drop,
            Fault::MalformedJson,
            Fault::TruncatedBody,
        ] {
            stack.atlassian().inject(person.trouble("/issue/", fault.clone()));
            assert_eq!(
                person.details("SHIP-1").await?.refusal(502),
                "Failed to fetch Jira issue",
                "{fault:?}"
            );
            stack.atlassian().clear_faults_of(&person.account);
        }
        // A single failure is retried and invisible to the caller.
        stack.atlassian().inject(person.trouble("/issue/", Fault::Drop).times(1));
        person.details("SHIP-1").await?.json(200);
        let forbidden = Fault::Status { status: 403, body: Some(json!({ "errorMessages": ["no"] })) };
        stack.atlassian().inject(person.trouble("/issue/", forbidden).times(1));
        let refused = person.details("SHIP-1").await?.json(403);
        assert!(refused.get("needs_reauthorization").is_none(), "{refused}");
        let limited = Fault::RateLimited { retry_after: Some(300), reason: None };
        stack.atlassian().inject(person.trouble("/issue/", limited).times(1));
        let limited = person.details("SHIP-1").await?;
        limited.refusal(429);
        assert_eq!(limited.header("retry-after"), "300");
        stack.atlassian().revoke_grant(&person.account);
        let revoked = person.details("SHIP-1").await?.json(403);
        assert_eq!(revoked["needs_reauthorization"], true);
        Ok(())
    });
}
