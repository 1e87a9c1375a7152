//! SQLite: a file on this machine, written through one connection, as SQLite has one writer at a time anyway.

use async_trait::async_trait;
use sqlx::{
    Connection, Error, Sqlite as Driver, SqliteConnection, SqlitePool,
    query::Query,
    raw_sql,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    Row, Store, StoreError,
    failure::of_sqlite,
    schema::Schema,
    store::{ACQUIRE, MIGRATION, STATEMENT, bounded, reached},
};

/// Takes the lock at once: a transaction that begins with a look and then wants to write can't wait for it.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// The table in a SQLite file.
pub(crate) struct Sqlite {
    pool: SqlitePool,
    schema: Schema,
    migrates: bool,
    migrated: OnceCell<()>,
}

impl Sqlite {
    pub(crate) fn new(options: SqliteConnectOptions, schema: Schema, migrates: bool) -> Self {
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE);
        Self { pool: pool.connect_lazy_with(options), schema, migrates, migrated: OnceCell::new() }
    }

    /// Makes the table, the first time.
    async fn ready(&self) -> Result<(), StoreError> {
        if self.migrates {
            self.migrated.get_or_try_init(|| bounded(MIGRATION, self.migrate(), of_sqlite)).await?;
        }
        Ok(())
    }

    async fn migrate(&self) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?.detach();
        // Whatever is wrong with the question, that there is no table yet or something worse, the next one will say.
        if self.version(&mut connection).await.is_ok_and(|version| version >= self.schema.latest()) {
            return connection.close().await;
        }
        let mut transaction = connection.begin_with(BEGIN).await?;
        raw_sql(self.schema.bookkeeping()).execute(&mut *transaction).await?;
        let version = self.version(&mut transaction).await?;
        for step in self.schema.pending(version) {
            raw_sql(step).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        connection.close().await
    }

    async fn version(&self, connection: &mut SqliteConnection) -> Result<i64, Error> {
        sqlx::query_scalar(self.schema.version()).fetch_one(connection).await
    }

    fn statement(&self, row: &Row) -> Query<'static, Driver, SqliteArguments> {
        let mut query: Query<'static, Driver, SqliteArguments> = sqlx::query(self.schema.upsert());
        for value in self.schema.values(row) {
            query = query.bind(value);
        }
        query
    }

    async fn put(&self, row: &Row) -> Result<(), Error> {
        self.statement(row).execute(&self.pool).await.map(drop)
    }

    async fn try_out(&self) -> Result<(), Error> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        self.statement(&Row::sample()).execute(&mut *transaction).await?;
        transaction.rollback().await
    }

    async fn find(&self, user_id: Uuid) -> Result<bool, Error> {
        let query = sqlx::query(self.schema.find()).bind(user_id.to_string());
        query.fetch_optional(&self.pool).await.map(|found| found.is_some())
    }
}

#[async_trait]
impl Store for Sqlite {
    fn system(&self) -> &'static str {
        "sqlite"
    }

    async fn upsert(&self, row: &Row) -> Result<(), StoreError> {
        self.ready().await?;
        bounded(STATEMENT, self.put(row), of_sqlite).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.ready().await?;
        reached(bounded(STATEMENT, self.try_out(), of_sqlite).await)
    }

    async fn holds(&self, user_id: Uuid) -> Result<Option<bool>, StoreError> {
        bounded(STATEMENT, self.find(user_id), of_sqlite).await.map(Some)
    }

    fn schema(&self) -> String {
        self.schema.text()
    }
}
