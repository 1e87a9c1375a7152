//! A credential that is taken away while everything runs: it is said what is wrong, nothing is lost and nothing is done
//! twice, and once there is a new one the work goes on, without a restart.

use std::fs;

use serde_json::{Value, json};
use usher_tests::processes::{Process, World, eventually};

use crate::{
    kind::{Ambient, Kind, billing, producer, talkative_world},
    said::nothing_secret_is_said,
};

/// So many sign up while nobody can look.
const MEANWHILE: usize = 3;

/// How far the log was read, as the producer has put it on record.
fn watermark(world: &World) -> String {
    let checkpoint: Value = serde_json::from_slice(&fs::read(world.checkpoint()).unwrap()).unwrap();
    checkpoint["watermark"].as_str().unwrap().to_owned()
}

/// What `/readyz` says once it is no.
async fn not_ready(world: &World, service: &Process) -> String {
    let readyz = service.health("readyz");
    eventually("it is not ready", async || {
        let (status, said) = world.control.get(&readyz).await;
        (status == 503).then_some(said)
    })
    .await
}

async fn ready_again(world: &World, service: &Process) {
    let readyz = service.health("readyz");
    eventually("it is ready", async || (world.control.get(&readyz).await.0 == 200).then_some(())).await;
}

async fn effects(world: &World, sign_ups: usize) {
    eventually("each sign-up has its effect", async || {
        world.control.shows_each_effect_once(sign_ups).await.then_some(())
    })
    .await;
}

async fn sign_up_meanwhile(world: &World) {
    let order = json!({ "count": MEANWHILE, "bystanders": 0, "short_lived": 0 });
    world.control.order(json!({ "sign_ups": order })).await;
}

/// `/readyz` says no, and one line of the log says what is refused, of which setting, and until when a certificate would
/// have been valid: not by its age is it refused.
async fn says_what_is_wrong(world: &World, service: &Process, kind: Kind) {
    let readyz = not_ready(world, service).await;
    let is_about = |line: &&str| line.contains(kind.setting()) && line.contains("AADSTS");
    let said = eventually("it is said what is wrong", async || {
        let said = service.stderr();
        let about: Vec<_> = said.lines().filter(is_about).map(str::to_owned).collect();
        (!about.is_empty()).then_some(about)
    })
    .await;
    assert_eq!(said.len(), 1, "{kind:?}: said more than once: {said:#?}");
    let is_certificate = matches!(kind, Kind::Pem | Kind::Pkcs12 | Kind::Vault(_));
    assert_eq!(said[0].contains("valid until 20"), is_certificate, "{kind:?}: {said:#?}");
    assert!(readyz.contains("401"), "{kind:?}: {readyz}");
}

/// The producer alone is concerned: billing has a secret of its own.
async fn the_producer_waits_and_goes_on(kind: Kind) {
    let world = talkative_world().await;
    let mut producer = producer(&world, kind).start().await;
    let mut billing = world.billing().start().await;
    world.control.sign_up().await;
    effects(&world, 1).await;

    world.control.revoke_identities().await;
    says_what_is_wrong(&world, &producer, kind).await;
    let held_at = watermark(&world);
    sign_up_meanwhile(&world).await;
    let polls = world.counts(&producer, "it has polled", |_| true).await.of("polls");
    world.counts(&producer, "it polls in vain", |counts| counts.of("polls") >= polls + 2).await;
    assert_eq!(watermark(&world), held_at, "{kind:?}");

    world.control.rotate_identities().await;
    ready_again(&world, &producer).await;
    effects(&world, 1 + MEANWHILE).await;
    eventually("the watermark moves", async || (watermark(&world) != held_at).then_some(())).await;
    for service in [&mut producer, &mut billing] {
        assert_eq!(service.terminate().await.code, Some(0), "{kind:?}");
    }
    nothing_secret_is_said(&world);
}

#[tokio::test]
async fn a_producer_whose_certificate_file_was_revoked_goes_on_with_the_next() {
    the_producer_waits_and_goes_on(Kind::Pem).await;
    the_producer_waits_and_goes_on(Kind::Pkcs12).await;
}

#[tokio::test]
async fn a_producer_whose_secret_was_revoked_goes_on_with_the_next_in_the_file() {
    the_producer_waits_and_goes_on(Kind::SecretFile).await;
}

#[tokio::test]
async fn a_producer_whose_certificate_in_the_vault_was_revoked_goes_on_with_its_next_version() {
    the_producer_waits_and_goes_on(Kind::Vault(Ambient::Managed)).await;
}

#[tokio::test]
async fn a_producer_whose_federated_credential_was_taken_away_goes_on_once_it_is_back() {
    the_producer_waits_and_goes_on(Kind::ManagedIdentity).await;
    the_producer_waits_and_goes_on(Kind::WorkloadIdentity).await;
}

#[tokio::test]
async fn a_consumer_whose_certificate_was_revoked_receives_nothing_and_gives_nothing_up_until_it_has_the_next()
 {
    let world = talkative_world().await;
    let mut producer = world.producer().start().await;
    let mut billing = billing(&world, Kind::Pem).start().await;
    world.control.sign_up().await;
    effects(&world, 1).await;

    world.control.revoke_identities().await;
    sign_up_meanwhile(&world).await;
    says_what_is_wrong(&world, &billing, Kind::Pem).await;
    world.control.rotate_identities().await;
    ready_again(&world, &billing).await;
    effects(&world, 1 + MEANWHILE).await;
    let counts = world.counts(&billing, "it has been counted", |_| true).await;
    assert_eq!(counts.of("dead_lettered"), 0);
    for service in [&mut producer, &mut billing] {
        assert_eq!(service.terminate().await.code, Some(0));
    }
    nothing_secret_is_said(&world);
}
