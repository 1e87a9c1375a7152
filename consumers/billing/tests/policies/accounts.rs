//! Several Stripe accounts, by rule.

use usher_billing::Existing;
use usher_event::Event;
use usher_http::FailureClass;
use usher_sandbox::{FaultKind, NewSignUp, STRIPE_KEY, STRIPE_KEY_EU, stripe_customer_id_attribute};
use usher_subscriber::{Handler, Outcome, Presence};

use crate::world::{World, ada, names, rejected};

/// Businesses in one account, everybody else in the other.
fn two(eu: &str, rest: &str) -> String {
    let kind = usher_sandbox::company_type_attribute();
    format!(
        "[[account]]\nname = \"eu\"\nsecret_key_env = \"{eu}\"\nself_asserted = true\n\
         when = {{ attribute = \"{kind}\", equals = \"business\" }}\n\
         [[account]]\nname = \"rest\"\nsecret_key_env = \"{rest}\"\n"
    )
}

fn world() -> World {
    World::new(Existing::Create).with_accounts(&two("KEY_EU", "KEY_REST"))
}

fn business() -> NewSignUp {
    NewSignUp { company_type: Some("business".into()), ..ada() }
}

/// How many customers name this sign-up in each account.
async fn counts(world: &World, event: &Event) -> (usize, usize) {
    let count = async |key| world.customers(key).await.iter().filter(|it| names(it, event)).count();
    (count(STRIPE_KEY_EU).await, count(STRIPE_KEY).await)
}

#[tokio::test(start_paused = true)]
async fn the_first_account_whose_conditions_hold_gets_the_customer() {
    let world = world();
    world.probe().await.unwrap();
    let (business, private) = (world.sign_up(business()).await, world.sign_up(ada()).await);
    for _ in 0..2 {
        assert_eq!(world.deliver(&business).await, Outcome::Done);
        assert_eq!(world.deliver(&private).await, Outcome::Done);
    }
    assert_eq!(counts(&world, &business).await, (1, 0));
    assert_eq!(counts(&world, &private).await, (0, 1));
    for event in [&business, &private] {
        assert!(world.on_user(event).await.is_some());
        assert_eq!(world.billing().presence(event).await, Ok(Presence::Present));
    }
}

#[tokio::test(start_paused = true)]
async fn whom_no_account_is_for_is_refused() {
    let accounts = "[[account]]\nname = \"eu\"\nsecret_key_env = \"KEY_EU\"\n\
                    when = { identity_provider = \"google.com\" }\n";
    let world = World::new(Existing::Create).with_accounts(accounts);
    let event = world.sign_up(ada()).await;
    assert_eq!(rejected(&world.deliver(&event).await), "code=no-account");
    assert_eq!(counts(&world, &event).await, (0, 0));
    assert_eq!(world.billing().presence(&event).await, Ok(Presence::Missing("no-customer")));
}

#[tokio::test(start_paused = true)]
async fn who_has_a_customer_keeps_it_when_the_rules_would_choose_another_account() {
    let world = world();
    let event = world.sign_up(business()).await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    let before = world.on_user(&event).await;
    world.moves_to(&event, "private").await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    assert_eq!(counts(&world, &event).await, (1, 0));
    assert_eq!(world.on_user(&event).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_customer_whose_id_never_reached_the_user_is_found_in_whichever_account() {
    let world = world();
    let event = world.sign_up(business()).await;
    world.deliver_and_die(&event, "graph.patch_user", FaultKind::Hang).await;
    assert_eq!((counts(&world, &event).await, world.on_user(&event).await), ((1, 0), None));
    assert_eq!(world.billing().presence(&event).await, Ok(Presence::Missing("id-not-on-user")));
    world.moves_to(&event, "private").await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    assert_eq!(counts(&world, &event).await, (1, 0));
    assert!(world.on_user(&event).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn anothers_customer_is_not_claimed_in_either_account() {
    for key in [STRIPE_KEY_EU, STRIPE_KEY] {
        let world = world();
        let anothers =
            world.customer(key, &[("usher_user_id", "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d")]).await;
        let event = world.sign_up(ada()).await;
        world.write(&event, &stripe_customer_id_attribute(), &anothers).await;
        assert_eq!(world.deliver(&event).await, Outcome::Done);
        assert_eq!(counts(&world, &event).await, (0, 1));
        assert_ne!(world.on_user(&event).await, Some(anothers));
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_there_before_is_looked_for_in_the_account_of_the_rules() {
    for (key, expected) in [(STRIPE_KEY, (0, 1)), (STRIPE_KEY_EU, (0, 1))] {
        let world = World::new(Existing::Link).with_accounts(&two("KEY_EU", "KEY_REST"));
        let theirs = world.customer(key, &[]).await;
        let event = world.sign_up(ada()).await;
        assert_eq!(world.deliver(&event).await, Outcome::Done);
        assert_eq!(counts(&world, &event).await, expected);
        assert_eq!(world.on_user(&event).await == Some(theirs), key == STRIPE_KEY, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_probe_asks_every_account_and_names_the_one_that_refuses() {
    for (eu, rest, account) in [("KEY_WRONG", "KEY_REST", "eu"), ("KEY_EU", "KEY_WRONG", "rest")] {
        let world = World::new(Existing::Create).with_accounts(&two(eu, rest));
        let down = world.probe().await.unwrap_err();
        assert_eq!((down.vendor, down.setting), ("Stripe", "STRIPE_ACCOUNTS"));
        assert_eq!(down.failure.class, FailureClass::Unauthorized);
        let told = down.failure.to_string();
        assert!(told.ends_with(&format!("account={account}")) && !told.contains("wrong"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attribute_that_users_do_not_have_is_the_accounts_fault_and_no_messages() {
    let accounts = two("KEY_EU", "KEY_REST").replace("CompanyType", "Nothing");
    let world = World::new(Existing::Create).with_accounts(&accounts);
    let down = world.probe().await.unwrap_err();
    assert_eq!((down.vendor, down.setting), ("Entra", "STRIPE_ACCOUNTS"));
    assert_eq!(down.failure.class, FailureClass::Refused);
    let event = world.sign_up(ada()).await;
    let outcome = world.deliver(&event).await;
    assert!(matches!(outcome, Outcome::Unavailable { vendor: "Entra", .. }), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn with_one_key_the_probe_names_its_setting() {
    let mut world = World::new(Existing::Create);
    world.settings.stripe_secret_key = Some("sk_test_wrong".parse().unwrap());
    let down = world.probe().await.unwrap_err();
    assert_eq!(down.setting, "STRIPE_SECRET_KEY");
    assert!(!down.failure.to_string().contains("account"), "{}", down.failure);
}
