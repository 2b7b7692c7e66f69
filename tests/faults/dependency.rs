//! The servers that functions need, and how they can fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use juncture_tests::TestStack;
use juncture_tests::proxy::Mode;
use serde_json::json;
use strum::VariantArray;
use url::Url;

/// A server that functions need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dependency {
    Postgres,
    Redis,
    Auth,
    Jira,
}

use Dependency::*;

impl Dependency {
    pub(crate) const ALL: [Self; 4] = [Redis, Postgres, Auth, Jira];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Postgres => "Postgres",
            Redis => "Redis",
            Auth => "token endpoint",
            Jira => "Jira",
        }
    }

    /// The server's address.
    pub(crate) fn address(self, stack: &TestStack) -> Result<SocketAddr> {
        Ok(match self {
            Postgres => ([127, 0, 0, 1], stack.postgres().port()).into(),
            Redis => stack.front().address(),
            Auth | Jira => {
                let url = Url::parse(stack.atlassian().url())?;
                ([127, 0, 0, 1], url.port().context("no port")?).into()
            }
        })
    }

    /// The setting that points to the server, with a different port.
    pub(crate) fn setting(self, stack: &TestStack, port: u16) -> Result<(String, String)> {
        Ok(match self {
            Postgres => {
                let url = stack.environment().get("DATABASE_URL").context("no database")?;
                let mut url = Url::parse(url)?;
                url.set_port(Some(port)).ok().context("no port")?;
                ("DATABASE_URL".to_owned(), url.to_string())
            }
            Redis => ("UPSTASH_REDIS_REST_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            Auth => ("ATLASSIAN_AUTH_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            Jira => ("ATLASSIAN_API_URL".to_owned(), format!("http://127.0.0.1:{port}")),
        })
    }

    /// Like [`Self::setting`], over TLS. Only Postgres has a setting for a trusted certificate authority.
    pub(crate) fn setting_with_tls(
        self,
        stack: &TestStack,
        port: u16,
        authority: &str,
    ) -> Result<(String, String)> {
        let (name, value) = self.setting(stack, port)?;
        let value = match self {
            Postgres => format!(
                "{}?sslmode=require&sslrootcert={authority}",
                value.split('?').next().unwrap_or_default()
            ),
            _ => format!("https://localhost:{port}"),
        };
        Ok((name, value))
    }
}

/// A way a server can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, VariantArray)]
pub(crate) enum Fault {
    Refused,
    Reset,
    Hanging,
    Slow,
    ServerError,
    Busy,
    Truncated,
    OtherJson,
    Html,
    Endless,
    BadTls,
    Redirect,
}

use Fault::*;

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Refused => "refused",
            Reset => "reset",
            Hanging => "hangs",
            Slow => "slow",
            ServerError => "503",
            Busy => "429",
            Truncated => "truncated",
            OtherJson => "other JSON",
            Html => "no JSON",
            Endless => "endless",
            BadTls => "bad TLS",
            Redirect => "redirect",
        }
    }

    /// The proxy's mode for this fault; `None` where it does not apply, such as an HTTP redirect for Postgres.
    pub(crate) fn mode(self, of: Dependency, canary: u16, tls: &Arc<rustls::ServerConfig>) -> Option<Mode> {
        let is_postgres = of == Postgres;
        let http = |head: &str, body: &str| {
            let length = body.len();
            let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            Mode::Answer(format!("{head}{body}").into_bytes())
        };
        Some(match self {
            Refused => Mode::Refused,
            Reset if is_postgres => Mode::ResetStatement,
            Reset => Mode::Reset,
            Hanging => Mode::Hanging,
            Slow => Mode::Slow(Duration::from_millis(200)),
            ServerError if is_postgres => Mode::Answer(refusal("57P03", "the database system is starting up")),
            ServerError => http("503 Service Unavailable\r\ncontent-type: text/html", "<h1>Unavailable</h1>"),
            Busy if is_postgres => Mode::Answer(refusal("53300", "sorry, too many clients already")),
            Busy => http(
                "429 Too Many Requests\r\nretry-after: 7\r\ncontent-type: application/json",
                &json!({ "error": "too many requests" }).to_string(),
            ),
            Truncated => Mode::Answer(
                if is_postgres { "R\0\0\0\x17\0\0\0" } else {
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"access_tok"
                }
                .into(),
            ),
            Html if is_postgres => Mode::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n".into()),
            Html => http("200 OK\r\ncontent-type: text/html", "<h1>Welcome to the hotel's network</h1>"),
            _ if is_postgres && self != BadTls => return None,
            OtherJson => http("200 OK\r\ncontent-type: application/json", r#"{"an": ["other", "answer"]}"#),
            Endless => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                Mode::Endless(head.into())
            }
            BadTls => Mode::Tls(Arc::clone(tls)),
            Redirect => http(&format!("302 Found\r\nlocation: http://127.0.0.1:{canary}/"), ""),
        })
    }
}

/// Postgres's error response to a startup message
/// (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).
fn refusal(code: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap_or_default();
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}
