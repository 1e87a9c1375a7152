//! Keeps one token: shared by all calls, renewed before it expires, asked for by one call at a time.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{sync::Mutex, time::Instant};
use usher_clock::Clock;

use crate::{AccessToken, Credential, CredentialError, Expiry, reminder::Reminder};

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
    reminder: Reminder,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When the last attempt failed, and how: those who waited for it share its failure.
    failed: Option<(Instant, CredentialError)>,
    /// What an operator was last told to mend, until it is.
    told: Option<CredentialError>,
    /// Whether a token was asked for before. What comes of the first time is told by whoever starts with it.
    began: bool,
}

struct Held {
    token: Arc<AccessToken>,
    renew_at: OffsetDateTime,
}

impl Tokens {
    pub(crate) fn new(credential: Arc<dyn Credential>, scope: String, clock: Clock) -> Self {
        Self { credential, scope, clock, reminder: Reminder::new(clock), state: Mutex::default() }
    }

    /// When the credential expires, where that can be seen.
    pub(crate) fn expiry(&self) -> Option<Expiry> {
        self.credential.expiry()
    }

    /// Tells `watcher` when the credential expires, now and whenever a token has been asked for.
    pub(crate) fn watch_expiry(&self, watcher: impl Fn(Expiry) + Send + Sync + 'static) {
        self.reminder.watch(watcher);
        self.reminder.look(self.expiry());
    }

    /// A token that holds.
    pub(crate) async fn get(&self) -> Result<Arc<AccessToken>, CredentialError> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(held) = state.held.as_ref().filter(|held| self.clock.now() < held.renew_at) {
            return Ok(held.token.clone());
        }
        if let Some((at, error)) = state.failed.as_ref().filter(|(at, _)| asked_at < *at) {
            let waited_s = at.duration_since(asked_at).as_secs_f64();
            tracing::debug!(waited_s, "shared a failed attempt to get a token");
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
        let asked = self.credential.token(&self.scope).await;
        self.reminder.look(self.expiry());
        match asked {
            Ok(token) => Ok(self.keep(state, token)),
            Err(error) => self.outlast(state, error),
        }
    }

    fn keep(&self, state: &mut State, token: AccessToken) -> Arc<AccessToken> {
        let life = self.clock.until(token.expires_at);
        let renew_at = token.expires_at - MARGIN.min(life / 2);
        let token = Arc::new(token);
        let held = Some(Held { token: token.clone(), renew_at });
        let before = std::mem::replace(state, State { held, failed: None, told: None, began: true });
        if before.told.is_some() {
            tracing::info!("our credential is taken again");
        }
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
            let todo = error.remedy();
            tracing::warn!(%error, todo, "the token could not be renewed; the present one still holds");
            held.renew_at = now + RENEWAL_PAUSE;
            return Ok(held.token.clone());
        }
        state.failed = Some((Instant::now(), error.clone()));
        if std::mem::replace(&mut state.began, true) {
            state.tell(&error);
        }
        Err(error)
    }
}

impl State {
    /// Once for each thing to mend: who asked for the token says what becomes of that, which is less than what to do.
    fn tell(&mut self, error: &CredentialError) {
        let Some(setting) = error.setting().filter(|_| self.told.as_ref() != Some(error)) else { return };
        let said = format!("{error}: {}", error.remedy());
        tracing::warn!(setting, error = said, "no token until our credential is mended");
        self.told = Some(error.clone());
    }
}

#[cfg(test)]
mod tests;
