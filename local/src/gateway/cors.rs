//! CORS as an HTTP API implements it, from the template's `CorsConfiguration`:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use anyhow::{Context as _, Result, ensure};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;

use super::intrinsics::text;

/// The CORS configuration of an HTTP API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins, `*`, or `http://*` and `https://*`.
    pub allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub allow_methods: Vec<String>,
    /// Names of request headers, or `*`.
    pub allow_headers: Vec<String>,
    /// Names of response headers that a script may read.
    pub expose_headers: Vec<String>,
    /// Whether requests with credentials (cookies, authorization) are allowed.
    pub allow_credentials: bool,
    /// How long, in seconds, a browser may cache a preflight response.
    pub max_age: Option<u64>,
}

impl Cors {
    /// Parses an evaluated `CorsConfiguration`; `None` if there is none.
    pub(super) fn from_template(configuration: &Value) -> Result<Option<Self>> {
        if configuration.is_null() {
            return Ok(None);
        }
        ensure!(configuration.is_object(), "CorsConfiguration must be a mapping");
        let list = |name: &str| -> Result<Vec<String>> {
            match &configuration[name] {
                Value::Null => Ok(Vec::new()),
                Value::Array(items) => Ok(items.iter().filter_map(text).collect()),
                other => Ok(vec![text(other).with_context(|| format!("{name} must be a list"))?]),
            }
        };
        let scalar = |name: &str| text(&configuration[name]);
        let max_age =
            scalar("MaxAge").map(|age| age.parse()).transpose().context("MaxAge must be a number")?;
        let cors = Self {
            allow_origins: list("AllowOrigins")?,
            allow_methods: list("AllowMethods")?,
            allow_headers: list("AllowHeaders")?,
            expose_headers: list("ExposeHeaders")?,
            allow_credentials: scalar("AllowCredentials").is_some_and(|allow| allow == "true"),
            max_age,
        };
        let any = cors.allow_origins.iter().any(|origin| origin == "*");
        ensure!(
            !(any && cors.allow_credentials),
            "API Gateway refuses AllowCredentials with AllowOrigins \"*\""
        );
        Ok(Some(cors))
    }

    /// The headers of the 204 response to a preflight request; `None` if the request is not one. For a foreign
    /// origin there are no headers, so the browser refuses the request.
    pub(super) fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HeaderMap> {
        if method != Method::OPTIONS || !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut answer = HeaderMap::new();
        let Some(origin) = self.allowed(request.get(ORIGIN)?) else { return Some(answer) };
        set(&mut answer, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        set_list(&mut answer, ACCESS_CONTROL_ALLOW_METHODS, &self.allow_methods);
        set_list(&mut answer, ACCESS_CONTROL_ALLOW_HEADERS, &self.allow_headers);
        if let Some(seconds) = self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
        self.set_credentials(&mut answer);
        Some(answer)
    }

    /// Sets this configuration's headers on a function's response, replacing any CORS headers the function set.
    pub(super) fn apply(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        let own: Vec<HeaderName> =
            answer.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in own {
            answer.remove(name);
        }
        let Some(origin) = request.get(ORIGIN).and_then(|origin| self.allowed(origin)) else { return };
        set(answer, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        set_list(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose_headers);
        self.set_credentials(answer);
    }

    /// The value of `Access-Control-Allow-Origin` for this origin, if it is allowed.
    fn allowed<'a>(&self, origin: &'a HeaderValue) -> Option<&'a str> {
        let origin = origin.to_str().ok()?;
        if self.allow_origins.iter().any(|allowed| allowed == "*") {
            return Some("*");
        }
        let matches = |allowed: &String| match allowed.strip_suffix('*') {
            Some(scheme @ ("http://" | "https://")) => origin.starts_with(scheme),
            _ => allowed == origin,
        };
        self.allow_origins.iter().any(matches).then_some(origin)
    }

    fn set_credentials(&self, answer: &mut HeaderMap) {
        if self.allow_credentials {
            set(answer, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
    }
}

fn set_list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if !values.is_empty() {
        set(headers, name, &values.join(","));
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn cors(origins: Value) -> Cors {
        let configuration = json!({"AllowOrigins": origins, "AllowMethods": ["GET", "POST"], "AllowHeaders": ["x-a"],
            "ExposeHeaders": ["x-b"], "MaxAge": 600});
        Cors::from_template(&configuration).unwrap().unwrap()
    }

    #[test]
    fn a_preflight_is_answered_for_allowed_origins_only() {
        let cors = cors(json!(["http://app.example.com"]));
        let request = |origin| headers(&[("origin", origin), ("access-control-request-method", "POST")]);
        let answer = cors.preflight(&Method::OPTIONS, &request("http://app.example.com")).unwrap();
        let expected = headers(&[
            ("access-control-allow-origin", "http://app.example.com"),
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-headers", "x-a"),
            ("access-control-max-age", "600"),
        ]);
        assert_eq!(answer, expected);
        assert!(cors.preflight(&Method::OPTIONS, &request("http://evil.example.com")).unwrap().is_empty());
        assert!(cors.preflight(&Method::GET, &request("http://app.example.com")).is_none());
        assert!(
            cors.preflight(&Method::OPTIONS, &headers(&[("origin", "http://app.example.com")])).is_none()
        );
    }

    #[test]
    fn responses_carry_the_configuration_and_not_the_functions_headers() {
        let request = headers(&[("origin", "https://a.example.com")]);
        let own = headers(&[
            ("access-control-allow-origin", "mine"),
            ("access-control-max-age", "1"),
            ("x-b", "1"),
        ]);
        for (origins, expected) in [
            (json!("*"), Some("*")),
            (json!(["https://*"]), Some("https://a.example.com")),
            (json!(["http://*"]), None),
        ] {
            let mut answer = own.clone();
            cors(origins).apply(&request, &mut answer);
            assert_eq!(
                answer.get("access-control-allow-origin").map(|value| value.to_str().unwrap()),
                expected
            );
            assert_eq!(answer.contains_key("access-control-expose-headers"), expected.is_some());
            assert!(!answer.contains_key("access-control-max-age"));
            assert_eq!(answer["x-b"], "1");
        }
    }

    #[test]
    fn credentials_need_named_origins() {
        let configuration = json!({"AllowOrigins": ["*"], "AllowCredentials": true});
        assert!(Cors::from_template(&configuration).is_err());
        let configuration = json!({"AllowOrigins": ["http://a"], "AllowCredentials": true});
        let mut answer = HeaderMap::new();
        Cors::from_template(&configuration)
            .unwrap()
            .unwrap()
            .apply(&headers(&[("origin", "http://a")]), &mut answer);
        assert_eq!(answer["access-control-allow-credentials"], "true");
    }
}
