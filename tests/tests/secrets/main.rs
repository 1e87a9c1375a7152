//! Nothing personal and no secret in anything that a run says, exports or keeps beside the messages themselves.
//!
//! Everybody who signed up, what was made of their names and addresses, and every key, is looked for in everything.
//! Left out are only what says nothing ("unknown", the name of those who gave none) and ASCII values of fewer than
//! four characters, which are found anywhere. The broker's data is not searched: it holds the messages, that is its
//! purpose.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod collector;
mod haystack;

use std::fs;

use collector::Collector;
use haystack::{Haystack, would_be_found};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use usher_bus::{Bus, Message};
use usher_event::EventId;
use usher_sandbox::{
    BIRTHRIGHTS_CLIENT_SECRET, CLIENT_SECRET, CUSTOM_DOMAIN, Effects, EmailExpected, Expected, Judged,
    MAILCHIMP_KEY, SALESFORCE_PRIVATE_KEY, SALESFORCE_USERNAME, STRIPE_KEY, TENANT_ID, UPN_CLIENT_SECRET,
    WEBHOOK_SECRET,
};
use usher_tests::processes::{Options, Output, Process, World, eventually, peek_all};
use uuid::Uuid;

/// Those at once, after a first one by itself.
const SIGN_UPS: usize = 24;
/// What each consumer has: three messages that are no events, and a sign-up that its vendor refuses. More sign-ups that
/// a vendor is made to refuse come on top, unless the broker's death undoes the settlement and the second delivery
/// succeeds.
const NO_EVENTS: usize = 3;
/// Who has a refused sign-up of the vendor's making, at which call, and by what answer; billing has the address that
/// Stripe refuses, and sql has none: its table is a file, which refuses nobody.
const REFUSED: [(Judged, &str, u16); 5] = [
    (Judged::Email, "mailchimp.tag_member", 400),
    (Judged::Birthrights, "graph.add_member", 400),
    (Judged::Upn, "graph.patch_user", 400),
    (Judged::Crm, "salesforce.upsert", 406),
    (Judged::Webhook, "webhook.deliver", 410),
];
/// What a stranger put on the topic, in a message that is no event.
const STRANGER: [&str; 2] = ["Augusta Byron", "augusta.byron@example.com"];
/// What somebody's address was mended to.
const MENDED: &str = "hanako.mended@example.com";
/// The password of databases that nobody reaches.
const SQL_PASSWORD: &str = "correct-horse-battery";
/// The keys, and how tokens, claims, signatures and Mailchimp's credentials (`usher:` in base64) begin. The private key
/// comes on top, line by line.
const SECRETS: [&str; 14] = [
    STRIPE_KEY,
    MAILCHIMP_KEY,
    CLIENT_SECRET,
    BIRTHRIGHTS_CLIENT_SECRET,
    UPN_CLIENT_SECRET,
    "SAS_KEY_VALUE",
    SALESFORCE_USERNAME,
    SQL_PASSWORD,
    WEBHOOK_SECRET,
    "00D5e0000000SEA!",
    "eyJhbGciOi",
    "Bearer ",
    "SharedAccessSignature",
    "dXNoZXI6",
];

/// All that is personal about people as the stand-ins list them, and what was made of it: the UPNs, and Mailchimp's
/// ids, by which an address that is known can be recognised.
fn personal(people: &[Value], revealed: &Effects) -> Vec<String> {
    let mut values = Vec::new();
    for person in people {
        let texts = ["display_name", "given_name", "surname"].map(|field| person[field].as_str());
        values.extend(texts.into_iter().flatten().map(str::to_owned));
        let former = person["former_emails"].as_array().into_iter().flatten();
        for email in former.chain([&person["email"]]).filter_map(Value::as_str) {
            let mailbox = email.split('@').next().unwrap();
            let member = u128::from_be_bytes(Md5::digest(email.to_lowercase()).into());
            values.extend([email.to_owned(), mailbox.to_owned(), format!("{member:032x}")]);
        }
    }
    for upn in revealed.sign_ups.iter().filter_map(|line| line.user_principal_name.as_deref()) {
        // Before the @ of one that was never changed stands the user's id, which is no secret.
        let chosen = upn.split('@').next().filter(|local| local.parse::<Uuid>().is_err());
        values.extend(chosen.into_iter().chain([upn]).map(str::to_owned));
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
    for (consumer, call) in [
        (Judged::Billing, "login.token"),
        (Judged::Email, "mailchimp.get_list"),
        (Judged::Birthrights, "login.token"),
        (Judged::Upn, "login.token"),
        (Judged::Crm, "salesforce.token"),
        (Judged::Webhook, "webhook.probe"),
    ] {
        world.control.fail_next(call, json!({ "status": 401 })).await;
        let ended = world.consumer(consumer).run().await;
        assert_eq!(ended.code, Some(64), "{consumer:?}: {}", ended.stderr);
    }
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://usher:{SQL_PASSWORD}@127.0.0.1:1/usher");
        // A database that isn't there is waited for.
        let ended = world.sql().with("SQL_DATABASE_URL", url).start().await.terminate().await;
        assert_eq!(ended.code, Some(0), "{scheme}: {}", ended.stderr);
    }
}

/// Starts the consumers that are [`REFUSED`]; somebody signs up, and each of them gives that up.
async fn start_refused(world: &World) -> Vec<Process> {
    let mut consumers = Vec::new();
    for (consumer, call, status) in REFUSED {
        consumers.push(world.consumer(consumer).start().await);
        world.control.fail_next(call, json!({ "status": status })).await;
    }
    world.control.order(json!({ "sign_up": { "marketing_consent": true } })).await;
    for consumer in &consumers {
        world.counts(consumer, "it is refused", |counts| counts.of("dead_lettered") == 1).await;
    }
    consumers
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
        ("mailchimp.put_member", json!({ "status": 401 })),
        ("mailchimp.put_member", json!("throttled")),
        ("mailchimp.put_member", json!("after")),
        ("mailchimp.put_member", json!({ "status": 500 })),
        ("mailchimp.tag_member", json!("before")),
        ("mailchimp.tag_member", json!({ "status": 404 })),
        ("graph.add_member", json!({ "status": 403 })),
        ("graph.add_member", json!({ "status": 404 })),
        ("graph.assign_app_role", json!({ "status": 503 })),
        ("graph.assign_app_role", json!({ "status": 400 })),
        ("salesforce.upsert", json!({ "status": 401 })),
        ("salesforce.upsert", json!({ "status": 400 })),
        ("salesforce.upsert", json!("after")),
        ("salesforce.upsert", json!({ "status": 503 })),
        ("salesforce.upsert", json!("before")),
        ("webhook.deliver", json!({ "status": 401 })),
        ("webhook.deliver", json!("throttled")),
        ("webhook.deliver", json!("after")),
        ("webhook.deliver", json!({ "status": 500 })),
        ("webhook.deliver", json!("before")),
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
    world.counts(producer, "all published", |it| it.of("published") > SIGN_UPS as u64).await;
    for consumer in Judged::ALL {
        let queue = world.queue_of(consumer).await;
        eventually("it has dealt with all", async || peek_all(&*queue).await.is_empty().then_some(())).await;
    }
}

/// `usher dlq` with a consumer's settings.
async fn dlq(world: &World, haystack: &mut Haystack, of: Judged, command: &str, more: &[&str]) -> Output {
    let args = [&["dlq", command, of.name()], more].concat();
    let operator = world.consumer(of).without("HEALTH_ADDR").renamed("usher");
    let output = operator.args(args.iter().copied()).run().await;
    haystack.add(args.join(" "), &format!("{}{}", output.stdout, output.stderr));
    output
}

/// The operator looks at everything and replays.
async fn look_at_dead_letters(world: &World, haystack: &mut Haystack, of: Judged) {
    dlq(world, haystack, of, "list", &[]).await;
    dlq(world, haystack, of, "group", &[]).await;
    dlq(world, haystack, of, "export", &["-"]).await;
    let list = dlq(world, haystack, of, "list", &["--json"]).await;
    let letters = peek_all(&*world.dead_letters_of(of).await).await.len();
    let refused = usize::from(of != Judged::Sql);
    assert!(letters >= NO_EVENTS + refused, "{of:?}: {list:?}");
    assert_eq!((list.code, list.stdout.lines().count()), (Some(0), letters), "{list:?}");
    for line in list.stdout.lines() {
        let letter: Value = serde_json::from_str(line).unwrap();
        let number = letter["sequenceNumber"].to_string();
        let shown = dlq(world, haystack, of, "show", &[&number]).await;
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    }
    dlq(world, haystack, of, "replay", &["--dry-run"]).await;
    dlq(world, haystack, of, "replay", &[]).await;
}

/// The operator mends the address that Stripe refuses, and replays.
async fn mend(world: &World, haystack: &mut Haystack, effects: &Effects) {
    let refused = effects.sign_ups.iter().find(|line| line.expected == Expected::Refused).unwrap();
    world.control.order(json!({ "mend_email": { "user": refused.user_id, "email": MENDED } })).await;
    let replayed = dlq(world, haystack, Judged::Billing, "replay", &[]).await;
    assert!(replayed.stdout.contains("1 done"), "{}", replayed.stdout);
}

/// Which rules hold for somebody, and why; without what they typed.
async fn explain(world: &World, effects: &Effects) {
    let user = effects.sign_ups[0].user_id.to_string();
    let explained = world.birthrights().args(["explain", &user]).run().await;
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_said_exported_or_kept() {
    let collector = Collector::start().await;
    let variables = [("USHER_LOG", "trace"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let consumers = Judged::ALL.into();
    let options = Options { consumers, short_locks: true, variables, ..Options::default() };
    let mut world = World::start(options).await;
    start_in_vain(&world).await;
    let mut producer = world.producer().start().await;
    let mut consumers = start_refused(&world).await;
    consumers.push(world.billing().start().await);
    consumers.push(world.sql().start().await);
    trouble(&world).await;
    let many = json!({
        "count": SIGN_UPS, "rate": 6, "refused_email": true, "refused_by_mailchimp": 2, "unsubscribed": 1,
        "refused_by_salesforce": 2, "short_lived": 0,
    });
    world.control.order(json!({ "sign_ups": many })).await;
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
    for consumer in Judged::ALL {
        look_at_dead_letters(&world, &mut haystack, consumer).await;
    }
    mend(&world, &mut haystack, &effects).await;
    explain(&world, &effects).await;
    for process in consumers.iter().chain([&producer, &world.broker]) {
        haystack.add_answers(&world, process).await;
    }
    let people = world.control.people().await;
    let revealed = world.control.effects_revealed().await;
    for process in consumers.iter_mut().chain([&mut producer, &mut world.broker]) {
        // Sends the last traces, too.
        assert_eq!(process.terminate().await.code, Some(0));
    }
    haystack.add_files(&world);
    // Only now, since names are what it is asked for: they are on its standard output, and must be nowhere else.
    let preview = world.upn().args(["preview"]).run().await;
    assert!(preview.code == Some(0) && preview.stderr.contains("\"TRACE\""), "{}", preview.stderr);
    haystack.add("preview", &preview.stderr);
    haystack.add("collector", &collector.text());
    haystack.add("checkpoint", &fs::read_to_string(world.checkpoint()).unwrap());

    holds_what_it_should(&haystack, &effects);
    let personal = personal(&people, &revealed);
    assert!(personal.len() > SIGN_UPS * 5 && personal.contains(&MENDED.to_owned()));
    assert!(personal.iter().any(|value| value.ends_with(&format!("@{CUSTOM_DOMAIN}"))), "names have changed");
    // Its first line says what it is for.
    let key = SALESFORCE_PRIVATE_KEY.lines().skip_while(|line| !line.starts_with("-----"));
    let key = key.filter(|line| !line.starts_with("-----"));
    let needles = personal.iter().map(String::as_str).chain(STRANGER).chain(SECRETS).chain(key);
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
            ("usher-birthrights.err", &event),
            ("usher-upn.err", &event),
            ("usher-crm.err", &event),
            ("usher-webhook.err", &event),
        ] {
            assert!(haystack.holds(place, needle), "{needle} is not in {place}");
        }
        // Of those who don't want mail there is nothing to say.
        let mail = line.email.expected == EmailExpected::Subscribed;
        assert!(!mail || haystack.holds("usher-email.err", &event), "{event} is not in usher-email.err");
    }
    for consumer in Judged::ALL.into_iter().filter(|consumer| *consumer != Judged::Sql).map(Judged::name) {
        let place = format!("dlq list {consumer}");
        assert!(haystack.holds(&place, "Rejected"), "nothing is refused in {place}");
    }
    for consumer in Judged::ALL.map(Judged::name) {
        for (place, needle) in [
            (format!("dlq list {consumer}"), "Undecodable"),
            (format!("dlq show {consumer}"), "***"),
            (format!("dlq replay {consumer}"), "still dead"),
            (format!("usher-{consumer}.err"), "\"level\":\"trace\""),
        ] {
            assert!(haystack.holds(&place, needle), "{needle} is not in {place}");
        }
    }
    for (place, needle) in [
        ("dlq replay billing", "email_invalid"),
        ("dlq list email", "MailchimpRejected"),
        ("usher-birthrights.out", "rule \"members\" holds"),
        ("/status", "dead_lettered"),
        ("usher-broker.err", "stopping"),
    ] {
        assert!(haystack.holds(place, needle), "{needle} is not in {place}");
    }
}
