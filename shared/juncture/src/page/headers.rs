use std::sync::LazyLock;

use strum::VariantArray as _;

use crate::provider::ProviderId;

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let domains = ProviderId::VARIANTS.iter().flat_map(|provider| provider.info().image_domains);
    let pictures: Vec<String> = domains.map(|domain| format!("https://*{domain}")).collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: {}; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        pictures.join(" ")
    )
});

/// The policy of a page that also shows the image at this source.
pub(super) fn policy_with_image(source: &str) -> String {
    POLICY.replace("; connect-src ", &format!(" {source}; connect-src "))
}

/// The headers of every page.
///
/// The policy allows nothing inline and nothing from other origins, except pictures of sites from the providers' hosts
/// and the product's logo from its exact URL ([`Logo`](super::Logo)). `form-action` needs no other origin: the response
/// to the form is [`Message::connected`](super::Message::connected), a page that redirects by itself. A `303` to the
/// product would be blocked by browsers that apply `form-action` to every redirect after a form submission, including
/// the product's own (<https://w3c.github.io/webappsec-csp/#directive-form-action>).
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
        // One year, so that later codes travel over TLS even if a URL says `http`.
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        // For browsers without support for `frame-ancestors`.
        ("x-frame-options", "DENY"),
        // The path contains a connection code.
        ("x-robots-tag", "noindex, nofollow"),
    ]
});

/// The headers of [`STYLE`](super::STYLE) and [`SCRIPT`](super::SCRIPT), in addition to the content type. Caching for
/// five minutes covers one person's visit and expires soon after a deployment.
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
    fn an_image_only_adds_its_source_to_the_policy() {
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
