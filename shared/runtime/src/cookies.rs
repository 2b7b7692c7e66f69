//! Reading and setting cookies. API Gateway delivers all cookies in one header, and takes each new cookie as a
//! separate `Set-Cookie` header.

use http::HeaderValue;
use http::header::{COOKIE, SET_COOKIE};

use super::{Request, Response};
use crate::error::RequestError;

/// Returns a cookie of the request if it is valid UTF-8. The other cookies in the same header may be from anyone and
/// contain any bytes.
pub fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let lines = request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    values.next().and_then(|value| std::str::from_utf8(value).ok())
}

/// Adds a `Set-Cookie` header to a successful response. A value that is not valid in a header is a bug, because all
/// cookies are our own.
pub fn with_cookie<E: From<RequestError>>(
    response: Result<Response, E>,
    set_cookie: &str,
) -> Result<Response, E> {
    let mut response = response?;
    let value = HeaderValue::from_str(set_cookie).map_err(RequestError::internal)?;
    response.headers_mut().append(SET_COOKIE, value);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_full_name() {
        let request = http::Request::builder()
            .header(COOKIE, "theme=dark; __Host-a=1;__Host-ab=2; =3; none; __Host-a=4")
            .header(COOKIE, "late=5=6")
            .body(Default::default())
            .unwrap();
        assert_eq!(cookie(&request, "__Host-a"), Some("1"));
        assert_eq!(cookie(&request, "__Host-ab"), Some("2"));
        assert_eq!(cookie(&request, "late"), Some("5=6"));
        assert_eq!(cookie(&request, "Theme"), None);
        assert_eq!(cookie(&request, "none"), None);
        assert_eq!(cookie(&Request::default(), "theme"), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_cookie_and_hide_none() {
        let mut request = Request::default();
        request
            .headers_mut()
            .insert(COOKIE, HeaderValue::from_bytes(b"a=\xff; city=K\xc3\xb6ln;b=2").unwrap());
        assert_eq!(cookie(&request, "a"), None);
        assert_eq!(cookie(&request, "b"), Some("2"));
        assert_eq!(cookie(&request, "city"), Some("Köln"));
    }
}
