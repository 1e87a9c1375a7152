//! A database as its owner sees it: beside the consumer, by connections of its own.

use std::future::Future;

use sqlx::{
    AssertSqlSafe, MySqlPool, PgPool, SqlitePool,
    mysql::MySqlConnectOptions,
    postgres::PgConnectOptions,
    raw_sql,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

pub(crate) struct Database {
    pub(crate) url: String,
    pool: Pool,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Database {
    pub(crate) fn sqlite(url: &str) -> Self {
        let options = url.parse::<SqliteConnectOptions>().unwrap().create_if_missing(true);
        let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options);
        Self { url: url.to_owned(), pool: Pool::Sqlite(pool) }
    }

    pub(crate) fn postgres(url: &str) -> Self {
        let pool = PgPool::connect_lazy_with(url.parse::<PgConnectOptions>().unwrap());
        Self { url: url.to_owned(), pool: Pool::Postgres(pool) }
    }

    pub(crate) fn mysql(url: &str) -> Self {
        let pool = MySqlPool::connect_lazy_with(url.parse::<MySqlConnectOptions>().unwrap());
        Self { url: url.to_owned(), pool: Pool::MySql(pool) }
    }

    pub(crate) fn is_mysql(&self) -> bool {
        matches!(self.pool, Pool::MySql(_))
    }

    /// Runs statements.
    pub(crate) async fn run(&self, statements: &str) {
        let statements = raw_sql(AssertSqlSafe(statements.to_owned()));
        let done = match &self.pool {
            Pool::Sqlite(pool) => statements.execute(pool).await.map(drop),
            Pool::Postgres(pool) => statements.execute(pool).await.map(drop),
            Pool::MySql(pool) => statements.execute(pool).await.map(drop),
        };
        done.unwrap();
    }

    /// An expression over all rows of a table, each as a text.
    pub(crate) async fn column(&self, expression: &str, of: &str) -> Vec<Option<String>> {
        let text = if self.is_mysql() { "CHAR" } else { "TEXT" };
        let query = AssertSqlSafe(format!("SELECT CAST({expression} AS {text}) FROM {of}"));
        let texts = match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(query).fetch_all(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(query).fetch_all(pool).await,
            Pool::MySql(pool) => sqlx::query_scalar(query).fetch_all(pool).await,
        };
        texts.unwrap()
    }

    /// The same, of the one row that there is.
    pub(crate) async fn cell(&self, expression: &str, of: &str) -> Option<String> {
        let mut texts = self.column(expression, of).await;
        assert_eq!(texts.len(), 1, "{expression} of {of}");
        texts.remove(0)
    }

    /// A time, as PostgreSQL and MySQL write it.
    pub(crate) async fn time(&self, column: &str, of: &str) -> String {
        let text = self.cell(column, of).await.unwrap().replace('T', " ");
        text.trim_end_matches('Z').trim_end_matches("+00").to_owned()
    }

    /// The day of a time.
    pub(crate) async fn day(&self, column: &str, of: &str) -> String {
        self.time(column, of).await[..10].to_owned()
    }

    /// What comes of some work while somebody else holds a lock on all rows of a table.
    pub(crate) async fn while_locked<T>(&self, table: &str, work: impl Future<Output = T>) -> T {
        let rows = AssertSqlSafe(format!("SELECT user_id FROM {table} FOR UPDATE"));
        match &self.pool {
            Pool::Sqlite(pool) => {
                let held = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
                let done = work.await;
                held.rollback().await.unwrap();
                done
            }
            Pool::Postgres(pool) => {
                let mut held = pool.begin().await.unwrap();
                raw_sql(rows).execute(&mut *held).await.unwrap();
                let done = work.await;
                held.rollback().await.unwrap();
                done
            }
            Pool::MySql(pool) => {
                let mut held = pool.begin().await.unwrap();
                raw_sql(rows).execute(&mut *held).await.unwrap();
                let done = work.await;
                held.rollback().await.unwrap();
                done
            }
        }
    }
}
