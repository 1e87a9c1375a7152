//! The tables, row by row.

use usher_http::{Failure, FailureClass};

use super::*;

#[test]
fn each_of_sqlites_codes_has_its_meaning() {
    for (code, meaning) in [
        (1, SHAPE),
        (3, RIGHTS),
        (4, Fault::Moment),
        (5, Fault::Moment),
        (261, Fault::Moment), // SQLITE_BUSY_RECOVERY
        (6, Fault::Moment),
        (7, Fault::Unreachable),
        (8, RIGHTS),
        (1544, RIGHTS), // SQLITE_READONLY_DIRECTORY
        (9, Fault::Moment),
        (10, Fault::Unreachable),
        (778, Fault::Unreachable), // SQLITE_IOERR_WRITE
        (11, RIGHTS),
        (13, Fault::Unreachable),
        (14, RIGHTS),
        (15, Fault::Moment),
        (17, Fault::Moment),
        (18, Fault::Row),
        (19, Fault::Row),
        (1299, Fault::Row), // SQLITE_CONSTRAINT_NOTNULL
        (2067, Fault::Row), // SQLITE_CONSTRAINT_UNIQUE
        (20, Fault::Row),
        (23, RIGHTS),
        (26, RIGHTS),
        (999, Fault::Moment),
    ] {
        assert_eq!(sqlite(code), meaning, "{code}");
    }
}

#[test]
fn each_of_postgresqls_states_has_its_meaning() {
    for (state, meaning) in [
        ("08006", Fault::Unreachable), // connection_failure
        ("0A000", Fault::Moment),      // feature_not_supported: a cached plan is out of date
        ("22001", Fault::Row),         // string_data_right_truncation
        ("22P05", Fault::Row),         // untranslatable_character
        ("23502", Fault::Row),         // not_null_violation
        ("23505", Fault::Row),         // unique_violation
        ("23514", Fault::Row),         // check_violation
        ("25006", Fault::Unreachable), // read_only_sql_transaction
        ("26000", Fault::Moment),      // invalid_sql_statement_name
        ("28000", RIGHTS),             // invalid_authorization_specification
        ("28P01", RIGHTS),             // invalid_password
        ("3D000", RIGHTS),             // invalid_catalog_name
        ("3F000", RIGHTS),             // invalid_schema_name
        ("40001", Fault::Moment),      // serialization_failure
        ("40P01", Fault::Moment),      // deadlock_detected
        ("42501", RIGHTS),             // insufficient_privilege
        ("42703", SHAPE),              // undefined_column
        ("42804", SHAPE),              // datatype_mismatch
        ("42P01", SHAPE),              // undefined_table
        ("42P05", Fault::Moment),      // duplicate_prepared_statement
        ("42P10", SHAPE),              // invalid_column_reference: no unique key for the conflict
        ("53100", Fault::Unreachable), // disk_full
        ("53300", Fault::Unreachable), // too_many_connections
        ("54000", Fault::Row),         // program_limit_exceeded
        ("55P03", Fault::Moment),      // lock_not_available
        ("57014", Fault::Moment),      // query_canceled
        ("57P01", Fault::Unreachable), // admin_shutdown
        ("57P03", Fault::Unreachable), // cannot_connect_now
        ("58030", Fault::Unreachable), // io_error
        ("P0001", Fault::Row),         // raise_exception
        ("XX000", Fault::Moment),      // internal_error
        ("XX001", Fault::Unreachable), // data_corrupted
        ("unknown", Fault::Moment),
    ] {
        assert_eq!(postgres(state), meaning, "{state}");
    }
}

#[test]
fn each_of_mysqls_numbers_has_its_meaning() {
    for (number, state, meaning) in [
        (1020, "HY000", Fault::Moment),      // ER_CHECKREAD
        (1205, "HY000", Fault::Moment),      // ER_LOCK_WAIT_TIMEOUT
        (1213, "40001", Fault::Moment),      // ER_LOCK_DEADLOCK
        (1969, "70100", Fault::Moment),      // MariaDB: ER_STATEMENT_TIMEOUT
        (3024, "HY000", Fault::Moment),      // ER_QUERY_TIMEOUT
        (1021, "HY000", Fault::Unreachable), // ER_DISK_FULL
        (1040, "08004", Fault::Unreachable), // ER_CON_COUNT_ERROR
        (1053, "08S01", Fault::Unreachable), // ER_SERVER_SHUTDOWN
        (1114, "HY000", Fault::Unreachable), // ER_RECORD_FILE_FULL
        (1290, "HY000", Fault::Unreachable), // ER_OPTION_PREVENTS_STATEMENT: --read-only
        (1836, "HY000", Fault::Unreachable), // ER_READ_ONLY_MODE
        (1927, "70100", Fault::Unreachable), // MariaDB: ER_CONNECTION_KILLED
        (1044, "42000", RIGHTS),             // ER_DBACCESS_DENIED_ERROR
        (1045, "28000", RIGHTS),             // ER_ACCESS_DENIED_ERROR
        (1049, "42000", RIGHTS),             // ER_BAD_DB_ERROR
        (1142, "42000", RIGHTS),             // ER_TABLEACCESS_DENIED_ERROR
        (1698, "28000", RIGHTS),             // MariaDB: ER_ACCESS_DENIED_NO_PASSWORD_ERROR
        (1862, "HY000", RIGHTS),             // ER_MUST_CHANGE_PASSWORD_LOGIN
        (1054, "42S22", SHAPE),              // ER_BAD_FIELD_ERROR
        (1146, "42S02", SHAPE),              // ER_NO_SUCH_TABLE
        (1364, "HY000", SHAPE),              // ER_NO_DEFAULT_FOR_FIELD
        (1048, "23000", Fault::Row),         // ER_BAD_NULL_ERROR
        (1062, "23000", Fault::Row),         // ER_DUP_ENTRY
        (1366, "HY000", Fault::Row),         // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
        (1406, "22001", Fault::Row),         // ER_DATA_TOO_LONG
        (1644, "45000", Fault::Row),         // ER_SIGNAL_EXCEPTION
        (3819, "HY000", Fault::Row),         // ER_CHECK_CONSTRAINT_VIOLATED
        (4025, "23000", Fault::Row),         // MariaDB: ER_CONSTRAINT_FAILED
        (9999, "08S01", Fault::Unreachable),
        (9999, "28000", RIGHTS),
        (9999, "22032", Fault::Row),
        (9999, "42000", SHAPE),
        (9999, "HY000", Fault::Moment),
    ] {
        assert_eq!(mysql(number, state), meaning, "{number} {state}");
    }
}

#[test]
fn what_goes_wrong_on_the_way_has_its_meaning_too() {
    let io = |kind: io::ErrorKind| Error::Io(kind.into());
    for (error, fault, code) in [
        (io(io::ErrorKind::ConnectionRefused), Fault::Unreachable, "no-connection"),
        (io(io::ErrorKind::NotFound), Fault::Unreachable, "no-connection"),
        (io(io::ErrorKind::UnexpectedEof), Fault::Unreachable, "connection-broke"),
        (io(io::ErrorKind::InvalidData), RIGHTS, NO_TLS),
        (io(io::ErrorKind::PermissionDenied), RIGHTS, "no-right-to-connect"),
        (Error::Tls("ada@example.com".into()), RIGHTS, NO_TLS),
        (Error::Configuration("ada@example.com".into()), RIGHTS, "no-such-way-to-connect"),
        (Error::PoolTimedOut, Fault::Unreachable, "no-connection"),
        (Error::WorkerCrashed, Fault::Unreachable, "connection-broke"),
        (Error::Protocol("ada@example.com".to_owned()), Fault::Unreachable, "connection-broke"),
        (Error::Encode("ada@example.com".into()), Fault::Row, "no-such-value"),
        (Error::RowNotFound, Fault::Moment, "unexpected-answer"),
    ] {
        for meaning in [of_sqlite, of_postgres, of_mysql] {
            assert_eq!(meaning(&error), StoreError::new(fault, code), "{error:?}");
        }
    }
}

#[test]
fn whose_fault_it_is_decides_what_becomes_of_the_sign_up() {
    for (fault, class) in [
        (Fault::Moment, FailureClass::Transient),
        (Fault::Unreachable, FailureClass::Unreachable),
        (RIGHTS, FailureClass::Unauthorized),
        (SHAPE, FailureClass::Unauthorized),
        (Fault::Row, FailureClass::Refused),
    ] {
        assert_eq!(Failure::from(StoreError::new(fault, "pg-00000")).class, class, "{fault:?}");
    }
}
