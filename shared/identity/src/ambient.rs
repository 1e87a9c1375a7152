//! Who we are in Azure when no key is given: the credential that the environment offers.
//!
//! The choice follows the variables that Azure's own platforms set, and the conventions of its SDKs:
//! `AZURE_TOKEN_CREDENTIALS=prod|dev` settles it where they leave it open. `AZURE_AUTHORITY_HOST`, `IDENTITY_ENDPOINT`
//! and `IDENTITY_HEADER` are read by the SDK itself.

use std::{path::Path, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::ClientOptions,
};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use self::file_assertion::FileAssertion;
use crate::{IdentityError, client_options};

mod file_assertion;

/// Who gives tokens unless `AZURE_AUTHORITY_HOST` says otherwise.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Which of the kinds of credential the environment asks for.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Kubernetes gave the pod a token to exchange.
    Workload,
    /// An app registration with a secret.
    ClientSecret { tenant: String, client: String, secret: Secret },
    /// An app registration with a certificate in a file, which a password may protect.
    Certificate { tenant: String, client: String, assertion: FileAssertion },
    /// The platform vouches for this machine or container; a user-assigned identity is named by its client id.
    Managed { client: Option<String> },
    /// Whoever is logged in to `az` or `azd` on this machine.
    Developer,
}

impl Kind {
    fn from_environment(var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let client = var("AZURE_CLIENT_ID");
        if var("AZURE_FEDERATED_TOKEN_FILE").is_some() {
            return Self::Workload;
        }
        if let (Some(tenant), Some(client)) = (var("AZURE_TENANT_ID"), client.clone()) {
            if let Some(secret) = var("AZURE_CLIENT_SECRET") {
                return Self::ClientSecret { tenant, client, secret: Secret::new(secret) };
            }
            if let Some(file) = var("AZURE_CLIENT_CERTIFICATE_PATH") {
                let password = var("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(Secret::new);
                let authority = var("AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
                let assertion = FileAssertion::new(&authority, &tenant, &client, file, password);
                return Self::Certificate { tenant, client, assertion };
            }
        }
        let managed = match var("AZURE_TOKEN_CREDENTIALS").as_deref() {
            Some("prod") => true,
            Some("dev") => false,
            _ => var("IDENTITY_ENDPOINT").is_some() || client.is_some(),
        };
        if managed { Self::Managed { client } } else { Self::Developer }
    }
}

/// The credential that the `AZURE_*` variables describe. It keeps its tokens and renews them; nothing is sent yet.
///
/// # Errors
/// If the variables contradict each other, or a file that they or `extra_ca` (PEM) name can't be used.
pub fn ambient_credential(extra_ca: Option<&Path>) -> Result<Arc<dyn TokenCredential>, IdentityError> {
    ambient_credential_over(client_options(extra_ca)?)
}

/// As [`ambient_credential`], for one who has a way of their own to the world.
///
/// # Errors
/// As for [`ambient_credential`].
pub fn ambient_credential_over(options: ClientOptions) -> Result<Arc<dyn TokenCredential>, IdentityError> {
    make(Kind::from_environment(|name| std::env::var(name).ok()), options)
}

/// The identity that the platform gives this machine or container, whatever else there is; a user-assigned one is named
/// by `AZURE_CLIENT_ID`.
///
/// # Errors
/// As for [`ambient_credential`].
pub fn managed_identity_over(options: ClientOptions) -> Result<Arc<dyn TokenCredential>, IdentityError> {
    let client = std::env::var("AZURE_CLIENT_ID").ok().filter(|id| !id.is_empty());
    make(Kind::Managed { client }, options)
}

fn make(kind: Kind, options: ClientOptions) -> Result<Arc<dyn TokenCredential>, IdentityError> {
    if let Kind::Certificate { assertion, .. } = &kind {
        assertion.check().map_err(IdentityError::Certificate)?;
    }
    build(kind, options).map_err(|error| IdentityError::NoCredential(error.to_string()))
}

fn build(kind: Kind, client_options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
    Ok(match kind {
        Kind::Workload => {
            let credential_options = ClientAssertionCredentialOptions { client_options };
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options,
                ..Default::default()
            }))?
        }
        Kind::ClientSecret { tenant, client, secret } => {
            let options = ClientSecretCredentialOptions { client_options };
            ClientSecretCredential::new(&tenant, client, secret, Some(options))?
        }
        Kind::Certificate { tenant, client, assertion } => {
            let options = ClientAssertionCredentialOptions { client_options };
            ClientAssertionCredential::new(tenant, client, assertion, Some(options))?
        }
        Kind::Managed { client } => {
            let user_assigned_id = client.map(UserAssignedId::ClientId);
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id,
                client_options,
            }))?
        }
        Kind::Developer => DeveloperToolsCredential::new(None)?,
    })
}

#[cfg(test)]
mod tests;
