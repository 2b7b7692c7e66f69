//! The words of a link between issues, and the type and direction that they mean on a site.

use atlassian::{Direction, IssueLink, LinkType, LinkTypeId};
use runtime::RequestError;
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// The maximum number of relations or types that an error lists.
const MAX_LISTED: usize = 100;

/// What is said of an issue with regard to another: "blocks". Upper and lower case and white space do not matter. A type
/// whose words are the same in both directions is also meant by its name, which says no direction.
pub struct Relation {
    words: String,
    type_id: Option<LinkTypeId>,
}

fn folded(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl Relation {
    /// Reads what a request says. If it names a type, by id, the words are those of that type.
    ///
    /// # Errors
    /// 400 if the words are blank, or the id is not a number.
    pub fn of(words: &str, type_id: Option<&str>) -> Result<Self> {
        let words = folded(words);
        if words.is_empty() {
            return Err(RequestError::missing("relation").into());
        }
        Ok(Self { words, type_id: type_id.map(LinkTypeId::parse).transpose()? })
    }

    /// Finds the site's type that has these words, and the direction in which it does.
    ///
    /// # Errors
    /// 400 if no type has them or several do.
    pub fn among<'t>(&self, types: &'t [LinkType]) -> Result<(&'t LinkType, Direction)> {
        let types: Vec<&LinkType> = types.iter().filter(|kind| kind.id.is_some()).collect();
        let possible: Vec<&LinkType> = types.iter().copied().filter(|kind| self.may_be_of(kind)).collect();
        if possible.is_empty() && self.type_id.is_some() {
            let said = "link_type_id is not known on this site: details lists the types that are";
            return Err(Error::bad_request(said).with_details(listed(&types)));
        }
        let mut found: Vec<(&LinkType, Direction)> =
            possible.iter().filter_map(|kind| Some((*kind, self.direction(kind)?))).collect();
        self.only_one(&found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>())?;
        found.pop().ok_or_else(|| {
            let words = possible.iter().flat_map(|kind| Direction::BOTH.map(|it| kind.words(it)));
            let mut known: Vec<&str> = Vec::new();
            for words in words.flatten() {
                if !known.contains(&words) && known.len() < MAX_LISTED {
                    known.push(words);
                }
            }
            Error::bad_request("relation is not known on this site: details lists those that are")
                .with_details(json!({ "relations": known }))
        })
    }

    /// Whether a link says this of the issue that shows it.
    pub fn is_said_by(&self, link: &IssueLink) -> bool {
        let Some((kind, (direction, _))) = link.kind.as_ref().zip(link.other()) else { return false };
        self.may_be_of(kind) && self.is_of(kind, direction)
    }

    /// Checks that these are not different types.
    ///
    /// # Errors
    /// 400 that names them.
    pub(super) fn only_one(&self, kinds: &[&LinkType]) -> Result<()> {
        let Some(first) = kinds.first() else { return Ok(()) };
        let mut different = vec![*first];
        for kind in kinds {
            if different.iter().all(|known| known.id != kind.id) {
                different.push(*kind);
            }
        }
        if different.len() == 1 {
            return Ok(());
        }
        let said = "relation is of several types: send link_type_id too, one of those in details";
        Err(Error::bad_request(said).with_details(listed(&different)))
    }

    fn may_be_of(&self, kind: &LinkType) -> bool {
        self.type_id.as_ref().is_none_or(|wanted| kind.id.as_deref() == Some(wanted.as_str()))
    }

    fn direction(&self, kind: &LinkType) -> Option<Direction> {
        Direction::BOTH.into_iter().find(|direction| self.is_of(kind, *direction))
    }

    fn is_of(&self, kind: &LinkType, direction: Direction) -> bool {
        let is_symmetric = kind.outward.is_some() && kind.outward == kind.inward;
        self.is(kind.words(direction)) || is_symmetric && self.is(kind.name.as_deref())
    }

    fn is(&self, words: Option<&str>) -> bool {
        words.is_some_and(|words| folded(words) == self.words)
    }
}

/// Details of an error. The words of a site are not in its message, because that is logged.
fn listed(types: &[&LinkType]) -> Value {
    let listed = types.iter().take(MAX_LISTED);
    let listed: Vec<_> = listed.map(|kind| json!({ "id": kind.id, "name": kind.name })).collect();
    json!({ "link_types": listed })
}

#[cfg(test)]
mod tests {
    use atlassian::Issue;

    use super::*;

    fn kind(id: &str, name: &str, outward: &str, inward: &str) -> LinkType {
        let text = |text: &str| Some(text.to_owned());
        LinkType { id: text(id), name: text(name), outward: text(outward), inward: text(inward) }
    }

    fn types() -> Vec<LinkType> {
        vec![
            kind("1", "Blocks", "blocks", "is blocked by"),
            kind("2", "Duplicate", "duplicates", "is duplicated by"),
            kind("3", "Relates", "relates to", "relates to"),
            kind("4", "Ursache", "Verursacht", "wird  verursacht von"),
            kind("5", "Cause", "causes", "is caused by"),
            kind("6", "Problem", "causes", "is a problem of"),
            kind("7", "Twist", "is caused by", "twists"),
        ]
    }

    fn relation(words: &str, id: Option<&str>) -> Relation {
        Relation::of(words, id).unwrap()
    }

    /// What Jira shows at both ends of a link that was created with these two.
    fn shown(kind: &LinkType, inward: &str, outward: &str) -> [(String, Issue); 2] {
        let of_type =
            json!({ "id": kind.id, "name": kind.name, "outward": kind.outward, "inward": kind.inward });
        let issue = |key: &str, end: &str, other: &str| {
            let link = json!({ "id": "9", "type": of_type, end: { "id": "1", "key": other } });
            let raw: Value = json!({ "id": "1", "key": key, "fields": { "issuelinks": [link] } });
            (key.to_owned(), serde_json::from_value(raw).unwrap())
        };
        [issue(inward, "outwardIssue", outward), issue(outward, "inwardIssue", inward)]
    }

    #[test]
    fn both_ends_of_a_link_read_as_it_was_said() {
        let types = types();
        for kind in &types {
            for said in Direction::BOTH {
                let words = kind.words(said).unwrap();
                for words in [words.to_owned(), words.to_uppercase(), format!(" {words} ")] {
                    let (found, direction) = relation(&words, kind.id.as_deref()).among(&types).unwrap();
                    assert_eq!(found, kind, "{words}");
                    let (inward, outward) = direction.ends("A-1", "B-2");
                    let opposite =
                        if said == Direction::Outward { Direction::Inward } else { Direction::Outward };
                    for (key, issue) in shown(kind, inward, outward) {
                        let [link] = &IssueLink::of(&issue)[..] else { panic!("one link") };
                        let (seen, other) = link.other().unwrap();
                        let expected = if key == "A-1" { said } else { opposite };
                        assert_eq!(kind.words(seen), kind.words(expected), "{words} at {key}");
                        assert_ne!(other.key.as_deref(), Some(key.as_str()));
                        let expected = relation(kind.words(expected).unwrap(), None);
                        assert!(expected.is_said_by(link), "{words} at {key}");
                    }
                }
            }
        }
    }

    #[test]
    fn blank_words_say_nothing() {
        for blank in ["", " ", "\u{a0}\t"] {
            let refused = Relation::of(blank, None).err().map(|error| error.message().to_owned());
            assert_eq!(refused.as_deref(), Some("Missing relation"));
        }
    }

    #[test]
    fn a_relation_is_of_one_type() {
        let types = types();
        let found = |words: &str, id: Option<&str>| {
            let relation = relation(words, id);
            let found = relation.among(&types).map_err(|error| error.details().unwrap().clone());
            found.map(|(kind, direction)| (kind.id.clone().unwrap(), direction))
        };
        assert_eq!(found("Blocks", None), Ok(("1".to_owned(), Direction::Outward)));
        assert_eq!(found("IS BLOCKED  BY", None), Ok(("1".to_owned(), Direction::Inward)));
        assert_eq!(found("relates to", None), Ok(("3".to_owned(), Direction::Outward)));
        assert_eq!(found("Relates", None), Ok(("3".to_owned(), Direction::Outward)));
        assert_eq!(found("Wird verursacht von", None), Ok(("4".to_owned(), Direction::Inward)));
        // The name of a type does not say a direction.
        let unknown = found("Duplicate", None).unwrap_err();
        let first = ["blocks", "is blocked by", "duplicates", "is duplicated by", "relates to", "Verursacht"];
        assert_eq!(unknown["relations"].as_array().unwrap()[..6], first);
        let several = |names: [(&str, &str); 2]| {
            Err(json!({ "link_types": names.map(|(id, name)| json!({ "id": id, "name": name })) }))
        };
        assert_eq!(found("causes", None), several([("5", "Cause"), ("6", "Problem")]));
        assert_eq!(found("is caused by", None), several([("5", "Cause"), ("7", "Twist")]));
        assert_eq!(found("causes", Some("6")), Ok(("6".to_owned(), Direction::Outward)));
        assert_eq!(found("is caused by", Some("7")), Ok(("7".to_owned(), Direction::Outward)));
        assert_eq!(found("is caused by", Some("5")), Ok(("5".to_owned(), Direction::Inward)));
        let of_type = json!({ "relations": ["blocks", "is blocked by"] });
        assert_eq!(found("causes", Some("1")), Err(of_type));
        let types = found("causes", Some("99")).unwrap_err();
        assert_eq!(types["link_types"].as_array().unwrap().len(), 7);
    }
}
