use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use usher_http::TransportError;

use super::*;

/// Gives numbered tokens of an hour, each after a second; fails from the n-th on.
struct Numbered {
    asked: AtomicUsize,
    fails_from: usize,
    clock: Clock,
}

#[async_trait]
impl Credential for Numbered {
    async fn token(&self, _scope: &str) -> Result<AccessToken, CredentialError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if number >= self.fails_from {
            return Err(TransportError::Timeout.into());
        }
        let secret = SecretString::from(number.to_string());
        Ok(AccessToken { secret, expires_at: self.clock.now() + Duration::from_secs(3600) })
    }
}

fn tokens(fails_from: usize) -> (Tokens, Arc<Numbered>) {
    let clock = Clock::starting_at(OffsetDateTime::UNIX_EPOCH);
    let credential = Arc::new(Numbered { asked: AtomicUsize::new(0), fails_from, clock });
    (Tokens::new(credential.clone(), "scope".to_owned(), clock), credential)
}

async fn get(tokens: &Tokens) -> Result<String, CredentialError> {
    tokens.get().await.map(|token| token.secret.expose_secret().to_owned())
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_secs(60 * count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_and_renewed_before_it_expires() {
    let (tokens, _) = tokens(usize::MAX);
    assert_eq!(get(&tokens).await.unwrap(), "1");
    minutes(54).await;
    assert_eq!(get(&tokens).await.unwrap(), "1");
    minutes(2).await;
    assert_eq!(get(&tokens).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_ask_for_one_token() {
    let (tokens, credential) = tokens(usize::MAX);
    let (a, b, c) = tokio::join!(get(&tokens), get(&tokens), get(&tokens));
    assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), ("1".into(), "1".into(), "1".into()));
    assert_eq!(credential.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_waited_for_a_failed_attempt_share_its_failure() {
    let (tokens, credential) = tokens(1);
    let (a, b) = tokio::join!(get(&tokens), get(&tokens));
    assert!(a.is_err() && b.is_err());
    assert_eq!(credential.asked.load(Ordering::Relaxed), 1);
    assert!(get(&tokens).await.is_err(), "a later call asks again");
    assert_eq!(credential.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_still_holds_outlasts_a_failed_renewal() {
    let (tokens, credential) = tokens(2);
    assert_eq!(get(&tokens).await.unwrap(), "1");
    minutes(56).await;
    assert_eq!(get(&tokens).await.unwrap(), "1");
    assert_eq!(get(&tokens).await.unwrap(), "1", "and is not renewed again at every call");
    assert_eq!(credential.asked.load(Ordering::Relaxed), 2);
    minutes(4).await;
    assert!(get(&tokens).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_discarded_token_is_replaced_and_its_successor_stays() {
    let (tokens, _) = tokens(usize::MAX);
    let first = tokens.get().await.unwrap();
    tokens.discard(&first).await;
    assert_eq!(get(&tokens).await.unwrap(), "2");
    tokens.discard(&first).await;
    assert_eq!(get(&tokens).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_mended_is_said_once_until_it_is() {
    let mut state = State::default();
    let expired = |at| CredentialError::Expired { kind: crate::CredentialKind::CertificateFile, at };
    state.tell(&TransportError::Timeout.into());
    assert_eq!(state.told, None, "waiting may help");
    for at in [OffsetDateTime::UNIX_EPOCH, OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1)] {
        state.tell(&expired(at));
        assert_eq!(state.told, Some(expired(at)));
    }
    let (tokens, _) = tokens(usize::MAX);
    let token = tokens.credential.token("scope").await.unwrap();
    tokens.keep(&mut state, token);
    assert_eq!(state.told, None);
}
