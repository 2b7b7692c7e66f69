//! `transition-issue` in random workflows, and `link-issues` with random types of links. `SEED` repeats a run.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use juncture_tests::{Person, TestStack, run};
use reqwest::Method;
use sandbox::{NewTransition, ProjectShape, Workflow};
use serde_json::{Value, json};

/// A source of random numbers, whose seed is in the output of a test that fails.
fn random() -> Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| Rng::new().u64(..));
    println!("SEED={seed}");
    Rng::with_seed(seed)
}

/// As written by somebody who does not care about case and white space.
fn carelessly(words: &str, random: &mut Rng) -> String {
    match random.u32(..4) {
        0 => words.to_uppercase(),
        1 => words.to_lowercase(),
        2 => format!(" {words} "),
        _ => words.to_owned(),
    }
}

/// The names of the statuses, of which the first three are those of every site. Two have the same one.
const STATUSES: [&str; 7] =
    ["To Do", "In Progress", "Done", "Überprüfung", "In Review", "done", "Waiting for crew"];

const RESOLUTION: &str = "resolution";
const SEVERITY: &str = "customfield_10031";

fn transition(random: &mut Rng) -> NewTransition {
    let from = (0..STATUSES.len()).filter(|_| random.u32(..3) == 0).collect();
    let fields = [RESOLUTION, SEVERITY].into_iter().filter(|_| random.bool()).collect::<Vec<_>>();
    let screen = fields.into_iter().map(|field| (field, random.u32(..3) == 0)).collect();
    let to = random.usize(..STATUSES.len());
    let name = if random.bool() { STATUSES[to] } else { "Move on" };
    NewTransition {
        name: name.to_owned(),
        from: (random.u32(..6) > 0).then_some(from),
        to,
        screen: random.bool().then_some(screen),
    }
}

/// Whether the screen takes all these fields, and asks for no others.
fn accepts(transition: &NewTransition, given: &[&str]) -> bool {
    let screen = transition.screen.as_deref().unwrap_or_default();
    given.iter().all(|field| screen.iter().any(|(known, _)| known == field))
        && screen.iter().all(|(field, required)| !required || given.contains(field))
}

/// An issue in a random workflow.
struct Moving<'a> {
    person: &'a Person<'a>,
    workflow: &'a [NewTransition],
    key: String,
    status: usize,
}

impl<'a> Moving<'a> {
    /// The transitions that can be made, with their ids.
    fn possible(&self) -> Vec<(String, &'a NewTransition)> {
        let transitions = self.workflow.iter().enumerate();
        let is_possible =
            |it: &&NewTransition| it.from.as_ref().is_none_or(|from| from.contains(&self.status));
        let possible = transitions.filter(|(_, transition)| is_possible(transition));
        possible.map(|(index, transition)| ((index + 1).to_string(), transition)).collect()
    }

    /// Tries to move the issue. Returns whether it was moved.
    async fn step(&mut self, random: &mut Rng) -> Result<bool> {
        let status = random.usize(..STATUSES.len());
        let transition = random.usize(..=self.workflow.len()).to_string();
        let (mut body, goal) = match random.u32(..3) {
            0 => (json!({ "status": carelessly(STATUSES[status], random) }), "status"),
            1 => (json!({ "status_id": Workflow::status_id(status) }), "status_id"),
            _ => (json!({ "transition_id": transition }), "transition_id"),
        };
        let leads_there = |(id, it): &(String, &NewTransition)| match goal {
            "status" => STATUSES[it.to].to_lowercase() == STATUSES[status].to_lowercase(),
            "status_id" => it.to == status,
            _ => *id == transition,
        };
        let given: Vec<&str> = [RESOLUTION, SEVERITY].into_iter().filter(|_| random.bool()).collect();
        for field in &given {
            body["fields"][field] = if *field == SEVERITY { "Major".into() } else { "Done".into() };
        }
        body["issue_id_or_key"] = self.key.clone().into();
        let answer = self.person.write(Method::POST, "transition-issue", body.clone()).await?;
        let possible = self.possible();
        let (there, elsewhere): (Vec<_>, Vec<_>) = possible.iter().cloned().partition(leads_there);
        let good: Vec<_> = there.iter().filter(|(_, it)| accepts(it, &given)).collect();
        let told = || format!("{body} from {} with {possible:?}: {answer:?}", STATUSES[self.status]);
        let mut now = self.status;
        if !good.is_empty() {
            let moved = answer.json(200);
            let made = good.iter().find(|(id, _)| moved["transition_id"] == **id).with_context(told)?;
            now = made.1.to;
            ensure!(moved["status_id"] == Workflow::status_id(now), told());
        } else if !there.is_empty() {
            let code = &answer.json(400)["code"];
            ensure!(["fields_required", "invalid_request"].iter().any(|known| code == known), told());
        } else if elsewhere.is_empty() {
            ensure!(answer.json(403)["code"] == "jira_forbidden", told());
        } else {
            let refused = answer.json(400);
            let listed = refused["details"]["transitions"].as_array().with_context(told)?;
            let listed: Vec<_> = listed.iter().map(|it| (&it["transition_id"], &it["status_id"])).collect();
            let expected: Vec<_> =
                elsewhere.iter().map(|(id, it)| (json!(id), json!(Workflow::status_id(it.to)))).collect();
            let expected: Vec<_> = expected.iter().map(|(id, status)| (id, status)).collect();
            ensure!(refused["code"] == "no_transition" && listed == expected, told());
        }
        let shown = self.person.details(&self.key).await?.json(200)["issue"]["status"]["id"].take();
        ensure!(shown == Workflow::status_id(now), "{shown} after {}", told());
        self.status = now;
        Ok(!good.is_empty())
    }
}

#[test]
fn in_any_workflow_a_move_ends_in_the_status_or_says_where_the_issue_can_go() {
    const WORKFLOWS: usize = 5;
    const STEPS: usize = 40;
    let mut random = random();
    run(async {
        let stack = TestStack::shared().await?;
        let person = stack.connected_user().await?;
        let (mut moved, mut refused) = (0, 0);
        for number in 0..WORKFLOWS {
            let transitions: Vec<NewTransition> =
                (0..random.usize(4..16)).map(|_| transition(&mut random)).collect();
            let workflow = Workflow::of(&STATUSES[3..], &transitions);
            let shape = ProjectShape { workflow, ..ProjectShape::default() };
            let project = stack.shaped_project(&format!("FLOW{number}"), shape)?;
            let key = person.task(&project, "Moves about").await?;
            let mut issue = Moving { person: &person, workflow: &transitions, key, status: 0 };
            for _ in 0..STEPS {
                if issue.possible().is_empty() {
                    // Once more, which is refused, and then another issue.
                    issue.step(&mut random).await?;
                    issue.key = person.task(&project, "Moves about").await?;
                    issue.status = 0;
                }
                let counter = if issue.step(&mut random).await? { &mut moved } else { &mut refused };
                *counter += 1;
            }
        }
        // Otherwise the workflows are such that nothing was tested.
        ensure!(moved > 0 && refused > 0, "{moved} moves, {refused} refusals");
        Ok(())
    });
}

/// A type of links of a site.
#[derive(Debug, Clone)]
struct LinkType {
    id: String,
    name: String,
    words: [String; 2],
}

impl LinkType {
    fn is_symmetric(&self) -> bool {
        self.words[0] == self.words[1]
    }
}

/// Few, so that types have words in common.
const WORDS: [&str; 8] =
    ["blocks", "is blocked by", "tows", "Is Towed By", "überholt", "is  overtaken by", "follows", "is near"];

fn folded(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The relation of each link of an issue, with the type and the other issue.
async fn links(person: &Person<'_>, key: &str) -> Result<BTreeSet<[String; 3]>> {
    let issue = person.details(key).await?.json(200)["issue"].take();
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let links = issue["links"].as_array().context("no links")?;
    Ok(links.iter().map(|link| [&link["relation"], &link["typeId"], &link["key"]].map(text)).collect())
}

/// Links two issues with the words of a type in one direction, looks at both ends, and removes the link.
async fn check_link(
    person: &Person<'_>,
    types: &[LinkType],
    kind: &LinkType,
    side: usize,
    [from, to]: [&str; 2],
    random: &mut Rng,
) -> Result<()> {
    let [said, opposite] = [&kind.words[side], &kind.words[1 - side]];
    let says_it = |words: &str| {
        let is_meant = |known: &str| folded(known) == folded(words);
        let is_of = |kind: &&LinkType| {
            kind.words.iter().any(|words| is_meant(words)) || kind.is_symmetric() && is_meant(&kind.name)
        };
        types.iter().filter(is_of).map(|kind| kind.id.clone()).collect::<Vec<_>>()
    };
    let mut body = json!({ "from": from, "relation": carelessly(said, random), "to": to });
    let several = says_it(said);
    if several.len() > 1 {
        let refused = person.write(Method::POST, "link-issues", body.clone()).await?.json(400);
        let listed = refused["details"]["link_types"].as_array().context("no list")?;
        let listed: Vec<&str> = listed.iter().filter_map(|kind| kind["id"].as_str()).collect();
        ensure!(listed == several, "{said}: {refused}");
        body["link_type_id"] = kind.id.clone().into();
    }
    let made = person.write(Method::POST, "link-issues", body).await?.json(201);
    let expected = (&json!(said), &json!(kind.id));
    ensure!((&made["link"]["relation"], &made["link"]["type_id"]) == expected, "{kind:?}: {made}");
    let link =
        |words: &str, other: &str| BTreeSet::from([[words.to_owned(), kind.id.clone(), other.to_owned()]]);
    ensure!(links(person, from).await? == link(said, to), "{kind:?}, {said:?} at its first end");
    ensure!(links(person, to).await? == link(opposite, from), "{kind:?}, {said:?} at its other end");
    let (one, words, other) = if random.bool() { (from, said, to) } else { (to, opposite, from) };
    // Of the links of these issues there is only this one, so its words are enough.
    let gone = json!({ "from": one, "relation": carelessly(words, random), "to": other });
    person.write(Method::DELETE, "unlink-issues", gone).await?.json(200);
    ensure!(links(person, from).await?.is_empty() && links(person, to).await?.is_empty());
    Ok(())
}

#[test]
fn of_any_types_a_relation_reads_at_both_ends_as_it_was_said() {
    const TYPES: usize = 12;
    let mut random = random();
    run(async {
        // A site of its own: the types of a site are shared by all who use it.
        let stack = TestStack::start(|_| ()).await?;
        let person = stack.connected_user().await?;
        let of_every_site = [
            ("10000", "Blocks", ["blocks", "is blocked by"]),
            ("10001", "Cloners", ["clones", "is cloned by"]),
            ("10002", "Duplicate", ["duplicates", "is duplicated by"]),
            ("10003", "Relates", ["relates to", "relates to"]),
        ];
        let mut types: Vec<LinkType> = of_every_site
            .map(|(id, name, words)| LinkType {
                id: id.to_owned(),
                name: name.to_owned(),
                words: words.map(str::to_owned),
            })
            .into();
        for number in 0..TYPES {
            let outward = WORDS[random.usize(..WORDS.len())];
            let inward = if random.u32(..4) == 0 { outward } else { WORDS[random.usize(..WORDS.len())] };
            let name = format!("Type {number}");
            let id = stack.atlassian().add_link_type("harbour", &name, outward, inward).to_owned();
            types.push(LinkType { id, name, words: [outward, inward].map(str::to_owned) });
        }
        let project = stack.project("RELATED", 0)?;
        let [from, to] = [person.task(&project, "One").await?, person.task(&project, "Other").await?];
        for kind in &types {
            for side in 0..if kind.is_symmetric() { 1 } else { 2 } {
                check_link(&person, &types, kind, side, [&from, &to], &mut random).await?;
            }
        }
        Ok(())
    });
}
