//! A credential that can't serve is a setting to mend: the start ends with 64 and names it, with the date if that is what
//! is wrong.

use time::{Duration, OffsetDateTime};
use usher_sandbox::CLIENT_SECRET;
use usher_tests::processes::{Options, Program, World};

use crate::kind::{Ambient, Kind, billing, producer};

async fn world() -> World {
    World::start(Options { identities: true, ..Options::default() }).await
}

/// It ends with 64 and says all of this, and nothing has begun. Returns what it said.
async fn ends_naming(world: &World, program: Program, words: &[&str]) -> String {
    let output = program.run().await;
    assert_eq!(output.code, Some(64), "{words:?}: {output:?}");
    assert_eq!(output.stdout, "", "{words:?}: something was announced");
    for word in words {
        assert!(output.stderr.contains(word), "{word}: {}", output.stderr);
    }
    assert!(!world.checkpoint().exists(), "a start that failed wrote a checkpoint");
    output.stderr
}

fn yesterday() -> String {
    let at = OffsetDateTime::now_utc() - Duration::DAY;
    format!("{}-{:02}-{:02}", at.year(), u8::from(at.month()), at.day())
}

#[tokio::test]
async fn an_expired_certificate_is_named_with_the_date_on_which_it_expired() {
    // A day before the stand-ins were started: midnight may pass meanwhile.
    let before = yesterday();
    let world = world().await;
    let days = [before, yesterday()];
    let expired = world.identity("expired.pem").display().to_string();
    for program in [producer(&world, Kind::Pem), billing(&world, Kind::Pem)] {
        let program = program.with("ENTRA_CLIENT_CERTIFICATE_PATH", &*expired);
        let said = ends_naming(&world, program, &["ENTRA_CLIENT_CERTIFICATE_PATH", "expired"]).await;
        assert!(days.iter().any(|day| said.contains(day)), "{days:?}: {said}");
    }
}

#[tokio::test]
async fn a_credential_that_entra_does_not_take_is_named() {
    let world = world().await;
    world.control.revoke_identities().await;
    for kind in [
        Kind::SecretFile,
        Kind::Pem,
        Kind::Pkcs12,
        Kind::Vault(Ambient::Managed),
        Kind::ManagedIdentity,
        Kind::WorkloadIdentity,
    ] {
        ends_naming(&world, producer(&world, kind), &[kind.setting()]).await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_or_does_not_open_is_named() {
    let world = world().await;
    let missing = |name: &'static str, kind| (producer(&world, kind).with(name, "/nowhere"), name);
    let files = [
        missing("ENTRA_CLIENT_CERTIFICATE_PATH", Kind::Pem),
        missing("ENTRA_CLIENT_SECRET_FILE", Kind::SecretFile),
        missing("ENTRA_CLIENT_CERTIFICATE_PASSWORD_FILE", Kind::Pkcs12),
    ];
    for (program, name) in files {
        ends_naming(&world, program, &[name]).await;
    }
    let wrong = producer(&world, Kind::Pkcs12)
        .without("ENTRA_CLIENT_CERTIFICATE_PASSWORD_FILE")
        .with("ENTRA_CLIENT_CERTIFICATE_PASSWORD", "hush");
    ends_naming(&world, wrong, &["ENTRA_CLIENT_CERTIFICATE"]).await;
}

#[tokio::test]
async fn one_credential_is_needed_and_two_are_too_many() {
    let world = world().await;
    let two = producer(&world, Kind::Pem).with("ENTRA_CLIENT_SECRET", CLIENT_SECRET);
    ends_naming(&world, two, &["ENTRA_CLIENT_SECRET", "ENTRA_CLIENT_CERTIFICATE_PATH"]).await;
    let none = producer(&world, Kind::Secret).without("ENTRA_CLIENT_SECRET");
    ends_naming(&world, none, &["ENTRA_CLIENT_SECRET", "ENTRA_CREDENTIAL"]).await;
}
