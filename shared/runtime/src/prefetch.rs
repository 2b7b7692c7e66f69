//! Detection of prefetch requests.

use http::{HeaderMap, HeaderValue};

/// Headers that announce a prefetch: `Sec-Purpose`
/// (<https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header>) and its predecessors, `Purpose`
/// (Chromium), `X-Purpose` (Safari) and `X-Moz` (Firefox).
const HEADERS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

const PURPOSES: [&str; 3] = ["prefetch", "prerender", "preview"];

/// Whether a URL is being prefetched by a browser or a link scanner, rather than opened by a person.
pub fn is_prefetch(headers: &HeaderMap) -> bool {
    HEADERS.iter().flat_map(|name| headers.get_all(*name)).any(names_a_purpose)
}

/// Values may be lists with parameters: `prefetch;prerender`, `prefetch;anonymous-client-ip`.
fn names_a_purpose(value: &HeaderValue) -> bool {
    let words = value.as_bytes().split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-'));
    words.into_iter().any(|word| PURPOSES.iter().any(|purpose| word.eq_ignore_ascii_case(purpose.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        is_prefetch(&map)
    }

    #[test]
    fn prefetches_are_recognised_by_any_of_the_headers() {
        for header in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("sec-purpose", "Prefetch; prerender=?1"),
            ("sec-purpose", "other, prerender"),
            ("purpose", "prefetch"),
            ("purpose", "\"preview\""),
            ("x-purpose", "preview"),
            ("x-purpose", ": preview"),
            ("x-moz", "prefetch"),
        ] {
            assert!(is(&[header]), "{header:?}");
        }
        assert!(is(&[("purpose", "fetch"), ("purpose", "prefetch")]));
        for header in [
            ("sec-purpose", ""),
            ("purpose", "fetch"),
            ("purpose", "not-prefetch"),
            ("sec-fetch-mode", "prefetch"),
            ("x-moz", "1"),
        ] {
            assert!(!is(&[header]), "{header:?}");
        }
        assert!(!is(&[]));
    }
}
