//! What an answer of the storage means to us: the one table.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>

use azure_core::{Error, error::ErrorKind};

use super::BlobAddress;
use crate::CheckpointError;

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The blob is not there.
    NoBlob,
    /// The container is not there, and so neither is the blob.
    NoContainer,
    /// Somebody else has the lease.
    Taken,
    /// The lease that we showed is not in force any more.
    NotOurs,
    /// There is another version than the one that we know.
    Changed,
    /// We may not: a code.
    Refused(String),
    /// No answer, or none of use.
    Unreachable(String),
}

impl Trouble {
    /// What this error means. Its own words are left out: they may quote the address, and with it a signature.
    pub(super) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code, .. } => {
                Self::answered(u16::from(*status), error_code.as_deref().unwrap_or_default())
            }
            ErrorKind::Credential => Self::no_token(error),
            _ => Self::Unreachable("no answer".to_owned()),
        }
    }

    fn answered(status: u16, code: &str) -> Self {
        match (status, code) {
            (404, "BlobNotFound") => Self::NoBlob,
            (404, "ContainerNotFound") => Self::NoContainer,
            (409, "LeaseAlreadyPresent" | "LeaseIsBreakingAndCannotBeAcquired") => Self::Taken,
            (409, "BlobAlreadyExists") | (412, "ConditionNotMet") => Self::Changed,
            (409 | 412, lease) if lease.starts_with("Lease") => Self::NotOurs,
            (408 | 409 | 429 | 500.., code) => Self::Unreachable(named(status, code)),
            (_, code) => Self::Refused(named(status, code)),
        }
    }

    /// A credential's error hides in itself why there is no token.
    fn no_token(error: &Error) -> Self {
        match error.downcast_ref::<Error>().map(Error::kind) {
            Some(ErrorKind::Connection | ErrorKind::Io) => {
                Self::Unreachable("no token: whoever gives it out can't be reached".to_owned())
            }
            Some(ErrorKind::HttpResponse { status, .. }) if matches!(u16::from(*status), 429 | 500..) => {
                Self::Unreachable(format!("no token: status {}", u16::from(*status)))
            }
            _ => Self::Refused("no token".to_owned()),
        }
    }

    /// For whoever has to mend it. `signed`: by a signature, and not as an identity.
    pub(super) fn in_words(self, at: &BlobAddress, action: &'static str, signed: bool) -> CheckpointError {
        match self {
            Self::NoBlob => CheckpointError::Missing,
            Self::NoContainer => CheckpointError::NoContainer {
                at: at.to_string(),
                account: at.account().to_owned(),
                container: at.container().to_owned(),
            },
            Self::Taken | Self::NotOurs | Self::Changed => CheckpointError::Superseded,
            Self::Refused(code) => {
                CheckpointError::Refused { at: at.to_string(), action, code, remedy: remedy(signed) }
            }
            Self::Unreachable(why) => CheckpointError::Unreachable { at: at.to_string(), action, why },
        }
    }
}

fn named(status: u16, code: &str) -> String {
    // Without an `x-ms-error-code` the client puts the status there.
    let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_code { format!("{status} {code}") } else { status.to_string() }
}

fn remedy(signed: bool) -> &'static str {
    if signed {
        "CHECKPOINT_SAS must be for its container, allow to read and to write, and not have expired"
    } else {
        "Who the AZURE_* variables say we are needs the role Storage Blob Data Contributor on its container"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> BlobAddress {
        "https://contoso.blob.core.windows.net/usher/checkpoint.json".parse().unwrap()
    }

    #[test]
    fn each_answer_means_one_thing() {
        let refused = |code: &str| Trouble::Refused(code.to_owned());
        let unreachable = |code: &str| Trouble::Unreachable(code.to_owned());
        for (status, code, meaning) in [
            (404, "BlobNotFound", Trouble::NoBlob),
            (404, "ContainerNotFound", Trouble::NoContainer),
            (404, "ResourceNotFound", refused("404 ResourceNotFound")),
            (409, "LeaseAlreadyPresent", Trouble::Taken),
            (409, "LeaseIsBreakingAndCannotBeAcquired", Trouble::Taken),
            (409, "LeaseIdMismatchWithLeaseOperation", Trouble::NotOurs),
            (409, "LeaseIsBrokenAndCannotBeRenewed", Trouble::NotOurs),
            (409, "BlobAlreadyExists", Trouble::Changed),
            (409, "ContainerBeingDeleted", unreachable("409 ContainerBeingDeleted")),
            (412, "ConditionNotMet", Trouble::Changed),
            (412, "LeaseIdMissing", Trouble::NotOurs),
            (412, "LeaseIdMismatchWithBlobOperation", Trouble::NotOurs),
            (412, "LeaseNotPresentWithBlobOperation", Trouble::NotOurs),
            (412, "LeaseLost", Trouble::NotOurs),
            (403, "AuthorizationPermissionMismatch", refused("403 AuthorizationPermissionMismatch")),
            (401, "InvalidAuthenticationInfo", refused("401 InvalidAuthenticationInfo")),
            (400, "400 Bad Request", refused("400")),
            (429, "", unreachable("429")),
            (503, "ServerBusy", unreachable("503 ServerBusy")),
        ] {
            assert_eq!(Trouble::answered(status, code), meaning, "{status} {code}");
        }
    }

    #[test]
    fn a_token_that_can_not_be_had_now_is_another_thing_than_one_that_is_refused() {
        let failed = |kind: ErrorKind| {
            let inner = Error::with_message(kind, "https://x/?sig=hush");
            Trouble::of(&Error::with_error(ErrorKind::Credential, inner, "hush"))
        };
        assert!(matches!(failed(ErrorKind::Connection), Trouble::Unreachable(_)));
        assert_eq!(failed(ErrorKind::Credential), Trouble::Refused("no token".to_owned()));
        let asked = Error::with_message(ErrorKind::Io, "https://x/?sig=hush");
        assert_eq!(Trouble::of(&asked), Trouble::Unreachable("no answer".to_owned()));
    }

    #[test]
    fn whoever_reads_it_knows_what_to_type() {
        let words = |trouble: Trouble| trouble.in_words(&at(), "written", false).to_string();
        assert_eq!(
            words(Trouble::NoContainer),
            "https://contoso.blob.core.windows.net/usher/checkpoint.json has no container to lie in. Make it: \
             az storage container create --account-name contoso --name usher --auth-mode login"
        );
        assert!(words(Trouble::Refused("403".to_owned())).contains("Storage Blob Data Contributor"));
    }
}
