//! Values of custom fields: how they are written, and how they are read.

use serde_json::{Value, json};

use super::field_values::{FieldError, check_document, label, reference};
use super::objects;
use super::screens;
use super::view::View;
use crate::world::tracker::catalog::{VERSIONS, part_id};
use crate::world::tracker::custom::{BELOW, CustomField, Form, GROUPS};

/// A new value of a field, on an issue of a project.
pub(super) struct CustomWriter<'a> {
    pub(super) view: &'a View,
    pub(super) project: u64,
    pub(super) field: &'static CustomField,
}

impl CustomWriter<'_> {
    /// Checks a value, and returns how it is read; `None` if the field is cleared.
    pub(super) fn value(&self, value: &Value) -> Result<Option<Value>, FieldError> {
        let is_list = self.field.schema.0 == "array";
        if value.is_null() && !is_list {
            return Ok(None);
        }
        if !is_list {
            return self.one(value).map(Some);
        }
        let list = match value {
            Value::Null => return Ok(None),
            Value::Array(list) => list,
            _ => return Err(FieldError::misuse("data was not an array")),
        };
        let list = list.iter().map(|value| self.one(value)).collect::<Result<Vec<_>, _>>()?;
        Ok((!list.is_empty()).then(|| list.into()))
    }

    /// One value, of a list too.
    fn one(&self, value: &Value) -> Result<Value, FieldError> {
        let text = || value.as_str().ok_or_else(|| FieldError::misuse("Operation value must be a string"));
        match self.field.form {
            Form::Line => {
                let text = text()?;
                let is_fine = !text.contains('\n') && text.chars().count() <= 255;
                if is_fine {
                    Ok(text.into())
                } else {
                    Err(FieldError::misuse("The text is not one short line"))
                }
            }
            Form::Document => check_document(value).map(|()| value.clone()),
            Form::Url => match url::Url::parse(text()?) {
                Ok(_) => Ok(value.clone()),
                Err(_) => Err(FieldError::misuse("The URL specified is invalid")),
            },
            Form::Moment if is_moment(text()?) => Ok(value.clone()),
            Form::Moment => Err(FieldError::misuse("Invalid date format")),
            Form::Option | Form::Options => self.option(value),
            Form::Cascade => self.cascade(value),
            Form::User | Form::Users => self.user(value),
            Form::Group | Form::Groups => {
                let (_, name) = reference(value, &["name"])?;
                let is_known = GROUPS.contains(&name);
                let group = || json!({ "name": name, "groupId": format!("g-{name}"), "self": self.view.link("group") });
                is_known
                    .then(group)
                    .ok_or_else(|| FieldError::value(format!("Group '{name}' does not exist")))
            }
            Form::Labels => label(value).map(Value::from),
            Form::Version | Form::Versions => self.version(value),
            Form::Team => Ok(json!({ "id": text()?, "name": "Squad one", "avatarUrl": "" })),
            Form::Objects if value.is_object() => Ok(value.clone()),
            Form::Objects => Err(FieldError::value("expected an object")),
            Form::ReadOnly => Err(FieldError::misuse("the field cannot be set")),
        }
    }

    fn option(&self, value: &Value) -> Result<Value, FieldError> {
        // A security level has a name, an option a value.
        let names: &[&'static str] =
            if self.field.schema.0 == "securitylevel" { &["id", "name"] } else { &["id", "value"] };
        let index = self.index(value, names)?;
        Ok(screens::option(self.view, self.field, index))
    }

    fn index(&self, value: &Value, names: &[&'static str]) -> Result<usize, FieldError> {
        let (name, text) = reference(value, names)?;
        let is = |index: &usize| {
            if name == "id" {
                self.field.option_id(*index) == text
            } else {
                self.field.options[*index] == text
            }
        };
        (0..self.field.options.len())
            .find(is)
            .ok_or_else(|| FieldError::value(format!("Option value '{text}' is not valid")))
    }

    fn cascade(&self, value: &Value) -> Result<Value, FieldError> {
        let parent = self.index(value, &["id", "value"])?;
        let mut body = screens::option(self.view, self.field, parent);
        let Some(child) = value.get("child") else { return Ok(body) };
        let (name, text) = reference(child, &["id", "value"])?;
        let below = BELOW.get(parent).copied().unwrap_or_default();
        let is = |index: &usize| {
            if name == "id" { self.field.child_id(parent, *index) == text } else { below[*index] == text }
        };
        let index = (0..below.len())
            .find(is)
            .ok_or_else(|| FieldError::value(format!("Option value '{text}' is not valid")))?;
        body["child"] = screens::child(self.view, self.field, parent, index);
        Ok(body)
    }

    fn user(&self, value: &Value) -> Result<Value, FieldError> {
        let (_, id) = reference(value, &["accountId", "id"])?;
        let account = self.view.accounts.iter().find(|account| account.account_id == id);
        let account = account.ok_or_else(|| FieldError::value(format!("User '{id}' does not exist.")))?;
        Ok(self.view.user(&account.key))
    }

    fn version(&self, value: &Value) -> Result<Value, FieldError> {
        let (name, text) = reference(value, &["id", "name"])?;
        let is = |index: &usize| {
            if name == "id" { part_id(self.project, *index) == text } else { VERSIONS[*index] == text }
        };
        let index = (0..VERSIONS.len()).find(is);
        let index = index.ok_or_else(|| FieldError::value(format!("Version '{text}' is not valid")))?;
        Ok(objects::part(self.view, self.project, index, "version", &VERSIONS))
    }
}

/// `2026-11-30T09:00:00.000+0000`: three digits of milliseconds, and an offset without a colon.
pub(super) fn is_moment(text: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00:00:00.000+0000";
    let fits = |(byte, pattern): (u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        b'+' => byte == b'+' || byte == b'-',
        other => byte == *other,
    };
    text.len() == PATTERN.len() && text.bytes().zip(PATTERN).all(fits)
}
