//! A simulation of Jira's hourly quota: 200 instances of functions and ten sites share the quota of one app, and one
//! site asks for most of it. The client is the functions' own, and the sandbox counts the points.
//!
//! `make budget` prints the table of docs/performance.md.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};
use atlassian::{
    BoxError, ExhaustedQuotas, IssueRef, Jira, JiraError, Jql, Quota, QuotaNotices, Reach, Refusal, Search,
    TokenSource,
};
use base::config::{FromSettings, Settings};
use base::oauth::GrantedScopes;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use sandbox::{Consent, Decision, NewProject, Options, RateLimits, Sandbox};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

const SITES: usize = 10;

/// The smallest quota that Jira gives an app, in points an hour.
const QUOTA: u64 = 65_000;

/// How many issues a read returns. It costs one point more.
const ISSUES: usize = 20;

const CALLBACK: &str = "http://localhost:8000/callback/jira";

/// How much the instances know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    /// Every call is made.
    Nothing,
    /// Each instance acts on the answers that it got itself.
    OwnAnswers,
    /// And on exhausted quotas that others have found.
    Shared,
}

impl fmt::Display for Knowledge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Nothing => "no budget",
            Self::OwnAnswers => "each instance by itself",
            Self::Shared => "as deployed",
        })
    }
}

/// What came of the requests.
#[derive(Default, Debug, PartialEq, Eq)]
struct Outcome {
    jira_requests: usize,
    /// How many of them Jira refused.
    refused_by_jira: usize,
    reads_refused: usize,
    writes: usize,
    writes_refused: usize,
}

/// Requests of the sites, one after the other.
#[derive(Clone, Copy)]
struct Traffic {
    requests: usize,
    /// Of a hundred requests, how many are of the first site.
    greedy_percent: usize,
    /// Of a hundred requests of the first site and of the others, how many write.
    writes_percent: [usize; 2],
    instances: usize,
    /// How many of the instances belong to functions that read; an instance only ever runs one function.
    readers: usize,
    points: u64,
}

impl Traffic {
    /// A simulation that is smaller in everything but the number of sites.
    fn smaller(self, by: usize) -> Self {
        Self {
            requests: self.requests / by,
            instances: self.instances / by,
            readers: self.readers / by,
            points: self.points / by as u64,
            ..self
        }
    }
}

/// One site reads nearly all the time.
const GREEDY_READER: Traffic = Traffic {
    requests: 4600,
    greedy_percent: 80,
    writes_percent: [0, 50],
    instances: 200,
    readers: 180,
    points: QUOTA,
};

/// All sites write, one of them nearly all the time. The quota is smaller, because a write costs only one point.
const GREEDY_WRITER: Traffic = Traffic {
    requests: 3000,
    greedy_percent: 80,
    writes_percent: [100, 100],
    instances: 200,
    readers: 0,
    points: 2000,
};

struct Token(SecretString);

impl TokenSource for Token {
    fn token(&self) -> SecretString {
        self.0.clone()
    }

    fn granted_scopes(&self) -> Option<GrantedScopes> {
        None
    }

    fn renew<'a>(&'a self, _: &'a SecretString) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async { Err("the token is valid for an hour".into()) })
    }
}

/// Takes the place of Redis.
#[derive(Default)]
struct Notices(Mutex<HashMap<(Quota, String), SystemTime>>);

impl Notices {
    fn of(&self, site: &str) -> ExhaustedQuotas {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |quota, site: &str| told.get(&(quota, site.to_owned())).copied();
        ExhaustedQuotas { app: of(Quota::App, ""), site: of(Quota::Site, site) }
    }
}

impl QuotaNotices for Notices {
    fn tell<'a>(&'a self, quota: Quota, site: &'a str, until: SystemTime) -> BoxFuture<'a, ()> {
        let site = if quota == Quota::App { "" } else { site };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((quota, site.to_owned()), until);
        Box::pin(async {})
    }
}

struct World {
    sandbox: Sandbox,
    sites: Vec<String>,
    token: Arc<Token>,
}

impl World {
    async fn start() -> Result<Self> {
        let options = Options {
            client_id: "app".to_owned(),
            client_secret: "app-secret".to_owned(),
            redirect_uris: vec![CALLBACK.to_owned()],
            settings: sandbox::Settings::default(),
            state_file: None,
            openapi: None,
        };
        let sandbox = Sandbox::start(TcpListener::bind("127.0.0.1:0").await?, options).await?;
        let handle = sandbox.handle();
        let keys: Vec<String> = (1..=SITES).map(|number| format!("team-{number:02}")).collect();
        let new = NewProject { key: "SIM".to_owned(), issues: 2 * ISSUES, boards: 0, sprints_per_board: 0 };
        for key in &keys {
            handle.create_project(key, &new).map_err(anyhow::Error::msg)?;
        }
        let sites = handle.sites().into_iter().filter(|site| keys.contains(&site.key));
        let sites = sites.map(|site| site.cloud_id).collect();
        let scopes = "read:jira-work write:jira-work read:jira-user offline_access";
        let parameters = [
            ("audience", "api.atlassian.com"),
            ("client_id", "app"),
            ("scope", scopes),
            ("redirect_uri", CALLBACK),
            ("state", "state"),
            ("response_type", "code"),
            ("prompt", "consent"),
        ];
        let authorize_url =
            url::Url::parse_with_params(&format!("{}/authorize", handle.url()), parameters)?.into();
        let account = "max".to_owned();
        let consent = Consent { authorize_url, account, sites: keys, decision: Decision::Accept };
        let redirect: url::Url = handle.consent(&consent).map_err(anyhow::Error::msg)?.parse()?;
        let code = redirect.query_pairs().find(|(name, _)| name == "code").context("a code")?.1.into_owned();
        let exchange = json!({
            "grant_type": "authorization_code", "client_id": "app", "client_secret": "app-secret",
            "code": code, "redirect_uri": CALLBACK,
        });
        let url = format!("{}/oauth/token", handle.url());
        let answer = base::tls::http_client()?.post(url).json(&exchange).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let token = answer["access_token"].as_str().context("an access token")?.to_owned();
        Ok(Self { sandbox, sites, token: Arc::new(Token(token.into())) })
    }

    fn instance(&self, notices: Option<&Arc<Notices>>) -> Result<Jira> {
        let settings = [("ATLASSIAN_API_URL".to_owned(), self.sandbox.url().to_owned())];
        let jira = Jira::from_settings(&Settings::from_pairs(settings))?;
        Ok(match notices {
            Some(notices) => jira.with_notices(Arc::<Notices>::clone(notices)),
            None => jira,
        })
    }

    /// Makes the requests of one window.
    async fn simulate(&self, traffic: Traffic, knowledge: Knowledge) -> Result<Outcome> {
        let handle = self.sandbox.handle();
        handle.set_rate_limits(RateLimits { app_points: Some(traffic.points), ..RateLimits::default() });
        let notices = Arc::new(Notices::default());
        let shared = (knowledge == Knowledge::Shared).then_some(&notices);
        let mut instances: Vec<Jira> =
            (0..traffic.instances).map(|_| self.instance(shared)).collect::<Result<_>>()?;
        let mut random = Rng::with_seed(13);
        let mut outcome = Outcome::default();
        let issue = IssueRef::parse("SIM-1")?;
        let search = Search::of_jql(Jql::from_text("project = SIM ORDER BY key".to_owned()));
        for _ in 0..traffic.requests {
            let is_greedy = random.usize(..100) < traffic.greedy_percent;
            let site = &self.sites[if is_greedy { 0 } else { random.usize(1..SITES) }];
            let is_write = random.usize(..100) < traffic.writes_percent[usize::from(!is_greedy)];
            let place =
                random.usize(if is_write { traffic.readers..traffic.instances } else { 0..traffic.readers });
            if knowledge == Knowledge::Nothing {
                instances[place] = self.instance(None)?;
            }
            let before = handle.counters(sandbox::Class::Jira).received;
            let token = Arc::<Token>::clone(&self.token);
            let jira = instances[place].site(site, Reach::Everything, token)?.knowing(notices.of(site));
            let result = if is_write {
                let fields = Map::from_iter([("summary".to_owned(), json!("Simulated"))]);
                jira.edit_issue(&issue, fields).await.map(drop)
            } else {
                jira.for_reading().some_tickets(&search, None, &[], ISSUES, &drop).await.map(drop).map_err(
                    |error| match error {
                        atlassian::PageError::Page(error) | atlassian::PageError::Tickets(error) => error,
                    },
                )
            };
            let asked = usize::try_from(handle.counters(sandbox::Class::Jira).received - before)?;
            outcome.add(is_write, asked, result)?;
        }
        let spent: u64 = handle.points().values().sum();
        assert!(spent <= traffic.points + ISSUES as u64, "{spent} points");
        Ok(outcome)
    }
}

impl Outcome {
    fn add(&mut self, is_write: bool, asked: usize, result: Result<(), JiraError>) -> Result<()> {
        self.jira_requests += asked;
        self.writes += usize::from(is_write);
        let Err(error) = result else { return Ok(()) };
        if error.refusal() != Some(Refusal::RateLimited) {
            return Err(error.into());
        }
        self.refused_by_jira += usize::from(error.response().is_some());
        *(if is_write { &mut self.writes_refused } else { &mut self.reads_refused }) += 1;
        Ok(())
    }
}

#[tokio::test]
async fn writes_go_on_when_one_site_reads_the_quota_up() -> Result<()> {
    compare(10).await
}

#[tokio::test]
#[ignore = "runs for a minute: make budget"]
async fn with_200_instances_too() -> Result<()> {
    compare(1).await
}

/// Compares what comes of the same requests with and without a budget.
async fn compare(smaller_by: usize) -> Result<()> {
    let world = World::start().await?;
    let mut outcomes = Vec::new();
    for (name, traffic) in [("reads", GREEDY_READER), ("writes", GREEDY_WRITER)] {
        let traffic = traffic.smaller(smaller_by);
        for knowledge in [Knowledge::Nothing, Knowledge::OwnAnswers, Knowledge::Shared] {
            let outcome = world.simulate(traffic, knowledge).await?;
            println!(
                "| {name} | {knowledge} | {} | {} | {} of {} | {} of {} |",
                outcome.jira_requests,
                outcome.refused_by_jira,
                outcome.reads_refused,
                traffic.requests - outcome.writes,
                outcome.writes_refused,
                outcome.writes
            );
            outcomes.push(outcome);
        }
    }
    let [read_nothing, read_own, read_shared, write_nothing, write_own, write_shared] = &outcomes[..] else {
        anyhow::bail!("two kinds of traffic, three of knowledge")
    };
    // Without a budget, Jira refuses everybody once one site has used the quota up.
    let writer = GREEDY_WRITER.smaller(smaller_by);
    assert!(read_nothing.refused_by_jira > 900 / smaller_by, "{read_nothing:?}");
    assert!(read_nothing.writes_refused > 50 / smaller_by, "{read_nothing:?}");
    // With it, reads stop early, no write is refused, and Jira refuses nothing.
    for budget in [read_own, read_shared] {
        assert_eq!((budget.writes_refused, budget.refused_by_jira), (0, 0), "{budget:?}");
        assert!(budget.reads_refused < read_nothing.reads_refused * 3 / 2, "{budget:?}");
    }
    // Writes alone use a quota up as well. Then each instance asks once more, or only the first one.
    let refused = writer.requests - usize::try_from(writer.points)?;
    assert_eq!(write_nothing.refused_by_jira, refused, "{write_nothing:?}");
    assert!((2..=writer.instances).contains(&write_own.refused_by_jira), "{write_own:?}");
    assert_eq!(write_shared.refused_by_jira, 1, "{write_shared:?}");
    assert!([write_own, write_shared].iter().all(|outcome| outcome.writes_refused == refused));
    Ok(())
}
