use std::sync::LazyLock;

use strum::VariantArray as _;

use crate::provider::ProviderId;

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let domains = ProviderId::VARIANTS.iter().flat_map(|provider| provider.facts().picture_domains);
    let pictures: Vec<String> = domains.map(|domain| format!("https://*{domain}")).collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: {}; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        pictures.join(" ")
    )
});

/// The policy of a page that also shows the picture at this source.
pub(super) fn policy_with_image(source: &str) -> String {
    POLICY.replace("; connect-src ", &format!(" {source}; connect-src "))
}

/// Sent with every page, whatever it says.
///
/// Nothing is inline and nothing comes from elsewhere, except the pictures of sites, from the providers' hosts, and the
/// product's own logo, from its one address ([`Logo`](super::Logo)). `form-action` needs no other origin: the answer to the form is
/// [`Message::connected`](super::Message::connected), which leads on by itself. A `303` to the product instead
/// would be refused by browsers that apply `form-action` to every redirect after a form, the product's own too
/// (<https://w3c.github.io/webappsec-csp/#directive-form-action>).
pub static HEADERS: LazyLock<[(&str, &str); 11]> = LazyLock::new(|| {
    [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", POLICY.as_str()),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
        ("referrer-policy", "no-referrer"),
        // A year: the next code travels over TLS even when somebody writes `http`.
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        // For browsers that do not know `frame-ancestors`.
        ("x-frame-options", "DENY"),
        // The path holds a connection code.
        ("x-robots-tag", "noindex, nofollow"),
    ]
});

/// Sent with [`STYLE`](super::STYLE) and [`SCRIPT`](super::SCRIPT), beside their content type. Five minutes
/// cover one person's way through the pages and are soon over after a deployment.
pub const ASSET_HEADERS: &[(&str, &str)] = &[
    ("cache-control", "public, max-age=300"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_valid_and_unique() {
        for headers in [HEADERS.as_slice(), ASSET_HEADERS] {
            let mut names = std::collections::HashSet::new();
            for (name, value) in headers {
                assert!(names.insert(name), "{name} twice");
                http::HeaderName::from_lowercase(name.as_bytes()).unwrap();
                http::HeaderValue::from_str(value).unwrap();
            }
        }
    }

    #[test]
    fn a_picture_changes_nothing_else_of_the_policy() {
        let policy = policy_with_image("https://cdn.example.com/logo.svg");
        assert_eq!(policy.replace(" https://cdn.example.com/logo.svg", ""), *POLICY);
        assert!(policy.contains("https://*.atlassian.net https://cdn.example.com/logo.svg; connect-src"));
    }

    #[test]
    fn allow_nothing_inline_or_evaluated() {
        let policy = value("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"));
        assert!(!policy.contains("unsafe") && !policy.contains("*;") && !policy.contains("  "));
    }

    #[test]
    fn let_nobody_frame_a_page_or_learn_its_address() {
        assert!(value("content-security-policy").ends_with("; frame-ancestors 'none'"));
        assert_eq!(value("x-frame-options"), "DENY");
        assert_eq!(value("referrer-policy"), "no-referrer");
        assert_eq!(value("cache-control"), "no-store");
    }

    fn value(header: &str) -> &'static str {
        HEADERS.iter().find(|(name, _)| *name == header).unwrap().1
    }
}
