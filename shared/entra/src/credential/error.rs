//! Why there is no token, which setting is to blame, and what mends it.

use thiserror::Error;
use time::OffsetDateTime;
use usher_http::{Failure, FailureClass, TransportError};
use usher_identity::{CertificateError, day};

use super::CredentialKind;

/// Why there is no token.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CredentialError {
    /// Entra does not take our credentials.
    #[error("Entra refuses our credentials: {}", described(*status, code.as_deref(), *aadsts, *expires_at))]
    Refused {
        /// What we proved ourselves with.
        kind: CredentialKind,
        /// The status of the answer.
        status: u16,
        /// OAuth's own code, such as `invalid_client`.
        code: Option<String>,
        /// Entra's number for the cause, as in `AADSTS7000215`.
        aadsts: Option<u32>,
        /// When it expires, where that can be seen: not by its age is it refused.
        expires_at: Option<OffsetDateTime>,
    },
    /// The time of what we prove ourselves with is over. Entra was not asked.
    #[error("{} expired on {}", kind.noun(), day(*at))]
    Expired {
        /// What we prove ourselves with.
        kind: CredentialKind,
        /// Since when.
        at: OffsetDateTime,
    },
    /// Its time has not come yet. Entra was not asked.
    #[error("{} is not valid before {}", kind.noun(), day(*from))]
    NotYetValid {
        /// What we prove ourselves with.
        kind: CredentialKind,
        /// From when on it is.
        from: OffsetDateTime,
    },
    /// There is nothing to prove ourselves with. Entra was not asked.
    #[error("{} can't be used: {problem}", kind.noun())]
    Unusable {
        /// What we would prove ourselves with.
        kind: CredentialKind,
        /// What is wrong with it: never what a file holds or an answer says.
        problem: String,
    },
    /// Entra, or the vault, asks us to come back later.
    #[error("Entra gives no token now: {0}")]
    Transient(Failure),
    /// No answer.
    #[error("Entra gives no token: {0}")]
    Transport(#[from] TransportError),
    /// An answer, but not Entra's: most likely a proxy's.
    #[error("the answer to our request for a token is not one that Entra gives")]
    Unreadable,
}

impl CredentialError {
    /// What a certificate that can't serve means for us.
    pub(crate) fn of_certificate(kind: CredentialKind, error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired(at) => Self::Expired { kind, at: *at },
            CertificateError::NotYetValid(from) => Self::NotYetValid { kind, from: *from },
            other => Self::unusable(kind, other),
        }
    }

    /// There is nothing to prove ourselves with.
    pub(crate) fn unusable(kind: CredentialKind, problem: impl ToString) -> Self {
        Self::Unusable { kind, problem: problem.to_string() }
    }

    /// The setting at fault; none if waiting may help.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Refused { aadsts: Some(700_016), .. } => Some("ENTRA_CLIENT_ID"),
            Self::Refused { aadsts: Some(90_002), .. } => Some("ENTRA_TENANT_ID"),
            Self::Refused { kind, .. }
            | Self::Expired { kind, .. }
            | Self::NotYetValid { kind, .. }
            | Self::Unusable { kind, .. } => Some(kind.setting()),
            Self::Transient(_) | Self::Transport(_) | Self::Unreadable => None,
        }
    }

    /// What is to be done, for the causes that can be told.
    pub fn remedy(&self) -> String {
        match self {
            Self::Refused { aadsts: Some(700_016), .. } => {
                "ENTRA_CLIENT_ID is no app of the tenant ENTRA_TENANT_ID".to_owned()
            }
            Self::Refused { aadsts: Some(90_002), .. } => {
                "ENTRA_TENANT_ID is no tenant that Entra knows".to_owned()
            }
            Self::Refused { kind, aadsts, .. } => kind.refused(*aadsts),
            Self::Expired { kind, .. } => kind.renewal().to_owned(),
            Self::NotYetValid { .. } => {
                "check this machine's clock, wait, or use one that is valid now; no restart is needed"
                    .to_owned()
            }
            Self::Unusable { kind, .. } => kind.repair().to_owned(),
            Self::Transient(_) => "try again later".to_owned(),
            Self::Transport(_) | Self::Unreadable => {
                "check ENTRA_AUTHORITY_HOST, the proxy settings and USHER_EXTRA_CA_FILE".to_owned()
            }
        }
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        let ours =
            |code: &str| Self::named(FailureClass::Unauthorized, "credential unusable").with_code(Some(code));
        match error {
            CredentialError::Refused { status, code, .. } => {
                Self::status(FailureClass::Unauthorized, status).with_code(code.as_deref())
            }
            CredentialError::Expired { at, .. } => ours(&format!("certificate expired {}", day(at))),
            CredentialError::NotYetValid { from, .. } => {
                ours(&format!("certificate not valid before {}", day(from)))
            }
            CredentialError::Unusable { .. } => ours("credential unusable"),
            CredentialError::Transient(failure) => failure,
            CredentialError::Transport(error) => error.into(),
            CredentialError::Unreadable => Self::named(FailureClass::Transient, "token answer unreadable"),
        }
    }
}

fn described(
    status: u16,
    code: Option<&str>,
    aadsts: Option<u32>,
    expires_at: Option<OffsetDateTime>,
) -> String {
    let number = aadsts.map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    let until = expires_at.map(|at| format!(" (the certificate is valid until {})", day(at)));
    format!("{status} {}{number}{}", code.unwrap_or("without a code"), until.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const MARCH: OffsetDateTime = datetime!(2026-03-01 0:00 UTC);
    const KINDS: [CredentialKind; 6] = [
        CredentialKind::ClientSecret,
        CredentialKind::ClientSecretFile,
        CredentialKind::CertificateFile,
        CredentialKind::VaultCertificate,
        CredentialKind::ManagedIdentity,
        CredentialKind::WorkloadIdentity,
    ];

    fn refused(kind: CredentialKind, aadsts: u32) -> CredentialError {
        let code = Some("invalid_client".to_owned());
        CredentialError::Refused { kind, status: 401, code, aadsts: Some(aadsts), expires_at: None }
    }

    #[test]
    fn an_expired_certificate_says_when_and_what_to_do() {
        let error = CredentialError::of_certificate(
            CredentialKind::CertificateFile,
            &CertificateError::Expired(MARCH),
        );
        assert_eq!(
            format!("{error}: {}", error.remedy()),
            "the certificate in ENTRA_CLIENT_CERTIFICATE_PATH expired on 2026-03-01: make a new one, add it to the app \
             registration, put it in the file; no restart is needed"
        );
        assert_eq!(error.setting(), Some("ENTRA_CLIENT_CERTIFICATE_PATH"));
        let failure = Failure::from(error);
        assert_eq!(failure.class, FailureClass::Unauthorized);
        assert_eq!(failure.to_string(), "certificate expired 2026-03-01");
    }

    #[test]
    fn a_revoked_certificate_is_told_from_an_expired_one() {
        let error = CredentialError::Refused {
            kind: CredentialKind::VaultCertificate,
            status: 401,
            code: Some("invalid_client".to_owned()),
            aadsts: Some(700_027),
            expires_at: Some(MARCH),
        };
        assert_eq!(
            error.to_string(),
            "Entra refuses our credentials: 401 invalid_client AADSTS700027 (the certificate is valid until 2026-03-01)"
        );
        assert!(error.remedy().contains("add its newest version there"), "{}", error.remedy());
        assert_eq!(error.setting(), Some("ENTRA_KEYVAULT_CERTIFICATE"));
    }

    #[test]
    fn the_setting_at_fault_is_that_of_the_kind_in_use_unless_the_app_or_the_tenant_is() {
        for kind in KINDS {
            assert_eq!(refused(kind, 1).setting(), Some(kind.setting()));
            assert!(refused(kind, 1).remedy().contains(kind.setting()));
            assert_eq!(refused(kind, 700_016).setting(), Some("ENTRA_CLIENT_ID"));
            assert_eq!(refused(kind, 90_002).setting(), Some("ENTRA_TENANT_ID"));
        }
        assert_eq!(CredentialError::from(TransportError::Timeout).setting(), None);
    }

    #[test]
    fn what_cannot_be_used_opens_a_circuit_as_a_refusal_would() {
        let unreadable = CertificateError::Unreadable(std::io::ErrorKind::NotFound);
        for kind in KINDS {
            let error = CredentialError::of_certificate(kind, &unreadable);
            assert!(error.to_string().starts_with(kind.noun()), "{error}");
            assert_eq!(Failure::from(error).to_string(), "credential unusable");
        }
    }
}
