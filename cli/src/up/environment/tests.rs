use clap::ValueEnum;

use super::*;
use crate::up::real::Edge;

fn environment() -> Environment {
    beside(Real::default())
}

/// With these edges real, and an operator who has set `own.NAME` for every setting.
fn with_real(edges: &[Edge]) -> Environment {
    // Those that are left out name files that are read.
    let own = |name: &str| match name {
        EXTRA_CA | "STRIPE_ACCOUNTS" | "STRIPE_SECRET_KEY_FILE" => None,
        name => Some(format!("own.{name}")),
    };
    beside(Real::of(edges.iter().copied().collect(), None, &own).unwrap())
}

fn beside(real: Real) -> Environment {
    let sandbox = r#"{
        "graph": "g", "login": "l", "stripe": "s", "mailchimp": "m", "salesforce": "sf", "webhook": "w",
        "control": "c", "ca_file": "f"
    }"#;
    Environment {
        sandbox: serde_json::from_str(sandbox).unwrap(),
        bus: "Endpoint=sb://h".to_owned(),
        checkpoint: "checkpoint.json".to_owned(),
        rules: "rules.toml".to_owned(),
        salesforce_key: "/run/key.pem".to_owned(),
        sql_database: "/run/signups.db".to_owned(),
        telemetry: Variables::default().and([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")]),
        real,
        authorities: "/run/authorities.pem".to_owned(),
    }
}

#[test]
fn everybody_is_told_where_traces_and_metrics_go() {
    let environment = environment();
    let consumers = Consumer::all().into_iter().map(|it| environment.consumer(it));
    for told in [environment.producer()].into_iter().chain(consumers) {
        assert_eq!(told.get("OTEL_EXPORTER_OTLP_ENDPOINT"), Some("http://127.0.0.1:4318"));
    }
}

#[test]
fn a_service_is_told_the_secrets_that_are_its_own_and_no_others() {
    let environment = environment();
    let told = |secret: &str| {
        let holds = |consumer: &Consumer| {
            environment.consumer(*consumer).0.iter().any(|(_, value)| value.contains(secret))
        };
        Consumer::all().into_iter().filter(holds).map(Consumer::name).collect::<Vec<_>>()
    };
    for (secret, owner) in [
        (BILLING.secret, "billing"),
        (STRIPE_KEY, "billing"),
        (MAILCHIMP_KEY, "email"),
        (BIRTHRIGHTS.secret, "birthrights"),
        (UPN.secret, "upn"),
        (&environment.salesforce_key, "crm"),
        (&environment.sql_database, "sql"),
        (WEBHOOK_SECRET, "webhook"),
    ] {
        assert_eq!(told(secret), [owner], "{secret}");
    }
    assert!(told(PRODUCER_APP.secret).is_empty());
    assert_eq!(told(TENANT_ID).len(), Consumer::all().len(), "whose sign-ups they are, everybody must know");
}

#[test]
fn of_a_real_edge_a_service_is_told_the_secrets_that_are_its_own_and_no_others() {
    for (edge, secret, owners) in [
        (Edge::Stripe, "STRIPE_SECRET_KEY", &["billing"][..]),
        (Edge::Mailchimp, "MAILCHIMP_API_KEY", &["email"][..]),
        (Edge::Salesforce, "SALESFORCE_PRIVATE_KEY_FILE", &["crm"][..]),
        (Edge::Sql, "SQL_DATABASE_URL", &["sql"][..]),
        (Edge::Webhook, "WEBHOOK_SECRET", &["webhook"][..]),
        (Edge::Entra, "ENTRA_CLIENT_SECRET", &["billing", "birthrights", "upn"][..]),
    ] {
        let environment = with_real(&[edge]);
        let is_told =
            |it: &Consumer| environment.consumer(*it).get(secret) == Some(&*format!("own.{secret}"));
        let told: Vec<_> = Consumer::all().into_iter().filter(is_told).map(Consumer::name).collect();
        assert_eq!(told, owners, "{edge}");
        let others = Consumer::all().into_iter().filter(|it| !environment.real.edges().hide(it.name()));
        for other in others {
            let told = environment.consumer(other);
            assert!(told.iter().all(|(_, value)| !value.starts_with("own.")), "{edge} is not {other}'s");
        }
    }
}

#[test]
fn a_real_edge_leaves_nothing_that_leads_to_its_stand_in() {
    let environment = with_real(Edge::value_variants());
    let ours = ["CHECKPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let consumers = Consumer::all().into_iter().map(|it| environment.consumer(it));
    for told in [environment.producer()].into_iter().chain(consumers) {
        let of_others = told.iter().filter(|(name, _)| !ours.contains(name));
        for (name, value) in of_others {
            assert_eq!(value, format!("own.{name}"));
        }
    }
}

#[test]
fn what_is_the_operators_own_lies_in_no_file() {
    let environment = with_real(Edge::value_variants());
    let consumers = Consumer::all().into_iter().map(|it| environment.consumer_in_file(it));
    for file in [environment.producer_in_file()].into_iter().chain(consumers) {
        assert!(file.iter().all(|(_, value)| !value.contains("own.")), "{file:?}");
    }
}

#[test]
fn whoever_meets_the_stand_ins_and_the_world_trusts_both() {
    let folder = tempfile::tempdir().unwrap();
    let extra = folder.path().join("extra.pem").display().to_string();
    std::fs::write(&extra, "theirs").unwrap();
    let own = |name: &str| Some(if name == EXTRA_CA { extra.clone() } else { "it".to_owned() });
    let set =
        |name: &str| own(name).filter(|_| !["STRIPE_SECRET_KEY_FILE", "STRIPE_ACCOUNTS"].contains(&name));
    let trusted = |edge: Edge, consumer: &str| {
        let environment = beside(Real::of([edge].into_iter().collect(), None, &set).unwrap());
        let told = environment.consumer(Consumer::named(consumer).unwrap());
        told.get(EXTRA_CA).map(str::to_owned)
    };
    assert_eq!(trusted(Edge::Stripe, "billing").as_deref(), Some("/run/authorities.pem"));
    assert_eq!(trusted(Edge::Stripe, "upn").as_deref(), Some("f"), "it has business with stand-ins alone");
    assert_eq!(trusted(Edge::Mailchimp, "email"), Some(extra.clone()), "it has none with the token endpoint");
    assert_eq!(trusted(Edge::Entra, "upn"), Some(extra.clone()));
    assert_eq!(trusted(Edge::Mailchimp, "sql"), None);
}
