//! The path of a call that is passed on.

use crate::error::{Error, ErrorCode, Result};

/// The parts of a Jira site that calls can be passed on to, by segment.
const ROOTS: [&[&str]; 4] = [
    &["rest", "api", "3"],
    &["rest", "agile", "1.0"],
    &["rest", "software", "1.0"],
    &["rest", "servicedeskapi"],
];

/// Characters that a segment must not contain. The first three cannot be told from delimiters in the decoded path that
/// API Gateway sends; servers treat the others as delimiters, too.
const FORBIDDEN: [char; 5] = ['/', '?', '#', '\\', ';'];

/// The path of a call of Jira, below one of the roots. No segment is empty, changes the meaning of another one, or is
/// percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPath(Vec<String>);

impl ProxyPath {
    /// Parses a decoded path, without a slash at its beginning. One at its end is ignored.
    ///
    /// # Errors
    /// 400 if the path is malformed, 403 `proxy_not_allowed` if it is below no root.
    pub fn parse(path: &str) -> Result<Self> {
        let segments: Vec<String> =
            path.strip_suffix('/').unwrap_or(path).split('/').map(str::to_owned).collect();
        for segment in &segments {
            check(segment)?;
        }
        if !is_below_a_root(&segments) {
            return Err(Error::new(ErrorCode::ProxyNotAllowed, NO_ROOT));
        }
        Ok(Self(segments))
    }

    /// The segments, decoded: `["rest", "api", "3", "issue", "PROJ-1"]`.
    pub fn segments(&self) -> &[String] {
        &self.0
    }
}

const NO_ROOT: &str = "The proxy passes on calls of what is below /rest/api/3, /rest/agile/1.0, /rest/software/1.0 and \
    /rest/servicedeskapi, and of nothing else";

/// Whether something is below one of the roots.
pub(super) fn is_below_a_root<S: AsRef<str>>(segments: &[S]) -> bool {
    let starts_with = |root: &&[&str]| {
        segments.len() > root.len()
            && root.iter().zip(segments).all(|(root, segment)| *root == segment.as_ref())
    };
    ROOTS.iter().any(starts_with)
}

/// Checks one segment.
pub(super) fn check(segment: &str) -> Result<()> {
    let refused = |sentence: &'static str| Err(Error::bad_request(sentence));
    if segment.is_empty() {
        return refused("The path has an empty segment: it must be like rest/api/3/issue/PROJ-1");
    }
    if segment == "." || segment == ".." {
        return refused("The path has a segment . or .., which the proxy does not pass on");
    }
    // Invalid UTF-8 has become U+FFFD.
    if segment.contains('\u{fffd}') {
        return refused("The path is not valid UTF-8");
    }
    if segment.chars().any(char::is_control) {
        return refused("The path contains control characters");
    }
    if segment.contains(FORBIDDEN) {
        return refused("A segment of the path contains one of / ? # \\ ; which the proxy cannot pass on");
    }
    if has_escape(segment) {
        return refused("The path is percent-encoded twice: encode each segment once");
    }
    Ok(())
}

/// Whether a text contains a percent-encoded byte.
fn has_escape(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|part| part[0] == b'%' && part[1].is_ascii_hexdigit() && part[2].is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &str) -> (ErrorCode, String) {
        let error = ProxyPath::parse(path).unwrap_err();
        (error.code(), error.message().to_owned())
    }

    #[test]
    fn a_path_below_a_root_is_split() {
        for (path, segments) in [
            ("rest/api/3/issue/PROJ-1", &["rest", "api", "3", "issue", "PROJ-1"][..]),
            ("rest/api/3/issue/PROJ-1/", &["rest", "api", "3", "issue", "PROJ-1"]),
            ("rest/agile/1.0/board", &["rest", "agile", "1.0", "board"]),
            ("rest/software/1.0/board/1/backlog", &["rest", "software", "1.0", "board", "1", "backlog"]),
            ("rest/servicedeskapi/request", &["rest", "servicedeskapi", "request"]),
            ("rest/api/3/größe 100%/a:b/...", &["rest", "api", "3", "größe 100%", "a:b", "..."]),
        ] {
            assert_eq!(ProxyPath::parse(path).unwrap().segments(), segments, "{path}");
        }
    }

    #[test]
    fn nothing_else_of_a_site_is_reached() {
        for path in [
            "rest/api/2/issue",
            "rest/api/latest/issue",
            "rest/api/3",
            "rest/api/3/",
            "rest/servicedeskapi",
            "rest/servicedeskapix/a",
            "REST/api/3/issue",
            "secure/admin",
            "rest",
            "oauth/token",
            "ex/jira/other/rest/api/3/issue",
        ] {
            assert_eq!(refusal(path), (ErrorCode::ProxyNotAllowed, NO_ROOT.to_owned()), "{path}");
        }
    }

    #[test]
    fn no_segment_changes_the_path() {
        for (segment, said) in [
            ("", "empty"),
            (".", ". or .."),
            ("..", ". or .."),
            ("a\\b", "one of"),
            ("a;b=c", "one of"),
            ("a?b", "one of"),
            ("a#b", "one of"),
            ("a\r\nb", "control"),
            ("a\u{85}b", "control"),
            ("\u{fffd}", "UTF-8"),
            ("%2e%2E", "twice"),
            ("a%2fb", "twice"),
            ("%20", "twice"),
        ] {
            for path in [
                format!("rest/api/3/{segment}/a"),
                format!("rest/api/3/a/{segment}"),
                format!("{segment}/rest/api/3"),
            ] {
                // A slash at the end is ignored.
                if path.ends_with("a/") {
                    continue;
                }
                let (code, message) = refusal(&path);
                assert_eq!(code, ErrorCode::InvalidRequest, "{path}");
                assert!(message.contains(said), "{path}: {message}");
            }
        }
        assert_eq!(refusal("https://example.com/rest/api/3/issue").0, ErrorCode::InvalidRequest);
    }
}
