//! Conditions on a user: what the rules in an operator's file can ask, and how that is decided.
//!
//! ```toml
//! when = { attribute = "extension_0123456789abcdef0123456789abcdef_CompanyType", equals = "business" }
//! when = { email_domain = ["contoso.com", "fabrikam.com"], app_id = "33333333-0000-4000-8000-000000000001" }
//! when = { identity_provider = "google.com" }
//! ```
//!
//! All conditions of a `when` must hold, and none at all is for everybody. They look at the user alone. What a customer
//! typed proves nothing: a rule on an attribute has to say `self_asserted = true`, and an address counts only if the
//! tenant verified it.
//!
//! Whoever has rules reads their file's own keys with serde and leaves the `when` to [`Conditions::read`]. What is wrong
//! with a file is one line with its place, a [`FileError`].

mod condition;
mod error;
mod file;
mod read;
#[cfg(test)]
mod testing;

pub use condition::{Condition, Conditions, Facts, Finding, SignUpApp};
pub use error::{FileError, Problem};
pub use file::text_of;
pub use read::When;
