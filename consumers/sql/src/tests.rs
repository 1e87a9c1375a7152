//! The policy, on a store that fails as it is told. Real databases are in `tests/databases`.

use std::{collections::BTreeMap, sync::Mutex};

use time::macros::datetime;
use usher_event::{Audit, UserSignedUp};
use usher_http::FailureClass;
use uuid::uuid;

use super::*;

/// Keeps what it is given, unless it is told to fail.
#[derive(Default)]
struct Memory {
    rows: Mutex<Vec<Row>>,
    fails: Option<StoreError>,
}

#[async_trait]
impl Store for Memory {
    async fn upsert(&self, row: &Row) -> Result<(), StoreError> {
        self.probe().await?;
        self.rows.lock().unwrap().push(row.clone());
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.fails.clone().map_or(Ok(()), Err)
    }
}

fn ada() -> Event {
    Event::new(UserSignedUp {
        tenant_id: uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"),
        user_id: uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"),
        display_name: Some("Ada L.".to_owned()),
        given_name: None,
        surname: None,
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![],
        signed_up_at: datetime!(2026-03-01 09:30 UTC),
        app_id: None,
        attributes: BTreeMap::new(),
        audit: Audit { id: "Directory_8f".to_owned(), correlation_id: None },
    })
}

fn sql(store: Arc<Memory>) -> Sql {
    Sql::with_store(ada().data.tenant_id, Clock::starting_at(datetime!(2026-03-01 09:31 UTC)), store)
}

fn failing(fault: Fault, code: &str) -> Sql {
    sql(Arc::new(Memory { fails: Some(StoreError::new(fault, code)), ..Memory::default() }))
}

#[tokio::test(start_paused = true)]
async fn a_sign_up_is_put_with_the_time_at_which_it_was_handled() {
    let store = Arc::new(Memory::default());
    let sql = sql(store.clone());
    assert_eq!(sql.handle(&ada()).await, Outcome::Done);
    let expected = Row::of(&ada(), datetime!(2026-03-01 09:31 UTC));
    assert_eq!(*store.rows.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_failure_is_whose_fault_it_is() {
    let outcome = |fault| async move { failing(fault, "pg-00000").handle(&ada()).await };
    assert!(matches!(outcome(Fault::Moment).await, Outcome::Retry(_)));
    for fault in [Fault::Unreachable, Fault::Setting("SQL_DATABASE_URL"), Fault::Setting("SQL_TABLE")] {
        assert!(matches!(outcome(fault).await, Outcome::Unavailable { vendor: "Database", .. }), "{fault:?}");
    }
    let Outcome::Reject(rejection) = outcome(Fault::Row).await else { panic!("not rejected") };
    assert_eq!((rejection.reason.as_str(), rejection.detail.as_str()), ("DatabaseRejected", "code=pg-00000"));
}

#[tokio::test]
async fn the_probe_names_the_setting_to_mend_and_how_to() {
    let down = |fault, code| async move { failing(fault, code).probe().await.unwrap_err() };
    let refused = down(Fault::Setting("SQL_DATABASE_URL"), "pg-28P01").await;
    assert_eq!((refused.setting, refused.failure.class), ("SQL_DATABASE_URL", FailureClass::Unauthorized));
    assert_eq!(refused.to_string(), "Database: pg-28P01");
    let missing = down(Fault::Setting("SQL_TABLE"), "pg-42P01").await;
    assert_eq!(missing.setting, "SQL_TABLE");
    assert!(missing.to_string().contains("apply what `usher-sql schema` prints"), "{missing}");
    let gone = down(Fault::Unreachable, "no-connection").await;
    assert_eq!((gone.setting, gone.failure.class), ("SQL_DATABASE_URL", FailureClass::Unreachable));
    let plain = down(Fault::Setting("SQL_DATABASE_URL"), "no-trusted-tls").await;
    assert!(plain.to_string().contains("sslmode"), "{plain}");
}

#[tokio::test]
async fn a_store_that_does_not_tell_who_is_there_leaves_it_open() {
    let presence = sql(Arc::new(Memory::default())).presence(&ada()).await.unwrap();
    assert!(matches!(presence, Presence::Unknown(_)));
}
