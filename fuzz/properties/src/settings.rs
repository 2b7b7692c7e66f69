//! The settings of a deployment: an invalid one is rejected at start by name, without its value.

use base::config::{FromSettings, Settings, SettingsError};
use base::tls::is_safe_for_credentials;
use runtime::secrets;
use stores::postgres::Postgres;
use stores::upstash::Upstash;

use crate::support::from_settings;
use juncture::provider::Consent;
use juncture::provider::jira::JiraConsent;
use juncture::public_urls::PublicUrls;

fn check(error: &SettingsError, name: &str) {
    let sentence = error.to_string();
    assert!(sentence.contains(name) && sentence.len() < 300, "{sentence:?}");
}

/// The URL of a database, which contains a password.
pub fn database_url(data: &[u8]) {
    const PASSWORD: &str = "hunter2hunter2";
    let text = String::from_utf8_lossy(data);
    for url in [text.clone().into_owned(), format!("postgres://u:{PASSWORD}@{text}")] {
        let settings = Settings::from_pairs([("DATABASE_URL".to_owned(), url)]);
        for outcome in [Postgres::from_settings(&settings), Postgres::direct(&settings)] {
            if let Err(error) = outcome {
                check(&error, "DATABASE_URL");
                assert!(!error.to_string().contains(PASSWORD), "{error}");
            }
        }
    }
}

/// The value of the secret.
pub fn secret(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match secrets::parse("a-secret", Some(&text)) {
        Ok(values) => {
            let again = serde_json::to_string(&values).expect("JSON");
            assert_eq!(secrets::parse("a-secret", Some(&again)).ok(), Some(values));
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("the secret a-secret is not") && error.len() < 150, "{error}");
        }
    }
}

/// URLs of services and of the deployment itself.
pub fn addresses(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, token) = ("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN");
    let of =
        |name: &str| Settings::from_pairs([name, token].map(|it| (it.to_owned(), text.clone().into_owned())));
    match of(name).service_url(name, None) {
        Ok(url) => assert!(is_safe_for_credentials(&url) && url.has_host(), "{url}"),
        Err(error) => check(&error, name),
    }
    if let Err(error) = Upstash::from_settings(&of(name)) {
        assert!(error.to_string().contains("UPSTASH_REDIS_REST"), "{error}");
    }
    for name in ["JUNCTURE_FRONTEND_URL", "DEFAULT_JIRA_REDIRECT_URI"] {
        if let Err(error) = PublicUrls::from_settings(&of(name)) {
            check(&error, name);
        }
    }
    // Whatever the settings and the request contain, the consent page is Atlassian's.
    let consent: JiraConsent =
        from_settings(&[("DEFAULT_JIRA_CLIENT_ID", "id"), ("DEFAULT_JIRA_SCOPES", "read:jira-work")]);
    let url = consent.authorize_url(&text, &text);
    let parsed = url::Url::parse(&url).expect("an address");
    assert_eq!((parsed.host_str(), parsed.path()), (Some("auth.atlassian.com"), "/authorize"));
    assert_eq!(parsed.query_pairs().filter(|(name, value)| name == "state" && *value == text).count(), 1);
    assert_eq!(parsed.query_pairs().count(), 7);
    assert!(parsed.fragment().is_none());
}
