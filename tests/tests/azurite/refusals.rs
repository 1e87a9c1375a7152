//! What is wrong with a blob, or with the way to it, is named in one line.

use std::net::TcpListener;

use serde_json::json;
use usher_sandbox::TENANT_ID;
use usher_tests::processes::{Output, Program};
use uuid::Uuid;

use crate::{BLOB, CONTAINER, Stage};

/// How the program must end, and what its line must say.
struct Row {
    program: Program,
    code: i32,
    says: &'static [&'static str],
}

fn row(program: Program, code: i32, says: &'static [&'static str]) -> Row {
    Row { program, code, says }
}

/// What no line may show: a signature.
const SECRET: &str = "sig=";

async fn check(rows: Vec<Row>) {
    let ran: Vec<_> = rows
        .into_iter()
        .map(|Row { program, code, says }| tokio::spawn(async move { (program.run().await, code, says) }))
        .collect();
    for row in ran {
        let (output, code, says) = row.await.unwrap();
        ends_in_one_line(&output, code, says);
    }
}

fn ends_in_one_line(output: &Output, code: i32, says: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{says:?}: {output:?}");
    let lines = output.stderr.lines().filter(|line| !line.contains(r#""level":"INFO""#)).count();
    assert_eq!(lines, 1, "{}", output.stderr);
    for said in says {
        assert!(output.stderr.contains(said), "{said}: {}", output.stderr);
    }
    assert!(!output.stderr.contains(SECRET), "{}", output.stderr);
}

fn checkpoint(version: u32, tenant: Uuid) -> String {
    let now = "2026-01-01T00:00:00Z";
    json!({
        "version": version, "tenantId": tenant, "start": now, "watermark": now, "recognisedBy": [],
        "settled": {}, "waiting": {},
    })
    .to_string()
}

#[tokio::test]
async fn a_checkpoint_that_can_not_be_gone_on_from_is_named() {
    let Some(stage) = Stage::set().await else { return };
    for (blob, content) in [
        ("garbage", "not what we wrote".to_owned()),
        ("empty", String::new()),
        ("half", checkpoint(1, TENANT_ID)[..40].to_owned()),
        ("foreign", checkpoint(1, Uuid::from_u128(9))),
        ("newer", checkpoint(2, TENANT_ID)),
    ] {
        stage.azurite.put(CONTAINER, blob, &content).await;
    }
    let with = |blob: &str| stage.producer_with(blob);
    check(vec![
        row(with("garbage"), 64, &["CHECKPOINT: is damaged at character"]),
        row(with("empty"), 64, &["CHECKPOINT: is damaged at character"]),
        row(with("half"), 64, &["CHECKPOINT: is damaged at character"]),
        row(with("foreign"), 64, &["CHECKPOINT: belongs to tenant", "ENTRA_TENANT_ID"]),
        row(with("newer"), 64, &["CHECKPOINT: has version 2"]),
        row(with("missing").without("START_FROM"), 64, &["CHECKPOINT: there is none", "START_FROM"]),
    ])
    .await;
    assert_eq!(stage.azurite.get(CONTAINER, "missing").await, None, "nothing was begun");
}

#[tokio::test]
async fn a_way_that_does_not_lead_to_the_blob_is_named_with_what_mends_it() {
    let Some(stage) = Stage::set().await else { return };
    let azurite = &stage.azurite;
    let nowhere = azurite.blob_url("nowhere", BLOB);
    let signed = format!("{}?{}", azurite.blob_url(CONTAINER, BLOB), azurite.sas(CONTAINER, "rw"));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("http://{nobody}/devstoreaccount1/{CONTAINER}/{BLOB}");
    let with = |name: &str, value: &str| stage.producer().with(name, value);
    let no_container = with("CHECKPOINT", &nowhere).with("CHECKPOINT_SAS", azurite.sas("nowhere", "rw"));
    let no_blob = "https://contoso.blob.core.windows.net/usher";
    let no_tls = "http://contoso.blob.core.windows.net/usher/checkpoint.json";
    check(vec![
        row(
            no_container,
            64,
            &["CHECKPOINT: ", "az storage container create --account-name devstoreaccount1 --name nowhere"],
        ),
        row(with("CHECKPOINT_SAS", &azurite.sas(CONTAINER, "r")), 64, &["403", "CHECKPOINT_SAS must"]),
        row(with("CHECKPOINT_SAS", &azurite.sas("nowhere", "rw")), 64, &["403", "CHECKPOINT_SAS must"]),
        row(with("CHECKPOINT_SAS", "hush"), 64, &["CHECKPOINT_SAS: "]),
        row(stage.producer().without("CHECKPOINT_SAS"), 64, &["CHECKPOINT: ", "CHECKPOINT_SAS"]),
        row(stage.world.producer().with("CHECKPOINT_SAS", "sv=1"), 64, &["CHECKPOINT_SAS: is for a blob"]),
        row(with("CHECKPOINT", &signed), 64, &["CHECKPOINT: ", "CHECKPOINT_SAS"]),
        row(with("CHECKPOINT", no_blob), 64, &["CHECKPOINT: must be"]),
        row(with("CHECKPOINT", no_tls), 64, &["CHECKPOINT: must be https"]),
        row(with("CHECKPOINT", &away), 69, &["CHECKPOINT: ", "can't be read: no answer"]),
    ])
    .await;
}
