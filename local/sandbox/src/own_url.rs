//! Our own URLs on the port with TLS, as the caller knows them: what assertions are made out to, and what ids begin with.

use axum::http::{HeaderMap, Uri, header};

/// Scheme and authority under which the caller reached us.
pub(crate) fn base(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(|authority| authority.as_str()).or(host);
    format!("https://{}", authority.unwrap_or("localhost"))
}
