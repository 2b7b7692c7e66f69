//! Searching for people, and the account behind a connection.
//!
//! Apps and customers of a service project are accounts too; they are left out, and so are accounts that are not
//! active. An account may hide its name and e-mail address.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-user-search/>

use serde::Deserialize;

use crate::call::Call;
use crate::client::{JiraSite, Result};
use crate::error::JiraError;
use crate::ids::{IssueRef, ProjectId, is_number};
use crate::lenient;
use crate::projects::AvatarUrls;
use crate::reach::{NOTHING, Subject};

const SCOPE: &str = "read:jira-user";
const PROFILE_SCOPE: &str = "read:me";

/// How many accounts Jira is asked for: its default, and more than callers get, because some are left out.
const ASKED: &str = "50";

/// Where the people that are searched for can be assigned.
#[derive(Debug, Clone, Copy)]
pub enum Assignable<'a> {
    /// To issues of a project.
    Project(&'a ProjectId),
    /// To an issue.
    Issue(&'a IssueRef),
}

/// A person's account. A field that is missing or malformed is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonFound {
    /// The Atlassian account id.
    pub account_id: Option<String>,
    /// The name that the account shows.
    pub display_name: Option<String>,
    /// URL of the avatar.
    pub avatar_url: Option<String>,
}

/// The profile of the account behind a connection. A field that is missing or malformed is `None`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// The Atlassian account id.
    #[serde(deserialize_with = "lenient::text")]
    pub account_id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The e-mail address.
    #[serde(deserialize_with = "lenient::text")]
    pub email: Option<String>,
    /// URL of the avatar.
    #[serde(deserialize_with = "lenient::text")]
    pub picture: Option<String>,
    /// The time zone, `Europe/London`.
    #[serde(deserialize_with = "lenient::text")]
    pub zoneinfo: Option<String>,
    /// The language, `en-GB`.
    #[serde(deserialize_with = "lenient::text")]
    pub locale: Option<String>,
}

/// An account, as either search returns it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Account {
    #[serde(deserialize_with = "lenient::text")]
    account_id: Option<String>,
    /// `atlassian`, `app`, `customer` or `unknown`.
    #[serde(deserialize_with = "lenient::text")]
    account_type: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    display_name: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    active: Option<bool>,
    /// Of people who can be assigned.
    #[serde(deserialize_with = "lenient::object")]
    avatar_urls: Option<AvatarUrls>,
    /// Of the user picker.
    #[serde(deserialize_with = "lenient::text")]
    avatar_url: Option<String>,
}

impl Account {
    /// Whether this can be an active person; Jira does not always say.
    fn is_person(&self) -> bool {
        self.account_id.is_some()
            && self.account_type.as_deref().is_none_or(|kind| kind == "atlassian")
            && self.active != Some(false)
    }
}

impl From<Account> for PersonFound {
    fn from(account: Account) -> Self {
        Self {
            account_id: account.account_id,
            display_name: account.display_name,
            avatar_url: account.avatar_urls.and_then(|urls| urls.large).or(account.avatar_url),
        }
    }
}

/// The response of the search for people who can be assigned.
#[derive(Deserialize)]
#[serde(transparent)]
struct AssignableAccounts(#[serde(deserialize_with = "lenient::objects")] Vec<Option<Account>>);

/// The response of the user picker.
#[derive(Deserialize)]
struct PickedAccounts {
    #[serde(deserialize_with = "lenient::objects")]
    users: Vec<Option<Account>>,
}

fn people(accounts: Vec<Option<Account>>) -> Vec<PersonFound> {
    accounts.into_iter().flatten().filter(Account::is_person).map(PersonFound::from).collect()
}

impl JiraSite<'_> {
    /// Finds people whose name or e-mail address begins with `text` and who can be assigned, fifty at most. Jira looks
    /// at the first thousand accounts only, and leaves out those that do not match after taking a page of them, so
    /// neither a short nor an empty list means that there are no more.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-user-search/#api-rest-api-3-user-assignable-search-get>
    ///
    /// # Errors
    /// 404 if the project or issue does not exist. 429 also if other apps search on the same site.
    pub async fn assignable_people(&self, place: Assignable<'_>, text: &str) -> Result<Vec<PersonFound>> {
        let place = match place {
            Assignable::Project(project) => ("project", project.as_str()),
            Assignable::Issue(issue) if is_number(issue.as_str()) => ("issueId", issue.as_str()),
            Assignable::Issue(issue) => ("issueKey", issue.as_str()),
        };
        let about = match place {
            ("project", project) => Subject::Project(project),
            (_, issue) => Subject::Issue(issue),
        };
        let path = ["rest", "api", "3", "user", "assignable", "search"];
        let query = [("query", text), place, ("maxResults", ASKED)];
        let AssignableAccounts(found) = self.call(Call::get([about], &path, &query, SCOPE)).await?;
        Ok(people(found))
    }

    /// Finds people on the site whose name or e-mail address matches `text`, fifty at most.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-user-search/#api-rest-api-3-user-picker-get>
    ///
    /// # Errors
    /// 429 also if other apps search on the same site.
    pub async fn people(&self, text: &str) -> Result<Vec<PersonFound>> {
        let path = ["rest", "api", "3", "user", "picker"];
        let query = [("query", text), ("maxResults", ASKED), ("showAvatar", "true")];
        let found: PickedAccounts = self.call(Call::get(NOTHING, &path, &query, SCOPE)).await?;
        Ok(people(found.users))
    }

    /// Reads the profile of the account that the connection acts as.
    ///
    /// <https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/#how-do-i-retrieve-the-public-profile-of-the-authenticated-user->
    pub async fn profile(&self) -> Result<Profile> {
        let profile: Profile = self.call_api("/me", PROFILE_SCOPE).await?;
        if profile.account_id.is_none() {
            return Err(JiraError::Unreadable("a profile without an account id".to_owned()));
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(accounts: serde_json::Value) -> Vec<PersonFound> {
        let AssignableAccounts(accounts) = serde_json::from_value(accounts).unwrap();
        people(accounts)
    }

    #[test]
    fn only_people_are_found() {
        let person = |id: &str| json!({ "accountId": id, "accountType": "atlassian", "active": true });
        let mut odd = vec![person("1"), json!({ "accountId": "2" }), json!(null), json!("x"), json!({})];
        for (name, value) in [
            ("accountType", json!("app")),
            ("accountType", json!("customer")),
            ("accountType", json!("unknown")),
            ("active", json!(false)),
            ("accountId", json!(7)),
        ] {
            let mut other = person("3");
            other[name] = value;
            odd.push(other);
        }
        let ids: Vec<_> = found(odd.into()).into_iter().filter_map(|person| person.account_id).collect();
        assert_eq!(ids, ["1", "2"]);
    }

    #[test]
    fn a_malformed_value_loses_no_person() {
        for odd in [json!(null), json!(7), json!([1]), json!({ "48x48": 7 })] {
            let account = json!({ "accountId": "1", "accountType": odd, "displayName": odd, "active": odd,
                "avatarUrls": odd, "avatarUrl": odd });
            let expected = PersonFound { account_id: Some("1".to_owned()), ..PersonFound::default() };
            assert_eq!(found(json!([account])), [expected], "{odd}");
        }
    }
}
