//! What each error of a database means: whose fault it is.
//!
//! Of an error only its code is kept. One table for each database; what stands in none is taken for the moment's fault,
//! since a retry harms nothing and its end is bounded.

use std::io;

use sqlx::{Error, error::DatabaseError, mysql::MySqlDatabaseError};

use crate::store::{Fault, NO_TLS, StoreError, TABLE, URL};

const RIGHTS: Fault = Fault::Setting(URL);
const SHAPE: Fault = Fault::Setting(TABLE);

pub(crate) fn of_sqlite(error: &Error) -> StoreError {
    meaning(error, |database| {
        let code = database.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        StoreError::new(sqlite(code), format!("sqlite-{code}"))
    })
}

pub(crate) fn of_postgres(error: &Error) -> StoreError {
    meaning(error, |database| {
        let state = database.code().filter(|code| is_state(code)).unwrap_or("unknown".into());
        StoreError::new(postgres(&state), format!("pg-{state}"))
    })
}

pub(crate) fn of_mysql(error: &Error) -> StoreError {
    meaning(error, |database| {
        let number = database.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
        let state = database.code().filter(|code| is_state(code)).unwrap_or_default();
        StoreError::new(mysql(number, &state), format!("mysql-{number}"))
    })
}

/// A SQLSTATE, and not something that has slipped into its place.
fn is_state(code: &str) -> bool {
    code.len() == 5 && code.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// What an error means that is the driver's own, whichever database it is for.
fn meaning(
    error: &Error,
    of_database: impl FnOnce(&(dyn DatabaseError + 'static)) -> StoreError,
) -> StoreError {
    let (fault, code) = match error {
        Error::Database(database) => return of_database(&**database),
        Error::Io(error) => connection(error.kind()),
        Error::Tls(_) => (RIGHTS, NO_TLS),
        // MySQL's usual way to log in, without TLS, is among these: it would take a crate with an open advisory.
        Error::Configuration(_) => (RIGHTS, "no-such-way-to-connect"),
        Error::PoolTimedOut | Error::PoolClosed => (Fault::Unreachable, "no-connection"),
        Error::WorkerCrashed | Error::Protocol(_) => (Fault::Unreachable, "connection-broke"),
        Error::Encode(_) => (Fault::Row, "no-such-value"),
        _ => (Fault::Moment, "unexpected-answer"),
    };
    StoreError::new(fault, code)
}

fn connection(kind: io::ErrorKind) -> (Fault, &'static str) {
    use io::ErrorKind as Kind;
    match kind {
        // Rustls reports a certificate that it does not trust as this.
        Kind::InvalidData => (RIGHTS, NO_TLS),
        // A socket that is a file.
        Kind::PermissionDenied => (RIGHTS, "no-right-to-connect"),
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            (Fault::Unreachable, "connection-broke")
        }
        _ => (Fault::Unreachable, "no-connection"),
    }
}

/// By extended result code, whose last byte is the primary one. <https://www.sqlite.org/rescode.html>
fn sqlite(code: i32) -> Fault {
    match code & 0xff {
        // No such table, no such column: SQLite has one code for all that is wrong with a statement.
        1 => SHAPE,
        // PERM, READONLY, CORRUPT, CANTOPEN, AUTH, NOTADB.
        3 | 8 | 11 | 14 | 23 | 26 => RIGHTS,
        // NOMEM, IOERR, FULL.
        7 | 10 | 13 => Fault::Unreachable,
        // TOOBIG, CONSTRAINT, MISMATCH.
        18..=20 => Fault::Row,
        // ABORT, BUSY, LOCKED, INTERRUPT, PROTOCOL (a lock, too), SCHEMA.
        _ => Fault::Moment,
    }
}

/// By SQLSTATE. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres(state: &str) -> Fault {
    match state {
        // A standby, as just after a failover.
        "25006" => Fault::Unreachable,
        // A prepared statement that a pooler has given to somebody else.
        "42P05" => Fault::Moment,
        // insufficient_privilege
        "42501" => RIGHTS,
        // raise_exception: what a trigger says.
        "P0001" => Fault::Row,
        // query_canceled: our own bound on a statement.
        "57014" => Fault::Moment,
        "XX001" | "XX002" => Fault::Unreachable,
        _ => postgres_class(state.get(..2).unwrap_or_default()),
    }
}

fn postgres_class(class: &str) -> Fault {
    match class {
        // Connections; resources, such as a full disk; an operator's intervention; the system.
        "08" | "53" | "57" | "58" => Fault::Unreachable,
        // Authorisation; no such database; no such schema.
        "28" | "3D" | "3F" => RIGHTS,
        // Data; constraints; limits of the program.
        "22" | "23" | "54" => Fault::Row,
        // Syntax or access: a table, a column or a type that is not as we take it for.
        "42" => SHAPE,
        // 40 serialization_failure and deadlock_detected, 55 lock_not_available, 0A a plan that is out of date, ..
        _ => Fault::Moment,
    }
}

/// By number, since MySQL gives many errors the general SQLSTATE, and else by SQLSTATE; the numbers from 1900 on that
/// stand here are one's own, MariaDB's or MySQL's. <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-code-reference/>
fn mysql(number: u16, state: &str) -> Fault {
    match number {
        // A record that has changed since; wait for a lock; deadlock; the bounds on a statement's time; NOWAIT.
        1020 | 1205 | 1213 | 1317 | 1969 | 3024 | 3572 => Fault::Moment,
        // Disk full, out of resources, too many connections, table full.
        1021 | 1037 | 1038 | 1040 | 1041 | 1114 | 1135 | 1203 | 1226 => Fault::Unreachable,
        // Shut down, host blocked, read-only, connection killed.
        1053 | 1129 | 1290 | 1792 | 1836 | 1927 | 4031 => Fault::Unreachable,
        // No such database; this user may not, or not from here, or not with this password.
        1044 | 1045 | 1049 | 1130 | 1142 | 1143 | 1227 | 1251 | 1275 | 1698 => RIGHTS,
        // The password or the account has run out.
        1820 | 1862 | 3118 | 3879 | 4151 => RIGHTS,
        // No such column, no such table, a column that wants a value and that we know nothing of.
        1054 | 1146 | 1364 => SHAPE,
        // Wrong values, those that checks refuse among them, and what a trigger says.
        1264 | 1265 | 1292 | 1366 | 1406 | 1644 | 3140 | 3819 | 4025 => Fault::Row,
        _ => mysql_class(state.get(..2).unwrap_or_default()),
    }
}

fn mysql_class(class: &str) -> Fault {
    match class {
        "08" => Fault::Unreachable,
        "28" => RIGHTS,
        "22" | "23" => Fault::Row,
        "42" => SHAPE,
        _ => Fault::Moment,
    }
}

#[cfg(test)]
mod tests;
