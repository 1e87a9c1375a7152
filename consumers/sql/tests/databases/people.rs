//! Who signs up, and the consumer that hears of it.

use std::{collections::BTreeMap, num::NonZeroU32};

use serde_json::json;
use time::{OffsetDateTime, macros::datetime};
use usher_clock::Clock;
use usher_event::{Audit, Event, IdentityProvider, UserSignedUp};
use usher_http::{HttpClient, Request, Response, TransportError};
use usher_sql::{Sql, SqlSettings};
use usher_subscriber::{Consumer, Ports};
use uuid::{Uuid, uuid};

pub(crate) const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
pub(crate) const ADA: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");

/// The days on which something is handled.
pub(crate) const FIRST: OffsetDateTime = datetime!(2026-03-02 00:00 UTC);
pub(crate) const SECOND: OffsetDateTime = datetime!(2026-03-03 00:00 UTC);
pub(crate) const THIRD: OffsetDateTime = datetime!(2026-03-04 00:00 UTC);

pub(crate) fn ada() -> UserSignedUp {
    UserSignedUp {
        tenant_id: TENANT,
        user_id: ADA,
        display_name: Some("Ada L.".to_owned()),
        given_name: Some("Ada".to_owned()),
        surname: None,
        email: Some("Ada@Example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![IdentityProvider {
            sign_in_type: "federated".to_owned(),
            issuer: Some("google.com".to_owned()),
        }],
        signed_up_at: datetime!(2026-03-01 09:30:00.1234567 UTC),
        app_id: None,
        attributes: BTreeMap::from([("extension_0_Size".to_owned(), json!({"eu": 38, "tags": ["a", null]}))]),
        audit: Audit { id: "Directory_8f".to_owned(), correlation_id: None },
    }
}

pub(crate) fn event(data: UserSignedUp) -> Event {
    Event::new(data)
}

/// A consumer with a table, handling what it hears on this day.
pub(crate) fn sql(url: &str, table: &str, day: OffsetDateTime) -> Sql {
    with(settings(url, table), day)
}

/// The same, on a table that somebody else must make.
pub(crate) fn sql_unmigrated(url: &str, table: &str) -> Sql {
    with(SqlSettings { sql_migrate: false, ..settings(url, table) }, FIRST)
}

fn settings(url: &str, table: &str) -> SqlSettings {
    SqlSettings {
        tenant_id: TENANT,
        sql_database_url: url.parse().unwrap(),
        sql_table: table.parse().unwrap(),
        sql_migrate: true,
        sql_connections: NonZeroU32::new(5).unwrap(),
    }
}

fn with(settings: SqlSettings, day: OffsetDateTime) -> Sql {
    let nobody = |_: Request| async { Err::<Response, _>(TransportError::Connect) };
    let http = HttpClient::new(tower::service_fn(nobody));
    Sql::new(settings, Ports { http, clock: Clock::starting_at(day) }).unwrap()
}
