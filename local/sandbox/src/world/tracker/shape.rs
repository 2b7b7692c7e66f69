//! What differs between projects: their required fields, their number of fields, their workflow.

use super::workflow::Workflow;

/// The configuration of a project. The default is that of a new one.
#[derive(Clone, Debug, Default)]
pub struct ProjectShape {
    /// The ids of fields that have to have a value, besides those that every project requires.
    pub required: Vec<String>,
    /// How many more text fields the screens have, `Extra 0` and so on.
    pub extra_fields: usize,
    /// The workflow of all issue types.
    pub workflow: Workflow,
}

/// The number of the first extra field's id.
const FIRST_EXTRA: usize = 20_000;

impl ProjectShape {
    /// The id of an extra field.
    pub fn extra_field(number: usize) -> String {
        format!("customfield_{}", FIRST_EXTRA + number)
    }

    /// Whether the project has this extra field.
    pub(crate) fn has_extra_field(&self, id: &str) -> bool {
        let number = id.strip_prefix("customfield_").and_then(|number| number.parse::<usize>().ok());
        number.is_some_and(|number| (FIRST_EXTRA..FIRST_EXTRA + self.extra_fields).contains(&number))
    }

    pub(crate) fn requires(&self, id: &str) -> bool {
        self.required.iter().any(|required| required == id)
    }
}
