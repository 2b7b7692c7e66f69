//! `proxy`, which passes calls of Jira's own API on.

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::{Method, RequestBuilder};
use sandbox::{Fault, LoggedRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const EXTERNAL_ID: &str = "x-juncture-external-id";
const UPSTREAM: &str = "x-juncture-upstream";

/// Some writes that the tests need.
const WRITES: &str = "default, POST /rest/api/3/issue/*/comment, POST /rest/api/3/issue/*/attachments, \
    PUT /rest/api/3/issue/*, DELETE /rest/api/3/issue/*";

/// A stack that passes some writes on.
async fn writing() -> Result<TestStack> {
    TestStack::start(|options| options.settings.set("JIRA_PROXY_ALLOW", WRITES)).await
}

fn encoded(external_id: &str) -> String {
    url::form_urlencoded::byte_serialize(external_id.as_bytes()).collect()
}

fn call(person: &Person<'_>, method: Method, path: &str) -> RequestBuilder {
    person.jira(method, &format!("proxy/{path}")).header(EXTERNAL_ID, encoded(&person.external_id))
}

async fn get(stack: &TestStack, person: &Person<'_>, path: &str) -> Result<Answer> {
    stack.send(call(person, Method::GET, path)).await
}

/// Sends a request whose target no HTTP client would leave as it is.
async fn raw(stack: &TestStack, person: &Person<'_>, method: &str, target: &str) -> Result<(u16, Value)> {
    let address = stack.url().trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(&address).await?;
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n{EXTERNAL_ID}: {}\r\n\
         Connection: close\r\n\r\n",
        stack.secret_key(),
        encoded(&person.external_id)
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Fault::Reply { status, headers, body: body.to_owned() }
}

/// The requests that Jira received for a path that contains `part`.
fn received(person: &Person<'_>, part: &str) -> Vec<LoggedRequest> {
    let mut requests = person.jira_requests();
    requests.retain(|request| request.path.contains(part));
    requests
}

/// An error of Juncture's own. Returns its code and its message.
#[track_caller]
fn refusal(answer: &Answer, status: u16) -> (String, String) {
    assert!(!answer.headers.contains_key(UPSTREAM), "{answer:?}");
    let said = answer.refusal(status);
    (answer.json(status)["code"].as_str().unwrap_or_default().to_owned(), said)
}

#[test]
fn a_call_is_passed_on_with_the_token_of_the_connection() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let info = get(stack, &person, "rest/api/3/serverInfo").await?;
        assert_eq!(info.json(200)["baseUrl"], "https://harbour.atlassian.net");
        for (name, value) in [
            (UPSTREAM, "jira"),
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(info.header(name), value);
        }
        assert_eq!(person.jira_requests().len(), 1);

        let issue = get(stack, &person, "rest/api/3/issue/SHIP-1?fields=summary&fields=status").await?;
        let fields = issue.json(200)["fields"].clone();
        assert!(fields["summary"].is_string() && fields["status"].is_object(), "{fields}");
        assert_eq!(fields.as_object().map(serde_json::Map::len), Some(2));
        let boards = get(stack, &person, "rest/agile/1.0/board/?projectKeyOrId=SHIP").await?;
        assert!(boards.json(200)["values"].is_array());
        let missing = get(stack, &person, "rest/api/3/issue/SHIP-99999").await?;
        assert!(missing.json(404)["errorMessages"][0].is_string(), "it is Jira's");
        assert_eq!(missing.header(UPSTREAM), "jira");
        let lines: Vec<_> = person.jira_requests()[1..]
            .iter()
            .map(|r| (r.path.split_once("/rest").unwrap_or_default().1.to_owned(), r.query.clone()))
            .collect();
        let line = |path: &str, query: Option<&str>| (path.to_owned(), query.map(str::to_owned));
        assert_eq!(
            lines,
            [
                line("/api/3/issue/SHIP-1", Some("fields=summary&fields=status")),
                line("/agile/1.0/board", Some("projectKeyOrId=SHIP")),
                line("/api/3/issue/SHIP-99999", None),
            ]
        );
        Ok(())
    });
}

#[test]
fn a_path_and_a_query_are_encoded_anew() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for (sent, path, query) in [
            ("rest/api/3/issue/gr%c3%b6%C3%9Fe%20100%25", "gr%C3%B6%C3%9Fe%20100%25", None),
            ("rest/api/3/issue/%41:%40%2B=", "A:@+=", None),
            ("rest%2Fapi%2F3%2Fissue/%E2%80%AE", "%E2%80%AE", None),
            (
                "rest/api/3/issue/a?b=1&jql=a%20%3D+%22%26%23%22&b=2&c&%C3%A9=%25%0A",
                "a",
                Some("b=1&jql=a+%3D+%22%26%23%22&b=2&c=&%C3%A9=%25%0A"),
            ),
        ] {
            stack.atlassian().inject(person.trouble("/issue/", reply(200, &[], "{}")).times(1));
            let (status, _) = raw(stack, &person, "GET", &format!("/api/backend/jira/proxy/{sent}")).await?;
            assert_eq!(status, 200, "{sent}");
            let request = person.jira_requests().pop().context("no request")?;
            assert_eq!(request.path.rsplit('/').next(), Some(path), "{sent}");
            assert!(request.path.ends_with(&format!("/rest/api/3/issue/{path}")), "{sent}");
            assert_eq!(request.query.as_deref(), query, "{sent}");
        }
        let refused = get(stack, &person, "rest/api/3/issue/a?b=%ff").await?;
        assert_eq!(refused.refusal(400), "A query parameter is not valid UTF-8");
        let refused = get(stack, &person, &format!("rest/api/3/issue/{}", "a".repeat(8192))).await?;
        assert_eq!(refused.refusal(414), "The address is longer than 8192 bytes");
        assert_eq!(person.jira_requests().len(), 4);
        Ok(())
    });
}

#[test]
fn no_path_leads_elsewhere() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for (path, status) in [
            ("rest/api/3/../../../../oauth/token", 400),
            ("rest/api/3/issue/%2e%2e/role", 400),
            ("rest/api/3/issue/%2E%2E%2Frole", 400),
            ("rest/api/3/issue/..%2f..%2fapi%2f3%2frole", 400),
            ("rest/api/3/./role", 400),
            ("rest/api/3/issue/%252e%252e/role", 400),
            ("rest/api/3/issue%252Frole", 400),
            ("rest/api/3//role", 400),
            ("rest/api/3/issue///", 400),
            ("rest/api/3/issue/..%5c..%5crole", 400),
            ("rest/api/3/role;x=1", 400),
            ("rest/api/3/role%3Bx=1", 400),
            ("rest/api/3/role%3Fa=1", 400),
            ("rest/api/3/role%23", 400),
            ("rest/api/3/role%0d%0aHost:%20example.com", 400),
            ("rest/api/3/role%00", 400),
            ("rest/api/3/%ff", 400),
            ("https://example.com/rest/api/3/issue", 400),
            ("https:%2F%2Fexample.com/rest/api/3/issue", 400),
            ("%2F%2Fexample.com/rest/api/3/issue", 400),
            ("https:/example.com/rest/api/3/issue", 403),
            ("example.com/rest/api/3/issue", 403),
            ("@example.com/rest/api/3/issue", 403),
            ("rest/api/2/issue/SHIP-1", 403),
            ("rest/api/3", 403),
            ("rest/api/3/", 403),
            ("rest/atlassian-connect/1/addons/a", 403),
            ("ex/jira/11223344-a1b2-4b33-8c44-000000000002/rest/api/3/issue", 403),
            ("oauth/token/accessible-resources", 403),
            // Decoded, these are the paths that the default leaves out.
            ("rest/api/3%2Frole", 403),
            ("rest%2Fapi%2F3%2Frole%2F10002", 403),
            ("rest/api/3/ro%6ce", 403),
            ("rest/api/3/role/", 403),
            ("rest/api/3/role.json", 403),
            ("rest/api/3/auditing/record", 403),
            ("rest/api/3/webhook", 403),
        ] {
            let target = format!("/api/backend/jira/proxy/{path}");
            let (answered, body) = raw(stack, &person, "GET", &target).await?;
            let code = if status == 400 { "invalid_request" } else { "proxy_not_allowed" };
            assert_eq!((answered, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
        }
        for path in ["", "/", "//rest/api/3/issue"] {
            let (status, body) =
                raw(stack, &person, "GET", &format!("/api/backend/jira/proxy{path}")).await?;
            assert_eq!((status, &body["message"]), (404, &json!("Not Found")), "{path}");
        }
        assert!(person.jira_requests().is_empty());
        Ok(())
    });
}

#[test]
fn only_listed_headers_pass_in_either_direction() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let answer = reply(
            200,
            &[
                ("content-type", "text/html; charset=iso-8859-1"),
                ("set-cookie", "atlassian.xsrf.token=a; Path=/"),
                ("etag", "\"7\""),
                ("x-ratelimit-remaining", "12"),
                ("ratelimit", "\"global-app-quota\";r=60000;t=60"),
                ("strict-transport-security", "max-age=1"),
                ("cache-control", "public"),
                ("access-control-allow-origin", "*"),
                ("x-aaccountid", "5b10"),
                ("content-security-policy", "none"),
            ],
            "<script>alert(1)</script>é",
        );
        stack.atlassian().inject(person.trouble("/issue/", answer).times(1));
        let request = call(&person, Method::GET, "rest/api/3/issue/SHIP-1")
            .header("accept", "text/html")
            .header("accept-language", "de")
            .header("x-force-accept-language", "true")
            .header("x-experimentalapi", "opt-in")
            .header("range", "bytes=0-9")
            .header("cookie", "cloud.session.token=a")
            .header("x-forwarded-host", "example.com")
            .header("forwarded", "host=example.com")
            .header("x-http-method-override", "DELETE")
            .header("x-atlassian-force-account-id", "5b10")
            .header("idempotency-key", "once")
            .header("connection", "x-force-accept-language");
        let answer = stack.send(request).await?;
        assert_eq!((answer.status, answer.body.as_str()), (200, "<script>alert(1)</script>é"));
        for (name, value) in [
            ("content-type", "text/html; charset=iso-8859-1"),
            ("etag", "\"7\""),
            ("x-ratelimit-remaining", "12"),
            ("ratelimit", "\"global-app-quota\";r=60000;t=60"),
            ("strict-transport-security", "max-age=31536000"),
            ("cache-control", "no-store"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("set-cookie", ""),
            ("access-control-allow-origin", ""),
            ("x-aaccountid", ""),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        let received = person.jira_requests().pop().context("no request")?.headers;
        for (name, value) in [
            ("accept", "text/html"),
            ("accept-language", "de"),
            ("x-force-accept-language", "true"),
            ("x-experimentalapi", "opt-in"),
            ("range", "bytes=0-9"),
        ] {
            assert_eq!(received.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(received["user-agent"].starts_with("juncture/"), "{received:?}");
        assert_eq!(received.len(), 5 + 2, "besides those, the host and the user agent: {received:?}");
        Ok(())
    });
}

#[test]
fn redirects_are_passed_on_and_not_followed() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("PASSED", 0)?, "Passed").await?;
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let added = person.attach(&issue, "a.bin", "image/x-odd", &bytes).await?.json(201);
        let id = added["attachment"]["id"].as_str().context("no id")?;
        let path = format!("rest/api/3/attachment/content/{id}");
        let before = person.jira_requests().len();
        let redirect = get(stack, &person, &path).await?;
        assert_eq!((redirect.status, redirect.header(UPSTREAM)), (303, "jira"));
        assert_eq!(person.jira_requests().len(), before + 1);
        let direct =
            stack.request(Method::GET, redirect.header("location")).send().await?.error_for_status()?;
        assert!(direct.bytes().await? == bytes);

        let whole = call(&person, Method::GET, &format!("{path}?redirect=false")).send().await?;
        assert_eq!(whole.status(), 200);
        assert_eq!(whole.headers()["content-type"], "image/x-odd");
        assert!(whole.bytes().await? == bytes);

        for location in ["/rest/api/3/task/1", "//example.com", "http://example.com/", "javascript:alert(1)"]
        {
            let odd = reply(303, &[("location", location)], "");
            stack.atlassian().inject(person.trouble("/attachment/content/", odd).times(1));
            let redirect = get(stack, &person, &path).await?;
            assert_eq!((redirect.status, redirect.header("location")), (303, ""), "{location}");
        }
        Ok(())
    });
}

#[test]
fn a_write_is_passed_on_if_the_setting_says_so() {
    run(async {
        let stack = writing().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("WRITTEN", 0)?, "Written").await?;
        let text = json!({ "type": "text", "text": "Zebrafinches sing in the proxy" });
        let paragraph = json!({ "type": "paragraph", "content": [text] });
        let comment = json!({ "body": { "type": "doc", "version": 1, "content": [paragraph] } });
        let path = format!("rest/api/3/issue/{issue}/comment");
        let added = stack.send(call(&person, Method::POST, &path).json(&comment)).await?;
        assert_eq!(added.json(201)["body"], comment["body"]);
        assert_eq!(added.header(UPSTREAM), "jira");

        let edit = json!({ "fields": { "summary": "Zebrafinches rewrote it" } });
        let path = format!("rest/api/3/issue/{issue}");
        let edited = stack.send(call(&person, Method::PUT, &path).json(&edit)).await?;
        assert_eq!((edited.status, edited.body.as_str(), edited.header(UPSTREAM)), (204, "", "jira"));
        let odd = json!({ "fields": { "summary": "" } });
        let refused = stack.send(call(&person, Method::PUT, &path).json(&odd)).await?;
        assert!(refused.json(400)["errors"]["summary"].is_string(), "Jira's own words");

        let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
                    Content-Type: image/x-odd\r\n\r\n";
        let form = [head.as_bytes(), &bytes, b"\r\n--b--\r\n"].concat();
        let upload = || {
            call(&person, Method::POST, &format!("{path}/attachments"))
                .header("content-type", "multipart/form-data; boundary=b")
                .header("x-atlassian-token", "no-check")
                .body(form.clone())
        };
        let attached = stack.send(upload()).await?.json(200);
        assert_eq!(attached[0]["size"], bytes.len());
        let id = attached[0]["id"].as_str().context("no id")?;
        let content = format!("rest/api/3/attachment/content/{id}?redirect=false");
        assert!(call(&person, Method::GET, &content).send().await?.bytes().await? == bytes);

        let before = person.jira_requests().len();
        for (method, path) in [
            (Method::POST, "rest/api/3/issue"),
            (Method::POST, "rest/api/3/search/jql"),
            (Method::DELETE, "rest/api/3/issue/A-1/comment/1"),
            (Method::PUT, "rest/api/3/issue/A-1/assignee"),
            (Method::PATCH, "rest/api/3/issue/A-1"),
            (Method::PUT, "rest/agile/1.0/issue/rank"),
        ] {
            let (code, said) = refusal(&stack.send(call(&person, method, path).json(&edit)).await?, 403);
            assert!(
                code == "proxy_not_allowed" && said.contains("add it to JIRA_PROXY_ALLOW"),
                "{path}: {said}"
            );
        }
        let refused = stack.send(call(&person, Method::GET, &path).json(&edit)).await?;
        assert_eq!(refused.refusal(400), "A GET has no body: send it without one");
        assert_eq!(person.jira_requests().len(), before);

        let deleted = stack.send(call(&person, Method::DELETE, &path)).await?;
        assert_eq!((deleted.status, deleted.header(UPSTREAM)), (204, "jira"));
        assert_eq!(get(&stack, &person, &path).await?.status, 404);
        assert!(!stack.logs().iter().any(|line| line.contains("Zebrafinches")));
        stack.stop().await
    });
}

#[test]
fn reads_are_repeated_and_writes_are_not() {
    run(async {
        let stack = writing().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("REPEATED", 0)?, "Repeated").await?;
        let path = format!("rest/api/3/issue/{issue}");
        let edit = |summary: &str| {
            call(&person, Method::PUT, &path).json(&json!({ "fields": { "summary": summary } }))
        };
        let counted = |method: &str| {
            let requests = received(&person, &format!("/rest/api/3/issue/{issue}"));
            requests.iter().filter(|request| request.method == method).count()
        };
        // Of creating the issue, which reads it.
        let already = counted("GET");
        let inject = |method: &str, fault: Fault, times: u32| {
            let rule = person.trouble(&format!("{method} "), fault).times(times);
            stack.atlassian().inject(rule);
        };
        let failing =
            || reply(500, &[("content-type", "application/json")], r#"{"errorMessages":["Zebrafish"]}"#);
        let mut gets = 0;
        for (fault, times, status, requests) in [
            (failing(), 2, 200, 3),
            (failing(), 3, 500, 3),
            (Fault::Drop, 1, 200, 2),
            (Fault::RateLimited { retry_after: Some(1), reason: None }, 1, 200, 2),
        ] {
            inject("GET", fault.clone(), times);
            let answer = get(&stack, &person, &path).await?;
            assert_eq!((answer.status, answer.header(UPSTREAM)), (status, "jira"), "{fault:?}");
            if status == 500 {
                assert_eq!(answer.json(500)["errorMessages"][0], "Zebrafish");
                stack.logged(&["an error of Jira was passed on", "500"]).await?;
            }
            gets += requests;
            assert_eq!(counted("GET"), already + gets, "{fault:?}");
        }
        inject("GET", Fault::Drop, 3);
        assert_eq!(refusal(&get(&stack, &person, &path).await?, 502).0, "provider_failed");

        inject("PUT", failing(), 1);
        let answer = stack.send(edit("Failing")).await?;
        assert_eq!((answer.status, answer.header(UPSTREAM), counted("PUT")), (500, "jira", 1));
        let rule = person.trouble("PUT ", Fault::Drop).times(1).after();
        stack.atlassian().inject(rule);
        let (code, said) = refusal(&stack.send(edit("Lost")).await?, 502);
        assert!(code == "outcome_unknown" && said.contains("may have taken effect"), "{said}");
        assert_eq!(counted("PUT"), 2);
        assert_eq!(get(&stack, &person, &path).await?.json(200)["fields"]["summary"], "Lost");
        inject("PUT", Fault::RateLimited { retry_after: Some(1), reason: None }, 1);
        assert_eq!((stack.send(edit("Limited")).await?.status, counted("PUT")), (204, 4));
        let limited = Fault::RateLimited { retry_after: Some(300), reason: Some("jira-burst-based".into()) };
        inject("GET", limited, 1);
        let answer = get(&stack, &person, &path).await?;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "300"));
        assert_eq!(
            (answer.header("ratelimit-reason"), answer.header(UPSTREAM)),
            ("jira-burst-based", "jira")
        );
        // Until then, the call is not made.
        let before = counted("GET");
        let (code, _) = refusal(&get(&stack, &person, &path).await?, 429);
        assert_eq!((code.as_str(), counted("GET")), ("jira_rate_limited", before));
        assert!(!stack.logs().iter().any(|line| line.contains("Zebrafish")));
        stack.stop().await
    });
}

#[test]
fn a_rejected_token_is_renewed_once() {
    run(async {
        let stack = writing().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("RENEWED", 0)?, "Renewed").await?;
        let path = format!("rest/api/3/issue/{issue}");
        let edit = json!({ "fields": { "summary": "Renewed twice" } });
        for (method, status) in [(Method::GET, 200), (Method::PUT, 204)] {
            let (before, tokens) = (person.jira_requests().len(), stack.token_requests(&person.account));
            stack.atlassian().expire_access_tokens(Some(&person.account));
            let request = call(&person, method.clone(), &path);
            let request = if method == Method::PUT { request.json(&edit) } else { request };
            assert_eq!(stack.send(request).await?.status, status, "{method}");
            let statuses: Vec<_> = person.jira_requests()[before..].iter().map(|r| r.status).collect();
            assert_eq!(statuses, [Some(401), Some(status)], "{method}");
            assert_eq!(stack.token_requests(&person.account), tokens + 1, "{method}");
        }
        // A 401 is about the token, which is Juncture's, so it is never passed on.
        let rejected =
            Fault::Status { status: 401, body: Some(json!({ "code": 401, "message": "Unauthorized" })) };
        stack.atlassian().inject(person.trouble("/issue/", rejected).times(2));
        assert_eq!(refusal(&get(&stack, &person, &path).await?, 502).0, "provider_failed");
        stack.stop().await
    });
}

#[test]
fn a_missing_scope_is_told_without_naming_it() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.person(&["harbour"])?;
        let mut settings = stack.atlassian().settings(None);
        settings.withheld_scopes = ["read:jira-user".to_owned()].into();
        stack.atlassian().set_settings(Some(&person.account), settings);
        person.connect("harbour").await?;
        let tokens = stack.token_requests(&person.account);
        let (code, said) = refusal(&get(stack, &person, "rest/api/3/myself").await?, 403);
        assert!(code == "missing_scope" && said.contains("Atlassian's documentation"), "{said}");
        assert_eq!(stack.token_requests(&person.account), tokens, "a new token would not help");
        get(stack, &person, "rest/api/3/priority").await?.json(200);
        Ok(())
    });
}

#[test]
fn the_connection_is_named_in_a_header() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let path = "/api/backend/jira/proxy/rest/api/3/serverInfo";
        let named = async |values: &[&str]| {
            let request = stack.request(Method::GET, path).bearer_auth(stack.secret_key());
            let named = values.iter().fold(request, |request, value| request.header(EXTERNAL_ID, *value));
            stack.send(named).await
        };
        let id = person.external_id.as_str();
        for value in [id, &encoded(id), &format!("%{:02X}{}", id.as_bytes()[0], &id[1..])] {
            assert_eq!(named(&[value]).await?.status, 200, "{value}");
        }
        for values in [&[][..], &[""]] {
            assert_eq!(named(values).await?.refusal(400), "Missing x-juncture-external-id");
        }
        for values in [&["%zz"][..], &["a b"], &["%ff"], &["%"], &[id, id], &[id, "b"], &["größe"]] {
            assert!(named(values).await?.refusal(400).contains("percent-encoded UTF-8"), "{values:?}");
        }
        assert!(named(&["%00"]).await?.refusal(400).contains("control characters"));
        assert!(named(&[&"x".repeat(513)]).await?.refusal(400).contains("longer than 512"));
        for unknown in ["nobody", "gr%C3%B6%C3%9Fe", "%2525"] {
            assert_eq!(refusal(&named(&[unknown]).await?, 404).0, "connection_not_found", "{unknown}");
        }
        let query = format!("{path}?external_id={}", encoded(id));
        let in_query = stack.request(Method::GET, &query).bearer_auth(stack.secret_key());
        assert_eq!(stack.send(in_query).await?.refusal(400), "Missing x-juncture-external-id");
        let stranger = stack.request(Method::GET, path).bearer_auth("wrong").header(EXTERNAL_ID, id);
        assert_eq!(refusal(&stack.send(stranger).await?, 401).0, "invalid_secret_key");
        assert_eq!(person.jira_requests().len(), 3);
        Ok(())
    });
}

#[test]
fn sizes_are_those_of_lambda() {
    run(async {
        let stack = writing().await?;
        let person = stack.connected_user().await?;
        let path = "rest/api/3/issue/SHIP-1";
        let large = format!("{{\"a\":\"{}\"}}", "b".repeat(7 * 1024 * 1024));
        let answer = |kind: &str, body: &str| {
            let fault = reply(200, &[("content-type", kind)], body);
            stack.atlassian().inject(person.trouble("/issue/", fault).times(1));
        };
        answer("application/json;charset=UTF-8", &large);
        let (code, said) = refusal(&get(&stack, &person, path).await?, 413);
        assert!(code == "answer_too_large" && said.starts_with("Jira responded with 200"), "{said}");
        answer("application/json;charset=UTF-8", &large);
        let request = call(&person, Method::GET, path).header("accept-encoding", "gzip");
        let compressed = request.send().await?.error_for_status()?;
        assert_eq!(compressed.headers()["content-encoding"], "gzip");
        let mut opened = String::new();
        let bytes = compressed.bytes().await?;
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*bytes), &mut opened)?;
        assert!(opened == large);
        answer("text/plain", &"b".repeat(5 * 1024 * 1024));
        assert_eq!(refusal(&get(&stack, &person, path).await?, 413).0, "answer_too_large");
        // The client gives up before a response exhausts the memory.
        answer("application/json", &format!("\"{}\"", "b".repeat(17 * 1024 * 1024)));
        let request = call(&person, Method::GET, path).header("accept-encoding", "gzip");
        assert_eq!(refusal(&stack.send(request).await?, 413).0, "answer_too_large");

        let fault = reply(201, &[("content-type", "application/json")], "{}");
        stack.atlassian().inject(person.trouble("/comment", fault));
        let comment = |size: usize| {
            let request = call(&person, Method::POST, &format!("{path}/comment"));
            request.header("content-type", "application/octet-stream").body(vec![7; size])
        };
        assert_eq!(comment(4 * 1024 * 1024).send().await?.status(), 201);
        let sent = received(&person, "/comment").pop().context("no request")?;
        assert_eq!(sent.headers["content-length"], (4 * 1024 * 1024).to_string());
        let (code, said) = refusal(&stack.send(comment(4 * 1024 * 1024 + 70_000)).await?, 413);
        assert!(code == "too_large" && said.starts_with("The body is larger than 4 MiB"), "{said}");
        stack.stop().await
    });
}

#[test]
fn other_methods_are_refused_and_a_preflight_is_the_gateways() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let path = "rest/api/3/serverInfo";
        for method in [Method::HEAD, Method::OPTIONS, Method::PATCH, Method::POST] {
            let answer = stack.send(call(&person, method.clone(), path)).await?;
            assert_eq!(answer.status, 403, "{method}");
            if method != Method::HEAD {
                assert_eq!(refusal(&answer, 403).0, "proxy_not_allowed", "{method}");
            }
        }
        let unknown = stack.send(call(&person, Method::TRACE, path)).await?;
        assert_eq!(unknown.json(404), json!({ "message": "Not Found" }), "not a method of an HTTP API");
        let preflight = call(&person, Method::OPTIONS, path)
            .header("origin", "https://evil.example.com")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()
            .await?;
        assert_eq!(preflight.status(), 204);
        assert!(!preflight.headers().contains_key("access-control-allow-origin"), "{preflight:?}");
        assert!(person.jira_requests().is_empty());
        Ok(())
    });
}

#[test]
fn a_limited_connection_reaches_issues_and_projects_inside_and_nothing_else() {
    run(async {
        let stack = writing().await?;
        let (inside, outside) = (stack.project("PROXIN", 2)?, stack.project("PROXOUT", 2)?);
        let person = stack.connected_user().await?;
        let link = json!({ "from": "PROXIN-1", "relation": "blocks", "to": "PROXOUT-1" });
        person.write(Method::POST, "link-issues", link).await?.json(201);
        let link = json!({ "from": "PROXIN-1", "relation": "blocks", "to": "PROXIN-2" });
        person.write(Method::POST, "link-issues", link).await?.json(201);
        let allowed = json!({ "allowed_projects": [inside] });
        person.write(Method::POST, "set-allowed-projects", allowed).await?.json(200);

        let issue = get(&stack, &person, "rest/api/3/issue/PROXIN-1").await?.json(200);
        assert_eq!(issue["fields"]["issuelinks"].as_array().map(Vec::len), Some(1), "no gap is left");
        assert!(!issue.to_string().contains("PROXOUT"), "{issue}");
        get(&stack, &person, "rest/api/3/issue/PROXIN-1/comment").await?.json(200);
        assert_eq!(get(&stack, &person, "rest/api/3/project/PROXIN").await?.json(200)["id"], json!(inside));
        for path in [
            "rest/api/3/issue/PROXOUT-1",
            "rest/api/3/issue/PROXOUT-1/comment",
            "rest/api/3/issue/proxin-1",
            "rest/api/3/issue/createmeta/PROXOUT/issuetypes",
            "rest/api/3/issue/picker",
            "rest/api/3/project/PROXOUT",
            &format!("rest/api/3/project/{outside}"),
            "rest/api/3/project/search",
            "rest/api/3/project",
            "rest/api/3/serverInfo",
            "rest/api/3/search/jql?jql=project%20%3D%20PROXOUT",
            "rest/agile/1.0/board",
            "rest/servicedeskapi/request/PROXIN-1",
        ] {
            let (code, said) = refusal(&get(&stack, &person, path).await?, 403);
            assert_eq!(code, "project_not_allowed", "{path}: {said}");
        }

        let writes =
            |path: &str| received(&person, path).iter().filter(|request| request.method != "GET").count();
        let text = json!({ "type": "paragraph", "content": [{ "type": "text", "text": "x" }] });
        let comment = json!({ "body": { "type": "doc", "version": 1, "content": [text] } });
        for (method, path, body, status) in [
            (Method::POST, "rest/api/3/issue/PROXIN-1/comment", comment.clone(), 201),
            (Method::POST, "rest/api/3/issue/PROXOUT-1/comment", comment, 403),
            (Method::PUT, "rest/api/3/issue/PROXIN-1", json!({ "fields": { "summary": "x" } }), 204),
            (
                Method::PUT,
                "rest/api/3/issue/PROXIN-1",
                json!({ "fields": { "parent": { "key": "PROXOUT-1" } } }),
                403,
            ),
            (
                Method::PUT,
                "rest/api/3/issue/PROXIN-1",
                json!({ "update": { "issuelinks": [{ "add": { "outwardIssue": { "key": "PROXOUT-1" } } }] } }),
                403,
            ),
            (Method::DELETE, "rest/api/3/issue/PROXOUT-1", json!({}), 403),
        ] {
            let before = writes("/issue/");
            let answer = stack.send(call(&person, method.clone(), path).json(&body)).await?;
            assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
            assert_eq!(writes("/issue/") - before, usize::from(status != 403), "{method} {path} {body}");
        }
        // What Jira might read although it is not JSON.
        let before = writes("/issue/");
        let odd = r#"{ "fields": { "parent": { "key": "PROXOUT-1" } } } and more"#;
        let request = call(&person, Method::PUT, "rest/api/3/issue/PROXIN-1").body(odd);
        let request = request.header("content-type", "application/json");
        assert_eq!(refusal(&stack.send(request).await?, 403).0, "project_not_allowed");
        assert_eq!(writes("/issue/"), before);
        Ok(())
    });
}
