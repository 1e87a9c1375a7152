//! SQL's own settings.

use std::{num::NonZeroU32, sync::Arc};

use clap::{ArgAction, Args};
use uuid::Uuid;

use crate::{
    DatabaseUrl, Store, TableName,
    database_url::Database,
    mysql::MySql,
    postgres::Postgres,
    schema::{Dialect, Schema},
    sqlite::Sqlite,
};

/// Which database, which table in it, and who makes the table.
#[derive(Args, Clone, Debug)]
pub struct SqlSettings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// The database: sqlite://FILE (a local disk, no network share),
    /// postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full or mysql://USER:PASSWORD@HOST/DATABASE?sslmode=.. (MariaDB
    /// too); special characters of a password are percent-encoded. Anywhere but on this machine the server's certificate
    /// is verified unless sslmode says otherwise; sslrootcert (MySQL: sslca) names a file with its authority
    #[arg(
        long,
        env = "SQL_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = "sqlite://usher.db"
    )]
    pub sql_database_url: DatabaseUrl,
    /// The table with the rows
    #[arg(long, env = "SQL_TABLE", value_name = "NAME", default_value = "signups")]
    pub sql_table: TableName,
    /// Whether the table is made, and brought up to date, at the start; `usher-sql schema` shows how
    #[arg(long, env = "SQL_MIGRATE", value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub sql_migrate: bool,
    /// Connections to the database, at most; with SQLite it is always one
    #[arg(long, env = "SQL_CONNECTIONS", value_name = "N", default_value = "5")]
    pub sql_connections: NonZeroU32,
}

impl SqlSettings {
    /// The table, wherever it is. Connects to nobody yet; needs a runtime all the same.
    pub(crate) fn store(self) -> Arc<dyn Store> {
        let Self { sql_database_url, sql_table, sql_migrate, sql_connections, .. } = self;
        let connections = sql_connections.get();
        let schema = |dialect| Schema::new(dialect, &sql_table);
        match sql_database_url.into_database() {
            Database::Sqlite(options) => Arc::new(Sqlite::new(options, schema(Dialect::Sqlite), sql_migrate)),
            Database::Postgres(options) => {
                Arc::new(Postgres::new(options, schema(Dialect::Postgres), sql_migrate, connections))
            }
            Database::MySql(options) => {
                Arc::new(MySql::new(options, schema(Dialect::MySql), sql_migrate, connections))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        sql: SqlSettings,
    }

    fn settings(others: &[&str]) -> Result<SqlSettings, clap::Error> {
        let required = ["usher-sql", "--entra-tenant-id=0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"];
        Cli::try_parse_from(required.iter().chain(others)).map(|cli| cli.sql)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = settings(&[]).unwrap();
        assert_eq!(format!("{:?}", settings.sql_database_url), "DatabaseUrl(SQLite)");
        assert_eq!(settings.sql_table, "signups".parse().unwrap());
        assert!(settings.sql_migrate);
        assert_eq!(settings.sql_connections.get(), 5);
    }

    #[test]
    fn what_cannot_be_is_refused_at_the_start() {
        for wrong in [
            "--sql-database-url=oracle://localhost/usher",
            "--sql-table=sign-ups",
            "--sql-migrate=maybe",
            "--sql-connections=0",
        ] {
            assert!(settings(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_part_of_the_url_is_shown() {
        let shown = settings(&["--sql-database-url=postgres://ada:hush@db.example/usher"]).unwrap();
        let shown = format!("{shown:?}");
        assert!(
            !shown.contains("hush") && !shown.contains("ada") && !shown.contains("db.example"),
            "{shown}"
        );
    }
}
