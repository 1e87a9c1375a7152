//! Certificates for tests; `testdata/README.md` says what each is.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use time::{OffsetDateTime, macros::datetime};

pub(crate) const CERTIFICATE: &str = include_str!("../../testdata/certificate.pem");
pub(crate) const RENEWED: &str = include_str!("../../testdata/renewed.pem");
pub(crate) const ANOTHER: &str = include_str!("../../testdata/another-certificate.pem");
pub(crate) const MODERN: &[u8] = include_bytes!("../../testdata/modern.p12");
pub(crate) const LEGACY: &[u8] = include_bytes!("../../testdata/legacy.p12");
pub(crate) const PASSWORD: &str = "open";

/// Of [`CERTIFICATE`].
pub(crate) const FROM: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
pub(crate) const UNTIL: OffsetDateTime = datetime!(2027-01-01 00:00 UTC);
pub(crate) const THUMBPRINT: &str = "HetKAbRRNZDsweLU7_ZdPMC1n8uQcGW3nDowWHm-Bu0";

/// The first certificate in a PEM text.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}
