//! The URL of Atlassian's consent page.

use base::config::{FromSettings, Settings, SettingsError};
use base::oauth::{Consent, ConsentLacks, Grant, RequestedScopes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::scope_groups;
use crate::DEFAULT_AUTH_URL;

/// Without this scope Atlassian issues no refresh token. It is requested here and needs no permission in the app.
const OFFLINE_ACCESS: &str = "offline_access";

/// The scope for reading the account behind a consent.
pub const READ_ME: &str = "read:me";

/// The scopes that Juncture's features need, requested unless configured otherwise
/// (<https://developer.atlassian.com/cloud/jira/platform/scopes-for-oauth-2-3LO-and-forge-apps/>). Atlassian rejects
/// a consent page with a scope that the app lacks, so `docs/deploy.md` tells people to add these to their app.
pub const DEFAULT_SCOPES: &str = "read:jira-work write:jira-work read:board-scope:jira-software read:project:jira \
    read:sprint:jira-software read:me";

/// The characters to encode in a query: all but the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The consent page. Settings: `DEFAULT_JIRA_CLIENT_ID`, `DEFAULT_JIRA_SCOPES` (separated by commas or spaces;
/// defaults to [`DEFAULT_SCOPES`]), `JIRA_SCOPE_GROUPS` (of [`SCOPE_GROUPS`](super::SCOPE_GROUPS), none by default),
/// `ATLASSIAN_AUTH_URL`.
pub struct JiraConsent {
    authorize: Url,
    client_id: String,
    scopes: String,
}

impl FromSettings for JiraConsent {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let mut authorize = settings.service_url("ATLASSIAN_AUTH_URL", Some(DEFAULT_AUTH_URL))?;
        authorize.set_path("/authorize");
        Ok(Self {
            authorize,
            client_id: settings.required("DEFAULT_JIRA_CLIENT_ID")?,
            scopes: configured_scopes(settings)?,
        })
    }
}

/// Returns the scopes to request.
fn configured_scopes(settings: &Settings) -> Result<String, SettingsError> {
    let mut configured =
        settings.optional("DEFAULT_JIRA_SCOPES").unwrap_or_else(|| DEFAULT_SCOPES.to_owned());
    for scope in scope_groups::configured(settings)?.iter().flat_map(|group| group.scopes) {
        configured.push(' ');
        configured.push_str(scope);
    }
    Ok(scopes(&configured))
}

/// The scopes that a deployment requests and a connection can lack: without the one for a refresh token there would be
/// no connection, whether Atlassian states that scope or not. Settings: `DEFAULT_JIRA_SCOPES`, `JIRA_SCOPE_GROUPS`.
pub fn requested_scopes(settings: &Settings) -> Result<RequestedScopes, SettingsError> {
    let configured = configured_scopes(settings)?;
    let scopes: Vec<&str> = configured.split(' ').filter(|scope| *scope != OFFLINE_ACCESS).collect();
    Ok(RequestedScopes::new(scopes.join(" ")))
}

/// Whether the scope for reading the account is requested, in which case a grant without it has been tampered with.
pub(super) fn asks_for_the_account(settings: &Settings) -> Result<bool, SettingsError> {
    Ok(configured_scopes(settings)?.split(' ').any(|scope| scope == READ_ME))
}

/// Formats scopes without duplicates, separated by spaces, and adds the one that Juncture always needs.
fn scopes(configured: &str) -> String {
    let mut scopes: Vec<&str> = Vec::new();
    for scope in configured.split([',', ' ']).map(str::trim).chain([OFFLINE_ACCESS]) {
        if !scope.is_empty() && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes.join(" ")
}

impl Consent for JiraConsent {
    fn authorize_url(&self, redirect_uri: &str, state: &str) -> String {
        let parameters = [
            ("audience", "api.atlassian.com"),
            ("client_id", &self.client_id),
            ("scope", &self.scopes),
            ("redirect_uri", redirect_uri),
            ("state", state),
            ("response_type", "code"),
            ("prompt", "consent"),
        ];
        // Atlassian documents scopes separated by `%20`; form encoding would use plus signs.
        let query: Vec<String> = parameters
            .iter()
            .map(|(name, value)| {
                let value = utf8_percent_encode(value, RESERVED);
                format!("{name}={value}")
            })
            .collect();
        let mut url = self.authorize.clone();
        url.set_query(Some(&query.join("&")));
        url.into()
    }

    /// If the response does not state the scopes, none counts as missing here; reading the account decides later.
    fn check(&self, grant: &Grant) -> Result<(), ConsentLacks> {
        if grant.refresh_token.is_none() {
            return Err(ConsentLacks::RefreshToken(OFFLINE_ACCESS));
        }
        let asks_for_it = self.scopes.split(' ').any(|scope| scope == READ_ME);
        let lacks_it = grant.scopes.as_ref().is_some_and(|granted| !granted.contains(READ_ME));
        if asks_for_it && lacks_it { Err(ConsentLacks::Account(READ_ME)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use base::oauth::GrantedScopes;

    use super::*;

    #[test]
    fn scopes_are_split_at_commas_and_spaces_and_joined_by_spaces() {
        let expected = "read:jira-work write:jira-work offline_access";
        assert_eq!(scopes("read:jira-work,write:jira-work"), expected);
        assert_eq!(scopes(" read:jira-work,  write:jira-work read:jira-work"), expected);
        assert_eq!(scopes("offline_access read:jira-work"), "offline_access read:jira-work");
    }

    #[test]
    fn a_connection_never_lacks_the_scope_for_its_refresh_token() {
        let settings = Settings::from_pairs([("JIRA_SCOPE_GROUPS".to_owned(), "people".to_owned())]);
        let granted = GrantedScopes::parse(DEFAULT_SCOPES).unwrap();
        assert_eq!(requested_scopes(&settings).unwrap().missing_in(&granted), ["read:jira-user"]);
    }

    fn check(asked: &str, granted: &str, has_refresh_token: bool) -> Option<ConsentLacks> {
        let pairs = [("DEFAULT_JIRA_CLIENT_ID", "id"), ("DEFAULT_JIRA_SCOPES", asked)];
        let settings = Settings::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let grant = Grant {
            access_token: "a".into(),
            expires_at: time::OffsetDateTime::now_utc(),
            refresh_token: has_refresh_token.then(|| "r".into()),
            scopes: GrantedScopes::parse(granted),
        };
        let consent = JiraConsent::from_settings(&settings).unwrap();
        consent.check(&grant).err()
    }

    #[test]
    fn a_consent_must_cover_what_was_requested_and_is_required() {
        for (asked, granted, expected) in [
            ("", "read:me offline_access", None),
            ("", "read:jira-work offline_access", Some(ConsentLacks::Account(READ_ME))),
            ("", "read:me:jira offline_access", Some(ConsentLacks::Account(READ_ME))),
            ("read:jira-work,read:me", "read:jira-work", Some(ConsentLacks::Account(READ_ME))),
            ("read:jira-work", "read:jira-work", None),
            // The response states no scopes, so it may have been granted.
            ("", "", None),
        ] {
            assert_eq!(check(asked, granted, true), expected, "{asked:?}, {granted:?}");
            assert_eq!(
                check(asked, granted, false),
                Some(ConsentLacks::RefreshToken(OFFLINE_ACCESS)),
                "{asked:?}, {granted:?}"
            );
        }
    }

    #[test]
    fn the_address_carries_every_parameter_encoded() {
        let pairs = [("DEFAULT_JIRA_CLIENT_ID", "client&id"), ("DEFAULT_JIRA_SCOPES", "read:jira-work")];
        let settings = Settings::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let url = JiraConsent::from_settings(&settings)
            .unwrap()
            .authorize_url("https://x.example.com/cb?a=b&c=d", "st_1");
        assert!(url.starts_with("https://auth.atlassian.com/authorize?audience=api.atlassian.com&"), "{url}");
        assert!(url.contains("scope=read%3Ajira-work%20offline_access"), "{url}");
        let parsed = Url::parse(&url).unwrap();
        let read = |name: &str| {
            parsed.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        assert_eq!(read("client_id").as_deref(), Some("client&id"));
        assert_eq!(read("redirect_uri").as_deref(), Some("https://x.example.com/cb?a=b&c=d"));
        assert_eq!(read("state").as_deref(), Some("st_1"));
        assert_eq!(read("response_type").as_deref(), Some("code"));
        assert_eq!(read("prompt").as_deref(), Some("consent"));
    }
}
