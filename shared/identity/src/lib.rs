//! Who we are in Azure, and the proofs that send no secret over the wire.
//!
//! The bus, the key vault and the checkpoint in a storage account ask the same question, and the `AZURE_*` variables
//! answer it for all of them: [`ambient_credential`]. Whoever speaks to Azure by its SDK does so through
//! [`client_options`], on TLS by [`tls_config`].
//!
//! An app registration with a certificate proves itself by an [`Assertion`] that the certificate's key has signed: a key in
//! a file ([`SigningCertificate`]), or one that a vault keeps.

mod ambient;
mod assertion;
mod certificate;
mod error;
mod signing;
mod tls;
mod transport;

pub use ambient::{ambient_credential, ambient_credential_over, managed_identity_over};
pub use assertion::Assertion;
pub use certificate::{Certificate, CertificateError, day};
pub use error::IdentityError;
pub use signing::SigningCertificate;
pub use tls::tls_config;
pub use transport::client_options;
