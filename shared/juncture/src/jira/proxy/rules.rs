//! Which calls may be passed on.

use base::config::{FromSettings, Settings, SettingsError};
use http::Method;

use super::path::{self, ProxyPath};
use crate::error::{Error, ErrorCode, Result};

const SETTING: &str = "JIRA_PROXY_ALLOW";

/// The methods of Jira's API.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The paths whose GET Atlassian puts under a `manage:*` scope; made by `scripts/managed-paths.py`.
const MANAGED: &str = include_str!("managed-paths.txt");

/// The calls that may be passed on. Setting: `JIRA_PROXY_ALLOW`, either `off`, or a comma-separated list of methods with
/// paths (`POST /rest/api/3/issue/*/comment`). In a path, `*` is one segment, and `**` at its end is one or more. The
/// entry `default`, which is the default, is GET of everything that does not need a `manage:*` scope.
pub struct ProxyRules(Vec<Rule>);

/// An entry of the list.
enum Rule {
    /// GET of anything except for these.
    Default { managed: Vec<Vec<&'static str>> },
    /// A method and a path.
    Call { method: Method, path: Pattern },
}

/// A path with wildcards.
struct Pattern {
    parts: Vec<Part>,
    /// Whether it ends in `**`.
    is_open: bool,
}

enum Part {
    Any,
    Literal(String),
}

impl FromSettings for ProxyRules {
    fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let Some(listed) = settings.optional(SETTING) else { return Ok(Self(vec![Rule::default()])) };
        if listed.eq_ignore_ascii_case("off") {
            return Ok(Self(Vec::new()));
        }
        let entries = listed.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let rules = (1..).zip(entries).map(|(number, entry)| Rule::parse(entry).ok_or(number));
        let rules: Result<Vec<_>, usize> = rules.collect();
        rules.map(Self).map_err(|number| {
            let reason = format!(
                "must be off, or a list, separated by commas, of default and of methods with paths such as GET \
                 /rest/api/3/issue/*/comment or PUT /rest/agile/1.0/sprint/**: entry {number} is neither"
            );
            SettingsError::Invalid { name: SETTING, reason }
        })
    }
}

impl ProxyRules {
    /// Checks whether a call may be passed on.
    ///
    /// # Errors
    /// 403 `proxy_not_allowed`.
    pub fn check(&self, method: &Method, path: &ProxyPath) -> Result<()> {
        if !METHODS.contains(method) {
            let sentence = "The proxy passes on GET, POST, PUT, PATCH and DELETE only";
            return Err(Error::new(ErrorCode::ProxyNotAllowed, sentence));
        }
        if self.0.iter().any(|rule| rule.allows(method, path.segments())) {
            return Ok(());
        }
        let sentence = format!("The proxy does not allow {method} of this path: add it to {SETTING}");
        Err(Error::new(ErrorCode::ProxyNotAllowed, sentence))
    }
}

impl Default for Rule {
    fn default() -> Self {
        let segments = |path: &'static str| path.split('/').skip(1).collect();
        Self::Default { managed: MANAGED.lines().map(segments).collect() }
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        if entry.eq_ignore_ascii_case("default") {
            return Some(Self::default());
        }
        let (method, path) = entry.split_once(' ')?;
        let method = METHODS.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(method))?;
        Some(Self::Call { method, path: Pattern::parse(path.trim())? })
    }

    fn allows(&self, method: &Method, path: &[String]) -> bool {
        match self {
            Self::Default { managed } => {
                method == Method::GET && !managed.iter().any(|template| is_managed(template, path))
            }
            Self::Call { method: allowed, path: pattern } => method == allowed && pattern.matches(path),
        }
    }
}

/// Whether a path is one of this template, `/role/{id}`. Also if Jira might take it for one: with an extension for the
/// format of the response, or in another case.
fn is_managed(template: &[&str], path: &[String]) -> bool {
    let is_same = |(at, (part, segment)): (usize, (&&str, &String))| {
        let segment = segment.to_lowercase();
        let bare = [".json", ".xml"].iter().find_map(|extension| segment.strip_suffix(extension));
        let segment = bare.filter(|_| at + 1 == path.len()).unwrap_or(&segment);
        part.starts_with('{') || part.to_lowercase() == segment
    };
    template.len() == path.len() && template.iter().zip(path).enumerate().all(is_same)
}

impl Pattern {
    fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let closed = path.strip_suffix("/**");
        let segments: Vec<&str> = closed.unwrap_or(path).split('/').collect();
        // What is open needs no segment of its own below the root.
        let is_below = match closed {
            Some(_) => path::is_below_a_root(&[&segments[..], &["**"]].concat()),
            None => path::is_below_a_root(&segments),
        };
        let part = |segment: &&str| match *segment {
            "*" => Some(Part::Any),
            literal if literal.contains('*') || path::check(literal).is_err() => None,
            literal => Some(Part::Literal(literal.to_owned())),
        };
        let parts = segments.iter().map(part).collect::<Option<_>>()?;
        is_below.then_some(Self { parts, is_open: closed.is_some() })
    }

    fn matches(&self, path: &[String]) -> bool {
        let is_same = |(part, segment): (&Part, &String)| match part {
            Part::Any => true,
            Part::Literal(literal) => literal == segment,
        };
        let has_length =
            if self.is_open { path.len() > self.parts.len() } else { path.len() == self.parts.len() };
        has_length && self.parts.iter().zip(path).all(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(setting: &str) -> Result<ProxyRules, SettingsError> {
        ProxyRules::from_settings(&Settings::from_pairs([(SETTING.to_owned(), setting.to_owned())]))
    }

    fn allows(setting: &str, method: &str, path: &str) -> bool {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let checked = rules(setting).unwrap().check(&method, &ProxyPath::parse(path).unwrap());
        if let Err(error) = &checked {
            assert_eq!(error.code(), ErrorCode::ProxyNotAllowed);
        }
        checked.is_ok()
    }

    #[test]
    fn by_default_everything_is_read_that_needs_no_scope_to_manage() {
        for setting in ["", "default", "Default, POST /rest/api/3/issue"] {
            for path in [
                "rest/api/3/issue/PROJ-1",
                "rest/api/3/field/search",
                "rest/api/3/roles",
                "rest/api/3/project/PROJ/role/10002",
                "rest/agile/1.0/board/1",
                "rest/software/1.0/board/1/backlog",
                "rest/servicedeskapi/request/PROJ-1",
                "rest/api/3/something/new",
            ] {
                assert!(allows(setting, "GET", path), "{path}");
                for method in ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"] {
                    assert!(!allows(setting, method, path), "{method} {path}");
                }
            }
            for path in [
                "rest/api/3/role",
                "rest/api/3/role/",
                "rest/api/3/Role",
                "rest/api/3/role.json",
                "rest/api/3/ROLE.XML",
                "rest/api/3/role/10002",
                "rest/api/3/webhook",
                "rest/api/3/auditing/record",
                "rest/api/3/issuesecurityschemes/project",
                "rest/api/3/field/customfield_10000/context",
                "rest/api/3/workflowscheme/1/draft",
                // The scopes of these are in one of the two places only.
                "rest/api/3/priority/search",
                "rest/api/3/announcementBanner",
            ] {
                assert!(!allows(setting, "GET", path), "{path}");
            }
        }
    }

    #[test]
    fn a_list_replaces_the_default() {
        let setting =
            "POST /rest/api/3/issue/*/comment, get /rest/agile/1.0/**,DELETE  /rest/api/3/issue/PROJ-1";
        for (method, path, is_allowed) in [
            ("POST", "rest/api/3/issue/PROJ-1/comment", true),
            ("POST", "rest/api/3/issue/PROJ-1/comment/", true),
            ("POST", "rest/api/3/issue/PROJ-1/comments", false),
            ("POST", "rest/api/3/issue/PROJ-1/comment/1", false),
            ("POST", "rest/api/3/issue/PROJ-1", false),
            ("PUT", "rest/api/3/issue/PROJ-1/comment", false),
            ("GET", "rest/agile/1.0/board", true),
            ("GET", "rest/agile/1.0/board/1/sprint", true),
            ("GET", "rest/api/3/issue/PROJ-1", false),
            ("DELETE", "rest/api/3/issue/PROJ-1", true),
            ("DELETE", "rest/api/3/issue/proj-1", false),
        ] {
            assert_eq!(allows(setting, method, path), is_allowed, "{method} {path}");
        }
        assert!(allows("GET /rest/api/3/**", "GET", "rest/api/3/role"), "it is named");
        assert!(allows("GET /rest/api/3/issue/**", "GET", "rest/api/3/issue/A-1"));
        assert!(!allows("GET /rest/api/3/issue/**", "GET", "rest/api/3/issue"));
        for setting in ["off", "OFF", ","] {
            assert!(!allows(setting, "GET", "rest/api/3/issue/PROJ-1"), "{setting}");
        }
    }

    #[test]
    fn a_wrong_entry_is_told_by_its_number() {
        for wrong in [
            "GET",
            "/rest/api/3/issue",
            "GET rest/api/3/issue",
            "GET /rest/api/3",
            "GET /rest/api/*/issue",
            "GET /rest/**",
            "GET /**",
            "GET /secure/**",
            "GET /rest/api/3/**/comment",
            "GET /rest/api/3/issue/A*",
            "GET /rest/api/3/issue/",
            "GET /rest/api/3//issue",
            "GET /rest/api/3/../2/issue",
            "GET /rest/api/3/a%20b",
            "HEAD /rest/api/3/issue/*",
            "* /rest/api/3/issue/*",
            "GET https://example.com/rest/api/3/issue",
        ] {
            let error = rules(&format!("default, {wrong}")).err().map(|error| error.to_string());
            assert!(
                error
                    .as_deref()
                    .is_some_and(|said| said.contains(SETTING) && said.contains("entry 2 is neither")),
                "{wrong}: {error:?}"
            );
        }
    }

    #[test]
    fn every_managed_path_is_below_a_root() {
        let Rule::Default { managed } = Rule::default() else { panic!() };
        assert!(managed.len() > 100 && managed.iter().all(|path| path::is_below_a_root(path)));
    }
}
