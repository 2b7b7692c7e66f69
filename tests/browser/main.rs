//! The whole flow in a real Chromium, at desktop and phone width: the demo product, the consent page, the choice of a
//! site.

mod board;
mod product;

use anyhow::{Result, ensure};
use juncture_tests::browser::{Browser, DESKTOP, Device, PHONE};
use juncture_tests::{TestStack, run};
use sandbox::{Class, Decision, Fault, Rule};

/// Clicks the demo's button and consents with an account of the sandbox and some of its sites.
async fn consent(
    stack: &TestStack,
    browser: &Browser,
    workspace: &str,
    account: &str,
    sites: &[&str],
) -> Result<()> {
    browser.visit(&format!("{}/?workspace={workspace}", stack.demo_url())).await?;
    browser.find("#state[data-state=not_connected]").await?;
    browser.look("demo-not-connected").await?;
    browser.click("#connect").await?;
    choose(browser, account, sites).await?;
    browser.look("consent").await?;
    browser.click("#accept").await
}

/// Chooses an account and some of its sites on the consent page.
async fn choose(browser: &Browser, account: &str, sites: &[&str]) -> Result<()> {
    browser.click(&format!("input[name=account][value='{account}']")).await?;
    for site in sites {
        let checkbox = format!("input[name=site][value={site}]");
        if !browser.is_selected(&checkbox).await? {
            browser.click(&checkbox).await?;
        }
    }
    Ok(())
}

async fn connects(device: Device, workspace: &str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let browser = Browser::open(device).await?;
    consent(stack, &browser, workspace, "ada", &["harbour", "lighthouse", "meadow"]).await?;
    browser.shows("h1", "Choose your Jira site").await?;
    browser.shows(".for", &format!("Connect Jira to Workspace {workspace}")).await?;
    browser.shows(".joint", "Lantern Tasks").await?;
    let sites = browser.text("#sites").await?;
    ensure!(
        sites.contains("Harbour") && sites.contains("Lighthouse") && !sites.contains("Library"),
        "{sites}"
    );
    browser.click(&format!("input[value='{}']", stack.site_id("harbour")?)).await?;
    browser.look("finalize").await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;
    browser.find("#project-list li").await?;
    browser.look("demo-connected").await?;
    browser.click("#disconnect").await?;
    browser.find("#state[data-state=not_connected]").await?;
    browser.close().await
}

#[test]
fn a_person_connects_on_a_desktop() {
    run(connects(DESKTOP, "desktop"));
}

#[test]
fn a_person_connects_on_a_phone() {
    run(connects(PHONE, "phone"));
}

#[test]
fn a_person_connects_by_keyboard_alone() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::open(DESKTOP).await?;
        consent(
            stack,
            &browser,
            "keyboard",
            "max",
            &[
                "team-01", "team-02", "team-17", "team-18", "team-19", "team-20", "team-21", "team-22",
                "team-23",
            ],
        )
        .await?;
        browser.fill("#search", "team 17").await?;
        browser.shows("#search-count", "1 of ").await?;
        browser.look("finalize-search").await?;
        // Enter selects the only match; Enter again connects.
        browser.press("\u{e007}").await?;
        browser.find("input[name=site_id]:checked").await?;
        browser.press("\u{e007}").await?;
        browser.find("#state[data-state=connected]").await?;
        browser.close().await
    });
}

#[test]
fn errors_stay_on_the_page_and_can_be_retried() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::open(PHONE).await?;
        // A separate account, because the fault affects the next two requests.
        let person = stack.person(&["harbour"])?;
        consent(stack, &browser, "errors", &person.account, &["harbour"]).await?;
        browser.find("#connect").await?;
        let outage = Fault::Status { status: 503, body: None };
        stack.atlassian().inject(Rule::new(Class::Resources, outage).account(&person.account).times(2));
        browser.click("#connect").await?;
        browser.find("#error:not([hidden])").await?;
        browser.look("finalize-error").await?;
        browser.click("#connect").await?;
        browser.find("#state[data-state=connected]").await?;
        browser.close().await
    });
}

#[test]
fn people_who_decline_or_come_late_are_told_how_to_start_again() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::open(DESKTOP).await?;
        browser.visit(&format!("{}/?workspace=declines", stack.demo_url())).await?;
        browser.click("#connect").await?;
        browser.click("input[name=account][value=sam]").await?;
        browser.click("#decline").await?;
        browser.shows("h1", "was not connected").await?;
        browser.look("declined").await?;
        browser.visit(&format!("{}/finalize-connection/jira/cc_{}", stack.url(), "x".repeat(43))).await?;
        browser.shows("h1", "expired").await?;
        browser.look("expired").await?;
        browser.click(&format!("a[href^='{}']", stack.demo_url())).await?;
        browser.find("#state[data-state=not_connected]").await?;
        browser.close().await
    });
}

/// A long display name, and a logo that cannot be loaded: the layout holds, and the content security policy is not
/// violated.
async fn names_the_product(device: Device) -> Result<()> {
    let stack = TestStack::start(|options| {
        options.settings.set("PRODUCT_NAME", "Söhne & Töchter, Pumpen und Rohre GmbH & Co. KG");
        options.settings.set("PRODUCT_LOGO_URL", "https://localhost:1/logo.svg");
    })
    .await?;
    let person = stack.person(&["harbour"])?;
    let body = serde_json::json!({
        "external_id": person.external_id, "provider": "jira",
        "display_name": format!("Acme <b>, {}@acme.example", "a".repeat(120)),
    });
    let token = stack.backend_post("connect-token", &body).await?.json(200)["connect_token"].clone();
    let begin = "/api/frontend/oauth/initiate-oauth-flow";
    let begun = stack.post(begin, &serde_json::json!({ "connect_token": token })).await?.json(200);
    let uri = begun["authorization_uri"].as_str().unwrap_or_default();
    let browser = Browser::open(device).await?;
    browser.visit(&person.decide(uri, Decision::Accept)?).await?;
    browser.shows(".for", "Connect Jira to Acme <b>, aaa").await?;
    browser.look("names-the-product").await?;
    browser.click("#connect").await?;
    browser.find("#state").await?;
    browser.close().await?;
    stack.stop().await
}

#[test]
fn a_long_name_and_a_logo_fit_on_a_desktop() {
    run(names_the_product(DESKTOP));
}

#[test]
fn a_long_name_and_a_logo_fit_on_a_phone() {
    run(names_the_product(PHONE));
}

/// A consent page from one browser, opened in another, must not connect that person's Jira to the first person's
/// workspace.
async fn is_told_that_it_began_elsewhere(device: Device, workspace: &str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let (browser, other) = (Browser::open(device).await?, Browser::open(device).await?);
    let demo = stack.demo_url();
    // By the second flow, the browser is known to keep cookies.
    for _ in 0..2 {
        browser.visit(&format!("{demo}/?workspace={workspace}")).await?;
        browser.click("#connect").await?;
        browser.find("#accept").await?;
    }
    other.visit(&browser.address().await?).await?;
    choose(&other, "sam", &["harbour"]).await?;
    other.click("#accept").await?;
    other.shows("h1", "Started in another browser").await?;
    other.look("other-browser").await?;
    other.click(&format!("a[href^='{demo}']")).await?;
    other.find("#state").await?;

    // The same for the page with the sites. The browser that started the flow can still continue.
    browser.visit(&format!("{demo}/?workspace={workspace}")).await?;
    browser.click("#connect").await?;
    choose(&browser, "sam", &["harbour"]).await?;
    browser.click("#accept").await?;
    browser.shows("h1", "Jira site").await?;
    other.visit(&browser.address().await?).await?;
    other.shows("h1", "Started in another browser").await?;
    browser.click("input[name=site_id]").await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;
    browser.click("#disconnect").await?;
    browser.find("#state[data-state=not_connected]").await?;
    other.close().await?;
    browser.close().await
}

#[test]
fn another_browser_is_told_where_the_flow_began_on_a_desktop() {
    run(is_told_that_it_began_elsewhere(DESKTOP, "elsewhere-desktop"));
}

#[test]
fn another_browser_is_told_where_the_flow_began_on_a_phone() {
    run(is_told_that_it_began_elsewhere(PHONE, "elsewhere-phone"));
}

/// Reconnects a workspace with another account: the page names both accounts and asks for confirmation.
async fn replaces_an_account(device: Device, workspace: &str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let browser = Browser::open(device).await?;
    consent(stack, &browser, workspace, "sam", &["harbour"]).await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;

    browser.click("#reconnect").await?;
    choose(&browser, "ada", &["harbour", "lighthouse", "meadow"]).await?;
    browser.click("#accept").await?;
    browser.shows(".replaces", "Another Atlassian account is connected").await?;
    browser.shows(".replaces", "ada@").await?;
    browser.click(&format!("input[value='{}']", stack.site_id("harbour")?)).await?;
    browser.script("document.querySelector('.replaces').scrollIntoView()").await?;
    browser.look("replaces-account").await?;
    // Without the checkbox, the browser submits nothing.
    browser.click("#connect").await?;
    browser.find("input[name=replace_account]:focus").await?;
    browser.script("document.querySelector('input[name=replace_account]').required = false").await?;
    browser.click("#connect").await?;
    browser.find("input[name=replace_account]:required:not(:checked)").await?;
    browser.click(&format!("input[value='{}']", stack.site_id("harbour")?)).await?;
    browser.click("input[name=replace_account]").await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;
    browser.click("#disconnect").await?;
    browser.find("#state[data-state=not_connected]").await?;
    browser.close().await
}

#[test]
fn another_account_is_confirmed_on_a_desktop() {
    run(replaces_an_account(DESKTOP, "replaces-desktop"));
}

#[test]
fn another_account_is_confirmed_on_a_phone() {
    run(replaces_an_account(PHONE, "replaces-phone"));
}
