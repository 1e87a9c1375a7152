//! A wrong setting is named and ends the start with 64, what isn't there ends it with 69: in one clear line each,
//! and nothing half-started is left.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::net::TcpListener;

use usher_tests::processes::{Options, Output, Program, World, connection_string};

/// What is wrong, how the program must end, and what its one line must name.
struct Row {
    program: Program,
    code: i32,
    names: String,
}

fn row(program: Program, code: i32, names: &str) -> Row {
    Row { program, code, names: names.to_owned() }
}

/// Runs all rows at once, since some of them wait for a broker that never comes.
async fn check(world: &World, rows: Vec<Row>) {
    let ran: Vec<_> = rows
        .into_iter()
        .map(|Row { program, code, names }| tokio::spawn(async move { (program.run().await, code, names) }))
        .collect();
    for row in ran {
        let (output, code, names) = row.await.unwrap();
        ends_with_one_line(&output, code, &names);
    }
    assert!(!world.checkpoint().exists(), "a start that failed wrote a checkpoint");
}

fn ends_with_one_line(output: &Output, code: i32, names: &str) {
    assert_eq!(output.code, Some(code), "{names}: {output:?}");
    assert_eq!(output.stdout, "", "{names}: something was announced");
    assert_eq!(output.stderr.lines().count(), 1, "{names}: {}", output.stderr);
    assert!(output.stderr.contains(names), "{names}: {}", output.stderr);
    assert!(!output.stderr.contains("hush"), "a value is shown: {}", output.stderr);
}

/// Nobody listens there: a port that was free a moment ago.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_missing_setting_is_named() {
    let world = World::start(Options::default()).await;
    let missing = |program: Program, name: &str| row(program.without(name), 64, name);
    let mut rows = Vec::new();
    for name in ["ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET", "SERVICEBUS_CONNECTION_STRING"]
    {
        rows.push(missing(world.producer(), name));
        rows.push(missing(world.billing(), name));
    }
    for name in ["SIGNUP_ACTORS", "CHECKPOINT", "START_FROM"] {
        rows.push(missing(world.producer(), name));
    }
    for name in ["STRIPE_SECRET_KEY", "STRIPE_CUSTOMER_ID_ATTRIBUTE"] {
        rows.push(missing(world.billing(), name));
    }
    let dlq = world.usher(["dlq", "list", "billing"]);
    rows.push(missing(dlq, "SERVICEBUS_CONNECTION_STRING"));
    check(&world, rows).await;
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_its_value_is_not_repeated() {
    let world = World::start(Options::default()).await;
    let wrong = |program: Program, name: &str, value: &str| row(program.with(name, value), 64, name);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut rows = Vec::new();
    for (name, value) in [
        ("ENTRA_TENANT_ID", "hush"),
        ("ENTRA_CLIENT_ID", ""),
        ("ENTRA_AUTHORITY_HOST", "http://127.0.0.1:1"),
        ("GRAPH_ENDPOINT", "https://hush:hush@graph.example"),
        ("SERVICEBUS_CONNECTION_STRING", "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey="),
        ("SERVICEBUS_CONNECTION_STRING", "hush"),
        ("SERVICEBUS_NAMESPACE", "contoso.servicebus.windows.net"),
        ("SERVICEBUS_TRANSPORT", "hush"),
        ("USHER_EXTRA_CA_FILE", "/nowhere/ca.pem"),
        ("HEALTH_ADDR", "hush"),
        ("HEALTH_ADDR", &taken),
        ("USHER_LOG", "usher=hush"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "hush"),
    ] {
        rows.push(wrong(world.producer(), name, value));
        rows.push(wrong(world.billing(), name, value));
    }
    for (name, value) in [
        ("POLL_INTERVAL", "hush"),
        ("OVERLAP", "0s"),
        ("START_FROM", "hush"),
        ("START_FROM", "2999-01-01T00:00:00Z"),
        ("SIGNUP_ACTORS", "hush"),
        ("EVENT_ATTRIBUTES", "userPrincipalName"),
        ("CHECKPOINT", "/nowhere/checkpoint.json"),
    ] {
        rows.push(wrong(world.producer(), name, value));
    }
    for (name, value) in [
        ("STRIPE_API_BASE", "http://api.stripe.com"),
        ("STRIPE_API_BASE", "https://hush:hush@stripe.example"),
        ("STRIPE_CUSTOMER_ID_ATTRIBUTE", "hush"),
        ("CONCURRENCY", "0"),
        ("MAX_HELD", "hush"),
        ("RETRY_BUDGET", "hush"),
        ("MAX_EVENT_AGE", "hush"),
    ] {
        rows.push(wrong(world.billing(), name, value));
    }
    rows.push(wrong(world.usher(["dlq", "list", "billing"]), "SERVICEBUS_CONNECTION_STRING", "hush"));
    check(&world, rows).await;
}

#[tokio::test]
async fn a_refused_key_is_a_setting_to_mend() {
    let world = World::start(Options::default()).await;
    let address = world.broker.announced("amqp");
    let wrong_key = connection_string(address, "hush");
    let refused = |program: Program, name: &str, value: &str| row(program.with(name, value), 64, name);
    let nobody = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";
    let mut rows = Vec::new();
    for program in [world.producer(), world.billing()] {
        rows.push(refused(program.clone(), "ENTRA_CLIENT_SECRET", "hush"));
        rows.push(refused(program.clone(), "ENTRA_CLIENT_ID", nobody));
        rows.push(refused(program.clone(), "ENTRA_TENANT_ID", nobody));
        rows.push(refused(program, "SERVICEBUS_CONNECTION_STRING", &wrong_key));
    }
    rows.push(refused(world.billing(), "STRIPE_SECRET_KEY", "hush"));
    for args in
        [&["dlq", "list", "billing"][..], &["dlq", "show", "billing", "1"], &["dlq", "replay", "billing"]]
    {
        let program = world.usher(args.iter().copied());
        rows.push(refused(program, "SERVICEBUS_CONNECTION_STRING", &wrong_key));
    }
    check(&world, rows).await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_and_exits_with_69() {
    let world = World::start(Options::default()).await;
    let nobody = nobody();
    let gone = connection_string(&nobody, "SAS_KEY_VALUE");
    let mut rows = vec![row(
        world.producer().with("ENTRA_AUTHORITY_HOST", format!("https://{nobody}")),
        69,
        "ENTRA_AUTHORITY_HOST",
    )];
    for program in [
        world.producer(),
        world.billing(),
        world.usher(["dlq", "list", "billing"]),
        world.usher(["dlq", "show", "billing", "1"]),
        world.usher(["dlq", "replay", "billing"]),
    ] {
        let program = program.with("SERVICEBUS_CONNECTION_STRING", &*gone);
        rows.push(row(program, 69, "the broker can't be reached"));
    }
    for program in [world.producer(), world.billing()] {
        rows.push(row(program.with("SERVICEBUS_TOPIC", "elsewhere"), 69, "elsewhere"));
    }
    check(&world, rows).await;
}

#[tokio::test]
async fn the_programs_of_a_local_run_name_what_is_wrong_with_theirs() {
    let world = World::start(Options::default()).await;
    let program = |name| Program::new(name, world.home());
    let taken = world.broker.announced("amqp");
    let broker = |args: &[&str]| program("usher-broker").args(args.iter().copied());
    let sandbox = |args: &[&str]| program("usher-sandbox").args(args.iter().copied());
    let rows = vec![
        row(broker(&["--listen", taken, "--data", "fresh"]), 69, taken),
        row(broker(&["--listen", "127.0.0.1:0", "--data", "broker"]), 69, "broker"),
        row(broker(&["--listen", "127.0.0.1:0", "--data", "ca.pem"]), 64, "USHER_BROKER_DATA"),
        row(broker(&["--config", "nowhere.json"]), 64, "USHER_BROKER_CONFIG"),
        row(broker(&["--config", "ca.pem"]), 64, "USHER_BROKER_CONFIG"),
        row(broker(&[]).with("USHER_BROKER_LISTEN", "hush"), 64, "USHER_BROKER_LISTEN"),
        row(
            broker(&["--listen", "127.0.0.1:0", "--data", "f2"]).with("HEALTH_ADDR", taken),
            64,
            "HEALTH_ADDR",
        ),
        row(sandbox(&["--ca-file", "other.pem", "--listen", taken]), 64, "--listen"),
        row(sandbox(&["--ca-file", "other.pem", "--stragglers", "2"]), 64, "--stragglers"),
        row(sandbox(&["--ca-file", "other.pem", "--rate", "0"]), 64, "--rate"),
        row(sandbox(&["--ca-file", "/nowhere/ca.pem"]), 64, "--ca-file"),
        row(program("usher").args(["up", "--data", "."]), 64, "--data"),
    ];
    check(&world, rows).await;
}
