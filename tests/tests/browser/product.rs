//! What a person does with Jira in the demo product, once it is connected.

use anyhow::{Result, ensure};
use juncture_tests::browser::{Browser, DESKTOP, Device, PHONE};
use juncture_tests::{Bed, run};

use super::consent;

/// Replaces what a field holds.
async fn fill(browser: &Browser, selector: &str, text: &str) -> Result<()> {
    let field = browser.find(selector).await?;
    field.clear().await?;
    Ok(field.send_keys(text).await?)
}

async fn connect(bed: &Bed, browser: &Browser, workspace: &str) -> Result<()> {
    consent(bed, browser, workspace, "ada", &["harbour", "lighthouse", "meadow"]).await?;
    browser.click(&format!("input[value='{}']", bed.site_id("harbour")?)).await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;
    Ok(())
}

/// `assigned` is an issue that somebody works on.
async fn works_with_jira(device: Device, workspace: &str, assigned: &str) -> Result<()> {
    let bed = Bed::shared().await?;
    let browser = Browser::open(device).await?;
    connect(bed, &browser, workspace).await?;
    browser.click("button.project[data-id='10000']").await?;
    browser.find("button.project[data-id='10000'][aria-pressed=true]").await?;
    browser.find("#boards li").await?;
    let boards = browser.text("#boards").await?;
    ensure!(boards.contains("Voyages") && boards.contains("kanban"), "{boards}");
    browser.find(".badge[data-state=active]").await?;
    let active = browser.text("#sprints li").await?;
    ensure!(active.contains("Voyage 2") && active.contains("active"), "{active}");
    browser.find("#tickets tr[data-key]").await?;
    browser.script("document.getElementById('project').scrollIntoView()").await?;
    browser.look("demo-project").await?;

    browser.click("tr[data-key=SHIP-1] button").await?;
    browser.find("#description strong").await?;
    browser.find("#description ul li").await?;
    browser.find("#description table").await?;
    browser.look("demo-issue").await?;
    browser.click("#editing summary").await?;
    let summary = format!("Autumn trade, by {workspace}");
    fill(&browser, "#edit-summary", &summary).await?;
    browser.script("document.getElementById('editing').scrollIntoView()").await?;
    browser.look("demo-edit").await?;
    browser.click("#edit button[type=submit]").await?;
    browser.find("#editing:not([open])").await?;
    ensure!(browser.text("#issue-heading").await? == format!("SHIP-1 · {summary}"));
    browser.click("#issue-close").await?;
    let row = browser.text("tr[data-key=SHIP-1]").await?;
    ensure!(row.contains(&summary), "{row}");

    browser.click(&format!("tr[data-key={assigned}] button")).await?;
    browser.find("#issue-content:not([hidden])").await?;
    browser.click("#editing summary").await?;
    browser.click("#unassign").await?;
    browser.look("demo-unassign").await?;
    browser.click("#edit button[type=submit]").await?;
    browser.find("#editing:not([open])").await?;
    ensure!(browser.text("#facts").await?.contains("Nobody"));
    browser.click("#issue-close").await?;

    browser.click("#new").await?;
    let created = format!("Buy a lamp, by {workspace}");
    fill(&browser, "#create-summary", &created).await?;
    fill(&browser, "#create-description", "It must be **bright**.").await?;
    // A type that Jira lacks: its refusal is shown where the form is, and the form can be sent again.
    fill(&browser, "#create-type", "99999").await?;
    browser.click("#create button[type=submit]").await?;
    browser.find("#create-problem:not([hidden])").await?;
    browser.look("demo-create-refused").await?;
    fill(&browser, "#create-type", "10001").await?;
    browser.click("#create button[type=submit]").await?;
    browser.find("#creation:not([open])").await?;
    browser.find("#tickets tr:first-child").await?;
    let first = browser.text("#tickets tr:first-child").await?;
    ensure!(first.contains(&created), "{first}");
    browser.script("document.getElementById('tickets-heading').scrollIntoView()").await?;
    browser.look("demo-created").await?;
    browser.close().await
}

#[test]
fn a_person_works_with_jira_on_a_desktop() {
    run(works_with_jira(DESKTOP, "works-desktop", "SHIP-7"));
}

#[test]
fn a_person_works_with_jira_on_a_phone() {
    run(works_with_jira(PHONE, "works-phone", "SHIP-11"));
}
