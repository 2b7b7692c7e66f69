//! Finding people, and the account that a connection acts as.

use atlassian::{Assignable, IssueRef, PersonFound, Profile, ProjectId};
use serde::Serialize;

use super::ids::issue_ref;
use super::site::ConnectedSite;
use crate::error::{Error, Result};
use crate::paging::parse_limit;

/// How many people are returned unless a limit is given, and at most.
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 50;

/// A search for people.
pub struct PeopleSearch {
    text: String,
    place: Option<Place>,
    limit: usize,
}

enum Place {
    Project(ProjectId),
    Issue(IssueRef),
}

impl PeopleSearch {
    /// A search for a part of a name, among those who can be assigned in a project or to an issue if one is given.
    ///
    /// # Errors
    /// 400 if both are given, or if a value is malformed.
    pub fn new(
        text: String,
        project: Option<&str>,
        issue: Option<&str>,
        limit: Option<&str>,
    ) -> Result<Self> {
        let place = match (project, issue) {
            (Some(_), Some(_)) => {
                let said = "Send either jira_project_id or issue_id_or_key: an issue has its project";
                return Err(Error::bad_request(said));
            }
            (Some(project), None) => Some(Place::Project(ProjectId::parse(project)?)),
            (None, Some(issue)) => Some(Place::Issue(issue_ref(issue, "issue_id_or_key")?)),
            (None, None) => None,
        };
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), |text| parse_limit(text, MAX_LIMIT))?;
        Ok(Self { text, place, limit })
    }
}

/// A person with an account on the site. Fields that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct FoundPerson {
    /// Atlassian account id.
    pub account_id: Option<String>,
    /// Display name, if the account shows one.
    pub display_name: Option<String>,
    /// Avatar URL.
    pub avatar_url: Option<String>,
}

impl From<PersonFound> for FoundPerson {
    fn from(person: PersonFound) -> Self {
        let PersonFound { account_id, display_name, avatar_url } = person;
        Self { account_id, display_name, avatar_url }
    }
}

/// The account that a connection acts as. Fields that Atlassian omits or sends in an unexpected form are null.
#[derive(Clone, Serialize)]
pub struct ConnectedAccount {
    /// Atlassian account id.
    pub account_id: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// E-mail address.
    pub email_address: Option<String>,
    /// Avatar URL.
    pub avatar_url: Option<String>,
    /// Time zone, `Europe/London`.
    pub time_zone: Option<String>,
    /// Language, `en-GB`.
    pub locale: Option<String>,
}

impl From<Profile> for ConnectedAccount {
    fn from(profile: Profile) -> Self {
        Self {
            account_id: profile.account_id,
            display_name: profile.name,
            email_address: profile.email,
            avatar_url: profile.picture,
            time_zone: profile.zoneinfo,
            locale: profile.locale,
        }
    }
}

impl ConnectedSite<'_> {
    /// Finds people, in one call. The list may be short although there are more, and is empty if the account may not
    /// browse users.
    ///
    /// # Errors
    /// `jira_not_found` if the project or issue does not exist.
    pub async fn find_people(&self, search: &PeopleSearch) -> Result<Vec<FoundPerson>> {
        let found = match &search.place {
            Some(Place::Project(project)) => {
                self.jira.assignable_people(Assignable::Project(project), &search.text).await?
            }
            Some(Place::Issue(issue)) => {
                self.jira.assignable_people(Assignable::Issue(issue), &search.text).await?
            }
            None => self.jira.people(&search.text).await?,
        };
        Ok(found.into_iter().take(search.limit).map(FoundPerson::from).collect())
    }

    /// Returns the account that the connection acts as, in one call. This is Atlassian's profile and not Jira's
    /// `myself`, because the default scopes include the scope of the former.
    ///
    /// # Errors
    /// `missing_scope` if the consent lacks `read:me`.
    pub async fn connected_account(&self) -> Result<ConnectedAccount> {
        Ok(self.jira.profile().await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_bounded() {
        let search = |project, issue, limit| PeopleSearch::new("a".to_owned(), project, issue, limit);
        assert_eq!(search(None, None, None).map(|search| search.limit).ok(), Some(20));
        assert_eq!(search(Some("SHIP"), None, Some("50")).map(|search| search.limit).ok(), Some(50));
        for limit in ["0", "51", "-1", "+5", "1.5", "all", "", "99999999999999999999999"] {
            assert!(search(None, None, Some(limit)).is_err(), "{limit}");
        }
        assert!(search(Some("SHIP"), Some("SHIP-1"), None).is_err());
        assert!(search(Some("../x"), None, None).is_err() && search(None, Some("SHIP"), None).is_err());
    }
}
