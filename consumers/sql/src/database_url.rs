//! Where the rows go: one URL, read strictly.
//!
//! The URL holds a password, so nothing of it is ever repeated, a wrong one's parts included: what is unescaped in a
//! password can end up in any of them. Parameters that the driver does not know are refused here; it would ignore them,
//! and print them with their values.

use std::{fmt, fs, net::IpAddr, str::FromStr};

use sqlx::{
    ConnectOptions,
    mysql::{MySqlConnectOptions, MySqlSslMode},
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use url::{Url, form_urlencoded};

use crate::store::LOCK_WAIT;

const MALFORMED: &str = "must be sqlite://FILE, postgres://USER:PASSWORD@HOST/DATABASE or \
    mysql://USER:PASSWORD@HOST/DATABASE; special characters of a password are percent-encoded";
const NO_SUCH_PARAMETER: &str =
    "has a parameter that this kind of database does not take, or a wrong value of one";
const NO_SUCH_FILE: &str = "names a file with a certificate or a key that can't be read";
const IN_MEMORY: &str = "must be a file: what is in memory alone is lost with the process";

/// What a PostgreSQL URL may say behind its question mark, beside `options[..]`.
const POSTGRES: [&str; 15] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "ssl-root-cert",
    "user",
];
/// What a MySQL URL may. Neither charset nor time zone: the rows depend on ours.
const MYSQL: [&str; 8] =
    ["socket", "ssl-ca", "ssl-mode", "sslca", "sslcert", "sslkey", "sslmode", "statement-cache-capacity"];
/// Those whose value is a file.
const FILES: [&str; 6] = ["ssl-ca", "ssl-root-cert", "sslca", "sslcert", "sslkey", "sslrootcert"];

/// A database, and all that it takes to reach it. `Debug` shows its kind alone.
#[derive(Clone)]
pub struct DatabaseUrl(Database);

/// How each kind is reached.
#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
    MySql(MySqlConnectOptions),
}

impl DatabaseUrl {
    pub(crate) fn into_database(self) -> Database {
        self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        let database = match scheme {
            Some("sqlite") => sqlite(text).map(Database::Sqlite),
            Some("postgres" | "postgresql") => postgres(text).map(Database::Postgres),
            Some("mysql" | "mariadb") => mysql(text).map(Database::MySql),
            _ => Err(MALFORMED),
        };
        database.map(Self)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Database::Sqlite(_) => "DatabaseUrl(SQLite)",
            Database::Postgres(_) => "DatabaseUrl(PostgreSQL)",
            Database::MySql(_) => "DatabaseUrl(MySQL)",
        })
    }
}

/// The file is made if it isn't there, unless the URL's `mode` says otherwise.
///
/// Its journal stays what it is, a rollback journal for a new file: a write-ahead log would need shared memory, which
/// the network shares that containers keep their files on haven't got.
fn sqlite(text: &str) -> Result<SqliteConnectOptions, &'static str> {
    let (file, query) = text.split_once('?').unwrap_or((text, ""));
    let mut says_mode = false;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("mode", "memory") => return Err(IN_MEMORY),
            ("mode", "ro" | "rw" | "rwc") => says_mode = true,
            _ => return Err(NO_SUCH_PARAMETER),
        }
    }
    let options: SqliteConnectOptions = text.parse().map_err(|_| MALFORMED)?;
    if options.get_filename().as_os_str().is_empty() || file.ends_with(":memory:") {
        return Err(IN_MEMORY);
    }
    let options = if says_mode { options } else { options.create_if_missing(true) };
    Ok(options.busy_timeout(LOCK_WAIT).disable_statement_logging())
}

fn postgres(text: &str) -> Result<PgConnectOptions, &'static str> {
    let url = read(text, |name| POSTGRES.contains(&name) || name.starts_with("options["))?;
    let options = PgConnectOptions::from_url(&url).map_err(|_| NO_SUCH_PARAMETER)?;
    let is_open = matches!(options.get_ssl_mode(), PgSslMode::Allow | PgSslMode::Prefer);
    let is_here = options.get_socket().is_some() || is_this_machine(options.get_host());
    let is_unsaid = is_open && !is_here && !says_sslmode(&url);
    let options = if is_unsaid { options.ssl_mode(PgSslMode::VerifyFull) } else { options };
    let is_named = options.get_application_name().is_some();
    let options = if is_named { options } else { options.application_name("usher-sql") };
    Ok(options.disable_statement_logging())
}

fn mysql(text: &str) -> Result<MySqlConnectOptions, &'static str> {
    let url = read(text, |name| MYSQL.contains(&name))?;
    let options = MySqlConnectOptions::from_url(&url).map_err(|_| NO_SUCH_PARAMETER)?;
    let is_here = options.get_socket().is_some() || is_this_machine(options.get_host());
    let is_unsaid = !is_here && !says_sslmode(&url);
    let options = if is_unsaid { options.ssl_mode(MySqlSslMode::VerifyIdentity) } else { options };
    // Else there would be no place for a table.
    if options.get_database().is_none() { Err(MALFORMED) } else { Ok(options.disable_statement_logging()) }
}

fn read(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Url, &'static str> {
    let url = Url::parse(text).ok().filter(Url::has_host).ok_or(MALFORMED)?;
    for (name, value) in url.query_pairs() {
        if !is_known(&name) {
            return Err(NO_SUCH_PARAMETER);
        }
        if FILES.contains(&&*name) && fs::File::open(&*value).is_err() {
            return Err(NO_SUCH_FILE);
        }
    }
    Ok(url)
}

fn says_sslmode(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| matches!(&*name, "sslmode" | "ssl-mode"))
}

/// Whether nobody else can listen on the way there. A host that begins with a slash is a socket's folder.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || host.starts_with('/') || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
