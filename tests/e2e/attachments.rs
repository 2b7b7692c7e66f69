//! `add-attachment`, `get-attachment` and `delete-attachment`.

use anyhow::{Context, Result};
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::Method;
use sandbox::{Fault, LoggedRequest};
use serde_json::{Value, json};

/// The end of the request line of Jira's `add attachment`.
const ADD: &str = "/attachments HTTP";

const LIMIT: usize = 4 * 1024 * 1024;

async fn attach(person: &Person<'_>, issue: &str, name: &str, content: &[u8]) -> Result<Value> {
    Ok(person.attach(issue, name, "text/plain", content).await?.json(201)["attachment"].clone())
}

async fn get(person: &Person<'_>, id: &Value) -> Result<Answer> {
    person.read("get-attachment", &[("attachment_id", id.as_str().context("an id")?)]).await
}

/// `get-attachment` with `content=true`: status, headers and bytes.
async fn content(person: &Person<'_>, id: &Value) -> Result<(reqwest::header::HeaderMap, Vec<u8>)> {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("external_id", &person.external_id)
        .append_pair("attachment_id", id.as_str().context("an id")?)
        .append_pair("content", "true")
        .finish();
    let response = person.jira(Method::GET, &format!("get-attachment?{query}")).send().await?;
    anyhow::ensure!(response.status() == 200, "{response:?}");
    Ok((response.headers().clone(), response.bytes().await?.to_vec()))
}

fn sent(person: &Person<'_>) -> Vec<LoggedRequest> {
    let mut requests = person.jira_requests();
    requests.retain(|request| request.path.contains("/attachment"));
    requests
}

/// A request with a form of these parts: what follows `form-data; ` in the header, and the content.
fn form(person: &Person<'_>, query: &str, parts: &[(&str, &[u8])]) -> reqwest::RequestBuilder {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(
            format!("--limit\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--limit--\r\n");
    let request = person.jira(Method::POST, &format!("add-attachment{query}"));
    request.header("content-type", "multipart/form-data; boundary=limit").body(body)
}

#[test]
fn a_file_is_attached_returned_and_deleted() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("FILED", 0)?, "Filed").await?;
        let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let added = person.attach(&issue, "größe \"1\"; x.bin", "image/x-odd", &bytes).await?.json(201);
        let added = added["attachment"].clone();
        let expected = json!({
            "id": added["id"], "file_name": "größe \"1\"; x.bin", "mime_type": "image/x-odd", "size": 70_000,
            "author": person.account, "author_account_id": added["author_account_id"], "created": added["created"],
        });
        assert_eq!(added, expected);
        assert!(
            added["id"].is_string() && added["author_account_id"].is_string() && added["created"].is_string()
        );
        let found = get(&person, &added["id"]).await?.json(200);
        assert_eq!(found["attachment"], added);
        // The URL works without a token, and with none.
        let url = found["url"].as_str().context("a url")?;
        let direct = stack.request(Method::GET, url).send().await?.error_for_status()?;
        assert_eq!(direct.bytes().await?, bytes);
        let (headers, whole) = content(&person, &added["id"]).await?;
        assert!(whole == bytes);
        assert_eq!(headers["content-type"], "image/x-odd");
        assert_eq!(
            headers["content-disposition"],
            "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22%3B%20x%2Ebin"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        let details = person.details(&issue).await?.json(200)["issue"]["attachments"].clone();
        assert_eq!((&details[0]["id"], &details[0]["fileName"]), (&added["id"], &added["file_name"]));
        assert_eq!((&details[0]["size"], &details[0]["created"]), (&added["size"], &added["created"]));
        assert_eq!(details[0]["author"]["accountId"], added["author_account_id"]);
        let fields = json!({ "attachment_id": added["id"] });
        let deleted = person.write(Method::DELETE, "delete-attachment", fields.clone()).await?;
        assert_eq!(deleted.json(200), json!({ "success": true }));
        let lines: Vec<String> =
            sent(&person).iter().map(|r| format!("{} {:?}", r.method, r.query)).collect();
        assert_eq!(lines.len(), 6, "{lines:?}");
        assert_eq!(lines[0], "POST None");
        assert_eq!(lines[4], "GET Some(\"redirect=false\")");
        let again = person.write(Method::DELETE, "delete-attachment", fields).await?;
        assert!(again.refusal(404).starts_with("Attachment not found"));
        assert!(get(&person, &added["id"]).await?.refusal(404).starts_with("Attachment not found"));
        assert_eq!(person.details(&issue).await?.json(200)["issue"]["attachments"], json!([]));
        // The URL is the caller's alone.
        let secret = url.rsplit('/').next().context("a secret")?;
        assert!(!stack.logs().iter().any(|line| line.contains(secret)));
        Ok(())
    });
}

#[test]
fn a_page_is_saved_and_not_shown() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("PAGED", 0)?, "Paged").await?;
        let page = b"<script>alert(1)</script>";
        let id =
            person.attach(&issue, "a.html", "text/html", page).await?.json(201)["attachment"]["id"].clone();
        let (headers, bytes) = content(&person, &id).await?;
        assert_eq!(bytes, page);
        assert_eq!(headers["content-disposition"], "attachment; filename*=UTF-8''a%2Ehtml");
        assert_eq!(headers["content-security-policy"], "sandbox; default-src 'none'");
        Ok(())
    });
}

#[test]
fn a_form_has_the_file_and_the_fields() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("FORMED", 0)?, "Formed").await?;
        let owner: (&str, &[u8]) = ("name=\"external_id\"", person.external_id.as_bytes());
        let file: (&str, &[u8]) =
            ("name=\"file\"; filename=\"plän.txt\"\r\nContent-Type: text/plain", b"\r\n--other\r\n\xff");
        let target: (&str, &[u8]) = ("name=\"issue_id_or_key\"", issue.as_bytes());
        let added = stack.send(form(&person, "", &[owner, target, file])).await?.json(201);
        assert_eq!(
            (&added["attachment"]["file_name"], &added["attachment"]["size"]),
            (&json!("plän.txt"), &json!(12))
        );
        assert_eq!(added["attachment"]["mime_type"], "text/plain");
        let (_, bytes) = content(&person, &added["attachment"]["id"]).await?;
        assert_eq!(bytes, file.1);
        let query = format!("?issue_id_or_key={issue}&file_name=other.txt");
        let added = stack.send(form(&person, &query, &[owner, file])).await?.json(201);
        assert_eq!(added["attachment"]["file_name"], "other.txt");
        let unknown: (&str, &[u8]) = ("name=\"labels\"", b"a");
        let bare: (&str, &[u8]) = ("name=\"file\"", b"a");
        for (parts, said) in [
            (vec![owner, target], "no part 'file'"),
            (vec![owner, file], "Missing issue_id_or_key"),
            (vec![owner, target, file, file], "The field 'file' is given more than once"),
            (vec![owner, owner, target, file], "The field 'external_id' is given more than once"),
            (
                vec![owner, target, unknown, file],
                "labels is not a field of add-attachment. Its fields are: external_id, ",
            ),
            (vec![owner, target, bare], "Missing file_name"),
        ] {
            let refused = stack.send(form(&person, "", &parts)).await?.refusal(400);
            assert!(refused.starts_with(said) || refused.contains(said), "{said}: {refused}");
        }
        let cut = person.jira(Method::POST, "add-attachment");
        let cut =
            cut.header("content-type", "multipart/form-data; boundary=limit").body("--limit\r\nContent-Di");
        assert!(stack.send(cut).await?.refusal(400).contains("multipart/form-data"));
        assert_eq!(sent(&person).iter().filter(|request| request.method == "POST").count(), 2);
        Ok(())
    });
}

#[test]
fn a_file_has_four_megabytes_and_other_bodies_do_not() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("LARGE", 0)?, "Large").await?;
        let bytes: Vec<u8> = (0..LIMIT + 100_000).map(|index| (index % 251) as u8).collect();
        let id = attach(&person, &issue, "most.bin", &bytes[..LIMIT]).await?["id"].clone();
        let (_, whole) = content(&person, &id).await?;
        assert!(whole == bytes[..LIMIT]);
        for size in [LIMIT + 1, bytes.len()] {
            for kind in ["application/octet-stream", "application/json"] {
                let refused = person.attach(&issue, "more.bin", kind, &bytes[..size]).await?.json(413);
                assert_eq!(refused["code"], "too_large");
                assert!(refused["error"].as_str().is_some_and(|said| said.contains("larger than 4 MiB")));
            }
        }
        let file: (&str, &[u8]) = ("name=\"file\"; filename=\"a\"", &bytes[..LIMIT + 1]);
        let query =
            format!("?external_id={}&issue_id_or_key={issue}", person.external_id.replace('/', "%2F"));
        assert!(stack.send(form(&person, &query, &[file])).await?.refusal(413).contains("4 MiB"));
        // The gateway answers by itself.
        let huge =
            person.attach(&issue, "huge.bin", "application/octet-stream", &vec![0; 5 * 1024 * 1024]).await?;
        assert!(huge.json(413)["message"].is_string());
        // A file from elsewhere may be larger.
        let size = json!({ "id": 7, "size": LIMIT + 1, "filename": "a", "mimeType": "text/plain" });
        let fault = Fault::Status { status: 200, body: Some(size) };
        stack.atlassian().inject(person.trouble("/attachment/7 ", fault).times(1));
        let before = sent(&person).len();
        let parameters = [("attachment_id", "7"), ("content", "true")];
        let refused = person.read("get-attachment", &parameters).await?.refusal(413);
        assert!(refused.contains("leave out content"), "{refused}");
        assert_eq!(sent(&person).len(), before + 1, "its content is not read");
        Ok(())
    });
}

#[test]
fn what_is_wrong_is_named_before_jira_is_asked() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        for (issue, name, file, said) in [
            ("", "a.txt", "a", "Missing issue_id_or_key"),
            ("../1", "a.txt", "a", "issue_id_or_key is not a Jira issue"),
            ("SHIP-1", "", "a", "Missing file_name"),
            ("SHIP-1", "../a.txt", "a", "without a path"),
            ("SHIP-1", "a\\b.txt", "a", "without a path"),
            ("SHIP-1", "..", "a", "without a path"),
            ("SHIP-1", "a\r\nX-Evil: 1", "a", "control characters"),
            ("SHIP-1", "a.txt", "", "The file is empty"),
        ] {
            let refused = person.attach(issue, name, "text/plain", file.as_bytes()).await?.refusal(400);
            assert!(refused.contains(said), "{issue} {name}: {refused}");
        }
        let long = person.attach("SHIP-1", &"a".repeat(256), "text/plain", b"a").await?;
        assert!(long.refusal(400).contains("longer than 255"));
        for call in ["get-attachment", "delete-attachment"] {
            let method = if call == "get-attachment" { Method::GET } else { Method::DELETE };
            for (id, said) in [
                ("", "Missing attachment_id"),
                ("../1", "attachment_id is not"),
                ("-1", "attachment_id is not"),
            ] {
                let refused =
                    person.query(method.clone(), call, &[("attachment_id", id)]).await?.refusal(400);
                assert!(refused.contains(said), "{call} {id}: {refused}");
            }
        }
        let refused = person.read("get-attachment", &[("attachment_id", "1"), ("content", "yes")]).await?;
        assert_eq!(refused.refusal(400), "content must be true or false");
        let request = person.attachment("SHIP-1", "a.txt", "text/plain", b"a").bearer_auth("wrong");
        assert_eq!(stack.send(request).await?.status, 401);
        assert_eq!(sent(&person).len(), 0);
        Ok(())
    });
}

#[test]
fn jiras_refusals_have_their_own_words() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let missing = person.attach("SHIP-999", "a.txt", "text/plain", b"a").await?;
        assert!(missing.refusal(404).starts_with("Issue not found, or attachments are off"));
        let full =
            Fault::Status { status: 413, body: Some(json!({ "errorMessages": ["full"], "errors": {} })) };
        stack.atlassian().inject(person.trouble(ADD, full).times(1));
        let refused = person.attach("SHIP-1", "a.txt", "text/plain", b"a").await?.refusal(400);
        assert!(refused.contains("larger than the Jira site allows"), "{refused}");
        let mut settings = stack.atlassian().settings(Some(&person.account));
        settings.read_only = true;
        stack.atlassian().set_settings(Some(&person.account), settings);
        let refused = person.attach("SHIP-1", "a.txt", "text/plain", b"a").await?.json(403);
        assert_eq!(refused["code"], "jira_forbidden");
        Ok(())
    });
}

#[test]
fn an_unknown_outcome_stays_unknown_for_its_key() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("ONCEFILE", 0)?, "Once").await?;
        let once = |key: &str, content: &str| {
            let request = person.attachment(&issue, "a.txt", "text/plain", content.as_bytes());
            stack.send(request.header("idempotency-key", key))
        };
        let first = once("fine", "a").await?.json(201);
        assert_eq!(once("fine", "a").await?.json(201), first);
        assert!(once("fine", "b").await?.refusal(422).contains("another request"));
        let posts = || sent(&person).iter().filter(|request| request.method == "POST").count();
        assert_eq!(posts(), 1);
        stack.atlassian().inject(person.trouble(ADD, Fault::Drop).after().times(1));
        let lost = once("lost", "a").await?.json(502);
        assert_eq!(lost["code"], "outcome_unknown", "{lost}");
        let again = once("lost", "a").await?.json(502);
        assert_eq!(again["code"], "outcome_unknown", "{again}");
        assert!(again["error"].as_str().is_some_and(|said| said.contains("new Idempotency-Key")), "{again}");
        assert_eq!(posts(), 2);
        Ok(())
    });
}

#[test]
fn a_file_is_sent_again_only_after_a_rate_limit() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("TROUBLED", 0)?, "Troubled").await?;
        let count = |method: &str| sent(&person).iter().filter(|request| request.method == method).count();
        let limited = Fault::RateLimited { retry_after: Some(1), reason: None };
        stack.atlassian().inject(person.trouble(ADD, limited).times(1));
        let id = attach(&person, &issue, "a.txt", b"content").await?["id"].clone();
        assert_eq!(count("POST"), 2);
        for fault in [Fault::Status { status: 500, body: None }, Fault::MalformedJson] {
            let before = count("POST");
            stack.atlassian().inject(person.trouble(ADD, fault).times(1));
            let failed = person.attach(&issue, "a.txt", "text/plain", b"a").await?.json(502);
            assert_eq!((&failed["code"], count("POST")), (&json!("outcome_unknown"), before + 1));
        }
        let failing = Fault::Status { status: 500, body: None };
        stack.atlassian().inject(person.trouble("/attachment/content/", failing).times(1));
        assert!(get(&person, &id).await?.json(200)["url"].is_string(), "a read is repeated");
        // Neither a redirect without a usable address nor half of a file is passed on.
        for location in ["/media/x", "javascript:alert(1)"] {
            let headers = [("location".to_owned(), location.to_owned())].into();
            let odd = Fault::Reply { status: 303, headers, body: String::new() };
            stack.atlassian().inject(person.trouble("/attachment/content/", odd).times(1));
            get(&person, &id).await?.json(502);
        }
        stack.atlassian().inject(person.trouble("redirect=false", Fault::MalformedJson).times(1));
        let parameters = [("attachment_id", id.as_str().context("an id")?), ("content", "true")];
        assert_eq!(person.read("get-attachment", &parameters).await?.json(502)["code"], "provider_failed");
        Ok(())
    });
}

#[test]
fn an_odd_value_costs_only_itself() {
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let issue = person.task(&stack.project("ODDFILE", 0)?, "Odd").await?;
        let id = attach(&person, &issue, "a.txt", b"content").await?["id"].clone();
        for odd in [json!(null), json!(7.5), json!(true), json!([null]), json!({ "odd": [1] })] {
            let body = json!({
                "id": id, "filename": odd, "mimeType": odd, "size": odd, "author": odd, "created": odd,
            });
            let line = format!("/attachment/{} ", id.as_str().context("an id")?);
            let fault = Fault::Status { status: 200, body: Some(body) };
            stack.atlassian().inject(person.trouble(&line, fault).times(2));
            let found = get(&person, &id).await?.json(200);
            assert_eq!(
                (&found["attachment"]["id"], &found["attachment"]["size"]),
                (&id, &json!(null)),
                "{odd}"
            );
            assert!(found["url"].is_string());
            let (headers, bytes) = content(&person, &id).await?;
            assert_eq!(
                (bytes.as_slice(), &headers["content-type"]),
                (&b"content"[..], &"text/plain".parse()?)
            );
        }
        // A header could not carry this type.
        let body = json!({ "id": id, "filename": "a.txt", "mimeType": "text/html; name=é", "size": 7 });
        let fault = Fault::Status { status: 200, body: Some(body) };
        stack.atlassian().inject(person.trouble("/attachment/", fault).times(1));
        assert_eq!(content(&person, &id).await?.0["content-type"], "application/octet-stream");
        Ok(())
    });
}
