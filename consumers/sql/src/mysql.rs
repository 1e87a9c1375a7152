//! MySQL and MariaDB.

use async_trait::async_trait;
use sqlx::{
    Connection, Error, Executor, MySql as Driver, MySqlConnection, MySqlPool,
    mysql::{MySqlArguments, MySqlConnectOptions, MySqlPoolOptions},
    query::Query,
    raw_sql,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    Fault, Row, Store, StoreError,
    failure::of_mysql,
    schema::Schema,
    store::{ACQUIRE, MIGRATION, STATEMENT, bounded, reached},
};

/// What each connection is told: what does not fit is an error and not cut short, and the waits of `store.rs`, on the
/// server's side. The last of them only MariaDB has, and only MariaDB reads this kind of comment.
const SESSION: &str = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
    innodb_lock_wait_timeout = 5, lock_wait_timeout = 5 /*M!100100 , max_statement_time = 10 */";
/// More patience, for a connection that makes the table.
const PATIENCE: &str = "SET SESSION lock_wait_timeout = 60 /*M!100100 , max_statement_time = 0 */";
/// One replica at a time makes the table. The lock is the connection's and ends with it; its name is the whole server's,
/// hence the database's in it. With a bound: what stands for none in MySQL, -1, is no wait at all in MariaDB.
const LOCK: &str = "SELECT CAST(GET_LOCK(CONCAT('usher-sql.', MD5(DATABASE())), 60) AS SIGNED)";

/// The table in a MySQL database.
pub(crate) struct MySql {
    pool: MySqlPool,
    schema: Schema,
    migrates: bool,
    migrated: OnceCell<()>,
}

impl MySql {
    pub(crate) fn new(
        options: MySqlConnectOptions,
        schema: Schema,
        migrates: bool,
        connections: u32,
    ) -> Self {
        let pool = MySqlPoolOptions::new()
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
            self.migrated.get_or_try_init(|| self.make_table()).await?;
        }
        Ok(())
    }

    async fn make_table(&self) -> Result<(), StoreError> {
        let is_made = bounded(MIGRATION, self.migrate(), of_mysql).await?;
        let busy = || StoreError::new(Fault::Moment, "mysql-migrated-by-another");
        if is_made { Ok(()) } else { Err(busy()) }
    }

    /// `false` if another replica was at it for all the time that we had.
    async fn migrate(&self) -> Result<bool, Error> {
        let mut connection = self.pool.acquire().await?.detach();
        // Whatever is wrong with the question, that there is no table yet or something worse, the next one will say.
        // If nothing is to be done, no right to make tables is needed.
        if self.version(&mut connection).await.is_ok_and(|version| version >= self.schema.latest()) {
            return connection.close().await.map(|()| true);
        }
        raw_sql(PATIENCE).execute(&mut connection).await?;
        let locked: Option<i64> = sqlx::query_scalar(LOCK).fetch_one(&mut connection).await?;
        if locked != Some(1) {
            return Ok(false);
        }
        raw_sql(self.schema.bookkeeping()).execute(&mut connection).await?;
        let version = self.version(&mut connection).await?;
        for step in self.schema.pending(version) {
            raw_sql(step).execute(&mut connection).await?;
        }
        connection.close().await.map(|()| true)
    }

    async fn version(&self, connection: &mut MySqlConnection) -> Result<i64, Error> {
        sqlx::query_scalar(self.schema.version()).fetch_one(connection).await
    }

    fn statement(&self, row: &Row) -> Query<'static, Driver, MySqlArguments> {
        let mut query: Query<'static, Driver, MySqlArguments> = sqlx::query(self.schema.upsert());
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
impl Store for MySql {
    fn system(&self) -> &'static str {
        "mysql"
    }

    async fn upsert(&self, row: &Row) -> Result<(), StoreError> {
        self.ready().await?;
        bounded(STATEMENT, self.put(row), of_mysql).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.ready().await?;
        reached(bounded(STATEMENT, self.try_out(), of_mysql).await)
    }

    async fn holds(&self, user_id: Uuid) -> Result<Option<bool>, StoreError> {
        bounded(STATEMENT, self.find(user_id), of_mysql).await.map(Some)
    }

    fn schema(&self) -> String {
        self.schema.text()
    }
}
