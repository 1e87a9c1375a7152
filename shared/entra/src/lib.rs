//! Microsoft Entra: tokens, and what Usher asks of Microsoft Graph.
//!
//! Nothing outside this crate knows a Graph path or how a token is got. Users are addressed by their object
//! id only. What Graph's answers mean is one table, in `error.rs`.

mod audit;
mod batch;
mod client_credentials;
mod credential;
mod error;
mod examine;
mod extension;
mod grant;
mod graph;
mod group;
mod lacking;
mod reminder;
mod roles;
mod settings;
#[cfg(test)]
mod testing;
mod tokens;
mod user;
mod users;

pub use audit::{AuditActor, AuditEntry, AuditLink, AuditPage, BadEntry};
pub use batch::BATCH_SIZE;
pub use client_credentials::ClientCredentials;
pub use credential::{AccessToken, Credential, CredentialError, CredentialKind, Expiry};
pub use error::{GraphError, Missing};
pub use extension::open_extension_name;
pub use grant::{Grant, Granted};
pub use graph::Graph;
pub use group::Group;
pub use settings::{CredentialSettings, EntraSettings, EntraSettingsError};
pub use user::{Identity, READABLE_WITHIN, User};
pub use users::{UsersLink, UsersPage};
