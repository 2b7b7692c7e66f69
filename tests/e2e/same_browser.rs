//! A flow must end in the browser in which it started, where cookies allow the check.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use juncture_local::ports::Part;
use juncture_tests::{Answer, Person, TestStack, run};
use reqwest::{Method, RequestBuilder};
use sandbox::{Class, Decision, Fault, GateSpec, Rule, When};
use serde_json::json;

const BEGIN: &str = "/api/frontend/oauth/initiate-oauth-flow";
const CREATE: &str = "/api/frontend/finalize-connection/jira/create-connection";
const SITES: &str = "/api/frontend/finalize-connection/jira/fetch-available-sites";
const ELSEWHERE: &str = "Started in another browser";

/// A browser, reduced to its cookies: it sends back what it got.
struct Browser<'a> {
    stack: &'a TestStack,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    /// A browser that also has a non-ASCII cookie of other software on the same domain.
    fn new(stack: &'a TestStack) -> Self {
        let cookies = BTreeMap::from([("city".to_owned(), "Köln".to_owned())]);
        Self { stack, cookies: Mutex::new(cookies) }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let cookies: Vec<_> = self.kept().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.stack.send(request.header("cookie", cookies.join("; "))).await?;
        for cookie in answer.headers.get_all("set-cookie") {
            let mut parts = cookie.to_str()?.split("; ");
            let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).context("no cookie")?;
            assert!(name.starts_with("__Host-"), "{name}");
            let attributes: Vec<_> = parts.collect();
            for wanted in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(attributes.contains(&wanted), "{attributes:?}");
            }
            self.kept().insert(name.to_owned(), value.to_owned());
        }
        Ok(answer)
    }

    /// Clicks "Connect Jira" and consents. Returns the URL of the callback.
    async fn consent(&self, person: &Person<'_>) -> Result<String> {
        self.decide(person, Decision::Accept).await
    }

    async fn decide(&self, person: &Person<'_>, decision: Decision) -> Result<String> {
        let body = json!({ "provider": "jira", "external_id": person.external_id });
        let answer = self.send(self.stack.request(Method::POST, BEGIN).json(&body)).await?.json(200);
        let callback =
            person.decide(answer["authorization_uri"].as_str().context("no address")?, decision)?;
        Ok(here(self.stack, &callback))
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.stack.request(Method::GET, path)).await
    }

    /// Visits the callback. Returns the connection code.
    async fn code(&self, callback: &str) -> Result<String> {
        let answer = self.get(callback).await?;
        anyhow::ensure!(answer.status == 303, "{answer:?}");
        Ok(answer.header("location").rsplit('/').next().context("no code")?.to_owned())
    }

    async fn create(&self, code: &str) -> Result<Answer> {
        let body = json!({ "connection_code": code, "site_id": self.stack.site_id("harbour")? });
        self.send(self.stack.request(Method::POST, CREATE).json(&body)).await
    }

    /// Asserts that a code is rejected in this browser, on every route that takes one.
    async fn is_refused(&self, code: &str) -> Result<()> {
        let page = format!("/finalize-connection/jira/{code}");
        assert!(self.get(&page).await?.page(403).contains(ELSEWHERE));
        let form = self.stack.request(Method::POST, &page);
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        let site = self.stack.site_id("harbour")?;
        assert!(self.send(form.body(format!("site_id={site}"))).await?.page(403).contains(ELSEWHERE));
        for answer in [self.get(&format!("{SITES}?connection_code={code}")).await?, self.create(code).await?]
        {
            assert!(answer.refusal(403).contains("another browser"), "{}", answer.body);
            assert_eq!(answer.json(403)["code"], "other_browser");
        }
        Ok(())
    }
}

/// The callback's URL on this machine; the flow may use a different scheme.
fn here(stack: &TestStack, callback: &str) -> String {
    callback.split_once("/api/").map_or_else(String::new, |(_, rest)| format!("{}/api/{rest}", stack.url()))
}

#[test]
fn two_tabs_of_one_browser_both_finish() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::new(stack);
        let (one, other) = (stack.person(&["harbour"])?, stack.person(&["harbour"])?);
        let first = browser.consent(&one).await?;
        let second = browser.consent(&other).await?;
        let second = browser.code(&second).await?;
        let first = browser.code(&first).await?;
        for (code, person) in [(first, one), (second, other)] {
            browser.create(&code).await?.json(200);
            assert_eq!(person.validity().await?["exists"], true);
        }
        Ok(())
    });
}

#[test]
fn a_return_in_another_browser_ends_the_flow_on_the_page_that_explains_it() {
    run(async {
        let stack = TestStack::shared().await?;
        for decision in [Decision::Accept, Decision::Decline] {
            let (one, other) = (Browser::new(stack), Browser::new(stack));
            let (person, somebody) = (stack.person(&["harbour"])?, stack.person(&["harbour"])?);
            let callback = one.decide(&person, decision).await?;
            other.consent(&somebody).await?;
            let page = other.get(&callback).await?;
            assert!(page.page(403).contains(ELSEWHERE), "{}", page.body);
            assert!(page.body.contains(&stack.demo_url()), "no way to start again");
            // The state is used up, for its own browser too, and the code is not exchanged.
            assert!(one.get(&callback).await?.page(410).contains("expired"));
            assert_eq!(stack.token_requests(&person.account), 0);
        }
        Ok(())
    });
}

#[test]
fn a_browser_known_to_keep_cookies_must_send_one() {
    run(async {
        let stack = TestStack::shared().await?;
        let (browser, bare) = (Browser::new(stack), Browser::new(stack));
        let person = stack.person(&["harbour"])?;
        browser.consent(&person).await?;
        let callback = browser.consent(&person).await?;
        assert!(bare.get(&callback).await?.page(403).contains(ELSEWHERE));
        assert_eq!(stack.token_requests(&person.account), 0);
        Ok(())
    });
}

/// The target of a callback's redirect.
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").to_owned()
}

#[test]
fn prefetches_use_nothing_up() {
    run(async {
        let stack = TestStack::shared().await?;
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            for decision in [Decision::Accept, Decision::Decline] {
                let person = stack.person(&["harbour"])?;
                let browser = Browser::new(stack);
                let callback = browser.decide(&person, decision).await?;
                let early = browser.send(stack.request(Method::GET, &callback).header(name, value)).await?;
                assert!(early.page(503).contains("ahead of time"), "{name}: {}", early.body);
                assert_eq!(early.header("cache-control"), "no-store");
                for kept in ["set-cookie", "location", "ratelimit"] {
                    assert_eq!(early.header(kept), "", "{name}: {kept}");
                }
                assert_eq!(stack.token_requests(&person.account), 0);
                let line = stack.completion(&early).await?;
                assert_eq!(
                    (&line["code"], &line["redis_requests"]),
                    (&json!("prefetch"), &json!(0)),
                    "{line}"
                );
                assert!(line["server_errors"].is_null(), "{line}");
                let status = if decision == Decision::Accept { 303 } else { 403 };
                assert_eq!(browser.get(&callback).await?.status, status, "{name}: {value}");
            }
        }
        let person = stack.person(&["harbour"])?;
        let callback = person.consent().await?;
        let answer = stack.send(stack.request(Method::GET, &callback).header("purpose", "fetch")).await?;
        location(&answer);
        Ok(())
    });
}

#[test]
fn the_flows_own_browser_may_arrive_twice_and_nobody_else() {
    run(async {
        let stack = TestStack::shared().await?;
        let (browser, other) = (Browser::new(stack), Browser::new(stack));
        let person = stack.person(&["harbour"])?;
        other.code(&other.consent(&stack.person(&["harbour"])?).await?).await?;
        let callback = browser.consent(&person).await?;
        let first = location(&browser.get(&callback).await?);
        for _ in 0..2 {
            assert_eq!(location(&browser.get(&callback).await?), first);
        }
        assert_eq!(stack.token_requests(&person.account), 1, "a code is for one exchange");
        // Other browsers with or without cookies, and this one with a different code.
        for stranger in [&other, &Browser::new(stack)] {
            assert!(stranger.get(&callback).await?.page(410).contains("expired"));
        }
        let (before, _) = callback.split_once("code=").context("no code")?;
        let (_, state) = callback.split_once("state=").context("no state")?;
        browser.get(&format!("{before}code=another&state={state}")).await?.page(410);
        let refused = browser.get(&format!("{before}error=access_denied&state={state}")).await?;
        refused.page(410);
        let code = first.rsplit('/').next().context("no code")?;
        browser.create(code).await?.json(200);
        assert_eq!(person.validity().await?["exists"], true);
        // The page says that the code is used up.
        browser.get(&location(&browser.get(&callback).await?)).await?.page(410);
        Ok(())
    });
}

#[test]
fn a_scanner_that_fetches_the_callback_first_does_not_block_the_browser() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::new(stack);
        let person = stack.person(&["harbour"])?;
        // The browser's first flow, so it is not known yet whether it keeps cookies.
        let callback = browser.consent(&person).await?;
        let scanned = location(&Browser::new(stack).get(&callback).await?);
        assert_eq!(location(&browser.get(&callback).await?), scanned);
        let code = scanned.rsplit('/').next().context("no code")?;
        browser.get(&scanned).await?.page(200);
        browser.create(code).await?.json(200);
        Ok(())
    });
}

#[test]
fn concurrent_arrivals_end_at_the_same_place() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::new(stack);
        let person = stack.person(&["harbour"])?;
        let callback = browser.consent(&person).await?;
        let spec = GateSpec { class: Class::Token, account: Some(person.account.clone()), when: When::After };
        let gate = stack.atlassian().hold(spec);
        let (first, second) = (browser.get(&callback), async {
            gate.arrived().await;
            // Polls until the response to the first request is stored.
            let (answer, ()) = tokio::join!(browser.get(&callback), async { gate.release() });
            answer
        });
        let (first, second) = tokio::join!(first, second);
        assert_eq!(location(&first?), location(&second?));
        assert_eq!(stack.token_requests(&person.account), 1);
        Ok(())
    });
}

#[test]
fn a_first_arrival_that_fails_leaves_nothing_to_wait_for() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::new(stack);
        let person = stack.person(&["harbour"])?;
        let callback = browser.consent(&person).await?;
        let refusal = Fault::Status { status: 403, body: Some(json!({ "error": "invalid_grant" })) };
        stack.atlassian().inject(Rule::new(Class::Token, refusal).account(&person.account).times(1));
        browser.get(&callback).await?.page(502);
        browser.get(&callback).await?.page(410);
        assert_eq!(stack.token_requests(&person.account), 1);
        Ok(())
    });
}

#[test]
fn an_arrival_is_remembered_for_a_minute_and_sealed() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::new(stack);
        let callback = browser.consent(&stack.person(&["harbour"])?).await?;
        let code = browser.code(&callback).await?;
        let state = callback.split_once("state=").context("no state")?.1;
        let key = format!("juncture:arrival:{}", base::crypto::sha256_hex(state.as_bytes()));
        let left = stack.redis(&["PTTL", &key]).await?;
        assert!(matches!(left, redis::Value::Int(left) if (1..=60_000).contains(&left)), "{left:?}");
        let stored = format!("{:?}", stack.redis(&["GET", &key]).await?);
        let given = browser.kept()["__Host-juncture-returned"].clone();
        assert!(stored.contains("v1:") && !stored.contains(&code) && !stored.contains(&given), "{stored}");
        Ok(())
    });
}

#[test]
fn a_connection_code_that_is_carried_to_another_browser_is_of_no_use_there() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::new(stack);
        let person = stack.person(&["harbour"])?;
        let code = browser.code(&browser.consent(&person).await?).await?;
        let bare = Browser::new(stack);
        bare.is_refused(&code).await?;
        let other = Browser::new(stack);
        let somebody = stack.person(&["harbour"])?;
        other.code(&other.consent(&somebody).await?).await?;
        other.is_refused(&code).await?;
        // Its own browser can still finish.
        browser.get(&format!("/finalize-connection/jira/{code}")).await?.page(200);
        browser.create(&code).await?.json(200);
        assert_eq!(person.validity().await?["exists"], true);
        Ok(())
    });
}

/// A deployment without a custom domain: over TLS, and cross-site to the product.
#[test]
fn a_cross_site_product_connects_and_its_codes_are_bound_after_the_return() {
    run(async {
        let stack = TestStack::start(|options| {
            let url = format!("https://localhost:{}", options.settings.ports.of(Part::Gateway));
            let callback = format!("{url}/api/frontend/oauth/authorization-callback/jira");
            options.settings.set("DEFAULT_JIRA_REDIRECT_URI", &callback);
            options.settings.set("JUNCTURE_FRONTEND_URL", &url);
        })
        .await?;
        let browser = Browser::new(&stack);
        for _ in 0..2 {
            // The first call is cross-site, so its cookie is not kept.
            let person = stack.person(&["harbour"])?;
            let callback = here(&stack, &person.consent().await?);
            let code = browser.code(&callback).await?;
            Browser::new(&stack).is_refused(&code).await?;
            browser.create(&code).await?.json(200);
            assert_eq!(person.validity().await?["exists"], true);
        }
        // The browser indicates that it keeps the cookie.
        let person = stack.person(&["harbour"])?;
        let body = json!({ "provider": "jira", "external_id": person.external_id });
        let request = stack.request(Method::POST, BEGIN).header("sec-fetch-site", "same-origin");
        let answer = stack.send(request.json(&body)).await?.json(200);
        let uri = answer["authorization_uri"].as_str().context("no address")?;
        let callback = here(&stack, &person.decide(uri, Decision::Accept)?);
        assert!(Browser::new(&stack).get(&callback).await?.page(403).contains(ELSEWHERE));
        Ok(())
    });
}

#[test]
fn a_deployment_may_require_the_same_browser_and_have_a_page_of_its_own() {
    run(async {
        let stack = TestStack::start(|options| {
            options.settings.set("REQUIRE_SAME_BROWSER", "true");
            options.settings.set("JUNCTURE_FRONTEND_URL", "https://app.example.com");
        })
        .await?;
        // Starting a flow without a browser and sending its consent page to somebody yields nothing.
        let attacker = stack.person(&["harbour"])?;
        let callback = attacker.consent().await?;
        assert!(Browser::new(&stack).get(&callback).await?.page(403).contains(ELSEWHERE));
        assert_eq!(stack.token_requests(&attacker.account), 0);

        let body = json!({ "provider": "jira", "external_id": attacker.external_id });
        let cross = stack.request(Method::POST, BEGIN).header("sec-fetch-site", "cross-site").json(&body);
        let answer = stack.send(cross).await?;
        assert!(answer.refusal(400).contains("REQUIRE_SAME_BROWSER"), "{}", answer.body);
        assert!(answer.header("set-cookie").is_empty());

        let person = stack.person(&["harbour"])?;
        let browser = Browser::new(&stack);
        let code = browser.code(&browser.consent(&person).await?).await?;
        // A page of another origin sends no cookies.
        person.create_connection(&code, "harbour").await?.json(200);
        assert_eq!(person.validity().await?["exists"], true);
        Ok(())
    });
}
