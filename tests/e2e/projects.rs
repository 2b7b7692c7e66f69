//! `get-projects` and the selected project.

use anyhow::{Context as _, Result};
use juncture_tests::{TestStack, run};
use serde_json::json;

#[test]
fn all_pages_of_projects_are_read() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["lighthouse"])?;
        person.connect("lighthouse").await?;
        let answer = person.projects().await?.json(200);
        let projects = answer["projects"].as_array().cloned().unwrap_or_default();
        let mut keys: Vec<_> = projects.iter().filter_map(|project| project["key"].as_str()).collect();
        assert_eq!((answer["total"].as_u64(), keys.len()), (Some(120), 120));
        keys.dedup();
        assert_eq!(keys.len(), 120);
        assert!(projects.iter().all(|project| project["lead"]["displayName"].is_string()), "{answer}");

        // Each response costs only the Jira pages that it needs.
        for (limit, cost) in [
            ("100", vec![1, 1]),
            ("50", vec![1, 1, 1]),
            ("110", vec![2, 1]),
            ("120", vec![2]),
            ("1000", vec![2]),
        ] {
            let (mut gathered, mut costs) = (Vec::new(), Vec::new());
            let mut more = ("limit", limit);
            let mut cursor;
            loop {
                let before = person.jira_requests().len();
                let query = [("external_id", person.external_id.as_str()), more];
                let part = stack.backend("jira/get-projects", &query).await?.json(200);
                costs.push(person.jira_requests().len() - before);
                let held = part["projects"].as_array().context("no projects")?;
                assert_eq!(part["total"], held.len(), "{limit}");
                assert!(held.len() <= limit.parse()?, "{limit}");
                gathered.extend(held.iter().cloned());
                let Some(next) = part["next_cursor"].as_str() else { break };
                cursor = next.to_owned();
                more = ("cursor", cursor.as_str());
            }
            assert_eq!((gathered, costs), (projects.clone(), cost), "{limit}");
        }
        Ok(())
    });
}

#[test]
fn a_selected_project_applies_to_every_call() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        assert_eq!(person.projects().await?.json(200)["selected_project_id"], json!(null));
        for project in ["10000", "10001"] {
            let body = json!({ "external_id": person.external_id, "jira_project_id": project });
            assert_eq!(stack.backend_post("jira/select-project", &body).await?.json(200)["success"], true);
            let read =
                stack.backend("jira/get-selected-project", &[("external_id", &person.external_id)]).await?;
            assert_eq!(read.json(200), json!({ "jira_project_id": project }));
            assert_eq!(person.projects().await?.json(200)["selected_project_id"], project);
        }
        Ok(())
    });
}

#[test]
fn a_missing_scope_is_named_and_costs_no_refresh() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes = ["read:jira-work".to_owned(), "read:project:jira".to_owned()].into();
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        let before = stack.token_requests(&person.account);
        let refusal = person.projects().await?.json(403);
        assert!(refusal["error"].as_str().is_some_and(|text| text.contains("read:jira-work")), "{refusal}");
        assert!(refusal.get("needs_reauthorization").is_none(), "{refusal}");
        assert!(person.jira_requests().is_empty(), "it is known to be missing");
        // On an older row, Jira has to be asked.
        person.forget_granted_scopes().await?;
        assert_eq!(person.projects().await?.json(403)["code"], "missing_scope");
        assert_eq!(person.jira_requests().len(), 1);
        assert_eq!(stack.token_requests(&person.account), before);
        assert_eq!(person.validity().await?["is_invalid"], false);
        Ok(())
    });
}

#[test]
fn a_rejected_access_token_is_refreshed_once_for_everybody() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        person.connect("harbour").await?;
        let mut settings = stack.atlassian().settings(None);
        settings.leeway = std::time::Duration::ZERO;
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.projects().await?.json(200);
        for _ in 0..3 {
            let before = stack.token_requests(&person.account);
            stack.atlassian().expire_access_tokens(Some(&person.account));
            let answers = futures_util::future::join_all((0..12).map(|_| person.projects())).await;
            for answer in answers.into_iter().collect::<Result<Vec<_>>>()? {
                answer.json(200);
            }
            assert_eq!(stack.token_requests(&person.account) - before, 1);
        }
        Ok(())
    });
}
