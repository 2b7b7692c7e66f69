//! What the functions need, and what can be wrong with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use juncture_tests::Bed;
use juncture_tests::proxy::Illness;
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

    /// Where it is.
    pub(crate) fn address(self, bed: &Bed) -> Result<SocketAddr> {
        Ok(match self {
            Postgres => ([127, 0, 0, 1], bed.stack.postgres().context("a Postgres")?.port()).into(),
            Redis => bed.stack.front().context("a front")?.address(),
            Auth | Jira => {
                let url = Url::parse(bed.atlassian().url())?;
                ([127, 0, 0, 1], url.port().context("no port")?).into()
            }
        })
    }

    /// The setting that leads to it, by way of another port.
    pub(crate) fn setting(self, bed: &Bed, port: u16) -> Result<(String, String)> {
        Ok(match self {
            Postgres => {
                let url = bed.stack.environment().get("DATABASE_URL").context("no database")?;
                let mut url = Url::parse(url)?;
                url.set_port(Some(port)).ok().context("no port")?;
                ("DATABASE_URL".to_owned(), url.to_string())
            }
            Redis => ("UPSTASH_REDIS_REST_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            Auth => ("ATLASSIAN_AUTH_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            Jira => ("ATLASSIAN_API_URL".to_owned(), format!("http://127.0.0.1:{port}")),
        })
    }

    /// As [`Self::setting`], over TLS. Only for Postgres can an authority be named that is trusted.
    pub(crate) fn setting_with_tls(self, bed: &Bed, port: u16, authority: &str) -> Result<(String, String)> {
        let (name, value) = self.setting(bed, port)?;
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

/// Something that can be wrong with a server.
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

    /// How a proxy makes a server look that way; `None` where it makes no sense: Postgres speaks no HTTP.
    pub(crate) fn illness(
        self,
        of: Dependency,
        canary: u16,
        tls: &Arc<rustls::ServerConfig>,
    ) -> Option<Illness> {
        let is_postgres = of == Postgres;
        let http = |head: &str, body: &str| {
            let length = body.len();
            let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            Illness::Answer(format!("{head}{body}").into_bytes())
        };
        Some(match self {
            Refused => Illness::Refused,
            Reset if is_postgres => Illness::ResetStatement,
            Reset => Illness::Reset,
            Hanging => Illness::Hanging,
            Slow => Illness::Slow(Duration::from_millis(200)),
            ServerError if is_postgres => Illness::Answer(refusal("57P03", "the database system is starting up")),
            ServerError => http("503 Service Unavailable\r\ncontent-type: text/html", "<h1>Unavailable</h1>"),
            Busy if is_postgres => Illness::Answer(refusal("53300", "sorry, too many clients already")),
            Busy => http(
                "429 Too Many Requests\r\nretry-after: 7\r\ncontent-type: application/json",
                &json!({ "error": "too many requests" }).to_string(),
            ),
            Truncated => Illness::Answer(
                if is_postgres { "R\0\0\0\x17\0\0\0" } else {
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"access_tok"
                }
                .into(),
            ),
            Html if is_postgres => Illness::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n".into()),
            Html => http("200 OK\r\ncontent-type: text/html", "<h1>Welcome to the hotel's network</h1>"),
            _ if is_postgres && self != BadTls => return None,
            OtherJson => http("200 OK\r\ncontent-type: application/json", r#"{"an": ["other", "answer"]}"#),
            Endless => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                Illness::Endless(head.into())
            }
            BadTls => Illness::Tls(Arc::clone(tls)),
            Redirect => http(&format!("302 Found\r\nlocation: http://127.0.0.1:{canary}/"), ""),
        })
    }
}

/// Postgres's way to say no at the door
/// (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).
fn refusal(code: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap_or_default();
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}
