//! A customer who was there before, with the same e-mail address.

use usher_billing::Existing;
use usher_sandbox::{FaultKind, NewSignUp, STRIPE_KEY, TENANT_ID, stripe_customer_id_attribute};
use usher_subscriber::{Handler, Outcome};
use uuid::Uuid;

use crate::world::{EMAIL, World, ada, by_google, names, rejected};

const UPDATE: &str = "stripe.update_customer";
const WRITE_BACK: &str = "graph.patch_user";

/// Everything is as it should be: the one customer who was there is the user's, and nothing else came of it.
async fn is_linked(world: &World, event: &usher_event::Event, customer: &str) {
    let customers = world.customers(STRIPE_KEY).await;
    assert_eq!(customers.len(), 1, "{customers:?}");
    assert_eq!(customers[0]["id"], customer);
    assert!(names(&customers[0], event), "{customers:?}");
    assert_eq!((&customers[0]["name"], &customers[0]["email"]), (&"Countess".into(), &EMAIL.into()));
    assert_eq!(world.on_user(event).await.as_deref(), Some(customer));
}

/// The sign-up has a customer of its own, and this one is as it was.
async fn has_its_own(world: &World, event: &usher_event::Event, theirs: &str) {
    let customers = world.customers(STRIPE_KEY).await;
    let (old, new): (Vec<_>, Vec<_>) = customers.iter().partition(|customer| customer["id"] == theirs);
    assert_eq!((old.len(), new.len()), (1, 1), "{customers:?}");
    assert!(!names(old[0], event) && names(new[0], event), "{customers:?}");
    assert_eq!(world.on_user(event).await.as_deref(), new[0]["id"].as_str());
}

#[tokio::test(start_paused = true)]
async fn unless_told_otherwise_it_is_left_alone() {
    let world = World::new(Existing::Create);
    let theirs = world.customer(STRIPE_KEY, &[]).await;
    let event = world.sign_up(ada()).await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    has_its_own(&world, &event, &theirs).await;
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_over_and_a_second_delivery_changes_nothing() {
    let world = World::new(Existing::Link);
    let theirs = world.customer(STRIPE_KEY, &[("shop", "box office")]).await;
    let event = world.sign_up(ada()).await;
    for _ in 0..2 {
        assert_eq!(world.deliver(&event).await, Outcome::Done);
        is_linked(&world, &event, &theirs).await;
    }
    assert_eq!((world.calls(UPDATE), world.calls(WRITE_BACK)), (1, 1));
    assert_eq!(world.customers(STRIPE_KEY).await[0]["metadata"]["shop"], "box office", "all else stays");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_the_tenant_has_not_verified_claims_nothing() {
    let world = World::new(Existing::Link);
    let theirs = world.customer(STRIPE_KEY, &[]).await;
    let event = world.sign_up(by_google()).await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    has_its_own(&world, &event, &theirs).await;
    assert_eq!(world.calls(UPDATE), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_names_another_user_or_another_tenant_is_never_linked() {
    let (tenant, other) = (TENANT_ID.to_string(), Uuid::from_u128(7).to_string());
    for names in [
        &[("usher_tenant_id", tenant.as_str()), ("usher_user_id", &other)][..],
        &[("usher_tenant_id", other.as_str()), ("usher_user_id", &other)],
        &[("usher_user_id", other.as_str())],
    ] {
        let world = World::new(Existing::Link);
        let theirs = world.customer(STRIPE_KEY, names).await;
        let event = world.sign_up(ada()).await;
        assert_eq!(world.deliver(&event).await, Outcome::Done);
        has_its_own(&world, &event, &theirs).await;
        assert_eq!(world.calls(UPDATE), 0, "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_somebody_wrote_on_the_user_claims_nothing() {
    let world = World::new(Existing::Create);
    let theirs = world.customer(STRIPE_KEY, &[("usher_user_id", &Uuid::from_u128(7).to_string())]).await;
    let event = world.sign_up(ada()).await;
    world.write(&event, &stripe_customer_id_attribute(), &theirs).await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    has_its_own(&world, &event, &theirs).await;
}

#[tokio::test(start_paused = true)]
async fn which_of_several_it_is_a_person_has_to_say() {
    let world = World::new(Existing::Link);
    let first = world.customer(STRIPE_KEY, &[]).await;
    world.customer(STRIPE_KEY, &[]).await;
    let event = world.sign_up(ada()).await;
    assert_eq!(rejected(&world.deliver(&event).await), "code=several-customers");
    assert_eq!((world.calls(UPDATE), world.customers(STRIPE_KEY).await.len()), (0, 2));
    assert_eq!(world.on_user(&event).await, None);

    // The operator deletes the one that nobody needs, and replays the dead letter.
    assert!(world.sandbox.delete_customer(&first));
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    let left = world.customers(STRIPE_KEY).await;
    is_linked(&world, &event, left[0]["id"].as_str().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn the_one_of_several_that_names_nobody_is_the_one() {
    let world = World::new(Existing::Link);
    world.customer(STRIPE_KEY, &[("usher_user_id", &Uuid::from_u128(7).to_string())]).await;
    let free = world.customer(STRIPE_KEY, &[]).await;
    let event = world.sign_up(ada()).await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    assert_eq!(world.on_user(&event).await, Some(free));
    assert_eq!(world.customers(STRIPE_KEY).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_is_a_reason_to_refuse_and_what_we_made_ourselves_is_not() {
    let world = World::new(Existing::Reject);
    let theirs = world.customer(STRIPE_KEY, &[]).await;
    for who in [ada(), by_google()] {
        let event = world.sign_up(who).await;
        assert_eq!(rejected(&world.deliver(&event).await), "code=customer-exists");
        assert_eq!(world.on_user(&event).await, None);
    }
    assert_eq!(world.customers(STRIPE_KEY).await.len(), 1);

    assert!(world.sandbox.delete_customer(&theirs));
    let event = world.sign_up(ada()).await;
    for _ in 0..2 {
        assert_eq!(
            world.deliver(&event).await,
            Outcome::Done,
            "a deleted customer is none, and ours is ours"
        );
    }
    assert_eq!(world.customers(STRIPE_KEY).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_customer_with_another_address_is_nobodys_business() {
    for policy in [Existing::Link, Existing::Reject] {
        let world = World::new(policy);
        world.customer(STRIPE_KEY, &[]).await;
        let event = world.sign_up(NewSignUp { email: Some("grace@example.com".into()), ..ada() }).await;
        assert_eq!(world.deliver(&event).await, Outcome::Done, "{policy:?}");
        assert_eq!(world.customers(STRIPE_KEY).await.len(), 2, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_deliveries_at_once_link_once() {
    for policy in [Existing::Link, Existing::Create] {
        let world = World::new(policy);
        let theirs = world.customer(STRIPE_KEY, &[]).await;
        let event = world.sign_up(ada()).await;
        let (one, other) = (world.billing(), world.billing());
        let both = tokio::join!(world.deliver_to(&one, &event), world.deliver_to(&other, &event));
        assert_eq!(both, (Outcome::Done, Outcome::Done), "{policy:?}");
        match policy {
            Existing::Link => is_linked(&world, &event, &theirs).await,
            _ => has_its_own(&world, &event, &theirs).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_between_the_two_writes_leaves_what_the_next_delivery_finishes() {
    for (call, kind) in [
        (UPDATE, FaultKind::Hang),
        (UPDATE, FaultKind::HangAfter),
        (WRITE_BACK, FaultKind::Hang),
        (WRITE_BACK, FaultKind::HangAfter),
    ] {
        let world = World::new(Existing::Link);
        let theirs = world.customer(STRIPE_KEY, &[]).await;
        let event = world.sign_up(ada()).await;
        world.deliver_and_die(&event, call, kind).await;
        assert_eq!(world.deliver(&event).await, Outcome::Done, "{call} {kind:?}");
        is_linked(&world, &event, &theirs).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_fails_is_made_again_and_shows_once() {
    for kind in [
        FaultKind::Before,
        FaultKind::After,
        FaultKind::Status(429),
        FaultKind::Status(500),
        FaultKind::Stored500,
        FaultKind::Stored500After,
    ] {
        let world = World::new(Existing::Link);
        let theirs = world.customer(STRIPE_KEY, &[]).await;
        let event = world.sign_up(ada()).await;
        world.fail_next(UPDATE, kind);
        assert_eq!(world.deliver(&event).await, Outcome::Done, "{kind:?}");
        is_linked(&world, &event, &theirs).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_users_who_want_one_customer_at_once_one_gets_it() {
    let world = World::new(Existing::Link);
    let theirs = world.customer(STRIPE_KEY, &[]).await;
    let (ada, eve) = (world.sign_up(ada()).await, world.sign_up(ada()).await);
    let (one, other) = (world.billing(), world.billing());
    let both = tokio::join!(world.deliver_to(&one, &ada), world.deliver_to(&other, &eve));
    assert_eq!(both, (Outcome::Done, Outcome::Done));

    let customers = world.customers(STRIPE_KEY).await;
    assert_eq!(customers.len(), 2, "{customers:?}");
    let of = |event| customers.iter().filter(move |customer| names(customer, event)).collect::<Vec<_>>();
    let (adas, eves) = (of(&ada), of(&eve));
    assert_eq!((adas.len(), eves.len()), (1, 1), "{customers:?}");
    assert!(adas[0]["id"] == theirs.as_str() || eves[0]["id"] == theirs.as_str());
    assert_eq!(world.on_user(&ada).await.as_deref(), adas[0]["id"].as_str());
    assert_eq!(world.on_user(&eve).await.as_deref(), eves[0]["id"].as_str());
}

#[tokio::test(start_paused = true)]
async fn one_who_goes_while_we_claim_it_is_no_refusal() {
    let world = World::new(Existing::Link);
    let theirs = world.customer(STRIPE_KEY, &[]).await;
    let event = world.sign_up(ada()).await;
    world.fail_next(UPDATE, FaultKind::Status(404));
    let outcome = world.billing().handle(&event).await;
    let Outcome::Retry(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failure.status, failure.code.as_deref()), (Some(409), Some("customer not linked")));
    assert!(world.sandbox.delete_customer(&theirs));
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    assert_eq!(world.customers(STRIPE_KEY).await.len(), 1, "one of its own");
}
