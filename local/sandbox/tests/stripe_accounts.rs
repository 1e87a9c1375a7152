//! Two Stripe accounts, test and live, and customers who were there before anybody signed up.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::{Method, Request};
use serde_json::{Value, json};
use support::{Edge, Reply, form, pass, prompt, seconds};
use usher_sandbox::{
    Crowd, Expected, NewSignUp, STRIPE_ACCOUNTS, STRIPE_KEY, STRIPE_KEY_EU, STRIPE_URL, SandboxSettings,
    StripePast, StripePolicy, TENANT_ID, Verdict, company_type_attribute, stripe_customer_id_attribute,
};
use uuid::Uuid;

const EMAIL: &str = "ada@example.com";

/// A world in which everybody has this past.
fn known(past: StripePast, policy: StripePolicy) -> SandboxSettings {
    let mut settings = prompt();
    settings.stripe.existing = 1.0;
    settings.stripe.pasts = vec![past];
    settings.stripe.policy = policy;
    settings
}

fn ada() -> NewSignUp {
    NewSignUp { email: Some(EMAIL.into()), company_type: Some("private".into()), ..NewSignUp::default() }
}

/// What billing does, by hand.
impl support::Edge {
    async fn stripe(&self, key: &str, method: Method, path: &str, fields: &[(&str, &str)]) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("{STRIPE_URL}{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, form(fields)).await.unwrap()
    }

    /// Those with the address in the account of this key.
    async fn customers(&self, key: &str) -> Vec<Value> {
        let path = format!("/v1/customers?{}", form(&[("email", EMAIL)]));
        let listed = self.stripe(key, Method::GET, &path, &[]).await;
        assert_eq!(listed.status, 200, "{listed:?}");
        listed.body["data"].as_array().unwrap().clone()
    }

    async fn create(&self, key: &str, user: Uuid) -> String {
        let user = user.to_string();
        let fields = [("email", EMAIL), ("metadata[usher_user_id]", &user)];
        let created = self.stripe(key, Method::POST, "/v1/customers", &fields).await;
        created.body["id"].as_str().unwrap().to_owned()
    }

    async fn claim(&self, key: &str, customer: &str, user: Uuid) {
        let (tenant, user) = (TENANT_ID.to_string(), user.to_string());
        let claim = [("metadata[usher_tenant_id]", tenant.as_str()), ("metadata[usher_user_id]", &user)];
        let path = format!("/v1/customers/{customer}");
        assert_eq!(self.stripe(key, Method::POST, &path, &claim).await.status, 200);
    }

    async fn write_back(&self, user: Uuid, customer: &str) {
        let body = json!({ stripe_customer_id_attribute(): customer });
        assert_eq!(self.graph(Method::PATCH, &format!("/users/{user}"), Some(body)).await.status, 204);
    }

    fn verdict(&self, user: Uuid) -> Verdict {
        self.effect(user).billing
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_one_account_is_in_no_other() {
    let mut settings = prompt();
    settings.stripe.keys.push("rk_live_sandbox".into());
    let edge = Edge::new(settings);
    let user = edge.sandbox.sign_up(ada());
    let customer = edge.create(STRIPE_KEY, user).await;
    assert_eq!(edge.customers(STRIPE_KEY).await.len(), 1);
    for other in [STRIPE_KEY_EU, "rk_live_sandbox"] {
        assert!(edge.customers(other).await.is_empty(), "{other}");
        let path = format!("/v1/customers/{customer}");
        assert_eq!(edge.stripe(other, Method::GET, &path, &[]).await.status, 404, "{other}");
        assert_eq!(edge.stripe(other, Method::POST, &path, &[("name", "Ada")]).await.status, 404, "{other}");
    }
    let live = edge.create("rk_live_sandbox", user).await;
    let shown = edge.stripe("rk_live_sandbox", Method::GET, &format!("/v1/customers/{live}"), &[]).await;
    assert_eq!(shown.body["livemode"], json!(true));
    assert_eq!(edge.customers(STRIPE_KEY).await[0]["livemode"], json!(false));
    assert_eq!(edge.sandbox.effects().totals.customers, 2);
    assert!(edge.sandbox.delete_customer(&live));
    assert!(edge.customers("rk_live_sandbox").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_is_one_accounts() {
    let edge = Edge::new(prompt());
    let mut ids = Vec::new();
    for key in [STRIPE_KEY, STRIPE_KEY_EU] {
        let request = Request::post(format!("{STRIPE_URL}/v1/customers"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", "k");
        let created = edge.send(request, form(&[("email", EMAIL)])).await.unwrap();
        assert_eq!(created.header("idempotent-replayed"), None, "{key}");
        ids.push(created.body["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn with_two_accounts_a_customer_in_the_other_is_out_of_place() {
    let mut settings = prompt();
    settings.stripe.two_accounts = true;
    let edge = Edge::new(settings);
    let business = NewSignUp { company_type: Some("business".into()), ..ada() };
    for (who, key, deserved) in [
        (ada(), STRIPE_KEY, Verdict::Exact),
        (ada(), STRIPE_KEY_EU, Verdict::Mismatched),
        (business.clone(), STRIPE_KEY_EU, Verdict::Exact),
        (business, STRIPE_KEY, Verdict::Mismatched),
    ] {
        let user = edge.sandbox.sign_up(who);
        let customer = edge.create(key, user).await;
        edge.write_back(user, &customer).await;
        assert_eq!(edge.verdict(user), deserved, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_there_before_is_found_by_their_address_and_is_no_stranger() {
    for (past, count) in [(StripePast::One, 1), (StripePast::Several, 2), (StripePast::Anothers, 1)] {
        let edge = Edge::new(known(past, StripePolicy::Create));
        let user = edge.sandbox.sign_up(ada());
        let there = edge.customers(STRIPE_KEY).await;
        assert_eq!(there.len(), count, "{past:?}");
        let names_somebody = there[0]["metadata"].get("usher_user_id").is_some();
        assert_eq!(names_somebody, past == StripePast::Anothers);
        assert!(edge.customers(STRIPE_KEY_EU).await.is_empty());
        let totals = edge.sandbox.effects().totals;
        assert_eq!((totals.customers, totals.strangers), (0, 0), "{past:?}");

        let customer = edge.create(STRIPE_KEY, user).await;
        edge.write_back(user, &customer).await;
        assert!(edge.sandbox.effects().all_exact(), "{past:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn search_finds_who_was_there_before_and_who_has_been_claimed_since_after_its_lag() {
    let edge = Edge::new(known(StripePast::One, StripePolicy::Link));
    let user = edge.sandbox.sign_up(ada());
    let search = async |query: &str| {
        let found = edge.stripe_get("/v1/customers/search", &[("query", query)]).await;
        found.body["data"].as_array().unwrap().len()
    };
    assert_eq!(search(&format!("email:'{EMAIL}'")).await, 1);
    let customer = edge.customers(STRIPE_KEY).await[0]["id"].as_str().unwrap().to_owned();
    edge.claim(STRIPE_KEY, &customer, user).await;
    let by_user = format!("metadata['usher_user_id']:'{user}'");
    assert_eq!(search(&by_user).await, 0);
    pass(seconds(60)).await;
    assert_eq!(search(&by_user).await, 1);
}

#[tokio::test(start_paused = true)]
async fn to_link_is_to_take_over_the_one_and_to_make_none() {
    let edge = Edge::new(known(StripePast::One, StripePolicy::Link));
    let user = loop {
        // How somebody signs in is left to chance: until it is by an address.
        let user = edge.sandbox.sign_up(ada());
        let shown = edge.graph(Method::GET, &format!("/users/{user}?$select=identities"), None).await;
        if shown.body["identities"][0]["signInType"] == "emailAddress" {
            break user;
        }
    };
    let customers = edge.customers(STRIPE_KEY).await;
    let theirs = customers[0]["id"].as_str().unwrap();
    assert_eq!(edge.effect(user).expected, Expected::One);
    edge.claim(STRIPE_KEY, theirs, user).await;
    edge.write_back(user, theirs).await;
    assert_eq!(edge.verdict(user), Verdict::Exact);
    edge.stripe(STRIPE_KEY, Method::POST, &format!("/v1/customers/{theirs}"), &[("email", "x@example.com")])
        .await;
    assert_eq!(edge.verdict(user), Verdict::Mismatched, "a link changes whom it names and nothing else");

    let elsewhere = NewSignUp { identity_provider: Some("google.com".into()), ..ada() };
    let federated = edge.sandbox.sign_up(elsewhere);
    let customers = edge.customers(STRIPE_KEY).await;
    let theirs = customers[0]["id"].as_str().unwrap();
    edge.claim(STRIPE_KEY, theirs, federated).await;
    edge.write_back(federated, theirs).await;
    assert_eq!(edge.verdict(federated), Verdict::Unwanted, "an address that nobody verified claims nothing");
}

#[tokio::test(start_paused = true)]
async fn to_reject_is_to_make_nothing() {
    for past in StripePast::ALL {
        let edge = Edge::new(known(past, StripePolicy::Reject));
        let user = edge.sandbox.sign_up(ada());
        assert_eq!(edge.effect(user).expected, Expected::Refused, "{past:?}");
        assert!(edge.sandbox.effects().all_exact(), "{past:?}");
        edge.create(STRIPE_KEY, user).await;
        assert_eq!(edge.verdict(user), Verdict::Unwanted, "{past:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_known_follows_from_the_seed_and_changes_nobody() {
    let crowd = |existing: f64| {
        let mut settings = prompt();
        settings.stripe.existing = existing;
        let edge = Edge::new(settings);
        edge.sandbox.generate(&Crowd::of(200));
        edge
    };
    let (none, some, again) = (crowd(0.0), crowd(0.3), crowd(0.3));
    let emails = |edge: &Edge| edge.sandbox.people().into_iter().map(|p| p.email).collect::<Vec<_>>();
    assert_eq!(emails(&none), emails(&some), "a seed makes the people that it always made");
    let count = async |edge: &Edge| {
        let listed = edge.stripe_get("/v1/customers", &[("limit", "100")]).await;
        listed.body["data"].as_array().unwrap().len()
    };
    let (none, some, again) = (count(&none).await, count(&some).await, count(&again).await);
    assert_eq!((none, some), (0, again));
    assert!((40..=100).contains(&some), "{some}");
}

#[test]
fn the_accounts_are_those_that_the_ledger_looks_into() {
    let accounts: toml::Table = STRIPE_ACCOUNTS.parse().unwrap();
    let accounts = accounts["account"].as_array().unwrap();
    assert_eq!(accounts.len(), 2);
    assert_eq!(accounts[0]["secret_key_env"].as_str(), Some("STRIPE_SECRET_KEY_EU"));
    assert_eq!(accounts[0]["when"]["attribute"].as_str(), Some(company_type_attribute().as_str()));
    assert_eq!(accounts[0]["when"]["equals"].as_str(), Some("business"));
    assert_eq!(accounts[1]["secret_key_env"].as_str(), Some("STRIPE_SECRET_KEY_REST"));
    assert!(accounts[1].get("when").is_none());
}
