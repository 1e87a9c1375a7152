//! Services as processes of their own: what they show, and what they send.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use usher_sandbox::Judged;
use usher_tests::processes::{Options, Process, World, eventually};

use crate::{
    documented,
    readers::{python, read},
};

const SIGN_UPS: usize = 6;

/// What a service shows.
async fn shown(world: &World, service: &Process) -> String {
    let (status, text) = world.control.get(&service.health("metrics")).await;
    assert_eq!(status, 200, "{text}");
    text
}

/// What the reader makes of it, by name.
async fn metrics(python: &Path, world: &World, service: &Process) -> BTreeMap<String, Value> {
    let read = read(python, &["text"], &shown(world, service).await);
    read.as_object().unwrap().clone().into_iter().collect()
}

/// The value of a series, as the text has it; `None` if it is not there.
fn sample(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn labels(metric: &Value) -> BTreeSet<&str> {
    let samples = metric["samples"].as_array().unwrap().iter();
    samples.flat_map(|sample| sample["labels"].as_object().unwrap().keys()).map(String::as_str).collect()
}

/// Everybody at work, and sign-ups that all have dealt with.
async fn worked() -> (World, Vec<(&'static str, Process)>) {
    let world = World::start(Options { consumers: Judged::ALL.into(), ..Options::default() }).await;
    let mut services = vec![("producer", world.producer().start().await)];
    for consumer in Judged::ALL {
        services.push((consumer.name(), world.consumer(consumer).start().await));
    }
    let order = json!({ "sign_ups": { "count": SIGN_UPS, "bystanders": 0, "short_lived": 0 } });
    assert_eq!(world.control.order(order).await.len(), SIGN_UPS);
    for (name, service) in &services[1..] {
        let what = format!("{name} is done");
        world.counts(service, &what, |counts| counts.of("completed") == SIGN_UPS as u64).await;
    }
    assert!(world.control.shows_each_effect_once(SIGN_UPS).await);
    (world, services)
}

#[tokio::test]
async fn every_service_shows_exactly_the_metrics_that_are_documented() {
    let Some(python) = python() else { return };
    let (world, services) = worked().await;
    let documented = documented::all();
    for (name, service) in &services {
        let mut metrics = metrics(&python, &world, service).await;
        let target = metrics.remove("target_info").unwrap();
        let told = &target["samples"][0]["labels"];
        assert_eq!(told["service_name"], format!("usher-{name}"));
        assert_eq!(told["service_instance_id"].as_str().map(str::len), Some(36));
        for it in &documented {
            match (metrics.remove(it.shown), it.is_of(name)) {
                (Some(metric), Some(true) | None) => {
                    assert_eq!(metric["kind"], it.kind, "{}", it.shown);
                    assert_ne!(metric["help"], "", "{}", it.shown);
                    let unknown: Vec<_> =
                        labels(&metric).into_iter().filter(|label| *label != "le").collect();
                    assert!(unknown.iter().all(|label| it.attributes.contains(label)), "{name} {metric}");
                }
                (None, Some(false) | None) => {}
                (Some(_), Some(false)) => panic!("{name} shows {}, which is documented of others", it.shown),
                (None, Some(true)) => panic!("{name} does not show {}", it.shown),
            }
        }
        assert!(metrics.is_empty(), "{name} shows what nobody has documented: {:?}", metrics.keys());
    }
}

#[tokio::test]
async fn the_histograms_hold_as_many_delays_as_there_are_effects() {
    let (world, services) = worked().await;
    let effects = world.control.effects().await.sign_ups;
    let members = effects.iter().filter(|effect| effect.email.members > 0).count();
    for (name, service) in &services {
        let text = shown(&world, service).await;
        if *name == "producer" {
            let published = sample(&text, "usher_signup_publish_delay_seconds_count");
            assert_eq!(published, Some(SIGN_UPS as f64));
            continue;
        }
        let counted = |metric: &str, outcome: &str| {
            let series = format!("{metric}{{consumer=\"{name}\",outcome=\"{outcome}\"}}");
            sample(&text, &series).unwrap_or_default()
        };
        let [done, skipped] =
            ["done", "skipped"].map(|it| counted("usher_signup_effect_delay_seconds_count", it));
        assert_eq!(done + skipped, SIGN_UPS as f64, "{name}: {text}");
        assert_eq!(counted("usher_deliveries_total", "done"), done, "{name}");
        match *name {
            "billing" | "crm" | "sql" | "webhook" => assert_eq!(done, SIGN_UPS as f64, "{name}"),
            "email" => assert_eq!(done, members as f64),
            // By the rules, and by what names people have.
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_outage_opens_the_circuit_and_what_waits_grows_old_until_it_is_over() {
    let world = World::start(Options::default()).await;
    let _producer = world.producer().start().await;
    let billing = world.billing().start().await;
    let of_billing = |metric: &str| format!("{metric}{{consumer=\"billing\"}}");
    let (is_open, age) = (of_billing("usher_circuit_open"), of_billing("usher_messages_oldest_age_seconds"));
    assert_eq!(sample(&shown(&world, &billing).await, &is_open), Some(0.0));

    world.control.order(json!({ "outage": { "vendor": "stripe", "on": true } })).await;
    world.control.sign_up().await;
    eventually("the circuit is open, and the message waits", async || {
        let text = shown(&world, &billing).await;
        (sample(&text, &is_open) == Some(1.0) && sample(&text, &age) > Some(1.0)).then_some(())
    })
    .await;

    world.control.order(json!({ "outage": { "vendor": "stripe", "on": false } })).await;
    eventually("it is closed, and nothing waits", async || {
        let text = shown(&world, &billing).await;
        let done = sample(&text, "usher_deliveries_total{consumer=\"billing\",outcome=\"done\"}");
        let at_rest = [is_open.as_str(), age.as_str()].map(|series| sample(&text, series)) == [Some(0.0); 2];
        (done == Some(1.0) && at_rest).then_some(())
    })
    .await;
    let text = shown(&world, &billing).await;
    let released =
        "usher_deliveries_total{consumer=\"billing\",outcome=\"released\",reason=\"circuit-open\"}";
    assert!(sample(&text, released) >= Some(1.0), "{text}");
    assert_eq!(sample(&text, &of_billing("usher_dead_letters_made_total")), Some(0.0), "{text}");
}

#[tokio::test]
async fn a_collector_is_sent_the_same_and_once_more_at_the_end() {
    let (sent, mut received) = mpsc::unbounded_channel();
    let take = |State(sent): State<mpsc::UnboundedSender<Bytes>>, body: Bytes| async move {
        let _ = sent.send(body);
    };
    let router = Router::new().route("/v1/metrics", post(take)).with_state(sent);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let collector = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    let world = World::start(Options::default()).await;
    let billing = world.billing().with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector);
    // Never in this test: what comes is the last word.
    let billing = billing.with("OTEL_TRACES_EXPORTER", "none").with("OTEL_METRIC_EXPORT_INTERVAL", "3600000");
    let mut process = billing.start().await;
    assert_eq!(process.terminate().await.code, Some(0));
    let last = received.try_recv().unwrap();
    for expected in
        ["usher.circuit.open", "usher.messages.oldest.age", "usher-billing", "service.instance.id"]
    {
        assert!(last.windows(expected.len()).any(|window| window == expected.as_bytes()), "{expected}");
    }

    let mut silent = billing.with("OTEL_METRICS_EXPORTER", "none").start().await;
    assert!(shown(&world, &silent).await.contains("usher_circuit_open"), "Prometheus is still answered");
    assert_eq!(silent.terminate().await.code, Some(0));
    assert!(received.try_recv().is_err());
    serving.abort();
}
