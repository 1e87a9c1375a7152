//! What an operator does with dead letters: whatever happens meanwhile, each is done once or still in the queue.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod letters;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use letters::dead;
use serde_json::{Value, json};
use usher_bus::{Bus, Message};
use usher_sandbox::Judged;
use usher_tests::processes::{Options, Output, Process, Program, World, eventually, peek_all, send_signal};
use uuid::Uuid;

/// How often a command that did not get to its end is run again.
const AGAIN: usize = 5;

async fn left(world: &World) -> usize {
    peek_all(&*world.dead_letters().await).await.len()
}

/// The lines of a command's JSON: what became of each letter, and at the end of all.
fn parsed(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The sequence numbers of those that left the queue.
fn done(stdout: &str, outcome: &str) -> Vec<i64> {
    let lines = parsed(stdout).into_iter().filter(|line| line["outcome"] == outcome);
    lines.map(|line| line["sequenceNumber"].as_i64().unwrap()).collect()
}

/// Waits until a command has told of more letters than so many.
async fn told(process: &Process, more_than: usize) {
    let lines = || process.stdout().lines().count();
    eventually("it is under way", async || (lines() > more_than).then_some(())).await;
}

/// Runs it until it gets to its end; returns the numbers of all that left the queue.
async fn until_done(program: &Program, outcome: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    for _ in 0..AGAIN {
        let output = program.run().await;
        numbers.extend(done(&output.stdout, outcome));
        if output.code == Some(0) || output.stderr.contains("nothing matches") {
            return numbers;
        }
    }
    panic!("not at its end after {AGAIN} runs");
}

fn each_once(numbers: &[i64], count: usize) {
    let distinct: BTreeSet<_> = numbers.iter().collect();
    assert_eq!((numbers.len(), distinct.len()), (count, count), "each is done once");
}

#[tokio::test]
async fn a_replay_cancelled_midway_gives_its_locks_back_and_the_next_one_finishes() {
    const LETTERS: usize = 200;
    let world = World::start(Options::default()).await;
    dead(&world, LETTERS, 0).await;
    let replay = world.usher(["dlq", "replay", "billing", "--json"]);

    let mut cancelled = replay.clone().args(["--rate", "40/s"]).spawn();
    told(&cancelled, 20).await;
    send_signal(cancelled.id(), "INT").await;
    let status = cancelled.ended().await;
    let cancelled = cancelled.output(status);
    assert_eq!(cancelled.code, Some(1));
    assert!(cancelled.stderr.contains("stopped; what was not done is still in the queue"), "{cancelled:?}");
    let first = done(&cancelled.stdout, "done");
    assert!(first.len() >= 20 && first.len() < LETTERS, "{}", first.len());
    assert_eq!(left(&world).await, LETTERS - first.len());

    // At once: a lock that was not given back would last a minute, and stay in its way.
    let second = replay.run().await;
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    each_once(&[first, done(&second.stdout, "done")].concat(), LETTERS);
    assert_eq!(left(&world).await, 0);
    let third = replay.run().await;
    assert_eq!((third.code, parsed(&third.stdout)[0]["done"].as_u64()), (Some(0), Some(0)), "{third:?}");
}

#[tokio::test]
async fn two_replays_at_once_share_the_letters() {
    const LETTERS: usize = 400;
    let world = World::start(Options::default()).await;
    dead(&world, LETTERS, 0).await;
    let replay = world.usher(["dlq", "replay", "billing", "--json", "--rate", "100/s"]);
    let (one, two) = tokio::join!(replay.run(), replay.run());
    let (one, two) = (done(&one.stdout, "done"), done(&two.stdout, "done"));
    assert!(!one.is_empty() && !two.is_empty(), "{} {}", one.len(), two.len());
    each_once(&[one, two].concat(), LETTERS);
    assert_eq!(left(&world).await, 0);
}

#[tokio::test]
async fn a_broker_killed_during_a_replay_loses_and_doubles_nothing() {
    const LETTERS: usize = 300;
    let mut world = World::start(Options::default()).await;
    dead(&world, LETTERS, 0).await;
    let replay = world.usher(["dlq", "replay", "billing", "--json"]);
    let mut running = replay.clone().args(["--rate", "60/s"]).spawn();
    for kill in 1..=2 {
        told(&running, kill * 60).await;
        world.broker.kill().await;
        world.restart_broker().await;
    }
    assert!(running.runs(), "over before the kill");
    let status = running.ended().await;
    let mut numbers = done(&running.output(status).stdout, "done");
    numbers.extend(until_done(&replay, "done").await);
    each_once(&numbers, LETTERS);
    assert_eq!(left(&world).await, 0);
}

#[tokio::test]
async fn letters_are_removed_once_however_often_the_command_and_the_broker_are_killed() {
    const LETTERS: usize = 8_000;
    let mut world = World::start(Options { short_locks: true, ..Options::default() }).await;
    dead(&world, LETTERS, 0).await;
    let drop = world.usher(["dlq", "drop", "billing", "--all", "--yes-really", "--json"]);

    let mut killed = drop.spawn();
    told(&killed, 50).await;
    killed.kill().await;
    let after_kill = left(&world).await;
    assert!(after_kill > 0 && after_kill < LETTERS, "{after_kill}");

    let mut running = drop.spawn();
    told(&running, 50).await;
    world.broker.kill().await;
    world.restart_broker().await;
    assert!(left(&world).await > 0, "over before the kill");
    let status = running.ended().await;
    let mut numbers = done(&running.output(status).stdout, "removed");
    numbers.extend(until_done(&drop, "removed").await);
    // What the first one had under way when it died may have been done after we looked.
    assert!((after_kill - 64..=after_kill).contains(&numbers.len()), "{} of {after_kill}", numbers.len());
    each_once(&numbers, numbers.len());
    assert_eq!(left(&world).await, 0);
}

#[tokio::test]
async fn a_dry_run_and_a_filter_choose_what_is_tried_again() {
    let world = World::start(Options::default()).await;
    dead(&world, 30, 0).await;
    let dry = world.usher(["dlq", "replay", "billing", "--dry-run", "--json", "--seq", "..10"]).run().await;
    assert_eq!((dry.code, done(&dry.stdout, "would be tried again").len()), (Some(0), 10), "{dry:?}");
    assert_eq!(left(&world).await, 30);
    let other = world.usher(["dlq", "replay", "billing", "--reason", "StripeRejected"]).run().await;
    assert!(other.stdout.contains("0 done, 0 failed, 30 not matched"), "{other:?}");
    let some = world.usher(["dlq", "replay", "billing", "--reason", "TooOld", "--seq", "..10"]).run().await;
    assert!(some.stdout.contains("10 done, 0 failed, 0 not matched, looked at 10 of 10"), "{some:?}");
    assert_eq!(left(&world).await, 20);
}

#[tokio::test]
async fn nothing_is_removed_without_an_answer() {
    let world = World::start(Options::default()).await;
    dead(&world, 10, 0).await;
    let refused: [(&[&str], &str); 5] = [
        (&["dlq", "drop", "billing", "--all"], "--yes-really"),
        (&["dlq", "drop", "billing", "3"], "--yes-really"),
        (&["dlq", "drop", "billing", "--yes-really"], "--all"),
        (&["dlq", "expire", "billing", "--older-than", "1s"], "--yes"),
        (&["dlq", "expire", "billing", "--yes"], "--older-than"),
    ];
    for (line, flag) in refused {
        let refused = world.usher(line.iter().copied()).run().await;
        assert_eq!(refused.code, Some(64), "{line:?}: {refused:?}");
        assert!(refused.stderr.contains(flag), "{line:?}: {}", refused.stderr);
    }
    let dry = world.usher(["dlq", "drop", "billing", "--all", "--dry-run"]).run().await;
    assert!(dry.code == Some(0) && dry.stdout.contains("10 would be removed"), "{dry:?}");
    let none = world.usher(["dlq", "expire", "billing", "--older-than", "1d", "--yes"]).run().await;
    assert!(none.code == Some(1) && none.stderr.contains("nothing matches"), "{none:?}");
    assert_eq!(left(&world).await, 10, "all are there");

    let some = world.usher(["dlq", "drop", "billing", "9", "3", "--yes-really", "--json"]).run().await;
    let mut removed = done(&some.stdout, "removed");
    removed.sort_unstable();
    assert_eq!((some.code, removed), (Some(0), vec![3, 9]), "{some:?}");
    let rest = world.usher(["dlq", "expire", "billing", "--older-than", "1ms", "--yes"]).run().await;
    assert!(rest.code == Some(0) && rest.stdout.contains("8 removed"), "{rest:?}");
    assert_eq!(left(&world).await, 0);
}

#[tokio::test]
async fn an_export_is_for_its_maker_alone_and_masked_unless_told() {
    let world = World::start(Options::default()).await;
    dead(&world, 12, 0).await;
    let path = world.home().join("letters.jsonl");
    let file = path.display().to_string();
    let export = world.usher(["dlq", "export", "billing", &file]);
    let masked = export.run().await;
    assert_eq!(masked.code, Some(0), "{}", masked.stderr);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let lines = parsed(&text);
    assert_eq!(lines.len(), 12);
    assert_eq!((&lines[0]["reason"], &lines[0]["sequenceNumber"]), (&json!("TooOld"), &json!(1)));
    assert!(!text.contains("Lovelace") && !text.contains("ada@example.com"), "{text}");

    let again = export.run().await;
    assert!(again.code == Some(1) && again.stderr.contains("--force"), "{again:?}");
    let revealed = export.clone().args(["--force", "--reveal"]).run().await;
    assert_eq!(revealed.code, Some(0), "{}", revealed.stderr);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(parsed(&text)[0]["body"]["data"]["email"], "ada@example.com");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let out = world.usher(["dlq", "export", "billing", "-", "--seq", "3..4"]).run().await;
    let numbers: Vec<_> = parsed(&out.stdout).iter().map(|line| line["sequenceNumber"].clone()).collect();
    assert_eq!(numbers, [json!(3), json!(4)]);
    let groups = world.usher(["dlq", "group", "billing", "--json"]).run().await;
    let groups = parsed(&groups.stdout);
    assert_eq!((groups.len(), &groups[0]["count"], &groups[0]["reason"]), (1, &json!(12), &json!("TooOld")));
}

/// A consumer's operator, with an editor that runs a script on the file.
fn operator(world: &World, of: Judged, script: &str) -> Program {
    let path = world.home().join("editor.sh");
    fs::write(&path, script).unwrap();
    world
        .consumer(of)
        .without("HEALTH_ADDR")
        .renamed("usher")
        .with("PATH", "/usr/bin:/bin")
        .with("TMPDIR", world.home().display().to_string())
        // Not run by itself: another process that is being started might have it open still.
        .with("EDITOR", format!("sh {}", path.display()))
}

/// Drafts that lie around.
fn drafts(world: &World) -> usize {
    let entries = fs::read_dir(world.home()).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("usher-resubmit-")).count()
}

/// Somebody signs up with an address that Mailchimp refuses, and corrects it since.
async fn refused_by_mailchimp(world: &World, email: &Process) -> (Uuid, String) {
    let who = json!({ "sign_up": { "refused_email": true, "marketing_consent": true } });
    let user = world.control.order(who).await[0];
    world.counts(email, "dead-lettered", |counts| counts.of("dead_lettered") == 1).await;
    let mended = json!({ "mend_email": { "user": user, "email": MENDED } });
    world.control.order(mended).await;
    let letter = peek_all(&*world.dead_letters_of(Judged::Email).await).await.remove(0);
    (user, letter.sequence_number.to_string())
}

const MENDED: &str = "hanako.sato@example.com";

async fn members(world: &World, user: Uuid) -> usize {
    world.control.effects().await.of(user).unwrap().email.members
}

async fn until_email_has_nothing_in_hand(world: &World) {
    let queue = world.queue_of(Judged::Email).await;
    eventually("nothing is in hand", async || peek_all(&*queue).await.is_empty().then_some(())).await;
}

async fn email_world() -> World {
    World::start(Options { consumers: vec![Judged::Email], ..Options::default() }).await
}

#[tokio::test]
async fn a_corrected_letter_takes_effect_which_under_the_same_message_id_it_would_not() {
    let world = email_world().await;
    let _producer = world.producer().start().await;
    let email = world.email().start().await;
    let (user, number) = refused_by_mailchimp(&world, &email).await;

    // As one would do it by hand: the corrected message as it was, MessageId and all.
    let letter = peek_all(&*world.dead_letters_of(Judged::Email).await).await.remove(0).message;
    let mut body: Value = serde_json::from_slice(&letter.body).unwrap();
    body["data"]["email"] = json!(MENDED);
    let copy =
        Message { body: body.to_string().into_bytes().into(), ..letter.with_property("replayTo", "email") };
    let marker = Message::new("marker", "not an event").with_property("replayTo", "email");
    world.bus().publisher("user-signups").await.unwrap().publish(vec![copy, marker]).await.unwrap();
    world.counts(&email, "the marker has come", |counts| counts.of("dead_lettered") == 2).await;
    until_email_has_nothing_in_hand(&world).await;
    assert_eq!(members(&world, user).await, 0, "duplicate detection swallowed it");

    let others = peek_all(&*world.queue_of(Judged::Billing).await).await.len();
    let script = format!("sed -i 's/\"email\": \"[^\"]*\"/\"email\": \"{MENDED}\"/' \"$1\"\n");
    let edited =
        operator(&world, Judged::Email, &script).args(["dlq", "resubmit", "email", &number]).run().await;
    assert_eq!(edited.code, Some(0), "{edited:?}");
    assert!(edited.stdout.contains("1 resubmitted, 0 failed"), "{edited:?}");
    world.counts(&email, "it takes effect", |counts| counts.of("done") == 1).await;
    assert_eq!(members(&world, user).await, 1);
    let effect = world.control.effects().await.of(user).unwrap().email.welcomed;
    assert_eq!(effect, 1);
    let letters = peek_all(&*world.dead_letters_of(Judged::Email).await).await;
    assert_eq!(letters.len(), 1, "the original is gone, the marker is not");
    assert_eq!(peek_all(&*world.queue_of(Judged::Billing).await).await.len(), others, "nobody else got it");
    assert_eq!(drafts(&world), 0);
    assert!(!format!("{}{}", edited.stdout, edited.stderr).contains("hanako"), "{edited:?}");
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_with_the_place_and_kept() {
    let world = email_world().await;
    let _producer = world.producer().start().await;
    let email = world.email().start().await;
    let (user, number) = refused_by_mailchimp(&world, &email).await;
    let resubmit = async |script: &str| {
        operator(&world, Judged::Email, script).args(["dlq", "resubmit", "email", &number]).run().await
    };
    let says = |output: &Output, what: &str| {
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains(what), "{what}: {}", output.stderr);
    };

    says(&resubmit("exit 0").await, "nothing was changed");
    says(&resubmit("exit 3").await, "the editor ended with");
    assert_eq!(drafts(&world), 0);
    let invalid = resubmit("sed -i 's/\"emailVerified\": .*/\"emailVerified\": \"ada\",/' \"$1\"").await;
    says(&invalid, "invalid at data.emailVerified");
    says(&invalid, "--file");
    says(&resubmit("sed -i 's/\"email\":/\"emial\":/' \"$1\"").await, "data.emial is no field of the event");
    let other = format!("sed -i 's/{user}/ffffffff-ffff-4fff-8fff-ffffffffffff/' \"$1\"");
    says(&resubmit(&other).await, "data.userId can't be changed");
    says(&resubmit("echo '{ ada' > \"$1\"").await, "not JSON (line 1");
    assert_eq!(drafts(&world), 4, "what was typed is kept");
    for draft in fs::read_dir(world.home()).unwrap().flatten() {
        if draft.file_name().to_string_lossy().starts_with("usher-resubmit-") {
            assert_eq!(draft.metadata().unwrap().permissions().mode() & 0o077, 0, "{draft:?}");
        }
    }
    let none = world.usher(["dlq", "resubmit", "email", &number]).run().await;
    assert!(none.code == Some(64) && none.stderr.contains("EDITOR"), "{none:?}");

    until_email_has_nothing_in_hand(&world).await;
    assert_eq!(peek_all(&*world.dead_letters_of(Judged::Email).await).await.len(), 1, "it is still there");
    assert_eq!(members(&world, user).await, 0, "nothing was sent");
}

#[tokio::test]
async fn a_script_corrects_a_letter_without_an_editor_once() {
    let world = email_world().await;
    let _producer = world.producer().start().await;
    let email = world.email().start().await;
    let (user, number) = refused_by_mailchimp(&world, &email).await;
    let shown = world.usher(["dlq", "show", "email", &number, "--reveal", "--json"]).run().await;
    let mut body = parsed(&shown.stdout)[0]["body"].clone();
    body["data"]["email"] = json!(MENDED);
    let file = world.home().join("event.json");
    fs::write(&file, body.to_string()).unwrap();
    let resubmit =
        world.usher(["dlq", "resubmit", "email", &number, "--json", "--file", &file.display().to_string()]);

    let dry = resubmit.clone().args(["--dry-run"]).run().await;
    assert_eq!((dry.code, &parsed(&dry.stdout)[0]["outcome"]), (Some(0), &json!("would be sent")), "{dry:?}");
    let (one, two) = tokio::join!(resubmit.run(), resubmit.run());
    let sent = [&one, &two].into_iter().filter(|output| output.code == Some(0)).count();
    assert_eq!(sent, 1, "one of them finds it locked or gone: {one:?} {two:?}");
    let copy = &parsed(&dry.stdout)[0]["copy"];
    for line in [&one, &two].into_iter().flat_map(|output| parsed(&output.stdout)) {
        assert!(line.get("copy").is_none_or(|id| id == copy), "the same correction has the same id: {line}");
    }
    world.counts(&email, "it takes effect", |counts| counts.of("done") == 1).await;
    until_email_has_nothing_in_hand(&world).await;
    assert_eq!(members(&world, user).await, 1);
    assert!(peek_all(&*world.dead_letters_of(Judged::Email).await).await.is_empty());
    let gone = resubmit.run().await;
    assert!(gone.code == Some(1) && gone.stderr.contains("no such dead letter"), "{gone:?}");
}

#[tokio::test]
async fn each_command_teaches_itself() {
    let home = tempfile::tempdir().unwrap();
    for command in ["list", "show", "group", "replay", "resubmit", "export", "expire", "drop"] {
        let help = Program::new("usher", home.path()).args(["dlq", command, "--help"]).run().await;
        assert_eq!(help.code, Some(0), "{}", help.stderr);
        assert!(help.stdout.contains("Examples:"), "{command}: {}", help.stdout);
        assert!(help.stdout.contains(&format!("usher dlq {command} ")), "{command}: {}", help.stdout);
    }
}
