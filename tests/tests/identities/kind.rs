//! The kinds of credential, each as the settings that an operator gives.

use std::fs;

use usher_sandbox::{
    BILLING_CLIENT_ID, CLIENT_SECRET, IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET, IDENTITY_HEADER,
    PKCS12_PASSWORD, PRODUCER_CLIENT_ID, TENANT_ID, VAULT_CERTIFICATE,
};
use usher_tests::processes::{Options, Program, World};
use uuid::Uuid;

/// What a service shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Secret,
    SecretFile,
    Pem,
    Pkcs12,
    /// A certificate whose key stays in the vault, which is reached as whom the `AZURE_*` variables say.
    Vault(Ambient),
    ManagedIdentity,
    WorkloadIdentity,
}

/// Who a service is in Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambient {
    Managed,
    Secret,
    Workload,
}

/// A world in which there is something to show, and in which everything that could be said is said.
pub(crate) async fn talkative_world() -> World {
    let variables = vec![("USHER_LOG".to_owned(), "trace".to_owned())];
    World::start(Options { identities: true, variables, ..Options::default() }).await
}

/// The producer with its own app registration and this kind of credential.
pub(crate) fn producer(world: &World, kind: Kind) -> Program {
    kind.shown_by(world, world.producer(), PRODUCER_CLIENT_ID)
}

/// Billing with its own app registration and this kind of credential.
pub(crate) fn billing(world: &World, kind: Kind) -> Program {
    kind.shown_by(world, world.billing(), BILLING_CLIENT_ID)
}

impl Kind {
    fn shown_by(self, world: &World, program: Program, app: Uuid) -> Program {
        if self == Self::Secret {
            // The world's own: of the app registration that all may share.
            return program.with("ENTRA_CLIENT_SECRET", CLIENT_SECRET);
        }
        program
            .without("ENTRA_CLIENT_SECRET")
            .with("ENTRA_CLIENT_ID", app.to_string())
            .with_all(&self.settings(world))
    }

    fn settings(self, world: &World) -> Vec<(String, String)> {
        let file = |name: &str| world.identity(name).display().to_string();
        let mut settings = match self {
            Self::Secret => Vec::new(),
            Self::SecretFile => vec![("ENTRA_CLIENT_SECRET_FILE", file("client-secret"))],
            Self::Pem => vec![("ENTRA_CLIENT_CERTIFICATE_PATH", file("producer.pem"))],
            Self::Pkcs12 => vec![
                ("ENTRA_CLIENT_CERTIFICATE_PATH", file("producer.p12")),
                ("ENTRA_CLIENT_CERTIFICATE_PASSWORD_FILE", password_file(world)),
            ],
            Self::Vault(_) => {
                let vault = world.sandbox.announced("vault");
                vec![("ENTRA_KEYVAULT_CERTIFICATE", format!("{vault}/certificates/{VAULT_CERTIFICATE}"))]
            }
            Self::ManagedIdentity => vec![("ENTRA_CREDENTIAL", "managed-identity".to_owned())],
            Self::WorkloadIdentity => vec![("ENTRA_CREDENTIAL", "workload-identity".to_owned())],
        };
        let ambient = match self {
            Self::Vault(ambient) => Some(ambient),
            Self::ManagedIdentity => Some(Ambient::Managed),
            Self::WorkloadIdentity => Some(Ambient::Workload),
            _ => None,
        };
        settings.extend(ambient.into_iter().flat_map(|ambient| ambient.settings(world)));
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The setting that is at fault if it is refused.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Secret | Self::SecretFile => "ENTRA_CLIENT_SECRET",
            Self::Pem | Self::Pkcs12 => "ENTRA_CLIENT_CERTIFICATE_PATH",
            Self::Vault(_) => "ENTRA_KEYVAULT_CERTIFICATE",
            Self::ManagedIdentity | Self::WorkloadIdentity => "ENTRA_CREDENTIAL",
        }
    }
}

impl Ambient {
    /// What the platform, or for a secret the operator, puts into the environment.
    fn settings(self, world: &World) -> Vec<(&'static str, String)> {
        let client = ("AZURE_CLIENT_ID", IDENTITY_CLIENT_ID.to_string());
        let authority = || ("AZURE_AUTHORITY_HOST", world.sandbox.announced("login").to_owned());
        let tenant = || ("AZURE_TENANT_ID", TENANT_ID.to_string());
        match self {
            Self::Managed => vec![
                client,
                ("IDENTITY_ENDPOINT", world.sandbox.announced("identity").to_owned()),
                ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
            ],
            Self::Secret => vec![
                client,
                authority(),
                tenant(),
                ("AZURE_CLIENT_SECRET", IDENTITY_CLIENT_SECRET.to_owned()),
            ],
            Self::Workload => {
                let token = world.identity("workload-token").display().to_string();
                vec![client, authority(), tenant(), ("AZURE_FEDERATED_TOKEN_FILE", token)]
            }
        }
    }
}

/// As an editor leaves it: with a newline at its end.
fn password_file(world: &World) -> String {
    let file = world.home().join("password");
    fs::write(&file, format!("{PKCS12_PASSWORD}\n")).unwrap();
    file.display().to_string()
}
