//! What a server refuses, and what it takes not to be refused.

use usher_http::FailureClass;
use usher_subscriber::{Handler, Outcome};

use crate::{
    database::Database,
    people::{FIRST, ada, event, sql, sql_unmigrated},
    servers::Server,
};

pub(crate) async fn all(database: &Database) {
    wrong_credentials_are_a_setting_to_mend(database).await;
    nobody_there_is_no_setting_to_mend(database).await;
    a_user_who_may_not_write_is_found_out_by_the_probe(database).await;
    a_user_who_may_write_need_not_make_tables(database).await;
}

async fn wrong_credentials_are_a_setting_to_mend(database: &Database) {
    let tls = if database.is_mysql() { "verify_identity" } else { "verify-full" };
    for wrong in [
        database.url.replace(":hush@", ":guess@"),
        database.url.replace("usher:hush@", "nobody:hush@"),
        database.url.replace("/usher?", "/nowhere?"),
        format!("{}&sslmode={tls}", database.url),
    ] {
        assert_ne!(wrong, database.url);
        let sql = sql(&wrong, "refused", FIRST);
        let down = sql.probe().await.unwrap_err();
        assert_eq!(
            (down.setting, down.failure.class),
            ("SQL_DATABASE_URL", FailureClass::Unauthorized),
            "{down}"
        );
        for secret in ["hush", "guess", "nobody", "nowhere"] {
            assert!(!down.to_string().contains(secret), "{down}");
        }
        let outcome = sql.handle(&event(ada())).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    }
}

async fn nobody_there_is_no_setting_to_mend(database: &Database) {
    let (before, _) = database.url.split_once('?').unwrap();
    let place = if database.is_mysql() { "socket" } else { "host" };
    let sql = sql(&format!("{before}?{place}=/nowhere/at/all"), "refused", FIRST);
    let down = sql.probe().await.unwrap_err();
    assert_eq!(down.failure.class, FailureClass::Unreachable, "{down}");
    let outcome = sql.handle(&event(ada())).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
}

async fn a_user_who_may_not_write_is_found_out_by_the_probe(database: &Database) {
    assert_eq!(sql(&database.url, "guests", FIRST).probe().await, Ok(()));
    database
        .run(if database.is_mysql() {
            "CREATE USER guest@localhost IDENTIFIED BY 'hush'; GRANT SELECT ON usher.* TO guest@localhost"
        } else {
            "CREATE ROLE guest LOGIN PASSWORD 'hush'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest"
        })
        .await;
    let down = sql_unmigrated(&guest(database), "guests").probe().await.unwrap_err();
    assert_eq!(
        (down.setting, down.failure.class),
        ("SQL_DATABASE_URL", FailureClass::Unauthorized),
        "{down}"
    );
}

async fn a_user_who_may_write_need_not_make_tables(database: &Database) {
    let to = if database.is_mysql() { "usher.guests TO guest@localhost" } else { "guests TO guest" };
    database.run(&format!("GRANT INSERT, UPDATE ON {to}")).await;
    let sql = sql(&guest(database), "guests", FIRST);
    assert_eq!(sql.probe().await, Ok(()));
    assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
}

fn guest(database: &Database) -> String {
    database.url.replace("usher:hush@", "guest:hush@")
}

/// Down at the start, up, down again: whoever asks then is told that nobody is there, and all is well once somebody is.
pub(crate) async fn a_database_that_goes_away_is_waited_for(database: &Database, mut server: Server) {
    let sql = sql(&database.url, "returns", FIRST);
    for _ in 0..2 {
        server.stop();
        let down = sql.probe().await.unwrap_err();
        assert_eq!(down.failure.class, FailureClass::Unreachable, "{down}");
        let outcome = sql.handle(&event(ada())).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
        server.resume();
        assert_eq!(sql.probe().await, Ok(()));
        assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
    }
}
