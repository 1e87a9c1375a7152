//! What holds with every database.

use std::process::Command;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use usher_event::UserSignedUp;
use usher_subscriber::{Handler, Outcome, Presence};
use uuid::Uuid;

use crate::{
    database::Database,
    people::{ADA, FIRST, SECOND, TENANT, THIRD, ada, event, sql, sql_unmigrated},
};

/// Each has a table of its own.
pub(crate) async fn all(database: &Database) {
    a_sign_up_is_one_row(database).await;
    a_repeat_changes_nothing(database).await;
    other_data_change_the_row_and_when_it_was_updated(database).await;
    an_earlier_sign_up_never_overwrites_a_later_one(database).await;
    hostile_values_are_values(database).await;
    six_replicas_make_one_table(database).await;
    six_replicas_make_one_row(database).await;
    the_probe_leaves_nothing_behind(database).await;
    a_rule_of_the_owners_is_this_rows_fault_and_the_database_is_there(database).await;
    whoever_has_no_row_is_missing(database).await;
    a_table_of_a_newer_build_is_left_as_it_is(database).await;
    what_the_command_prints_makes_the_table(database).await;
    a_lock_is_the_moments_fault(database).await;
}

async fn a_sign_up_is_one_row(database: &Database) {
    let sql = sql(&database.url, "one_row", FIRST);
    assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
    for (column, value) in [
        ("user_id", Some("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d")),
        ("event_id", Some("30d0953d-0753-5930-a905-def22332f7e0")),
        ("tenant_id", Some("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d")),
        ("email", Some("Ada@Example.com")),
        ("display_name", Some("Ada L.")),
        ("given_name", Some("Ada")),
        ("surname", None),
        ("identity_provider", Some("google.com")),
        ("app_id", None),
        ("audit_id", Some("Directory_8f")),
        ("audit_correlation_id", None),
        ("CASE WHEN email_verified THEN 'yes' ELSE 'no' END", Some("yes")),
    ] {
        assert_eq!(database.cell(column, "one_row").await.as_deref(), value, "{column}");
    }
    assert_eq!(database.time("signed_up_at", "one_row").await, "2026-03-01 09:30:00.123456");
    let attributes: Value = json(&database.cell("attributes", "one_row").await);
    assert_eq!(attributes, json!({"extension_0_Size": {"eu": 38, "tags": ["a", null]}}));
    let providers: Value = json(&database.cell("identity_providers", "one_row").await);
    assert_eq!(providers, json!([{"signInType": "federated", "issuer": "google.com"}]));
}

fn json(text: &Option<String>) -> Value {
    serde_json::from_str(text.as_deref().unwrap()).unwrap()
}

async fn a_repeat_changes_nothing(database: &Database) {
    for day in [FIRST, SECOND] {
        assert_eq!(sql(&database.url, "repeats", day).handle(&event(ada())).await, Outcome::Done);
        assert_eq!(database.day("first_seen_at", "repeats").await, "2026-03-02");
        assert_eq!(database.day("updated_at", "repeats").await, "2026-03-02");
    }
}

async fn other_data_change_the_row_and_when_it_was_updated(database: &Database) {
    assert_eq!(sql(&database.url, "changes", FIRST).handle(&event(ada())).await, Outcome::Done);
    // Only the case, and only a NULL in place of a text: databases like to call that the same.
    let changed = UserSignedUp { email: Some("ada@example.com".to_owned()), given_name: None, ..ada() };
    assert_eq!(sql(&database.url, "changes", SECOND).handle(&event(changed.clone())).await, Outcome::Done);
    assert_eq!(database.cell("email", "changes").await.as_deref(), Some("ada@example.com"));
    assert_eq!(database.cell("given_name", "changes").await, None);
    assert_eq!(database.day("first_seen_at", "changes").await, "2026-03-02");
    assert_eq!(database.day("updated_at", "changes").await, "2026-03-03");
    assert_eq!(sql(&database.url, "changes", THIRD).handle(&event(changed)).await, Outcome::Done);
    assert_eq!(database.day("updated_at", "changes").await, "2026-03-03", "the repeat of a change is none");
}

async fn an_earlier_sign_up_never_overwrites_a_later_one(database: &Database) {
    let later = ada();
    let moment = time::Duration::microseconds(1);
    let earlier = UserSignedUp {
        signed_up_at: later.signed_up_at - moment,
        email: Some("ada@example.org".to_owned()),
        ..ada()
    };
    assert_eq!(sql(&database.url, "earlier", FIRST).handle(&event(later)).await, Outcome::Done);
    assert_eq!(sql(&database.url, "earlier", SECOND).handle(&event(earlier)).await, Outcome::Done);
    assert_eq!(database.cell("email", "earlier").await.as_deref(), Some("Ada@Example.com"));
    assert_eq!(database.time("signed_up_at", "earlier").await, "2026-03-01 09:30:00.123456");
    assert_eq!(database.day("updated_at", "earlier").await, "2026-03-02");
}

async fn hostile_values_are_values(database: &Database) {
    let sql = sql(&database.url, "hostile", FIRST);
    for typed in [
        "Robert'); DROP TABLE hostile;--",
        "\" OR \"\"=\"",
        "`x` \\' \\\\ %s ?1 $1 :name {0}",
        "\u{202e}nahtanoJ\u{202c} \u{200f}נועה",
        "👑 👑\r\n\t",
        "Kin\0g",
        "\0",
        "",
        &"a".repeat(10_000),
        &"👑".repeat(10_000),
    ] {
        let kept: String = typed.chars().filter(|c| *c != '\0').take(256).collect();
        let user_id = Uuid::new_v4();
        let attributes = [(format!("extension_0_{typed}"), json!([typed]))].into();
        let (display_name, surname) = (Some(typed.to_owned()), Some(typed.to_owned()));
        let data = UserSignedUp { user_id, display_name, surname, attributes, ..ada() };
        assert_eq!(sql.handle(&event(data)).await, Outcome::Done, "{typed:?}");
        let of = format!("hostile WHERE user_id = '{user_id}'");
        assert_eq!(database.cell("display_name", &of).await, Some(kept.clone()), "{typed:?}");
        assert_eq!(database.cell("surname", &of).await, Some(kept), "{typed:?}");
        let whole = typed.replace('\0', "");
        let attributes: Value = json(&database.cell("attributes", &of).await);
        assert_eq!(attributes, json!({ format!("extension_0_{whole}"): [whole] }), "{typed:?}");
    }
    assert_eq!(database.cell("COUNT(*)", "hostile").await.as_deref(), Some("10"));
}

async fn six_replicas_make_one_table(database: &Database) {
    let replicas: JoinSet<_> = (0..6)
        .map(|_| {
            let sql = sql(&database.url, "replicas", FIRST);
            async move { sql.probe().await }
        })
        .collect();
    for probed in replicas.join_all().await {
        assert_eq!(probed, Ok(()));
    }
    let versions = database.column("version", "usher_sql_migrations WHERE table_name = 'replicas'").await;
    assert_eq!(versions, [Some("1".to_owned())]);
}

async fn six_replicas_make_one_row(database: &Database) {
    let replicas: JoinSet<_> = (0..6)
        .map(|_| {
            let sql = sql(&database.url, "replicas", FIRST);
            async move { sql.handle(&event(ada())).await }
        })
        .collect();
    for outcome in replicas.join_all().await {
        assert!(matches!(outcome, Outcome::Done | Outcome::Retry(_)), "{outcome:?}");
    }
    assert_eq!(sql(&database.url, "replicas", FIRST).handle(&event(ada())).await, Outcome::Done);
    assert_eq!(database.cell("user_id", "replicas").await, Some(ADA.to_string()));
}

async fn the_probe_leaves_nothing_behind(database: &Database) {
    let sql = sql(&database.url, "probed", FIRST);
    for _ in 0..2 {
        assert_eq!(sql.probe().await, Ok(()));
    }
    assert_eq!(database.cell("COUNT(*)", "probed").await.as_deref(), Some("0"));
}

/// A unique address is the most likely rule, and the most dangerous one.
async fn a_rule_of_the_owners_is_this_rows_fault_and_the_database_is_there(database: &Database) {
    let sql = sql(&database.url, "ruled", FIRST);
    assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
    database.run("CREATE UNIQUE INDEX ruled_email ON ruled (email)").await;
    let twin = UserSignedUp { user_id: Uuid::new_v4(), ..ada() };
    let Outcome::Reject(rejection) = sql.handle(&event(twin)).await else { panic!("not rejected") };
    assert_eq!(rejection.reason, "DatabaseRejected");
    assert!(!rejection.detail.to_lowercase().contains("ada"), "{}", rejection.detail);
    assert_eq!(database.cell("user_id", "ruled").await, Some(ADA.to_string()));
    assert_eq!(sql.probe().await, Ok(()));
}

/// MySQL alone: a conflict on any unique key leads to the update.
pub(crate) async fn a_key_of_somebody_elses_that_mysql_takes_for_ours_is_an_error(database: &Database) {
    let sql = sql(&database.url, "guarded", FIRST);
    assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
    database.run("CREATE UNIQUE INDEX guarded_email ON guarded (email)").await;
    let twin = UserSignedUp { user_id: Uuid::new_v4(), surname: Some("Twin".to_owned()), ..ada() };
    let Outcome::Reject(rejection) = sql.handle(&event(twin)).await else { panic!("not rejected") };
    assert_eq!(rejection.detail, "code=mysql-1048");
    assert_eq!(database.cell("surname", "guarded").await, None);
}

async fn whoever_has_no_row_is_missing(database: &Database) {
    let sql = sql(&database.url, "presence", FIRST);
    assert_eq!(sql.probe().await, Ok(()));
    assert_eq!(sql.presence(&event(ada())).await, Ok(Presence::Missing("no-row")));
    assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
    assert_eq!(sql.presence(&event(ada())).await, Ok(Presence::Present));
}

async fn a_table_of_a_newer_build_is_left_as_it_is(database: &Database) {
    assert_eq!(sql(&database.url, "newer", FIRST).handle(&event(ada())).await, Outcome::Done);
    database.run("INSERT INTO usher_sql_migrations (table_name, version) VALUES ('newer', 99)").await;
    let plan = if database.is_mysql() {
        "VARCHAR(9) NOT NULL DEFAULT 'free'"
    } else {
        "TEXT NOT NULL DEFAULT 'free'"
    };
    database.run(&format!("ALTER TABLE newer ADD COLUMN tier {plan}")).await;
    let changed = UserSignedUp { surname: Some("Lovelace".to_owned()), ..ada() };
    assert_eq!(sql(&database.url, "newer", SECOND).handle(&event(changed)).await, Outcome::Done);
    assert_eq!(database.cell("surname", "newer").await.as_deref(), Some("Lovelace"));
    assert_eq!(database.cell("tier", "newer").await.as_deref(), Some("free"));
    let versions = "usher_sql_migrations WHERE table_name = 'newer'";
    assert_eq!(database.cell("COUNT(*)", versions).await.as_deref(), Some("2"));
}

async fn what_the_command_prints_makes_the_table(database: &Database) {
    let unmigrated = sql_unmigrated(&database.url, "by_hand");
    let down = unmigrated.probe().await.unwrap_err();
    assert_eq!(down.setting, "SQL_TABLE", "{down}");
    assert!(down.to_string().contains("usher-sql schema"), "{down}");

    let output = Command::new(env!("CARGO_BIN_EXE_usher-sql"))
        .arg("schema")
        .env_clear()
        .env("ENTRA_TENANT_ID", TENANT.to_string())
        .envs([("SQL_DATABASE_URL", database.url.as_str()), ("SQL_TABLE", "by_hand")])
        .output()
        .unwrap();
    let statements = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !statements.contains("hush"), "{statements}");
    // Twice: whoever applies it need not know whether somebody has before.
    for _ in 0..2 {
        database.run(&statements).await;
    }
    assert_eq!(unmigrated.probe().await, Ok(()));
    assert_eq!(unmigrated.handle(&event(ada())).await, Outcome::Done);
    assert_eq!(sql(&database.url, "by_hand", FIRST).handle(&event(ada())).await, Outcome::Done);
}

async fn a_lock_is_the_moments_fault(database: &Database) {
    let sql = sql(&database.url, "locked", FIRST);
    assert_eq!(sql.handle(&event(ada())).await, Outcome::Done);
    let changed = event(UserSignedUp { surname: Some("Lovelace".to_owned()), ..ada() });
    let outcome = database.while_locked("locked", sql.handle(&changed)).await;
    assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    assert_eq!(sql.handle(&changed).await, Outcome::Done);
    assert_eq!(database.cell("surname", "locked").await.as_deref(), Some("Lovelace"));
}
