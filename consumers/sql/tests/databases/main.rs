//! The table in real databases: SQLite, PostgreSQL and MariaDB, each through the same scenarios.
//!
//! The servers are this machine's, or Debian's packages below `.sdk`; where neither can be had the test says that it is
//! skipped, and fails in CI. One test a database, so that its server ends with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod database;
mod people;
mod refusals;
mod scenarios;
mod servers;
mod sqlite;

use crate::{database::Database, servers::Server};

#[tokio::test]
async fn all_scenarios_hold_with_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/signups.db", folder.path().display());
    scenarios::all(&Database::sqlite(&url)).await;
}

#[tokio::test]
async fn all_scenarios_hold_with_postgresql() {
    let Some(server) = Server::start("postgresql") else { return };
    let database = Database::postgres(&server.url);
    scenarios::all(&database).await;
    refusals::all(&database).await;
    refusals::a_database_that_goes_away_is_waited_for(&database, server).await;
}

#[tokio::test]
async fn all_scenarios_hold_with_mariadb() {
    let Some(server) = Server::start("mariadb") else { return };
    let database = Database::mysql(&server.url);
    scenarios::all(&database).await;
    refusals::all(&database).await;
    scenarios::a_key_of_somebody_elses_that_mysql_takes_for_ours_is_an_error(&database).await;
    refusals::a_database_that_goes_away_is_waited_for(&database, server).await;
}
