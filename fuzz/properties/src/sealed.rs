//! Values that were given out and come back.

use std::sync::LazyLock;

use base::config::Settings;
use base::crypto::{Binding, SealFormat, Sealed, Sealer, is_code};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use runtime::Request;
use secrecy::ExposeSecret;

use crate::support::{accepted, from_settings};
use juncture::callers::BrowserCaller;
use juncture::connections::ConnectionKey;
use juncture::oauth::{ConnectionCode, ReturnUrl, ReturnUrls};
use juncture::paging::{PageQuery, PageRequest, Paging};
use juncture::parts::Parts;

const BOUND_TO: &str = "a connection";

static KEYS: LazyLock<String> =
    LazyLock::new(|| format!("{},{}", STANDARD.encode([1; 32]), STANDARD.encode([2; 32])));
static SEALER: LazyLock<Sealer> = LazyLock::new(|| Sealer::from_keys(&KEYS).expect("two keys"));
static SETTINGS: LazyLock<Settings> =
    LazyLock::new(|| Settings::from_pairs([("TOKEN_ENCRYPTION_KEY".to_owned(), KEYS.clone())]));

/// A connection key as a browser sends it.
fn connection_key() -> ConnectionKey {
    let browser = BrowserCaller::of(&Request::default());
    browser.connection_key("jira", "x").expect("a provider and an id")
}

/// The bytes as text, both as they are and with each `@` replaced by a genuine value.
fn texts(data: &[u8], real: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(data).into_owned();
    let changed = text.replace('@', real);
    vec![text, changed]
}

/// A sealed value: it opens only unmodified and only in the context it was sealed for.
pub fn sealed(data: &[u8]) {
    let (binding, another) = (Binding::new(BOUND_TO, &[BOUND_TO]), Binding::new("another", &["another"]));
    for (text, real) in [SealFormat::V1, SealFormat::V2].into_iter().flat_map(|format| {
        let sealer = SEALER.clone().with_format(format);
        let real = sealer.seal("clear", &binding).expect("sealed").as_str().to_owned();
        texts(data, &real).into_iter().map(move |text| (text, real.clone()))
    }) {
        // The fuzzer may have kept a value that was sealed in another run.
        let opened = SEALER.open(&text, &binding);
        let is_real = opened.is_ok();
        assert!(opened.is_ok_and(|clear| clear.expose_secret() == "clear") == is_real, "{text:?}");
        assert!(is_real || text != real);
        assert!(SEALER.open(&text, &another).is_err());
        assert!(SEALER.derived("other").open(&text, &binding).is_err());
        // A value that was never sealed is clear text of an earlier version; what begins like a sealed value is not.
        let stored = Sealed::stored(text.clone());
        match SEALER.open_stored(&stored, &binding) {
            Ok(clear) => assert_eq!(clear.expose_secret(), if is_real { "clear" } else { &text }),
            Err(_) => assert!(text.starts_with('v') && text.contains(':') && !is_real),
        }
        assert!(!(is_real && stored.is_clear_text()));
        if let Ok(Some(again)) = SEALER.reseal(&stored, &binding) {
            let again = SEALER.open(again.as_str(), &binding).expect("opens");
            assert_eq!(again.expose_secret(), if is_real { "clear" } else { &text });
        }
    }
    // As a list of keys.
    let text = String::from_utf8_lossy(data);
    if let Ok(sealer) = Sealer::from_keys(&text) {
        let value = sealer.seal("x", &binding).expect("sealed");
        assert_eq!(sealer.open(value.as_str(), &binding).expect("opens").expose_secret(), "x");
    }
}

/// A cursor: only genuine ones are accepted.
pub fn cursor(data: &[u8]) {
    let key = connection_key();
    let paging = Paging::new(&SEALER, "call", &key, "1");
    let real = paging.cursor(7, 14_usize).expect("a cursor");
    for text in texts(data, &real) {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("cursor", &text).append_pair("limit", text.trim_start_matches("limit="));
        let uri = format!("https://api.example.com/x?{}", query.finish());
        let with_both = http::Request::builder().uri(uri).body(Default::default());
        let uri = format!(
            "https://api.example.com/x?{}",
            form_urlencoded::Serializer::new(String::new()).append_pair("cursor", &text).finish()
        );
        let with_cursor = http::Request::builder().uri(uri).body(Default::default());
        let (Ok(with_both), Ok(with_cursor)) = (with_both, with_cursor) else { continue };
        if let Some(query) = accepted(runtime::query::<PageQuery>(&with_both)) {
            assert_eq!(accepted(paging.part::<usize>(&query)).flatten(), None, "nothing is both");
        }
        if let Some(query) = accepted(runtime::query::<PageQuery>(&with_cursor)) {
            let part = accepted(paging.part::<usize>(&query)).flatten();
            assert!(part.is_some() || text != real, "{text:?}");
            assert!(part.is_none_or(|part| part == PageRequest { limit: 7, from: Some(14) }), "{text:?}");
        }
    }
}

/// A connect token: only genuine ones are accepted.
pub fn connect_token(data: &[u8]) {
    let tokens = Parts::of(&SETTINGS).connect_tokens().expect("two keys");
    let key = connection_key();
    let real = tokens.issue(&key.clone().into(), std::time::Duration::from_secs(60)).expect("a token").value;
    for text in texts(data, &real) {
        let opened = accepted(tokens.open(&text)).map(|(intent, _)| intent.connection_key);
        assert!(opened.is_some() || text != real, "{text:?}");
        assert!(opened.is_none_or(|opened| opened == key), "{text:?}");
    }
    // A value that another part of Juncture sealed is not a connect token, whatever it contains.
    const PURPOSE: &str = "juncture connect token";
    let text = String::from_utf8_lossy(data);
    let foreign = SEALER.seal(&text, &Binding::new(PURPOSE, &[PURPOSE])).expect("sealed");
    assert!(tokens.open(&format!("ct_{}", URL_SAFE_NO_PAD.encode(foreign.as_str()))).is_err());
}

/// A connection code or a state: an accepted one is safe in a URL and in a Redis key.
pub fn code(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let code = accepted(ConnectionCode::parse(&text));
    assert_eq!(code.is_some(), is_code(&text, "cc"));
    let fine = |text: &str| {
        text.len() == 46 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    if let Some(code) = code {
        assert!(code.as_str() == text && fine(&text) && text.starts_with("cc_"));
    }
    if is_code(&text, "st") {
        assert!(fine(&text) && text.starts_with("st_"));
    }
}

/// A `return_url`: an accepted one leads to an allowed URL, however a browser parses it.
pub fn return_url(data: &[u8]) {
    let urls: ReturnUrls = from_settings(&[(
        "ALLOWED_RETURN_URLS",
        "https://app.example.com/settings, http://localhost:3000/, https://example.org:8443/a/",
    )]);
    let text = String::from_utf8_lossy(data);
    let Some(url) = accepted(urls.parse(&text)) else { return };
    let url = url.as_url();
    let bare = (url.username(), url.password());
    assert_eq!(bare, ("", None));
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    match url.origin().ascii_serialization().as_str() {
        "https://app.example.com" => assert!(path == "/settings" || path.starts_with("/settings/"), "{url}"),
        "https://example.org:8443" => assert!(path == "/a" || path.starts_with("/a/"), "{url}"),
        "http://localhost:3000" => {}
        origin => panic!("{text:?} leads to {origin}"),
    }
    assert!(!path.split(['/', '\\']).any(|segment| segment == ".."), "{url}");
    // It is put into a header, and is stored and parsed again.
    http::HeaderValue::from_str(url.as_str()).expect("a header");
    assert_eq!(accepted(urls.parse(url.as_str())).as_ref().map(ReturnUrl::as_url), Some(url));
}
