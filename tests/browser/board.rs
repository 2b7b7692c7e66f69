//! A board in the demo product: moving cards, and working on an issue.

use anyhow::{Context, Result, ensure};
use juncture_tests::browser::{Browser, DESKTOP, Device, NARROW};
use juncture_tests::{Person, TestStack, binaries, run};
use sandbox::{Fault, NewProject, ProjectShape, Workflow};
use serde_json::{Value, json};

use super::consent;

const SEND: &str = "button[type=submit]";

/// A person at the board of a new project. Its active sprint has every second issue: 2, 4 and 6 of six, which are in
/// progress, to do and done.
struct Visit<'a> {
    person: Person<'a>,
    browser: Browser,
    key: &'static str,
}

impl<'a> Visit<'a> {
    async fn begin(
        stack: &'a TestStack,
        device: Device,
        key: &'static str,
        issues: usize,
        workflow: Workflow,
    ) -> Result<Self> {
        let new = NewProject { key: key.to_owned(), issues, boards: 1, sprints_per_board: 1 };
        let made = stack.atlassian().create_project("harbour", &new).map_err(anyhow::Error::msg)?;
        let shape = ProjectShape { workflow, ..ProjectShape::default() };
        stack.atlassian().shape_project("harbour", made.id, shape);
        let workspace = key.to_lowercase();
        let person = stack.person(&["harbour"])?.in_workspace(&workspace);
        let browser = Browser::open(device).await?;
        consent(stack, &browser, &workspace, &person.account, &["harbour"]).await?;
        browser.click("#connect").await?;
        browser.find("#state[data-state=connected]").await?;
        browser.click(&format!("button.project[data-id='{}']", made.id)).await?;
        browser.click("#boards a").await?;
        browser.find(".column .card").await?;
        Ok(Self { person, browser, key })
    }

    fn issue(&self, number: u32) -> String {
        format!("{}-{number}", self.key)
    }

    fn card(&self, number: u32) -> String {
        format!(".card[data-key={}-{number}]", self.key)
    }

    /// Waits until a card is in a column, and Jira has answered.
    async fn finds(&self, number: u32, column: usize) -> Result<()> {
        let card = self.card(number);
        self.browser.find(&format!(".column:nth-child({column}) {card}:not([aria-busy=true])")).await
    }

    /// Drags a card, by its handle, onto an element.
    async fn drag(&self, number: u32, to: &str) -> Result<()> {
        self.browser.drag(&format!("{} .handle", self.card(number)), to).await
    }

    async fn status(&self, number: u32) -> Result<String> {
        let details = self.person.details(&self.issue(number)).await?.json(200);
        Ok(details["issue"]["status"]["name"].as_str().context("no status")?.to_owned())
    }

    /// The keys of a column's cards, from top to bottom.
    async fn cards(&self, column: usize) -> Result<Value> {
        let script = format!(
            "return [...document.querySelectorAll('.column:nth-child({column}) .card')].map((one) => one.dataset.key)"
        );
        self.browser.script(&script).await
    }

    /// The number of requests to Jira whose line has these parts.
    fn requests(&self, method: &str, path: &str) -> usize {
        let requests = self.person.jira_requests();
        requests.iter().filter(|request| request.method == method && request.path.ends_with(path)).count()
    }
}

async fn moves_cards(device: Device, key: &'static str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let visit = Visit::begin(stack, device, key, 12, Workflow::Simple).await?;
    let browser = &visit.browser;
    visit.finds(4, 1).await?;
    browser.look("board").await?;
    // On a phone, so that both are in the window.
    browser.script("document.getElementById('columns').scrollLeft = 180").await?;
    // Onto a card in the middle of the next column: the dragged one comes before or after it.
    visit.drag(4, &visit.card(2)).await?;
    visit.finds(4, 2).await?;
    browser.shows("#news", &format!("{key}-4 is in In Progress, ")).await?;
    ensure!(visit.status(4).await? == "In Progress");
    browser.look("board-moved").await?;

    // The order is Jira's too.
    let order = visit.cards(2).await?;
    browser.click("#reload").await?;
    browser.find("#reload:enabled").await?;
    visit.finds(4, 2).await?;
    ensure!(visit.cards(2).await? == order, "{order}");
    ensure!(visit.requests("PUT", "/issue/rank") == 1);

    // Without dragging.
    browser.click(&format!("{} .handle", visit.card(4))).await?;
    browser.find("#moving[open]").await?;
    browser.look("board-menu").await?;
    browser.click("#goals li:nth-child(2) button").await?;
    visit.finds(4, 3).await?;
    ensure!(visit.status(4).await? == "Done");
    visit.browser.close().await
}

#[test]
fn a_card_is_dragged_to_another_column_with_the_mouse() {
    run(moves_cards(DESKTOP, "DRAGA"));
}

#[test]
fn a_card_is_dragged_to_another_column_with_a_finger() {
    run(moves_cards(NARROW, "DRAGB"));
}

#[test]
fn a_refused_move_puts_the_card_back() {
    run(async {
        let stack = TestStack::shared().await?;
        let visit = Visit::begin(stack, DESKTOP, "DRAGC", 6, Workflow::Classic).await?;
        let browser = &visit.browser;
        // From Done, only reopening is possible.
        visit.finds(6, 3).await?;
        visit.drag(6, &visit.card(2)).await?;
        browser.shows("#board-problem", "DRAGC-6 stays in Done. ").await?;
        browser.shows("#board-problem", "It can be moved to: To Do").await?;
        browser.look("board-refused").await?;
        visit.finds(6, 3).await?;
        ensure!(visit.status(6).await? == "Done");

        // A failure of Jira.
        let outage = Fault::Status { status: 500, body: None };
        stack.atlassian().inject(visit.person.trouble("/transitions", outage));
        visit.drag(4, &visit.card(2)).await?;
        browser.shows("#board-problem", "DRAGC-4 stays in To Do. ").await?;
        visit.finds(4, 1).await?;
        stack.atlassian().clear_faults_of(&visit.person.account);

        ensure!(visit.status(4).await? == "To Do");
        visit.browser.close().await
    });
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

#[test]
fn a_card_is_moved_by_keyboard_alone() {
    run(async {
        let stack = TestStack::shared().await?;
        let visit = Visit::begin(stack, DESKTOP, "KEYS", 12, Workflow::Simple).await?;
        let browser = &visit.browser;
        ensure!(visit.cards(1).await? == json!(["KEYS-4", "KEYS-10"]));
        browser.script(&format!("document.querySelector('{} .handle').focus()", visit.card(4))).await?;
        let choose = async |tabs: usize| {
            browser.press(ENTER).await?;
            browser.find("#moving[open]").await?;
            for _ in 0..tabs {
                browser.press(TAB).await?;
            }
            browser.press(ENTER).await
        };
        // After "Cancel" and the two other columns. The first card cannot go up.
        choose(3).await?;
        browser.shows("#news", "KEYS-4 is in To Do, 2 of 2.").await?;
        ensure!(visit.cards(1).await? == json!(["KEYS-10", "KEYS-4"]));
        // The card still has the focus, and the last card can only go up.
        choose(3).await?;
        browser.shows("#news", "KEYS-4 is in To Do, 1 of 2.").await?;
        ensure!(visit.requests("PUT", "/issue/rank") == 2);
        choose(2).await?;
        browser.shows("#news", "KEYS-4 is in Done, ").await?;
        visit.finds(4, 3).await?;
        ensure!(visit.status(4).await? == "Done");
        // Escape closes the menu, and nothing moves.
        browser.press(ENTER).await?;
        browser.find("#moving[open]").await?;
        browser.press(ESCAPE).await?;
        browser.find("#moving:not([open])").await?;
        visit.finds(4, 3).await?;
        visit.browser.close().await
    });
}

#[test]
fn escape_puts_back_a_card_that_is_being_dragged() {
    run(async {
        let stack = TestStack::shared().await?;
        let visit = Visit::begin(stack, DESKTOP, "ESC", 12, Workflow::Simple).await?;
        let browser = &visit.browser;
        let order = visit.cards(1).await?;
        browser.hold_over(&format!("{} .handle", visit.card(4)), &visit.card(2)).await?;
        browser.find(".column:nth-child(2) .landing").await?;
        browser.press(ESCAPE).await?;
        browser.find("body:not(:has(.landing))").await?;
        browser.release().await?;
        ensure!(visit.cards(1).await? == order);
        // The next drag works.
        visit.drag(4, &visit.card(2)).await?;
        visit.finds(4, 2).await?;
        browser.shows("#news", "ESC-4 is in In Progress, ").await?;
        ensure!(visit.requests("POST", "/transitions") == 1);
        visit.browser.close().await
    });
}

async fn is_asked(device: Device, key: &'static str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let visit = Visit::begin(stack, device, key, 6, Workflow::Classic).await?;
    let browser = &visit.browser;
    let choose = async |goal: &str| {
        browser.click(&format!("{} .handle", visit.card(2))).await?;
        browser.click(&format!("#goals li:nth-child({goal}) button")).await
    };
    // Resolving asks for a resolution. Whoever cancels moves nothing.
    choose("2").await?;
    browser.find("#asking[open] select").await?;
    browser.shows("#ask-fields", "Resolution").await?;
    browser.look("board-asked").await?;
    browser.click("#asking-close").await?;
    browser.shows("#news", &format!("{key}-2 stays in In Progress.")).await?;
    visit.finds(2, 2).await?;
    ensure!(visit.status(2).await? == "In Progress");

    choose("2").await?;
    browser.find("#asking[open] select").await?;
    browser.script("document.querySelector('#ask-fields select').selectedIndex = 2").await?;
    browser.click(&format!("#ask {SEND}")).await?;
    browser.find("#asking:not([open])").await?;
    visit.finds(2, 3).await?;
    let issue = visit.person.details(&visit.issue(2)).await?.json(200)["issue"].clone();
    ensure!(issue["status"]["name"] == "Done" && issue["resolution"]["name"] != Value::Null, "{issue}");
    visit.browser.close().await
}

#[test]
fn a_transition_that_asks_for_a_field_shows_a_form_on_a_desktop() {
    run(is_asked(DESKTOP, "ASKA"));
}

#[test]
fn a_transition_that_asks_for_a_field_shows_a_form_on_a_phone() {
    run(is_asked(NARROW, "ASKB"));
}

async fn works_on_an_issue(device: Device, key: &'static str) -> Result<()> {
    let stack = TestStack::shared().await?;
    let visit = Visit::begin(stack, device, key, 6, Workflow::Simple).await?;
    let (browser, person, issue) = (&visit.browser, &visit.person, visit.issue(4));
    let of_issue = [("issue_id_or_key", issue.as_str())];
    browser.click(&format!("{} .open", visit.card(4))).await?;
    browser.shows("#comments-note", "No comments yet.").await?;
    browser.shows("#worklogs-note", "No work was logged yet.").await?;
    browser.shows("#files-note", "No files yet.").await?;
    browser.look("board-issue").await?;

    // A double click adds one comment.
    browser.fill("#comment-body", "The **tide** turns at noon.").await?;
    let twice = "const it = document.querySelector('#comment [type=submit]'); it.click(); it.click();";
    browser.script(twice).await?;
    browser.shows("#comments .prose strong", "tide").await?;
    browser.shows("#comments-note", "Your comment was added.").await?;
    // Jira adds the second one, but the response is lost, and the person sends it again.
    stack.atlassian().inject(person.trouble("/comment HTTP", Fault::Drop).after().times(1));
    browser.fill("#comment-body", "Two hands are enough.").await?;
    browser.click(&format!("#comment {SEND}")).await?;
    browser.find("#comment-problem:not([hidden])").await?;
    browser.click(&format!("#comment {SEND}")).await?;
    browser.find("#comments li:nth-child(2)").await?;
    let comments = person.read("get-comments", &of_issue).await?.json(200);
    ensure!(comments["comments"].as_array().map(Vec::len) == Some(2), "{comments}");
    ensure!(comments["comments"][1]["body"] == "The **tide** turns at noon.", "{comments}");
    browser.script("document.getElementById('comments-heading').scrollIntoView()").await?;
    browser.look("board-comments").await?;

    // A time that cannot be understood is refused with a sentence.
    browser.fill("#work-time", "1d").await?;
    browser.click(&format!("#work {SEND}")).await?;
    browser.shows("#work-problem", "such as 1h 30m").await?;
    browser.fill("#work-time", "1h 30m").await?;
    browser.fill("#work-comment", "Mended the *foresail*").await?;
    browser.click(&format!("#work {SEND}")).await?;
    browser.shows("#worklogs", "1h 30m").await?;
    let worklogs = person.read("get-worklogs", &of_issue).await?.json(200);
    ensure!(worklogs["total"] == 1 && worklogs["worklogs"][0]["time_spent_seconds"] == 5400, "{worklogs}");
    ensure!(worklogs["worklogs"][0]["comment"] == "Mended the *foresail*", "{worklogs}");

    let folder = binaries().join("juncture-test").join(format!("{}-{key}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("Möwe & co.txt");
    std::fs::write(&file, "Greetings from Bergen")?;
    browser.choose_file("#attach-file", &file).await?;
    browser.click(&format!("#attach {SEND}")).await?;
    browser.shows("#files a", "Möwe & co.txt").await?;
    browser.script("document.getElementById('worklogs-heading').scrollIntoView()").await?;
    browser.look("board-files").await?;
    let details = person.details(&issue).await?.json(200);
    let attached = details["issue"]["attachments"][0].clone();
    ensure!(attached["fileName"] == "Möwe & co.txt" && attached["mimeType"] == "text/plain", "{attached}");

    let before = details["issue"]["assignee"]["displayName"].clone();
    browser.click("#assignee-change").await?;
    browser.fill("#assignee-query", "sam").await?;
    browser.shows("#assignee-people", "Sam").await?;
    browser.script("document.querySelector('.assignee').scrollIntoView()").await?;
    browser.look("board-assignee").await?;
    browser.click("#assignee-people button").await?;
    browser.shows("#assignee-name", "Sam").await?;
    let assignee = person.details(&issue).await?.json(200)["issue"]["assignee"]["displayName"].clone();
    ensure!(assignee.as_str().is_some_and(|name| name.starts_with("Sam")), "{before} became {assignee}");

    // The card shows it, and the file opens through the media host's URL.
    browser.click("#issue-close").await?;
    browser.shows(&format!("{} .who", visit.card(4)), "Sam").await?;
    browser
        .visit(&format!("{}/api/files/{}", stack.demo_url(), attached["id"].as_str().context("no id")?))
        .await?;
    browser.shows("body", "Greetings from Bergen").await?;
    ensure!(browser.address().await?.contains("/media/"), "{}", browser.address().await?);
    visit.browser.close().await
}

#[test]
fn a_person_works_on_an_issue_of_the_board_on_a_desktop() {
    run(works_on_an_issue(DESKTOP, "WORKA"));
}

#[test]
fn a_person_works_on_an_issue_of_the_board_on_a_phone() {
    run(works_on_an_issue(NARROW, "WORKB"));
}

#[test]
fn without_a_board_the_page_says_what_to_do() {
    run(async {
        let stack = TestStack::shared().await?;
        let project = stack.project("BARE", 1)?;
        let person = stack.person(&["harbour"])?;
        let browser = Browser::open(NARROW).await?;
        let board = format!("{}/board", stack.demo_url());
        browser.visit(&format!("{}/?workspace=bare", stack.demo_url())).await?;
        browser.visit(&board).await?;
        browser.shows("#board-problem", "Integrations").await?;
        consent(stack, &browser, "bare", &person.account, &["harbour"]).await?;
        browser.click("#connect").await?;
        browser.find("#state[data-state=connected]").await?;
        browser.visit(&board).await?;
        browser.shows("#board-problem", "No project is selected.").await?;
        browser.visit(&format!("{board}?project={project}")).await?;
        browser.shows("#board-problem", "has no board in Jira").await?;
        browser.look("board-none").await?;
        // Another project has several, among which one is chosen.
        browser.visit(&format!("{board}?project=10000&board=2")).await?;
        browser.find("#board-choice:not([hidden])").await?;
        browser.find(".column:nth-child(2) .count").await?;
        browser.shows(".column:nth-child(2) .count", "at most 5").await?;
        browser.look("board-kanban").await?;
        browser.close().await
    });
}
