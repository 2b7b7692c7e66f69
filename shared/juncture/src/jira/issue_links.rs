//! Linking issues, with the relation in words: `from` "blocks" `to`.

use atlassian::{Direction, Issue, IssueLink, IssueRef, LinkId, LinkType};
use base::deadline;
use serde::Serialize;
use serde_json::{Value, json};

use super::create::{READ_BACK, RESERVE};
use super::creation::Creation;
use super::links::{Linked, Links};
use super::relation::Relation;
use super::site::ConnectedSite;
use crate::error::{Error, ErrorCode, Result};
use crate::idempotency::{Attempt, Once, UnconfirmedSend};

const UNREAD: &str =
    "The issues were linked, but Jira could not be asked for the link: get-issue-details will have it.";

const NOT_LINKED: &str = "The issues are not linked like this: get-issue-details lists the links of an issue";

/// Two issues, and what is said of the first one with regard to the second.
pub struct IssuePair {
    from: IssueRef,
    relation: Relation,
    to: IssueRef,
}

impl IssuePair {
    /// Checks that the issues are different, as far as can be told from their ids or keys.
    ///
    /// # Errors
    /// 400 if they are the same.
    pub fn new(from: IssueRef, relation: Relation, to: IssueRef) -> Result<Self> {
        if from == to {
            return Err(Error::bad_request(
                "from and to are the same issue, which cannot be linked to itself",
            ));
        }
        Ok(Self { from, relation, to })
    }
}

/// The link to remove.
pub enum Unlink {
    /// The link with this id.
    Id(LinkId),
    /// The link between two issues.
    Between(IssuePair),
}

/// A link, as the response to its creation has it.
#[derive(Debug, Clone, Serialize)]
struct NewLink {
    /// Digits; null if the link could not be read back.
    id: Option<String>,
    /// The name of its type: `Blocks`.
    r#type: Option<String>,
    /// Type id, digits.
    type_id: Option<String>,
    /// The words of the type that are said of `from`.
    relation: Option<String>,
    /// Key of the issue; id or key as it was given if the link could not be read back.
    from: String,
    /// In the format of `from`.
    to: String,
}

/// A link of an issue, as `get-issue-details` returns it. Fields that Jira omits or sends in an unexpected form are
/// null.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedIssue {
    /// Id of the link, digits.
    pub id: Option<String>,
    /// What is said of the issue with regard to the linked one: `blocks`, `is blocked by`.
    pub relation: Option<String>,
    /// The name of the link's type: `Blocks`.
    pub r#type: Option<String>,
    /// Type id, digits.
    pub type_id: Option<String>,
    /// Key of the linked issue.
    pub key: Option<String>,
    /// Id of the linked issue, digits.
    pub issue_id: Option<String>,
    /// The linked issue's page in Jira.
    pub url: Option<String>,
    /// Its title.
    pub summary: Option<String>,
    /// The name of its status.
    pub status: Option<String>,
    /// Status id, digits.
    pub status_id: Option<String>,
    /// Status category: `new`, `indeterminate`, `done` or `undefined`.
    pub status_category: Option<String>,
}

impl LinkedIssue {
    /// The links of an issue.
    pub(super) fn of(issue: &Issue) -> Vec<Self> {
        IssueLink::of(issue).into_iter().map(Self::from).collect()
    }
}

impl From<IssueLink> for LinkedIssue {
    fn from(link: IssueLink) -> Self {
        let words = |(direction, _)| link.kind.as_ref()?.words(direction).map(str::to_owned);
        let relation = link.other().and_then(words);
        let other = link.other().map(|(_, other)| other);
        let fields = other.and_then(|other| other.fields.as_ref());
        let status = fields.and_then(|fields| fields.status.as_ref());
        Self {
            relation,
            key: other.and_then(|other| other.key.clone()),
            issue_id: other.and_then(|other| other.id.clone()),
            url: None,
            summary: fields.and_then(|fields| fields.summary.clone()),
            status: status.and_then(|status| status.name.clone()),
            status_id: status.and_then(|status| status.id.clone()),
            status_category: status.and_then(|status| status.category.as_ref()?.key.clone()),
            r#type: link.kind.as_ref().and_then(|kind| kind.name.clone()),
            type_id: link.kind.and_then(|kind| kind.id),
            id: link.id,
        }
    }
}

impl Linked for LinkedIssue {
    fn link(&mut self, links: &Links) {
        self.url = links.browse(self.key.as_deref());
    }
}

/// A link to create on a site.
struct Linking<'a> {
    site: &'a ConnectedSite<'a>,
    pair: IssuePair,
}

impl Creation for Linking<'_> {
    fn place(&self) -> String {
        self.pair.from.as_str().to_owned()
    }

    /// A link that the first request still creates after this does no harm: to create it again has no effect.
    async fn find(&self, _: &Attempt<'_>, _: &UnconfirmedSend) -> Result<Option<Value>> {
        let (kind, direction) = self.site.link_type(&self.pair.relation).await?;
        let issue = self.site.jira.issue(self.pair.from.as_str(), IssueLink::FIELD).await?;
        let found = find_link(&issue, &kind, direction, &self.pair.to);
        found.map(|link| response(&issue, &link, &self.pair, &kind, direction)).transpose()
    }

    async fn send(self, _mark: Option<&str>) -> Result<Value> {
        let Self { site, pair } = self;
        let (kind, direction) = site.link_type(&pair.relation).await?;
        let type_id = kind.id.as_deref().unwrap_or_default();
        site.jira.link_issues(type_id, direction, &pair.from, &pair.to).await?;
        let limit = READ_BACK.min(deadline::remaining().saturating_sub(RESERVE));
        let read = tokio::time::timeout(limit, site.jira.issue(pair.from.as_str(), IssueLink::FIELD)).await;
        let cause = match read {
            Ok(Ok(issue)) => match find_link(&issue, &kind, direction, &pair.to) {
                Some(link) => return response(&issue, &link, &pair, &kind, direction),
                None => "the issue does not have it".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        tracing::warn!(cause, "created link could not be read back");
        let link = new_link(None, &pair, &kind, direction);
        Ok(json!({ "link": link, "warning": UNREAD }))
    }
}

fn new_link(id: Option<String>, pair: &IssuePair, kind: &LinkType, direction: Direction) -> NewLink {
    NewLink {
        id,
        r#type: kind.name.clone(),
        type_id: kind.id.clone(),
        relation: kind.words(direction).map(str::to_owned),
        from: pair.from.as_str().to_owned(),
        to: pair.to.as_str().to_owned(),
    }
}

fn response(
    issue: &Issue,
    link: &IssueLink,
    pair: &IssuePair,
    kind: &LinkType,
    direction: Direction,
) -> Result<Value> {
    let mut new = new_link(link.id.clone(), pair, kind, direction);
    if let Some(key) = &issue.key {
        new.from.clone_from(key);
    }
    if let Some(key) = link.other().and_then(|(_, other)| other.key.as_ref()) {
        new.to.clone_from(key);
    }
    serde_json::to_value(new).map(|link| json!({ "link": link })).map_err(Error::internal)
}

/// Whether the link leads to this issue.
fn leads_to(link: &IssueLink, issue: &IssueRef) -> bool {
    let name = Some(issue.as_str());
    link.other().is_some_and(|(_, other)| other.key.as_deref() == name || other.id.as_deref() == name)
}

/// Finds the link of a type to another issue. If the type says the same in both directions, a link in the other
/// direction is as good.
fn find_link(issue: &Issue, kind: &LinkType, direction: Direction, to: &IssueRef) -> Option<IssueLink> {
    let has_type = |link: &IssueLink| link.kind.as_ref().is_some_and(|of_link| of_link.id == kind.id);
    let mut links = IssueLink::of(issue);
    links.retain(|link| has_type(link) && leads_to(link, to));
    let is_exact = |link: &IssueLink| link.other().is_some_and(|(found, _)| found == direction);
    let position = links.iter().position(is_exact);
    let is_symmetric = kind.outward == kind.inward;
    let position = position.or_else(|| (is_symmetric && !links.is_empty()).then_some(0))?;
    Some(links.swap_remove(position))
}

impl ConnectedSite<'_> {
    /// Links two issues. Sent once, and again only after a 429. If they are already linked like this, Jira does
    /// nothing, and the response is the existing link.
    ///
    /// Three calls: the site's types of links, whose words the relation has to be one of; the link; and the links of
    /// `from`, because Jira does not return the id.
    ///
    /// # Errors
    /// 400 if the relation is none of the site's, or of several types; `jira_not_found`; `outcome_unknown` if the link
    /// may have been created; those of `Self::once`.
    pub async fn link_issues(&self, once: &Once<'_>, pair: IssuePair) -> Result<Value> {
        self.once(once, Linking { site: self, pair }).await
    }

    /// Removes a link. By id this is one call; otherwise the links of `from` are read first.
    ///
    /// # Errors
    /// `jira_not_found` if there is no such link; 400 if links of several types match.
    pub async fn unlink_issues(&self, unlink: &Unlink) -> Result<()> {
        let link = match unlink {
            Unlink::Id(link) => link.clone(),
            Unlink::Between(pair) => self.link_between(pair).await?,
        };
        Ok(self.jira.unlink_issues(&link).await?)
    }

    async fn link_type(&self, relation: &Relation) -> Result<(LinkType, Direction)> {
        let types = self.jira.link_types().await?;
        let (kind, direction) = relation.among(&types)?;
        Ok((kind.clone(), direction))
    }

    async fn link_between(&self, pair: &IssuePair) -> Result<LinkId> {
        let issue = self.jira.issue(pair.from.as_str(), IssueLink::FIELD).await?;
        let not_linked = || Error::new(ErrorCode::JiraNotFound, NOT_LINKED);
        let mut links = IssueLink::of(&issue);
        links.retain(|link| leads_to(link, &pair.to) && pair.relation.is_said_by(link));
        let kinds: Vec<&LinkType> = links.iter().filter_map(|link| link.kind.as_ref()).collect();
        pair.relation.only_one(&kinds)?;
        let id = links.first().and_then(|link| link.id.as_deref()).ok_or_else(not_linked)?;
        LinkId::parse(id).map_err(|_| not_linked())
    }
}
