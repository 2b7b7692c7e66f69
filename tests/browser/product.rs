//! Working with Jira in the demo product after connecting.

use anyhow::Result;
use juncture_tests::browser::{Browser, DESKTOP, Device, PHONE};
use juncture_tests::{CREATE, Person, TestStack, run};
use sandbox::Fault;

use super::consent;

async fn connect(stack: &TestStack, browser: &Browser, workspace: &str) -> Result<()> {
    consent(stack, browser, workspace, "ada", &["harbour", "lighthouse", "meadow"]).await?;
    browser.click(&format!("input[value='{}']", stack.site_id("harbour")?)).await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;
    Ok(())
}

/// `assigned` is an issue with an assignee.
async fn works_with_jira(device: Device, workspace: &str, assigned: &str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let browser = Browser::open(device).await?;
    connect(stack, &browser, workspace).await?;
    browser.shows("#site", "Harbour, harbour.atlassian.net").await?;
    browser.find("#site a[href='https://harbour.atlassian.net']").await?;
    browser.click("button.project[data-id='10000']").await?;
    browser.find("#project-link a[href='https://harbour.atlassian.net/browse/SHIP']").await?;
    browser.find("button.project[data-id='10000'][aria-pressed=true]").await?;
    browser.find("#boards li").await?;
    browser.shows("#boards", "Voyages").await?;
    browser.shows("#boards", "kanban").await?;
    browser.find(".badge[data-state=active]").await?;
    browser.shows("#sprints li", "Voyage 2").await?;
    browser.shows("#sprints li", "active").await?;
    browser.find("#tickets tr[data-key]").await?;
    browser.find("tr[data-key=SHIP-1] a[href='https://harbour.atlassian.net/browse/SHIP-1']").await?;
    browser.script("document.getElementById('project').scrollIntoView()").await?;
    browser.look("demo-project").await?;

    browser.click("tr[data-key=SHIP-1] button").await?;
    browser.find("#description strong").await?;
    browser.find("#issue-link a[href='https://harbour.atlassian.net/browse/SHIP-1']").await?;
    browser.find("#description ul li").await?;
    browser.find("#description table").await?;
    browser.look("demo-issue").await?;
    browser.click("#editing summary").await?;
    let summary = format!("Autumn trade, by {workspace}");
    browser.fill("#edit-summary", &summary).await?;
    browser.script("document.getElementById('editing').scrollIntoView()").await?;
    browser.look("demo-edit").await?;
    browser.click("#edit button[type=submit]").await?;
    browser.find("#editing:not([open])").await?;
    browser.shows("#issue-heading", &format!("SHIP-1 · {summary}")).await?;
    browser.click("#issue-close").await?;
    browser.shows("tr[data-key=SHIP-1]", &summary).await?;

    browser.click(&format!("tr[data-key={assigned}] button")).await?;
    browser.find("#issue-content:not([hidden])").await?;
    browser.click("#assignee-remove").await?;
    browser.shows("#assignee-name", "Nobody").await?;
    browser.look("demo-unassign").await?;
    browser.click("#issue-close").await?;

    browser.click("#new").await?;
    let created = format!("Buy a lamp, by {workspace}");
    browser.fill("#create-summary", &created).await?;
    browser.fill("#create-description", "It must be **bright**.").await?;
    // An issue type that does not exist: the error is shown next to the form, which can be submitted again.
    browser.fill("#create-type", "99999").await?;
    browser.click("#create button[type=submit]").await?;
    browser.find("#create-problem:not([hidden])").await?;
    browser.look("demo-create-refused").await?;
    browser.fill("#create-type", "10001").await?;
    browser.click("#create button[type=submit]").await?;
    browser.find("#creation:not([open])").await?;
    browser.shows("#tickets tr:first-child", &created).await?;
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

/// A person with their own account who has opened a new project with this many issues.
async fn at_a_project<'a>(
    stack: &'a TestStack,
    browser: &Browser,
    key: &str,
    issues: usize,
) -> Result<Person<'a>> {
    let project = stack.project(key, issues)?;
    let person = stack.person(&["harbour"])?;
    consent(stack, browser, &key.to_lowercase(), &person.account, &["harbour"]).await?;
    browser.click("#connect").await?;
    browser.find("#state[data-state=connected]").await?;
    browser.click(&format!("button.project[data-id='{project}']")).await?;
    browser.find("#tickets-note:not(:empty)").await?;
    Ok(person)
}

#[test]
fn a_long_list_grows_until_it_is_complete() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::open(DESKTOP).await?;
        at_a_project(stack, &browser, "LONG", 45).await?;
        for (last, note) in
            [(26, "20 shown, there are more"), (6, "40 shown, there are more"), (1, "45 shown.")]
        {
            browser.shows("#tickets-note", note).await?;
            browser.find(&format!("#tickets tr:last-child[data-key=LONG-{last}]")).await?;
            if last > 1 {
                browser.click("#more").await?;
            }
        }
        browser.find("#more[hidden]").await?;
        browser.find("#tickets tr:first-child[data-key=LONG-45]").await?;
        browser.close().await
    });
}

#[test]
fn a_double_click_or_a_retry_creates_one_issue() {
    run(async {
        let stack = TestStack::shared().await?;
        let browser = Browser::open(DESKTOP).await?;
        let person = at_a_project(stack, &browser, "TWICE", 0).await?;
        browser.click("#new").await?;
        browser.fill("#create-summary", "A lamp").await?;
        browser
            .script("const it = document.querySelector('#create [type=submit]'); it.click(); it.click();")
            .await?;
        browser.find("#creation:not([open])").await?;
        browser.find("#tickets tr:only-child[data-key=TWICE-1]").await?;
        assert_eq!(person.creates(), 1);

        // Jira creates the second one, but the response is lost.
        stack.atlassian().inject(person.trouble(CREATE, Fault::Drop).after().times(1));
        browser.click("#new").await?;
        browser.fill("#create-summary", "Another lamp").await?;
        browser.click("#create button[type=submit]").await?;
        browser.find("#create-problem:not([hidden])").await?;
        browser.click("#create button[type=submit]").await?;
        browser.find("#creation:not([open])").await?;
        browser.find("#tickets tr:first-child[data-key=TWICE-2]").await?;
        assert_eq!(person.creates(), 2);
        browser.close().await
    });
}
