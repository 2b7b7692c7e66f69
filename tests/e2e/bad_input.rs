//! Invalid input at every endpoint: a 4xx with a message that says what to change.

use anyhow::Result;
use juncture_tests::{Answer, TestStack, run};
use reqwest::Method;

const CREATE: &str = "Missing required fields: external_id, summary, or issue_type_id";

const POSTS: [(&str, &str, bool); 6] = [
    ("/api/backend/connect-token", "Missing external_id or provider", true),
    ("/api/backend/jira/create-ticket", CREATE, true),
    ("/api/frontend/oauth/initiate-oauth-flow", "Missing external_id or provider", false),
    ("/api/frontend/finalize-connection/jira/create-connection", "Missing connection_code or site_id", false),
    ("/api/frontend/oauth/get-authorization-uri", "Missing external_id or provider", false),
    ("/api/backend/jira/select-project", "Missing external_id or jira_project_id", true),
];

const GETS: [(&str, &str, bool); 17] = [
    ("/api/backend/jira/get-issue-details", "Missing external_id", true),
    ("/api/backend/jira/get-issue", "Missing external_id", true),
    ("/api/frontend/finalize-connection/jira/fetch-available-sites", "Missing connection_code", false),
    ("/api/backend/connection-info/check-connection-validity", "Missing external_id or provider", true),
    ("/api/backend/connection-info/get-connection-credentials", "Missing external_id or provider", true),
    ("/api/backend/connection-info/get-access-token", "Missing external_id or provider", true),
    ("/api/backend/jira/get-projects", "Missing external_id", true),
    ("/api/backend/jira/get-selected-project", "Missing external_id", true),
    ("/api/backend/jira/get-tickets-for-project", "Missing external_id", true),
    ("/api/backend/jira/get-boards-for-project", "Missing external_id", true),
    ("/api/backend/jira/get-all-sprints-for-project", "Missing external_id", true),
    ("/api/backend/jira/get-active-sprints-for-project", "Missing external_id", true),
    ("/api/backend/jira/get-tickets-for-sprint", "Missing external_id", true),
    ("/api/backend/jira/get-worklogs", "Missing external_id", true),
    ("/api/backend/jira/get-attachment", "Missing external_id", true),
    ("/api/backend/jira/get-board", "Missing external_id", true),
    ("/api/backend/jira/get-backlog", "Missing external_id", true),
];

async fn post(
    stack: &TestStack,
    path: &str,
    with_key: bool,
    content_type: &str,
    body: Vec<u8>,
) -> Result<Answer> {
    let mut request = stack.request(Method::POST, path).header("content-type", content_type).body(body);
    if with_key {
        request = request.bearer_auth(stack.secret_key());
    }
    stack.send(request).await
}

#[test]
fn invalid_bodies_are_rejected() {
    run(async {
        const JSON: &str = "application/json";
        let stack = TestStack::shared().await?;
        for (path, missing, with_key) in POSTS {
            for empty in ["{}", r#"{"external_id":""}"#, r#"{"external_id":null,"provider":null}"#] {
                let answer = post(stack, path, with_key, JSON, empty.into()).await?;
                assert_eq!(answer.refusal(400), missing, "{path} {empty}");
            }
            for (content_type, body, status) in [
                (JSON, b"".to_vec(), 400),
                (JSON, b"[]".to_vec(), 400),
                (JSON, br#"["external_id"]"#.to_vec(), 400),
                (JSON, b"null".to_vec(), 400),
                (JSON, b"{".to_vec(), 400),
                (JSON, vec![0xff, 0xfe, 0x00], 400),
                (JSON, br#"{"external_id":7,"provider":"jira","connection_code":7,"jira_project_id":"1"}"#.to_vec(), 400),
                (JSON, br#"{"external_id":{"a":1},"provider":[],"connection_code":true}"#.to_vec(), 400),
                (JSON, br#"{"external_id":"a\u0000b","provider":"jira","connection_code":"\u0007","site_id":"x"}"#.to_vec(), 400),
                ("text/plain", br#"{"external_id":"x","provider":"jira"}"#.to_vec(), 400),
                ("application/x-www-form-urlencoded", b"external_id=x&provider=jira".to_vec(), 400),
                (JSON, format!(r#"{{"external_id":"{}"}}"#, "x".repeat(300_000)).into_bytes(), 413),
                (JSON, format!(r#"{{"external_id":"{0}","provider":"jira","connection_code":"{0}","site_id":"x","jira_project_id":"1"}}"#, "x".repeat(600)).into_bytes(), 400),
            ] {
                let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
                let answer = post(stack, path, with_key, content_type, body).await?;
                assert_eq!(answer.status, status, "{path} {shown}: {}", answer.body);
                assert!(!answer.refusal(status).is_empty());
            }
        }
        Ok(())
    });
}

#[test]
fn a_body_says_that_it_is_json_and_names_each_field_once() {
    run(async {
        const SAY: &str = "Send the body as JSON, with 'Content-Type: application/json'";
        let stack = TestStack::shared().await?;
        let connection = ("/api/backend/connection-info/connection", Method::DELETE);
        let edit = ("/api/backend/jira/edit-issue", Method::PUT);
        let routes = POSTS.iter().map(|(path, ..)| (*path, Method::POST)).chain([connection, edit]);
        for (path, method) in routes {
            let send = async |kind: Option<&str>, body: &str| {
                let request = stack.request(method.clone(), path).bearer_auth(stack.secret_key());
                let request = request.body(body.to_owned());
                stack
                    .send(
                        kind.into_iter().fold(request, |request, kind| request.header("content-type", kind)),
                    )
                    .await
            };
            let fine = r#"{"external_id":"x","provider":"jira"}"#;
            for kind in [
                None,
                Some(""),
                Some("text/plain"),
                Some("application/jsonx"),
                Some("application/json, text/plain"),
            ] {
                assert_eq!(send(kind, fine).await?.refusal(400), SAY, "{path}: {kind:?}");
            }
            for kind in ["application/json", "application/json; charset=utf-8", "Application/Vnd.Api+JSON"] {
                let answer = send(Some(kind), fine).await?;
                assert!(!answer.body.contains(SAY), "{path}: {kind}");
            }
            for (twice, name) in [
                (r#"{"external_id":"x","provider":"jira","external_id":"y"}"#, "external_id"),
                (r#"{"external_id":"x","provider":"jira","\u0065xternal_id":"x"}"#, "external_id"),
                (
                    r#"{"external_id":"x","description":{"type":"doc","content":[{"type":"a","type":"b"}]}}"#,
                    "type",
                ),
                (r#"{"external_id":"\ud83d","a":{"b":1,"b":1}}"#, "b"),
            ] {
                let refused = send(Some("application/json"), twice).await?;
                let said = format!("The field '{name}' is given more than once");
                assert_eq!(refused.refusal(400), said, "{path}: {twice}");
            }
        }
        Ok(())
    });
}

#[test]
fn every_answer_of_the_api_is_json_and_nothing_else() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let answers = [
            person.info("check-connection-validity").await?,
            person.access_token().await?,
            stack.get("/health").await?,
            stack.get("/health/ready").await?,
            stack.post("/api/frontend/oauth/initiate-oauth-flow", &serde_json::json!({})).await?,
            stack.backend("jira/get-projects", &[("external_id", "nobody")]).await?,
            stack.get(&person.consent().await?).await?,
        ];
        for answer in answers {
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
            assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{answer:?}");
        }
        Ok(())
    });
}

#[test]
fn invalid_queries_are_rejected() {
    run(async {
        let stack = TestStack::shared().await?;
        for (path, missing, with_key) in GETS {
            let get = async |query: &str| {
                let mut request = stack.request(Method::GET, &format!("{path}?{query}"));
                if with_key {
                    request = request.bearer_auth(stack.secret_key());
                }
                stack.send(request).await
            };
            for empty in ["", "external_id=&provider=&connection_code=", "other=1", "external_id", "&&&"] {
                assert_eq!(get(empty).await?.refusal(400), missing, "{path}?{empty}");
            }
            let long = format!("external_id={0}&provider=jira&connection_code={0}", "x".repeat(600));
            for nonsense in [
                "external_id=a%00b&provider=jira&connection_code=%00",
                "external_id=%0a&provider=jira&connection_code=%0a",
                "external_id=%ff&provider=jira&connection_code=%ff",
                "external_id=a&external_id=b&provider=jira&connection_code=a&connection_code=b",
                &long,
            ] {
                let answer = get(nonsense).await?;
                assert!(!answer.refusal(400).is_empty(), "{path}?{nonsense}");
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    run(async {
        let stack = TestStack::shared().await?;
        let (address, body) = ("x".repeat(8192), "x".repeat(256 * 1024 + 1));
        let routes = POSTS.map(|(path, ..)| (Method::POST, path)).into_iter();
        let routes = routes.chain(GETS.map(|(path, ..)| (Method::GET, path)));
        for (method, path) in routes.chain([(Method::GET, "/health"), (Method::GET, "/health/ready")]) {
            // Checked before the key and the content type.
            let long = stack.send(stack.request(method.clone(), &format!("{path}?{address}"))).await?;
            assert_eq!(long.refusal(414), "The address is longer than 8192 bytes", "{path}");
            let mut many = stack.request(method.clone(), path);
            for number in 0..64 {
                many = many.header(format!("x-{number}"), "1");
            }
            assert!(stack.send(many).await?.refusal(431).contains("more than 64"), "{path}");
            // The gateway itself rejects these; they never reach a function.
            let cookie = stack.request(method.clone(), path).header("cookie", "x".repeat(10_240));
            assert!(stack.send(cookie).await?.json(431)["message"].is_string(), "{path}");
            for kind in ["application/json", "application/octet-stream"] {
                let request = stack.request(method.clone(), path).header("content-type", kind);
                let large = stack.send(request.body(body.clone())).await?;
                assert_eq!(large.refusal(413), "The body is larger than 256 KiB", "{path} {kind}");
            }
        }
        for page in ["/finalize-connection/jira/x", "/api/frontend/oauth/authorization-callback/jira"] {
            let answer = stack.get(&format!("{page}?{address}")).await?;
            assert!(answer.page(400).contains("This link is not complete"), "{page}");
        }
        let many = (0..51).map(|number| format!("a{number}=1")).collect::<Vec<_>>().join("&");
        let path = format!("/api/frontend/finalize-connection/jira/fetch-available-sites?{many}");
        assert_eq!(stack.get(&path).await?.refusal(400), "There are more than 50 query parameters");
        Ok(())
    });
}

#[test]
fn other_providers_are_refused() {
    run(async {
        let stack = TestStack::shared().await?;
        for provider in ["github", "Jira", "JIRA", "jira ", "'; drop table connection; --"] {
            let query = [("external_id", "x"), ("provider", provider)];
            for call in ["check-connection-validity", "get-connection-credentials", "get-access-token"] {
                let answer = stack.backend(&format!("connection-info/{call}"), &query).await?;
                assert!(answer.refusal(400).contains("provider"), "{provider}");
            }
            let body = serde_json::json!({ "external_id": "x", "provider": provider });
            let answer = stack.post("/api/frontend/oauth/initiate-oauth-flow", &body).await?;
            assert!(answer.refusal(400).contains("provider"), "{provider}");
        }
        Ok(())
    });
}

#[test]
fn ids_that_are_none_never_leave_juncture() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let code = person.connection_code().await?;
        for site_id in ["../../oauth", "a/b", "a b", "%2e%2e", "x' or '1'='1"] {
            let body = serde_json::json!({ "connection_code": code, "site_id": site_id });
            let answer =
                stack.post("/api/frontend/finalize-connection/jira/create-connection", &body).await?;
            assert!(answer.refusal(400).contains("site_id"), "{site_id}");
        }
        for project in ["proj", "PROJ", "1 or 1=1", "../1", "\"", "🙂"] {
            let body = serde_json::json!({ "external_id": person.external_id, "jira_project_id": project });
            let answer = stack.backend_post("jira/select-project", &body).await?;
            assert!(answer.refusal(400).contains("jira_project_id"), "{project}");
        }
        Ok(())
    });
}

#[test]
fn unknown_routes_are_not_found() {
    run(async {
        let stack = TestStack::shared().await?;
        for path in ["/", "/api", "/api/backend/jira/nothing", "/finalize-connection/jira"] {
            assert_eq!(stack.get(path).await?.status, 404, "{path}");
        }
        assert_eq!(stack.post("/api/backend/jira/get-projects", &serde_json::json!({})).await?.status, 404);
        Ok(())
    });
}
