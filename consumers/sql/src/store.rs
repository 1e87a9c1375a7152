//! The port to the table, and what it means when that fails.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use thiserror::Error;
use usher_http::{Failure, FailureClass};
use usher_subscriber::{Down, Outcome};
use uuid::Uuid;

use crate::Row;

/// Its name in logs and in a dead letter's reason.
const VENDOR: &str = "Database";
/// The setting that holds our credentials.
pub(crate) const URL: &str = "SQL_DATABASE_URL";
/// The setting that names the table.
pub(crate) const TABLE: &str = "SQL_TABLE";
/// The code of a connection that would not be as confidential as the URL demands.
pub(crate) const NO_TLS: &str = "no-trusted-tls";

/// How long a connection may take to come: made, or given back by somebody else. Less than the runtime waits for a
/// probe, so that a probe can say that there is none.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a lock is waited for. The databases are told so too, where they can be.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long a statement may take in all: a bit longer than the databases give it, since their answer says more.
pub(crate) const STATEMENT: Duration = Duration::from_secs(15);
/// How long the table may take to be made, the wait for another replica that makes it included.
pub(crate) const MIGRATION: Duration = Duration::from_secs(90);

/// A table with one row for each user.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Puts the row where its user's is or will be. The same row again changes nothing, and one of an earlier sign-up
    /// never overwrites that of a later one.
    ///
    /// # Errors
    /// [`StoreError`] says whose fault it is. The row may be there all the same.
    async fn upsert(&self, row: &Row) -> Result<(), StoreError>;

    /// Whether an upsert would work now. Leaves nothing behind.
    ///
    /// # Errors
    /// As an upsert's.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Whether a user has a row; `None` if this store does not tell. Only reads.
    ///
    /// # Errors
    /// As an upsert's.
    async fn holds(&self, _user_id: Uuid) -> Result<Option<bool>, StoreError> {
        Ok(None)
    }

    /// Which kind of database it is, as OpenTelemetry's conventions name it.
    fn system(&self) -> &'static str {
        "other_sql"
    }

    /// The statements that make the table, if it takes any.
    fn schema(&self) -> String {
        String::new()
    }
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The moment's: a lock, a deadlock, a statement that took too long.
    Moment,
    /// The database's: it can't be reached, has no room, or is a standby.
    Unreachable,
    /// This setting's: the database does not take our credentials, or what the setting names isn't there.
    Setting(&'static str),
    /// This row's.
    Row,
}

/// Why a statement did not do what was asked: in a code of the database's or a word of ours. Messages of databases
/// quote values and URLs, so none is kept.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{code}")]
pub struct StoreError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Which database, and its own code: `pg-40P01`, `mysql-1213`, `sqlite-5`.
    pub code: String,
}

impl StoreError {
    /// A failure with this code.
    pub fn new(fault: Fault, code: impl Into<String>) -> Self {
        Self { fault, code: code.into() }
    }

    /// What becomes of a sign-up.
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::failed(VENDOR, self.into())
    }

    /// What a probe reports.
    pub(crate) fn down(self) -> Down {
        let setting = match self.fault {
            Fault::Setting(setting) => setting,
            Fault::Moment | Fault::Unreachable | Fault::Row => URL,
        };
        let hint = self.hint();
        let mut failure = Failure::from(self);
        if let (Some(code), Some(hint)) = (&mut failure.code, hint) {
            *code = format!("{code} ({hint})");
        }
        Down { vendor: VENDOR, setting, failure }
    }

    /// What mends it, where the code alone does not tell.
    fn hint(&self) -> Option<&'static str> {
        match (self.fault, self.code.as_str()) {
            (Fault::Setting(TABLE), _) => Some(
                "the table or one of its columns is not there or of another kind: apply what `usher-sql schema` prints, \
                 or name another table",
            ),
            (_, NO_TLS) => Some(
                "the server has no TLS, or a certificate that nothing here vouches for: see sslmode and sslrootcert in \
                 `usher-sql --help`",
            ),
            _ => None,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(StoreError { fault, code }: StoreError) -> Self {
        let class = match fault {
            Fault::Moment => FailureClass::Transient,
            Fault::Unreachable => FailureClass::Unreachable,
            Fault::Setting(_) => FailureClass::Unauthorized,
            Fault::Row => FailureClass::Refused,
        };
        Self { class, status: None, code: Some(code), retry_after: None }
    }
}

/// For a store that is called over HTTP.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let fault = match failure.class {
            FailureClass::Transient => Fault::Moment,
            FailureClass::Unreachable => Fault::Unreachable,
            FailureClass::Unauthorized => Fault::Setting(URL),
            FailureClass::Refused => Fault::Row,
        };
        Self::new(fault, failure.to_string())
    }
}

/// Does it within a time, and says what it means if that fails.
pub(crate) async fn bounded<T>(
    within: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
    meaning: fn(&sqlx::Error) -> StoreError,
) -> Result<T, StoreError> {
    match tokio::time::timeout(within, work).await {
        Ok(done) => done.map_err(|error| meaning(&error)),
        Err(_) => Err(StoreError::new(Fault::Moment, "no-answer-in-time")),
    }
}

/// What a tried sample says: a database that finds fault with the row itself, by a rule of its owner's, is there.
pub(crate) fn reached(tried: Result<(), StoreError>) -> Result<(), StoreError> {
    match tried {
        Err(StoreError { fault: Fault::Row, .. }) => Ok(()),
        tried => tried,
    }
}
