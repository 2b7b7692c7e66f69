//! Edits by Markdown, which cannot express everything that a stored document contains.

use adf::{Document, Lost};
use atlassian::Issue;
use serde_json::{Value, json};

use super::form::FieldValues;
use crate::error::{Error, ErrorCode, Result};

/// What to do if an edit would lose content that Markdown cannot express.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum OnLoss {
    /// Make the edit, and report what is lost.
    #[default]
    Report,
    /// Change nothing.
    Refuse,
}

impl OnLoss {
    /// Parses the field `on_loss`, which defaults to `report`; 400 for an unknown value.
    pub(super) fn parse(word: Option<&str>) -> Result<Self> {
        match word {
            None | Some("report") => Ok(Self::Report),
            Some("refuse") => Ok(Self::Refuse),
            Some(_) => Err(Error::bad_request("on_loss must be report or refuse")),
        }
    }
}

/// Markdown, merged into the stored document.
pub(super) struct Merged {
    /// The document to store; `None` if it is stored already.
    pub(super) document: Option<Document>,
    /// What the stored document loses.
    pub(super) lost: Vec<Lost>,
}

/// Turns Markdown into an edit of the stored document, which keeps what Markdown cannot express. Errors name the
/// field.
pub(super) fn merge(stored: &Value, markdown: &str, name: &str, on_loss: OnLoss) -> Result<Merged> {
    let edited =
        adf::edit(stored, markdown).map_err(|large| Error::bad_request(format!("{name} {large}")))?;
    if on_loss == OnLoss::Refuse && !edited.lost.is_empty() {
        return Err(would_lose(&edited.lost, name));
    }
    let is_changed = edited.document.as_json() != stored;
    Ok(Merged { document: Some(edited.document).filter(|_| is_changed), lost: edited.lost })
}

/// Turns the texts in Markdown into edits of the stored ones, and returns what the edits lose. A text that changes
/// nothing is kept.
pub(super) fn merge_texts(values: &mut FieldValues, stored: &Issue, on_loss: OnLoss) -> Result<Vec<Lost>> {
    let texts: Vec<(String, String)> =
        values.markdown().map(|(id, markdown)| (id.to_owned(), markdown.to_owned())).collect();
    let mut all_lost: Vec<Lost> = Vec::new();
    for (id, markdown) in texts {
        let Merged { document, lost } = merge(stored.field(&id), &markdown, &id, on_loss)?;
        values.set_text(&id, document);
        for more in lost {
            match all_lost.iter_mut().find(|known| known.kind == more.kind) {
                Some(known) => known.count += more.count,
                None => all_lost.push(more),
            }
        }
    }
    Ok(all_lost)
}

fn would_lose(lost: &[Lost], name: &str) -> Error {
    let list: Vec<String> = lost.iter().map(|lost| format!("{} ({})", lost.kind, lost.count)).collect();
    let sentence = format!(
        "The {name} would lose what Markdown cannot say: {}. Nothing was changed. Send on_loss: \"report\" to edit \
         it all the same, or the {name} as an ADF document.",
        list.join(", ")
    );
    Error::new(ErrorCode::WouldLose, sentence).with_details(json!({ "lost": lost }))
}
