//! Links to issues and projects in Jira, for people to follow.

use std::time::{Duration, Instant};

use base::deadline;
use tokio::sync::oneshot;
use url::Url;

use super::site::ConnectedSite;
use crate::error::{Error, Result};
use crate::provider::{DiscoveryError, NamedSite, ProviderId, site_url};

/// Timeout for looking up a site's URL.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a response that is otherwise ready waits for that lookup.
const PATIENCE: Duration = Duration::from_secs(1);

/// Builds URLs on a site; none if the site's URL is unknown.
#[derive(Debug, Clone, Default)]
pub struct Links(Option<Url>);

impl Links {
    /// Creates the links for a site.
    pub fn to(site: &NamedSite) -> Self {
        Self(site.url.as_deref().and_then(site_url))
    }

    /// The page of the issue or project with this key: `https://<name>.atlassian.net/browse/PROJ-1`.
    pub fn browse(&self, key: Option<&str>) -> Option<String> {
        // The `url` crate skips `.` and `..`, which are no path segments in the URL standard.
        let key = key.filter(|key| !matches!(*key, "" | "." | ".."))?;
        let mut url = self.0.clone()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(["browse", key]);
        Some(url.into())
    }
}

/// A part of a response that has links.
pub trait Linked {
    /// Sets its links.
    fn link(&mut self, links: &Links);
}

impl<T: Linked> Linked for Vec<T> {
    fn link(&mut self, links: &Links) {
        self.iter_mut().for_each(|one| one.link(links));
    }
}

/// A page of a list, and where the next page starts.
impl<T: Linked, N> Linked for (Vec<T>, Option<N>) {
    fn link(&mut self, links: &Links) {
        self.0.link(links);
    }
}

impl ConnectedSite<'_> {
    /// Runs some work and sets the links in its result.
    pub(super) async fn linked<T: Linked>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let (mut done, links) = self.with_links(work).await?;
        done.link(&links);
        Ok(done)
    }

    /// Runs some work and returns its result with the site's links. For a connection saved before site URLs were
    /// stored, the URL is looked up in parallel; that neither fails the work nor delays it for long.
    pub(super) async fn with_links<T>(&self, work: impl Future<Output = Result<T>>) -> Result<(T, Links)> {
        if let Some(site) = self.session().site.clone() {
            return Ok((work.await?, Links::to(&site)));
        }
        // Boxed because it is rare, so the usual future stays small.
        let (finish, finished) = oneshot::channel();
        let work = async {
            let done = work.await;
            // Fails if the lookup is already finished.
            let _ = finish.send(if done.is_ok() { PATIENCE } else { Duration::ZERO });
            done
        };
        let (done, found) = tokio::join!(work, Box::pin(self.look_up(finished)));
        let site = found.or_else(|| self.session().site.clone()).unwrap_or_default();
        Ok((done?, Links::to(&site)))
    }

    /// Looks up the site's URL, with the time limit sent through `finished` once the work is done. Only the request to
    /// Atlassian is cancelled at that limit: cancelling a store call would leave the next request a connection with a
    /// response in flight.
    async fn look_up(&self, finished: oneshot::Receiver<Duration>) -> Option<NamedSite> {
        let session = self.session();
        let out_of_patience = async {
            tokio::time::sleep(finished.await.unwrap_or_default()).await;
            Error::timed_out("Atlassian took too long to list the Jira sites")
        };
        let ask = async {
            tokio::select! {
                told = self.jira.named() => told.map_err(|error| {
                    DiscoveryError::from(error).for_caller(ProviderId::Jira.info())
                }),
                late = out_of_patience => Err(late),
            }
        };
        let limit = Instant::now() + deadline::at_most(LOOKUP_TIMEOUT);
        match deadline::scope(limit, self.connection.look_up_site(&session, ask)).await {
            Ok(site) => Some(site),
            Err(error) => {
                tracing::warn!(cause = %error, "site URL unknown, answer has no links");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_the_site_url_and_the_key_as_one_segment() {
        let at = |url: &str| Links::to(&NamedSite { name: None, url: Some(url.to_owned()) });
        let harbour = at("https://harbour.atlassian.net");
        for (key, expected) in [
            ("SHIP-1", "https://harbour.atlassian.net/browse/SHIP-1"),
            ("SHIP", "https://harbour.atlassian.net/browse/SHIP"),
            ("../admin", "https://harbour.atlassian.net/browse/..%2Fadmin"),
            ("a?b#c%2f d", "https://harbour.atlassian.net/browse/a%3Fb%23c%252f%20d"),
        ] {
            assert_eq!(harbour.browse(Some(key)).as_deref(), Some(expected));
        }
        assert_eq!(
            at("https://jira.example.com/jira/").browse(Some("A-1")).as_deref(),
            Some("https://jira.example.com/jira/browse/A-1")
        );
    }

    #[test]
    fn without_a_url_or_a_key_there_is_no_link() {
        let site = |url: Option<&str>| Links::to(&NamedSite { name: None, url: url.map(str::to_owned) });
        let harbour = site(Some("https://harbour.atlassian.net"));
        for none in [None, Some(""), Some("."), Some("..")] {
            assert_eq!(harbour.browse(none), None);
        }
        // The stored URL is validated too.
        for none in
            [None, Some("http://harbour.atlassian.net"), Some("https://a:b@harbour.atlassian.net"), Some("x")]
        {
            assert_eq!(site(none).browse(Some("SHIP-1")), None);
        }
    }
}
