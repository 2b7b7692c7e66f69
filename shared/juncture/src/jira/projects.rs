//! Projects, as the API lists them.

use atlassian::Category;
use serde::Serialize;

use super::links::{Linked, Links};
use super::site::ConnectedSite;
use crate::error::Result;
use crate::paging::PageRequest;

/// A project as `get-projects` lists it. Fields that Jira omits or sends in an unexpected form are null.
#[derive(Debug, Clone, Serialize)]
pub struct Project {
    /// Digits.
    pub id: Option<String>,
    /// `PROJ`.
    pub key: Option<String>,
    /// The project's page in Jira.
    pub url: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// `software`, `service_desk` or `business`.
    pub project_type: Option<String>,
    /// `classic` or `next-gen` (team-managed).
    pub style: Option<String>,
    /// Whether only its members can see it.
    pub is_private: Option<bool>,
    /// Avatar of 48 by 48 pixels.
    pub avatar_url: Option<String>,
    /// Its category, if it has one.
    pub category: Option<Category>,
    /// The project lead.
    pub lead: Option<Lead>,
}

/// The lead of a project, whose account may have no visible name. A project without a lead has null instead.
#[derive(Debug, Clone, Serialize)]
pub struct Lead {
    /// Atlassian account id.
    #[serde(rename = "accountId")]
    pub account_id: Option<String>,
    /// Display name, if the account shows one.
    #[serde(rename = "displayName")]
    pub display_name: Option<String>,
    /// Avatar of 48 by 48 pixels.
    #[serde(rename = "avatarUrl")]
    pub avatar_url: Option<String>,
    /// Whether the account is active.
    pub active: Option<bool>,
}

impl From<atlassian::Project> for Project {
    fn from(raw: atlassian::Project) -> Self {
        Self {
            id: raw.id,
            key: raw.key,
            url: None,
            name: raw.name,
            project_type: raw.project_type_key,
            style: raw.style,
            is_private: raw.is_private,
            avatar_url: raw.avatar_urls.and_then(|urls| urls.large),
            category: raw.project_category,
            lead: raw.lead.map(|lead| Lead {
                account_id: lead.account_id,
                display_name: lead.display_name,
                avatar_url: lead.avatar_urls.and_then(|urls| urls.large),
                active: lead.active,
            }),
        }
    }
}

impl Linked for Project {
    fn link(&mut self, links: &Links) {
        self.url = links.browse(self.key.as_deref());
    }
}

impl ConnectedSite<'_> {
    /// Returns the projects that the connected account can see, ordered by key and without duplicates: all of them, or
    /// one page and where the next page starts.
    pub async fn projects(&self, part: Option<&PageRequest<usize>>) -> Result<(Vec<Project>, Option<usize>)> {
        let (from, limit) = part.map_or((0, usize::MAX), |part| (part.from.unwrap_or(0), part.limit));
        self.linked(async {
            let (projects, next) = self.jira.projects(from, limit).await?;
            Ok((projects.into_iter().map(Project::from).collect(), next))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use atlassian::ProjectPage;
    use serde_json::{Value, json, to_value};

    use super::*;

    fn fine() -> Value {
        json!({
            "id": "1", "key": "SHIP", "name": "Ship", "projectTypeKey": "software", "style": "classic",
            "isPrivate": false, "avatarUrls": { "48x48": "https://x" },
            "projectCategory": { "id": "2", "name": "Fleet", "description": "Ours" },
            "lead": { "accountId": "5:a", "displayName": "Ada", "avatarUrls": {}, "active": true },
        })
    }

    fn read(page: Value) -> Vec<Value> {
        let page: ProjectPage = serde_json::from_value(page).unwrap();
        page.values.into_iter().flatten().map(|project| to_value(Project::from(project)).unwrap()).collect()
    }

    #[test]
    fn an_unexpected_value_is_null_and_affects_nothing_else() {
        let whole = read(json!({ "values": [fine()] })).remove(0);
        let names = [
            "id",
            "key",
            "name",
            "projectTypeKey",
            "style",
            "isPrivate",
            "avatarUrls",
            "projectCategory",
            "lead",
        ];
        let ours =
            ["id", "key", "name", "project_type", "style", "is_private", "avatar_url", "category", "lead"];
        for (name, shown) in names.into_iter().zip(ours) {
            for odd in [json!(null), json!(1.5), json!([null])] {
                let mut project = fine();
                project[name] = odd.clone();
                let found = read(json!({ "values": [project, null, fine()], "total": odd, "isLast": odd }));
                assert_eq!((found.len(), &found[1]), (2, &whole), "{name}: {odd}");
                let mut expected = whole.clone();
                expected[shown] = json!(null);
                assert_eq!(found[0], expected, "{name}: {odd}");
            }
        }
        assert!(
            serde_json::from_value::<ProjectPage>(json!({ "values": null })).is_err(),
            "an empty list is made of none"
        );
    }

    #[test]
    fn a_lead_without_a_visible_name_is_not_null() {
        let mut project = fine();
        project["lead"] = json!({ "accountId": "5:a", "displayName": null });
        let found = read(json!({ "values": [project] }));
        let lead = json!({ "accountId": "5:a", "displayName": null, "avatarUrl": null, "active": null });
        assert_eq!(found[0]["lead"], lead);
    }
}
