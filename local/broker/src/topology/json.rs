//! A place in a JSON document that knows its own path, so that whatever is wrong can be named.

use std::time::Duration;

use serde_json::{Map, Value};
use usher_bus::PropertyValue;

use super::{ConfigError, duration};

#[derive(Clone, Debug)]
pub(super) struct Node<'v> {
    path: String,
    value: &'v Value,
}

impl<'v> Node<'v> {
    pub(super) fn root(value: &'v Value) -> Self {
        Self { path: "$".to_owned(), value }
    }

    /// A field of an object; `None` if it is absent or null.
    pub(super) fn field(&self, name: &str) -> Result<Option<Self>, ConfigError> {
        let value = self.object()?.get(name).filter(|value| !value.is_null());
        Ok(value.map(|value| Self { path: format!("{}.{name}", self.path), value }))
    }

    pub(super) fn required(&self, name: &str) -> Result<Self, ConfigError> {
        self.field(name)?.ok_or_else(|| self.wrong(format!("{name} is missing")))
    }

    /// A field that holds a list; an absent one is empty.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Self>, ConfigError> {
        let Some(list) = self.field(name)? else { return Ok(Vec::new()) };
        let items = list.value.as_array().ok_or_else(|| list.wrong("not a list"))?;
        let item = |(index, value)| Self { path: format!("{}[{index}]", list.path), value };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The text of a field; `None` if it is absent, null or empty, between which the emulator's files make no difference.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        let text = field.value.as_str().ok_or_else(|| field.wrong("not a string"))?;
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    pub(super) fn required_text(&self, name: &str) -> Result<String, ConfigError> {
        self.text(name)?.ok_or_else(|| self.wrong(format!("{name} is missing or empty")))
    }

    pub(super) fn truth(&self, name: &str) -> Result<bool, ConfigError> {
        let Some(field) = self.field(name)? else { return Ok(false) };
        field.value.as_bool().ok_or_else(|| field.wrong("neither true nor false"))
    }

    /// A whole number from 1 on.
    pub(super) fn count(&self, name: &str) -> Result<Option<u32>, ConfigError> {
        let Some(field) = self.field(name)? else { return Ok(None) };
        let count =
            field.value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
        count.map(Some).ok_or_else(|| field.wrong("not a whole number from 1 on"))
    }

    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let duration = duration::parse(&text).filter(|duration| !duration.is_zero());
        let wrong = || self.wrong_field(name, "not an ISO 8601 duration above zero, such as PT1M");
        duration.map(Some).ok_or_else(wrong)
    }

    /// Every field of an object as a property's value.
    pub(super) fn properties(&self) -> Result<Vec<(String, PropertyValue)>, ConfigError> {
        let property = |(name, value): (&String, &Value)| {
            let value =
                property(value).ok_or_else(|| self.wrong_field(name, "no string, number or truth value"))?;
            Ok((name.clone(), value))
        };
        self.object()?.iter().map(property).collect()
    }

    pub(super) fn wrong(&self, problem: impl ToString) -> ConfigError {
        ConfigError::Field { path: self.path.clone(), problem: problem.to_string() }
    }

    pub(super) fn wrong_field(&self, name: &str, problem: impl ToString) -> ConfigError {
        ConfigError::Field { path: format!("{}.{name}", self.path), problem: problem.to_string() }
    }

    fn object(&self) -> Result<&'v Map<String, Value>, ConfigError> {
        self.value.as_object().ok_or_else(|| self.wrong("not an object"))
    }
}

fn property(value: &Value) -> Option<PropertyValue> {
    match value {
        Value::String(text) => Some(PropertyValue::Text(text.clone())),
        Value::Bool(truth) => Some(PropertyValue::Boolean(*truth)),
        Value::Number(number) => {
            number.as_i64().map(PropertyValue::Integer).or_else(|| number.as_f64().map(PropertyValue::Float))
        }
        _ => None,
    }
}
