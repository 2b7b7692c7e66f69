//! Rate limits for the public endpoints and for wrong keys. Each test uses its own client addresses in 127.0.0.0/8.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use base::crypto::random_code;
use futures_util::future::try_join_all;
use juncture_tests::{Answer, TestStack, run};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::sync::OnceCell;

const PER_IP: usize = 10;
const PER_KEY: usize = 5;
const WRONG_KEYS: usize = 3;

/// Longer than any test, so a window ends only if a test deletes it.
const WINDOW: i64 = 900;

static LIMITED: OnceCell<TestStack> = OnceCell::const_new();

/// The stack with low limits that these tests share.
async fn limited() -> Result<&'static TestStack> {
    let start = || {
        TestStack::start(|options| {
            for (name, most) in [
                ("RATE_LIMIT_PER_IP", PER_IP),
                ("RATE_LIMIT_PER_KEY", PER_KEY),
                ("RATE_LIMIT_WRONG_KEYS", WRONG_KEYS),
            ] {
                options.settings.set(name, &format!("{most}/{WINDOW}"));
            }
        })
    };
    LIMITED.get_or_try_init(start).await
}

/// A client at 127.0.`network`.`host`.
struct Visitor {
    stack: &'static TestStack,
    http: reqwest::Client,
    address: Ipv4Addr,
}

impl Visitor {
    async fn at(network: u8, host: u8) -> Result<Self> {
        let address = Ipv4Addr::new(127, 0, network, host);
        let http = reqwest::Client::builder()
            .local_address(IpAddr::V4(address))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { stack: limited().await?, http, address })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.stack.url()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        Ok(Answer::read(request.send().await?).await?)
    }

    /// Calls one of the public endpoints with a key: an external id, a state or a connection code.
    async fn call(&self, endpoint: Open, key: &str) -> Result<Answer> {
        const FINALIZE: &str = "/api/frontend/finalize-connection/jira";
        let get = |path: String| self.request(Method::GET, &path);
        let post = |path: &str| self.request(Method::POST, path);
        let begin = json!({ "external_id": key, "provider": "jira" });
        self.send(match endpoint {
            Open::Begin => post("/api/frontend/oauth/initiate-oauth-flow").json(&begin),
            Open::BeginByItsOlderName => post("/api/frontend/oauth/get-authorization-uri").json(&begin),
            Open::Callback => {
                get(format!("/api/frontend/oauth/authorization-callback/jira?code=x&state={key}"))
            }
            Open::Page => get(format!("/finalize-connection/jira/{key}")),
            Open::Form => post(&format!("/finalize-connection/jira/{key}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body("site_id=x"),
            Open::Sites => get(format!("{FINALIZE}/fetch-available-sites?connection_code={key}")),
            Open::Create => post(&format!("{FINALIZE}/create-connection"))
                .json(&json!({ "connection_code": key, "site_id": "x" })),
        })
        .await
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Open {
    Begin,
    BeginByItsOlderName,
    Callback,
    Page,
    Form,
    Sites,
    Create,
}

impl Open {
    const ALL: [Self; 7] = [
        Self::Begin,
        Self::BeginByItsOlderName,
        Self::Callback,
        Self::Page,
        Self::Form,
        Self::Sites,
        Self::Create,
    ];

    /// An unused key for an endpoint.
    fn key(self) -> Result<String> {
        let code = |prefix| random_code(prefix).context("no random code");
        match self {
            Self::Begin | Self::BeginByItsOlderName => Ok(uuid::Uuid::new_v4().to_string()),
            Self::Callback => code("st"),
            _ => code("cc"),
        }
    }

    /// The status for a new key within the limits.
    fn usual_status(self) -> u16 {
        if matches!(self, Self::Begin | Self::BeginByItsOlderName) { 200 } else { 410 }
    }

    fn key_name(self) -> &'static str {
        match self {
            Self::Begin | Self::BeginByItsOlderName => "external_id",
            Self::Callback => "state",
            _ => "connection_code",
        }
    }
}

/// Asserts a response over a limit: JSON or a page, and when to retry.
#[track_caller]
fn assert_limited(endpoint: Open, answer: &Answer, whose: &str) {
    let seconds: i64 = answer.header("retry-after").parse().unwrap_or_else(|_| panic!("{answer:?}"));
    assert!((1..=WINDOW).contains(&seconds), "{seconds}");
    if matches!(endpoint, Open::Callback | Open::Page | Open::Form) {
        assert!(answer.page(429).contains("reload this page"), "{}", answer.body);
        return;
    }
    let refusal = answer.refusal(429);
    assert!(refusal.contains(whose) && refusal.contains("Try again in"), "{refusal}");
    assert_eq!(answer.json(429)["code"], "rate_limited");
}

#[test]
fn an_address_may_call_so_often_and_others_do_not_feel_it() {
    run(async {
        for (endpoint, host) in Open::ALL.into_iter().zip(1..) {
            let (visitor, other) = (Visitor::at(1, host).await?, Visitor::at(2, host).await?);
            for left in (0..PER_IP).rev() {
                let answer = visitor.call(endpoint, &endpoint.key()?).await?;
                assert_eq!(answer.status, endpoint.usual_status(), "{endpoint:?}: {}", answer.body);
                let policy = format!("\"ip\";q={PER_IP};w={WINDOW}, \"key\";q={PER_KEY};w={WINDOW}");
                assert_eq!(answer.header("ratelimit-policy"), policy);
                let standing = answer.header("ratelimit");
                assert!(standing.starts_with(&format!("\"ip\";r={left};t=")), "{standing}");
                assert!(standing.contains(&format!(", \"key\";r={};t=", PER_KEY - 1)), "{standing}");
            }
            let refused = visitor.call(endpoint, &endpoint.key()?).await?;
            assert_limited(endpoint, &refused, "your IP address");
            assert!(refused.header("ratelimit").starts_with("\"ip\";r=0;t="), "{refused:?}");
            let answer = other.call(endpoint, &endpoint.key()?).await?;
            assert_eq!(answer.status, endpoint.usual_status(), "{endpoint:?}: {}", answer.body);
        }
        Ok(())
    });
}

#[test]
fn a_key_may_be_used_so_often_wherever_it_comes_from() {
    run(async {
        for (endpoint, host) in Open::ALL.into_iter().zip(1..) {
            let (one, other) = (Visitor::at(3, host).await?, Visitor::at(4, host).await?);
            let key = endpoint.key()?;
            for _ in 0..PER_KEY {
                assert_eq!(one.call(endpoint, &key).await?.status, endpoint.usual_status(), "{endpoint:?}");
            }
            let refused = other.call(endpoint, &key).await?;
            assert_limited(endpoint, &refused, endpoint.key_name());
            let answer = one.call(endpoint, &endpoint.key()?).await?;
            assert_eq!(answer.status, endpoint.usual_status(), "{endpoint:?}: {}", answer.body);
        }
        Ok(())
    });
}

#[test]
fn of_concurrent_requests_only_the_limit_passes() {
    run(async {
        let visitor = Visitor::at(5, 1).await?;
        let calls = (0..2 * PER_IP).map(|_| async {
            let answer = visitor.call(Open::Begin, &Open::Begin.key()?).await?;
            anyhow::Ok(answer.status)
        });
        let statuses = try_join_all(calls).await?;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), PER_IP, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 429).count(), PER_IP, "{statuses:?}");
        Ok(())
    });
}

#[test]
fn a_window_ends() {
    run(async {
        let visitor = Visitor::at(6, 1).await?;
        for _ in 0..PER_IP {
            visitor.call(Open::Begin, &Open::Begin.key()?).await?.json(200);
        }
        assert_limited(
            Open::Begin,
            &visitor.call(Open::Begin, &Open::Begin.key()?).await?,
            "your IP address",
        );

        // Redis contains no IP address, and every key expires with its window.
        let name = base::crypto::sha256_hex(visitor.address.to_string().as_bytes());
        let key = format!("juncture:limit:ip:{name}");
        let redis = async |words: &[&str]| -> Result<i64> {
            Ok(redis::from_redis_value(visitor.stack.redis(words).await?)?)
        };
        let left = redis(&["PTTL", &key]).await?;
        assert!((1..=WINDOW * 1000).contains(&left), "{left}");
        assert_eq!(redis(&["GET", &key]).await?, PER_IP as i64, "a call that is refused is not counted");
        assert_eq!(redis(&["PEXPIRE", &key, "1"]).await?, 1);
        while redis(&["EXISTS", &key]).await? == 1 {}
        let answer = visitor.call(Open::Begin, &Open::Begin.key()?).await?;
        answer.json(200);
        assert!(answer.header("ratelimit").starts_with(&format!("\"ip\";r={};", PER_IP - 1)), "{answer:?}");
        Ok(())
    });
}

#[test]
fn nobody_says_where_they_come_from() {
    run(async {
        let visitor = Visitor::at(7, 1).await?;
        let begin = async |number: usize| {
            let request = visitor
                .request(Method::POST, "/api/frontend/oauth/initiate-oauth-flow")
                .header("x-forwarded-for", format!("192.0.2.{number}"))
                .header("forwarded", format!("for=192.0.2.{number}"))
                .header("origin", visitor.stack.demo_url())
                .json(&json!({ "external_id": Open::Begin.key()?, "provider": "jira" }));
            visitor.send(request).await
        };
        for number in 0..PER_IP {
            let answer = begin(number).await?;
            answer.json(200);
            // The product's page can read the rate limit headers.
            let exposed = answer.header("access-control-expose-headers").to_owned();
            for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
                assert!(exposed.split(',').any(|header| header.trim() == name), "{exposed}");
            }
        }
        assert_limited(Open::Begin, &begin(PER_IP).await?, "your IP address");
        Ok(())
    });
}

#[test]
fn cheap_requests_are_not_counted() {
    run(async {
        let visitor = Visitor::at(8, 1).await?;
        for _ in 0..=PER_IP {
            for path in ["/health", "/finalize-connection/style.css", "/finalize-connection/finalize.js"] {
                assert_eq!(visitor.send(visitor.request(Method::GET, path)).await?.status, 200, "{path}");
            }
            assert_eq!(visitor.call(Open::Sites, "nonsense").await?.status, 400);
        }
        // An invalid connect token does count.
        let forged = async || {
            let request = visitor.request(Method::POST, "/api/frontend/oauth/initiate-oauth-flow");
            visitor.send(request.json(&json!({ "connect_token": "ct_AAAA" }))).await
        };
        for _ in 0..PER_IP {
            forged().await?.refusal(401);
        }
        assert_limited(Open::Begin, &forged().await?, "your IP address");
        Ok(())
    });
}

#[test]
fn wrong_keys_are_limited_and_the_right_one_always_passes() {
    run(async {
        let (visitor, other) = (Visitor::at(9, 1).await?, Visitor::at(9, 2).await?);
        let key = visitor.stack.secret_key().to_owned();
        let ask = async |visitor: &Visitor, path: &str, key: &str| {
            visitor.send(visitor.request(Method::GET, path).bearer_auth(key)).await
        };
        let paths = [
            "/api/backend/jira/get-projects?external_id=x",
            "/api/backend/connection-info/list-connections",
            "/health/ready",
        ];
        for path in paths {
            let answer = ask(&visitor, path, "wrong").await?;
            assert_eq!(answer.refusal(401), "Invalid secret key", "{path}");
            let policy = format!("\"wrong-keys\";q={WRONG_KEYS};w={WINDOW}");
            assert_eq!(answer.header("ratelimit-policy"), policy);
        }
        for path in paths {
            let refused = ask(&visitor, path, "wrong").await?;
            let refusal = refused.refusal(429);
            assert!(refusal.starts_with("Too many wrong secret keys from your IP address"), "{refusal}");
            assert_eq!(refused.json(429)["code"], "too_many_wrong_keys");
            assert!(refused.header("retry-after").parse::<u64>()? >= 1);
            // A caller with the right key may share the IP address with an attacker.
            let served = ask(&visitor, path, &key).await?;
            assert!([200, 404].contains(&served.status), "{path}: {}", served.body);
            assert_eq!(served.header("ratelimit"), "");
        }
        ask(&other, paths[0], "wrong").await?.refusal(401);
        Ok(())
    });
}

#[test]
fn without_redis_nobody_is_limited() {
    run(async {
        let stack = TestStack::start(|options| {
            options.settings.set("UPSTASH_REDIS_REST_URL", "http://127.0.0.1:1");
            options.settings.set("UPSTASH_REDIS_REST_TOKEN", "none");
            options.settings.set("RATE_LIMIT_PER_IP", "1/900");
            options.settings.set("RATE_LIMIT_WRONG_KEYS", "1/900");
        })
        .await?;
        let body = json!({ "external_id": "x", "provider": "jira" });
        for _ in 0..3 {
            // The endpoint itself needs Redis and reports that.
            let answer = stack.post("/api/frontend/oauth/initiate-oauth-flow", &body).await?;
            assert_eq!(answer.json(503)["code"], "storage_unavailable");
            let stranger = stack.get("/api/backend/connection-info/list-connections").await?;
            assert_eq!(stranger.refusal(401), "Invalid secret key");
        }
        stack.stop().await
    });
}
