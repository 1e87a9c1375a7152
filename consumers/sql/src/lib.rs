//! SQL: every sign-up is one row in a table of SQLite, PostgreSQL, MySQL or MariaDB.
//!
//! The row is put under the user's object id by the database's own upsert, so that the same sign-up is the same row
//! however often it is delivered, by however many replicas at once. A repeat changes nothing; other data for the same
//! sign-up change the row and its `updated_at`; an event about an earlier sign-up never overwrites a later one.
//!
//! A table is no display: names stand in it as they were typed, markup, emoji and marks of direction included. Only what
//! a database can't hold is taken out (see [`Row`]). Values go as parameters, always; whoever shows them must do
//! likewise.
//!
//! The probe is what an upsert does, rolled back: it finds out about rights, missing columns, full disks and standbys
//! before a message does, and needs no more rights than the work itself.

mod database_url;
mod failure;
mod mysql;
mod postgres;
mod row;
mod schema;
mod settings;
mod span;
mod sqlite;
mod store;
mod table_name;

use std::{
    io::{Write, stdout},
    sync::Arc,
};

use async_trait::async_trait;
use clap::Subcommand;
use usher_clock::Clock;
use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::{Consumer, Down, Handler, Outcome, Ports, Presence};
use uuid::Uuid;

pub use crate::{
    database_url::DatabaseUrl,
    row::Row,
    settings::SqlSettings,
    store::{Fault, Store, StoreError},
    table_name::TableName,
};

/// The handler.
pub struct Sql {
    tenant_id: Uuid,
    clock: Clock,
    store: Arc<dyn Store>,
}

/// What this consumer can do beside its work.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum SqlCommand {
    /// Print the statements that make the table, for the database that SQL_DATABASE_URL names; asks nobody
    ///
    /// For whoever applies them by hand: with SQL_MIGRATE=false nothing is made or altered at the start, and a right to
    /// insert, update and select is enough.
    Schema,
}

#[async_trait]
impl Handler for Sql {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    /// The whole policy: one row, as the sign-up had it.
    async fn handle(&self, event: &Event) -> Outcome {
        let row = Row::of(event, self.clock.now());
        let put = span::of(&*self.store, "upsert", self.store.upsert(&row)).await;
        put.map_or_else(StoreError::outcome, |()| Outcome::Done)
    }

    async fn probe(&self) -> Result<(), Down> {
        span::of(&*self.store, "upsert", self.store.probe()).await.map_err(StoreError::down)
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        Ok(match self.store.holds(event.data.user_id).await? {
            Some(true) => Presence::Present,
            Some(false) => Presence::Missing("no-row"),
            None => Presence::Unknown("the table can't be asked"),
        })
    }
}

impl Consumer for Sql {
    const NAME: &'static str = "sql";
    const ABOUT: &'static str =
        "Makes every sign-up one row in a table of SQLite, PostgreSQL, MySQL or MariaDB.";
    type Settings = SqlSettings;
    type Command = SqlCommand;

    fn new(settings: SqlSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        Ok(Self::with_store(settings.tenant_id, ports.clock, settings.store()))
    }

    async fn command(self, command: SqlCommand) -> Result<(), usher_service::Failure> {
        let SqlCommand::Schema = command;
        // A reader that has gone away, such as `head`, has seen enough.
        let _ = stdout().write_all(self.store.schema().as_bytes());
        Ok(())
    }
}

impl Sql {
    /// A handler on any store: a database, or a stand-in for one.
    pub fn with_store(tenant_id: Uuid, clock: Clock, store: Arc<dyn Store>) -> Self {
        Self { tenant_id, clock, store }
    }
}

#[cfg(test)]
mod tests;
