//! A wrong setting is named and ends the start with 64, what isn't there ends it with 69: in one clear line each,
//! and nothing half-started is left.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{fs, net::TcpListener};

use usher_sandbox::{
    ADMINS_GROUP_ID, DYNAMIC_GROUP_ID, Judged, MEMBERS_GROUP_ID, PORTAL_RESOURCE_ID, UPN_CLIENT_ID,
    UPN_CLIENT_SECRET,
};
use usher_tests::processes::{Options, Output, Program, World, connection_string};
use uuid::{Uuid, uuid};

/// The id of nothing.
const NOBODY: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
/// What must not be repeated: the values that are wrong. Those that must be hex to be sent at all hold the second.
const VALUES: [&str; 2] = ["hush", "c0ffee"];

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
    // Beside what was logged of the destination, which is looked at before the port is bound.
    let said = output.stderr.lines().filter(|line| !line.contains(r#""level":"INFO""#)).count();
    assert_eq!(said, 1, "{names}: {}", output.stderr);
    assert!(output.stderr.contains(names), "{names}: {}", output.stderr);
    let shown = VALUES.iter().any(|value| output.stderr.contains(value));
    assert!(!shown, "a value is shown: {}", output.stderr);
}

/// The producer and all consumers.
fn services(world: &World) -> Vec<Program> {
    let consumers = Judged::ALL.map(|consumer| world.consumer(consumer));
    [world.producer()].into_iter().chain(consumers).collect()
}

/// Those of them that ask Graph.
fn graph_users(world: &World) -> [Program; 4] {
    [world.producer(), world.billing(), world.birthrights(), world.upn()]
}

fn preview(world: &World) -> Program {
    world.upn().args(["preview"])
}

fn explain(world: &World) -> Program {
    world.birthrights().args(["explain".to_owned(), NOBODY.to_string()])
}

/// Birthrights with one rule that gives this, in a file of its own.
fn with_rule(world: &World, name: &str, gives: &str) -> Program {
    let file = world.home().join(format!("{name}.toml"));
    fs::write(&file, format!("[[rule]]\nname = \"{name}\"\n{gives}\n")).unwrap();
    world.birthrights().with("BIRTHRIGHTS_RULES", file.display().to_string())
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
    for name in ["ENTRA_TENANT_ID", "SERVICEBUS_CONNECTION_STRING"] {
        rows.extend(services(&world).into_iter().map(|program| missing(program, name)));
    }
    for name in ["ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET"] {
        rows.extend(graph_users(&world).map(|program| missing(program, name)));
    }
    for (program, names) in [
        (world.producer(), &["SIGNUP_ACTORS", "CHECKPOINT", "START_FROM"][..]),
        (world.billing(), &["STRIPE_SECRET_KEY", "STRIPE_CUSTOMER_ID_ATTRIBUTE"]),
        (world.crm(), &["SALESFORCE_CLIENT_ID", "SALESFORCE_USERNAME", "SALESFORCE_PRIVATE_KEY_FILE"]),
        (world.webhook(), &["WEBHOOK_URL", "WEBHOOK_SECRET"]),
        (world.email(), &["MAILCHIMP_API_KEY", "MAILCHIMP_LIST_ID"]),
        (world.email(), &["MAILCHIMP_CONSENT_ATTRIBUTE", "MAILCHIMP_WELCOME_TAG"]),
        (world.birthrights(), &["BIRTHRIGHTS_RULES"]),
        (explain(&world), &["BIRTHRIGHTS_RULES", "ENTRA_CLIENT_SECRET"]),
        (world.upn(), &["UPN_DOMAIN"]),
        (preview(&world), &["UPN_DOMAIN", "ENTRA_CLIENT_SECRET"]),
        (world.usher(["dlq", "list", "billing"]), &["SERVICEBUS_CONNECTION_STRING"]),
    ] {
        rows.extend(names.iter().map(|name| missing(program.clone(), name)));
    }
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
        rows.extend(services(&world).into_iter().map(|program| wrong(program, name, value)));
    }
    for (name, value) in [
        ("ENTRA_CLIENT_ID", ""),
        ("ENTRA_AUTHORITY_HOST", "http://127.0.0.1:1"),
        ("GRAPH_ENDPOINT", "https://hush:hush@graph.example"),
        ("GRAPH_WRITES_PER_SECOND", "0"),
    ] {
        rows.extend(graph_users(&world).map(|program| wrong(program, name, value)));
    }
    for (name, value) in [
        ("POLL_INTERVAL", "hush"),
        ("OVERLAP", "0s"),
        ("START_FROM", "hush"),
        ("START_FROM", "2999-01-01T00:00:00Z"),
        ("SIGNUP_ACTORS", "hush"),
        ("EVENT_ATTRIBUTES", "userPrincipalName"),
        ("CHECKPOINT", "/nowhere/checkpoint.json"),
        ("CHECKPOINT", "https://ada:hush@contoso.blob.core.windows.net/usher/checkpoint.json"),
        ("CHECKPOINT_SAS", "sv=2025-11-05&sig=hush"),
    ] {
        rows.push(wrong(world.producer(), name, value));
    }
    for (name, value) in
        [("CONCURRENCY", "0"), ("MAX_HELD", "hush"), ("RETRY_BUDGET", "hush"), ("MAX_EVENT_AGE", "hush")]
    {
        rows.extend(Judged::ALL.map(|consumer| wrong(world.consumer(consumer), name, value)));
    }
    for (name, value) in [
        ("STRIPE_API_BASE", "http://api.stripe.com"),
        ("STRIPE_API_BASE", "https://hush:hush@stripe.example"),
        ("STRIPE_CUSTOMER_ID_ATTRIBUTE", "hush"),
        ("STRIPE_CALLS_PER_SECOND", "0"),
        ("STRIPE_SECRET_KEY", "hush"),
        ("STRIPE_MODE", "live"),
        ("STRIPE_EXISTING", "hush"),
        ("STRIPE_ACCOUNTS", "/nowhere/accounts.toml"),
        ("STRIPE_OPEN_EXTENSION", "hush hush"),
    ] {
        rows.push(wrong(world.billing(), name, value));
    }
    rows.extend(wrong_settings_of_crm(&world));
    rows.extend(wrong_settings_of_sql(&world));
    rows.extend(wrong_settings_of_webhook(&world));
    for (name, value) in [
        ("MAILCHIMP_API_KEY", "hush"),
        ("MAILCHIMP_API_KEY", "c0ffee-us1.hush"),
        ("MAILCHIMP_API_BASE", "http://us1.api.mailchimp.com"),
        ("MAILCHIMP_API_BASE", "https://hush:hush@us1.api.mailchimp.com"),
        ("MAILCHIMP_LIST_ID", "../hush"),
        ("MAILCHIMP_CONSENT_ATTRIBUTE", "hush"),
        ("MAILCHIMP_WELCOME_TAG", " hush"),
        ("MAILCHIMP_STATUS_IF_NEW", "hush"),
        ("MAILCHIMP_UNVERIFIED", "hush"),
        ("MAILCHIMP_MERGE_FIELDS", "hush"),
        ("MAILCHIMP_MERGE_FIELDS", "FNAME=hush"),
        ("MAILCHIMP_MARKETING_PERMISSIONS", "hush"),
        ("MAILCHIMP_CONNECTIONS", "0"),
    ] {
        rows.push(wrong(world.email(), name, value));
    }
    let data_centre = world.email().without("MAILCHIMP_API_BASE");
    rows.push(wrong(data_centre, "MAILCHIMP_API_KEY", "c0ffee"));
    rows.push(wrong(world.birthrights(), "BIRTHRIGHTS_RULES", "/nowhere/rules.toml"));
    for (name, gives) in
        [("typo", "grups = []"), ("nothing", "groups = []"), ("no-id", "groups = [\"hush\"]")]
    {
        rows.push(row(with_rule(&world, name, gives), 64, "BIRTHRIGHTS_RULES"));
    }
    for (name, value) in [
        ("UPN_TEMPLATE", "hush{email}"),
        ("UPN_TEMPLATE", "hush{given"),
        ("UPN_DOMAIN", "hush"),
        ("UPN_DOMAIN", "hush@seats.example"),
    ] {
        rows.extend([world.upn(), preview(&world)].map(|program| wrong(program, name, value)));
    }
    rows.push(wrong(world.usher(["dlq", "list", "billing"]), "SERVICEBUS_CONNECTION_STRING", "hush"));
    check(&world, rows).await;
}

fn wrong_settings_of_crm(world: &World) -> Vec<Row> {
    let file = |name: &str, text: &str| {
        let file = world.home().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let no_key = "-----BEGIN PRIVATE KEY-----\naHVzaCBodXNo\n-----END PRIVATE KEY-----\n";
    let rows = [
        ("SALESFORCE_CLIENT_ID", String::new()),
        ("SALESFORCE_USERNAME", "hush hush".to_owned()),
        ("SALESFORCE_PRIVATE_KEY_FILE", "/nowhere/key.pem".to_owned()),
        ("SALESFORCE_PRIVATE_KEY_FILE", file("empty.pem", "hush")),
        ("SALESFORCE_PRIVATE_KEY_FILE", file("no-key.pem", no_key)),
        ("SALESFORCE_LOGIN_URL", "http://login.salesforce.com".to_owned()),
        ("SALESFORCE_LOGIN_URL", "https://hush:hush@login.salesforce.com".to_owned()),
        ("SALESFORCE_API_VERSION", "hush".to_owned()),
        ("SALESFORCE_CALLS_PER_SECOND", "0".to_owned()),
        ("SALESFORCE_LIMIT_RESERVE", "100".to_owned()),
        ("SALESFORCE_MAPPING", "/nowhere/mapping.toml".to_owned()),
        ("SALESFORCE_MAPPING", file("typo.toml", "objekt = \"Contact\"")),
    ];
    rows.map(|(name, value)| row(world.crm().with(name, value), 64, name)).into()
}

fn wrong_settings_of_sql(world: &World) -> Vec<Row> {
    let rows = [
        ("SQL_DATABASE_URL", "hush"),
        ("SQL_DATABASE_URL", "oracle://ada:hush@db.example/usher"),
        ("SQL_DATABASE_URL", "postgres://ada:hush@db.example/usher?hush=c0ffee"),
        ("SQL_DATABASE_URL", "sqlite::memory:"),
        ("SQL_DATABASE_URL", "sqlite:///nowhere/hush.db"),
        ("SQL_TABLE", "hush; --"),
        ("SQL_MIGRATE", "hush"),
        ("SQL_CONNECTIONS", "0"),
    ];
    rows.map(|(name, value)| row(world.sql().with(name, value), 64, name)).into()
}

fn wrong_settings_of_webhook(world: &World) -> Vec<Row> {
    let rows = [
        ("WEBHOOK_URL", "hush"),
        ("WEBHOOK_URL", "http://hooks.example/usher"),
        ("WEBHOOK_SECRET", "hush"),
        ("WEBHOOK_SECRET", "whsec_c0ffee"),
        ("WEBHOOK_URL", "https://hush:hush@hooks.example/usher"),
        ("WEBHOOK_ALLOW_PRIVATE", "hush"),
        ("WEBHOOK_PROBE", "hush"),
        ("WEBHOOK_CALLS_PER_SECOND", "0"),
    ];
    let rows = rows.map(|(name, value)| row(world.webhook().with(name, value), 64, name));
    let mut rows = Vec::from(rows);
    // The stand-in is on this machine, which is not public.
    rows.push(row(world.webhook().without("WEBHOOK_ALLOW_PRIVATE"), 64, "WEBHOOK_URL"));
    rows
}

#[tokio::test]
async fn a_refused_key_is_a_setting_to_mend() {
    let world = World::start(Options::default()).await;
    let address = world.broker.announced("amqp");
    let wrong_key = connection_string(address, "hush");
    let refused = |program: Program, name: &str, value: &str| row(program.with(name, value), 64, name);
    let mut rows = Vec::new();
    for program in graph_users(&world).into_iter().chain([preview(&world), explain(&world)]) {
        rows.push(refused(program.clone(), "ENTRA_CLIENT_SECRET", "hush"));
        rows.push(refused(program.clone(), "ENTRA_CLIENT_ID", &NOBODY.to_string()));
        rows.push(refused(program, "ENTRA_TENANT_ID", &NOBODY.to_string()));
    }
    for program in services(&world) {
        rows.push(refused(program, "SERVICEBUS_CONNECTION_STRING", &wrong_key));
    }
    rows.push(refused(world.billing(), "STRIPE_SECRET_KEY", "sk_test_hush"));
    rows.push(refused(world.crm(), "SALESFORCE_CLIENT_ID", "hush"));
    rows.push(refused(world.crm(), "SALESFORCE_USERNAME", "hush"));
    // Thirty-two bytes in base64, and not those that the receiver knows.
    rows.push(refused(
        world.webhook(),
        "WEBHOOK_SECRET",
        "whsec_aHVzaGh1c2hodXNoaHVzaGh1c2hodXNoaHVzaGh1c2g=",
    ));
    rows.push(refused(world.email(), "MAILCHIMP_API_KEY", "c0ffee-us1"));
    for args in
        [&["dlq", "list", "billing"][..], &["dlq", "show", "billing", "1"], &["dlq", "replay", "billing"]]
    {
        let program = world.usher(args.iter().copied());
        rows.push(refused(program, "SERVICEBUS_CONNECTION_STRING", &wrong_key));
    }
    check(&world, rows).await;
}

#[tokio::test]
async fn what_a_setting_points_at_must_be_there_and_ours_to_use() {
    const WHEN: &str = r#"self_asserted = true
when = { attribute = "extension_b2ce0000000040008000000000000001_Nothing", equals = "business" }"#;
    let world = World::start(Options::default()).await;
    let group = |id: Uuid| format!("groups = [\"{id}\"]");
    let role = |of: Uuid| format!("app_roles = [{{ resource = \"{of}\", role = \"{NOBODY}\" }}]");
    let mut rows = Vec::new();
    for (name, gives, objection) in [
        ("administrators", group(ADMINS_GROUP_ID), format!("group {ADMINS_GROUP_ID} is role-assignable")),
        ("dynamic", group(DYNAMIC_GROUP_ID), format!("group {DYNAMIC_GROUP_ID} is dynamic")),
        ("no-group", group(NOBODY), format!("there is no group {NOBODY}")),
        (
            "no-role",
            role(PORTAL_RESOURCE_ID),
            format!("resource {PORTAL_RESOURCE_ID} has no app role {NOBODY}"),
        ),
        ("no-resource", role(NOBODY), format!("there is no resource {NOBODY}")),
    ] {
        let names = format!("BIRTHRIGHTS_RULES: Entra refuses it: rule {name:?}: {objection}");
        rows.push(row(with_rule(&world, name, &gives), 64, &names));
    }
    let unknown = with_rule(&world, "no-attribute", &format!("{}\n{WHEN}", group(MEMBERS_GROUP_ID)));
    rows.push(row(unknown, 64, "BIRTHRIGHTS_RULES: Entra refuses it: users or groups don't have"));
    rows.push(row(world.email().with("MAILCHIMP_LIST_ID", "c0ffee"), 64, "MAILCHIMP_LIST_ID"));
    // An app registration that may write users, and neither read nor fill groups.
    let without_permission = world
        .birthrights()
        .with("ENTRA_CLIENT_ID", UPN_CLIENT_ID.to_string())
        .with("ENTRA_CLIENT_SECRET", UPN_CLIENT_SECRET);
    rows.push(row(without_permission, 64, "ENTRA_CLIENT_ID"));
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
    let asks = explain(&world).with("ENTRA_AUTHORITY_HOST", format!("https://{nobody}"));
    rows.push(row(asks, 69, "Entra"));
    let operator =
        [&["dlq", "list", "billing"][..], &["dlq", "show", "billing", "1"], &["dlq", "replay", "billing"]];
    let operator = operator.map(|args| world.usher(args.iter().copied()));
    for program in services(&world).into_iter().chain(operator) {
        let program = program.with("SERVICEBUS_CONNECTION_STRING", &*gone);
        rows.push(row(program, 69, "the broker can't be reached"));
    }
    for program in services(&world) {
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
