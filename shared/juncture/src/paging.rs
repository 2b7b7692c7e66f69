//! Pagination, for callers that ask for it with `limit` and `cursor`.
//!
//! A cursor is sealed, so callers can only send back what they got, and bound to the endpoint, the connection and the
//! query. Without either parameter a list is returned whole.

use base::crypto::{Binding, Sealer};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::Field;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connections::ConnectionKey;
use crate::error::{Error, ErrorCode, Result};

/// Maximum page size.
const MAX_LIMIT: usize = 1000;

/// Issues and opens the cursors of one list.
pub struct Paging<'a> {
    sealer: &'a Sealer,
    binding: Binding,
}

/// A requested page, which starts at a position in the list or at its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<P> {
    /// The page size, 1 to 1000.
    pub limit: usize,
    /// Where the page starts.
    pub from: Option<P>,
}

/// The query parameters of a paginated list.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    /// The page size.
    limit: Option<String>,
    /// Where the page starts.
    cursor: Option<String>,
}

/// The fields of a paginated list whose parameters are in a JSON body, where the page size is a number.
#[derive(Debug, Deserialize)]
pub struct PageFields {
    limit: Field,
    cursor: Option<String>,
}

impl TryFrom<PageFields> for PageQuery {
    type Error = Error;

    fn try_from(PageFields { limit, cursor }: PageFields) -> Result<Self> {
        let limit = match limit {
            Field::Absent | Field::Null => None,
            Field::Text(text) if text.is_empty() => None,
            Field::Other(Value::Number(number)) => Some(number.to_string()),
            Field::Text(_) | Field::Other(_) => return Err(bad_limit(MAX_LIMIT)),
        };
        Ok(Self { limit, cursor })
    }
}

/// The content of a cursor.
#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    #[serde(rename = "l")]
    limit: usize,
    #[serde(rename = "p")]
    position: P,
}

impl<'a> Paging<'a> {
    /// Paginates the list that `call` returns for a connection and a query, such as a project id.
    pub fn new(sealer: &'a Sealer, call: &str, key: &ConnectionKey, query: &str) -> Self {
        Self { sealer, binding: key.cursor_binding(call, query) }
    }

    /// Paginates a list of connections.
    pub fn of_connections(sealer: &'a Sealer, call: &str, query: &str) -> Self {
        let v1 = serde_json::json!(["cursor", call, query]).to_string();
        Self { sealer, binding: Binding::new(v1, &["cursor", call, query]) }
    }

    /// Parses the requested page; `None` means the whole list. A cursor without a limit keeps the limit it was issued
    /// with. Returns 400 if the limit is not a number from 1 to 1000, or the cursor was not issued for this list.
    pub fn part<P: DeserializeOwned>(&self, query: &PageQuery) -> Result<Option<PageRequest<P>>> {
        let limit = query.limit.as_deref().map(|text| parse_limit(text, MAX_LIMIT)).transpose()?;
        let cursor: Option<Cursor<P>> = query.cursor.as_deref().map(|text| self.open(text)).transpose()?;
        let part = match (limit, cursor) {
            (None, None) => return Ok(None),
            (Some(limit), None) => PageRequest { limit, from: None },
            (limit, Some(cursor)) => {
                PageRequest { limit: limit.unwrap_or(cursor.limit), from: Some(cursor.position) }
            }
        };
        Ok(Some(part))
    }

    /// Creates the cursor of the next page.
    pub fn cursor<P: Serialize>(&self, limit: usize, position: P) -> Result<String> {
        let plaintext = serde_json::to_string(&Cursor { limit, position }).map_err(Error::internal)?;
        let sealed = self.sealer.seal(&plaintext, &self.binding).map_err(Error::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed.as_str()))
    }

    /// Creates the cursor of the page after this one, if there is one.
    pub fn after<P: Serialize>(
        &self,
        part: Option<&PageRequest<P>>,
        next: Option<P>,
    ) -> Result<Option<String>> {
        let Some((part, next)) = part.zip(next) else { return Ok(None) };
        self.cursor(part.limit, next).map(Some)
    }

    fn open<P: DeserializeOwned>(&self, text: &str) -> Result<Cursor<P>> {
        let opened = || {
            let sealed = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let plaintext = self.sealer.open(&sealed, &self.binding).ok()?;
            serde_json::from_str(plaintext.expose_secret()).ok()
        };
        opened().ok_or_else(|| {
            Error::bad_request(
                "cursor does not belong to this list: send next_cursor unchanged, with the same parameters",
            )
        })
    }
}

/// Uses the contract's message for a failed list, and suggests pagination if it took too long.
pub fn explain(error: Error, failed: &'static str) -> Error {
    if error.code() != ErrorCode::TimedOut {
        return error.in_words_of(&[], failed);
    }
    let cause = error.cause_chain().unwrap_or_default();
    Error::timed_out(format!("{failed} in time. Ask for fewer at once, with 'limit' and 'cursor'."))
        .because(cause)
}

/// Parses how many entries of a list to return; 400 unless it is a whole number from 1 to `max`.
pub(crate) fn parse_limit(text: &str, max: usize) -> Result<usize> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| is_number && (1..=max).contains(limit));
    limit.ok_or_else(|| bad_limit(max))
}

fn bad_limit(max: usize) -> Error {
    Error::bad_request(format!("limit must be a whole number from 1 to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::ExternalId;
    use crate::provider::ProviderId;

    fn sealer() -> Sealer {
        Sealer::from_keys(&base64::engine::general_purpose::STANDARD.encode([7; 32])).unwrap()
    }

    fn key(external_id: &str) -> ConnectionKey {
        ConnectionKey::new(ProviderId::parse("jira").unwrap(), ExternalId::parse(external_id).unwrap())
    }

    fn query(text: &str) -> PageQuery {
        let uri = format!("https://api.example.com/x?{text}");
        runtime::query(&http::Request::builder().uri(uri).body(Default::default()).unwrap()).unwrap()
    }

    #[test]
    fn a_cursor_is_valid_for_its_own_list_only() {
        let sealer = sealer();
        let paging = Paging::new(&sealer, "call", &key("x"), "1");
        let part = |paging: &Paging<'_>, text: &str| paging.part::<usize>(&query(text));
        assert_eq!(part(&paging, "").unwrap(), None);
        assert_eq!(part(&paging, "limit=7").unwrap(), Some(PageRequest { limit: 7, from: None }));
        let cursor = paging.cursor(7, 14).unwrap();
        assert_eq!(
            part(&paging, &format!("cursor={cursor}")).unwrap(),
            Some(PageRequest { limit: 7, from: Some(14) })
        );
        let other_limit = format!("cursor={cursor}&limit=9");
        assert_eq!(part(&paging, &other_limit).unwrap(), Some(PageRequest { limit: 9, from: Some(14) }));
        for (call, id, of) in
            [("other", "x", "1"), ("call", "y", "1"), ("call", "x", "2"), ("call", "x\",\"1", "")]
        {
            let other = Paging::new(&sealer, call, &key(id), of);
            assert!(part(&other, &format!("cursor={cursor}")).is_err(), "{call} {id} {of}");
        }
        let forged = URL_SAFE_NO_PAD.encode(r#"{"l":7,"p":14}"#);
        for nonsense in ["x", "....", &forged, cursor.get(1..).unwrap()] {
            let error = part(&paging, &format!("cursor={nonsense}")).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{nonsense}");
        }
        for limit in ["0", "1001", "-1", "1.5", "all", "%2B5", "99999999999999999999999"] {
            assert!(part(&paging, &format!("limit={limit}")).is_err(), "{limit}");
        }
    }

    #[test]
    fn a_limit_in_a_body_is_a_number() {
        let limit = |body: Value| {
            let body = runtime::JsonBody::of(&http::Request::new(body.to_string().into())).unwrap();
            PageQuery::try_from(body.read::<PageFields>().unwrap()).map(|query| query.limit)
        };
        assert_eq!(limit(serde_json::json!({ "limit": 7 })).unwrap().as_deref(), Some("7"));
        for none in
            [serde_json::json!({}), serde_json::json!({ "limit": null }), serde_json::json!({ "limit": "" })]
        {
            assert_eq!(limit(none).unwrap(), None);
        }
        for wrong in [serde_json::json!("7"), serde_json::json!(true), serde_json::json!([7])] {
            assert!(limit(serde_json::json!({ "limit": wrong })).is_err());
        }
    }

    #[test]
    fn whole_lists_and_last_pages_have_no_cursor() {
        let sealer = sealer();
        let paging = Paging::new(&sealer, "call", &key("x"), "1");
        let part = PageRequest { limit: 10, from: None };
        assert_eq!(paging.after(None, Some(5)).unwrap(), None);
        assert_eq!(paging.after(Some(&part), None).unwrap(), None);
        let cursor = paging.after(Some(&part), Some(10)).unwrap().unwrap();
        let next = paging.part(&query(&format!("cursor={cursor}"))).unwrap();
        assert_eq!(next, Some(PageRequest { limit: 10, from: Some(10) }));
    }

    #[test]
    fn a_timeout_suggests_pagination() {
        let slow = explain(Error::timed_out("slow"), "Failed to fetch");
        assert!(slow.message().starts_with("Failed to fetch in time") && slow.message().contains("'limit'"));
        assert_eq!(explain(Error::internal("x"), "Failed to fetch").message(), "Failed to fetch");
        assert_eq!(explain(Error::bad_request("x"), "Failed to fetch").message(), "x");
    }
}
