//! Who we are in Azure when no key is given: the credential that the environment offers.
//!
//! The choice follows the variables that Azure's own platforms set, and the conventions of its SDKs:
//! `AZURE_TOKEN_CREDENTIALS=prod|dev` settles it where they leave it open.

use std::{path::Path, sync::Arc};

use azure_core::{
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, Transport},
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::{BusSettingsError, NAMESPACE};
use crate::amqp::tls;

/// Which of the kinds of credential the environment asks for.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Kubernetes gave the pod a token to exchange.
    Workload,
    /// An app registration with a secret.
    ClientSecret { tenant: String, client: String, secret: Secret },
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
        if let (Some(tenant), Some(client), Some(secret)) =
            (var("AZURE_TENANT_ID"), client.clone(), var("AZURE_CLIENT_SECRET"))
        {
            return Self::ClientSecret { tenant, client, secret: Secret::new(secret) };
        }
        let managed = match var("AZURE_TOKEN_CREDENTIALS").as_deref() {
            Some("prod") => true,
            Some("dev") => false,
            _ => var("IDENTITY_ENDPOINT").is_some() || client.is_some(),
        };
        if managed { Self::Managed { client } } else { Self::Developer }
    }
}

/// The credential that the `AZURE_*` variables describe.
///
/// # Errors
/// If the variables contradict each other or the extra CA file can't be used.
pub(crate) fn ambient_credential(
    extra_ca: Option<&Path>,
) -> Result<Arc<dyn TokenCredential>, BusSettingsError> {
    let kind = Kind::from_environment(|name| std::env::var(name).ok());
    let client_options = client_options(extra_ca)?;
    build(kind, client_options).map_err(|error| {
        BusSettingsError::new(NAMESPACE, format!("takes a credential, and there is none: {error}"))
    })
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

/// The SDK's own client would look for a process-wide TLS provider; ours brings its own and the extra CA.
fn client_options(extra_ca: Option<&Path>) -> Result<ClientOptions, BusSettingsError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(extra_ca)?)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| BusSettingsError::new(NAMESPACE, "can't be used: no HTTP client for tokens"))?;
    Ok(ClientOptions { transport: Some(Transport::new(Arc::new(client))), ..Default::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(variables: &[(&str, &str)]) -> Kind {
        Kind::from_environment(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_platform_is_recognised_by_the_variables_it_sets() {
        let kubernetes = [("AZURE_FEDERATED_TOKEN_FILE", "/token"), ("AZURE_CLIENT_ID", "c")];
        assert_eq!(kind(&kubernetes), Kind::Workload);
        assert_eq!(kind(&[("IDENTITY_ENDPOINT", "http://x")]), Kind::Managed { client: None });
        assert_eq!(kind(&[("AZURE_CLIENT_ID", "c")]), Kind::Managed { client: Some("c".into()) });
        let secret = [("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_SECRET", "s")];
        assert!(matches!(kind(&secret), Kind::ClientSecret { .. }));
        assert_eq!(kind(&[]), Kind::Developer);
    }

    #[test]
    fn the_sdks_own_variable_settles_what_the_platform_leaves_open() {
        assert_eq!(kind(&[("AZURE_TOKEN_CREDENTIALS", "prod")]), Kind::Managed { client: None });
        assert_eq!(kind(&[("AZURE_TOKEN_CREDENTIALS", "dev"), ("AZURE_CLIENT_ID", "c")]), Kind::Developer);
    }
}
