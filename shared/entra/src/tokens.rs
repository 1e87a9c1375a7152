//! Keeps one token: shared by all calls, renewed before it expires, asked for by one call at a time.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{sync::Mutex, time::Instant};
use usher_clock::Clock;

use crate::{AccessToken, Credential, CredentialError};

/// A token is renewed this long before it expires, or halfway through a life shorter than twice that: clocks
/// differ by a minute or two, and a call takes its time.
const MARGIN: Duration = Duration::from_secs(300);
/// After a renewal failed while the token still holds, this long passes before the next attempt.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// The token for one scope.
pub(crate) struct Tokens {
    credential: Arc<dyn Credential>,
    scope: String,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When the last attempt failed, and how: those who waited for it share its failure.
    failed: Option<(Instant, CredentialError)>,
}

struct Held {
    token: Arc<AccessToken>,
    renew_at: OffsetDateTime,
}

impl Tokens {
    pub(crate) fn new(credential: Arc<dyn Credential>, scope: String, clock: Clock) -> Self {
        Self { credential, scope, clock, state: Mutex::default() }
    }

    /// A token that holds.
    pub(crate) async fn get(&self) -> Result<Arc<AccessToken>, CredentialError> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(held) = state.held.as_ref().filter(|held| self.clock.now() < held.renew_at) {
            return Ok(held.token.clone());
        }
        if let Some((at, error)) = state.failed.as_ref().filter(|(at, _)| asked_at < *at) {
            tracing::debug!(waited = ?at.duration_since(asked_at), "shared a failed attempt to get a token");
            return Err(error.clone());
        }
        self.renew(&mut state).await
    }

    /// Graph refused this token: the next call gets another. Harmless if another is held already.
    pub(crate) async fn discard(&self, token: &Arc<AccessToken>) {
        let mut state = self.state.lock().await;
        state.held.take_if(|held| Arc::ptr_eq(&held.token, token));
    }

    async fn renew(&self, state: &mut State) -> Result<Arc<AccessToken>, CredentialError> {
        match self.credential.token(&self.scope).await {
            Ok(token) => Ok(self.keep(state, token)),
            Err(error) => self.outlast(state, error),
        }
    }

    fn keep(&self, state: &mut State, token: AccessToken) -> Arc<AccessToken> {
        let life = self.clock.until(token.expires_at);
        let renew_at = token.expires_at - MARGIN.min(life / 2);
        let token = Arc::new(token);
        *state = State { held: Some(Held { token: token.clone(), renew_at }), failed: None };
        token
    }

    /// A token that still holds is good enough until the next attempt.
    fn outlast(
        &self,
        state: &mut State,
        error: CredentialError,
    ) -> Result<Arc<AccessToken>, CredentialError> {
        let now = self.clock.now();
        if let Some(held) = state.held.as_mut().filter(|held| now < held.token.expires_at) {
            tracing::warn!(%error, "the token could not be renewed; the present one still holds");
            held.renew_at = now + RENEWAL_PAUSE;
            return Ok(held.token.clone());
        }
        state.failed = Some((Instant::now(), error.clone()));
        Err(error)
    }
}

#[cfg(test)]
mod tests;
