//! A sign-up gets through with every kind of credential, and nothing of what was shown is said anywhere.

use usher_tests::processes::eventually;

use crate::{
    kind::{Ambient, Kind, billing, producer, talkative_world},
    said::nothing_secret_is_said,
};

/// The producer and billing show who they are in this way; somebody signs up and becomes a customer, once. All of these
/// calls were made for it.
async fn a_sign_up_gets_through(kind: Kind, calls: &[&str]) {
    let world = talkative_world().await;
    let mut services = [producer(&world, kind).start().await, billing(&world, kind).start().await];
    world.control.sign_up().await;
    eventually("the sign-up has its effect", async || {
        world.control.shows_each_effect_once(1).await.then_some(())
    })
    .await;
    let made = world.control.effects().await.totals.calls;
    for call in calls {
        assert!(made.contains_key(*call), "{kind:?}: {call} is not among {made:?}");
    }
    for service in &mut services {
        assert_eq!(service.terminate().await.code, Some(0), "{kind:?}");
    }
    nothing_secret_is_said(&world);
}

#[tokio::test]
async fn with_a_secret() {
    a_sign_up_gets_through(Kind::Secret, &[]).await;
}

#[tokio::test]
async fn with_a_secret_in_a_file() {
    a_sign_up_gets_through(Kind::SecretFile, &[]).await;
}

#[tokio::test]
async fn with_a_certificate_in_a_pem_file() {
    a_sign_up_gets_through(Kind::Pem, &[]).await;
}

#[tokio::test]
async fn with_a_certificate_in_a_pkcs12_file_whose_password_is_in_another() {
    a_sign_up_gets_through(Kind::Pkcs12, &[]).await;
}

#[tokio::test]
async fn with_a_certificate_whose_key_stays_in_the_vault() {
    let calls = ["login.vault_certificate", "login.vault_sign"];
    for ambient in [Ambient::Managed, Ambient::Secret, Ambient::Workload] {
        a_sign_up_gets_through(Kind::Vault(ambient), &calls).await;
    }
}

#[tokio::test]
async fn with_the_platforms_managed_identity() {
    a_sign_up_gets_through(Kind::ManagedIdentity, &["login.managed_identity"]).await;
}

#[tokio::test]
async fn with_a_clusters_workload_identity() {
    a_sign_up_gets_through(Kind::WorkloadIdentity, &[]).await;
}
