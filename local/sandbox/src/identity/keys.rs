//! The keys of all that is signed here, each a PEM file's text. RSA keys can't be made by ring, so they are kept with
//! the source; certificates are made of them at every start.

/// Of certificates in files: the second for those with an odd number, and so another after each rotation.
pub(super) const FILES: [&str; 2] =
    [include_str!("../../identity-keys/file-even.pem"), include_str!("../../identity-keys/file-odd.pem")];
/// Of certificates in the vault, in the same way.
pub(crate) const VAULT: [&str; 2] =
    [include_str!("../../identity-keys/vault-even.pem"), include_str!("../../identity-keys/vault-odd.pem")];
/// Of the tokens that managed identities and workloads have.
pub(super) const ISSUER: &str = include_str!("../../identity-keys/issuer.pem");

/// The key for a number.
pub(crate) fn of(keys: [&'static str; 2], number: u64) -> &'static str {
    if number.is_multiple_of(2) { keys[0] } else { keys[1] }
}
