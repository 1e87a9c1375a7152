//! What is to become of a user: the rule that the handler and `preview` share.

use serde_json::{Map, Value};
use usher_entra::User;
use uuid::Uuid;

use crate::{Domain, Template, local_part, names::Names, reserved, template::Filled};

/// Graph's name of what is changed.
pub(crate) const UPN: &str = "userPrincipalName";
/// What is read of a user.
pub(crate) const FIELDS: [&str; 6] =
    [UPN, Names::FIELDS[0], Names::FIELDS[1], Names::FIELDS[2], "mail", "identities"];
/// How many digits of the object id follow a name that is taken: first few, to stay readable. The last 12 are
/// random in every id that Entra makes, and are none's but this user's.
const SUFFIXES: [usize; 3] = [4, 8, 12];
/// What Azure AD B2C's custom policies put before a random UUID for an account from elsewhere.
/// <https://learn.microsoft.com/azure/active-directory-b2c/string-transformations#formatstringclaim>
const FEDERATED: &str = "cpim_";

/// How this tenant's users are named.
pub(crate) struct Naming {
    template: Template,
    domain: Domain,
}

/// What is to become of a user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The user has one of the names already.
    Done,
    /// Not ours to change, and why.
    LeaveAlone(&'static str),
    /// The user gets the first of these names that is free.
    Change(Change),
}

/// A change of one user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The candidates, the same for this user each time.
    pub(crate) upns: Vec<String>,
    /// The display name to set with it.
    pub(crate) display_name: Option<String>,
}

impl Naming {
    pub(crate) fn new(template: Template, domain: Domain) -> Self {
        Self { template, domain }
    }

    /// What is to become of a user of whom [`FIELDS`] were selected.
    pub(crate) fn plan(&self, user: &User) -> Plan {
        let names = Names::of(user);
        let mut upns = self.upns(&names, user.id);
        let current = user.text(UPN).unwrap_or_default();
        if upns.iter().any(|upn| upn.eq_ignore_ascii_case(current)) {
            return Plan::Done;
        }
        // Names can add up to the user's own address, where people get mail at our domain.
        let addresses = user.addresses();
        upns.retain(|upn| !addresses.iter().any(|address| address.eq_ignore_ascii_case(upn)));
        if !is_generated_default(current, user.id) {
            Plan::LeaveAlone("upn-not-default")
        } else if upns.is_empty() {
            Plan::LeaveAlone("no-name")
        } else {
            Plan::Change(Change { upns, display_name: names.missing_display_name() })
        }
    }

    fn upns(&self, names: &Names<'_>, id: Uuid) -> Vec<String> {
        let filled = self.template.fill(names);
        let local_parts = filled.into_iter().flat_map(|filled| candidates(&filled, id));
        local_parts.map(|local| format!("{local}@{}", self.domain)).collect()
    }
}

impl Change {
    /// What Graph is to set, all of it or nothing.
    pub(crate) fn properties(&self, upn: &str) -> Value {
        let display_name = self.display_name.as_deref().map(|name| ("displayName".to_owned(), name.into()));
        let properties = [(UPN.to_owned(), upn.into())].into_iter().chain(display_name);
        Value::Object(properties.collect::<Map<_, _>>())
    }
}

/// What may stand before the @, in the order of preference. A name that is reserved, or that the template would give
/// to everybody, comes with a suffix only.
fn candidates(filled: &Filled, id: Uuid) -> Vec<String> {
    let plain = local_part::shorten(&filled.text, local_part::LONGEST);
    let plain = Some(plain.to_owned()).filter(|plain| filled.is_own && !reserved::is_reserved(plain));
    plain.into_iter().chain(SUFFIXES.map(|digits| suffixed(&filled.text, id, digits))).collect()
}

fn suffixed(text: &str, id: Uuid, digits: usize) -> String {
    let id = id.simple().to_string();
    let suffix = &id[id.len() - digits..];
    format!("{}-{suffix}", local_part::shorten(text, local_part::LONGEST - 1 - digits))
}

/// Whether nobody has chosen this UPN: before the @ stands what a sign-up puts there. That is the user's own object id
/// (which no document says, and tenants' audit logs show), or `cpim_` and a UUID for a user who came from Azure AD B2C
/// with an account from elsewhere.
fn is_generated_default(upn: &str, id: Uuid) -> bool {
    let Some((local, _)) = upn.rsplit_once('@') else { return false };
    match local.to_ascii_lowercase().strip_prefix(FEDERATED) {
        Some(uuid) => uuid.parse::<Uuid>().is_ok(),
        None => local.parse() == Ok(id),
    }
}

#[cfg(test)]
mod tests;
