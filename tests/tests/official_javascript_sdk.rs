//! The official JavaScript SDK judges what the producer publishes: `tests/conformance/subscriber.mjs` reads it from a
//! subscription, holds it against the schema and settles it in each way.
//!
//! The SDK is installed into `.sdk` at the workspace's root the first time, which takes Node.js and a package
//! registry. Where there is neither, the test says so and passes; in CI, where it must not be missing, it fails.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use serde_json::json;
use tokio::{process::Command, time::timeout};
use usher_event::EventId;
use usher_sandbox::TENANT_ID;
use usher_tests::{javascript_sdk, judge, processes::World, world_with_audit};
use uuid::Uuid;

/// One to complete, one to abandon, one to dead-letter, one to be among others.
const SIGN_UPS: usize = 4;
/// Longer than all the waits that the checks themselves put a bound to.
const AT_MOST: Duration = Duration::from_secs(180);

#[tokio::test]
async fn the_official_javascript_sdk_reads_and_settles_what_the_producer_publishes() {
    let Some(node) = judge("the official JavaScript SDK's checks", javascript_sdk) else { return };
    let world = world_with_audit().await;
    let producer = world.producer().start().await;
    let order = json!({ "sign_ups": { "count": SIGN_UPS, "bystanders": 2, "short_lived": 0 } });
    let users = world.control.order(order).await;
    world.counts(&producer, "published", |counts| counts.of("published") == SIGN_UPS as u64).await;

    let checks = check(&node, &world, &users).await;

    let (output, errors) = (String::from_utf8_lossy(&checks.stdout), String::from_utf8_lossy(&checks.stderr));
    assert!(checks.status.success(), "{output}\n{errors}");
    assert!(output.contains("# pass 9\n# fail 0\n"), "{output}");
}

/// Runs the checks, which are told whose sign-ups to expect under which ids.
async fn check(node: &Path, world: &World, users: &[Uuid]) -> Output {
    let sign_ups = users.iter().map(|user| format!("{}={user}", EventId::of(TENANT_ID, *user)));
    let checks = Command::new(node)
        .arg("--test-reporter=tap")
        .arg(conformance("subscriber.mjs"))
        .args(sign_ups)
        .env("SERVICEBUS_CONNECTION_STRING", world.connection_string())
        .kill_on_drop(true)
        .output();
    timeout(AT_MOST, checks).await.expect("the checks end").unwrap()
}

fn conformance(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(file)
}
