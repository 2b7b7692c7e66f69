//! Attachments, and the media host.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, HARBOUR, READ_WRITE, Tokens, read};

async fn start() -> (App, Tokens) {
    let app = App::start().await;
    let tokens = app.connect("ada", &["harbour"], READ_WRITE).await;
    (app, tokens)
}

async fn upload(app: &App, tokens: &Tokens, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
    let url = app.url(&format!("/ex/jira/{HARBOUR}/rest/api/3/issue/SHIP-2/attachments"));
    let mut request = app.http.post(url).bearer_auth(&tokens.access).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.send().await.unwrap()).await
}

const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=b");
const NO_CHECK: (&str, &str) = ("x-atlassian-token", "no-check");
const FILE: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
    Content-Type: text/plain\r\n\r\ncontent\r\n--b--\r\n";

#[tokio::test]
async fn a_file_is_attached_and_downloaded_from_the_media_host() {
    let (app, ada) = start().await;
    let (status, added) = upload(&app, &ada, &[FORM, NO_CHECK], FILE).await;
    assert_eq!(status, StatusCode::OK, "{added}");
    let id = added[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&added[0]["filename"], &added[0]["size"]), (&json!("a.txt"), &json!(7)));
    let (_, metadata) = app.jira(HARBOUR, &format!("attachment/{id}"), &ada.access).await;
    assert_eq!(metadata["id"].to_string(), id, "a number here");
    let (_, issue) = app.jira(HARBOUR, "issue/SHIP-2?fields=attachment", &ada.access).await;
    assert_eq!(issue["fields"]["attachment"][0]["id"], id);

    let url = app.url(&format!("/ex/jira/{HARBOUR}/rest/api/3/attachment/content/{id}"));
    let redirect = app.http.get(&url).bearer_auth(&ada.access).send().await.unwrap();
    assert_eq!(redirect.status(), StatusCode::SEE_OTHER);
    let media = redirect.headers()["location"].to_str().unwrap().to_owned();
    let direct = app.http.get(&media).send().await.unwrap();
    assert_eq!(direct.headers()["content-type"], "text/plain");
    assert_eq!(direct.text().await.unwrap(), "content");
    let with_token = app.http.get(&media).bearer_auth(&ada.access).send().await.unwrap();
    assert_eq!(with_token.status(), StatusCode::BAD_REQUEST);
    let through =
        app.http.get(format!("{url}?redirect=false")).bearer_auth(&ada.access).send().await.unwrap();
    assert_eq!(through.text().await.unwrap(), "content");

    let path = format!("attachment/{id}");
    let (status, _) = app.send("DELETE", HARBOUR, &path, Value::Null, &ada).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = app.send("DELETE", HARBOUR, &path, Value::Null, &ada).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(app.http.get(&media).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(app.problems(), Vec::<String>::new());
}

#[tokio::test]
async fn an_upload_that_jira_would_refuse_is_a_violation() {
    let (app, ada) = start().await;
    let wrong_part = FILE.replace("name=\"file\"", "name=\"attachment\"");
    for (headers, body, status) in [
        (vec![FORM], FILE, StatusCode::FORBIDDEN),
        (vec![FORM, ("x-atlassian-token", "nocheck")], FILE, StatusCode::FORBIDDEN),
        (vec![NO_CHECK, ("content-type", "application/json")], "{}", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (vec![FORM, NO_CHECK], &*wrong_part, StatusCode::BAD_REQUEST),
        (vec![FORM, NO_CHECK], "--b--\r\n", StatusCode::BAD_REQUEST),
        (vec![FORM, NO_CHECK], &FILE[..60], StatusCode::BAD_REQUEST),
    ] {
        let before = app.problems().len();
        let (refused, answer) = upload(&app, &ada, &headers, body).await;
        assert_eq!(refused, status, "{headers:?} {body}: {answer}");
        assert_eq!(app.problems().len(), before + 1, "{headers:?} {body}");
    }
    let (_, issue) = app.jira(HARBOUR, "issue/SHIP-2?fields=attachment", &ada.access).await;
    assert_eq!(issue["fields"]["attachment"], json!([]));
}
