//! The Stripe account.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::Request;
use serde_json::{Value, json};
use support::{Edge, Reply, form, pass, prompt, seconds};
use usher_sandbox::{FaultKind, NewSignUp, STRIPE_KEY, STRIPE_URL, Target};

const ADA: [(&str, &str); 3] = [("email", "Ada@example.com"), ("name", "Ada"), ("metadata[user]", "u-1")];

fn fault(edge: &Edge, kind: FaultKind) {
    edge.sandbox.faults().next(Target::try_from("stripe.create_customer".to_owned()).unwrap(), 1, kind);
}

fn customers(edge: &Edge) -> usize {
    edge.sandbox.effects().totals.customers
}

fn found(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["data"].as_array().unwrap().iter().map(|customer| customer["id"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_customer_is_created_with_what_was_sent_and_can_be_read_at_once() {
    let edge = Edge::new(prompt());
    let created = edge.create_customer(None, &ADA).await;
    assert_eq!(created.status, 200);
    let id = created.body["id"].as_str().unwrap();
    assert!(id.starts_with("cus_") && id.len() == 18, "{id}");
    assert!(created.header("request-id").unwrap().starts_with("req_"));

    let read = edge.stripe_get(&format!("/v1/customers/{id}"), &[]).await;
    assert_eq!(read.body, created.body);
    assert_eq!(read.body["metadata"], json!({"user": "u-1"}));
    assert_eq!((&read.body["email"], &read.body["livemode"]), (&json!("Ada@example.com"), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn what_stripe_refuses_is_refused_in_its_own_words() {
    let edge = Edge::new(prompt());
    let long = "x".repeat(501);
    for (name, value, code) in [
        ("shoe_size", "42", Some("parameter_unknown")),
        ("metadata", "x", Some("parameter_unknown")),
        ("email", "ada", Some("email_invalid")),
        ("email", "hanako..sato.7.@mail.example", Some("email_invalid")),
        ("name", &long, None),
        ("metadata[user]", &long, None),
        (&format!("metadata[{}]", &long[..41]), "x", None),
    ] {
        let reply = edge.create_customer(None, &[(name, value)]).await;
        assert_eq!(
            (reply.status, reply.error()["type"].as_str()),
            (400, Some("invalid_request_error")),
            "{name}"
        );
        assert_eq!((reply.error()["code"].as_str(), reply.error()["param"].as_str()), (code, Some(name)));
    }
    let keys: Vec<_> = (0..51).map(|i| format!("metadata[k{i}]")).collect();
    let many: Vec<_> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    assert_eq!(edge.create_customer(None, &many).await.status, 400);
    assert_eq!(edge.create_customer(None, &many[1..]).await.status, 200);
    assert_eq!(customers(&edge), 1);
}

#[tokio::test(start_paused = true)]
async fn only_a_good_key_and_a_form_get_in() {
    let edge = Edge::new(prompt());
    for authorization in ["", "Bearer sk_test_wrong", STRIPE_KEY] {
        let request =
            Request::get(format!("{STRIPE_URL}/v1/customers")).header("authorization", authorization);
        let reply = edge.send(request, "").await.unwrap();
        assert_eq!((reply.status, reply.error()["type"].as_str()), (401, Some("invalid_request_error")));
        assert!(!reply.body.to_string().contains("wrong"), "a key is never repeated");
    }
    let request = Request::post(format!("{STRIPE_URL}/v1/customers"))
        .header("authorization", format!("Bearer {STRIPE_KEY}"))
        .header("content-type", "application/json");
    assert_eq!(edge.send(request, r#"{"name":"Ada"}"#).await.unwrap().status, 400);
    assert_eq!(edge.stripe_get("/v1/shoes", &[]).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_replays_the_stored_answer_for_a_day() {
    let edge = Edge::new(prompt());
    let first = edge.create_customer(Some("k"), &ADA).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    pass(seconds(24 * 3600 - 1)).await;
    let replay = edge.create_customer(Some("k"), &ADA).await;
    assert_eq!((&replay.body, replay.header("idempotent-replayed")), (&first.body, Some("true")));
    assert_eq!(customers(&edge), 1);

    pass(seconds(1)).await;
    assert_ne!(
        edge.create_customer(Some("k"), &ADA).await.body["id"],
        first.body["id"],
        "the key is forgotten"
    );
    assert_eq!(customers(&edge), 2);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_with_other_parameters_is_an_error() {
    let edge = Edge::new(prompt());
    edge.create_customer(Some("k"), &ADA).await;
    let reply = edge.create_customer(Some("k"), &ADA[..2]).await;
    assert_eq!((reply.status, reply.error()["type"].as_str()), (400, Some("idempotency_error")));
    assert_eq!(edge.create_customer(Some("k"), &ADA).await.status, 200, "the stored answer stands");
    assert_eq!(edge.create_customer(Some(&"k".repeat(256)), &ADA).await.status, 400);
    assert_eq!(customers(&edge), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repetition_while_the_first_is_under_way_is_a_conflict() {
    let mut settings = prompt();
    settings.answer_time = seconds(2)..=seconds(2);
    let edge = Edge::new(settings);
    let second = async {
        pass(seconds(1)).await;
        edge.create_customer(Some("k"), &ADA).await
    };
    let (first, second) = tokio::join!(edge.create_customer(Some("k"), &ADA), second);
    assert_eq!(first.status, 200);
    assert_eq!((second.status, second.error()["code"].as_str()), (409, Some("idempotency_key_in_use")));
    assert_eq!(second.header("stripe-should-retry"), Some("true"));
    assert_eq!(edge.create_customer(Some("k"), &ADA).await.body, first.body);
}

#[tokio::test(start_paused = true)]
async fn a_stored_500_is_replayed_whether_or_not_it_took_effect() {
    for (kind, created) in [(FaultKind::Stored500, 0), (FaultKind::Stored500After, 1)] {
        let edge = Edge::new(prompt());
        fault(&edge, kind);
        for replayed in [None, Some("true")] {
            let reply = edge.create_customer(Some("k"), &ADA).await;
            assert_eq!((reply.status, reply.error()["type"].as_str()), (500, Some("api_error")));
            assert_eq!(reply.header("idempotent-replayed"), replayed);
            assert_eq!(reply.header("stripe-should-retry"), Some("false"));
        }
        assert_eq!(customers(&edge), created);
        assert_eq!(edge.create_customer(Some("fresh"), &ADA).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ordered_500_that_is_not_stored_leaves_the_key_free() {
    let edge = Edge::new(prompt());
    fault(&edge, FaultKind::Status(500));
    assert_eq!(edge.create_customer(Some("k"), &ADA).await.status, 500);
    assert_eq!(edge.create_customer(Some("k"), &ADA).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_execution_is_stored_only_if_so_set() {
    for (stores_refusals, second) in [(false, 200), (true, 400)] {
        let mut settings = prompt();
        settings.stripe.stores_refusals = stores_refusals;
        let edge = Edge::new(settings);
        assert_eq!(edge.create_customer(Some("k"), &[("email", "ada")]).await.status, 400);
        assert_eq!(edge.create_customer(Some("k"), &ADA).await.status, second);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_customer_is_a_stub_and_in_no_list() {
    let edge = Edge::new(prompt());
    let id = edge.create_customer(None, &ADA).await.body["id"].as_str().unwrap().to_owned();
    assert!(edge.sandbox.delete_customer(&id));
    let stub = edge.stripe_get(&format!("/v1/customers/{id}"), &[]).await;
    assert_eq!((stub.status, stub.body), (200, json!({"id": id, "object": "customer", "deleted": true})));
    assert!(found(&edge.stripe_get("/v1/customers", &[("email", "Ada@example.com")]).await).is_empty());
    pass(seconds(60)).await;
    let query = [("query", "metadata['user']:'u-1'")];
    assert!(found(&edge.stripe_get("/v1/customers/search", &query).await).is_empty());
    let update =
        edge.try_stripe_post(&format!("/v1/customers/{id}"), None, &[("name", "Ada")]).await.unwrap();
    assert_eq!((update.status, update.error()["code"].as_str()), (404, Some("resource_missing")));
    assert_eq!(edge.stripe_get("/v1/customers/cus_none", &[]).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_list_by_email_is_exact_and_never_behind() {
    let edge = Edge::new(prompt());
    edge.create_customer(None, &ADA).await;
    assert_eq!(found(&edge.stripe_get("/v1/customers", &[("email", "Ada@example.com")]).await).len(), 1);
    assert!(found(&edge.stripe_get("/v1/customers", &[("email", "ada@example.com")]).await).is_empty());
    let unknown = edge.stripe_get("/v1/customers", &[("mail", "Ada@example.com")]).await;
    assert_eq!(unknown.error()["code"], "parameter_unknown");
}

#[tokio::test(start_paused = true)]
async fn a_list_is_paged_newest_first() {
    let edge = Edge::new(prompt());
    let mut newest_first = Vec::new();
    for _ in 0..5 {
        newest_first
            .insert(0, edge.create_customer(None, &ADA).await.body["id"].as_str().unwrap().to_owned());
    }
    let page = async |params: &[(&str, &str)]| {
        let mut all = vec![("limit", "2")];
        all.extend(params);
        edge.stripe_get("/v1/customers", &all).await
    };
    let first = page(&[]).await;
    assert_eq!(
        (found(&first), &first.body["has_more"]),
        (newest_first[..2].iter().map(String::as_str).collect(), &json!(true))
    );
    let last = page(&[("starting_after", &newest_first[3])]).await;
    assert_eq!((found(&last), &last.body["has_more"]), (vec![newest_first[4].as_str()], &json!(false)));
    let before = page(&[("ending_before", &newest_first[2])]).await;
    assert_eq!(found(&before), found(&first));
    assert_eq!(page(&[("starting_after", "cus_none")]).await.status, 400);
    for limit in ["0", "101", "few"] {
        assert_eq!(edge.stripe_get("/v1/customers", &[("limit", limit)]).await.status, 400, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn search_is_behind_by_its_lag() {
    let edge = Edge::new(prompt());
    let search = async |query: &str| edge.stripe_get("/v1/customers/search", &[("query", query)]).await;
    let created = edge.create_customer(None, &ADA).await;
    let id = created.body["id"].as_str().unwrap();
    pass(seconds(59)).await;
    assert!(found(&search("metadata['user']:'u-1'").await).is_empty());
    pass(seconds(1)).await;
    assert_eq!(found(&search("metadata['user']:'u-1'").await), [id]);

    edge.try_stripe_post(&format!("/v1/customers/{id}"), None, &[("metadata[user]", "u-2")]).await.unwrap();
    assert_eq!(found(&search("metadata['user']:'u-1'").await), [id], "the index has the old value");
    pass(seconds(60)).await;
    assert_eq!(found(&search("metadata['user']:'u-2'").await), [id]);

    for wrong in ["metadata[user]:'u-1'", "user:'u-1'", ""] {
        assert_eq!(search(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(edge.stripe_get("/v1/customers/search", &[]).await.error()["code"], "parameter_missing");
}

#[tokio::test(start_paused = true)]
async fn an_update_merges_metadata_and_an_empty_value_takes_a_key_away() {
    let edge = Edge::new(prompt());
    let id = edge.create_customer(None, &ADA).await.body["id"].as_str().unwrap().to_owned();
    let changes = [("metadata[event]", "e-1"), ("metadata[user]", ""), ("name", "")];
    let updated = edge.try_stripe_post(&format!("/v1/customers/{id}"), None, &changes).await.unwrap();
    assert_eq!(updated.body["metadata"], json!({"event": "e-1"}));
    assert_eq!(updated.body["name"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_beyond_the_rate_are_throttled_apart() {
    let mut settings = prompt();
    settings.stripe.per_second = 3;
    let edge = Edge::new(settings);
    for expected in [200, 200, 200, 429] {
        let reply = edge.create_customer(None, &ADA).await;
        assert_eq!(reply.status, expected);
        assert!(expected == 200 || reply.error()["code"] == "rate_limit");
    }
    assert_eq!(edge.stripe_get("/v1/customers", &[]).await.status, 200);
    pass(seconds(1)).await;
    assert_eq!(edge.create_customer(None, &ADA).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_one_refused_address_of_a_crowd_is_refused_until_it_is_mended() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp { refused_email: true, ..NewSignUp::default() });
    let email = edge.sandbox.effects_revealed().of(user).unwrap().address.clone().unwrap();
    let refused = edge.create_customer(None, &[("email", &email)]).await;
    assert_eq!(refused.error()["code"], "email_invalid", "{}", form(&[("email", &email)]));

    assert!(edge.sandbox.mend_email(user, "hanako@mail.example"));
    let email = edge.sandbox.effects_revealed().of(user).unwrap().address.clone().unwrap();
    assert_eq!(edge.create_customer(None, &[("email", &email)]).await.status, 200);
}
