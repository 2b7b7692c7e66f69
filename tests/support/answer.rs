//! HTTP responses, with assertions that print the response on failure.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP response with its body.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// Reads the body of a response.
    pub async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await? })
    }

    /// Asserts the status and parses the body as JSON.
    #[track_caller]
    pub fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Asserts the status and the shape of an API error. Returns its message.
    #[track_caller]
    pub fn refusal(&self, status: u16) -> String {
        let body = self.json(status);
        let content_type = self.header("content-type");
        assert!(content_type.starts_with("application/json"), "{content_type}");
        assert!(body["request_id"].is_string(), "{body}");
        body["error"].as_str().unwrap_or_else(|| panic!("no error in {body}")).to_owned()
    }

    /// Asserts the status and the headers of an HTML page. Returns the page.
    #[track_caller]
    pub fn page(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.header("content-type").starts_with("text/html"), "{:?}", self.headers);
        assert!(self.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("strict-transport-security"), "max-age=31536000");
        &self.body
    }

    /// A header's value, empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
