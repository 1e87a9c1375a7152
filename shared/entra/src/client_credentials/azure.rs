//! Azure's SDK over our HTTP client, and what its errors mean: the vault and the identity that the platform gives.
//!
//! The SDK's own words are left out: they may quote an answer.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    Error,
    error::ErrorKind,
    http::{
        self as sdk, AsyncRawResponse, Body, ClientOptions, RetryOptions, StatusCode, Transport,
        headers::Headers,
    },
};
use http::{HeaderName, HeaderValue};
use usher_http::{Failure, FailureClass, HttpClient, Request, Response, TransportError};
use usher_identity::IdentityError;

use crate::{CredentialError, CredentialKind};

/// The SDK's settings for clients that go out through ours: its bounds, its trust, its spans. Whoever asked for a token
/// tries again, so the SDK need not.
pub(super) fn options(http: HttpClient) -> ClientOptions {
    ClientOptions {
        transport: Some(Transport::new(Arc::new(Ours(http)))),
        retry: RetryOptions::none(),
        ..Default::default()
    }
}

struct Ours(HttpClient);

impl fmt::Debug for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("usher_http::HttpClient")
    }
}

#[async_trait]
impl sdk::HttpClient for Ours {
    async fn execute_request(&self, request: &sdk::Request) -> azure_core::Result<AsyncRawResponse> {
        let request = ours(request)?;
        self.0.send(request).await.map(theirs).map_err(no_answer)
    }
}

fn ours(request: &sdk::Request) -> azure_core::Result<Request> {
    let malformed = |what: &'static str| Error::with_message(ErrorKind::DataConversion, what);
    let Body::Bytes(body) = request.body() else { return Err(malformed("a streamed body is not sent")) };
    let ours = http::Request::builder().method(request.method().as_ref()).uri(request.url().as_str());
    let mut ours = ours.body(body.clone()).map_err(|_| malformed("not a request"))?;
    for (name, value) in request.headers().iter() {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| malformed("not a header's name"))?;
        let mut value =
            HeaderValue::try_from(value.as_str()).map_err(|_| malformed("not a header's value"))?;
        // Tokens are among them, and the platform's own secret: no log of the wire shows them.
        value.set_sensitive(true);
        ours.headers_mut().insert(name, value);
    }
    Ok(ours)
}

fn theirs(answer: Response) -> AsyncRawResponse {
    let (parts, body) = answer.into_parts();
    let mut headers = Headers::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    AsyncRawResponse::from_bytes(StatusCode::from(parts.status.as_u16()), headers, body)
}

fn no_answer(error: TransportError) -> Error {
    let kind = match error {
        TransportError::Connect => ErrorKind::Connection,
        _ => ErrorKind::Io,
    };
    Error::new(kind, error)
}

/// There is no credential of Azure's to begin with.
pub(super) fn no_identity(kind: CredentialKind, error: &IdentityError) -> CredentialError {
    let setting = error.setting().map(|setting| format!("{setting}: ")).unwrap_or_default();
    CredentialError::unusable(kind, format!("{setting}{error}"))
}

/// What the SDK's failure means, of which `asked` is the one who was to answer.
pub(super) fn failed(kind: CredentialKind, asked: &str, error: &Error) -> CredentialError {
    let cause = cause(error);
    if let Some(transport) = cause.downcast_ref::<TransportError>() {
        return (*transport).into();
    }
    // The credential's own request failed, before anybody else was asked.
    let asked =
        if matches!(error.kind(), ErrorKind::Credential) { "Azure, asked for a token," } else { asked };
    match cause.kind() {
        ErrorKind::HttpResponse { status, error_code, .. } => {
            answered(kind, asked, u16::from(*status), error_code.as_deref())
        }
        ErrorKind::Connection => TransportError::Connect.into(),
        ErrorKind::Io => TransportError::Broken.into(),
        ErrorKind::Credential => CredentialError::unusable(kind, "Azure's credential gives no token"),
        _ => CredentialError::unusable(kind, format!("{asked} gives no answer that can be used")),
    }
}

fn answered(kind: CredentialKind, asked: &str, status: u16, code: Option<&str>) -> CredentialError {
    let failure = Failure::status(FailureClass::Transient, status).with_code(code);
    if matches!(status, 408 | 429 | 500..) {
        return CredentialError::Transient(failure);
    }
    CredentialError::unusable(kind, format!("{asked} answers {failure}"))
}

/// The error at the bottom of the SDK's.
fn cause(error: &Error) -> &Error {
    std::iter::successors(Some(error), |error| error.downcast_ref::<Error>()).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: CredentialKind = CredentialKind::VaultCertificate;

    fn answer(status: u16, code: &str) -> Error {
        let kind = ErrorKind::HttpResponse {
            status: status.into(),
            error_code: Some(code.to_owned()),
            raw_response: None,
        };
        Error::with_message(kind, "ada@example.com may not")
    }

    #[test]
    fn a_refusal_says_who_refuses_and_quotes_nobody() {
        let error = failed(KIND, "the vault", &answer(403, "Forbidden"));
        assert_eq!(error, CredentialError::unusable(KIND, "the vault answers 403 Forbidden"));
        let inner = Error::with_error(ErrorKind::Credential, answer(401, "7000215"), "ada@example.com");
        let error = failed(KIND, "the vault", &inner);
        assert_eq!(error, CredentialError::unusable(KIND, "Azure, asked for a token, answers 401 7000215"));
    }

    #[test]
    fn what_is_the_moments_fault_is_no_settings() {
        for status in [408, 429, 500, 503] {
            assert!(matches!(failed(KIND, "it", &answer(status, "")), CredentialError::Transient(_)));
        }
        for (transport, kind) in
            [(TransportError::Connect, ErrorKind::Connection), (TransportError::Timeout, ErrorKind::Io)]
        {
            let error = no_answer(transport);
            assert_eq!(*error.kind(), kind);
            let error = Error::with_error(ErrorKind::Credential, error, "no token");
            assert_eq!(failed(KIND, "it", &error), CredentialError::Transport(transport));
        }
    }
}
