//! The namespace that we speak to: how to reach it, and our proof of who we are.

use std::{path::Path, sync::Arc, time::Duration};

use azure_core::{credentials::TokenCredential, error::ErrorKind};
use secrecy::SecretString;
use time::OffsetDateTime;
use usher_clock::Clock;
use usher_identity::ambient_credential;

use super::{sas, transport::Dialer};
use crate::{
    BusError,
    settings::{BusSettingsError, Checked, Identity},
};

/// How long a token that we sign ourselves is valid.
const SAS_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// What a token of Entra ID has to be for.
const SCOPE: &str = "https://servicebus.azure.net/.default";

/// Everything that a new connection needs.
pub(crate) struct Namespace {
    pub(crate) dialer: Dialer,
    pub(crate) clock: Clock,
    proof: Proof,
}

enum Proof {
    Key { name: String, key: SecretString },
    Entra(Arc<dyn TokenCredential>),
}

/// A token to show to the broker.
pub(super) struct Token {
    pub(super) text: SecretString,
    /// Service Bus's name for the kind of token.
    pub(super) kind: &'static str,
    pub(super) expires: OffsetDateTime,
}

impl Namespace {
    pub(crate) fn new(checked: Checked, extra_ca: Option<&Path>) -> Result<Self, BusSettingsError> {
        let dialer = Dialer::new(&checked, extra_ca)?;
        let proof = match checked.identity {
            Identity::Key { name, key } => Proof::Key { name, key },
            Identity::Ambient => Proof::Entra(ambient_credential(extra_ca)?),
        };
        Ok(Self { dialer, clock: Clock::system(), proof })
    }

    /// The name under which an entity's token is put: its audience.
    pub(super) fn audience(&self, entity: &str) -> String {
        format!("sb://{}/{entity}", self.dialer.host())
    }

    /// A token for the entity, freshly made or from the credential's own cache.
    pub(super) async fn token(&self, entity: &str) -> Result<Token, BusError> {
        match &self.proof {
            Proof::Key { name, key } => {
                let expires = self.clock.now() + SAS_LIFETIME;
                let text = sas::token(&self.audience(entity), name, key, expires.unix_timestamp());
                Ok(Token { text, kind: "servicebus.windows.net:sastoken", expires })
            }
            Proof::Entra(credential) => {
                let token = credential
                    .get_token(&[SCOPE], None)
                    .await
                    .map_err(|error| refused(entity, error.kind()))?;
                let text = token.token.secret().to_owned().into();
                Ok(Token { text, kind: "jwt", expires: token.expires_on })
            }
        }
    }
}

/// The credential's own message is left out: it may quote the token endpoint's answer.
fn refused(entity: &str, kind: &ErrorKind) -> BusError {
    match kind {
        ErrorKind::HttpResponse { status, .. } if u16::from(*status) < 500 && u16::from(*status) != 429 => {
            let condition = format!("no token, status {}", u16::from(*status));
            BusError::Unauthorized { entity: entity.to_owned(), condition }
        }
        ErrorKind::Credential => {
            let condition = "no token from the credential".to_owned();
            BusError::Unauthorized { entity: entity.to_owned(), condition }
        }
        _ => BusError::Unavailable("no token: the token endpoint can't be reached".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use azure_core::{
        Error,
        credentials::{AccessToken, TokenRequestOptions},
    };
    use secrecy::ExposeSecret;
    use time::macros::datetime;

    use super::*;
    use crate::settings::BusTransport;

    const EXPIRES: OffsetDateTime = datetime!(2026-03-01 13:00 UTC);

    /// Hands out one token, or fails in one way.
    #[derive(Debug)]
    struct Fake(Option<ErrorKind>);

    #[async_trait::async_trait]
    impl TokenCredential for Fake {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            assert_eq!(scopes, [SCOPE]);
            match &self.0 {
                None => Ok(AccessToken::new("eyJ", EXPIRES)),
                Some(kind) => Err(Error::with_message(kind.clone(), "a@b.example is unknown")),
            }
        }
    }

    fn namespace(proof: Proof) -> Namespace {
        let checked = Checked {
            host: "contoso.servicebus.windows.net".into(),
            port: 5671,
            plain: true, // nothing is dialled
            transport: BusTransport::Amqp,
            identity: Identity::Ambient,
        };
        let clock = Clock::starting_at(datetime!(2026-03-01 12:00 UTC));
        Namespace { dialer: Dialer::new(&checked, None).unwrap(), clock, proof }
    }

    #[tokio::test]
    async fn a_token_of_entra_is_shown_as_it_is() {
        let token = namespace(Proof::Entra(Arc::new(Fake(None)))).token("user-signups").await.unwrap();
        assert_eq!((token.text.expose_secret(), token.kind, token.expires), ("eyJ", "jwt", EXPIRES));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_signs_a_token_for_the_entity_that_lasts_an_hour() {
        let proof = Proof::Key { name: "billing".into(), key: "k".to_owned().into() };
        let token = namespace(proof).token("user-signups").await.unwrap();
        assert_eq!(token.expires, EXPIRES);
        let start = "SharedAccessSignature sr=sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fuser-signups&sig=";
        assert!(token.text.expose_secret().starts_with(start));
    }

    #[tokio::test]
    async fn a_credential_that_is_refused_is_not_tried_for_ever_and_not_quoted() {
        for (kind, for_good) in [(ErrorKind::Credential, true), (ErrorKind::Io, false)] {
            let failing = namespace(Proof::Entra(Arc::new(Fake(Some(kind)))));
            let error = failing.token("user-signups").await.map(drop).unwrap_err();
            assert_eq!(matches!(error, BusError::Unauthorized { .. }), for_good, "{error}");
            assert!(!error.to_string().contains("a@b.example"), "{error}");
        }
    }
}
