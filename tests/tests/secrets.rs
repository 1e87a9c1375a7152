//! Nothing personal and no secret in anything that a run says, exports or keeps beside the messages themselves.
//!
//! Everybody who signed up, and every key, is looked for in everything: as it is, as Rust's `Debug` writes it, and
//! as it stands in a URL; without regard to case. Left out are only what says nothing ("unknown", the name of those
//! who gave none) and ASCII values of fewer than four characters, which are found anywhere. The broker's data is not
//! searched: it holds the messages, that is its purpose.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    fs,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;
use usher_bus::{Bus, Message};
use usher_event::EventId;
use usher_http::Url;
use usher_sandbox::{CLIENT_SECRET, Effects, Expected, STRIPE_KEY, TENANT_ID};
use usher_tests::processes::{Options, Output, Process, World, eventually, peek_all};

const SIGN_UPS: usize = 24;
/// The refused address and three messages that are no events. Sign-ups that a vendor is made to refuse come on top,
/// unless the broker's death undoes the settlement and the second delivery succeeds.
const DEAD_LETTERS: usize = 4;
/// What a stranger put on the topic, in a message that is no event.
const STRANGER: [&str; 2] = ["Augusta Byron", "augusta.byron@example.com"];
/// What somebody's address was mended to.
const MENDED: &str = "hanako.mended@example.com";
/// The keys, and how tokens and signatures begin.
const SECRETS: [&str; 6] =
    [STRIPE_KEY, CLIENT_SECRET, "SAS_KEY_VALUE", "opaque.", "Bearer ", "SharedAccessSignature"];

/// A collector that keeps every byte it is sent.
struct Collector {
    address: String,
    received: Arc<Mutex<Vec<u8>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Collector {
    async fn start() -> Self {
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let keep = |State(received): State<Arc<Mutex<Vec<u8>>>>, body: Bytes| async move {
            received.lock().unwrap().extend_from_slice(&body);
        };
        let router = Router::new().fallback(keep).with_state(received.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received, _serving: AbortOnDropHandle::new(serving) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }
}

/// Everything that was said, by where.
#[derive(Default)]
struct Haystack(Vec<(String, String)>);

impl Haystack {
    fn add(&mut self, place: impl Into<String>, text: &str) {
        self.0.push((place.into(), text.to_lowercase()));
    }

    /// What all processes wrote on standard output and standard error.
    fn add_files(&mut self, world: &World) {
        for entry in fs::read_dir(world.home()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "out" || extension == "err") {
                self.add(path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
            }
        }
    }

    async fn add_answers(&mut self, world: &World, process: &Process) {
        for path in ["status", "readyz", "healthz"] {
            let url = process.health(path);
            self.add(&url, &world.control.get(&url).await.1);
        }
    }

    /// Where a needle lies, in any of its forms.
    fn places_of(&self, needle: &str) -> Vec<&str> {
        let forms = forms_of(needle);
        let holds = |text: &String| forms.iter().any(|form| text.contains(form));
        self.0.iter().filter(|(_, text)| holds(text)).map(|(place, _)| place.as_str()).collect()
    }

    fn holds(&self, place: &str, needle: &str) -> bool {
        self.places_of(needle).iter().any(|found| found.contains(place))
    }
}

fn forms_of(needle: &str) -> [String; 4] {
    let debug = format!("{needle:?}");
    let url = Url::parse_with_params("http://h/", [("", needle)]).unwrap();
    let encoded = url.query().unwrap().trim_start_matches('=').to_owned();
    let forms = [needle.to_owned(), debug.trim_matches('"').to_owned(), encoded.replace('+', "%20"), encoded];
    forms.map(|form| form.to_lowercase())
}

/// All that is personal about people as the stand-ins list them.
fn personal(people: &[Value]) -> Vec<String> {
    let mut values = Vec::new();
    for person in people {
        let texts = ["display_name", "given_name", "surname"].map(|field| person[field].as_str());
        values.extend(texts.into_iter().flatten().map(str::to_owned));
        let former = person["former_emails"].as_array().into_iter().flatten();
        for email in former.chain([&person["email"]]).filter_map(Value::as_str) {
            let mailbox = email.split('@').next().unwrap();
            values.extend([email.to_owned(), mailbox.to_owned()]);
        }
    }
    values.retain(|value| value != "unknown" && (value.chars().count() >= 4 || !value.is_ascii()));
    values.sort();
    values.dedup();
    values
}

/// Starts that fail say something, too.
async fn start_in_vain(world: &World) {
    for kind in [json!({ "status": 500 }), json!({ "status": 401 })] {
        world.control.fail_next("login.token", kind).await;
        assert_ne!(world.producer().run().await.code, Some(0));
    }
}

/// Vendors that fail in every way that makes somebody write something about it.
async fn trouble(world: &World) {
    for (call, kind) in [
        ("graph.audit", json!({ "status": 429 })),
        ("graph.batch", json!({ "status": 503 })),
        ("graph.get_user", json!({ "status": 404 })),
        ("graph.patch_user", json!({ "status": 400 })),
        ("graph.patch_user", json!("after")),
        ("stripe.search_customers", json!({ "status": 401 })),
        ("stripe.list_customers", json!({ "status": 500 })),
        ("stripe.create_customer", json!({ "status": 401 })),
        ("stripe.create_customer", json!("stored-500-after")),
        ("stripe.create_customer", json!("before")),
        ("stripe.create_customer", json!({ "status": 400 })),
    ] {
        world.control.fail_next(call, kind).await;
    }
}

async fn publish_garbage(world: &World) {
    let [name, email] = STRANGER;
    let publisher = world.bus().publisher("user-signups").await.unwrap();
    let cut_short = format!(r#"{{"specversion":"1.0","data":{{"displayName":"{name}","email":"{email}","#);
    let wrong_types = json!({
        "specversion": "1.0", "type": "usher.user-signed-up.v1", "id": name, "source": email, "subject": email,
        "time": name, "data": { "tenantId": email, "userId": name, "displayName": name },
    });
    for (id, body) in
        [("g1", format!("{name} <{email}>")), ("g2", cut_short), ("g3", wrong_types.to_string())]
    {
        let message = Message::new(id, body).with_property("note", email);
        publisher.publish(vec![message]).await.unwrap();
    }
}

/// Waits until each sign-up has been served or is a dead letter, and nothing is underway.
async fn settled(world: &World, producer: &Process) {
    world.counts(producer, "all published", |it| it.of("published") >= SIGN_UPS as u64).await;
    eventually("billing has dealt with all", async || {
        peek_all(&*world.queue().await).await.is_empty().then_some(())
    })
    .await;
}

async fn operator(world: &World, haystack: &mut Haystack, args: &[&str]) -> Output {
    let output = world.usher(args.iter().copied()).run().await;
    haystack.add(args.join(" "), &format!("{}{}", output.stdout, output.stderr));
    output
}

/// The operator looks at everything, mends what can be mended and replays.
async fn look_at_dead_letters(world: &World, haystack: &mut Haystack, effects: &Effects) {
    operator(world, haystack, &["dlq", "list", "billing"]).await;
    let list = operator(world, haystack, &["dlq", "list", "billing", "--json"]).await;
    let letters = peek_all(&*world.dead_letters().await).await.len();
    assert!(letters >= DEAD_LETTERS, "{list:?}");
    assert_eq!((list.code, list.stdout.lines().count()), (Some(0), letters), "{list:?}");
    for line in list.stdout.lines() {
        let letter: Value = serde_json::from_str(line).unwrap();
        let number = letter["sequenceNumber"].to_string();
        let shown = operator(world, haystack, &["dlq", "show", "billing", &number]).await;
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    }
    operator(world, haystack, &["dlq", "replay", "billing"]).await;
    let refused = effects.sign_ups.iter().find(|line| line.expected == Expected::Refused).unwrap();
    world.control.order(json!({ "mend_email": { "user": refused.user_id, "email": MENDED } })).await;
    let replayed = operator(world, haystack, &["dlq", "replay", "billing"]).await;
    assert!(replayed.stdout.contains("1 done"), "{}", replayed.stdout);
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_said_exported_or_kept() {
    let collector = Collector::start().await;
    let variables = [("USHER_LOG", "trace"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut world = World::start(Options { short_locks: true, variables, ..Options::default() }).await;
    start_in_vain(&world).await;
    let mut producer = world.producer().start().await;
    let mut billing = world.billing().start().await;
    trouble(&world).await;
    world
        .control
        .order(
            json!({ "sign_ups": { "count": SIGN_UPS, "rate": 6, "refused_email": true, "short_lived": 0 } }),
        )
        .await;
    publish_garbage(&world).await;
    eventually("work goes on", async || {
        (world.control.effects().await.totals.exact > SIGN_UPS / 2).then_some(())
    })
    .await;
    world.broker.kill().await;
    world.restart_broker().await;
    settled(&world, &producer).await;

    let mut haystack = Haystack::default();
    let effects = world.control.effects().await;
    look_at_dead_letters(&world, &mut haystack, &effects).await;
    for process in [&producer, &billing, &world.broker] {
        haystack.add_answers(&world, process).await;
    }
    let people = world.control.people().await;
    for process in [&mut producer, &mut billing, &mut world.broker] {
        // Sends the last traces, too.
        assert_eq!(process.terminate().await.code, Some(0));
    }
    haystack.add("collector", &collector.text());
    haystack.add("checkpoint", &fs::read_to_string(world.checkpoint()).unwrap());
    haystack.add_files(&world);

    holds_what_it_should(&haystack, &effects);
    let personal = personal(&people);
    assert!(personal.len() > SIGN_UPS * 3 && personal.contains(&MENDED.to_owned()));
    let needles = personal.iter().map(String::as_str).chain(STRANGER).chain(SECRETS);
    for needle in needles.clone() {
        would_be_found(needle);
    }
    let found: Vec<_> =
        needles.map(|it| (it, haystack.places_of(it))).filter(|(_, at)| !at.is_empty()).collect();
    assert!(found.is_empty(), "{} leaked: {found:#?}", found.len());
}

/// The run was really listened to: ids are in the logs, in the traces, in the checkpoint.
fn holds_what_it_should(haystack: &Haystack, effects: &Effects) {
    for line in effects.sign_ups.iter().filter(|line| line.expected == Expected::One) {
        let (user, event) = (line.user_id.to_string(), EventId::of(TENANT_ID, line.user_id).to_string());
        for (place, needle) in [
            ("collector", &user),
            ("collector", &event),
            ("checkpoint", &user),
            ("usher-producer.err", &event),
            ("usher-billing.err", &event),
        ] {
            assert!(haystack.holds(place, needle), "{needle} is not in {place}");
        }
    }
    for (place, needle) in [
        ("dlq list billing", "Undecodable"),
        ("dlq replay billing", "email_invalid"),
        ("dlq show billing", "***"),
        ("dlq replay billing", "still dead"),
        ("/status", "dead_lettered"),
        ("usher-billing.err", "\"level\":\"trace\""),
        ("usher-broker.err", "stopping"),
    ] {
        assert!(haystack.holds(place, needle), "{needle} is not in {place}");
    }
}

/// A search that could not find a value proves nothing about it.
fn would_be_found(needle: &str) {
    let url = Url::parse_with_params("http://h/", [("email", needle)]).unwrap();
    for planted in
        [format!("{needle:?}"), json!({ "a": [needle] }).to_string(), url.to_string(), needle.to_uppercase()]
    {
        let mut haystack = Haystack::default();
        haystack.add("here", &format!("before {planted} after"));
        assert!(haystack.holds("here", needle), "{needle} would not be found in {planted}");
    }
}
