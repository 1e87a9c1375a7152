//! Whether the object is what the mapping takes it for, by Salesforce's own description of it.
//!
//! Found out at the start, a mistake in the mapping is a setting to mend; found out later, each sign-up would be a dead
//! letter. <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm>

use serde::Deserialize;

use crate::{
    Mapping,
    fault::{Failed, Fault},
};

/// An object as our user sees it; only what we look at.
#[derive(Deserialize)]
pub(crate) struct Description {
    createable: bool,
    updateable: bool,
    fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    /// How many characters a text holds; 0 for what is no text.
    #[serde(default)]
    length: usize,
    createable: bool,
    updateable: bool,
    nillable: bool,
    #[serde(default)]
    defaulted_on_create: bool,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
}

impl Description {
    /// Whether records can be made and changed as the mapping says.
    ///
    /// # Errors
    /// The first thing that stands in the way.
    pub(crate) fn check(&self, mapping: &Mapping) -> Result<(), Failed> {
        if !self.createable || !self.updateable {
            let name = format!("no right to create and edit {}", mapping.object);
            return Err(Failed::named(Fault::Rights, name));
        }
        self.check_external_id(&mapping.external_id)?;
        mapping.fields().try_for_each(|(name, longest)| self.check_field(name, longest))?;
        self.check_required(mapping)
    }

    /// Whether Salesforce itself sees to it that there is one record for each external id.
    pub(crate) fn is_unique(&self, external_id: &str) -> bool {
        self.field(external_id).is_some_and(|field| field.unique)
    }

    fn check_external_id(&self, name: &str) -> Result<(), Failed> {
        match self.field(name) {
            None => Err(wrong(format!("{name} does not exist or is hidden"))),
            Some(field) if !field.external_id => Err(wrong(format!("{name} is no external id"))),
            Some(field) if !field.createable => Err(wrong(format!("{name} is read-only"))),
            Some(_) => Ok(()),
        }
    }

    fn check_field(&self, name: &str, longest: Option<usize>) -> Result<(), Failed> {
        match self.field(name) {
            None => Err(wrong(format!("{name} does not exist or is hidden"))),
            Some(field) if !field.createable || !field.updateable => {
                Err(wrong(format!("{name} is read-only")))
            }
            Some(Field { length, .. }) if *length > 0 && longest.is_some_and(|longest| longest > *length) => {
                Err(wrong(format!("{name} holds {length}: set its max")))
            }
            Some(_) => Ok(()),
        }
    }

    /// A field without which Salesforce makes no record.
    fn check_required(&self, mapping: &Mapping) -> Result<(), Failed> {
        let is_required = |field: &&Field| field.createable && !field.nillable && !field.defaulted_on_create;
        let is_filled = |field: &Field| {
            let mut filled = mapping.fields().map(|(name, _)| name).chain([mapping.external_id.as_str()]);
            filled.any(|name| name.eq_ignore_ascii_case(&field.name))
        };
        match self.fields.iter().filter(is_required).find(|field| !is_filled(field)) {
            Some(field) => Err(wrong(format!("{} is required", field.name))),
            None => Ok(()),
        }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

fn wrong(name: String) -> Failed {
    Failed::named(Fault::Mapping, name)
}

#[cfg(test)]
mod tests;
