//! The table: its columns, and every statement that is made of their names.
//!
//! No statement holds a value, and none holds a name from outside but the table's, which is an identifier (see
//! [`TableName`]) and quoted all the same. Values are bound as texts in the order of [`COLUMNS`], and the database makes
//! of each what its column is: so the three databases differ here and nowhere else.

use std::{fmt, sync::Arc};

use sqlx::AssertSqlSafe;

use crate::{
    TableName,
    row::{self, Row},
};

/// Which tables are at which version.
pub(crate) const VERSIONS: &str = "usher_sql_migrations";

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Id,
    Text(usize),
    Flag,
    Json,
    Time,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

/// All columns, as [`Row::values`] has them. The key comes first. MySQL assigns from left to right, so `signed_up_at`,
/// by which it decides, comes after all that it decides about.
static COLUMNS: [Column; row::WIDTH] = [
    required(USER_ID, Kind::Id),
    required("event_id", Kind::Id),
    required("tenant_id", Kind::Id),
    optional("email", Kind::Text(row::EMAIL)),
    required("email_verified", Kind::Flag),
    optional("display_name", Kind::Text(row::TEXT)),
    optional("given_name", Kind::Text(row::TEXT)),
    optional("surname", Kind::Text(row::TEXT)),
    optional("identity_provider", Kind::Text(row::TEXT)),
    required("identity_providers", Kind::Json),
    optional("app_id", Kind::Text(row::TEXT)),
    required("attributes", Kind::Json),
    required("audit_id", Kind::Text(row::TEXT)),
    optional("audit_correlation_id", Kind::Text(row::TEXT)),
    required(SIGNED_UP_AT, Kind::Time),
    required(FIRST_SEEN_AT, Kind::Time),
    required(UPDATED_AT, Kind::Time),
];
const USER_ID: &str = "user_id";
const SIGNED_UP_AT: &str = "signed_up_at";
const FIRST_SEEN_AT: &str = "first_seen_at";
const UPDATED_AT: &str = "updated_at";

const fn required(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, is_required: true }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, is_required: false }
}

/// One table in one kind of database.
pub(crate) struct Schema {
    dialect: Dialect,
    table: TableName,
    upsert: Arc<str>,
    find: Arc<str>,
}

impl Schema {
    pub(crate) fn new(dialect: Dialect, table: &TableName) -> Self {
        Self {
            dialect,
            table: table.clone(),
            upsert: upsert(dialect, table).into(),
            find: find(dialect, table).into(),
        }
    }

    /// Puts a row where its user's is or will be; takes [`Schema::values`].
    pub(crate) fn upsert(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(self.upsert.clone())
    }

    /// Finds something if a user has a row; takes the user's id.
    pub(crate) fn find(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(self.find.clone())
    }

    /// What the columns get, in their order.
    pub(crate) fn values(&self, row: &Row) -> Vec<Option<String>> {
        let fit = |(column, value): (&Column, Option<String>)| match column.kind {
            Kind::Time if self.dialect == Dialect::MySql => value.map(|time| as_datetime(&time)),
            _ => value,
        };
        COLUMNS.iter().zip(row.values()).map(fit).collect()
    }

    /// Makes the table that says which tables are at which version, if it isn't there.
    pub(crate) fn bookkeeping(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(bookkeeping(self.dialect))
    }

    /// Asks at which version this table is.
    pub(crate) fn version(&self) -> AssertSqlSafe<String> {
        let Self { table, .. } = self;
        AssertSqlSafe(format!(
            "SELECT COALESCE(MAX(version), 0) FROM {VERSIONS} WHERE table_name = '{table}'"
        ))
    }

    /// The version that this build knows. A later one, of a newer build, only adds what this one does not mind.
    pub(crate) fn latest(&self) -> i64 {
        self.migrations().last().map_or(0, |(version, _)| *version)
    }

    /// What is still to be done to a table of this version. Each step can be repeated: MySQL commits a table before it
    /// is on record.
    pub(crate) fn pending(&self, version: i64) -> Vec<AssertSqlSafe<String>> {
        let later = self.migrations().into_iter().filter(|(number, _)| *number > version);
        let steps = later.flat_map(|(number, step)| [step, record(self.dialect, &self.table, number)]);
        steps.map(AssertSqlSafe).collect()
    }

    /// All of it, for whoever applies it by hand.
    pub(crate) fn text(&self) -> String {
        let steps = self.pending(0).into_iter().map(|AssertSqlSafe(step)| step);
        let statements = std::iter::once(bookkeeping(self.dialect)).chain(steps);
        statements.map(|statement| format!("{statement};\n")).collect::<Vec<_>>().join("\n")
    }

    /// Forward only: what stands here never changes, changes come behind it.
    fn migrations(&self) -> Vec<(i64, String)> {
        vec![(1, table(self.dialect, &self.table))]
    }
}

impl Dialect {
    fn quote(self, name: impl fmt::Display) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("\"{name}\""),
            Self::MySql => format!("`{name}`"),
        }
    }

    fn type_of(self, kind: Kind) -> String {
        let fixed = match (self, kind) {
            (Self::MySql, Kind::Text(most)) => return format!("VARCHAR({most})"),
            (Self::Sqlite, Kind::Flag) => "INTEGER",
            (Self::Sqlite, _) => "TEXT",
            (Self::Postgres, Kind::Id) => "uuid",
            (Self::Postgres, Kind::Text(_)) => "text",
            (Self::Postgres, Kind::Json) => "jsonb",
            (Self::Postgres, Kind::Time) => "timestamptz",
            (Self::Postgres, Kind::Flag) => "boolean",
            (Self::MySql, Kind::Id) => "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin",
            (Self::MySql, Kind::Flag) => "BOOLEAN",
            (Self::MySql, Kind::Json) => "JSON",
            (Self::MySql, Kind::Time) => "DATETIME(6)",
        };
        fixed.to_owned()
    }

    /// The place of the `n`th value, counted from 1, with what makes a text into what the column is.
    fn place(self, n: usize, kind: Kind) -> String {
        match self {
            Self::Sqlite if kind == Kind::Flag => format!("CAST(?{n} AS INTEGER)"),
            Self::Sqlite => format!("?{n}"),
            Self::Postgres => format!("CAST(${n} AS {})", self.type_of(kind)),
            Self::MySql => "?".to_owned(),
        }
    }

    /// What follows the columns of a table. MySQL: transactions, for the probe; every character; and `Ada` is another
    /// name than `ada`.
    fn table_options(self) -> &'static str {
        match self {
            Self::Sqlite | Self::Postgres => "",
            Self::MySql => " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        }
    }
}

/// What a row's repeat may change: all but the key, and the two times that we keep for ourselves.
fn data() -> impl Iterator<Item = &'static str> {
    let names = COLUMNS.iter().map(|column| column.name);
    names.filter(|name| ![USER_ID, FIRST_SEEN_AT, UPDATED_AT].contains(name))
}

fn upsert(dialect: Dialect, table: &TableName) -> String {
    let quoted = |name: &str| dialect.quote(name);
    let names = COLUMNS.map(|column| quoted(column.name)).join(", ");
    let places: Vec<_> = (1..).zip(&COLUMNS).map(|(n, column)| dialect.place(n, column.kind)).collect();
    let (table, places) = (dialect.quote(table), places.join(", "));
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => {
            let (key, update) = (quoted(USER_ID), update_on_conflict(dialect));
            format!(
                "INSERT INTO {table} AS t ({names}) VALUES ({places}) ON CONFLICT ({key}) DO UPDATE SET {update}"
            )
        }
        Dialect::MySql => {
            let update = update_on_duplicate_key();
            format!("INSERT INTO {table} ({names}) VALUES ({places}) ON DUPLICATE KEY UPDATE {update}")
        }
    }
}

/// `t` is the row that is there, `excluded` the one that comes.
fn update_on_conflict(dialect: Dialect) -> String {
    let assign = |name: &str| format!("{0} = excluded.{0}", dialect.quote(name));
    let assignments: Vec<_> = data().chain([UPDATED_AT]).map(assign).collect();
    let differs = |name: &str| format!("t.{0} IS DISTINCT FROM excluded.{0}", dialect.quote(name));
    let differences: Vec<_> = data().map(differs).collect();
    let time = dialect.quote(SIGNED_UP_AT);
    let (assignments, differences) = (assignments.join(", "), differences.join(" OR "));
    format!("{assignments} WHERE t.{time} <= excluded.{time} AND ({differences})")
}

/// Here is no WHERE, so each assignment decides for itself; what has been assigned counts from then on.
///
/// The first one is a guard. MySQL comes here for a conflict on any unique key, such as one that somebody has put on
/// the address: the row that is there is then another user's, and must not become this one's. To make its key NULL is an
/// error, and so is the sign-up's outcome.
fn update_on_duplicate_key() -> String {
    let quoted = |name: &str| Dialect::MySql.quote(name);
    let (key, time, updated) = (quoted(USER_ID), quoted(SIGNED_UP_AT), quoted(UPDATED_AT));
    let is_later = format!("{time} <= VALUES({time})");
    let same: Vec<_> = data().map(|name: &str| format!("{0} <=> VALUES({0})", quoted(name))).collect();
    let same = same.join(" AND ");
    let guard = format!("{key} = IF({key} = VALUES({key}), {key}, NULL)");
    let touched = format!("{updated} = IF({is_later} AND NOT ({same}), VALUES({updated}), {updated})");
    let assign = |name: &str| format!("{0} = IF({is_later}, VALUES({0}), {0})", quoted(name));
    [guard, touched].into_iter().chain(data().map(assign)).collect::<Vec<_>>().join(", ")
}

fn find(dialect: Dialect, table: &TableName) -> String {
    let (table, key, place) = (dialect.quote(table), dialect.quote(USER_ID), dialect.place(1, Kind::Id));
    format!("SELECT 1 FROM {table} WHERE {key} = {place}")
}

fn table(dialect: Dialect, table: &TableName) -> String {
    let columns: Vec<_> = COLUMNS.iter().map(|column| definition(dialect, column)).collect();
    let (table, columns, options) = (dialect.quote(table), columns.join(",\n"), dialect.table_options());
    format!("CREATE TABLE IF NOT EXISTS {table} (\n{columns}\n){options}")
}

fn definition(dialect: Dialect, column: &Column) -> String {
    let (name, kind) = (dialect.quote(column.name), dialect.type_of(column.kind));
    let required = if column.is_required { " NOT NULL" } else { "" };
    let key = if column.name == USER_ID { " PRIMARY KEY" } else { "" };
    format!("    {name} {kind}{required}{key}")
}

fn bookkeeping(dialect: Dialect) -> String {
    let (name, time) = match dialect {
        Dialect::Sqlite => ("TEXT", "TEXT"),
        Dialect::Postgres => ("text", "timestamptz"),
        Dialect::MySql => ("VARCHAR(64)", "TIMESTAMP"),
    };
    let options = dialect.table_options();
    format!(
        "CREATE TABLE IF NOT EXISTS {VERSIONS} (\n    table_name {name} NOT NULL,\n    version BIGINT NOT NULL,\n    \
         applied_at {time} NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    PRIMARY KEY (table_name, version)\n){options}"
    )
}

/// Puts a version on record, once. A table's name needs no quotes within the quotes.
fn record(dialect: Dialect, table: &TableName, version: i64) -> String {
    let into = format!("INTO {VERSIONS} (table_name, version) VALUES ('{table}', {version})");
    match dialect {
        Dialect::Sqlite | Dialect::Postgres => format!("INSERT {into} ON CONFLICT DO NOTHING"),
        Dialect::MySql => format!("INSERT IGNORE {into}"),
    }
}

/// A time in UTC as MySQL reads it: without the letters of ISO 8601.
fn as_datetime(iso: &str) -> String {
    iso.trim_end_matches('Z').replace('T', " ")
}

#[cfg(test)]
mod tests;
