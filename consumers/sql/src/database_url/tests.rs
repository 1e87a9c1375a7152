//! What a URL may be, and what it comes to.

use super::*;

fn database(text: &str) -> Database {
    text.parse::<DatabaseUrl>().unwrap_or_else(|why| panic!("{text}: {why}")).0
}

fn problem(text: &str) -> &'static str {
    text.parse::<DatabaseUrl>().err().unwrap_or_else(|| panic!("{text} was taken"))
}

fn postgres_mode(text: &str) -> PgSslMode {
    match database(text) {
        Database::Postgres(options) => options.get_ssl_mode(),
        _ => panic!("{text} is no PostgreSQL"),
    }
}

fn mysql_mode(text: &str) -> MySqlSslMode {
    match database(text) {
        Database::MySql(options) => options.get_ssl_mode(),
        _ => panic!("{text} is no MySQL"),
    }
}

#[test]
fn the_scheme_says_which_database_it_is() {
    for (text, shown) in [
        ("sqlite://usher.db", "DatabaseUrl(SQLite)"),
        ("sqlite:///var/lib/usher/signups.db?mode=rw", "DatabaseUrl(SQLite)"),
        ("postgres://ada@localhost/usher", "DatabaseUrl(PostgreSQL)"),
        ("postgresql://ada:hush@localhost:5433/usher?options[search_path]=crm", "DatabaseUrl(PostgreSQL)"),
        ("mysql://ada:hush@localhost/usher", "DatabaseUrl(MySQL)"),
        ("mariadb://ada:hush@localhost/usher?socket=/run/mysqld/mysqld.sock", "DatabaseUrl(MySQL)"),
    ] {
        assert_eq!(format!("{:?}", text.parse::<DatabaseUrl>().unwrap()), shown, "{text}");
    }
}

#[test]
fn what_is_no_database_that_lasts_is_refused() {
    for text in
        ["", "usher.db", "file:usher.db", "mssql://localhost/usher", "postgres:usher", "mysql://localhost"]
    {
        assert_eq!(problem(text), MALFORMED, "{text}");
    }
    for text in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://:memory:", "sqlite://a.db?mode=memory"]
    {
        assert_eq!(problem(text), IN_MEMORY, "{text}");
    }
}

#[test]
fn a_parameter_that_the_driver_would_print_is_refused_and_not_repeated() {
    for text in [
        "postgres://ada@localhost/usher?pasword=hush",
        "postgres://ada@localhost/usher?sslmode=hush",
        "mysql://ada@localhost/usher?charset=latin1",
        "mysql://ada@localhost/usher?timezone=hush",
        "sqlite://a.db?mode=hush",
        "sqlite://a.db?vfs=hush",
    ] {
        assert_eq!(problem(text), NO_SUCH_PARAMETER, "{text}");
    }
    for wrong in [MALFORMED, NO_SUCH_PARAMETER, NO_SUCH_FILE, IN_MEMORY] {
        assert!(!wrong.contains("hush"), "{wrong}");
    }
}

#[test]
fn a_file_that_is_not_there_is_found_out_before_anything_starts() {
    for text in [
        "postgres://ada@db.example/usher?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
        "mysql://ada@db.example/usher?sslca=/nowhere/ca.pem",
    ] {
        assert_eq!(problem(text), NO_SUCH_FILE, "{text}");
    }
}

#[test]
fn away_from_this_machine_a_certificate_is_verified_unless_the_url_says_otherwise() {
    use MySqlSslMode as My;
    use PgSslMode as Pg;
    assert!(matches!(postgres_mode("postgres://ada@db.example/usher"), Pg::VerifyFull));
    assert!(matches!(postgres_mode("postgres://ada@db.example/usher?sslmode=require"), Pg::Require));
    assert!(matches!(postgres_mode("postgres://ada@db.example/usher?sslmode=prefer"), Pg::Prefer));
    assert!(matches!(mysql_mode("mysql://ada@192.0.2.1/usher"), My::VerifyIdentity));
    assert!(matches!(mysql_mode("mysql://ada@db.example/usher?ssl-mode=disabled"), My::Disabled));
    for here in ["localhost", "127.0.0.1", "[::1]"] {
        assert!(matches!(postgres_mode(&format!("postgres://ada@{here}/usher")), Pg::Prefer), "{here}");
        assert!(matches!(mysql_mode(&format!("mysql://ada@{here}/usher")), My::Preferred), "{here}");
    }
    assert!(matches!(postgres_mode("postgres://ada@localhost/usher?host=/run/postgresql"), Pg::Prefer));
}
