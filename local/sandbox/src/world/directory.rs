//! Accounts, sites and projects, including those that every sandbox starts with.

use serde::{Deserialize, Serialize};

/// An Atlassian account that can be selected on the consent page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Short name, used in forms and controls.
    pub key: String,
    /// Atlassian's account id. Real ones vary in length and may contain a colon, so these do too.
    pub account_id: String,
    /// Display name.
    pub name: String,
    /// Keys of the sites that the account is a member of.
    pub sites: Vec<String>,
}

impl Account {
    /// The account's e-mail address, always under example.com.
    pub fn email(&self) -> String {
        format!("{}@example.com", self.key)
    }
}

/// An Atlassian site ("cloud") and its products.
#[derive(Clone, Debug)]
pub struct Site {
    /// Short name, used in forms and controls.
    pub key: String,
    /// Atlassian's `cloudId`.
    pub cloud_id: String,
    /// Display name.
    pub name: String,
    /// Whether the site has Jira.
    pub jira: bool,
    /// Whether the site has Confluence.
    pub confluence: bool,
    pub(crate) projects: Vec<Project>,
}

impl Site {
    pub(crate) fn url(&self) -> String {
        format!("https://{}.atlassian.net", self.key)
    }
}

/// A Jira project.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) type_key: &'static str,
    /// Team-managed ("next-gen") projects report `simplified: true`.
    pub(crate) team_managed: bool,
    pub(crate) private: bool,
    pub(crate) category: Option<&'static str>,
    /// Key of the lead's account.
    pub(crate) lead: String,
}

pub(crate) fn accounts() -> Vec<Account> {
    let many = (1..=40).map(|n| format!("team-{n:02}")).collect();
    vec![
        account(1, "ada", "Ada Admin", &["harbour", "lighthouse", "library", "meadow"]),
        account(2, "sam", "Sam Single-Site", &["harbour"]),
        account(3, "nora", "Nora No-Site", &[]),
        account(4, "colin", "Colin Confluence-Only", &["library"]),
        Account { sites: many, ..account(5, "max", "Max Many-Sites", &[]) },
    ]
}

fn account(number: u32, key: &str, name: &str, sites: &[&str]) -> Account {
    Account {
        key: key.to_owned(),
        account_id: account_id(number),
        name: name.to_owned(),
        sites: sites.iter().map(|&site| site.to_owned()).collect(),
    }
}

pub(crate) fn account_id(number: u32) -> String {
    if number.is_multiple_of(2) {
        format!("5b10a2844c20165700ede{number:03x}")
    } else {
        format!("712020:00000000-0000-4000-8000-{number:012x}")
    }
}

pub(crate) fn sites() -> Vec<Site> {
    let mut sites = vec![
        Site { projects: three_projects(), confluence: true, ..site(1, "harbour", "Harbour") },
        Site { projects: many_projects(), ..site(2, "lighthouse", "Lighthouse") },
        Site { jira: false, confluence: true, ..site(3, "library", "Library (Confluence only)") },
        site(4, "meadow", "Meadow (no projects)"),
    ];
    sites.extend((1..=40).map(|n| site(100 + n, &format!("team-{n:02}"), &format!("Team {n:02}"))));
    sites
}

fn site(number: u32, key: &str, name: &str) -> Site {
    Site {
        key: key.to_owned(),
        cloud_id: format!("11223344-a1b2-4b33-8c44-{number:012x}"),
        name: name.to_owned(),
        jira: true,
        confluence: false,
        projects: Vec::new(),
    }
}

fn three_projects() -> Vec<Project> {
    let software = Project::new(10_000, "SHIP", "Shipping");
    vec![
        Project { category: Some("Operations"), ..software },
        Project { team_managed: true, private: true, ..Project::new(10_001, "CREW", "Crew planning") },
        Project {
            type_key: "business",
            lead: "sam".to_owned(),
            ..Project::new(10_002, "DOCKS", "Dock & quay works")
        },
    ]
}

fn many_projects() -> Vec<Project> {
    (1..=120)
        .map(|n| Project {
            team_managed: n % 3 == 0,
            category: (n % 5 == 0).then_some("Navigation"),
            ..Project::new(20_000 + n, &format!("LH{n:03}"), &format!("Beacon {n:03}"))
        })
        .collect()
}

impl Project {
    pub(crate) fn new(id: u64, key: &str, name: &str) -> Self {
        Self {
            id,
            key: key.to_owned(),
            name: name.to_owned(),
            description: format!("Everything about {name}."),
            type_key: "software",
            team_managed: false,
            private: false,
            category: None,
            lead: "ada".to_owned(),
        }
    }
}
