//! PostgreSQL, and what speaks its protocol.

use async_trait::async_trait;
use sqlx::{
    Connection, Error, Executor, PgConnection, PgPool, Postgres as Driver,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions},
    query::Query,
    raw_sql,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    Row, Store, StoreError,
    failure::of_postgres,
    schema::Schema,
    store::{ACQUIRE, MIGRATION, STATEMENT, bounded, reached},
};

/// What each connection is told: the waits of `store.rs`, on the server's side, where a statement would else go on after
/// we have given it up. Not as start-up parameters, which poolers refuse. Notices are triggers' words, and may hold data.
const SESSION: &str =
    "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET client_min_messages = error";
/// One replica at a time makes the table; the lock, of this number alone, ends with the transaction, however that ends.
const LOCK: &str = "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '80s'; \
    SELECT pg_advisory_xact_lock(8463510914528673)";

/// The table in a PostgreSQL database.
pub(crate) struct Postgres {
    pool: PgPool,
    schema: Schema,
    migrates: bool,
    migrated: OnceCell<()>,
}

impl Postgres {
    pub(crate) fn new(options: PgConnectOptions, schema: Schema, migrates: bool, connections: u32) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SESSION).await.map(drop) })
            })
            .connect_lazy_with(options);
        Self { pool, schema, migrates, migrated: OnceCell::new() }
    }

    /// Makes the table, the first time.
    async fn ready(&self) -> Result<(), StoreError> {
        if self.migrates {
            self.migrated.get_or_try_init(|| bounded(MIGRATION, self.migrate(), of_postgres)).await?;
        }
        Ok(())
    }

    async fn migrate(&self) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?.detach();
        // Whatever is wrong with the question, that there is no table yet or something worse, the next one will say.
        // If nothing is to be done, no right to make tables is needed.
        if self.version(&mut connection).await.is_ok_and(|version| version >= self.schema.latest()) {
            return connection.close().await;
        }
        let mut transaction = connection.begin().await?;
        raw_sql(LOCK).execute(&mut *transaction).await?;
        raw_sql(self.schema.bookkeeping()).execute(&mut *transaction).await?;
        let version = self.version(&mut transaction).await?;
        for step in self.schema.pending(version) {
            raw_sql(step).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        connection.close().await
    }

    async fn version(&self, connection: &mut PgConnection) -> Result<i64, Error> {
        sqlx::query_scalar(self.schema.version()).fetch_one(connection).await
    }

    fn statement(&self, row: &Row) -> Query<'static, Driver, PgArguments> {
        let mut query: Query<'static, Driver, PgArguments> = sqlx::query(self.schema.upsert());
        for value in self.schema.values(row) {
            query = query.bind(value);
        }
        query
    }

    async fn put(&self, row: &Row) -> Result<(), Error> {
        self.statement(row).execute(&self.pool).await.map(drop)
    }

    async fn try_out(&self) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        self.statement(&Row::sample()).execute(&mut *transaction).await?;
        transaction.rollback().await
    }

    async fn find(&self, user_id: Uuid) -> Result<bool, Error> {
        let query = sqlx::query(self.schema.find()).bind(user_id.to_string());
        query.fetch_optional(&self.pool).await.map(|found| found.is_some())
    }
}

#[async_trait]
impl Store for Postgres {
    fn system(&self) -> &'static str {
        "postgresql"
    }

    async fn upsert(&self, row: &Row) -> Result<(), StoreError> {
        self.ready().await?;
        bounded(STATEMENT, self.put(row), of_postgres).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.ready().await?;
        reached(bounded(STATEMENT, self.try_out(), of_postgres).await)
    }

    async fn holds(&self, user_id: Uuid) -> Result<Option<bool>, StoreError> {
        bounded(STATEMENT, self.find(user_id), of_postgres).await.map(Some)
    }

    fn schema(&self) -> String {
        self.schema.text()
    }
}
