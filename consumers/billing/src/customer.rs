//! The customer that a sign-up is to have, and how one that is there already is recognised.

use std::collections::BTreeMap;

use serde::Deserialize;
use usher_event::{Event, typed};

/// The metadata that ties a customer to a user, and back.
const TENANT_ID: &str = "usher_tenant_id";
const USER_ID: &str = "usher_user_id";
const EVENT_ID: &str = "usher_event_id";

/// Stripe's bound on a name, in characters.
const NAME: usize = 256;

/// A customer as Stripe has it; only what we look at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    /// Stripe answers for a deleted customer's id, with this and little else.
    #[serde(default)]
    pub(crate) deleted: bool,
    /// Whether money moves. Not told of a deleted one.
    #[serde(default)]
    pub(crate) livemode: Option<bool>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Customer {
    /// Whether no user is tied to it, in this tenant or in another.
    pub(crate) fn is_nobodys(&self) -> bool {
        [TENANT_ID, USER_ID].iter().all(|key| self.metadata.get(*key).is_none_or(String::is_empty))
    }
}

/// A customer as we want it.
pub(crate) struct NewCustomer {
    tenant_id: String,
    user_id: String,
    event_id: String,
    email: Option<String>,
    /// The address at the sign-up, where it has changed since.
    former_email: Option<String>,
    name: Option<String>,
}

impl NewCustomer {
    /// What stands on the user now goes before what was typed at the sign-up.
    pub(crate) fn of(event: &Event, email: Option<String>, name: Option<&str>) -> Self {
        let data = &event.data;
        let email = email.or_else(|| data.email.clone());
        Self {
            tenant_id: data.tenant_id.to_string(),
            user_id: data.user_id.to_string(),
            event_id: event.id.to_string(),
            former_email: data.email.clone().filter(|former| email.as_ref() != Some(former)),
            email,
            name: name.or(data.display_name.as_deref()).and_then(clean_name),
        }
    }

    /// Whether `customer` is this one.
    pub(crate) fn is_already(&self, customer: &Customer) -> bool {
        let says = |key, value: &String| customer.metadata.get(key) == Some(value);
        !customer.deleted && says(TENANT_ID, &self.tenant_id) && says(USER_ID, &self.user_id)
    }

    /// The search that finds it, in Stripe's query language. Both values are UUIDs: nothing to escape.
    pub(crate) fn metadata_query(&self) -> String {
        format!("metadata['{TENANT_ID}']:'{}' AND metadata['{USER_ID}']:'{}'", self.tenant_id, self.user_id)
    }

    /// The address that it is to have.
    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The addresses under which it may have been created.
    pub(crate) fn emails(&self) -> impl Iterator<Item = &str> {
        [&self.email, &self.former_email].into_iter().flatten().map(String::as_str)
    }

    /// One of the event's keys, the same for every delivery of it: the first, or the one to follow when those before it
    /// are spent.
    pub(crate) fn idempotency_key(&self, at: u32) -> String {
        match at {
            0 => format!("usher-{}", self.event_id),
            at => format!("usher-{}-{at}", self.event_id),
        }
    }

    /// The form that creates it.
    pub(crate) fn form(&self) -> Vec<(String, &str)> {
        let typed = [("email", &self.email), ("name", &self.name)];
        let typed = typed.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.as_deref()?)));
        typed.chain(self.claim()).collect()
    }

    /// The form that ties a customer who was there before to the user. All else stays as it is.
    pub(crate) fn claim(&self) -> Vec<(String, &str)> {
        let metadata = [(TENANT_ID, &self.tenant_id), (USER_ID, &self.user_id), (EVENT_ID, &self.event_id)];
        metadata.into_iter().map(|(key, value)| (format!("metadata[{key}]"), value.as_str())).collect()
    }
}

/// A name that Stripe takes and that shows as it reads; `None` if nothing is left, or there was none.
fn clean_name(name: &str) -> Option<String> {
    let name: String = typed::presentable(name).chars().take(NAME).collect();
    typed::is_known(&name).then(|| name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cleaned_and_bounded() {
        assert_eq!(clean_name("Zoë\r\nX: y"), Some("Zoë X: y".to_owned()));
        assert_eq!(clean_name(&"ż".repeat(10_000)).map(|name| name.chars().count()), Some(256));
        assert_eq!(clean_name("unknown"), None);
        assert_eq!(clean_name(" \t"), None);
    }
}
